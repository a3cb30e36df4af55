//! The REST forms of what the world holds.

use serde_json::{Value, json};

use crate::access::{Access, Installation, Level, account};
use crate::app::App;
use crate::clock::iso;
use crate::identity::Node;
use crate::repository::{Environment, Repository};
use crate::state::{Account, Deployment, Status};

/// Addresses as the client sees them.
#[derive(Debug, Clone)]
pub struct Links {
    /// Of REST, without slash at the end.
    pub api: String,
    /// Of the pages for people, without slash at the end.
    pub web: String,
    /// The folder of the pages of Apps there.
    pub apps: &'static str,
}

impl Links {
    /// REST address of a repository.
    pub fn repository(&self, repository: &Repository) -> String {
        format!("{}/repos/{}", self.api, repository.full_name())
    }

    /// REST address of a deployment.
    pub fn deployment(&self, repository: &Repository, deployment: &Deployment) -> String {
        format!("{}/deployments/{}", self.repository(repository), deployment.id)
    }

    /// Page of a repository.
    pub fn page(&self, repository: &Repository) -> String {
        format!("{}/{}", self.web, repository.full_name())
    }
}

/// Version of the GitHub Enterprise Server that paths with its prefix belong to.
pub const ENTERPRISE_VERSION: &str = "3.17.0";

/// What the server says about itself.
pub fn meta(links: &Links) -> Value {
    let mut value = json!({"verifiable_password_authentication": false});
    if links.api.ends_with("/api/v3") {
        value["installed_version"] = json!(ENTERPRISE_VERSION);
    }
    value
}

/// An account.
pub fn user(links: &Links, account: &Account) -> Value {
    let login = &account.login;
    let url = format!("{}/users/{login}", links.api);
    json!({
        "login": login,
        "id": account.id,
        "node_id": format!("U_kgDO{}", account.id),
        "avatar_url": format!("{}/avatars/{}", links.web, account.id),
        "gravatar_id": "",
        "url": url,
        "html_url": format!("{}/{login}", links.web),
        "followers_url": format!("{url}/followers"),
        "following_url": format!("{url}/following{{/other_user}}"),
        "gists_url": format!("{url}/gists{{/gist_id}}"),
        "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{url}/subscriptions"),
        "organizations_url": format!("{url}/orgs"),
        "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events{{/privacy}}"),
        "received_events_url": format!("{url}/received_events"),
        "type": account.kind,
        "user_view_type": "public",
        "site_admin": false,
    })
}

/// A deployment.
pub fn deployment(links: &Links, repository: &Repository, deployment: &Deployment) -> Value {
    let url = links.deployment(repository, deployment);
    json!({
        "url": url,
        "id": deployment.id,
        "node_id": Node::Deployment(repository.id, deployment.id).encode(),
        "task": deployment.task,
        "original_environment": deployment.original_environment,
        "environment": deployment.environment,
        "description": deployment.description,
        "created_at": iso(deployment.created_at),
        "updated_at": iso(deployment.updated_at),
        "statuses_url": format!("{url}/statuses"),
        "repository_url": links.repository(repository),
        "creator": user(links, &deployment.creator),
        "sha": deployment.sha,
        "ref": deployment.git_ref,
        "payload": deployment.payload.clone().unwrap_or_else(|| json!({})),
        "transient_environment": deployment.transient,
        "production_environment": deployment.production,
        "performed_via_github_app": null,
    })
}

/// A status.
pub fn status(links: &Links, repository: &Repository, deployment: &Deployment, status: &Status) -> Value {
    let url = links.deployment(repository, deployment);
    json!({
        "url": format!("{url}/statuses/{}", status.id),
        "id": status.id,
        "node_id": Node::Status(repository.id, status.id).encode(),
        "state": status.state,
        "creator": user(links, &status.creator),
        "description": status.description,
        "environment": status.environment,
        "target_url": status.log_url,
        "created_at": iso(status.created_at),
        "updated_at": iso(status.created_at),
        "deployment_url": url,
        "repository_url": links.repository(repository),
        "environment_url": status.environment_url,
        "log_url": status.log_url,
        "performed_via_github_app": null,
    })
}

/// An environment.
pub fn environment(links: &Links, repository: &Repository, environment: &Environment) -> Value {
    json!({
        "id": environment.id,
        "node_id": Node::Environment(repository.id, environment.id).encode(),
        "name": environment.name,
        "url": format!("{}/environments/{}", links.repository(repository), environment.name),
        "html_url": format!("{}/deployments/activity_log?environments_filter={}", links.page(repository), environment.name),
        "created_at": iso(environment.created_at),
        "updated_at": iso(environment.updated_at),
        "can_admins_bypass": true,
        "protection_rules": [],
        "deployment_branch_policy": null,
    })
}

