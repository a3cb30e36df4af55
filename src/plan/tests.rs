//! The rows of both tables, one situation each, and what must hold for all of them.

#![allow(clippy::unwrap_used, reason = "a test may end where its own table is wrong")]

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::*;

/// One row of `cases.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    wanted: Vec<SourceRow>,
    #[serde(default)]
    off: Vec<SourceRow>,
    #[serde(default)]
    unknown: Vec<SourceRow>,
    #[serde(default)]
    existing: Vec<DeploymentRow>,
    #[serde(default = "yes")]
    complete: bool,
    /// `namespace/name` of GitHubDeployments that exist beside the sources, and the object they name.
    #[serde(default)]
    others: BTreeMap<String, String>,
    /// `namespace/name` of GitHubDeployments that exist beside the sources, for the same object in another environment.
    #[serde(default)]
    elsewhere: Vec<String>,
    /// Namespaces that were read whole.
    #[serde(default)]
    read: Vec<String>,
    rules: Vec<Rule>,
    changes: Vec<String>,
}

/// A source: Deployment shop/app seen through GitHubDeployment shop/app, unless said otherwise.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SourceRow {
    by: String,
    cluster: Option<String>,
    object: String,
    uid: Option<String>,
    rollout: Option<String>,
    task: String,
    #[serde(rename = "ref")]
    git_ref: String,
    commit: Option<String>,
    movable: bool,
    state: State,
    recover: bool,
    auto_inactive: bool,
    transient: bool,
    given_ref: bool,
    old: bool,
    close: bool,
}

impl Default for SourceRow {
    fn default() -> Self {
        Self {
            by: "shop/app".into(),
            cluster: Some("eu".into()),
            object: "Deployment shop/app".into(),
            uid: Some("u1".into()),
            rollout: Some("r1".into()),
            task: "deploy".into(),
            git_ref: "v1".into(),
            commit: None,
            movable: true,
            state: State::Success,
            recover: false,
            auto_inactive: true,
            transient: false,
            given_ref: false,
            old: false,
            close: false,
        }
    }
}

/// A deployment with the marker of that source, unless said otherwise.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeploymentRow {
    id: String,
    status: LatestStatus,
    #[serde(default = "yes")]
    ours: bool,
    #[serde(default)]
    commit: String,
    #[serde(default)]
    production: bool,
    #[serde(flatten)]
    source: SourceRow,
}

fn yes() -> bool {
    true
}

/// The environment of every case.
fn environment() -> Environment {
    Environment {
        repository: Repository::parse("shop/app", None).unwrap(),
        name: "staging".into(),
    }
}

fn by(text: &str) -> Option<By> {
    text.split_once('/').map(|(namespace, name)| By::new(namespace, name))
}

impl SourceRow {
    fn identity(&self) -> Identity {
        Identity {
            by: by(&self.by),
            cluster: self.cluster.as_ref().map(|cluster| Hash::of(&[cluster])),
            object: self.cluster.as_ref().map(|cluster| Hash::of(&[cluster, &self.object])),
            uid: self.uid.clone(),
            rollout: self.rollout.as_ref().map(|rollout| Hash::of(&[rollout])),
        }
    }
}

impl Case {
    fn situation(&self) -> Situation {
        let cluster = "eu";
        let mut named: BTreeMap<By, Named> = BTreeMap::new();
        let mut name = |text: &str, object, environment| {
            let environment = Some(environment);
            named.extend(by(text).map(|by| (by, Named { object, environment })));
        };
        for source in self.wanted.iter().chain(&self.off).chain(&self.unknown) {
            name(&source.by, source.identity().object, environment());
        }
        for (other, object) in &self.others {
            name(other, Some(Hash::of(&[cluster, object])), environment());
        }
        for other in &self.elsewhere {
            let elsewhere = Environment {
                name: "elsewhere".to_owned(),
                ..environment()
            };
            name(other, SourceRow::default().identity().object, elsewhere);
        }
        let wanted = |(index, row): (usize, &SourceRow)| Wanted {
            index,
            sort_name: row.by.clone(),
            identity: row.identity(),
            task: row.task.clone(),
            git_ref: GitRef::new(&row.git_ref),
            commit: row.commit.clone(),
            movable: row.movable,
            state: row.state,
            recover: row.recover,
            auto_inactive: row.auto_inactive,
            transient: row.transient,
            production: false,
            given_ref: row.given_ref,
            older_than_since: row.old,
        };
        let deployment = |row: &DeploymentRow| Deployment {
            node_id: row.id.clone(),
            id: None,
            task: row.source.task.clone(),
            ref_name: Some(GitRef::new(&row.source.git_ref)),
            commit: row.commit.clone(),
            status: row.status.clone(),
            marker: row.ours.then(|| Marker {
                v: MARKER_VERSION,
                git_ref: GitRef::new(&row.source.git_ref),
                transient: row.source.transient,
                production: row.production,
                identity: row.source.identity(),
                source: None,
            }),
        };
        let first_off = self.wanted.len();
        let first_unknown = first_off + self.off.len();
        Situation {
            environment: environment(),
            wanted: self.wanted.iter().enumerate().map(wanted).collect(),
            off: (first_off..)
                .zip(&self.off)
                .map(|(index, row)| Off {
                    index,
                    identity: row.identity(),
                    task: row.task.clone(),
                    close: row.close,
                })
                .collect(),
            unknown: (first_unknown..)
                .zip(&self.unknown)
                .map(|(index, row)| Unknown {
                    index,
                    identity: row.identity(),
                    task: row.task.clone(),
                })
                .collect(),
            knowledge: std::sync::Arc::new(Knowledge {
                cluster: Some(Hash::of(&[cluster])),
                complete: ReadNamespaces::Only(self.read.iter().map(|namespace| Hash::of(&[namespace])).collect()),
                named,
            }),
            existing: Existing {
                deployments: self.existing.iter().map(deployment).collect(),
                complete: self.complete,
            },
        }
    }
}

