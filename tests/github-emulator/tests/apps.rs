//! GitHub Apps: the JSON web token, installations, and their tokens.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use github_emulator::{Access, Emulator, Level, Options};
use http::Method;
use serde_json::{Value, json};
use support::{Reply, assert_fits, send, shop};

fn app_token(emulator: &Emulator, issued: i64, expires: i64) -> String {
    let now = emulator.now().as_second();
    let claims = json!({"iat": now + issued, "exp": now + expires, "iss": "51"}).to_string();
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!(
        "Bearer {}.{}.{}",
        encode("{\"alg\":\"RS256\"}"),
        encode(&claims),
        encode("signature")
    )
}

async fn ask(emulator: &Emulator, token: &str, method: Method, path: &str, body: Option<Value>) -> Reply {
    send(emulator, method, path, &[("authorization", token)], body).await
}

#[tokio::test(start_paused = true)]
async fn an_installation_token_lives_an_hour() {
    let emulator = Emulator::new(Options {
        token_delay: Duration::from_secs(3),
        ..Options::default()
    });
    emulator.add_repository("octo/shop").private();
    let installation = emulator.install("octo", Access::default());
    let app = app_token(&emulator, -60, 540);
    let found = ask(&emulator, &app, Method::GET, "/repos/octo/shop/installation", None).await;
    assert_eq!(found.body["id"], json!(installation.id));
    assert_eq!(
        found.header("x-ratelimit-remaining"),
        None,
        "Apps themselves have no limit"
    );
    let path = format!("/app/installations/{}/access_tokens", installation.id);
    let mut lengths = Vec::new();
    for _ in 0..2 {
        let app = app_token(&emulator, -60, 540);
        let issued = ask(
            &emulator,
            &app,
            Method::POST,
            &path,
            Some(json!({"repositories": ["shop"]})),
        )
        .await;
        assert_eq!(issued.status, 201, "{}", issued.text);
        assert_eq!(issued.body["repositories"][0]["full_name"], "octo/shop");
        let token = format!("token {}", issued.body["token"].as_str().unwrap());
        lengths.push(token.len());
        let status = async || {
            ask(&emulator, &token, Method::GET, "/repos/octo/shop", None)
                .await
                .status
                .as_u16()
        };
        assert_eq!(status().await, 401, "not known everywhere yet");
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(status().await, 200);
        let created = ask(
            &emulator,
            &token,
            Method::POST,
            "/repos/octo/shop/deployments",
            Some(json!({"ref": "main"})),
        )
        .await;
        assert_eq!(created.body["creator"]["type"], "Bot");
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(status().await, 401, "an hour is over");
    }
    assert!(lengths[0] < 60 && lengths[1] > 400, "both forms: {lengths:?}");
    assert_fits(&emulator);
}

#[tokio::test]
async fn wrong_claims_are_named() {
    let emulator = shop();
    for (issued, expires, part) in [
        (-60, 700, "is too far in the future"),
        (-60, -1, "must be a numeric value"),
        (60, 540, "'Issued at' claim"),
    ] {
        let refused = ask(
            &emulator,
            &app_token(&emulator, issued, expires),
            Method::GET,
            "/app",
            None,
        )
        .await;
        assert_eq!(refused.status, 401);
        assert!(
            refused.body["message"].as_str().unwrap().contains(part),
            "{}",
            refused.text
        );
    }
    assert_eq!(
        ask(&emulator, &app_token(&emulator, 0, 540), Method::GET, "/app", None)
            .await
            .status,
        200
    );
    assert_eq!(
        ask(&emulator, "Bearer person", Method::GET, "/app", None).await.status,
        401
    );
    assert_fits(&emulator);
}

#[tokio::test]
async fn installations_can_be_missing_suspended_or_narrow() {
    let emulator = shop();
    let installation = emulator.install(
        "octo",
        Access {
            deployments: Level::Read,
            ..Access::default()
        },
    );
    let app = app_token(&emulator, -60, 540);
    assert_eq!(
        ask(&emulator, &app, Method::GET, "/orgs/elsewhere/installation", None)
            .await
            .status,
        404
    );
    let path = format!("/app/installations/{}/access_tokens", installation.id);
    let wide = json!({"permissions": {"deployments": "write"}});
    let refused = ask(&emulator, &app, Method::POST, &path, Some(wide)).await;
    assert_eq!(
        refused.body["message"],
        "The permissions requested are not granted to this installation."
    );
    let unknown = json!({"repositories": ["none"]});
    assert_eq!(
        ask(&emulator, &app, Method::POST, &path, Some(unknown)).await.status,
        422
    );
    let issued = ask(&emulator, &app, Method::POST, &path, None).await;
    let token = format!("Bearer {}", issued.body["token"].as_str().unwrap());
    let denied = ask(
        &emulator,
        &token,
        Method::POST,
        "/repos/octo/shop/deployments",
        Some(json!({"ref": "main"})),
    )
    .await;
    assert_eq!(denied.body["message"], "Resource not accessible by integration");
    emulator.suspend_installation(installation.id, true);
    assert!(
        ask(&emulator, &app, Method::GET, "/orgs/octo/installation", None)
            .await
            .body["suspended_at"]
            .is_string()
    );
    let suspended = ask(&emulator, &app, Method::POST, &path, None).await;
    assert_eq!(
        (suspended.status.as_u16(), &suspended.body["message"]),
        (403, &json!("This installation has been suspended"))
    );
    assert_fits(&emulator);
}
