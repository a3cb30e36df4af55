//! One repository: whether it is there, may be written to, and has the refs that are wanted.

use super::{
    Checks, Finding,
    github::{Access, Who, may_deploy},
    needs::RepositoryNeeds,
};
use crate::{
    github::{EnvironmentQuery, GitHubError, RepositoryFacts, ResolvedRef, TokenKind},
    plan::{Environment, GitRef, Repository},
    report::CheckName,
};

/// An environment to read where none is wanted; it need not exist.
const ANY_ENVIRONMENT: &str = "production";

/// What can be said about writing without writing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Writing {
    Yes,
    /// Not, and what to do.
    No(&'static str),
    /// Not, which a check of the credentials has said.
    ToldBefore,
    /// GitHub does not tell, and what to look after.
    NotTold(&'static str),
}

pub(super) async fn examine(access: &Access, repository: &Repository, needs: &RepositoryNeeds, checks: &mut Checks) {
    let facts = match access.github.repository_facts(repository).await {
        Ok(facts) => facts,
        Err(error) => return checks.failed(CheckName::Repository, &error),
    };
    if facts.archived {
        let repository = repository.clone();
        return checks.failed(CheckName::Repository, &GitHubError::Archived { repository });
    }
    if facts.name.eq_ignore_ascii_case(&repository.to_string()) {
        let visibility = if facts.private { "private" } else { "public" };
        checks.ok(CheckName::Repository, format!("it is there, and {visibility}"));
    } else {
        checks.warning(
            CheckName::Repository,
            "RepositoryRenamed",
            format!(
                "it is called {} now, and GitHub leads there: write the new name",
                facts.name
            ),
        );
    }
    let environment = needs.environments.values().next();
    let refs: Vec<String> = if needs.refs.is_empty() {
        vec![facts.default_branch.clone()]
    } else {
        needs.refs.iter().cloned().collect()
    };
    let query = EnvironmentQuery {
        environment: Environment {
            repository: repository.clone(),
            name: environment.map_or(ANY_ENVIRONMENT, String::as_str).to_owned(),
        },
        refs,
        sources: 1,
    };
    match access.github.read_one(query).await {
        Ok(reading) => {
            deployments(&access.who, repository, &facts, checks);
            refs_of(repository, reading.refs.into_iter(), needs.refs.is_empty(), checks);
        }
        Err(error) => checks.failed(CheckName::Deployments, &error),
    }
}

fn deployments(who: &Who, repository: &Repository, facts: &RepositoryFacts, checks: &mut Checks) {
    match writing(who, repository, facts) {
        Writing::Yes => checks.ok(CheckName::Deployments, "they may be read and written"),
        Writing::ToldBefore => {}
        Writing::No(message) => checks.failed(
            CheckName::Deployments,
            Finding {
                reason: "GitHubForbidden",
                message: message.to_owned(),
            },
        ),
        Writing::NotTold(advice) => checks.info(
            CheckName::Deployments,
            format!("they may be read; whether they may be written is not told without writing: {advice}"),
        ),
    }
}

/// Whether deployments may be written, as far as GitHub tells.
///
/// It tells the scopes of classic tokens, the permissions of installations, and what a token's user may do. Of a
/// fine-grained token, or one that a workflow was given, it tells nothing.
pub(super) fn writing(who: &Who, repository: &Repository, facts: &RepositoryFacts) -> Writing {
    let (kind, scopes) = match who {
        Who::App(installations) => {
            let writes = installations.get(&repository.owner.to_ascii_lowercase()) == Some(&true);
            return if writes { Writing::Yes } else { Writing::ToldBefore };
        }
        Who::Token { kind, scopes } => (*kind, scopes),
    };
    if let Some(scopes) = scopes {
        if !may_deploy(scopes, false) {
            return Writing::ToldBefore;
        }
        if !may_deploy(scopes, facts.private) {
            return Writing::No(
                "the scope public_repo does not reach a private repository: give the token repo_deployment, or repo",
            );
        }
    }
    match (kind, facts.push, scopes) {
        (TokenKind::Installation, ..) => {
            Writing::NotTold("a workflow gives itself that by `permissions: deployments: write`, an App has to have it")
        }
        (_, Some(false), _) => Writing::No(
            "the token's user may not write to this repository: give that user write access, or use a token of \
             another one",
        ),
        (_, _, Some(_)) => Writing::Yes,
        (_, _, None) => Writing::NotTold("see that the token has deployments: write for this repository"),
    }
}

fn refs_of(
    repository: &Repository,
    refs: impl Iterator<Item = (String, ResolvedRef)>,
    only_default_branch: bool,
    checks: &mut Checks,
) {
    let mut found = 0;
    let mut unreadable = false;
    for (name, resolved) in refs {
        match resolved {
            ResolvedRef::Found { .. } => found += 1,
            ResolvedRef::NotReadable { .. } => unreadable = true,
            // An empty repository has a default branch in name only.
            ResolvedRef::NotFound if only_default_branch => checks.warning(
                CheckName::Refs,
                "RefNotFound",
                "the repository is empty: push to it before something of it is deployed",
            ),
            ResolvedRef::NotFound => {
                let repository = repository.clone();
                let git_ref = GitRef::new(&name);
                checks.failed(CheckName::Refs, &GitHubError::RefNotFound { repository, git_ref });
            }
        }
    }
    if unreadable {
        checks.warning(
            CheckName::Refs,
            "ContentsNotReadable",
            "the contents may not be read, so refs are sent as extracted and GitHub answers: grant contents: read to \
             have them checked before",
        );
    } else if only_default_branch && found > 0 {
        checks.ok(CheckName::Refs, "they may be read");
    } else if found > 0 {
        let refs = if found == 1 { "ref is" } else { "refs are" };
        checks.ok(CheckName::Refs, format!("{found} wanted {refs} there"));
    }
}
