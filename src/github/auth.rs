//! Credentials: a token as it is, or a GitHub App that gets a token for each owner.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use http::{HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use octocrab::jsonwebtoken::{self, Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{sync::Mutex, time::Instant};

use super::{
    answer::CallError,
    client::Client,
    error::{CredentialsKind, GitHubError},
};

/// GitHub takes a JSON web token for ten minutes at most, by its own clock: a minute of difference is allowed for
/// on both ends.
const JWT_BACKDATED: i64 = 60;
const JWT_LIFETIME: i64 = 9 * 60;

/// An installation token lives for an hour. It is not used in its last minutes: clocks differ.
const EXPIRY_MARGIN: Duration = Duration::from_secs(5 * 60);
const LONGEST_LIFE: Duration = Duration::from_secs(60 * 60);
const SHORTEST_LIFE: Duration = Duration::from_secs(60);

/// A token this young may be unknown to some of GitHub's servers.
const REPLICATION: Duration = Duration::from_secs(5);

/// Who this program is on GitHub. Debug output shows no secret.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A personal access token, or the token of a workflow.
    Token(SecretString),
    /// A GitHub App.
    App {
        /// The App's id, or its client id.
        id: String,
        /// Its RSA private key in PEM form.
        key: SecretString,
        /// Its installation; without, it is looked up for each owner.
        installation: Option<u64>,
    },
}

/// Credentials, ready to be used.
pub(super) enum Auth {
    Token(HeaderValue),
    App(App),
}

pub(super) struct App {
    id: String,
    key: EncodingKey,
    installation: Option<u64>,
    /// By owner, in lower case.
    tokens: Mutex<HashMap<String, InstallationToken>>,
}

#[derive(Clone)]
struct InstallationToken {
    header: HeaderValue,
    created: Instant,
    expires: Instant,
}

/// An `Authorization` header, and what may be done when GitHub does not take it.
pub(super) struct Authorization {
    pub(super) header: HeaderValue,
    created: Option<Instant>,
}

/// What a refused `Authorization` deserves.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The token is too young to be known everywhere: the same once more, a little later.
    TooYoung,
    /// The token ended early: a new one.
    Renew,
    /// Nothing helps.
    Final,
}

impl Auth {
    pub(super) fn new(credentials: &Credentials) -> Result<Self, GitHubError> {
        match credentials {
            Credentials::Token(token) => Ok(Self::Token(bearer(token.expose_secret().trim()).ok_or(
                GitHubError::MalformedToken {
                    credentials: CredentialsKind::Token,
                },
            )?)),
            Credentials::App { id, key, installation } => {
                let key = key.expose_secret().trim();
                // Env files and CI settings often keep the line ends of a key as two characters.
                let key = if key.contains('\n') {
                    key.to_owned()
                } else {
                    key.replace("\\n", "\n")
                };
                let key = EncodingKey::from_rsa_pem(key.as_bytes()).map_err(|source| GitHubError::MalformedKey {
                    source: Arc::new(source),
                })?;
                Ok(Self::App(App {
                    id: id.trim().to_owned(),
                    key,
                    installation: *installation,
                    tokens: Mutex::default(),
                }))
            }
        }
    }

    pub(super) fn kind(&self) -> CredentialsKind {
        match self {
            Self::Token(_) => CredentialsKind::Token,
            Self::App(_) => CredentialsKind::App,
        }
    }

    /// True if one request cannot be about the repositories of several owners.
    pub(super) fn is_per_owner(&self) -> bool {
        matches!(self, Self::App(_))
    }

    /// The header for requests about `owner`'s repositories.
    pub(super) async fn authorization(&self, client: &Client, owner: &str) -> Result<Authorization, CallError> {
        match self {
            Self::Token(header) => Ok(Authorization {
                header: header.clone(),
                created: None,
            }),
            Self::App(app) => {
                let token = app.token(client, owner).await?;
                Ok(Authorization {
                    header: token.header,
                    created: Some(token.created),
                })
            }
        }
    }

