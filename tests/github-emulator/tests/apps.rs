//! GitHub Apps: the JSON web token, installations, and their tokens.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use github_emulator::{Access, App, Emulator, Level, Options};
use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
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

const KEY: &str = include_str!("../../../src/github/testing_key.pem");
const PUBLIC_KEY: &str = include_str!("../../../src/github/testing_key_public.pem");
const OTHER_KEY: &str = include_str!("../../../src/github/testing_key_other.pem");

/// A token that lives from a minute ago for ten minutes.
fn signed(emulator: &Emulator, issuer: Value, key: &str, algorithm: Algorithm) -> String {
    let now = emulator.now().as_second();
    let claims = json!({"iat": now - 60, "exp": now + 540, "iss": issuer});
    let key = match algorithm {
        Algorithm::HS256 => EncodingKey::from_secret(key.as_bytes()),
        _ => EncodingKey::from_rsa_pem(key.as_bytes()).unwrap(),
    };
    format!(
        "Bearer {}",
        jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).unwrap()
    )
}

#[tokio::test]
async fn signatures_of_a_registered_app_are_verified() {
    let emulator = shop();
    emulator.register_app(App {
        id: 7,
        client_id: "Iv1.seven".to_owned(),
        slug: "seven".to_owned(),
        public_key: Some(PUBLIC_KEY.to_owned()),
        ..App::default()
    });
    let undecodable = "A JSON web token could not be decoded";
    for (name, token, status, message) in [
        ("id", signed(&emulator, json!(7), KEY, Algorithm::RS256), 200, None),
        (
            "id as text",
            signed(&emulator, json!("7"), KEY, Algorithm::RS256),
            200,
            None,
        ),
        (
            "client id",
            signed(&emulator, json!("Iv1.seven"), KEY, Algorithm::RS256),
            200,
            None,
        ),
        (
            "another App's id",
            signed(&emulator, json!(8), KEY, Algorithm::RS256),
            404,
            Some("Integration not found"),
        ),
        (
            "another key",
            signed(&emulator, json!(7), OTHER_KEY, Algorithm::RS256),
            401,
            Some(undecodable),
        ),
        (
            "another algorithm",
            signed(&emulator, json!(7), KEY, Algorithm::RS512),
            401,
            Some(undecodable),
        ),
        (
            "the public key as a secret",
            signed(&emulator, json!(7), PUBLIC_KEY, Algorithm::HS256),
            401,
            Some(undecodable),
        ),
        (
            "no signature",
            app_token(&emulator, -60, 540),
            404,
            Some("Integration not found"),
        ),
    ] {
        let reply = ask(&emulator, &token, Method::GET, "/app", None).await;
        assert_eq!(reply.status.as_u16(), status, "{name}: {}", reply.text);
        assert_eq!(reply.body["message"].as_str(), message, "{name}");
        if status == 200 {
            assert_eq!(
                (&reply.body["id"], &reply.body["html_url"]),
                (&json!(7), &json!("https://github.com/apps/seven")),
                "{name}"
            );
        }
    }
    assert_fits(&emulator);
}

#[tokio::test]
async fn its_own_clock_counts() {
    let emulator = shop();
    let real = emulator.now().as_second();
    for (minutes, part) in [(10, "'Expiration time' claim"), (-10, "too far in the future")] {
        let token = app_token(&emulator, -700, 540);
        emulator.advance(minutes * 60);
        let refused = ask(&emulator, &token, Method::GET, "/app", None).await;
        let message = refused.body["message"].as_str().unwrap();
        assert!(message.contains(part), "{minutes}: {message}");
        let shown = jiff::fmt::rfc2822::parse(refused.header("date").unwrap()).unwrap();
        let ahead = shown.timestamp().as_second() - real;
        assert!((minutes * 60..minutes * 60 + 5).contains(&ahead), "{minutes}: {ahead}");
        emulator.advance(-minutes * 60);
    }
    assert_fits(&emulator);
}

#[tokio::test]
async fn an_installation_is_of_one_account_and_ends_with_its_tokens() {
    let emulator = shop();
    emulator.add_repository("octo/secret").private();
    emulator.add_repository("someone/secret").private();
    let installation = emulator.install("octo", Access::default());
    let person = emulator.install_for_user("someone", Access::default());
    let app = app_token(&emulator, -60, 540);
    let status = async |token: &str, path: &str| {
        let reply = ask(&emulator, token, Method::GET, path, None).await;
        reply.status.as_u16()
    };
    assert_eq!(status(&app, "/orgs/octo/installation").await, 200);
    assert_eq!(status(&app, "/orgs/someone/installation").await, 404, "no organisation");
    let found = ask(&emulator, &app, Method::GET, "/users/someone/installation", None).await;
    assert_eq!(
        (&found.body["id"], &found.body["target_type"]),
        (&json!(person.id), &json!("User"))
    );

    let path = format!("/app/installations/{}/access_tokens", installation.id);
    let issued = ask(&emulator, &app, Method::POST, &path, None).await;
    let token = format!("Bearer {}", issued.body["token"].as_str().unwrap());
    assert_eq!(status(&token, "/repos/octo/secret").await, 200);
    assert_eq!(status(&token, "/repos/someone/secret").await, 404, "of another account");

    let names: Vec<String> = (0..501).map(|index| format!("r{index}")).collect();
    let many = ask(
        &emulator,
        &app,
        Method::POST,
        &path,
        Some(json!({"repositories": names})),
    )
    .await;
    assert_eq!(many.status, 422, "{}", many.text);

    emulator.suspend_installation(installation.id, true);
    assert_eq!(status(&token, "/repos/octo/secret").await, 401, "while it is suspended");
    emulator.suspend_installation(installation.id, false);
    assert_eq!(status(&token, "/repos/octo/secret").await, 200);
    emulator.uninstall(installation.id);
    assert_eq!(status(&token, "/repos/octo/secret").await, 401);
    assert_eq!(status(&app, "/orgs/octo/installation").await, 404);
    assert_eq!(ask(&emulator, &app, Method::POST, &path, None).await.status, 404);
    assert_fits(&emulator);
}
