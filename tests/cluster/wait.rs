//! `sync --wait`: a rollout is followed from the change of the object to its end.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    control_plane::RUNNERS,
    namespace::{Namespace, deployment, reported_deployment},
    support::{OWNER, Run, eventually},
};

const ENVIRONMENT: &str = "staging";

fn repository() -> String {
    format!("{OWNER}/web")
}

/// `sync` of Deployment `web` from flags until it is final, with further arguments.
fn sync(test: &Namespace, further: &[&str]) -> Command {
    let mut command = test.program();
    command
        .args(["sync", "deployment/web", "--repo", "web", "--environment", ENVIRONMENT])
        .args(["--container", "web", "--details", "full", "--wait"])
        .args(further)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn ended(child: Child) -> Run {
    child.wait_with_output().unwrap().into()
}

/// Ref and states of every deployment.
fn history(test: &Namespace) -> Vec<String> {
    let deployments = test.github.deployments(&repository(), ENVIRONMENT);
    let one = |deployment: &github_emulator::DeploymentView| {
        format!("{}: {}", deployment.git_ref, deployment.states().join(" "))
    };
    deployments.iter().map(one).collect()
}

fn eventually_shows(test: &Namespace, expected: &[&str]) {
    eventually(&format!("GitHub shows {expected:?}"), || {
        (history(test) == expected).then_some(())
    });
}

/// Description of the newest status.
fn description(test: &Namespace) -> String {
    let newest = test.github.deployments(&repository(), ENVIRONMENT).pop().unwrap();
    newest.statuses.last().unwrap().description.clone()
}

#[test]
fn a_rollout_is_followed_to_its_success() {
    let Some(test) = Namespace::create("wait-success") else {
        return;
    };
    test.apply(&deployment("web", "v1", None));
    test.rolled_out("deployment/web");
    test.apply(&deployment("web", "v2", Some("never-ready")));
    let from = test.cluster.audit_mark();
    let child = sync(&test, &["--timeout", "60s"]).spawn().unwrap();
    eventually_shows(&test, &["v2: in_progress"]);
    eventually("the new pod is there", || {
        let pods = test.kubectl(["get", "pods", "-o", "name"]);
        (pods.lines().count() == 2).then_some(())
    });
    test.heal("web");
    let run = ended(child).expect(0);
    assert_eq!(history(&test), ["v2: in_progress success"]);
    let last = run.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("deployment/web: success after "), "{}", run.stderr);
    let requests = test.cluster.requests(&test.user, from, test.cluster.audit_mark());
    assert!(
        requests.iter().any(|request| request.what() == "watch deployments"),
        "{requests:?}"
    );
    test.github.clear_journal();
    ended(sync(&test, &[]).spawn().unwrap()).expect(0);
    assert!(
        test.github.journal().iter().all(|entry| !entry.is_write()),
        "final stays final"
    );
}

#[test]
fn without_permission_to_watch_the_object_is_polled() {
    let Some(test) = Namespace::without_permissions("wait-polling") else {
        return;
    };
    test.apply(&deployment("web", "v1", Some("never-ready")));
    test.kubectl(["create", "role", "reader", "--verb=get", "--resource=deployments.apps"]);
    let account = format!("--serviceaccount={RUNNERS}:{}", test.name);
    test.kubectl(["create", "rolebinding", "reader", "--role=reader", &account]);
    eventually("the role is known", || {
        let look = Run::of(test.program().args(["status", "deployment/web"]));
        (look.code == 0).then_some(())
    });
    let child = sync(&test, &["--timeout", "60s"]).spawn().unwrap();
    eventually_shows(&test, &["v1: in_progress"]);
    test.heal("web");
    let run = ended(child).expect(0);
    assert_eq!(history(&test), ["v1: in_progress success"]);
    assert!(!run.stderr.contains("watch"), "{}", run.stderr);
}

#[test]
fn an_image_that_does_not_exist_fails_fast() {
    let Some(test) = Namespace::create("wait-no-image") else {
        return;
    };
    test.apply(&deployment("web", "v1", None));
    test.rolled_out("deployment/web");
    test.apply(&deployment("web", "v2", Some("image-pull-backoff")));
    let begun = Instant::now();
    let run = ended(sync(&test, &["--fail-fast"]).spawn().unwrap()).expect(4);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let cause = "ImagePullBackOff: image registry.example.com:5000/web:v2 not found";
    let last = history(&test).pop().unwrap();
    assert!(
        ["v2: failure", "v2: in_progress failure"].contains(&last.as_str()),
        "{last}"
    );
    assert!(description(&test).starts_with(cause), "{}", description(&test));
    let last = run.stderr.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("deployment/web: failure after ") && last.contains(cause),
        "{last}"
    );
}

#[test]
fn what_has_no_room_fails_once_it_had_its_time() {
    let resources = "image: 'registry.example.com:5000/web:v1', resources: {requests: {cpu: 1000}}";
    let too_large =
        deployment("web", "v1", Some("never-ready")).replace("image: 'registry.example.com:5000/web:v1'", resources);
    let quota = "{apiVersion: v1, kind: ResourceQuota, metadata: {name: small}, spec: {hard: {pods: 0}}}\n---\n";
    let rows = [
        ("wait-no-node", too_large, "unschedulable: 0/2 nodes are available: "),
        (
            "wait-quota",
            format!("{quota}{}", deployment("web", "v1", None)),
            "FailedCreate: exceeded quota: small",
        ),
    ];
    let mut running = Vec::new();
    for (name, objects, cause) in rows {
        let Some(test) = Namespace::create(name) else { return };
        test.apply(&objects);
        let child = sync(&test, &["--fail-fast", "--timeout", "90s"]).spawn().unwrap();
        running.push((test, child, cause));
    }
    for (test, child, cause) in running {
        let begun = Instant::now();
        ended(child).expect(4);
        assert!(
            begun.elapsed() < Duration::from_secs(45),
            "{cause}: {:?}",
            begun.elapsed()
        );
        assert_eq!(history(&test), ["v1: in_progress failure"], "{cause}");
        assert!(description(&test).starts_with(cause), "{}", description(&test));
    }
}

