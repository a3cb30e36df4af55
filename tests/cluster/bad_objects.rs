//! Objects that the API server refuses, and those that only a pass can refuse: they never stop the others.

use std::fs;

use serde_json::Value;

use crate::{
    control_plane::with_input,
    namespace::{Namespace, deployment, github_deployment, reported_deployment},
    support::{GitHub, OWNER},
};

/// A GitHubDeployment `name` of the Deployment `web`, in which one part of the spec is something else.
fn with(name: &str, part: &str, value: &str) -> String {
    let or = |own: &str, usual: &str| {
        if part == own {
            value.to_owned()
        } else {
            usual.to_owned()
        }
    };
    let declared = github_deployment(
        name,
        &or("sourceRef", "{kind: Deployment, name: web}"),
        &or("extract", "{containerName: web}"),
        &or("repository", "{name: web, environment: staging}"),
    );
    declared.replace(
        "spec:\n",
        &format!("spec:\n  deletionPolicy: {}\n", or("deletionPolicy", "Leave")),
    )
}

#[test]
fn the_api_server_says_what_to_write() {
    let Some(test) = Namespace::create("refused") else {
        return;
    };
    let long_name = format!("{{name: web, environment: {}}}", "e".repeat(256));
    let long_path = format!("{{jsonPath: $.{}}}", "x".repeat(511));
    // Name, what is bad, and what the API server says.
    #[rustfmt::skip]
    let rows = [
        ("neither container nor path", "extract", "{regexp: '(.*)'}", "write spec.extract.containerName"),
        ("an empty path is none", "extract", "{jsonPath: ''}", "write spec.extract.containerName"),
        ("long path", "extract", &long_path, "may not be more than 512"),
        ("empty environment", "repository", "{name: web, environment: ''}", "write the name of a GitHub environment"),
        ("long environment", "repository", &long_name, "may not be more than 255"),
        ("address as repository", "repository", "{name: 'https://github.com/a/b', environment: s}", "write owner/repository"),
        ("three parts as repository", "repository", "{name: a/b/c, environment: s}", "write owner/repository"),
        ("misspelt field", "repository", "{name: web, environment: s, logURL: x}", "unknown field \"spec.repository.logURL\""),
        ("wrong type", "repository", "{name: web, environment: s, transient: often}", "spec.repository.transient"),
        ("secret", "sourceRef", "{apiVersion: v1, kind: Secret, name: web}", "a Secret is never read"),
        ("secret without version", "sourceRef", "{kind: Secret, name: web}", "a Secret is never read"),
        ("no kind", "sourceRef", "{name: web}", "spec.sourceRef.kind: Required value"),
        ("policy", "deletionPolicy", "Delete", "supported values: \"Leave\", \"Close\""),
    ];
    for (name, part, value, message) in rows {
        let mut command = test.kubectl_command(["apply", "-f", "-"]);
        let output = with_input(&mut command, &with("web", part, value));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{name} is accepted");
        assert!(error.contains(message), "{name}: {error}");
    }
    assert_eq!(
        test.kubectl(["get", "ghd", "-o", "name"]),
        "",
        "nothing of it is stored"
    );
}

