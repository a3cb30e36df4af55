//! What comes back from GitHub: its forms over REST and GraphQL, and what they mean for the request.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::{
    address::{is_loopback, origin},
    error::{Cause, GitHubError, NoAnswer, quoted},
    limits::{Budget, Limit, named_limit},
    permission::{Remarks, SignOn},
};
use crate::{http_date::http_date, plan::Repository};

/// An answer of whatever status, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    /// What the request was charged to.
    pub(super) budget: Budget,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What stands for a secret in text from outside.
const MASK: &str = "***";

/// No token is shorter, and what is may well be a word of the answer.
const MIN_TOKEN: usize = 8;

/// The error body of REST. GitHub does not keep to one form of it.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    /// GitHub's words, with the details of a validation error.
    pub(super) message: String,
    pub(super) documentation: String,
}

/// The answer of GraphQL: `data` and `errors` both count.
#[derive(Debug, Deserialize)]
pub(super) struct GraphQl {
    #[serde(default)]
    pub(super) data: Value,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(super) errors: Vec<GraphQlError>,
    #[serde(skip)]
    pub(super) remarks: Remarks,
}

/// One error of GraphQL.
#[derive(Debug, Deserialize)]
pub(super) struct GraphQlError {
    /// GitHub's name of the error, such as `NOT_FOUND`.
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    path: Vec<Value>,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Debug, Default, Deserialize)]
struct Extensions {
    /// Where servers that keep to GraphQL's own form of errors have the name.
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    saml_failure: Option<bool>,
}

/// Why there is no usable answer, by what that means for the request.
#[derive(Debug)]
pub(super) enum CallError {
    /// Nothing reached GitHub.
    NotSent(Cause),
    /// GitHub may have done it or not.
    Lost {
        cause: Cause,
        /// A smaller request may fare better.
        heavy: bool,
    },
    /// GitHub could not finish a query: a smaller one may fare better.
    Heavy {
        /// GitHub's words.
        message: String,
    },
    /// This GitHub does not know a field of the request, which did nothing.
    NotOffered {
        /// GitHub's words.
        message: String,
        /// GitHub's id of the request.
        request_id: Option<Box<str>>,
    },
    /// GitHub, or this program, says clearly why not.
    Known(GitHubError),
    /// There are no credentials for the owner: every request about its repositories would end in the same way.
    NoCredentials(GitHubError),
}

impl Answer {
    /// GitHub's id of the request, for its support.
    pub(super) fn request_id(&self) -> Option<Box<str>> {
        let id = self.headers.get("x-github-request-id")?.to_str().ok()?;
        Some(quoted(id).into())
    }

    /// What GitHub says about the credentials.
    pub(super) fn remarks(&self) -> Remarks {
        Remarks::of(&self.headers)
    }

    /// GitHub's time.
    pub(super) fn date(&self) -> Option<Timestamp> {
        http_date(&self.headers, header::DATE)
    }

    /// Without the credentials of its request: whatever GitHub, or something in between, says with them in it ends
    /// up in errors, logs and reports. This is the only way in for text from GitHub.
    pub(super) fn masked(mut self, authorization: &HeaderValue) -> Self {
        let token = authorization
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("Bearer "));
        let Some(token) = token.filter(|token| token.len() >= MIN_TOKEN) else {
            return self;
        };
        if let Some(clean) = without(token, &self.body) {
            self.body = clean.into();
        }
        for value in self.headers.values_mut() {
            if let Some(clean) = without(token, value.as_bytes()) {
                *value = HeaderValue::try_from(clean).unwrap_or(HeaderValue::from_static(MASK));
            }
        }
        self
    }

    /// True if this is a page for people, which no API gives: a proxy or a login is in between.
    pub(super) fn is_page(&self) -> bool {
        let kind = self.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        kind.is_some_and(|kind| kind.starts_with(b"text/html")) || self.body.trim_ascii_start().starts_with(b"<")
    }

    /// The body, which is expected to be this. Anything else is an answer that was lost.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_slice(&self.body).map_err(|source| {
            let message = if self.is_page() {
                "it is an HTML page, such as a proxy or a login gives".to_owned()
            } else {
                quoted(&source.to_string())
            };
            CallError::Lost {
                cause: Arc::new(NoAnswer::Garbled { message }),
                heavy: false,
            }
        })
    }

    /// The error body, in whatever form it has.
    pub(super) fn complaint(&self) -> Complaint {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut message = text("message").to_owned();
        for detail in details(body.get("errors")) {
            message.push_str(if message.is_empty() { "" } else { "; " });
            message.push_str(&detail);
        }
        if message.is_empty() {
            message = self.status.canonical_reason().unwrap_or("no reason given").to_owned();
        }
        Complaint {
            message: quoted(&message),
            documentation: text("documentation_url").to_owned(),
        }
    }

    /// Where the same request is to be sent instead.
    ///
    /// # Errors
    /// Origin and reason where it is not sent: to no other scheme, and in plain text only within this machine.
    pub(super) fn redirect(&self, from: &Url) -> Result<Option<Url>, (String, &'static str)> {
        if !matches!(self.status.as_u16(), 301 | 302 | 307 | 308) {
            return Ok(None);
        }
        let location = self.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        let Some(next) = location.and_then(|location| from.join(location).ok()) else {
            return Ok(None);
        };
        let problem = match (from.scheme(), next.scheme()) {
            ("https", "http") => "which is not encrypted",
            (before, after) if before != after => "which is another scheme",
            ("http", _) if !is_loopback(&next) => "which is not encrypted",
            _ => return Ok(Some(next)),
        };
        Err((origin(&next), problem))
    }

    /// As [`GraphQl::not_offered`], of a server that answers requests beyond its schema with 400.
    pub(super) fn not_offered(&self) -> Option<CallError> {
        self.json::<GraphQl>().ok()?.not_offered(self)
    }

    /// True if the API's version that was named is not known there. Nothing was done then.
    pub(super) fn refuses_version(&self) -> bool {
        self.status == StatusCode::BAD_REQUEST && self.complaint().message.contains("is not a supported version")
    }
}

