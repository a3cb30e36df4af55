//! What becomes of a Deployment: rollouts that fail, go back, scale, and end.

use crate::{
    namespace::{Namespace, deployment, github_deployment, reported_deployment},
    support::OWNER,
};

#[test]
fn a_rollout_beyond_its_deadline_fails_and_a_rollback_is_a_new_deployment() {
    let Some(test) = Namespace::create("failing-rollout") else {
        return;
    };
    let repository = format!("{OWNER}/web");
    test.apply(&deployment("web", "v1", None));
    test.apply(&reported_deployment("web"));
    test.rolled_out("deployment/web");
    test.sync(&[]).expect(0);
    assert_eq!(test.github.refs(&repository, "staging"), ["v1"]);
    assert_eq!(test.github.states(&repository, "staging"), [vec!["success"]]);

    test.apply(&deployment("web", "v2", Some("never-ready")));
    test.sync(&["--details", "full"]).expect(0);
    assert_eq!(test.github.refs(&repository, "staging"), ["v1", "v2"]);
    assert_eq!(
        test.github.states(&repository, "staging"),
        [vec!["success"], vec!["in_progress"]]
    );

    test.kubectl([
        "patch",
        "deployment/web",
        "--patch",
        r#"{"spec": {"progressDeadlineSeconds": 1}}"#,
    ]);
    test.kubectl([
        "wait",
        "--for=condition=Progressing=False",
        "deployment/web",
        "--timeout=60s",
    ]);
    let document = test.sync(&["--details", "full"]).expect(0).document();
    assert_eq!(document["results"][0]["health"]["status"], "Failed", "{document:#}");
    assert_eq!(
        test.github.states(&repository, "staging"),
        [vec!["success"], vec!["in_progress", "failure"]]
    );
    let failure = test.github.deployments(&repository, "staging")[1].statuses[1].clone();
    assert_eq!(
        failure.description,
        "container web is not ready; Progress deadline exceeded"
    );
    test.audited_sync(&[]).expect_silence(1);

    test.kubectl([
        "patch",
        "deployment/web",
        "--patch",
        r#"{"spec": {"progressDeadlineSeconds": 600}}"#,
    ]);
    test.kubectl(["rollout", "undo", "deployment/web"]);
    // For a moment the new rollout shows the deadline of the one before, and kubectl takes it for its own.
    test.kubectl([
        "wait",
        "--for=condition=Progressing=True",
        "deployment/web",
        "--timeout=60s",
    ]);
    test.rolled_out("deployment/web");
    let document = test.sync(&[]).expect(0).document();
    assert_eq!(document["results"][0]["rule"], "moved", "{document:#}");
    assert_eq!(test.github.refs(&repository, "staging"), ["v1", "v2", "v1"]);
    assert_eq!(
        test.github.states(&repository, "staging"),
        [
            vec!["success", "inactive"],
            vec!["in_progress", "failure"],
            vec!["success"]
        ]
    );
    test.audited_sync(&[]).expect_silence(1);
}

#[test]
fn scaling_is_no_rollout() {
    let Some(test) = Namespace::create("scaling") else {
        return;
    };
    let repository = format!("{OWNER}/web");
    test.apply(&deployment("web", "v1", None));
    test.apply(&reported_deployment("web"));
    test.rolled_out("deployment/web");
    test.sync(&[]).expect(0);

    for replicas in ["0", "3"] {
        test.kubectl(["scale", "deployment/web", &format!("--replicas={replicas}")]);
        test.rolled_out("deployment/web");
        let document = test.sync(&[]).expect(0).document();
        assert_eq!(document["results"][0]["health"]["status"], "Current", "{document:#}");
        assert_eq!(document["results"][0]["action"], "unchanged", "{document:#}");
        assert_eq!(
            test.github.states(&repository, "staging"),
            [["success"]],
            "{replicas} replicas"
        );
    }
}

#[test]
fn a_deleted_source_ends_what_is_unfinished_and_what_is_transient() {
    let Some(test) = Namespace::create("deleted-source") else {
        return;
    };
    let repository = |name| format!("{OWNER}/{name}");
    // Name, behaviour, fields of the repository, and what GitHub shows before and after the deletion.
    let rows = [
        ("finished", None, "", vec!["success"], vec!["success"]),
        (
            "unfinished",
            Some("never-ready"),
            "",
            vec!["in_progress"],
            vec!["in_progress", "inactive"],
        ),
        (
            "preview",
            None,
            ", transient: true",
            vec!["success"],
            vec!["success", "inactive"],
        ),
    ];
    for (name, behaviour, fields, ..) in &rows {
        test.apply(&deployment(name, "v1", *behaviour));
        test.apply(&github_deployment(
            name,
            &format!("{{kind: Deployment, name: {name}}}"),
            &format!("{{containerName: {name}}}"),
            &format!("{{name: {name}, environment: staging{fields}}}"),
        ));
    }
    test.rolled_out("deployment/finished");
    test.rolled_out("deployment/preview");
    test.pods_run("unfinished");
    test.sync(&[]).expect(0);
    for (name, _, _, before, _) in &rows {
        assert_eq!(
            test.github.states(&repository(name), "staging"),
            [before.as_slice()],
            "{name}"
        );
    }

    test.kubectl(["delete", "deployment", "--all", "--wait"]);
    test.sync(&[]).expect(1);
    for (name, _, _, _, after) in &rows {
        assert_eq!(
            test.github.states(&repository(name), "staging"),
            [after.as_slice()],
            "{name}"
        );
        assert_eq!(
            test.ready(name),
            ("False".to_owned(), "SourceNotFound".to_owned()),
            "{name}"
        );
    }
    test.audited_sync(&[]).expect_silence(1);
}
