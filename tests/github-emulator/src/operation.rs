//! Which operation a request is: its kind, and what its path names.

use std::fmt;

use http::Method;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// Every operation that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OperationKind {
    /// A GraphQL query.
    GraphQlQuery,
    /// A GraphQL mutation.
    GraphQlMutation,
    /// `POST …/deployments`
    CreateDeployment,
    /// `GET …/deployments`
    ListDeployments,
    /// `GET …/deployments/{id}`
    GetDeployment,
    /// `DELETE …/deployments/{id}`
    DeleteDeployment,
    /// `POST …/deployments/{id}/statuses`
    CreateStatus,
    /// `GET …/deployments/{id}/statuses`
    ListStatuses,
    /// `GET …/deployments/{id}/statuses/{id}`
    GetStatus,
    /// `GET /repos/{owner}/{repo}`
    GetRepository,
    /// `GET …/environments`
    ListEnvironments,
    /// `GET …/environments/{name}`
    GetEnvironment,
    /// `DELETE …/environments/{name}`
    DeleteEnvironment,
    /// `GET …/commits/{ref}`
    GetCommit,
    /// `GET …/git/ref/{ref}`
    GetRef,
    /// `GET …/branches`
    ListBranches,
    /// `GET …/tags`
    ListTags,
    /// `GET /rate_limit`
    GetRateLimit,
    /// `GET /meta`
    GetMeta,
    /// `GET /app`
    GetApp,
    /// `GET …/installation` of a repository
    GetRepositoryInstallation,
    /// `GET /orgs/{org}/installation`
    GetOrganizationInstallation,
    /// `GET /users/{username}/installation`
    GetUserInstallation,
    /// `GET /app/installations/{id}`
    GetInstallation,
    /// `POST /app/installations/{id}/access_tokens`
    CreateAccessToken,
    /// Anything else.
    Unknown,
}

impl OperationKind {
    /// Those that GitHub's descriptions of REST have. What is missing here is said to be in none of them.
    pub const DESCRIBED: [Self; 23] = [
        Self::CreateDeployment,
        Self::ListDeployments,
        Self::GetDeployment,
        Self::DeleteDeployment,
        Self::CreateStatus,
        Self::ListStatuses,
        Self::GetStatus,
        Self::GetRepository,
        Self::ListEnvironments,
        Self::GetEnvironment,
        Self::DeleteEnvironment,
        Self::GetCommit,
        Self::GetRef,
        Self::ListBranches,
        Self::ListTags,
        Self::GetRateLimit,
        Self::GetMeta,
        Self::GetApp,
        Self::GetRepositoryInstallation,
        Self::GetOrganizationInstallation,
        Self::GetUserInstallation,
        Self::GetInstallation,
        Self::CreateAccessToken,
    ];

    /// Method and path in GitHub's description of REST; `None` for GraphQL and what is not served.
    pub fn described(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::CreateDeployment => ("post", "/repos/{owner}/{repo}/deployments"),
            Self::ListDeployments => ("get", "/repos/{owner}/{repo}/deployments"),
            Self::GetDeployment => ("get", "/repos/{owner}/{repo}/deployments/{deployment_id}"),
            Self::DeleteDeployment => ("delete", "/repos/{owner}/{repo}/deployments/{deployment_id}"),
            Self::CreateStatus => ("post", "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses"),
            Self::ListStatuses => ("get", "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses"),
            Self::GetStatus => (
                "get",
                "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses/{status_id}",
            ),
            Self::GetRepository => ("get", "/repos/{owner}/{repo}"),
            Self::ListEnvironments => ("get", "/repos/{owner}/{repo}/environments"),
            Self::GetEnvironment => ("get", "/repos/{owner}/{repo}/environments/{environment_name}"),
            Self::DeleteEnvironment => ("delete", "/repos/{owner}/{repo}/environments/{environment_name}"),
            Self::GetCommit => ("get", "/repos/{owner}/{repo}/commits/{ref}"),
            Self::GetRef => ("get", "/repos/{owner}/{repo}/git/ref/{ref}"),
            Self::ListBranches => ("get", "/repos/{owner}/{repo}/branches"),
            Self::ListTags => ("get", "/repos/{owner}/{repo}/tags"),
            Self::GetRateLimit => ("get", "/rate_limit"),
            Self::GetMeta => ("get", "/meta"),
            Self::GetApp => ("get", "/app"),
            Self::GetRepositoryInstallation => ("get", "/repos/{owner}/{repo}/installation"),
            Self::GetOrganizationInstallation => ("get", "/orgs/{org}/installation"),
            Self::GetUserInstallation => ("get", "/users/{username}/installation"),
            Self::GetInstallation => ("get", "/app/installations/{installation_id}"),
            Self::CreateAccessToken => ("post", "/app/installations/{installation_id}/access_tokens"),
            Self::GraphQlQuery | Self::GraphQlMutation | Self::Unknown => return None,
        })
    }

    /// Whether this is one of GraphQL's.
    pub fn is_graphql(self) -> bool {
        matches!(self, Self::GraphQlQuery | Self::GraphQlMutation)
    }

    /// Whether GitHub counts this as the creation of content.
    pub fn creates_content(self) -> bool {
        matches!(
            self,
            Self::GraphQlMutation | Self::CreateDeployment | Self::CreateStatus
        )
    }

    /// Whether Apps ask this with their own JSON web token.
    pub fn is_for_apps(self) -> bool {
        matches!(
            self,
            Self::GetApp
                | Self::GetRepositoryInstallation
                | Self::GetOrganizationInstallation
                | Self::GetUserInstallation
                | Self::GetInstallation
                | Self::CreateAccessToken
        )
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// How a path names a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// By owner and name.
    Name(String, String),
    /// By number, as the links do that GitHub makes.
    Number(u64),
}