#[test]
fn what_never_gets_ready_times_out() {
    let rows: [(&[&str], &str); 2] = [
        (&[], "v1: in_progress"),
        (&["--timeout-state", "failure"], "v1: in_progress failure"),
    ];
    for (number, (further, expected)) in rows.into_iter().enumerate() {
        let Some(test) = Namespace::create(&format!("wait-in-vain-{number}")) else {
            return;
        };
        test.apply(&deployment("web", "v1", Some("never-ready")));
        let begun = Instant::now();
        let arguments = [&["--timeout", "4s"], further].concat();
        ended(sync(&test, &arguments).spawn().unwrap()).expect(5);
        let took = begun.elapsed();
        assert!(
            (Duration::from_secs(4)..Duration::from_secs(12)).contains(&took),
            "{took:?}"
        );
        assert_eq!(history(&test), [expected]);
    }
}

#[test]
fn an_interrupt_leaves_github_true() {
    let Some(test) = Namespace::create("wait-interrupted") else {
        return;
    };
    test.apply(&deployment("web", "v1", Some("never-ready")));
    let child = sync(&test, &[]).spawn().unwrap();
    eventually_shows(&test, &["v1: in_progress"]);
    crate::control_plane::signal("INT", child.id());
    let run = ended(child).expect(130);
    assert!(run.stderr.contains("deployment/web: stopped after "), "{}", run.stderr);
    assert_eq!(history(&test), ["v1: in_progress"]);
    // The next run goes on where this one stopped.
    test.heal("web");
    ended(sync(&test, &[]).spawn().unwrap()).expect(0);
    assert_eq!(history(&test), ["v1: in_progress success"]);
}

#[test]
fn another_rollout_supersedes_the_one_of_a_given_ref() {
    let Some(test) = Namespace::create("wait-superseded") else {
        return;
    };
    test.apply(&deployment("web", "v1", Some("never-ready")));
    let mut command = test.program();
    let child = command
        .args(["sync", "deployment/web", "--repo", "web", "--environment", ENVIRONMENT])
        .args(["--ref", "v7", "--wait"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually_shows(&test, &["v7: in_progress"]);
    test.apply(&deployment("web", "v2", None));
    let run = ended(child).expect(4);
    assert!(run.stderr.contains("another rollout took the place"), "{}", run.stderr);
    assert_eq!(history(&test), ["v7: in_progress"]);
}

#[test]
fn a_generation_is_waited_for() {
    let Some(test) = Namespace::create("wait-generation") else {
        return;
    };
    test.apply(&deployment("web", "v1", None));
    test.rolled_out("deployment/web");
    let generation: i64 = test
        .kubectl(["get", "deployment/web", "-o", "jsonpath={.metadata.generation}"])
        .parse()
        .unwrap();
    let next = (generation + 1).to_string();
    let child = sync(&test, &["--generation", &next]).spawn().unwrap();
    let from = test.cluster.audit_mark();
    eventually("the object was looked at", || {
        let requests = test.cluster.requests(&test.user, from, test.cluster.audit_mark());
        requests
            .iter()
            .any(|request| request.what() == "get deployments")
            .then_some(())
    });
    assert_eq!(history(&test), Vec::<String>::new());
    test.apply(&deployment("web", "v2", None));
    ended(child).expect(0);
    let history = history(&test);
    assert_eq!(history.len(), 1, "{history:?}");
    assert!(
        history[0].starts_with("v2: ") && history[0].ends_with("success"),
        "{history:?}"
    );
}

/// Rounds of as many services: the program runs once for each of both.
const ROUNDS: usize = 10;
const SERVICES: usize = 20;

#[test]
fn a_check_right_after_a_change_never_tells_the_rollout_before() {
    let Some(test) = Namespace::create("wait-right-after") else {
        return;
    };
    let names: Vec<String> = (1..=SERVICES).map(|number| format!("web-{number}")).collect();
    let apply = |tag: &str| {
        let objects: String = names.iter().map(|name| deployment(name, tag, None)).collect();
        test.apply(&objects);
    };
    test.apply(&names.iter().map(|name| reported_deployment(name)).collect::<String>());
    apply("v0");
    for round in 1..=ROUNDS {
        for name in &names {
            test.rolled_out(&format!("deployment/{name}"));
        }
        let tag = format!("v{round}");
        let stopped = test.cluster.stop_controllers();
        apply(&tag);
        for name in &names {
            let arguments = [
                "-o",
                "json",
                "--repo",
                name,
                "--environment",
                ENVIRONMENT,
                "--container",
                name,
            ];
            let object = format!("deployment/{name}");
            let run = Run::of(test.program().args(["sync", &object]).args(arguments)).expect(0);
            let result = &run.document()["results"][0];
            assert_eq!(result["ref"], tag, "{result:#}");
            assert_eq!(result["state"], "in_progress", "{result:#}");
            let deployments = test.github.deployments(&format!("{OWNER}/{name}"), ENVIRONMENT);
            let newest = deployments.last().unwrap();
            assert_eq!(
                (newest.git_ref.as_str(), newest.states()),
                (tag.as_str(), vec!["in_progress"])
            );
        }
        drop(stopped);
    }
}