/// A commit.
pub fn commit(links: &Links, repository: &Repository, sha: &str) -> Value {
    let url = format!("{}/commits/{sha}", links.repository(repository));
    let git = format!("{}/git", links.repository(repository));
    let person = json!({"name": "octocat", "email": "octocat@example.com", "date": iso(repository.created_at)});
    let author = user(links, &account("octocat", "User"));
    json!({
        "sha": sha,
        "node_id": Node::Commit(repository.id, sha.to_owned()).encode(),
        "commit": {
            "author": person, "committer": person, "message": format!("Commit {}", &sha[..7]),
            "tree": {"sha": sha, "url": format!("{git}/trees/{sha}")},
            "url": format!("{git}/commits/{sha}"), "comment_count": 0,
            "verification": {"verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null},
        },
        "url": url,
        "html_url": format!("{}/commit/{sha}", links.page(repository)),
        "comments_url": format!("{url}/comments"),
        "author": author, "committer": author,
        "parents": [],
        "stats": {"total": 0, "additions": 0, "deletions": 0},
        "files": [],
    })
}

/// A repository with what GitHub tells about one.
pub fn repository(links: &Links, repository: &Repository, access: &Access) -> Value {
    let url = links.repository(repository);
    let page = links.page(repository);
    let bare = page.trim_start_matches("https:").trim_start_matches("http:");
    let push = access.deployments == Level::Write;
    let mut value = json!({
        "id": repository.id,
        "node_id": Node::Repository(repository.id).encode(),
        "name": repository.name,
        "full_name": repository.full_name(),
        "private": repository.private,
        "owner": user(links, &account(&repository.owner, "Organization")),
        "html_url": page,
        "description": null,
        "fork": false,
        "url": url,
        "created_at": iso(repository.created_at),
        "updated_at": iso(repository.created_at),
        "pushed_at": iso(repository.created_at),
        "git_url": format!("git:{bare}.git"),
        "ssh_url": format!("git@github.com:{}.git", repository.full_name()),
        "clone_url": format!("{page}.git"),
        "svn_url": page,
        "homepage": null, "language": null, "mirror_url": null, "license": null,
        "archived": repository.archived,
        "disabled": repository.disabled,
        "visibility": if repository.private { "private" } else { "public" },
        "default_branch": repository.default_branch,
        "permissions": {"admin": false, "maintain": false, "push": push, "triage": push, "pull": true},
        "topics": [],
    });
    for link in [
        "archive",
        "assignees",
        "blobs",
        "branches",
        "collaborators",
        "comments",
        "commits",
        "compare",
        "contents",
        "contributors",
        "deployments",
        "downloads",
        "events",
        "forks",
        "git_commits",
        "git_refs",
        "git_tags",
        "hooks",
        "issue_comment",
        "issue_events",
        "issues",
        "keys",
        "labels",
        "languages",
        "merges",
        "milestones",
        "notifications",
        "pulls",
        "releases",
        "stargazers",
        "statuses",
        "subscribers",
        "subscription",
        "tags",
        "teams",
        "trees",
    ] {
        value[format!("{link}_url")] = json!(format!("{url}/{link}"));
    }
    for count in [
        "forks",
        "forks_count",
        "open_issues",
        "open_issues_count",
        "size",
        "stargazers_count",
        "watchers",
        "watchers_count",
        "network_count",
        "subscribers_count",
    ] {
        value[count] = json!(0);
    }
    for feature in [
        "has_issues",
        "has_projects",
        "has_wiki",
        "has_pages",
        "has_discussions",
        "has_downloads",
        "is_template",
    ] {
        value[feature] = json!(false);
    }
    value
}

/// An installation of the App.
pub fn installation(links: &Links, app: &App, installation: &Installation, now: &str) -> Value {
    let kind = if installation.is_user { "User" } else { "Organization" };
    let owner = account(&installation.account, kind);
    let settings = if installation.is_user {
        format!("{}/settings/installations/{}", links.web, installation.id)
    } else {
        format!(
            "{}/organizations/{}/settings/installations/{}",
            links.web, installation.account, installation.id
        )
    };
    json!({
        "id": installation.id,
        "account": user(links, &owner),
        "repository_selection": selection(&installation.access),
        "access_tokens_url": format!("{}/app/installations/{}/access_tokens", links.api, installation.id),
        "repositories_url": format!("{}/installation/repositories", links.api),
        "html_url": settings,
        "app_id": app.id, "app_slug": app.slug, "target_id": owner.id, "target_type": kind,
        "permissions": permissions(&installation.access),
        "events": [],
        "created_at": now, "updated_at": now,
        "single_file_name": null, "has_multiple_single_files": false, "single_file_paths": [],
        "suspended_by": if installation.suspended { user(links, &account("octocat", "User")) } else { Value::Null },
        "suspended_at": if installation.suspended { json!(now) } else { Value::Null },
    })
}

/// The App itself.
pub fn app(links: &Links, app: &App, now: &str) -> Value {
    json!({
        "id": app.id, "slug": app.slug, "node_id": "A_kwDOADM", "client_id": app.client_id,
        "owner": user(links, &account("octo-org", "Organization")),
        "name": "Emulated", "description": null, "external_url": format!("{}/{}", links.web, app.slug),
        "html_url": format!("{}/{}/{}", links.web, links.apps, app.slug), "created_at": now, "updated_at": now,
        "permissions": permissions(&app.access), "events": [], "installations_count": 1,
    })
}

/// Permissions as an installation lists them.
pub fn permissions(access: &Access) -> Value {
    let mut granted = json!({"metadata": "read"});
    for (name, level) in [("contents", access.contents), ("deployments", access.deployments)] {
        if level > Level::None {
            granted[name] = json!(level);
        }
    }
    granted
}

/// `all` or `selected`.
pub fn selection(access: &Access) -> &'static str {
    if access.repositories.is_some() {
        "selected"
    } else {
        "all"
    }
}
