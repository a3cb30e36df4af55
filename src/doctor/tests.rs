//! What is concluded from what GitHub says.

use std::collections::BTreeMap;

use super::{
    Checks,
    github::{Who, may_deploy, rate_limits},
    needs::RepositoryNeeds,
    repository::{Writing, writing},
};
use crate::{
    github::{RateLimit, RateLimits, RepositoryFacts, TokenKind},
    plan::Repository,
    report::{Area, CheckResult},
};

fn repository() -> Repository {
    Repository::parse("Shop/app", None).expect("a repository")
}

fn token(kind: TokenKind, scopes: Option<&[&str]>) -> Who {
    Who::Token {
        kind,
        scopes: scopes.map(|scopes| scopes.iter().map(|scope| (*scope).to_owned()).collect()),
    }
}

fn app(writes: bool) -> Who {
    Who::App(BTreeMap::from([("shop".to_owned(), writes)]))
}

#[test]
fn whether_deployments_may_be_written() {
    let classic = |scopes: &[&str]| token(TokenKind::Classic, Some(scopes));
    let (yes, no, before, unknown) = ("yes", "no", "told before", "not told");
    let rows = [
        ("repo", classic(&["repo"]), true, Some(true), yes),
        ("repo_deployment", classic(&["repo_deployment"]), true, Some(true), yes),
        ("public_repo", classic(&["public_repo"]), false, Some(true), yes),
        ("public_repo, private", classic(&["public_repo"]), true, Some(true), no),
        ("no scope", classic(&[]), false, Some(true), before),
        ("a user who only reads", classic(&["repo"]), true, Some(false), no),
        ("OAuth", token(TokenKind::OAuth, Some(&["repo"])), true, Some(true), yes),
        (
            "fine-grained",
            token(TokenKind::FineGrained, None),
            true,
            Some(true),
            unknown,
        ),
        (
            "fine-grained, a user who only reads",
            token(TokenKind::FineGrained, None),
            true,
            Some(false),
            no,
        ),
        (
            "a workflow, which has no user",
            token(TokenKind::Installation, None),
            true,
            Some(false),
            unknown,
        ),
        ("an App", app(true), true, Some(false), yes),
        ("an App that reads", app(false), true, Some(true), before),
    ];
    for (name, who, private, push, expected) in rows {
        let facts = RepositoryFacts {
            name: "shop/app".to_owned(),
            private,
            archived: false,
            default_branch: "main".to_owned(),
            push,
        };
        let found = match writing(&who, &repository(), &facts) {
            Writing::Yes => yes,
            Writing::No(_) => no,
            Writing::ToldBefore => before,
            Writing::NotTold(_) => unknown,
        };
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn scopes_of_classic_tokens() {
    let owned = |scopes: &[&str]| scopes.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>();
    for (scopes, public, private) in [
        (&["repo"][..], true, true),
        (&["read:org", "repo_deployment"], true, true),
        (&["public_repo"], true, false),
        (&["repo:status"], false, false),
        (&[], false, false),
    ] {
        let scopes = owned(scopes);
        assert_eq!(may_deploy(&scopes, false), public, "{scopes:?} public");
        assert_eq!(may_deploy(&scopes, true), private, "{scopes:?} private");
    }
}

#[test]
fn limits_are_compared_with_what_a_pass_needs() {
    let now = "2026-01-01T00:00:00Z".parse().expect("a time");
    let rows = [
        ("nothing is wanted", 0, 0, 1, 1, CheckResult::Ok),
        ("nothing is left", 0, 0, 1, 0, CheckResult::Warning),
        ("as much as is needed", 60, 60, 60, 2, CheckResult::Ok),
        ("too few reads", 60, 60, 60, 1, CheckResult::Warning),
        ("too few writes", 60, 60, 59, 2, CheckResult::Warning),
        ("no more writes than a pass makes", 5_000, 50, 80, 1, CheckResult::Ok),
    ];
    for (name, sources, environments, core, graphql, expected) in rows {
        let needs = RepositoryNeeds {
            sources,
            environments: (0..environments)
                .map(|number: usize| (number.to_string(), number.to_string()))
                .collect(),
            ..RepositoryNeeds::default()
        };
        let left = |remaining| RateLimit {
            limit: 5_000,
            remaining,
            reset: 1_767_225_600 + 90,
        };
        let limits = RateLimits {
            core: left(core),
            graphql: left(graphql),
        };
        let mut checks = Checks::of(Area::GitHub, None);
        rate_limits(Some(limits), [&needs], now, &mut checks);
        let [check] = &checks.done[..] else {
            panic!("{name}: one check");
        };
        assert_eq!(check.result, expected, "{name}: {}", check.message);
        if expected == CheckResult::Warning {
            assert!(check.message.contains("wait 2 minutes"), "{}", check.message);
        }
    }
}
