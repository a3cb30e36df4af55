use std::sync::{Arc, Mutex};

use super::*;
use crate::github::{
    GitHub,
    testing::{github_by, query, reply, reply_with, settings},
};

const KEY: &str = include_str!("../testing_key.pem");

fn app() -> Settings {
    Settings {
        credentials: Credentials::App {
            id: "7".to_owned(),
            key: KEY.to_owned().into(),
            installation: Some(1),
        },
        ..settings("")
    }
}

#[test]
fn a_malformed_secret_is_told_without_showing_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _guard = runtime.enter();
    let app = |key: &str| Credentials::App {
        id: "7".to_owned(),
        key: key.to_owned().into(),
        installation: None,
    };
    for (name, credentials, expected) in [
        ("empty token", Credentials::Token("".to_owned().into()), "GH_TOKEN"),
        (
            "token of two lines",
            Credentials::Token("se\ncret".to_owned().into()),
            "GH_TOKEN",
        ),
        (
            "no key",
            app("secret"),
            "the private key of the GitHub App is not a private key in PEM form",
        ),
    ] {
        let settings = Settings {
            credentials,
            token_variable: "GH_TOKEN",
            ..settings("")
        };
        let error = GitHub::with_service(tower::service_fn(|_| async { reply(200, "") }), &settings).unwrap_err();
        assert_eq!(error.reason(), "CredentialsMalformed", "{name}");
        let text = format!("{error} {error:?}");
        assert!(
            text.contains(expected) && !text.contains("secret") && !text.contains("cret"),
            "{name}: {text}"
        );
    }
}

#[tokio::test]
async fn nothing_of_an_app_shows_its_secrets() {
    let settings = app();
    let github = github_by(&settings, |call| {
        let authorization = format!("{:?}", call.headers);
        assert!(!authorization.contains("Bearer"), "{authorization}");
        match call.url.ends_with("/access_tokens") {
            true => reply(201, r#"{"token":"ghs_verysecret"}"#),
            false => reply(401, r#"{"message":"Bad credentials"}"#),
        }
    });
    let error = github
        .read(&[query("shop/app", "production", &[])])
        .await
        .remove(0)
        .unwrap_err();
    let text = format!("{settings:?} {github:?} {:?} {error:?} {error}", github.inner);
    for secret in ["verysecret", "MIIE", "eyJ"] {
        assert!(!text.contains(secret), "{text}");
    }
}

/// A date that no clock shows today.
const LONG_AGO: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

#[tokio::test(start_paused = true)]
async fn a_refused_signature_is_made_anew_if_the_time_may_be_the_reason() {
    let expired = "'Expiration time' claim ('exp') must be a numeric value";
    let issued = "'Issued at' claim ('iat') must be an Integer";
    let undecodable = "A JSON web token could not be decoded";
    let clock = "set the clock of this machine";
    let key = "check that GITHUB_APP_ID and the private key are of the same App";
    for (name, message, date, requests, advice) in [
        ("expired, by GitHub's clock", expired, Some(LONG_AGO), 2, clock),
        ("not issued yet, by GitHub's clock", issued, Some(LONG_AGO), 2, clock),
        ("GitHub does not tell its time", expired, None, 1, clock),
        (
            "other words, but the clocks are apart",
            undecodable,
            Some(LONG_AGO),
            2,
            key,
        ),
        ("other words", undecodable, None, 1, key),
    ] {
        let journal = Arc::new(Mutex::new(Vec::new()));
        let tokens = journal.clone();
        let github = github_by(&app(), move |call| {
            tokens.lock().unwrap().push(call.headers["authorization"].clone());
            let date = date.map(|date| ("date", date));
            reply_with(
                401,
                date.as_slice(),
                &serde_json::json!({ "message": message }).to_string(),
            )
        });
        let error = github
            .read(&[query("shop/app", "production", &[])])
            .await
            .remove(0)
            .unwrap_err();
        assert!(
            matches!(error, GitHubError::BadCredentials { .. }) && error.to_string().contains(advice),
            "{name}: {error}"
        );
        let tokens = journal.lock().unwrap();
        assert_eq!(tokens.len(), requests, "{name}");
        assert!(
            tokens.windows(2).all(|two| two[0] != two[1]),
            "{name}: the second one is another one"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_page_to_install_the_app_is_what_github_says() {
    let (cloud, server) = ("https://api.github.com", "https://ghes.example");
    for (api, described, page) in [
        (
            cloud,
            r#"{"slug": "rollouts", "html_url": "https://github.com/apps/rollouts/"}"#,
            ", at https://github.com/apps/rollouts/installations/new",
        ),
        (
            cloud,
            r#"{"slug": "rollouts"}"#,
            ", at https://github.com/apps/rollouts/installations/new",
        ),
        (
            server,
            r#"{"slug": "a b", "html_url": null}"#,
            ", at https://ghes.example/github-apps/a%20b/installations/new",
        ),
        (
            server,
            r#"{"slug": "rollouts", "html_url": "javascript:alert(1)"}"#,
            ", at https://ghes.example/github-apps/rollouts/installations/new",
        ),
        (cloud, r#"{"slug": "", "html_url": "rollouts"}"#, ""),
        (cloud, "<html>", ""),
    ] {
        let Credentials::App { id, key, .. } = app().credentials else {
            panic!("an App");
        };
        let settings = Settings {
            api: api.parse().unwrap(),
            credentials: Credentials::App {
                id,
                key,
                installation: None,
            },
            ..settings("")
        };
        let github = github_by(&settings, move |call| match call.url.ends_with("/installation") {
            true => reply(404, r#"{"message": "Not Found"}"#),
            false => reply(200, described),
        });
        let error = github
            .read(&[query("shop/app", "production", &[])])
            .await
            .remove(0)
            .unwrap_err();
        let expected = format!("the GitHub App is not installed for shop: install it there{page}");
        assert_eq!(error.to_string(), expected, "{described}");
    }
}
