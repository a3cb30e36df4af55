//! A GitHub App: signed by its key, it gets a token for each owner that has it installed, for the repositories and
//! permissions that are needed and no more.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use octocrab::jsonwebtoken::{self, Algorithm, EncodingKey, Header};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    sync::{Mutex as AsyncMutex, OnceCell},
    time::Instant,
};
use url::Url;

use super::{bearer, clock::Clock, key};
use crate::{
    github::{
        answer::{Answer, CallError},
        client::Client,
        error::{CredentialsKind, GitHubError, quoted},
    },
    plan::Repository,
};

/// GitHub takes a JSON web token for ten minutes at most, by its own clock: a minute of difference is allowed for
/// on both ends.
const JWT_BACKDATED: i64 = 60;
const JWT_LIFETIME: i64 = 9 * 60;

/// An installation token lives for an hour. It is not used in its last minutes: clocks differ.
const EXPIRY_MARGIN: Duration = Duration::from_secs(5 * 60);
const LONGEST_LIFE: Duration = Duration::from_secs(60 * 60);
const SHORTEST_LIFE: Duration = Duration::from_secs(60);

/// A token can be limited to so many repositories.
const MAX_REPOSITORIES: usize = 500;

/// What a token is asked to allow. Contents: refs are resolved.
const PERMISSIONS: [(&str, &str); 3] = [("contents", "read"), ("deployments", "write"), ("metadata", "read")];

/// An owner without a usable installation is not looked at again so soon: a pass has many requests for one owner.
const REFUSAL_HOLDS: Duration = Duration::from_secs(30);

pub(in crate::github) struct App {
    id: String,
    key: EncodingKey,
    /// The one to use for every owner.
    installation: Option<u64>,
    clock: Clock,
    /// By login, in lower case.
    owners: Mutex<HashMap<String, Arc<Owner>>>,
    /// Where the App can be installed, as far as GitHub tells.
    page: OnceCell<Option<String>>,
}

#[derive(Default)]
struct Owner {
    /// Names of repositories, in lower case, and when each was last expected to be asked about.
    expected: Mutex<BTreeMap<String, Instant>>,
    access: AsyncMutex<Access>,
}

/// What is known about the App at one owner.
#[derive(Default)]
struct Access {
    installation: Option<Installation>,
    token: Option<InstallationToken>,
    refused: Option<(Instant, GitHubError)>,
}

/// The App where it is installed.
#[derive(Clone, Default, Deserialize)]
pub(in crate::github) struct Installation {
    id: u64,
    /// Name of the App in addresses.
    pub(in crate::github) app_slug: Option<String>,
    #[serde(default)]
    pub(in crate::github) permissions: BTreeMap<String, String>,
    /// When its owner put it on hold.
    pub(in crate::github) suspended_at: Option<String>,
    /// Its settings, for people.
    html_url: Option<String>,
}

#[derive(Clone)]
pub(super) struct InstallationToken {
    pub(super) secret: SecretString,
    pub(super) made: Instant,
    expires: Instant,
    /// What it is limited to; none: everything that the installation has.
    repositories: Option<BTreeSet<String>>,
}

/// What a token is to be limited to.
struct Scope {
    repositories: Option<BTreeSet<String>>,
    permissions: bool,
}

impl App {
    pub(super) fn new(id: &str, key: &str, installation: Option<u64>) -> Result<Self, GitHubError> {
        Ok(Self {
            id: id.to_owned(),
            key: key::encoding_key(key).map_err(|problem| GitHubError::MalformedKey { problem })?,
            installation,
            clock: Clock::of_this_machine(),
            owners: Mutex::default(),
            page: OnceCell::new(),
        })
    }

    pub(super) fn expect(&self, repository: &Repository) {
        let owner = self.owner(&repository.owner);
        locked(&owner.expected).insert(repository.name.to_ascii_lowercase(), Instant::now());
    }

    /// Forgets the token that was made then; another one may have taken its place already.
    pub(super) async fn forget(&self, owner: &str, made: Instant) {
        let owner = self.owner(owner);
        owner.access.lock().await.token.take_if(|token| token.made == made);
    }

    /// A token for `owner` that lives for some minutes more and reaches what is expected.
    pub(super) async fn token(&self, client: &Client, owner: &str) -> Result<InstallationToken, CallError> {
        let state = self.owner(owner);
        let mut access = state.access.lock().await;
        let expected = state.expected();
        if let Some(token) = access.token.as_ref().filter(|token| token.serves(&expected)) {
            return Ok(token.clone());
        }
        if let Some((_, error)) = access
            .refused
            .as_ref()
            .filter(|(then, _)| then.elapsed() < REFUSAL_HOLDS)
        {
            return Err(error.clone().into());
        }
        let result = self.new_token(client, owner, &mut access.installation, expected).await;
        match &result {
            Ok(token) => access.token = Some(token.clone()),
            Err(CallError::Known(error @ (GitHubError::NotInstalled { .. } | GitHubError::Suspended { .. }))) => {
                access.refused = Some((Instant::now(), error.clone()));
            }
            Err(_) => {}
        }
        result
    }

