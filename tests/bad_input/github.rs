//! A GitHub that is out of reach, or says no.

use github_emulator::{Access, App, Fault, FaultKind, Level, OperationKind};

use crate::{
    BESIDE, EXTRACT, GROUP, SOURCE, laptop, only_good_is_written, printed,
    support::{
        Run,
        laptop::{assert_snapshot, closed_port, github_deployment},
        repository_file,
    },
};

/// Reads what is good alone.
const GOOD: &str = "sync -f good.yaml --objects objects.yaml";

#[test]
fn a_repository_that_the_token_does_not_see() {
    let laptop = laptop();
    laptop.github.add_repository("octo-org/hidden").tag("v1").private();
    let seen = Access {
        repositories: Some(["octo-org/web".to_owned()].into()),
        ..Access::default()
    };
    laptop.github.allow_token("github_pat_of_the_tests", seen);
    let bad = github_deployment("bad", SOURCE, EXTRACT, "{name: octo-org/hidden, environment: bad}");
    laptop.write("bad.yaml", bad);
    printed("repository_not_visible", &laptop, BESIDE, 1);
    only_good_is_written("hidden repository", &laptop);
}

#[test]
fn no_access_to_github() {
    let laptop = laptop();
    let with = |name: &str, variables: &[(&str, &str)]| {
        let mut command = laptop.program();
        command.env_remove("GITHUB_TOKEN").envs(variables.iter().copied());
        let run = Run::of(command.args(GOOD.split(' '))).expect(3);
        assert_snapshot(GROUP, name, &laptop.transcript(GOOD, &run));
    };
    with("no_token", &[]);
    with("empty_token", &[("GITHUB_TOKEN", "")]);
    with("token_of_two_lines", &[("GITHUB_TOKEN", "one\ntwo")]);
    with("app_without_key", &[("GITHUB_APP_ID", "1")]);
    let with_key = |name: &str, key: &str| with(name, &[("GITHUB_APP_ID", "1"), ("GITHUB_APP_PRIVATE_KEY", key)]);
    with_key("app_with_a_bad_key", "no key");
    with_key("app_with_the_name_of_a_file_as_key", "/secrets/app.pem");
    with_key("app_with_a_public_key", &key_file("testing_key_public.pem"));
    with_key("app_with_half_a_key", &key_file("testing_key.pem")[..600]);
    laptop.write("app.pem", key_file("auth/key/testing/encrypted.pem"));
    with(
        "app_with_an_encrypted_file",
        &[("GITHUB_APP_ID", "1"), ("GITHUB_APP_PRIVATE_KEY_FILE", "app.pem")],
    );
    with(
        "app_without_the_file_of_its_key",
        &[("GITHUB_APP_ID", "1"), ("GITHUB_APP_PRIVATE_KEY_FILE", "gone.pem")],
    );
    assert_eq!(laptop.github.journal(), [], "GitHub is not asked");

    laptop.github.allow_token("another", Access::default());
    with("wrong_token", &[("GITHUB_TOKEN", "wrong")]);
    with("wrong_gh_token", &[("GH_TOKEN", "wrong")]);
    assert_eq!(laptop.writes(), Vec::<String>::new());
}

#[test]
fn an_app_that_is_not_what_it_says() {
    let laptop = laptop();
    laptop.github.register_app(App {
        id: 7,
        public_key: Some(key_file("testing_key_public.pem")),
        ..App::default()
    });
    let with = |name: &str, id: &str, key: &str| {
        let mut command = laptop.program();
        command.env_remove("GITHUB_TOKEN");
        command.envs([("GITHUB_APP_ID", id), ("GITHUB_APP_PRIVATE_KEY", &key_file(key))]);
        let run = Run::of(command.args(GOOD.split(' '))).expect(3);
        assert_snapshot(GROUP, name, &laptop.transcript(GOOD, &run));
    };
    with("app_with_the_key_of_another", "7", "testing_key_other.pem");
    with("app_with_the_id_of_another", "8", "testing_key.pem");
    assert_eq!(laptop.github.all_deployments("octo-org/web"), []);
}

