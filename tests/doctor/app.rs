//! A GitHub App.

use github_emulator::{Access, Level};

use serde_json::Value;

use crate::{
    WEB, laptop, printed,
    support::{GitHub, laptop::Laptop, repository_file},
};

/// The variables of an App whose key is one.
fn variables(key: &str) -> [(&'static str, &str); 3] {
    [
        ("GITHUB_TOKEN", ""),
        ("GITHUB_APP_ID", "51"),
        ("GITHUB_APP_PRIVATE_KEY", key),
    ]
}

fn key() -> String {
    std::fs::read_to_string(repository_file("src/github/testing_key.pem")).unwrap()
}

fn access(deployments: Level, contents: Level) -> Access {
    Access {
        deployments,
        contents,
        ..Access::default()
    }
}

#[test]
fn an_app_that_may_all() {
    let laptop = laptop();
    laptop.github.install("octo-org", Access::default());
    printed("app", &laptop, WEB, &variables(&key()), 0);
}

#[test]
fn a_key_that_is_none() {
    let laptop = laptop();
    printed("app_key_malformed", &laptop, WEB, &variables("no key"), 1);
    let half = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----";
    printed("app_key_of_another_kind", &laptop, WEB, &variables(half), 1);
    printed(
        "app_without_key",
        &laptop,
        WEB,
        &[("GITHUB_TOKEN", ""), ("GITHUB_APP_ID", "51")],
        1,
    );
}

#[test]
fn an_app_that_github_does_not_know() {
    let laptop = laptop();
    laptop.github.register_app(github_emulator::App {
        public_key: Some(std::fs::read_to_string(repository_file("src/github/testing_key_public.pem")).unwrap()),
        ..github_emulator::App::default()
    });
    let key = key();
    let mut wrong = variables(&key);
    wrong[1].1 = "52";
    printed("app_id_wrong", &laptop, WEB, &wrong, 1);
    let other = std::fs::read_to_string(repository_file("src/github/testing_key_other.pem")).unwrap();
    printed("app_key_of_another_app", &laptop, WEB, &variables(&other), 1);
}

#[test]
fn an_app_that_is_not_installed_there() {
    let laptop = laptop();
    laptop.github.install("elsewhere", Access::default());
    printed("app_not_installed", &laptop, WEB, &variables(&key()), 1);

    let key = key();
    let mut given = variables(&key).to_vec();
    given.push(("GITHUB_APP_INSTALLATION_ID", "77"));
    printed("app_installation_unknown", &laptop, WEB, &given, 1);
}

#[test]
fn an_installation_that_is_suspended() {
    let laptop = laptop();
    let installation = laptop.github.install("octo-org", Access::default());
    laptop.github.suspend_installation(installation.id, true);
    printed("app_suspended", &laptop, WEB, &variables(&key()), 1);
}

#[test]
fn an_app_that_may_less() {
    for (name, access, code) in [
        ("app_reads_deployments", access(Level::Read, Level::Read), 1),
        ("app_without_contents", access(Level::Write, Level::None), 0),
    ] {
        let laptop = laptop();
        laptop.github.install("octo-org", access);
        printed(name, &laptop, WEB, &variables(&key()), code);
    }
    let laptop = laptop();
    let selected = Access {
        repositories: Some(["octo-org/another".to_owned()].into()),
        ..Access::default()
    };
    laptop.github.install("octo-org", selected);
    printed("app_without_the_repository", &laptop, WEB, &variables(&key()), 1);
}

#[test]
fn an_app_that_asks_for_less() {
    for (name, access, code) in [
        ("app_asks_to_read_deployments", access(Level::Read, Level::Read), 1),
        ("app_asks_for_no_contents", access(Level::Write, Level::None), 0),
    ] {
        let laptop = laptop();
        laptop.github.register_app(github_emulator::App {
            access: access.clone(),
            ..github_emulator::App::default()
        });
        laptop.github.install("octo-org", access);
        printed(name, &laptop, WEB, &variables(&key()), code);
    }
}

#[test]
fn a_clock_that_is_wrong() {
    let present = jiff::Timestamp::now();
    for (seconds, result) in [(-50, "warning"), (3_600, "warning"), (5, "ok")] {
        let github = GitHub::start(github_emulator::Options {
            start: Some(present + jiff::SignedDuration::from_secs(seconds)),
            ..github_emulator::Options::default()
        });
        github.add_repository("octo-org/web");
        github.install("octo-org", Access::default());
        let laptop = Laptop::new(github);
        let of_app = crate::run(&laptop, &format!("{WEB} -o json"), &variables(&key()))
            .expect(0)
            .document();
        assert_eq!(clock(&of_app)["result"], result, "{of_app:#}");
        let of_token = crate::run(&laptop, &format!("{WEB} -o json"), &[]).expect(0).document();
        let harmless = if result == "ok" { "ok" } else { "info" };
        assert_eq!(clock(&of_token)["result"], harmless, "{of_token:#}");
    }
}

fn clock(document: &Value) -> &Value {
    let mut checks = document["checks"].as_array().unwrap().iter();
    checks.find(|check| check["check"] == "clock").unwrap()
}
