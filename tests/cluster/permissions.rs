//! The program with nothing but the permissions of `manifests/`, and without each of them.

use std::fs;

use serde_json::{Value, json};

use crate::{
    control_plane::{ControlPlane, Request, control_plane, with_input},
    namespace::{Namespace, reported_workload, workload},
    support::{OWNER, Run, eventually, repository_file},
};

/// The kinds that `manifests/` permits to read, and their plurals.
const OBSERVED: [(&str, &str); 7] = [
    ("DaemonSet", "daemonsets"),
    ("Deployment", "deployments"),
    ("ReplicaSet", "replicasets"),
    ("StatefulSet", "statefulsets"),
    ("CronJob", "cronjobs"),
    ("Job", "jobs"),
    ("Pod", "pods"),
];

/// From so many objects of a kind on they are listed.
const MANY: usize = 9;

/// Name of everything in `manifests/`.
const NAME: &str = "kube-status-to-github";

#[test]
fn the_role_of_one_namespace_is_enough_and_not_too_much() {
    let Some(cluster) = control_plane() else { return };
    cluster.kubectl(["create", "namespace", "one-namespace"]);
    // As the file says: the namespace is put into it.
    let folder = tempfile::tempdir().unwrap();
    let manifests = folder.path().join("manifests");
    copy_folder(&repository_file("manifests"), &manifests);
    let kustomization = manifests.join("one-namespace/kustomization.yaml");
    let text = fs::read_to_string(&kustomization).unwrap();
    assert!(text.contains("namespace: default\n"), "{text}");
    fs::write(
        &kustomization,
        text.replace("namespace: default\n", "namespace: one-namespace\n"),
    )
    .unwrap();
    cluster.kubectl(["apply", "-k", manifests.join("one-namespace").to_str().unwrap()]);

    let Some(test) = Namespace::reported_by(cluster, "one-namespace", "one-namespace", NAME) else {
        return;
    };
    each_verb_is_needed(&test, &format!("role/{NAME}"), &[]);
}

#[test]
fn the_manifests_apply_as_they_are_and_the_cluster_role_is_not_too_much() {
    let Some(cluster) = control_plane() else { return };
    cluster.kubectl(["apply", "-k", repository_file("manifests").to_str().unwrap()]);
    pods_are_admitted(cluster);
    cluster.kubectl(["create", "namespace", "all-namespaces"]);
    let Some(test) = Namespace::reported_by(cluster, "all-namespaces", NAME, NAME) else {
        return;
    };
    each_verb_is_needed(&test, &format!("clusterrole/{NAME}"), &["--all-namespaces"]);
}

/// Fails unless the pods of the CronJob and of the Deployment are what the namespace's policy admits.
fn pods_are_admitted(cluster: &ControlPlane) {
    cluster.kubectl(["-n", NAME, "create", "job", "now", &format!("--from=cronjob/{NAME}")]);
    cluster.kubectl([
        "-n",
        NAME,
        "wait",
        "--for=condition=Complete",
        "job/now",
        "--timeout=60s",
    ]);
    cluster.kubectl(["apply", "-k", repository_file("manifests/interval").to_str().unwrap()]);
    let deployment = format!("deployment/{NAME}");
    cluster.kubectl(["-n", NAME, "rollout", "status", &deployment, "--timeout=60s"]);
}

/// One verb on one resource.
#[derive(Clone, Debug)]
struct Permission {
    group: String,
    resource: String,
    /// The only name that it is for.
    name: Option<String>,
    verb: String,
}

