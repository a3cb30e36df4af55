//! How GitHub is reached.

use super::{ConfigError, Variables, not_empty};
use crate::{
    cli::{actions::Step, args::GitHubArguments, credentials},
    github::{Address, AddressError, Credentials},
};

/// How GitHub is reached.
#[derive(Debug)]
pub struct GitHubConfig {
    /// Address of the REST API, without credentials, query or fragment.
    pub api: url::Url,
    /// Who we are.
    pub credentials: Credentials,
    /// The variable that holds the token.
    pub token_variable: &'static str,
    /// The program runs in a workflow of GitHub Actions.
    pub in_workflow: bool,
    /// Owner of repositories that are named without one.
    pub owner: Option<String>,
}

/// How GitHub is reached, each part for itself.
#[derive(Debug)]
pub struct GitHubParts {
    /// As [`GitHubConfig::api`].
    pub api: Result<url::Url, ConfigError>,
    /// As [`GitHubConfig::credentials`], and where they come from.
    pub credentials: Result<credentials::Found, ConfigError>,
    /// As [`GitHubConfig::in_workflow`].
    pub in_workflow: bool,
    /// As [`GitHubConfig::owner`].
    pub owner: Option<String>,
}

impl GitHubConfig {
    pub(super) fn new(arguments: GitHubArguments, variables: Variables<'_>) -> Result<Self, ConfigError> {
        let GitHubParts {
            api,
            credentials,
            in_workflow,
            owner,
        } = GitHubParts::new(arguments, variables);
        let api = api?;
        let found = credentials?;
        Ok(Self {
            api,
            credentials: found.credentials,
            token_variable: found.token_variable,
            in_workflow,
            owner,
        })
    }
}

impl GitHubParts {
    pub(super) fn new(arguments: GitHubArguments, variables: Variables<'_>) -> Self {
        let GitHubArguments {
            github_api,
            github_org,
            github_app_id,
            github_app_installation_id,
            github_app_private_key_file,
        } = arguments;
        let api = not_empty(github_api)
            .or_else(|| not_empty(variables("GITHUB_API_URL")))
            .unwrap_or_else(|| "https://api.github.com".to_owned());
        let app_id = not_empty(github_app_id).map(|id| id.trim().to_owned());
        let key_file = github_app_private_key_file.filter(|path| !path.as_os_str().is_empty());
        let credentials = number("--github-app-installation-id", github_app_installation_id)
            .and_then(|installation| Ok(credentials::read(app_id, installation, key_file.as_deref(), variables)?));
        Self {
            api: api_address(&api),
            credentials,
            in_workflow: Step::read(variables).is_some(),
            owner: not_empty(github_org),
        }
    }
}

fn number(flag: &'static str, typed: Option<String>) -> Result<Option<u64>, ConfigError> {
    not_empty(typed)
        .map(|text| {
            text.trim().parse().map_err(|_| ConfigError::GitHub {
                flag,
                text,
                problem: "is not a number; it ends the address of the installation's settings page",
            })
        })
        .transpose()
}

/// The address in the one form that [`crate::github::Settings`] takes.
fn api_address(typed: &str) -> Result<url::Url, ConfigError> {
    let address = Address::parse(typed)?;
    url::Url::parse(address.rest()).map_err(|_| AddressError::Invalid { text: typed.to_owned() }.into())
}
