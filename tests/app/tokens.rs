//! What a token is limited to.

use std::time::Duration;

use github_emulator::{Access, Level};
use serde_json::{Value, json};

use crate::world::World;

fn permissions() -> Value {
    json!({"contents": "read", "deployments": "write", "metadata": "read"})
}

#[tokio::test(start_paused = true)]
async fn a_token_is_for_the_repositories_of_a_pass() {
    let world = World::new();
    for name in ["shop/app", "shop/web", "shop/late", "other/app"] {
        world.emulator.add_repository(name).private();
    }
    world.emulator.install("shop", Access::default());
    world.emulator.install("other", Access::default());
    assert_eq!(
        world.tell(&["shop/Web", "other/app", "shop/app", "shop/app"]).await,
        ["ok"; 4]
    );
    world.create("shop/app").await.unwrap();
    let first = [
        json!({"repositories": ["app"], "permissions": permissions()}),
        json!({"repositories": ["app", "web"], "permissions": permissions()}),
    ];
    assert_eq!(world.token_requests(), first);

    world.emulator.clear_journal();
    world.create("shop/late").await.unwrap();
    world.create("shop/web").await.unwrap();
    let wider = json!({"repositories": ["app", "late", "web"], "permissions": permissions()});
    assert_eq!(world.token_requests(), [wider], "one that reaches the new one too");

    world.emulator.clear_journal();
    tokio::time::advance(Duration::from_secs(61 * 60)).await;
    world.create("shop/web").await.unwrap();
    let narrower = json!({"repositories": ["web"], "permissions": permissions()});
    assert_eq!(
        world.token_requests(),
        [narrower],
        "what is not asked about any more is left out"
    );
}

#[tokio::test(start_paused = true)]
async fn requests_at_once_share_a_token_and_its_renewal() {
    let world = World::new();
    for name in ["shop/app", "shop/web", "shop/api"] {
        world.emulator.add_repository(name).private();
    }
    world.emulator.install("shop", Access::default());
    let at_once = async || {
        let (app, web, api) = tokio::join!(
            world.create("shop/app"),
            world.create("shop/web"),
            world.create("shop/api")
        );
        [app, web, api].into_iter().all(|created| created.is_ok())
    };
    world.tell(&["shop/app", "shop/web", "shop/api"]).await;
    assert!(at_once().await);
    let tokens = |asked: Vec<String>| {
        asked
            .into_iter()
            .filter(|asked| asked.starts_with("CreateAccessToken 201"))
            .count()
    };
    assert_eq!(tokens(world.asked()), 1);

    // GitHub ends the token while this process holds it for good.
    tokio::time::advance(Duration::from_secs(60)).await;
    world.emulator.advance(3_600);
    assert!(at_once().await);
    let asked = world.asked();
    let refused = asked.iter().filter(|asked| *asked == "CreateDeployment 401").count();
    assert!(refused > 1, "at once: {asked:?}");
    assert_eq!(tokens(asked), 1);
}

#[tokio::test(start_paused = true)]
async fn one_repository_that_does_not_exist_does_not_stop_an_owner() {
    let world = World::new();
    world.emulator.add_repository("shop/app").private();
    world.emulator.install("shop", Access::default());
    assert_eq!(
        world.tell(&["shop/app", "shop/gone"]).await,
        [
            "ok",
            "repository shop/gone does not exist, or the GitHub App (GITHUB_APP_ID) may not see it: check the name, \
             and that the App's installation for shop includes the repository"
        ]
    );
    assert_eq!(
        world.token_requests(),
        [
            json!({"repositories": ["app", "gone"], "permissions": permissions()}),
            json!({"permissions": permissions()}),
        ]
    );
    world.emulator.clear_journal();
    world.create("shop/app").await.unwrap();
    assert_eq!(world.token_requests(), Vec::<Value>::new(), "the wider token is kept");
}

#[tokio::test(start_paused = true)]
async fn a_repository_outside_of_the_installation_does_not_stop_an_owner() {
    let world = World::new();
    world.emulator.add_repository("shop/app").private();
    world.emulator.add_repository("shop/other").private();
    world.emulator.install(
        "shop",
        Access {
            repositories: Some(["shop/app".to_owned()].into()),
            ..Access::default()
        },
    );
    let told = world.tell(&["shop/app", "shop/other"]).await;
    assert_eq!(told[0], "ok");
    assert!(
        told[1].contains("that the App's installation for shop includes the repository"),
        "{}",
        told[1]
    );
}

#[tokio::test(start_paused = true)]
async fn permissions_that_are_not_granted_are_not_asked_for() {
    for (name, access, expected) in [
        (
            "no contents",
            Access {
                contents: Level::None,
                ..Access::default()
            },
            "ok",
        ),
        (
            "reading only",
            Access {
                deployments: Level::Read,
                ..Access::default()
            },
            "grant deployments=write to the App, accept that for shop",
        ),
    ] {
        let world = World::new();
        world.emulator.add_repository("shop/app").private();
        world.emulator.install("shop", access);
        assert_eq!(world.tell(&["shop/app"]).await, ["ok"], "{name}");
        assert_eq!(
            world.token_requests(),
            [
                json!({"repositories": ["app"], "permissions": permissions()}),
                json!({"repositories": ["app"]}),
            ],
            "{name}: the repositories stay"
        );
        let told = world
            .create("shop/app")
            .await
            .map_or_else(|error| error.to_string(), |_| "ok".to_owned());
        assert!(told.contains(expected), "{name}: {told}");
    }
}

#[tokio::test(start_paused = true)]
async fn more_repositories_than_a_token_can_name() {
    let world = World::new();
    let names: Vec<String> = (0..501).map(|index| format!("shop/r{index}")).collect();
    for name in &names {
        world.emulator.add_repository(name).private();
    }
    world.emulator.install("shop", Access::default());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(world.tell(&names[..500]).await.iter().all(|told| told == "ok"));
    assert!(world.tell(&names).await.iter().all(|told| told == "ok"));
    let requests = world.token_requests();
    assert_eq!(requests[0]["repositories"].as_array().unwrap().len(), 500);
    assert_eq!(requests[1..], [json!({"permissions": permissions()})]);
}
