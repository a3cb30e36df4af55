//! The tokens of an App, as writes need them.

use super::*;

/// An App whose tokens are numbered; GitHub refuses those for which `valid` is false.
fn app(valid: fn(usize, u64) -> bool) -> (GitHub, Journal) {
    let journal = Journal::default();
    let calls = journal.clone();
    let start = tokio::time::Instant::now();
    let tokens = AtomicUsize::new(0);
    let key = include_str!("../../testing_key.pem").replace('\n', "\\n");
    let credentials = crate::github::Credentials::App {
        id: "7".to_owned(),
        key: key.into(),
        installation: None,
    };
    let settings = crate::github::Settings {
        credentials,
        ..settings("")
    };
    let github = github_by(&settings, move |call: Call| {
        calls.lock().unwrap().push(call.clone());
        let expires = Timestamp::now() + jiff::SignedDuration::from_hours(1);
        match call.url.as_str() {
            url if url.ends_with("/orgs/shop/installation") => reply(404, r#"{"message":"Not Found"}"#),
            url if url.ends_with("/users/shop/installation") => answer(&json!({ "id": 42 })),
            url if url.ends_with("/installation") || url.ends_with(".com/app") => {
                reply(404, r#"{"message":"Not Found"}"#)
            }
            url if url.ends_with("/app/installations/42/access_tokens") => {
                let number = tokens.fetch_add(1, Ordering::Relaxed) + 1;
                reply(
                    201,
                    &json!({ "token": format!("ghs_7_{number}.a-b"), "expires_at": expires.to_string() }).to_string(),
                )
            }
            _ => {
                let number = call.headers["authorization"]
                    .to_str()
                    .unwrap()
                    .trim_start_matches("Bearer ghs_7_")
                    .trim_end_matches(".a-b")
                    .parse()
                    .unwrap();
                if valid(number, start.elapsed().as_secs()) {
                    reply(201, &created().to_string())
                } else {
                    reply(401, r#"{"message":"Bad credentials"}"#)
                }
            }
        }
    });
    (github, journal)
}

fn paths(journal: &Journal) -> Vec<String> {
    let journal = journal.lock().unwrap();
    journal
        .iter()
        .map(|call| call.url.trim_start_matches("https://api.github.com").to_owned())
        .collect()
}

const LOOKUP: [&str; 3] = [
    "/orgs/shop/installation",
    "/users/shop/installation",
    "/app/installations/42/access_tokens",
];
const CREATE: &str = "/repos/shop/app/deployments";

#[tokio::test(start_paused = true)]
async fn an_app_has_one_token_for_an_owner_until_shortly_before_its_end() {
    let (github, journal) = app(|_, _| true);
    for _ in 0..2 {
        github.create_deployment(&new_deployment()).await.unwrap();
    }
    assert_eq!(paths(&journal), [LOOKUP[0], LOOKUP[1], LOOKUP[2], CREATE, CREATE]);
    let jwt = journal.lock().unwrap()[0].headers["authorization"].clone();
    assert_eq!(jwt.to_str().unwrap().split('.').count(), 3, "a JSON web token");
    tokio::time::advance(Duration::from_secs(56 * 60)).await;
    journal.lock().unwrap().clear();
    github.create_deployment(&new_deployment()).await.unwrap();
    assert_eq!(
        paths(&journal),
        [LOOKUP[2], CREATE],
        "a new one of the same installation"
    );

    let elsewhere = NewDeployment {
        repository: Repository::parse("other/app", None).unwrap(),
        ..new_deployment()
    };
    let error = github.create_deployment(&elsewhere).await.unwrap_err();
    assert_eq!(error.reason(), "AppNotInstalled");
    assert!(error.to_string().contains("other"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_young_token_is_tried_again_and_an_old_one_renewed() {
    let (github, journal) = app(|_, second| second >= 3);
    github.create_deployment(&new_deployment()).await.unwrap();
    assert_eq!(paths(&journal)[3..], [CREATE; 4], "refused at 0, 1 and 2 seconds");

    let (github, journal) = app(|number, second| number == 2 || second < 60);
    github.create_deployment(&new_deployment()).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    journal.lock().unwrap().clear();
    github.create_deployment(&new_deployment()).await.unwrap();
    assert_eq!(paths(&journal), [CREATE, LOOKUP[2], CREATE]);

    let (github, journal) = app(|_, _| false);
    let error = github.create_deployment(&new_deployment()).await.unwrap_err();
    assert!(matches!(error, WriteError::BadCredentials { .. }), "{error}");
    assert!(posts(&journal) < 10);
}
