//! Files that hold nothing, or nonsense.

use std::iter;

use crate::{
    BESIDE, EXTRACT, REPOSITORY, SOURCE, laptop, only_good_is_written, printed, support::laptop::github_deployment,
};

#[test]
fn a_bad_file_beside_a_good_one() {
    let known = github_deployment("bad", SOURCE, EXTRACT, REPOSITORY);
    let twice = known.repeat(2);
    let bomb = iter::once("a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned())
        .chain(
            ('b'..='p')
                .zip('a'..)
                .map(|(name, of)| format!("{name}: &{name} [{}]\n", vec![format!("*{of}"); 9].join(","))),
        )
        .collect::<String>();
    let rows: [(&str, Vec<u8>); 12] = [
        (
            "yaml_syntax",
            "apiVersion: v1\nkind: [GitHubDeployment\nmetadata:\n  name: bad\n".into(),
        ),
        (
            "yaml_with_a_tab",
            "apiVersion: v1\nkind: GitHubDeployment\nmetadata:\n\tname: bad\n".into(),
        ),
        (
            "json_syntax",
            "{\"apiVersion\": \"v1\",\n \"kind\" \"GitHubDeployment\"}\n".into(),
        ),
        ("yaml_nested_deeply", "[".repeat(100_000).into()),
        ("yaml_that_grows", bomb.into()),
        ("garbage", garbage()),
        ("not_utf_8", b"apiVersion: v1\nkind: \xff\xfe\n".to_vec()),
        ("not_an_object", "just a sentence\n".into()),
        ("unknown_api_version", known.replace("v1beta1", "v2").into()),
        (
            "unknown_kind",
            known.replace("kind: GitHubDeployment", "kind: GithubDeploymnet").into(),
        ),
        ("without_name", known.replace("name: bad, ", "").into()),
        ("two_of_one_name", twice.into()),
    ];
    for (name, content) in rows {
        let laptop = laptop();
        laptop.write("bad.yaml", content);
        printed(name, &laptop, BESIDE, 1);
        only_good_is_written(name, &laptop);
    }
    let laptop = laptop();
    printed("absent_file_beside_a_good_one", &laptop, BESIDE, 1);
    only_good_is_written("absent file", &laptop);
    laptop.github.clear_journal();
    laptop.write("bad.yaml", "");
    printed("empty_file_beside_a_good_one", &laptop, BESIDE, 1);
    assert_eq!(laptop.writes(), Vec::<String>::new(), "all is reported");
}

#[test]
fn nothing_to_begin_with() {
    let laptop = laptop();
    laptop.write("empty.yaml", "");
    laptop.write("comment.yaml", "# nothing yet\n---\n");
    laptop.write("garbage.yaml", garbage());
    laptop.write("syntax.yaml", "items: [\n");
    laptop.write("folder/notes.txt", "nothing to read");
    for (name, arguments) in [
        ("empty_file", "sync -f empty.yaml --objects objects.yaml"),
        ("only_a_comment", "sync -f comment.yaml --objects objects.yaml"),
        ("absent_file", "sync -f absent.yaml --objects objects.yaml"),
        ("garbage_alone", "sync -f garbage.yaml --objects objects.yaml"),
        ("empty_folder", "sync -f folder --objects objects.yaml"),
        ("empty_standard_input", "sync -f - --objects objects.yaml"),
        ("no_github_deployment", "sync -f objects.yaml --objects objects.yaml"),
        ("empty_objects", "sync -f good.yaml --objects empty.yaml"),
        ("absent_objects", "sync -f good.yaml --objects absent.yaml"),
        ("garbage_as_objects", "sync -f good.yaml --objects garbage.yaml"),
        ("syntax_of_objects", "sync -f good.yaml --objects syntax.yaml"),
        (
            "syntax_of_one_of_the_objects",
            "sync -f good.yaml --objects objects.yaml --objects syntax.yaml",
        ),
        ("health_of_garbage", "status --objects garbage.yaml"),
    ] {
        printed(name, &laptop, arguments, 3);
    }
    printed(
        "health_of_an_absent_object",
        &laptop,
        "status deployment/absent -n shop --objects objects.yaml",
        1,
    );
    assert_eq!(laptop.github.journal(), [], "GitHub is not asked");
}

/// A megabyte that is the same every time and looks like nothing.
fn garbage() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    iter::repeat_with(&mut next).take(1 << 17).flatten().collect()
}
