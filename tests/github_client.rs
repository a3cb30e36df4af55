//! The client against a whole GitHub: what it asks fits GitHub's own descriptions, and what it understands is so.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

use std::time::Duration;

use github_emulator::{Access, Emulator, Fault, FaultKind, Level, OperationKind};
use kube_status_to_github::{
    github::{
        Created, Credentials, EnvironmentQuery, EnvironmentReading, GitHub, GitHubError, NewDeployment, NewStatus,
        ResolvedRef, Settings, WriteError,
    },
    plan::{By, Environment, GitRef, Identity, LatestStatus, MARKER_VERSION, Marker, Repository, State},
};
use serde_json::Map;
use tokio::time::Instant;

const REPOSITORY: &str = "octo-org/shop";
const TOKEN: &str = "a-token";

/// The client, and the GitHub that it talks to.
struct World {
    emulator: Emulator,
    github: GitHub,
}

impl World {
    fn new() -> Self {
        let emulator = Emulator::default();
        let settings = Settings::new(
            "https://api.github.com".parse().unwrap(),
            Credentials::Token(TOKEN.to_owned().into()),
        );
        let github = GitHub::with_service(emulator.service(), &settings).unwrap();
        Self { emulator, github }
    }

    /// With one repository, and a branch `main` in it.
    fn with_repository() -> Self {
        let world = Self::new();
        world.emulator.add_repository(REPOSITORY);
        world
    }

    async fn try_read(&self, refs: &[&str]) -> Result<EnvironmentReading, GitHubError> {
        self.github
            .read(&[query(REPOSITORY, "production", refs)])
            .await
            .remove(0)
    }

    async fn read(&self) -> EnvironmentReading {
        self.try_read(&["main"]).await.unwrap()
    }

    async fn create(&self, known: Option<&str>) -> Result<Created, WriteError> {
        let git_ref = GitRef::new("main");
        let identity = Identity {
            by: Some(By::new("shop", "app")),
            uid: Some("uid".to_owned()),
            ..Identity::default()
        };
        let new = NewDeployment {
            repository: repository(REPOSITORY),
            environment: "production".to_owned(),
            task: "deploy".to_owned(),
            git_ref: git_ref.clone(),
            payload: Map::new(),
            marker: Marker {
                v: MARKER_VERSION,
                git_ref,
                transient: false,
                production: true,
                identity,
                source: None,
            },
            description: "Deployment shop/app".to_owned(),
            known: known.map(str::to_owned),
        };
        self.github.create_deployment(&new).await
    }

    async fn post(&self, deployment: &str, state: State) -> Result<(), WriteError> {
        let new = NewStatus {
            repository: repository(REPOSITORY),
            deployment: deployment.to_owned(),
            state,
            description: "available".to_owned(),
            environment_url: Some("https://shop.example".to_owned()),
            log_url: None,
            auto_inactive: true,
        };
        self.github.create_status(&new).await
    }

    fn requests(&self, operation: OperationKind) -> usize {
        let journal = self.emulator.journal();
        journal.iter().filter(|entry| entry.operation == operation).count()
    }
}

/// No test ends with a request that GitHub's descriptions do not allow.
impl Drop for World {
    fn drop(&mut self) {
        let violations = self.emulator.violations();
        assert!(std::thread::panicking() || violations.is_empty(), "{violations:#?}");
    }
}

fn repository(name: &str) -> Repository {
    Repository::parse(name, None).unwrap()
}