#[test]
fn owners_without_the_app() {
    let laptop = laptop();
    laptop.github.register_app(App {
        id: 7,
        slug: "rollouts".to_owned(),
        public_key: Some(key_file("testing_key_public.pem")),
        ..App::default()
    });
    laptop.github.install("octo-org", Access::default());
    let held = laptop.github.install("held", Access::default());
    laptop.github.suspend_installation(held.id, true);
    let mut bad = String::new();
    for owner in ["bare", "held"] {
        laptop.github.add_repository(&format!("{owner}/web")).tag("v1");
        bad += &github_deployment(
            owner,
            SOURCE,
            EXTRACT,
            &format!("{{name: {owner}/web, environment: staging}}"),
        );
    }
    laptop.write("bad.yaml", bad);
    let mut command = laptop.program();
    command.env_remove("GITHUB_TOKEN");
    command.envs([
        ("GITHUB_APP_ID", "7"),
        (
            "GITHUB_APP_PRIVATE_KEY",
            &key_file("testing_key.pem").replace('\n', "\\n"),
        ),
    ]);
    let run = Run::of(command.args(BESIDE.split(' '))).expect(1);
    assert_snapshot(GROUP, "owners_without_the_app", &laptop.transcript(BESIDE, &run));
    only_good_is_written("owners without the App", &laptop);
}

#[test]
fn a_workflow_whose_token_may_not_do_it() {
    let laptop = laptop();
    let access = Access {
        deployments: Level::Read,
        ..Access::default()
    };
    laptop.github.allow_token("ghs_of_the_workflow", access);
    let mut command = laptop.program();
    command.envs([("GITHUB_TOKEN", "ghs_of_the_workflow"), ("GITHUB_ACTIONS", "true")]);
    let run = Run::of(command.args(GOOD.split(' '))).expect(1);
    assert_snapshot(GROUP, "workflow_token_that_only_reads", &laptop.transcript(GOOD, &run));
}

/// One of the keys of tests.
fn key_file(name: &str) -> String {
    std::fs::read_to_string(repository_file("src/github").join(name)).expect("a key of tests")
}

#[test]
fn github_is_down() {
    let laptop = laptop();
    let port = closed_port();
    let down = format!("http://127.0.0.1:{port}");
    let run = Run::of(laptop.program().env("GITHUB_API", &down).args(GOOD.split(' '))).expect(3);
    let text = laptop.transcript(GOOD, &run).replace(&port.to_string(), "PORT");
    assert_snapshot(GROUP, "github_down", &text);

    laptop.github.inject(Fault::new(FaultKind::Html).always());
    printed("github_answers_in_html", &laptop, GOOD, 3);
    assert_eq!(laptop.github.all_deployments("octo-org/web"), []);
}

#[test]
fn a_token_that_may_not_do_it() {
    for (name, access) in [
        (
            "token_that_only_reads",
            Access {
                deployments: Level::Read,
                ..Access::default()
            },
        ),
        (
            "token_that_sees_no_deployments",
            Access {
                deployments: Level::None,
                ..Access::default()
            },
        ),
    ] {
        let laptop = laptop();
        laptop.github.allow_token("github_pat_of_the_tests", access);
        printed(name, &laptop, GOOD, 1);
        assert_eq!(laptop.github.all_deployments("octo-org/web"), [], "{name}");
    }
}

#[test]
fn an_unknown_ref_that_only_the_create_tells() {
    let laptop = laptop();
    let access = Access {
        contents: Level::None,
        ..Access::default()
    };
    laptop.github.allow_token("github_pat_of_the_tests", access);
    let source = "{kind: Deployment, name: unpushed}";
    let repository = "{name: octo-org/web, environment: bad}";
    let bad = github_deployment("bad", source, "{containerName: unpushed}", repository);
    laptop.write("bad.yaml", bad);
    printed("ref_unknown_without_contents", &laptop, BESIDE, 1);
    assert_eq!(laptop.github.states("octo-org/web", "staging"), [["success"]]);
    assert_eq!(laptop.github.states("octo-org/web", "bad"), Vec::<Vec<String>>::new());
}

#[test]
fn a_limit_that_is_reached() {
    let laptop = laptop();
    let limit = FaultKind::RateLimitSecondary {
        retry_after: Some(3600),
    };
    let told = |name: &str, code: i32| {
        let run = laptop.run(GOOD).expect(code);
        let text = laptop.transcript(GOOD, &run);
        let second = "for 3599 seconds";
        assert!(text.contains(second) || text.contains("for 3600 seconds"), "{text}");
        assert_snapshot(GROUP, name, &text.replace(second, "for 3600 seconds"));
        laptop.github.clear_faults();
    };
    laptop.github.inject(Fault::new(limit.clone()).always());
    told("rate_limit", 3);
    laptop.github.inject(Fault::on(OperationKind::CreateDeployment, limit));
    told("rate_limit_of_writes", 0);
    assert_eq!(laptop.github.all_deployments("octo-org/web"), []);
}
