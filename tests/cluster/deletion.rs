//! `deletionPolicy: Close`: what a deleted GitHubDeployment leaves on GitHub.

use std::process::Stdio;

use crate::{
    namespace::{Namespace, deployment, reported_deployment},
    support::{OWNER, eventually},
};

fn closed_with_its_object(name: &str) -> String {
    reported_deployment(name).replace("spec:\n", "spec:\n  deletionPolicy: Close\n")
}

#[test]
fn a_deletion_waits_until_the_deployments_are_inactive() {
    let Some(test) = Namespace::create("deletion-policy") else {
        return;
    };
    for name in ["preview", "kept"] {
        test.apply(&deployment(name, "v1", None));
        test.rolled_out(&format!("deployment/{name}"));
    }
    test.apply(&closed_with_its_object("preview"));
    test.apply(&reported_deployment("kept"));
    test.sync(&[]).expect(0);
    test.audited_sync(&[]).expect_silence(1);

    test.kubectl(["delete", "ghd", "kept", "--timeout=60s"]);
    let mut deletion = test.kubectl_command(["delete", "ghd", "preview", "--timeout=60s"]);
    let mut deletion = deletion.stdout(Stdio::null()).spawn().unwrap();
    eventually("the deletion has begun", || {
        test.get("ghd/preview")["metadata"]["deletionTimestamp"]
            .is_string()
            .then_some(())
    });
    assert!(deletion.try_wait().unwrap().is_none(), "kubectl waits");
    assert_eq!(
        test.github.states(&format!("{OWNER}/preview"), "staging"),
        [["success"]]
    );

    test.sync(&[]).expect(0);
    assert!(deletion.wait().unwrap().success());
    assert_eq!(test.kubectl(["get", "ghd", "-o", "name"]), "");
    assert_eq!(
        test.github.states(&format!("{OWNER}/preview"), "staging"),
        [["success", "inactive"]]
    );
    assert_eq!(test.github.states(&format!("{OWNER}/kept"), "staging"), [["success"]]);
}

#[test]
fn a_deleted_namespace_ends_with_the_next_pass() {
    let Some(test) = Namespace::create("preview-12") else {
        return;
    };
    let repository = format!("{OWNER}/web");
    test.apply(&deployment("web", "v1", None));
    test.apply(&closed_with_its_object("web"));
    test.rolled_out("deployment/web");
    test.sync(&[]).expect(0);
    assert_eq!(test.github.states(&repository, "staging"), [["success"]]);

    test.kubectl(["delete", "namespace", &test.name, "--wait=false"]);
    eventually("everything else is gone", || {
        test.kubectl(["get", "deployments,pods", "-o", "name"])
            .is_empty()
            .then_some(())
    });
    // The namespace is emptied kind by kind, in an order that nobody promises.
    eventually("the deletion of the object has begun", || {
        test.get("ghd/web")["metadata"]["deletionTimestamp"]
            .is_string()
            .then_some(())
    });
    test.sync(&[]).expect(0);
    assert_eq!(test.github.states(&repository, "staging"), [["success", "inactive"]]);
    test.kubectl([
        "wait",
        "--for=delete",
        &format!("namespace/{}", test.name),
        "--timeout=60s",
    ]);
}