    /// Judges a 401, and forgets the token if a new one may help.
    pub(super) async fn refused(&self, owner: &str, authorization: &Authorization) -> Refusal {
        let (Self::App(app), Some(created)) = (self, authorization.created) else {
            return Refusal::Final;
        };
        if created.elapsed() < REPLICATION {
            return Refusal::TooYoung;
        }
        app.tokens.lock().await.remove(&owner.to_ascii_lowercase());
        Refusal::Renew
    }
}

impl App {
    /// A token for `owner` that lives for some minutes more.
    async fn token(&self, client: &Client, owner: &str) -> Result<InstallationToken, CallError> {
        let mut tokens = self.tokens.lock().await;
        let key = owner.to_ascii_lowercase();
        if let Some(token) = tokens.get(&key).filter(|token| token.expires > Instant::now()) {
            return Ok(token.clone());
        }
        let jwt = self.jwt()?;
        let installation = match self.installation {
            Some(id) => id,
            None => find_installation(client, &jwt, owner).await?,
        };
        let token = create_token(client, &jwt, installation, owner).await?;
        tokens.insert(key, token.clone());
        Ok(token)
    }

    fn jwt(&self) -> Result<HeaderValue, GitHubError> {
        #[derive(Serialize)]
        struct Claims<'a> {
            iss: Issuer<'a>,
            iat: i64,
            exp: i64,
        }
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Issuer<'a> {
            Id(u64),
            ClientId(&'a str),
        }
        let now = Timestamp::now().as_second();
        let claims = Claims {
            iss: self.id.parse().map_or(Issuer::ClientId(&self.id), Issuer::Id),
            iat: now - JWT_BACKDATED,
            exp: now + JWT_LIFETIME,
        };
        let jwt = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key).map_err(|source| {
            GitHubError::MalformedKey {
                source: Arc::new(source),
            }
        })?;
        bearer(&jwt).ok_or(GitHubError::MalformedToken {
            credentials: CredentialsKind::App,
        })
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Auth").field(&self.kind()).finish()
    }
}

/// The installation of the App at an owner, of which it is not known whether it is an organisation or a user.
async fn find_installation(client: &Client, jwt: &HeaderValue, owner: &str) -> Result<u64, CallError> {
    #[derive(Deserialize)]
    struct Installation {
        id: u64,
    }
    for kind in ["orgs", "users"] {
        let url = client.address().endpoint(&[kind, owner, "installation"]);
        let answer = client.send_as(jwt, Method::GET, url, None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            continue;
        }
        if !answer.status.is_success() {
            return Err(client.trouble(&answer, &format!("tell the App's installation for {owner}")));
        }
        return Ok(answer.json::<Installation>()?.id);
    }
    Err(GitHubError::NotInstalled {
        owner: owner.to_owned(),
    }
    .into())
}

async fn create_token(
    client: &Client,
    jwt: &HeaderValue,
    installation: u64,
    owner: &str,
) -> Result<InstallationToken, CallError> {
    #[derive(Deserialize)]
    struct Created {
        token: String,
        expires_at: Option<Timestamp>,
    }
    let url = client
        .address()
        .endpoint(&["app", "installations", &installation.to_string(), "access_tokens"]);
    let created = Instant::now();
    let answer = client.send_as(jwt, Method::POST, url, Some(&json!({}))).await?;
    if answer.status == StatusCode::NOT_FOUND {
        return Err(GitHubError::NotInstalled {
            owner: owner.to_owned(),
        }
        .into());
    }
    if !answer.status.is_success() {
        return Err(client.trouble(&answer, &format!("give a token for {owner}")));
    }
    let body = answer.json::<Created>()?;
    let life = body.expires_at.map_or(LONGEST_LIFE, |expires| {
        Duration::try_from(expires.duration_since(Timestamp::now())).unwrap_or_default()
    });
    Ok(InstallationToken {
        header: bearer(&body.token).ok_or(GitHubError::MalformedToken {
            credentials: CredentialsKind::App,
        })?,
        created,
        // A clock that is wrong must not make every token look expired.
        expires: created + life.min(LONGEST_LIFE).saturating_sub(EXPIRY_MARGIN).max(SHORTEST_LIFE),
    })
}

/// A token says nothing about its form: any visible characters may be in it, and any number of them.
fn bearer(token: &str) -> Option<HeaderValue> {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}
