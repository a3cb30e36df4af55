//! What is said in headers about a token, the server itself, and a server without limits.
#![allow(clippy::unwrap_used)]

mod support;

use github_emulator::{Options, TokenNotes};
use http::Method;
use serde_json::{Value, json};
use support::{assert_fits, get, send, shop};

const TOKEN: (&str, &str) = ("authorization", "Bearer ghp_classic");

#[tokio::test]
async fn the_server_tells_about_itself() {
    let emulator = shop();
    let cloud = get(&emulator, "/meta").await;
    assert_eq!(cloud.body["installed_version"], Value::Null);
    assert_eq!(cloud.header("x-github-enterprise-version"), None);
    let server = get(&emulator, "/api/v3/meta").await;
    assert_eq!(server.body["installed_version"], json!("3.17.0"));
    assert_eq!(server.header("x-github-enterprise-version"), Some("3.17.0"));
    assert_fits(&emulator);
}

#[tokio::test]
async fn a_token_has_scopes_and_an_end() {
    let emulator = github_emulator::Emulator::new(Options {
        start: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        ..Options::default()
    });
    emulator.note_token(
        "ghp_classic",
        TokenNotes {
            scopes: Some(vec!["repo_deployment".to_owned(), "read:org".to_owned()]),
            expires: Some("2026-01-03T12:00:00Z".parse().unwrap()),
            ..TokenNotes::default()
        },
    );
    let noted = send(&emulator, Method::GET, "/rate_limit", &[TOKEN], None).await;
    assert_eq!(noted.header("x-oauth-scopes"), Some("repo_deployment, read:org"));
    assert_eq!(
        noted.header("github-authentication-token-expiration"),
        Some("2026-01-03 12:00:00 UTC")
    );
    let other = ("authorization", "Bearer github_pat_other");
    let plain = send(&emulator, Method::GET, "/rate_limit", &[other], None).await;
    assert_eq!(plain.header("x-oauth-scopes"), None);
    assert_fits(&emulator);
}

#[tokio::test]
async fn an_organization_asks_for_single_sign_on() {
    let emulator = shop();
    emulator.note_token(
        "ghp_classic",
        TokenNotes {
            sign_on_for: ["octo".to_owned()].into(),
            ..TokenNotes::default()
        },
    );
    let refused = send(&emulator, Method::GET, "/repos/Octo/shop", &[TOKEN], None).await;
    assert_eq!(refused.status, 403);
    let sso = refused.header("x-github-sso").unwrap();
    assert!(
        sso.starts_with("required; url=") && sso.contains("/orgs/Octo/sso?"),
        "{sso}"
    );
    assert_eq!(get(&emulator, "/repos/octo/shop").await.status, 200, "another token");
    assert_fits(&emulator);
}

#[tokio::test]
async fn a_server_may_have_no_limits() {
    let emulator = shop();
    emulator.without_limits();
    let told = get(&emulator, "/api/v3/rate_limit").await;
    assert_eq!(
        (told.status.as_u16(), &told.body["message"]),
        (404, &json!("Rate limiting is not enabled."))
    );
    let read = get(&emulator, "/api/v3/repos/octo/shop").await;
    assert_eq!(read.header("x-ratelimit-remaining"), None);
    assert_fits(&emulator);
}
