//! Command lines that make no sense, and how errors are told.

use crate::{
    laptop, printed,
    support::{Run, laptop::transcript},
};

#[test]
fn bad_usage() {
    let laptop = laptop();
    for (name, arguments) in [
        ("no_command", ""),
        ("unknown_command", "snyc"),
        ("unknown_flag", "sync --dryrun"),
        ("object_without_repository", "sync deployment/app"),
        (
            "object_without_name",
            "sync deployment --repo a/b --environment e --ref v1",
        ),
        (
            "object_of_unknown_kind",
            "sync rollout/app --repo a/b --environment e --ref v1",
        ),
        ("duration_without_unit", "sync --interval 60"),
        ("standard_input_twice", "sync -f - --objects -"),
        ("http_address", "sync --github-api http://github.example.com"),
        ("unknown_page", "man snyc"),
    ] {
        printed(name, &laptop, arguments, 2);
    }
    assert_eq!(laptop.github.journal(), [], "GitHub is not asked");
}

#[test]
fn errors_go_to_the_log_where_that_is_json() {
    let laptop = laptop();
    let arguments = "sync -f absent.yaml --objects objects.yaml --log-format json";
    let run = laptop.run(arguments).expect(3);
    for line in run.stderr.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(line["level"], "ERROR", "{line}");
    }
    assert_eq!(run.stderr.lines().count(), 1, "{}", transcript(arguments, &run));
    assert!(run.stderr.contains("absent.yaml cannot be read"), "{}", run.stderr);
}

#[test]
fn a_fault_of_the_machine_is_told_with_its_cause_and_no_more() {
    let laptop = laptop();
    let mut command = laptop.program();
    // What would make a stack trace of every error.
    let run =
        Run::of(
            command
                .env("RUST_BACKTRACE", "1")
                .args(["sync", "-f", "absent.yaml", "--objects", "objects.yaml"]),
        );
    let run = run.expect(3);
    assert_eq!(run.stderr.matches("No such file").count(), 1, "{}", run.stderr);
    assert!(run.stderr.lines().count() <= 2, "{}", run.stderr);
}
