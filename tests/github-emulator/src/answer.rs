//! What goes back to the client: answers, and refusals in GitHub's words.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

/// Where GitHub's error bodies point to.
pub const DOCUMENTATION: &str = "https://docs.github.com/rest";

/// The body of an [`Answer`].
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// No body at all.
    Empty,
    /// JSON, as every API answer.
    Json(Value),
    /// A page for people.
    Html(String),
}

/// An answer before headers that all answers share are added.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status of the response.
    pub status: StatusCode,
    /// Headers special to this answer.
    pub headers: HeaderMap,
    /// The body.
    pub content: Content,
}

impl Answer {
    /// A JSON answer; an unknown status number becomes 500.
    pub fn json(status: u16, body: Value) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            headers: HeaderMap::new(),
            content: Content::Json(body),
        }
    }

    /// 204.
    pub fn empty() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            headers: HeaderMap::new(),
            content: Content::Empty,
        }
    }

    /// A page.
    pub fn html(text: String) -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            content: Content::Html(text),
        }
    }

    /// With one more header; a value that is no header text is left out.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// The JSON body, if there is one.
    pub fn body(&self) -> Option<&Value> {
        match &self.content {
            Content::Json(value) => Some(value),
            Content::Empty | Content::Html(_) => None,
        }
    }
}

/// Why GitHub does not do what it is asked, for both of its interfaces.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Status of the REST answer.
    pub status: u16,
    /// The message.
    pub message: String,
    /// `errors` of the REST body.
    pub errors: Option<Box<Value>>,
    /// `type` of the GraphQL error.
    pub kind: &'static str,
    /// `x-accepted-github-permissions`.
    pub accepted: Option<&'static str>,
}

impl Refusal {
    /// A refusal with a message only.
    pub fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            errors: None,
            kind,
            accepted: None,
        }
    }

    /// Not there, or not visible to the caller.
    pub fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "Not Found")
    }

    /// A token that is unknown, expired or malformed.
    pub fn bad_credentials() -> Self {
        Self::new(401, "UNAUTHORIZED", "Bad credentials")
    }

    /// The caller lacks a permission, e.g. `deployments=write`.
    pub fn forbidden(integration: bool, accepted: &'static str) -> Self {
        let by = if integration {
            "integration"
        } else {
            "personal access token"
        };
        Self {
            accepted: Some(accepted),
            ..Self::new(403, "FORBIDDEN", format!("Resource not accessible by {by}"))
        }
    }

    /// One field is not as it has to be.
    pub fn invalid(resource: &str, field: &str, code: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let errors = json!([{"resource": resource, "field": field, "code": code, "message": message}]);
        Self {
            errors: Some(Box::new(errors)),
            ..Self::new(422, "UNPROCESSABLE", "Validation Failed")
        }
    }

    /// The REST form.
    pub fn answer(&self) -> Answer {
        let mut body = json!({"message": self.message});
        if let Some(errors) = &self.errors {
            body["errors"] = (**errors).clone();
        }
        body["documentation_url"] = json!(DOCUMENTATION);
        body["status"] = json!(self.status.to_string());
        let answer = Answer::json(self.status, body);
        match self.accepted {
            Some(permissions) => answer.with("x-accepted-github-permissions", permissions),
            None => answer,
        }
    }

    /// The message with the reason, where the GraphQL form has no place of its own for it.
    pub fn sentence(&self) -> String {
        match self.errors.as_ref().and_then(|errors| errors[0]["message"].as_str()) {
            Some(reason) => reason.to_owned(),
            None => self.message.clone(),
        }
    }
}
