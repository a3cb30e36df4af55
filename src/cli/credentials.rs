//! Who we are on GitHub. Secrets come from the environment or a file, never from the command line, where every
//! user of the machine could read them.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::config::Variables;
use crate::github::{self, Credentials, KeyError};

/// The variables that hold a token, in the order in which they are looked at.
const TOKEN_VARIABLES: [&str; 2] = ["GITHUB_TOKEN", "GH_TOKEN"];

/// Credentials, and where they come from.
#[derive(Debug)]
pub struct Found {
    /// Token or App.
    pub credentials: Credentials,
    /// The variable that holds the token, or would hold one.
    pub token_variable: &'static str,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Neither token nor App.
    #[error(
        "no credentials for GitHub: set GITHUB_TOKEN (or GH_TOKEN), or GITHUB_APP_ID with GITHUB_APP_PRIVATE_KEY or \
         GITHUB_APP_PRIVATE_KEY_FILE"
    )]
    Missing,
    /// Half an App.
    #[error("a GitHub App needs {missing} too; or set GITHUB_TOKEN instead")]
    AppIncomplete {
        /// The other half.
        missing: &'static str,
    },
    /// Characters that no token has.
    #[error("{variable} holds a character that no token has, such as a line break in the middle; set it again")]
    Token {
        /// The variable.
        variable: &'static str,
    },
    /// Not the key of an App.
    #[error("{origin} {problem}")]
    Key {
        /// Variable or file.
        origin: String,
        /// What it is.
        problem: KeyError,
    },
    /// The key where its file should be named. It is not shown.
    #[error("GITHUB_APP_PRIVATE_KEY_FILE is the private key itself: set GITHUB_APP_PRIVATE_KEY instead")]
    KeyAsFile,
    /// The file of the key.
    #[error("cannot read the App's private key from {path:?}")]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A token wins over an App.
pub(super) fn read(
    app_id: Option<String>,
    installation: Option<u64>,
    key_file: Option<&Path>,
    variables: Variables<'_>,
) -> Result<Found, CredentialsError> {
    for variable in TOKEN_VARIABLES {
        let token = variables(variable).unwrap_or_default();
        let token = unquoted(&token);
        if token.is_empty() {
            continue;
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CredentialsError::Token { variable });
        }
        return Ok(Found {
            credentials: Credentials::Token(token.into()),
            token_variable: variable,
        });
    }
    let key = private_key(key_file, variables)?;
    match (app_id, key) {
        (Some(id), Some(key)) => Ok(Found {
            credentials: Credentials::App { id, key, installation },
            token_variable: TOKEN_VARIABLES[0],
        }),
        (Some(_), None) => Err(CredentialsError::AppIncomplete {
            missing: "GITHUB_APP_PRIVATE_KEY or GITHUB_APP_PRIVATE_KEY_FILE",
        }),
        (None, Some(_)) => Err(CredentialsError::AppIncomplete {
            missing: "GITHUB_APP_ID",
        }),
        (None, None) => Err(CredentialsError::Missing),
    }
}

fn private_key(file: Option<&Path>, variables: Variables<'_>) -> Result<Option<SecretString>, CredentialsError> {
    let text = variables("GITHUB_APP_PRIVATE_KEY").filter(|text| !text.trim().is_empty());
    let (origin, text) = match (text, file) {
        (Some(text), _) => ("GITHUB_APP_PRIVATE_KEY".to_owned(), text),
        (None, Some(path)) if path.to_string_lossy().contains("PRIVATE KEY") => {
            return Err(CredentialsError::KeyAsFile);
        }
        (None, Some(path)) => {
            let bytes = std::fs::read(path).map_err(|source| CredentialsError::KeyFile {
                path: path.to_owned(),
                source,
            })?;
            // What is no text is no PEM either, and said to be none.
            (path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned())
        }
        (None, None) => return Ok(None),
    };
    match github::private_key(&text) {
        Ok(key) => Ok(Some(key)),
        Err(problem) => Err(CredentialsError::Key { origin, problem }),
    }
}

/// The text without spaces around it and without the quotes that `docker --env-file` and CI settings leave.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    ['"', '\'']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
        .map_or(text, str::trim)
}
