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
            "sync rollout/app --repo a/b --environment e --ref v1 --objects objects.yaml",
        ),
        (
            "object_among_names",
            "sync deployment/app web --repo a/b --environment e --ref v1",
        ),
        (
            "object_with_name_and_labels",
            "sync deployment web -l app=web --repo a/b --environment e --ref v1",
        ),
        (
            "object_everywhere",
            "sync deployment/web -A --repo a/b --environment e --ref v1",
        ),
        ("objects_without_repository", "sync deployment web api"),
        (
            "labels_not_legal",
            "sync deployment -l a=b=c --repo a/b --environment e --ref v1 --objects objects.yaml",
        ),
        (
            "regexp_from_flags",
            "sync deployment/web --repo a/b --environment e --container web --regexp x( --objects objects.yaml",
        ),
        ("timeout_without_wait", "sync --timeout 5m"),
        (
            "print_config_of_a_given_ref",
            "sync deployment/web --repo a/b --environment e --ref v1 --print-config",
        ),
        ("config_file_absent", "sync --config absent.yaml"),
        ("duration_without_unit", "sync --interval 60"),
        ("standard_input_twice", "sync -f - --objects -"),
        ("http_address", "sync --github-api http://github.example.com"),
        ("unknown_page", "man snyc"),
    ] {
        printed(name, &laptop, arguments, 2);
    }
    assert_eq!(laptop.github.journal(), [], "GitHub is not asked");
}

/// What is not text is no reason to say that a variable is not set.
#[cfg(unix)]
#[test]
fn variables_that_are_not_text() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let laptop = laptop();
    for (variable, code, expected) in [
        ("GITHUB_TOKEN", 3, "GITHUB_TOKEN holds a character that no token has"),
        ("GH_TOKEN", 3, "GH_TOKEN holds a character that no token has"),
        (
            "GITHUB_APP_PRIVATE_KEY",
            3,
            "GITHUB_APP_PRIVATE_KEY is not a private key in PEM form",
        ),
        ("GITHUB_API_URL", 2, "\u{fffd}"),
    ] {
        let mut command = laptop.program();
        for name in ["GITHUB_TOKEN", "GH_TOKEN", "GITHUB_API", "GITHUB_API_URL"] {
            command.env_remove(name);
        }
        if variable == "GITHUB_API_URL" {
            command.env("GITHUB_TOKEN", "t");
        }
        command.env(variable, OsStr::from_bytes(b"h\xffttp"));
        let run = Run::of(command.args(["sync", "--objects", "objects.yaml"])).expect(code);
        assert!(run.stderr.contains(expected), "{variable}: {}", run.stderr);
    }
}

#[test]
fn bad_configuration_files() {
    let laptop = laptop();
    for (name, settings) in [
        ("config_file_unknown_key", "output: wide\ntimeuot: 5m\n"),
        ("config_file_unknown_value", "output: tabel\n"),
        ("config_file_wrong_type", "deployments:\n  name: web\n"),
        (
            "config_file_of_objects",
            "apiVersion: github.decathlon.com/v1beta1\nkind: GitHubDeployment\n",
        ),
        ("config_file_of_text", "wide\n"),
        ("config_file_syntax", "output: [wide\n"),
        ("config_file_with_an_address", "githubApi: https://github.example.com\n"),
        ("config_file_with_a_kubeconfig", "output: wide\nkubeconfig: ../config\n"),
        ("config_file_with_an_allow_list", "repositoryAllow: ['*/*']\n"),
    ] {
        laptop.write(".kube-status-to-github.yaml", settings);
        printed(name, &laptop, "sync --objects objects.yaml", 2);
    }
    assert_eq!(laptop.github.journal(), [], "GitHub is not asked");

    let deployment = |name: &str, repository: &str| {
        format!(
            "- metadata: {{{name}}}\n  spec: {{sourceRef: {{kind: Deployment, name: web}}, repository: {repository}}}\n"
        )
    };
    let deployments = [
        deployment("name: good", "{environment: staging}"),
        deployment("name: misspelt", "{enviroment: staging}"),
        deployment("", "{environment: staging}"),
        deployment("name: twice", "{environment: staging}"),
        deployment("name: twice", "{environment: production}"),
        "- web\n".to_owned(),
    ];
    let settings = format!(
        "repo: octo-org/web\ncontainer: web\nnamespace: shop\ndeployments:\n{}",
        deployments.concat()
    );
    laptop.write(".kube-status-to-github.yaml", settings);
    printed(
        "config_file_with_bad_deployments",
        &laptop,
        "sync --objects objects.yaml",
        1,
    );
    crate::only_good_is_written("config file", &laptop);
}

#[test]
fn errors_go_to_the_log_where_that_is_json() {
    let laptop = laptop();
    for (arguments, code) in [
        ("sync -f absent.yaml --objects objects.yaml --log-format json", 3),
        ("status -f objects.yaml -f absent.yaml --log-format json", 1),
        (
            "extract -f objects.yaml -f absent.yaml --container app --log-format json",
            1,
        ),
    ] {
        let run = laptop.run(arguments).expect(code);
        for line in run.stderr.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert_eq!(line["level"], "ERROR", "{line}");
        }
        assert_eq!(run.stderr.lines().count(), 1, "{}", transcript(arguments, &run));
        assert!(run.stderr.contains("absent.yaml cannot be read"), "{}", run.stderr);
    }
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