fn in_words(change: &Change) -> String {
    let inactive = |auto_inactive: &bool| if *auto_inactive { " auto_inactive" } else { "" };
    match change {
        Change::Create {
            git_ref,
            state,
            auto_inactive,
            ..
        } => {
            format!("create {git_ref} {state}{}", inactive(auto_inactive))
        }
        Change::Status {
            deployment,
            state,
            auto_inactive,
            ..
        } => {
            format!("{deployment} {state}{}", inactive(auto_inactive))
        }
        Change::Close { deployment, rule, .. } => format!("close {deployment} {rule}"),
    }
}

fn cases() -> Vec<Case> {
    serde_saphyr::from_str(include_str!("cases.yaml")).unwrap()
}

#[test]
fn every_case_gives_its_rules_and_changes() {
    for case in cases() {
        let changes = plan(&case.situation());
        let rules: Vec<Rule> = changes.verdicts.iter().map(|verdict| verdict.rule).collect();
        let writes: Vec<String> = changes.changes.iter().map(in_words).collect();
        assert_eq!(
            (rules, writes),
            (case.rules.clone(), case.changes.clone()),
            "{}",
            case.name
        );
    }
}

#[test]
fn every_row_has_a_case() {
    let mut reached: BTreeSet<Rule> = BTreeSet::new();
    for case in cases() {
        let changes = plan(&case.situation());
        reached.extend(changes.verdicts.iter().map(|verdict| verdict.rule));
        reached.extend(changes.changes.iter().map(Change::rule));
    }
    let all: BTreeSet<Rule> = Rule::ALL.into_iter().collect();
    assert_eq!(reached, all);
}

/// What GitHub shows after the changes, its own closing included.
fn applied(situation: &Situation, changes: &Changes) -> Situation {
    let mut after = situation.clone();
    for (position, change) in changes.changes.iter().enumerate() {
        let (target, auto_inactive) = match change {
            Change::Create {
                index,
                git_ref,
                auto_inactive,
                ..
            } => {
                let wanted = situation.wanted.iter().find(|wanted| wanted.index == *index).unwrap();
                let node_id = format!("created {position}");
                after.existing.deployments.insert(
                    0,
                    Deployment {
                        node_id: node_id.clone(),
                        id: None,
                        task: wanted.task.clone(),
                        ref_name: Some(git_ref.clone()),
                        commit: wanted.commit.clone().unwrap_or_default(),
                        status: LatestStatus::None,
                        marker: Some(Marker {
                            v: MARKER_VERSION,
                            git_ref: git_ref.clone(),
                            transient: wanted.transient,
                            production: wanted.production,
                            identity: wanted.identity.clone(),
                            source: None,
                        }),
                    },
                );
                (node_id, *auto_inactive)
            }
            Change::Status {
                deployment,
                auto_inactive,
                ..
            } => (deployment.clone(), *auto_inactive),
            Change::Close { deployment, .. } => (deployment.clone(), false),
        };
        let place = after
            .existing
            .deployments
            .iter()
            .position(|deployment| deployment.node_id == target)
            .unwrap();
        after.existing.deployments[place].status = change.state().into();
        if auto_inactive && change.state() == State::Success {
            for older in &mut after.existing.deployments[place + 1..] {
                let spared = older
                    .marker
                    .as_ref()
                    .is_some_and(|marker| marker.transient || marker.production);
                if older.status == LatestStatus::Success && !spared {
                    older.status = LatestStatus::Inactive;
                }
            }
        }
    }
    after
}

#[test]
fn a_second_pass_writes_nothing() {
    for case in cases() {
        let situation = case.situation();
        let after = applied(&situation, &plan(&situation));
        let again: Vec<String> = plan(&after).changes.iter().map(in_words).collect();
        assert!(again.is_empty(), "{}: {again:?}", case.name);
    }
}

#[test]
fn a_situation_survives_json() {
    for case in cases() {
        let situation = case.situation();
        let text = serde_json::to_string(&situation).unwrap();
        let read: Situation = serde_json::from_str(&text).unwrap();
        assert_eq!(plan(&read), plan(&situation), "{}", case.name);
    }
}

