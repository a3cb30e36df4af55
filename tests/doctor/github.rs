//! Address, token, repository and limits.

use github_emulator::{Access, Fault, FaultKind, Level, TokenNotes};
use jiff::{SignedDuration, Timestamp};

use crate::{
    GROUP, NOBODY, WEB, laptop, printed, run,
    support::{
        GitHub,
        laptop::{Laptop, Progress, assert_snapshot, deployment, github_deployment},
    },
};

const CLASSIC: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
const FINE_GRAINED: &str = "github_pat_of_the_tests";

/// GitHub's clock is what the tests set, so its present is, too.
fn in_days(laptop: &Laptop, days: i64) -> Timestamp {
    laptop.github.now() + SignedDuration::from_hours(24 * days)
}

fn scopes(scopes: &[&str]) -> TokenNotes {
    TokenNotes {
        scopes: Some(scopes.iter().map(|scope| (*scope).to_owned()).collect()),
        ..TokenNotes::default()
    }
}

#[test]
fn an_address_that_is_none() {
    for (name, address) in [
        ("address_invalid", "https://"),
        ("address_scheme", "ftp://ghes.example"),
        ("address_plain_http", "http://ghes.example"),
        ("address_with_password", "https://me:hunter2@ghes.example"),
        ("address_with_query", "https://ghes.example/api/v3?x=1"),
    ] {
        let text = printed(name, &laptop(), WEB, &[("GITHUB_API", address)], 3);
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn an_address_where_no_github_is() {
    let laptop = laptop();
    printed("address_nobody_listens", &laptop, WEB, &[("GITHUB_API", NOBODY)], 3);

    let elsewhere = format!("{}/elsewhere", laptop.github.environment()[0].1);
    printed("address_wrong_path", &laptop, WEB, &[("GITHUB_API", &elsewhere)], 3);
    laptop.github.inject(Fault::new(FaultKind::Html).always());
    printed("address_of_a_web_page", &laptop, WEB, &[], 3);
}

#[test]
fn a_github_enterprise_server() {
    let laptop = laptop();
    let address = format!("{}/api/v3", laptop.github.environment()[0].1);
    printed("enterprise_server", &laptop, WEB, &[("GITHUB_API", &address)], 0);
    laptop.github.without_limits();
    printed(
        "enterprise_server_without_limits",
        &laptop,
        WEB,
        &[("GITHUB_API", &address)],
        0,
    );
}

#[test]
fn credentials_that_are_none() {
    let laptop = laptop();
    printed("no_credentials", &laptop, WEB, &[("GITHUB_TOKEN", "")], 1);
    printed("token_of_two_lines", &laptop, WEB, &[("GITHUB_TOKEN", "one\ntwo")], 1);
    printed("refresh_token", &laptop, WEB, &[("GITHUB_TOKEN", "ghr_0123")], 1);
    laptop.github.allow_token("another", Access::default());
    let text = printed("token_refused", &laptop, WEB, &[("GITHUB_TOKEN", "ghp_secret")], 1);
    assert!(!text.contains("ghp_secret"), "{text}");
}

#[test]
fn every_kind_of_token_by_its_prefix() {
    let laptop = laptop();
    for (token, words) in [
        (CLASSIC, "GITHUB_TOKEN holds a classic personal access token"),
        (FINE_GRAINED, "GITHUB_TOKEN holds a fine-grained personal access token"),
        ("gho_of_the_tests", "GITHUB_TOKEN holds the token of an OAuth app"),
        (
            "ghs_of_the_tests",
            "the token of a GitHub App's installation, such as that of a workflow",
        ),
        ("of_the_tests", "GITHUB_TOKEN holds a token of a kind that is not known"),
    ] {
        laptop.github.allow_token(token, Access::default());
        let run = run(&laptop, WEB, &[("GITHUB_TOKEN", token)]).expect(0);
        assert!(run.stdout.contains(words), "{}", run.stdout);
        assert!(!run.stdout.contains(token), "{}", run.stdout);
    }
    let run = run(&laptop, WEB, &[("GITHUB_TOKEN", ""), ("GH_TOKEN", FINE_GRAINED)]).expect(0);
    assert!(run.stdout.contains("GH_TOKEN holds a fine-grained"), "{}", run.stdout);
}

#[test]
fn a_token_that_may_all() {
    let laptop = laptop();
    laptop.github.note_token(CLASSIC, scopes(&["repo"]));
    printed("classic_token", &laptop, WEB, &[("GITHUB_TOKEN", CLASSIC)], 0);
    printed("fine_grained_token", &laptop, WEB, &[], 0);
    printed("files_absent", &laptop, "doctor -f absent --objects absent", &[], 1);
}

#[test]
fn a_classic_token_without_its_scope() {
    let laptop = laptop();
    for (name, granted, code) in [
        ("scope_none", &[][..], 1),
        ("scope_of_another_thing", &["read:org", "repo:status"], 1),
        ("scope_of_public_repositories", &["public_repo"], 1),
    ] {
        laptop.github.note_token(CLASSIC, scopes(granted));
        printed(name, &laptop, WEB, &[("GITHUB_TOKEN", CLASSIC)], code);
    }
}

#[test]
fn a_token_that_ends_soon() {
    let laptop = laptop();
    for (days, result, words) in [(6, "warning", ": replace it before"), (8, "ok", "the token ends on ")] {
        let notes = TokenNotes {
            expires: Some(in_days(&laptop, days)),
            ..scopes(&["repo"])
        };
        laptop.github.note_token(CLASSIC, notes);
        let run = run(&laptop, &format!("{WEB} -o json"), &[("GITHUB_TOKEN", CLASSIC)]).expect(0);
        let document = run.document();
        let checks = document["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["check"] == "tokenExpiry").unwrap();
        assert_eq!(check["result"], result, "{check}");
        assert!(check["message"].as_str().unwrap().contains(words), "{check}");
    }
}

#[test]
fn a_fine_grained_token_that_may_less() {
    for (name, access) in [
        (
            "fine_grained_reads_deployments",
            Access {
                deployments: Level::Read,
                ..Access::default()
            },
        ),
        (
            "fine_grained_without_deployments",
            Access {
                deployments: Level::None,
                ..Access::default()
            },
        ),
    ] {
        let laptop = laptop();
        laptop.github.allow_token(FINE_GRAINED, access);
        printed(name, &laptop, WEB, &[], 1);
    }
    let laptop = laptop();
    let access = Access {
        contents: Level::None,
        ..Access::default()
    };
    laptop.github.allow_token(FINE_GRAINED, access);
    printed("fine_grained_without_contents", &laptop, WEB, &[], 0);
}

#[test]
fn a_token_of_a_workflow() {
    let laptop = laptop();
    let token = "ghs_of_the_workflow";
    laptop.github.allow_token(token, Access::default());
    let variables = [("GITHUB_TOKEN", token), ("GITHUB_ACTIONS", "true")];
    printed("workflow_token", &laptop, WEB, &variables, 0);
    let access = Access {
        deployments: Level::None,
        ..Access::default()
    };
    laptop.github.allow_token(token, access);
    let text = printed("workflow_token_without_permission", &laptop, WEB, &variables, 1);
    assert!(text.contains("`permissions: deployments: write`"), "{text}");
}

#[test]
fn an_organization_with_single_sign_on() {
    let laptop = laptop();
    let notes = TokenNotes {
        sign_on_for: ["octo-org".to_owned()].into(),
        ..scopes(&["repo"])
    };
    laptop.github.note_token(CLASSIC, notes);
    printed("single_sign_on", &laptop, WEB, &[("GITHUB_TOKEN", CLASSIC)], 1);
}

#[test]
fn repositories_that_are_not_as_they_are_named() {
    let laptop = laptop();
    laptop.github.add_repository("octo-org/old").tag("v1").archived();
    laptop
        .github
        .add_repository("octo-org/before")
        .renamed_to("octo-org/after");
    for (name, repository, code) in [
        ("repository_unknown", "octo-org/unknown", 1),
        ("repository_archived", "octo-org/old", 1),
        ("repository_renamed", "octo-org/before", 0),
        ("repository_without_owner", "web", 0),
    ] {
        printed(name, &laptop, &format!("doctor --repo {repository}"), &[], code);
    }
    printed(
        "repositories",
        &laptop,
        "doctor --repo octo-org/web --repo octo-org/old --repo octo-org/unknown",
        &[],
        1,
    );
}

#[test]
fn refs_that_are_wanted() {
    let laptop = laptop();
    let objects = [
        ("web", "octo-org/web:v1"),
        ("api", "octo-org/web:v2"),
        ("none", "octo-org/web"),
    ];
    let objects = objects.map(|(name, image)| deployment(name, image, Progress::Complete));
    laptop.write("objects.yaml", objects.concat());
    let declare = |name: &str| {
        let source = format!("{{kind: Deployment, name: {name}}}");
        let repository = format!("{{name: octo-org/web, environment: {name}}}");
        github_deployment(name, &source, &format!("{{containerName: {name}}}"), &repository)
    };
    for (name, sources, code) in [
        ("refs_known", &["web"][..], 0),
        ("refs_unknown", &["web", "api"], 1),
        ("refs_not_extracted", &["web", "none"], 0),
    ] {
        laptop.write(
            "declared.yaml",
            sources.iter().map(|name| declare(name)).collect::<String>(),
        );
        printed(
            name,
            &laptop,
            "doctor -f declared.yaml --objects objects.yaml",
            &[],
            code,
        );
    }
    printed(
        "ref_from_flags",
        &laptop,
        "doctor deployment/web --objects objects.yaml --repo octo-org/web --environment staging --ref v9",
        &[],
        1,
    );
}

#[test]
fn limits_that_are_used_up() {
    let github = GitHub::start(github_emulator::Options {
        hourly_limit: 1,
        ..github_emulator::Options::default()
    });
    github.add_repository("octo-org/web").tag("v1");
    let laptop = Laptop::new(github);
    let used = run(&laptop, WEB, &[]);
    assert!(used.stdout.contains("REST has 1 of 1 requests left"), "{}", used.stdout);
    let run = run(&laptop, WEB, &[]).expect(1);
    let mut settings = insta::Settings::clone_current();
    // The hour of a limit begins with the first request.
    settings.add_filter(r"wait \d+ minutes", "wait N minutes");
    settings.add_filter(r"for \d+ seconds", "for N seconds");
    settings.bind(|| assert_snapshot(GROUP, "limits_used_up", &laptop.transcript(WEB, &run)));
    assert_eq!(laptop.writes(), Vec::<String>::new());
}