/// Runs the program with the whole role, then without each verb in turn.
fn each_verb_is_needed(test: &Namespace, role: &str, scope: &[&str]) {
    declare(test);
    let sync = |case: &str, more: &[&str]| {
        let selector = format!("case={}.{case}", test.name);
        test.audited_sync(&[scope, &["-l", &selector], more].concat())
    };

    let pass = sync("one-of-each", &[]);
    assert_eq!(pass.run.expect(0).stderr, "");
    for (_, plural) in OBSERVED {
        expect_success(test, plural);
        assert_eq!(test.ready(plural).0, "True");
        assert!(!test.events(plural).is_empty());
    }

    let doctor = || {
        let selector = format!("case={}.one-of-each", test.name);
        let arguments = [&["doctor", "-o", "json", "-l", &selector], scope].concat();
        Run::of(test.program().args(arguments))
    };
    // A Role of one namespace does not reach another one.
    let always = missing_permissions(&doctor().expect(0));
    assert!(
        always.iter().all(|message| message.contains("namespaces kube-system")),
        "{always:?}"
    );

    let whole = serde_json::from_str::<Value>(&test.kubectl(["get", role, "-o", "json"])).unwrap()["rules"].clone();
    let permissions = permissions(&whole);
    assert!(permissions.len() > 2 * OBSERVED.len(), "{permissions:?}");
    for permission in &permissions {
        let Permission {
            group, resource, verb, ..
        } = permission;
        set_rules(test, role, &without(&whole, permission));
        await_effect(test, permission, false);
        let mut missing = missing_permissions(&doctor());
        missing.retain(|message| !always.contains(message));
        assert_eq!(missing.len(), 1, "{permission:?}: {missing:?}");
        expect_named(&missing[0], permission);

        let observed = OBSERVED.iter().any(|(_, plural)| plural == resource);
        match (resource.as_str(), verb.as_str()) {
            ("githubdeployments", "list") => {
                let run = sync("one-of-each", &["--dry-run"]).run.expect(3);
                expect_named(&run.stderr, permission);
            }
            ("githubdeployments", "patch") => {
                let run = sync("closing", &[]).run.expect(1);
                expect_named(
                    &run.document()["results"][0]["error"]["message"].to_string(),
                    permission,
                );
                assert!(
                    test.github
                        .deployments(&format!("{OWNER}/closing"), "staging")
                        .is_empty()
                );
            }
            // What a pass shows to people is no part of what it is there for.
            ("githubdeployments/status", "patch") => {
                let run = sync("without-status", &[]).run.expect(0);
                expect_named(&run.stderr, permission);
                expect_success(test, "without-status");
                assert!(test.get("ghd/without-status")["status"].is_null());
                let run = sync("without-status", &["--write-status=false"]).run.expect(0);
                assert_eq!(run.stderr, "");
            }
            ("events", "create") => {
                let run = sync("without-events", &[]).run.expect(0);
                expect_named(&run.stderr, permission);
                expect_success(test, "without-events");
                assert_eq!(test.ready("without-events").0, "True");
                assert_eq!(test.events("without-events"), Vec::<String>::new());
            }
            // Without it the cluster is known by the uid of the GitHubDeployment.
            ("namespaces", "get") => {
                let run = sync("without-cluster", &[]).run.expect(0);
                assert_eq!(run.stderr, "");
                expect_success(test, "without-cluster");
                sync("without-cluster", &[]).expect_silence(1);
            }
            (_, "get") if observed => {
                let document = sync("one-of-each", &["--dry-run"]).run.expect(1).document();
                for result in document["results"].as_array().unwrap() {
                    if result["githubDeployment"]["name"] == *resource {
                        assert_eq!(result["error"]["reason"], "Forbidden", "{result:#}");
                        expect_named(&result["error"]["message"].to_string(), permission);
                    } else {
                        assert_eq!(result["action"], "unchanged", "{result:#}");
                    }
                }
            }
            // Without it the objects are read one by one.
            (_, "list") if observed => {
                let pass = sync(&format!("many-{resource}"), &["--dry-run"]);
                assert_eq!(reads(&pass.kubernetes, "get", resource), MANY, "{resource}");
                assert_gone(&pass.run.expect(1));
            }
            _ => panic!("{verb} {resource} of group {group:?}: nothing needs it"),
        }

        set_rules(test, role, &whole);
        await_effect(test, permission, true);
    }

    for (_, plural) in OBSERVED {
        let pass = sync(&format!("many-{plural}"), &["--dry-run"]);
        assert_eq!(reads(&pass.kubernetes, "list", plural), 1, "{plural}");
        assert_eq!(reads(&pass.kubernetes, "get", plural), 0, "{plural}");
        assert_gone(&pass.run.expect(1));
    }
}

/// Makes workloads, and GitHubDeployments with the label `case`.
fn declare(test: &Namespace) {
    let mut objects = String::new();
    let mut declare = |case: &str, declaration: String| {
        let label = format!("metadata: {{labels: {{case: {}.{case}}}, ", test.name);
        objects += &declaration.replacen("metadata: {", &label, 1);
    };
    for (kind, plural) in OBSERVED {
        declare("one-of-each", reported_workload(kind, plural));
        for number in 0..MANY {
            // Nobody has to make these objects: what is asked for is the question here.
            declare(
                &format!("many-{plural}"),
                reported_workload(kind, &format!("absent-{plural}-{number}")),
            );
        }
    }
    declare(
        "closing",
        reported_workload("Deployment", "closing").replace("spec:\n", "spec:\n  deletionPolicy: Close\n"),
    );
    for name in ["without-status", "without-events", "without-cluster"] {
        declare(name, reported_workload("Deployment", name));
    }
    for (kind, plural) in OBSERVED {
        objects += &workload(kind, plural, "v1", None);
    }
    for name in ["closing", "without-status", "without-events", "without-cluster"] {
        objects += &workload("Deployment", name, "v1", None);
    }
    test.apply(&objects);
    for rollout in [
        "daemonset/daemonsets",
        "statefulset/statefulsets",
        "deployment/deployments",
    ] {
        test.rolled_out(rollout);
    }
    test.kubectl([
        "wait",
        "--for=jsonpath={.status.availableReplicas}=1",
        "replicaset/replicasets",
        "--timeout=60s",
    ]);
    test.kubectl(["wait", "--for=condition=Complete", "job/jobs", "--timeout=60s"]);
    test.kubectl(["wait", "--for=condition=Ready", "pod/pods", "--timeout=60s"]);
    for name in ["closing", "without-status", "without-events", "without-cluster"] {
        test.rolled_out(&format!("deployment/{name}"));
    }
}

