use serde_json::json;

use super::*;

const COMMIT_ID: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn refs_are_resolved() {
    let full = COMMIT_ID;
    let commit = || json!({ "__typename": "Commit", "oid": full });
    let tag = || json!({ "__typename": "Tag", "oid": "f".repeat(40), "target": { "__typename": "Tag", "oid": "e".repeat(40), "target": commit() } });
    let at = |object: Value| json!({ "target": object });
    let other = || json!({ "__typename": "Commit", "oid": "9".repeat(40) });
    let tree = || json!({ "__typename": "Tree", "oid": full });
    let none = || Value::Null;
    let found = |git_ref: &str, commit: &str, movable| ResolvedRef::Found {
        git_ref: GitRef::new(git_ref),
        commit: Some(commit.to_owned()),
        movable,
    };
    let rows = [
        (
            "branch",
            "main",
            commit(),
            none(),
            at(commit()),
            found("main", full, true),
        ),
        (
            "annotated tag of a tag",
            "v1",
            tag(),
            at(tag()),
            none(),
            found("v1", full, true),
        ),
        (
            "with prefix",
            "refs/heads/main",
            commit(),
            none(),
            at(commit()),
            found("main", full, true),
        ),
        (
            "prefix of a tag, but a branch",
            "refs/tags/main",
            none(),
            none(),
            at(commit()),
            ResolvedRef::NotFound,
        ),
        ("full commit", full, commit(), none(), none(), found(full, full, false)),
        (
            "short commit",
            &full[..7],
            commit(),
            none(),
            none(),
            found(full, full, false),
        ),
        (
            "short commit in capitals",
            "0123456789ABC",
            commit(),
            none(),
            none(),
            found(full, full, false),
        ),
        (
            "short commit that is a branch",
            &full[..7],
            commit(),
            none(),
            at(other()),
            found(&full[..7], &"9".repeat(40), true),
        ),
        (
            "hex of an object that is no commit",
            &full[..7],
            tree(),
            none(),
            none(),
            ResolvedRef::NotFound,
        ),
        (
            "id of a tag object",
            &"f".repeat(40),
            tag(),
            none(),
            none(),
            ResolvedRef::NotFound,
        ),
        (
            "too short for a commit",
            "012345",
            commit(),
            none(),
            none(),
            ResolvedRef::NotFound,
        ),
        (
            "git describe",
            "v1-2-g0123456",
            commit(),
            none(),
            none(),
            ResolvedRef::NotFound,
        ),
        (
            "pull request",
            "refs/pull/1/merge",
            commit(),
            none(),
            none(),
            found("refs/pull/1/merge", full, false),
        ),
        ("tag of a tree", "v1", tree(), at(tree()), none(), ResolvedRef::NotFound),
        ("nothing", "v2", none(), none(), none(), ResolvedRef::NotFound),
    ];
    for (name, text, object, tag, branch, expected) in rows {
        let resolved = resolved(text, GitRef::new(text), super::commit(&object), [&tag, &branch]);
        assert_eq!(resolved, expected, "{name}");
    }
}
