//! Many owners in one pass: each has an installation of its own, or fails alone.

use std::time::Duration;

use github_emulator::{Access, Fault, FaultKind, OperationKind};
use tokio::time::Instant;

use crate::world::{KEY, World};

const API: &str = "https://api.github.com";

#[tokio::test(start_paused = true)]
async fn organisations_and_users_have_a_token_each() {
    let world = World::new();
    for name in ["shop/app", "shop/web", "someone/app"] {
        world.emulator.add_repository(name).private();
    }
    world.emulator.install("Shop", Access::default());
    world.emulator.install_for_user("someone", Access::default());
    let start = Instant::now();
    let repositories = ["shop/app", "someone/app", "SHOP/web"];
    assert_eq!(world.tell(&repositories).await, ["ok", "ok", "ok"]);
    let first = [
        "GetOrganizationInstallation 200",
        "CreateAccessToken 201",
        "GraphQlQuery 200",
        "GetOrganizationInstallation 404",
        "GetUserInstallation 200",
        "CreateAccessToken 201",
        "GraphQlQuery 200",
    ];
    assert_eq!(world.asked(), first);
    assert_eq!(world.tell(&repositories).await, ["ok", "ok", "ok"]);
    assert_eq!(
        world.asked(),
        ["GraphQlQuery 200", "GraphQlQuery 200"],
        "nothing is asked twice"
    );
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_owner_without_installation_fails_alone_and_is_told_where_to_install() {
    for (api, page) in [
        (API, "https://github.com/apps/rollouts"),
        ("https://ghes.example", "https://ghes.example/github-apps/rollouts"),
    ] {
        let world = World::with("7", KEY, None, api);
        for name in ["bare/app", "bare/web", "none/app", "shop/app"] {
            world.emulator.add_repository(name);
        }
        world.emulator.install("shop", Access::default());
        let not = |owner: &str| {
            format!("the GitHub App is not installed for {owner}: install it there, at {page}/installations/new")
        };
        let repositories = ["bare/app", "none/app", "shop/app", "bare/web"];
        assert_eq!(
            world.tell(&repositories).await,
            [not("bare"), not("none"), "ok".to_owned(), not("bare")]
        );
        let asked = world.asked();
        let count = |operation: &str| asked.iter().filter(|asked| asked.starts_with(operation)).count();
        assert_eq!(count("GetApp"), 1, "the address is asked for once: {asked:?}");
        assert_eq!(count("GetOrganizationInstallation"), 3, "{asked:?}");
        assert_eq!(world.create("bare/app").await.unwrap_err().to_string(), not("bare"));
        assert_eq!(world.asked(), Vec::<String>::new(), "known for this pass");

        world.emulator.install("bare", Access::default());
        tokio::time::advance(Duration::from_secs(60)).await;
        world.create("bare/app").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_app_does_not_say_what_it_is_words_do() {
    let world = World::new();
    world.emulator.add_repository("bare/app");
    world
        .emulator
        .inject(Fault::on(OperationKind::GetApp, FaultKind::Html).always());
    assert_eq!(
        world.tell(&["bare/app"]).await,
        ["the GitHub App is not installed for bare: install it there"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_suspended_installation_stops_its_owner_only() {
    let world = World::new();
    for name in ["held/app", "person/app", "shop/app"] {
        world.emulator.add_repository(name);
    }
    world.emulator.install("shop", Access::default());
    let held = world.emulator.install("held", Access::default());
    let person = world.emulator.install_for_user("person", Access::default());
    world.emulator.suspend_installation(held.id, true);
    world.emulator.suspend_installation(person.id, true);
    assert_eq!(
        world.tell(&["held/app", "person/app", "shop/app"]).await,
        [
            format!(
                "the GitHub App's installation for held is suspended: unsuspend it at \
                 https://github.com/organizations/held/settings/installations/{}",
                held.id
            ),
            format!(
                "the GitHub App's installation for person is suspended: unsuspend it at \
                 https://github.com/settings/installations/{}",
                person.id
            ),
            "ok".to_owned(),
        ]
    );
    let error = world.create("held/app").await.unwrap_err();
    assert_eq!(error.reason(), "AppSuspended");
    assert!(!error.concerns_everything());

    world.emulator.suspend_installation(held.id, false);
    tokio::time::advance(Duration::from_secs(60)).await;
    world.create("held/app").await.unwrap();
    // While a pass is under way.
    world.emulator.suspend_installation(held.id, true);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(world.create("held/app").await.unwrap_err().reason(), "AppSuspended");
}

#[tokio::test(start_paused = true)]
async fn a_given_installation_is_used_as_it_is() {
    let world = World::with("7", KEY, Some(51_000_001), API);
    world.emulator.add_repository("shop/app").private();
    let installation = world.emulator.install("shop", Access::default());
    assert_eq!(installation.id, 51_000_001);
    assert_eq!(world.tell(&["shop/app"]).await, ["ok"]);
    assert_eq!(
        world.asked(),
        ["CreateAccessToken 201", "GraphQlQuery 200"],
        "not looked up"
    );

    world.emulator.suspend_installation(installation.id, true);
    tokio::time::advance(Duration::from_secs(56 * 60)).await;
    assert_eq!(
        world.tell(&["shop/app"]).await,
        [
            "the GitHub App's installation for shop is suspended: unsuspend it in the settings of shop, under GitHub Apps"
        ]
    );

    world.emulator.uninstall(installation.id);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(
        world.tell(&["shop/app"]).await,
        [
            "the GitHub App has no installation 51000001: correct GITHUB_APP_INSTALLATION_ID, or leave it out to have \
          the installation of each owner found"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_hundred_owners_are_read_side_by_side() {
    const OWNERS: usize = 100;
    let world = World::new();
    let repositories: Vec<String> = (0..OWNERS).map(|index| format!("owner-{index}/app")).collect();
    for repository in &repositories {
        world.emulator.add_repository(repository).private();
        let (owner, _) = repository.split_once('/').unwrap();
        world.emulator.install(owner, Access::default());
    }
    let late = FaultKind::Delay { milliseconds: 100 };
    world.emulator.inject(Fault::new(late).always());
    let start = Instant::now();
    let repositories: Vec<&str> = repositories.iter().map(String::as_str).collect();
    assert_eq!(world.tell(&repositories).await, ["ok"; OWNERS]);
    // The App's installation, its token, and what is asked for: the first owner alone, the others twenty at a time.
    let took = start.elapsed();
    let expected = Duration::from_millis(300 + 300 * 5);
    assert!(
        took >= expected && took < expected + Duration::from_millis(100),
        "{took:?}"
    );
    assert_eq!(world.asked().len(), 3 * OWNERS);
    assert_eq!(world.emulator.most_at_once(), 20);
}

#[tokio::test(start_paused = true)]
async fn an_outage_among_many_owners_is_not_met_by_all_of_them() {
    let world = World::new();
    let repositories: Vec<String> = (0..100).map(|index| format!("owner-{index}/app")).collect();
    for repository in &repositories {
        world.emulator.add_repository(repository);
        let (owner, _) = repository.split_once('/').unwrap();
        world.emulator.install(owner, Access::default());
    }
    let refused = FaultKind::Status { code: 401, body: None };
    let after_some = Fault::on(OperationKind::GetOrganizationInstallation, refused).nth(11);
    world.emulator.inject(after_some.always());
    let repositories: Vec<&str> = repositories.iter().map(String::as_str).collect();
    let read = world.read(&repositories).await;
    assert_eq!(read.iter().filter(|reading| reading.is_ok()).count(), 10);
    let asked = world.asked();
    let refused = asked.iter().filter(|asked| asked.ends_with(" 401")).count();
    // Those that were under way, and three.
    assert!(refused <= 23, "{refused}");
}