/// A request's operation, and what its path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Kind.
    pub kind: OperationKind,
    /// Repository.
    pub repository: Option<Address>,
    /// What follows the repository in the path, with a slash in front.
    pub rest: String,
    /// Number of a deployment or an installation.
    pub id: u64,
    /// Number of a status.
    pub status: u64,
    /// Name of a ref, an environment or an account.
    pub name: String,
}

impl Operation {
    /// What `method` on `path` is, with GHES's prefixes taken off by [`without_prefix`].
    pub fn parse(method: &Method, path: &str) -> Self {
        let segments: Vec<String> = path
            .trim_start_matches('/')
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (repository, rest) = match segments.as_slice() {
            ["repos", owner, name, rest @ ..] => (Some(Address::Name((*owner).to_owned(), (*name).to_owned())), rest),
            ["repositories", number, rest @ ..] => match number.parse() {
                Ok(number) => (Some(Address::Number(number)), rest),
                Err(_) => (None, segments.as_slice()),
            },
            other => (None, other),
        };
        let tail: String = path
            .split('/')
            .skip(path.split('/').count() - rest.len())
            .map(|part| format!("/{part}"))
            .collect();
        let mut operation = Self {
            kind: OperationKind::Unknown,
            repository,
            rest: tail,
            id: 0,
            status: 0,
            name: String::new(),
        };
        operation.kind = match operation.repository {
            Some(_) => operation.of_repository(method.as_str(), rest),
            None => operation.of_site(method.as_str(), rest),
        };
        operation
    }

    fn of_repository(&mut self, method: &str, rest: &[&str]) -> OperationKind {
        use OperationKind as Kind;
        match (method, rest) {
            ("GET", []) => Kind::GetRepository,
            ("POST", ["deployments"]) => Kind::CreateDeployment,
            ("GET", ["deployments"]) => Kind::ListDeployments,
            ("GET", ["deployments", id]) => self.numbered(Kind::GetDeployment, &[id]),
            ("DELETE", ["deployments", id]) => self.numbered(Kind::DeleteDeployment, &[id]),
            ("POST", ["deployments", id, "statuses"]) => self.numbered(Kind::CreateStatus, &[id]),
            ("GET", ["deployments", id, "statuses"]) => self.numbered(Kind::ListStatuses, &[id]),
            ("GET", ["deployments", id, "statuses", status]) => self.numbered(Kind::GetStatus, &[id, status]),
            ("GET", ["environments"]) => Kind::ListEnvironments,
            ("GET", ["environments", name]) => self.named(Kind::GetEnvironment, &[name]),
            ("DELETE", ["environments", name]) => self.named(Kind::DeleteEnvironment, &[name]),
            ("GET", ["commits", name @ ..]) if !name.is_empty() => self.named(Kind::GetCommit, name),
            ("GET", ["git", "ref", name @ ..]) if !name.is_empty() => self.named(Kind::GetRef, name),
            ("GET", ["branches"]) => Kind::ListBranches,
            ("GET", ["tags"]) => Kind::ListTags,
            ("GET", ["installation"]) => Kind::GetRepositoryInstallation,
            _ => Kind::Unknown,
        }
    }

    fn of_site(&mut self, method: &str, path: &[&str]) -> OperationKind {
        use OperationKind as Kind;
        match (method, path) {
            // Whether it is a mutation is known when the document is read.
            ("POST", ["graphql"]) => Kind::GraphQlQuery,
            ("GET", ["rate_limit"]) => Kind::GetRateLimit,
            ("GET", ["meta"]) => Kind::GetMeta,
            ("GET", ["app"]) => Kind::GetApp,
            ("GET", ["app", "installations", id]) => self.numbered(Kind::GetInstallation, &[id]),
            ("GET", ["orgs", login, "installation"]) => self.named(Kind::GetOrganizationInstallation, &[login]),
            ("GET", ["users", login, "installation"]) => self.named(Kind::GetUserInstallation, &[login]),
            ("POST", ["app", "installations", id, "access_tokens"]) => self.numbered(Kind::CreateAccessToken, &[id]),
            _ => Kind::Unknown,
        }
    }

    fn numbered(&mut self, kind: OperationKind, numbers: &[&str]) -> OperationKind {
        let parsed: Option<Vec<u64>> = numbers.iter().map(|number| number.parse().ok()).collect();
        match parsed.as_deref() {
            Some([id]) => self.id = *id,
            Some([id, status]) => (self.id, self.status) = (*id, *status),
            _ => return OperationKind::Unknown,
        }
        kind
    }

    fn named(&mut self, kind: OperationKind, name: &[&str]) -> OperationKind {
        self.name = name.join("/");
        kind
    }
}

/// Takes GHES's prefixes off: `/api/v3` of REST, `/api` of GraphQL. Gives the path and the prefix of REST links.
pub fn without_prefix(path: &str) -> (&str, &'static str) {
    match path {
        "/api/graphql" => ("/graphql", "/api/v3"),
        _ => match path.strip_prefix("/api/v3") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => (rest, "/api/v3"),
            _ => (path, ""),
        },
    }
}
