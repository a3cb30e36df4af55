//! Who we are on GitHub. Secrets come from the environment or a file, never from the command line, where every
//! user of the machine could read them.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::config::Variables;
use crate::github::Credentials;

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
    /// Not PEM.
    #[error("{origin} is not a private key in PEM form; download one from the App's settings page")]
    Key {
        /// Variable or file.
        origin: String,
    },
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
) -> Result<Credentials, CredentialsError> {
    for variable in ["GITHUB_TOKEN", "GH_TOKEN"] {
        let token = variables(variable).unwrap_or_default();
        let token = token.trim();
        if token.is_empty() {
            continue;
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CredentialsError::Token { variable });
        }
        return Ok(Credentials::Token(token.into()));
    }
    let key = private_key(key_file, variables)?;
    match (app_id, key) {
        (Some(id), Some(key)) => Ok(Credentials::App { id, key, installation }),
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
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).map_err(|source| CredentialsError::KeyFile {
                path: path.to_owned(),
                source,
            })?;
            (path.display().to_string(), text)
        }
        (None, None) => return Ok(None),
    };
    // Pipelines often keep a key on one line, with \n written out.
    let text = text.trim().replace("\\n", "\n");
    if !text.starts_with("-----BEGIN ") || !text.contains("PRIVATE KEY-----") {
        return Err(CredentialsError::Key { origin });
    }
    Ok(Some(text.into()))
}
