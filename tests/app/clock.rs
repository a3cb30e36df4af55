//! Clocks that differ, keys that do not fit, and the life of a token.

use std::time::Duration;

use github_emulator::{Access, Fault, FaultKind, OperationKind};

use crate::world::{KEY, OTHER_KEY, World};

const API: &str = "https://api.github.com";

#[tokio::test(start_paused = true)]
async fn every_form_of_id_and_key_signs() {
    for (name, id, key) in [
        ("id", "7", KEY.to_owned()),
        ("client id", "Iv23liSeven", KEY.to_owned()),
        (
            "line breaks written out, in quotes",
            " 7\n",
            format!("\"{}\"", KEY.replace('\n', "\\n")),
        ),
    ] {
        let world = World::with(id, &key, None, API);
        world.emulator.add_repository("shop/app").private();
        world.emulator.install("shop", Access::default());
        assert_eq!(world.tell(&["shop/app"]).await, ["ok"], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_belong_together_is_told() {
    let told = "check that GITHUB_APP_ID and the private key are of the same App, and that GITHUB_API is its GitHub";
    for (name, id, key, words) in [
        (
            "another App's key",
            "7",
            OTHER_KEY,
            "A JSON web token could not be decoded",
        ),
        ("another App's id", "8", KEY, "Integration not found"),
    ] {
        let world = World::with(id, key, None, API);
        let repositories = ["a/app", "b/app", "c/app", "d/app", "shop/app"];
        for repository in repositories {
            world.emulator.add_repository(repository);
        }
        world.emulator.install("shop", Access::default());
        let errors = world.read(&repositories).await;
        for error in errors.into_iter().map(Result::unwrap_err) {
            assert_eq!(error.reason(), "BadCredentials", "{name}");
            let message = error.to_string();
            assert!(
                message.starts_with(&format!("GitHub refuses the GitHub App ({words}): {told} (request ")),
                "{message}"
            );
        }
        // One refusal may be about one owner; after three nobody else is asked for.
        assert_eq!(world.asked().len(), 3, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_ten_minutes_wrong_is_corrected_once() {
    for minutes in [10, -10] {
        let world = World::new();
        for owner in ["shop", "team"] {
            world.emulator.add_repository(&format!("{owner}/app")).private();
            world.emulator.install(owner, Access::default());
        }
        world.emulator.advance(minutes * 60);
        assert_eq!(world.tell(&["shop/app", "team/app"]).await, ["ok", "ok"], "{minutes}");
        let one = [
            "GetOrganizationInstallation 200",
            "CreateAccessToken 201",
            "GraphQlQuery 200",
        ];
        let asked = world.asked();
        assert_eq!(asked[0], "GetOrganizationInstallation 401", "{minutes}");
        assert_eq!(
            asked[1..],
            [one, one].concat(),
            "{minutes}: GitHub's clock counts from then on"
        );

        tokio::time::advance(Duration::from_secs(57 * 60)).await;
        assert_eq!(world.tell(&["shop/app"]).await, ["ok"], "{minutes}");
        assert_eq!(world.asked(), one[1..], "{minutes}: an hour later, too");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_within_the_allowance_needs_no_correction() {
    for seconds in [-50, 50, 500] {
        let world = World::new();
        world.emulator.add_repository("shop/app");
        world.emulator.install("shop", Access::default());
        world.emulator.advance(seconds);
        assert_eq!(world.tell(&["shop/app"]).await, ["ok"], "{seconds}");
        assert_eq!(world.asked()[0], "GetOrganizationInstallation 200", "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_corrected_is_corrected_again() {
    let world = World::new();
    world.emulator.add_repository("shop/app");
    world.emulator.install("shop", Access::default());
    for (minutes, corrections) in [(-10, 1), (0, 0), (35, 1), (-25, 1)] {
        world.emulator.advance(minutes * 60);
        // Whatever the clocks are, a token is not used for an hour.
        tokio::time::advance(Duration::from_secs(56 * 60)).await;
        assert_eq!(world.tell(&["shop/app"]).await, ["ok"], "{minutes}");
        let refused = world
            .asked()
            .into_iter()
            .filter(|asked| asked.ends_with(" 401"))
            .count();
        assert_eq!(refused, corrections, "{minutes}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ends_in_the_middle_of_a_pass_is_renewed() {
    let world = World::new();
    world.emulator.add_repository("shop/app").private();
    let installation = world.emulator.install("shop", Access::default());
    world.read(&["shop/app"]).await.remove(0).unwrap();
    world.asked();

    // Its time is over by both clocks.
    tokio::time::advance(Duration::from_secs(61 * 60)).await;
    world.create("shop/app").await.unwrap();
    assert_eq!(world.asked(), ["CreateAccessToken 201", "CreateDeployment 201"]);

    // GitHub ends it early.
    tokio::time::advance(Duration::from_secs(60)).await;
    let fault = FaultKind::Status { code: 401, body: None };
    world.emulator.inject(Fault::on(OperationKind::CreateDeployment, fault));
    world.create("shop/app").await.unwrap();
    assert_eq!(
        world.asked(),
        ["CreateDeployment 401", "CreateAccessToken 201", "CreateDeployment 201"]
    );

    // The App is installed anew.
    world.emulator.uninstall(installation.id);
    world.emulator.install("shop", Access::default());
    tokio::time::advance(Duration::from_secs(60)).await;
    world.create("shop/app").await.unwrap();
    assert_eq!(
        world.asked(),
        [
            "CreateDeployment 401",
            "CreateAccessToken 404",
            "GetOrganizationInstallation 200",
            "CreateAccessToken 201",
            "CreateDeployment 201"
        ]
    );
    assert_eq!(world.emulator.all_deployments("shop/app").len(), 3);
}
