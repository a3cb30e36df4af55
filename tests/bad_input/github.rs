//! A GitHub that is out of reach, or says no.

use github_emulator::{Access, Fault, FaultKind, Level, OperationKind};

use crate::{
    BESIDE, EXTRACT, GROUP, SOURCE, laptop, only_good_is_written, printed,
    support::{
        Run,
        laptop::{assert_snapshot, closed_port, github_deployment},
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
    with(
        "app_with_a_bad_key",
        &[("GITHUB_APP_ID", "1"), ("GITHUB_APP_PRIVATE_KEY", "no key")],
    );
    assert_eq!(laptop.github.journal(), [], "GitHub is not asked");

    laptop.github.allow_token("another", Access::default());
    with("wrong_token", &[("GITHUB_TOKEN", "wrong")]);
    assert_eq!(laptop.writes(), Vec::<String>::new());
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