    async fn new_token(
        &self,
        client: &Client,
        owner: &str,
        known: &mut Option<Installation>,
        repositories: BTreeSet<String>,
    ) -> Result<InstallationToken, CallError> {
        if let Some(id) = self.installation {
            let given = Installation {
                id,
                ..Installation::default()
            };
            return match self.create_token(client, owner, &given, repositories).await? {
                Some(token) => Ok(token),
                None => Err(self.not_installed(client, owner).await.into()),
            };
        }
        if let Some(installation) = known.clone() {
            if let Some(token) = self
                .create_token(client, owner, &installation, repositories.clone())
                .await?
            {
                return Ok(token);
            }
            *known = None;
            tracing::debug!(owner, "the App's installation is gone: looking for another one");
        }
        if let Some(installation) = self.find_installation(client, owner).await? {
            // Known from now on also where it gives no token: it may be suspended.
            *known = Some(installation.clone());
            if let Some(token) = self.create_token(client, owner, &installation, repositories).await? {
                return Ok(token);
            }
            *known = None;
        }
        Err(self.not_installed(client, owner).await.into())
    }

    /// The installation that was given, or that at an owner, of which it is not known whether it is an organisation or a
    /// user. None where there is no such one.
    pub(in crate::github) async fn find_installation(
        &self,
        client: &Client,
        owner: &str,
    ) -> Result<Option<Installation>, CallError> {
        let number = self.installation.map(|id| id.to_string());
        let addresses = match &number {
            Some(number) => vec![["app", "installations", number]],
            None => vec![["orgs", owner, "installation"], ["users", owner, "installation"]],
        };
        for segments in addresses {
            let url = client.address().endpoint(&segments);
            let answer = self.ask(client, Method::GET, url, None).await?;
            if answer.status.is_success() {
                return Ok(Some(answer.json()?));
            }
            if answer.status != StatusCode::NOT_FOUND || is_unknown_app(&answer) {
                return Err(trouble(
                    client,
                    &answer,
                    &format!("tell the App's installation for {owner}"),
                ));
            }
        }
        Ok(None)
    }

    /// A token with these limits, or with fewer where GitHub does not take them: one repository that does not exist
    /// must not keep the others from being reached. None where there is no such installation.
    async fn create_token(
        &self,
        client: &Client,
        owner: &str,
        installation: &Installation,
        repositories: BTreeSet<String>,
    ) -> Result<Option<InstallationToken>, CallError> {
        let id = installation.id.to_string();
        let url = client
            .address()
            .endpoint(&["app", "installations", &id, "access_tokens"]);
        let mut scope = Scope::new(repositories);
        loop {
            client.limits().token().await;
            let made = Instant::now();
            let answer = self.ask(client, Method::POST, url.clone(), Some(&scope.body())).await?;
            let message = || answer.complaint().message;
            match answer.status {
                status if status.is_success() => return token(&answer, made, scope.repositories).map(Some),
                StatusCode::NOT_FOUND if !is_unknown_app(&answer) => return Ok(None),
                StatusCode::FORBIDDEN if message().to_ascii_lowercase().contains("suspended") => {
                    return Err(installation.suspended(owner).into());
                }
                StatusCode::UNPROCESSABLE_ENTITY if scope.loosen(&message()) => {
                    tracing::debug!(
                        owner,
                        refusal = message(),
                        of_repositories = scope.repositories.is_some(),
                        of_permissions = scope.permissions,
                        "GitHub gives no token with these limits: asking with fewer"
                    );
                }
                _ => return Err(trouble(client, &answer, &format!("give a token for {owner}"))),
            }
        }
    }

    /// That there is no installation, of the number that was given or at an owner.
    pub(in crate::github) async fn not_installed(&self, client: &Client, owner: &str) -> GitHubError {
        match self.installation {
            Some(installation) => GitHubError::NoInstallation { installation },
            None => GitHubError::NotInstalled {
                owner: owner.to_owned(),
                page: self.page(client).await,
            },
        }
    }

    /// Where the App can be installed; none where GitHub does not tell.
    async fn page(&self, client: &Client) -> Option<String> {
        let page = self.page.get_or_try_init(|| self.find_page(client)).await;
        page.ok().cloned().flatten()
    }

    async fn find_page(&self, client: &Client) -> Result<Option<String>, CallError> {
        #[derive(Deserialize)]
        struct Described {
            slug: Option<String>,
            html_url: Option<String>,
        }
        let url = client.address().endpoint(&["app"]);
        let answer = self.ask(client, Method::GET, url, None).await?;
        if !answer.status.is_success() {
            return Err(trouble(client, &answer, "describe the App"));
        }
        let Described { slug, html_url } = answer.json()?;
        let shown = html_url
            .and_then(|url| Url::parse(&url).ok())
            .filter(|url| matches!(url.scheme(), "https" | "http"))
            .map(|url| url.as_str().trim_end_matches('/').to_owned());
        let named = || Some(client.address().app_page(&slug.filter(|slug| !slug.is_empty())?));
        let page = shown.or_else(named);
        Ok(page.map(|page| quoted(&format!("{page}/installations/new"))))
    }