impl GraphQl {
    /// That this GitHub's schema lacks a field of the request, so that nothing of it was done.
    pub(super) fn not_offered(&self, answer: &Answer) -> Option<CallError> {
        let error = self.errors.iter().find(|error| error.is_not_offered())?;
        (!self.data.is_object()).then(|| CallError::NotOffered {
            message: quoted(&error.message),
            request_id: answer.request_id(),
        })
    }

    /// What an answer without any data means.
    pub(super) fn without_data(self) -> CallError {
        let message = self.errors.first().map_or("no data", |error| &error.message);
        let message = quoted(message);
        if self.errors.is_empty() || self.errors.iter().any(GraphQlError::is_too_heavy) {
            return CallError::Heavy { message };
        }
        GitHubError::Refused {
            action: "answer a query".to_owned(),
            status: StatusCode::OK.as_u16(),
            message,
            request_id: self.remarks.request_id,
        }
        .into()
    }
}

impl GraphQlError {
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind
            .as_ref()
            .or(self.extensions.kind.as_ref())
            .is_some_and(|own| own == kind)
    }

    /// True if it says that this repository does not exist, or may not be seen. GitHub's words name it, also where
    /// the path does not.
    pub(super) fn is_about_missing(&self, repository: &Repository) -> bool {
        let name = format!("'{repository}'").to_ascii_lowercase();
        self.is("NOT_FOUND") && self.message.to_ascii_lowercase().contains(&name)
    }

    /// True if the error is about this field, or about what is in it.
    pub(super) fn is_within(&self, path: &[&str]) -> bool {
        self.path.len() >= path.len() && path.iter().zip(&self.path).all(|(name, step)| step == name)
    }

    /// True if nothing tells which field it is about.
    pub(super) fn is_about_everything(&self) -> bool {
        self.path.is_empty()
    }

    /// True if the error is about exactly this field.
    pub(super) fn is_at(&self, path: &[&str]) -> bool {
        self.path.len() == path.len() && self.is_within(path)
    }

    /// What GitHub says about the credentials, in the headers of the answer and in this error: an organisation may
    /// ask for single sign-on first.
    pub(super) fn remarks(&self, answer: &GraphQl) -> Remarks {
        let mut remarks = answer.remarks.clone();
        let asks = self.extensions.saml_failure == Some(true);
        if asks && !matches!(remarks.sign_on, Some(SignOn::Required { .. })) {
            remarks.sign_on = Some(SignOn::Required { url: None });
        }
        remarks
    }

    /// The name of the field it is about.
    pub(super) fn field(&self) -> Option<&str> {
        self.path.last()?.as_str()
    }

    /// The limit that it is about.
    pub(super) fn limit(&self) -> Option<Limit> {
        let typed = self.is("RATE_LIMITED") || self.is("RATE_LIMIT");
        let named = (typed || self.path.is_empty()).then(|| named_limit(&self.message));
        named.flatten().or(typed.then_some(Limit::Primary))
    }

    /// True if this GitHub's schema lacks what was asked for. Servers differ in their words.
    pub(super) fn is_not_offered(&self) -> bool {
        const WORDS: [&str; 5] = [
            "doesn't exist on type",
            "does not exist on type",
            "does not have a field",
            "Cannot query field",
            "Schema is not configured",
        ];
        self.extensions.code.as_deref() == Some("undefinedField")
            || WORDS.iter().any(|words| self.message.contains(words))
    }

    pub(super) fn is_too_heavy(&self) -> bool {
        self.is("RESOURCE_LIMITS_EXCEEDED") || self.message.starts_with("Something went wrong")
    }
}

impl CallError {
    /// What this means for a request that was to follow: whatever became of the request for its credentials, it
    /// was not sent itself.
    pub(super) fn before_sending(self) -> Self {
        match self {
            Self::Lost { cause, .. } => Self::NotSent(cause),
            Self::Known(limit @ GitHubError::Limited { .. }) => Self::Known(limit),
            Self::Known(error) => Self::NoCredentials(error),
            other => other,
        }
    }
}

impl From<GitHubError> for CallError {
    fn from(error: GitHubError) -> Self {
        Self::Known(error)
    }
}

/// The text with `***` for each `secret` in it; none if there is none.
fn without(secret: &str, text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    text.contains(secret).then(|| text.replace(secret, MASK))
}

/// The details of a validation error: objects, strings, or one string.
fn details(errors: Option<&Value>) -> Vec<String> {
    let one = |error: &Value| match error {
        Value::String(text) => Some(text.clone()),
        Value::Object(error) => {
            let text = |name: &str| error.get(name).and_then(Value::as_str);
            text("message").map(str::to_owned).or_else(|| {
                let (field, code) = (text("field")?, text("code")?);
                Some(format!("{field} is {code}"))
            })
        }
        _ => None,
    };
    match errors {
        Some(Value::Array(errors)) => errors.iter().filter_map(one).collect(),
        Some(error) => one(error).into_iter().collect(),
        None => Vec::new(),
    }
}

fn null_is_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}