#[test]
fn bad_objects_do_not_stop_the_others() {
    let Some(mut test) = Namespace::create("bad-objects") else {
        return;
    };
    test.github = GitHub::empty();
    test.github.add_repository(&format!("{OWNER}/web")).tag("v1");
    test.apply(&deployment("web", "v1", None));
    test.apply(&deployment("untagged", "v1", None).replace(":v1'", "'"));
    test.apply(&deployment("newer", "v2", None));
    // Name, what is bad, and what becomes of it: the reason, and a part of the message.
    #[rustfmt::skip]
    let rows = [
        ("absent", "sourceRef", "{kind: Deployment, name: absent}", "SourceNotFound", "Deployment bad-objects/absent"),
        ("kind", "sourceRef", "{apiVersion: example.com/v1, kind: Gadget, name: web}", "KindUnknown", "example.com/v1"),
        ("misspelt-kind", "sourceRef", "{apiVersion: apps/v1, kind: Deploymet, name: web}", "KindUnknown", "`Deployment`"),
        ("container", "extract", "{containerName: wbe}", "ContainerNotFound", "web"),
        ("path", "extract", "{jsonPath: '$.spec.['}", "JsonPathInvalid", "$.spec.["),
        ("path-to-nothing", "extract", "{jsonPath: $.spec.absent}", "JsonPathNoMatch", "$.spec.absent"),
        ("regexp", "extract", "{containerName: web, regexp: 'x('}", "RegexpInvalid", "x("),
        ("regexp-of-other", "extract", "{containerName: web, regexp: 'x(.*)'}", "RegexpNoMatch", "v1"),
        ("illegal-ref", "extract", "{containerName: web, template: 'a..{}'}", "RefInvalid", "a..v1"),
        ("repository", "repository", "{name: absent, environment: staging}", "RepositoryNotFound", "octo-org/absent"),
    ]
    .map(|(name, part, value, reason, message)| (name, with(name, part, value), reason, message));
    let others = [
        ("untagged", reported_in_web("untagged"), "ImageWithoutTag", "untagged"),
        ("newer", reported_in_web("newer"), "RefNotFound", "v2"),
    ];
    let rows: Vec<_> = rows.into_iter().chain(others).collect();
    test.apply(&rows.iter().map(|(_, object, ..)| object.as_str()).collect::<String>());
    test.apply(&reported_deployment("web"));
    test.rolled_out("deployment/web");

    let document = test.sync(&[]).expect(1).document();
    for (name, _, reason, message) in &rows {
        let result = result(&document, name);
        assert_eq!(result["action"], "fail", "{result:#}");
        assert_eq!(result["error"]["reason"], *reason, "{result:#}");
        assert!(
            result["error"]["message"].as_str().unwrap().contains(message),
            "{result:#}"
        );
        assert_eq!(test.ready(name), ("False".to_owned(), (*reason).to_owned()), "{name}");
        let events = test.events(name);
        assert!(
            events.iter().any(|event| event.starts_with(&format!("{reason}: "))),
            "{name}: {events:?}"
        );
    }
    assert_eq!(result(&document, "web")["action"], "create", "{document:#}");
    assert_eq!(test.ready("web").0, "True");
    assert_eq!(test.github.refs(&format!("{OWNER}/web"), "staging"), ["v1"]);
    assert_eq!(test.github.states(&format!("{OWNER}/web"), "staging"), [["success"]]);

    let pass = test.audited_sync(&["--exit-zero"]);
    pass.expect_silence(1);
    let document = pass.run.expect(0).document();
    assert_eq!(document["summary"]["fail"], rows.len(), "{document:#}");
    assert_eq!(result(&document, "web")["action"], "unchanged", "{document:#}");
}

#[test]
fn a_secret_from_a_file_is_not_asked_for() {
    let Some(test) = Namespace::create("secret-source") else {
        return;
    };
    test.apply(&deployment("web", "v1", None));
    test.kubectl(["create", "secret", "generic", "web", "--from-literal=token=hidden"]);
    test.rolled_out("deployment/web");
    let file = test.home.path().join("declared.yaml");
    let secret = github_deployment(
        "secret",
        "{apiVersion: v1, kind: Secret, name: web}",
        "{jsonPath: $.data.token}",
        "{name: web, environment: staging}",
    );
    fs::write(&file, secret + &reported_deployment("web")).unwrap();

    let pass = test.audited_sync(&["-f", file.to_str().unwrap()]);
    let secrets = pass
        .kubernetes
        .iter()
        .filter(|request| request.what().contains("secrets"));
    assert_eq!(secrets.count(), 0, "{:?}", pass.kubernetes);
    let document = pass.run.expect(1).document();
    assert_eq!(
        result(&document, "secret")["error"]["reason"],
        "SecretRefused",
        "{document:#}"
    );
    assert_eq!(result(&document, "web")["action"], "create", "{document:#}");
}

/// The result of the GitHubDeployment of this name.
fn result<'a>(document: &'a Value, name: &str) -> &'a Value {
    let mut results = document["results"].as_array().unwrap().iter();
    results
        .find(|result| result["githubDeployment"]["name"] == name)
        .unwrap_or_else(|| panic!("no {name}: {document:#}"))
}

/// A GitHubDeployment of the Deployment of this name, for the repository of `web`.
fn reported_in_web(name: &str) -> String {
    reported_deployment(name).replace(&format!("repository: {{name: {name},"), "repository: {name: web,")
}