    /// Asks as the App itself, and once more if it turns out that the clocks differ.
    pub(in crate::github) async fn ask(
        &self,
        client: &Client,
        method: Method,
        url: String,
        body: Option<&Value>,
    ) -> Result<Answer, CallError> {
        let mut corrected = false;
        loop {
            let now = self.clock.now();
            let answer = client
                .follow(Some(&self.jwt(now)?), method.clone(), url.clone(), body)
                .await?;
            if answer.status != StatusCode::UNAUTHORIZED || corrected || !self.clock.correct(&answer, now) {
                return Ok(answer);
            }
            corrected = true;
        }
    }

    fn jwt(&self, now: i64) -> Result<HeaderValue, GitHubError> {
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
        let claims = Claims {
            iss: self.id.parse().map_or(Issuer::ClientId(&self.id), Issuer::Id),
            iat: now - JWT_BACKDATED,
            exp: now + JWT_LIFETIME,
        };
        let jwt = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key).map_err(|_| {
            GitHubError::MalformedKey {
                problem: key::KeyError::Damaged,
            }
        })?;
        bearer(&jwt.into()).ok_or(GitHubError::MalformedToken {
            credentials: CredentialsKind::App,
        })
    }

    fn owner(&self, login: &str) -> Arc<Owner> {
        locked(&self.owners)
            .entry(login.to_ascii_lowercase())
            .or_default()
            .clone()
    }
}

impl Installation {
    /// That its owner put it on hold.
    pub(in crate::github) fn suspended(&self, owner: &str) -> GitHubError {
        GitHubError::Suspended {
            owner: owner.to_owned(),
            page: self.html_url.as_deref().map(quoted),
        }
    }
}

impl Owner {
    /// What the next token has to reach. What was not expected for the life of a token does not count any more: a
    /// process may go on for months.
    fn expected(&self) -> BTreeSet<String> {
        let mut expected = locked(&self.expected);
        expected.retain(|_, then| then.elapsed() < LONGEST_LIFE);
        expected.keys().cloned().collect()
    }
}

impl InstallationToken {
    fn serves(&self, expected: &BTreeSet<String>) -> bool {
        self.expires > Instant::now()
            && self
                .repositories
                .as_ref()
                .is_none_or(|names| names.is_superset(expected))
    }
}

impl Scope {
    fn new(repositories: BTreeSet<String>) -> Self {
        Self {
            repositories: Some(repositories).filter(|names| (1..=MAX_REPOSITORIES).contains(&names.len())),
            permissions: true,
        }
    }

    fn body(&self) -> Value {
        let mut body = json!({});
        if let Some(names) = &self.repositories {
            body["repositories"] = json!(names);
        }
        if self.permissions {
            body["permissions"] = json!(BTreeMap::from(PERMISSIONS));
        }
        body
    }

    /// Drops the limit that GitHub's words are about; false if there is none left.
    fn loosen(&mut self, message: &str) -> bool {
        if self.permissions && (self.repositories.is_none() || message.to_ascii_lowercase().contains("permission")) {
            self.permissions = false;
            return true;
        }
        self.repositories.take().is_some()
    }
}

/// The token in an answer that is a success.
fn token(
    answer: &Answer,
    made: Instant,
    repositories: Option<BTreeSet<String>>,
) -> Result<InstallationToken, CallError> {
    #[derive(Deserialize)]
    struct Created {
        token: String,
        expires_at: Option<Timestamp>,
    }
    let Created { token, expires_at } = answer.json()?;
    let token = SecretString::from(token);
    if bearer(&token).is_none() {
        return Err(GitHubError::MalformedToken {
            credentials: CredentialsKind::App,
        }
        .into());
    }
    // Both times are GitHub's.
    let life = expires_at.zip(answer.date()).map_or(LONGEST_LIFE, |(expires, date)| {
        Duration::try_from(expires.duration_since(date)).unwrap_or_default()
    });
    Ok(InstallationToken {
        secret: token,
        made,
        expires: made + life.min(LONGEST_LIFE).saturating_sub(EXPIRY_MARGIN).max(SHORTEST_LIFE),
        repositories,
    })
}

/// GitHub knows no App of this id: nothing is said about an owner.
fn is_unknown_app(answer: &Answer) -> bool {
    answer.complaint().message.contains("Integration not found")
}

/// What an answer to the App itself means that is no success.
pub(in crate::github) fn trouble(client: &Client, answer: &Answer, action: &str) -> CallError {
    if !is_unknown_app(answer) {
        return client.trouble(answer, action);
    }
    GitHubError::BadCredentials {
        credentials: CredentialsKind::App,
        message: answer.complaint().message,
        request_id: answer.request_id(),
    }
    .into()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