/// Fails unless GitHub shows one deployment, with success.
#[track_caller]
fn expect_success(test: &Namespace, repository: &str) {
    let repository = format!("{OWNER}/{repository}");
    assert_eq!(test.github.refs(&repository, "staging"), ["v1"], "{repository}");
    assert_eq!(
        test.github.states(&repository, "staging"),
        [["success"]],
        "{repository}"
    );
}

/// Fails unless the message says which verb on which resource is missing.
#[track_caller]
fn expect_named(message: &str, Permission { resource, verb, .. }: &Permission) {
    assert!(
        message.contains(verb.as_str()) && message.contains(resource.as_str()),
        "{verb} {resource}: {message}"
    );
}

/// What `doctor` misses.
fn missing_permissions(run: &Run) -> Vec<String> {
    let document = run.document();
    let checks = document["checks"].as_array().unwrap().iter();
    let messages = checks.filter_map(|check| check["message"].as_str());
    messages
        .filter(|message| message.starts_with("may not "))
        .map(str::to_owned)
        .collect()
}

/// Fails unless all objects are known not to exist.
#[track_caller]
fn assert_gone(run: &Run) {
    let document = run.document();
    let results = document["results"].as_array().unwrap();
    assert_eq!(results.len(), MANY);
    assert!(
        results
            .iter()
            .all(|result| result["error"]["reason"] == "SourceNotFound"),
        "{document:#}"
    );
}

fn reads(requests: &[Request], verb: &str, resource: &str) -> usize {
    // A list that is not permitted was asked for all the same.
    requests
        .iter()
        .filter(|request| request.what() == format!("{verb} {resource}"))
        .count()
}

/// Every verb of the rules.
fn permissions(rules: &Value) -> Vec<Permission> {
    let texts = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    let mut permissions = Vec::new();
    for rule in rules.as_array().unwrap() {
        for resource in texts(&rule["resources"]) {
            for verb in texts(&rule["verbs"]) {
                permissions.push(Permission {
                    group: texts(&rule["apiGroups"]).remove(0),
                    resource: resource.clone(),
                    name: texts(&rule["resourceNames"]).into_iter().next(),
                    verb,
                });
            }
        }
    }
    permissions
}

/// The rules without one verb on one resource.
fn without(rules: &Value, permission: &Permission) -> Value {
    let mut rules = rules.as_array().unwrap().clone();
    let concerned = |rule: &Value| {
        rule["apiGroups"][0] == permission.group
            && rule["resources"]
                .as_array()
                .unwrap()
                .contains(&json!(permission.resource))
    };
    let position = rules.iter().position(concerned).unwrap();
    let mut rest = rules[position].clone();
    rest["resources"] = json!([permission.resource]);
    let remove = |list: &mut Value, text: &str| list.as_array_mut().unwrap().retain(|item| item != text);
    remove(&mut rest["verbs"], &permission.verb);
    remove(&mut rules[position]["resources"], &permission.resource);
    rules.push(rest);
    rules.retain(|rule| rule["resources"] != json!([]) && rule["verbs"] != json!([]));
    Value::Array(rules)
}

fn set_rules(test: &Namespace, role: &str, rules: &Value) {
    test.kubectl([
        "patch",
        role,
        "--type=merge",
        "--patch",
        &json!({ "rules": rules }).to_string(),
    ]);
}

/// The API server hears of a changed role a moment later.
fn await_effect(test: &Namespace, permission: &Permission, allowed: bool) {
    let Permission {
        group,
        resource,
        name,
        verb,
    } = permission;
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let attributes = json!({
        "verb": verb, "group": group, "resource": resource, "subresource": subresource,
        "name": name.as_deref().unwrap_or_default(),
        "namespace": if resource == "namespaces" { "" } else { test.name.as_str() },
    });
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": { "user": test.user, "resourceAttributes": attributes },
    });
    eventually(&format!("{permission:?} is {allowed}"), || {
        let mut command = test.kubectl_command(["create", "-o", "jsonpath={.status.allowed}", "-f", "-"]);
        let output = with_input(&mut command, &review.to_string());
        assert!(output.status.success(), "{output:?}");
        (output.stdout == allowed.to_string().as_bytes()).then_some(())
    });
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