#[test]
fn enough_is_read_when_every_source_has_its_line_and_nothing_is_created() {
    let old = SourceRow {
        old: true,
        ..SourceRow::default()
    };
    let state = |state| SourceRow {
        state,
        ..SourceRow::default()
    };
    let (success, under_way) = (state(State::Success), state(State::InProgress));
    let row = |status, task: &str| DeploymentRow {
        id: "d1".into(),
        status,
        ours: true,
        commit: String::new(),
        production: false,
        source: SourceRow {
            task: task.into(),
            ..SourceRow::default()
        },
    };
    let line = |status| row(status, "deploy");
    let of_another_task = row(LatestStatus::Success, "migrate");
    let cases = [
        (
            "the line shows it already",
            &success,
            line(LatestStatus::Success),
            false,
            true,
        ),
        (
            "progress needs no history",
            &under_way,
            line(LatestStatus::None),
            false,
            true,
        ),
        ("a success does", &success, line(LatestStatus::InProgress), false, false),
        (
            "at the end there is no more",
            &success,
            line(LatestStatus::InProgress),
            true,
            true,
        ),
        (
            "what is left alone may have a line further back",
            &old,
            of_another_task,
            false,
            false,
        ),
    ];
    for (name, source, deployment, complete, expected) in cases {
        let case = Case {
            name: name.into(),
            wanted: vec![source.clone()],
            off: Vec::new(),
            unknown: Vec::new(),
            existing: vec![deployment],
            complete,
            others: BTreeMap::new(),
            elsewhere: Vec::new(),
            read: Vec::new(),
            rules: Vec::new(),
            changes: Vec::new(),
        };
        assert_eq!(is_enough(&case.situation()), expected, "{name}");
    }
}

#[test]
fn refs_are_the_same() {
    let full = "0123456789abcdef0123456789abcdef01234567";
    let cases = [
        ("equal names", "v1", "v1", true),
        ("a branch by its full name", "refs/heads/main", "main", true),
        ("a tag by its full name", "refs/tags/v1", "v1", true),
        ("other namespaces stay", "refs/pull/1/head", "1/head", false),
        ("case counts in names", "V1", "v1", false),
        ("a short commit", "0123456", full, true),
        ("commits without case", "0123456789ABCDEF", full, true),
        ("too short for a commit", "012345", full, false),
        ("another commit", "1123456", full, false),
    ];
    for (name, a, b, expected) in cases {
        assert_eq!(GitRef::new(a).same(&GitRef::new(b)), expected, "{name}");
        assert_eq!(
            GitRef::new(b).same(&GitRef::new(a)),
            expected,
            "{name}, the other way round"
        );
    }
}

#[test]
fn environments_compare_without_case() {
    let environment = |repository, name: &str| Environment {
        repository: Repository::parse(repository, None).unwrap(),
        name: name.into(),
    };
    let here = environment("shop/app", "staging");
    assert_eq!(environment("Shop/App", "Staging"), here);
    for other in [
        ("shop/app", "production"),
        ("shop/web", "staging"),
        ("team/app", "staging"),
    ] {
        assert_ne!(environment(other.0, other.1), here, "{other:?}");
    }
    assert_eq!(here.to_string(), "shop/app environment staging");
}

#[test]
fn a_status_shows_the_state_that_was_posted() {
    let states = [
        State::Pending,
        State::InProgress,
        State::Success,
        State::Failure,
        State::Inactive,
    ];
    for posted in states {
        for state in states {
            assert_eq!(
                LatestStatus::from(posted).shows(state),
                posted == state,
                "{posted} for {state}"
            );
        }
    }
}

#[test]
fn names_for_the_marker() {
    assert_eq!(GitRef::new("refs/heads/main").as_str(), "main");
    let hash = Hash::of(&["shop"]).to_string();
    assert!(
        hash.len() == 12 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{hash}"
    );
    assert_ne!(hash, Hash::of(&["shop", "app"]).to_string());
}

#[test]
fn repositories() {
    let cases = [
        ("owner and name", "shop/app", None, Some("shop/app")),
        ("name alone, with an owner", "app", Some("shop"), Some("shop/app")),
        ("name alone, without", "app", None, None),
        (
            "the name's own owner wins",
            "other/app",
            Some("shop"),
            Some("other/app"),
        ),
        ("empty", "", Some("shop"), None),
        ("two slashes", "a/b/c", None, None),
        ("empty owner", "/app", None, None),
        ("a path", "shop/..", None, None),
        ("a query", "shop/app?x", None, None),
        ("spaces", "shop/my app", None, None),
    ];
    for (name, text, owner, expected) in cases {
        let repository = Repository::parse(text, owner)
            .ok()
            .map(|repository| repository.to_string());
        assert_eq!(repository.as_deref(), expected, "{name}");
    }
}

/// `docs/rule.md` has the rows of both tables, in their order.
#[test]
fn rows_are_those_of_the_page() {
    let page = include_str!("../../docs/rule.md");
    let rows: Vec<&str> = page
        .lines()
        .skip_while(|line| *line != "| row | case | what is done |")
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert_eq!(rows, Rule::ALL.map(Rule::as_str));
}