fn query(name: &str, environment: &str, refs: &[&str]) -> EnvironmentQuery {
    EnvironmentQuery {
        environment: Environment {
            repository: repository(name),
            name: environment.to_owned(),
        },
        refs: refs.iter().map(|name| (*name).to_owned()).collect(),
        sources: 1,
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_and_twenty_environments_are_three_requests() {
    let world = World::new();
    let names = ["octo-org/a", "octo-org/b", "octo-org/c"];
    for name in names {
        world.emulator.add_repository(name).private();
    }
    let queries: Vec<_> = (0..120)
        .map(|index| query(names[index % 3], &format!("preview/{index}"), &["main", "gone"]))
        .collect();
    let start = Instant::now();
    for reading in world.github.read(&queries).await {
        let reading = reading.unwrap();
        assert!(reading.existing.complete && reading.private && !reading.archived);
        assert!(matches!(reading.refs["main"], ResolvedRef::Found { movable: true, .. }));
        assert_eq!(reading.refs["gone"], ResolvedRef::NotFound);
    }
    assert_eq!(world.emulator.journal().len(), 3);
    assert!(start.elapsed() < Duration::from_millis(100), "without a pause");
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_read_again() {
    let world = World::with_repository();
    let start = Instant::now();
    let first = world.create(None).await.unwrap();
    world.post(&first.node_id, State::InProgress).await.unwrap();
    world.post(&first.node_id, State::Success).await.unwrap();
    let second = world.create(Some(&first.node_id)).await.unwrap();
    world.post(&second.node_id, State::Success).await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(100), "a few writes go at once");

    let shown = world.emulator.deployments(REPOSITORY, "production");
    assert_eq!(shown[0].id, first.id.unwrap());
    assert_eq!(
        shown[0].states(),
        ["in_progress", "success"],
        "GitHub spares production"
    );
    assert!(shown[0].production && !shown[0].transient);
    assert_eq!(shown[0].statuses[1].environment_url, "https://shop.example");

    let reading = world.read().await;
    let [newest, older] = &reading.existing.deployments[..] else {
        panic!("{reading:?}")
    };
    assert_eq!(
        (&newest.node_id, &newest.status),
        (&second.node_id, &LatestStatus::Success)
    );
    assert_eq!(
        (&older.node_id, &older.status),
        (&first.node_id, &LatestStatus::Success)
    );
    assert_eq!(newest.marker.as_ref().unwrap().git_ref, GitRef::new("main"));
    assert_eq!(newest.ref_name, Some(GitRef::new("main")));
    assert_eq!(newest.commit, shown[1].sha);
}

#[tokio::test(start_paused = true)]
async fn every_form_of_a_ref_is_resolved() {
    let world = World::new();
    let (commit, other) = ("0123456789abcdef0123456789abcdef01234567", "fedcba98".repeat(5));
    world
        .emulator
        .add_repository(REPOSITORY)
        .commit(commit)
        .annotated_tag_at("v1", commit)
        .branch_at("fedcba9", commit)
        .commit(&other);
    let found = |git_ref: &str, movable| ResolvedRef::Found {
        git_ref: GitRef::new(git_ref),
        commit: Some(commit.to_owned()),
        movable,
    };
    let rows = [
        ("annotated tag", "v1", found("v1", true)),
        ("annotated tag, whole name", "refs/tags/v1", found("v1", true)),
        ("commit", commit, found(commit, false)),
        ("short commit", "0123456", found(commit, false)),
        ("short commit, but a branch", "fedcba9", found("fedcba9", true)),
        ("unknown", "v2", ResolvedRef::NotFound),
        ("no such branch", "refs/heads/v1", ResolvedRef::NotFound),
    ];
    let reading = world
        .try_read(&rows.each_ref().map(|(_, name, _)| *name))
        .await
        .unwrap();
    for (name, text, expected) in rows {
        assert_eq!(reading.refs[text], expected, "{name}");
    }
    let access = Access {
        contents: Level::None,
        ..Access::default()
    };
    world.emulator.allow_token(TOKEN, access);
    let reading = world.try_read(&["0123456"]).await.unwrap();
    let git_ref = GitRef::new("0123456");
    assert_eq!(reading.refs["0123456"], ResolvedRef::NotReadable { git_ref });
}

#[tokio::test(start_paused = true)]
async fn a_lost_create_is_found_or_reported_but_never_repeated() {
    let kinds = [
        FaultKind::LostAnswer,
        FaultKind::CutBody,
        FaultKind::EmptyBody,
        FaultKind::Garbled,
        FaultKind::Html,
    ];
    for kind in kinds {
        for done in [true, false] {
            let world = World::with_repository();
            let fault = Fault::on(OperationKind::CreateDeployment, kind.clone());
            world.emulator.inject(if done { fault.after() } else { fault });
            let result = world.create(None).await;
            assert_eq!(world.requests(OperationKind::CreateDeployment), 1, "{kind:?}");
            let shown = world.emulator.deployments(REPOSITORY, "production");
            assert_eq!(shown.len(), usize::from(done), "{kind:?}");
            match result {
                Ok(created) => assert_eq!(created.node_id, shown[0].node_id, "{kind:?}"),
                Err(error) => assert!(!done && matches!(error, WriteError::Lost { .. }), "{kind:?}: {error}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_status_is_there_once() {
    for done in [true, false] {
        let world = World::with_repository();
        let created = world.create(None).await.unwrap();
        let fault = Fault::on(OperationKind::GraphQlMutation, FaultKind::LostAnswer);
        world.emulator.inject(if done { fault.after() } else { fault });
        world.post(&created.node_id, State::Success).await.unwrap();
        assert_eq!(
            world.emulator.deployments(REPOSITORY, "production")[0].states(),
            ["success"]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_renamed_repository_is_followed() {
    let world = World::new();
    world.emulator.add_repository(REPOSITORY).renamed_to("octo-org/store");
    assert!(world.read().await.existing.deployments.is_empty());
    let created = world.create(None).await.unwrap();
    world.post(&created.node_id, State::Success).await.unwrap();
    let shown = world.emulator.deployments("octo-org/store", "production");
    assert_eq!(shown[0].states(), ["success"]);
    assert_eq!(world.read().await.existing.deployments.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_why() {
    let world = World::new();
    assert_eq!(world.try_read(&[]).await.unwrap_err().reason(), "RepositoryNotFound");
    assert_eq!(world.create(None).await.unwrap_err().reason(), "RepositoryNotFound");

    let repository = world.emulator.add_repository(REPOSITORY);
    let created = world.create(None).await.unwrap();
    let repository = repository.without_ref("main");
    assert_eq!(world.create(None).await.unwrap_err().reason(), "RefNotFound");

    let repository = repository.branch("main").archived();
    assert!(world.read().await.archived);
    assert_eq!(world.create(None).await.unwrap_err().reason(), "RepositoryArchived");
    let error = world.post(&created.node_id, State::Success).await.unwrap_err();
    assert_eq!(error.reason(), "RepositoryArchived");

    repository.change(|repository| repository.archived = false);
    let access = Access {
        deployments: Level::Read,
        ..Access::default()
    };
    world.emulator.allow_token(TOKEN, access);
    let error = world.create(None).await.unwrap_err();
    assert_eq!(error.reason(), "GitHubForbidden");
    assert!(error.to_string().contains("deployments=write"), "{error}");
    let error = world.post(&created.node_id, State::Success).await.unwrap_err();
    assert_eq!(error.reason(), "GitHubForbidden");
    assert_eq!(world.github.limited_until(), None, "a missing permission is no limit");

    world.emulator.allow_token("another", Access::default());
    world.emulator.revoke_token(TOKEN);
    assert_eq!(world.try_read(&[]).await.unwrap_err().reason(), "BadCredentials");
    assert_eq!(world.create(None).await.unwrap_err().reason(), "BadCredentials");
}

#[tokio::test(start_paused = true)]
async fn a_secondary_limit_silences_the_client() {
    for (retry_after, seconds) in [(Some(30), 30), (None, 60)] {
        let world = World::with_repository();
        let start = Instant::now();
        let fault = FaultKind::RateLimitSecondary { retry_after };
        world.emulator.inject(Fault::on(OperationKind::CreateDeployment, fault));
        for _ in 0..2 {
            assert_eq!(world.create(None).await.unwrap_err().reason(), "RateLimited");
        }
        assert_eq!(world.emulator.journal().len(), 1, "nothing is sent into a limit");
        let until = world.github.limited_until().unwrap();
        assert_eq!(until - start, Duration::from_secs(seconds));
        world.read().await;
        assert_eq!(start.elapsed().as_secs(), seconds, "reading waits for its end");
        world.create(None).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn data_beside_errors_is_read_in_full() {
    let world = World::with_repository();
    let fault = FaultKind::GraphQlErrors {
        data: true,
        kind: "RESOURCE_LIMITS_EXCEEDED".to_owned(),
        message: "Resource limits for this query exceeded.".to_owned(),
    };
    world.emulator.inject(Fault::on(OperationKind::GraphQlQuery, fault));
    let reading = world.read().await;
    assert!(matches!(reading.refs["main"], ResolvedRef::Found { .. }), "{reading:?}");
    assert_eq!(world.emulator.remaining_faults(), []);
}
