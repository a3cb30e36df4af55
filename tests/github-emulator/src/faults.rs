//! Faults by rule: which request, how often, before or after its effect, and what the client sees.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::{Answer, DOCUMENTATION};
use crate::operation::OperationKind;

/// Which requests a fault concerns; everything that is given has to hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Matcher {
    /// The operation.
    pub operation: Option<OperationKind>,
    /// A part of the path, query included.
    pub path: Option<String>,
    /// A part of the body.
    pub body: Option<String>,
    /// How many matching requests go unharmed first.
    pub skip: u32,
}

/// Whether the request is carried out although its answer is a fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// The fault comes first: nothing is done.
    #[default]
    Before,
    /// It is done, but the client does not get to know.
    After,
}

/// What the client sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FaultKind {
    /// A status, with a JSON body or GitHub's for this status.
    Status {
        /// The number.
        code: u16,
        /// The body.
        #[serde(default)]
        body: Option<Value>,
    },
    /// Nobody listens, so that the request never arrives: it has no effect, whatever the rule says. On a socket the
    /// connection is reset.
    ConnectionRefused,
    /// The connection is reset before an answer.
    Reset,
    /// The connection ends before an answer.
    LostAnswer,
    /// The connection ends in the middle of the answer's body.
    CutBody,
    /// The status of a success without body.
    EmptyBody,
    /// A gateway's page with status 502.
    Html,
    /// A page with status 200, as a proxy gives that wants someone to log in.
    Page,
    /// Sent elsewhere: to the same address again, or to the same path of another host. Nothing is done, whatever the
    /// rule says.
    Redirect {
        /// The status.
        code: u16,
        /// The other host.
        #[serde(default)]
        host: Option<String>,
    },
    /// The status of a success with a body of so many spaces.
    HugeBody {
        /// Bytes.
        bytes: u64,
    },
    /// The right answer, late. Milliseconds.
    Delay {
        /// Milliseconds.
        milliseconds: u64,
    },
    /// The right answer, its body byte by byte.
    SlowDrip {
        /// Milliseconds before each byte.
        milliseconds: u64,
    },
    /// 202 without a deployment.
    Accepted202,
    /// GraphQL `errors` with status 200, beside `data` or without.
    GraphQlErrors {
        /// Whether `data` is there as usual.
        data: bool,
        /// `type` of the error.
        kind: String,
        /// Message of the error.
        message: String,
    },
    /// The hourly limit is used up.
    RateLimitPrimary,
    /// Too fast, with or without `Retry-After` in seconds.
    RateLimitSecondary {
        /// Seconds.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// The right status with a body that is not JSON.
    Garbled,
}

impl FaultKind {
    /// One example of each kind, for tests that go through all of them.
    pub fn each() -> Vec<Self> {
        let graphql = |data| Self::GraphQlErrors {
            data,
            kind: "RESOURCE_LIMITS_EXCEEDED".to_owned(),
            message: "Resource limits for this query exceeded.".to_owned(),
        };
        let invalid = |body: Value| Self::Status {
            code: 422,
            body: Some(body),
        };
        let redirect = |code, host: Option<&str>| Self::Redirect {
            code,
            host: host.map(str::to_owned),
        };
        let statuses = [500, 502, 503, 504, 401, 403, 404, 409, 410, 422, 451];
        let mut each: Vec<Self> = statuses.map(|code| Self::Status { code, body: None }).into();
        each.extend([
            invalid(json!({
                "message": "Validation Failed", "status": "422",
                "errors": [{"resource": "Deployment", "code": "custom", "field": "payload", "message": "payload is too long"}],
            })),
            invalid(json!({"message": "Validation Failed", "status": "422", "errors": ["payload is too long"]})),
            invalid(json!({"message": "Validation Failed", "status": "422", "errors": "Validation failed: too long"})),
            invalid(json!({
                "message": "Invalid request.\n\nOnly 65535 characters are allowed; 91016 were supplied.",
                "documentation_url": DOCUMENTATION, "status": "422",
            })),
            redirect(301, None),
            redirect(302, None),
            redirect(307, None),
            redirect(308, None),
            redirect(302, Some("login.example")),
            redirect(307, Some("login.example")),
            Self::ConnectionRefused,
            Self::Reset,
            Self::LostAnswer,
            Self::CutBody,
            Self::EmptyBody,
            Self::Html,
            Self::Page,
            Self::HugeBody { bytes: 80 << 20 },
            Self::Delay {
                milliseconds: 3_600_000,
            },
            Self::SlowDrip { milliseconds: 10_000 },
            Self::Accepted202,
            graphql(true),
            graphql(false),
            Self::RateLimitPrimary,
            Self::RateLimitSecondary { retry_after: None },
            Self::RateLimitSecondary { retry_after: Some(30) },
            Self::Garbled,
        ]);
        each
    }

    /// True if the request is carried out: by this kind always, never, or as the rule says.
    pub(crate) fn is_done(&self, effect: Effect) -> bool {
        match self {
            Self::Delay { .. } | Self::SlowDrip { .. } => true,
            Self::ConnectionRefused | Self::Redirect { .. } => false,
            _ => effect == Effect::After,
        }
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Which requests.
    #[serde(default)]
    pub matcher: Matcher,
    /// How many of them; `None`: all.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// Before or after the effect.
    #[serde(default)]
    pub effect: Effect,
    /// What the client sees.
    pub kind: FaultKind,
}

fn once() -> Option<u32> {
    Some(1)
}

impl Fault {
    /// A fault of the next request, whatever it is, before its effect.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            matcher: Matcher::default(),
            times: once(),
            effect: Effect::Before,
            kind,
        }
    }

    /// A fault of the next request of an operation, before its effect.
    pub fn on(operation: OperationKind, kind: FaultKind) -> Self {
        Self {
            matcher: Matcher {
                operation: Some(operation),
                ..Matcher::default()
            },
            ..Self::new(kind)
        }
    }

    /// Only requests whose path contains this.
    pub fn path(mut self, part: impl Into<String>) -> Self {
        self.matcher.path = Some(part.into());
        self
    }

    /// Only requests whose body contains this.
    pub fn body(mut self, part: impl Into<String>) -> Self {
        self.matcher.body = Some(part.into());
        self
    }

    /// From the `nth` matching request on, counted from 1.
    pub fn nth(mut self, nth: u32) -> Self {
        self.matcher.skip = nth.saturating_sub(1);
        self
    }

    /// So many requests.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Every matching request, until the faults are cleared.
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// The request is carried out.
    pub fn after(mut self) -> Self {
        self.effect = Effect::After;
        self
    }
}

/// The rules in force.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Adds a rule; earlier rules go first.
    pub fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Drops all rules.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The rules that have not run out.
    pub fn remaining(&self) -> &[Fault] {
        &self.0
    }

    /// The fault for this request, if any; counts it.
    pub fn take(&mut self, operation: OperationKind, path: &str, body: &str) -> Option<Fault> {
        let contains =
            |part: &Option<String>, text: &str| part.as_ref().is_none_or(|part| text.contains(part.as_str()));
        let mut taken = None;
        for fault in &mut self.0 {
            let matcher = &mut fault.matcher;
            let concerned = matcher.operation.is_none_or(|wanted| wanted == operation)
                && contains(&matcher.path, path)
                && contains(&matcher.body, body);
            if !concerned {
                continue;
            }
            if matcher.skip > 0 {
                matcher.skip -= 1;
                continue;
            }
            if let Some(times) = &mut fault.times {
                *times = times.saturating_sub(1);
            }
            taken = Some(fault.clone());
            break;
        }
        self.0.retain(|fault| fault.times != Some(0));
        taken
    }
}

/// What is left of an answer, as the transport has to treat it.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// Sent, in one way or another.
    Sent(Answer, Form),
    /// Not sent: the connection ends in this way.
    Lost(io::ErrorKind),
}

/// In which form a body arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Whole,
    /// Not at all.
    Absent,
    /// Up to its middle, where the connection ends.
    Cut,
    /// As something that is not JSON.
    Garbled,
    /// As so many spaces.
    Huge(u64),
    /// Byte by byte, each after this time.
    Drip(Duration),
}

/// Applies a fault to the answer that would have been given; `answer` is `None` where nothing was done. `address` is
/// that of the request.
pub fn deliver(fault: &Fault, operation: OperationKind, answer: Option<Answer>, address: &str) -> Delivery {
    let usual = || answer.clone().unwrap_or_else(|| success(operation));
    let whole = |answer| Delivery::Sent(answer, Form::Whole);
    match &fault.kind {
        FaultKind::ConnectionRefused => Delivery::Lost(io::ErrorKind::ConnectionRefused),
        FaultKind::Reset => Delivery::Lost(io::ErrorKind::ConnectionReset),
        FaultKind::LostAnswer => Delivery::Lost(io::ErrorKind::UnexpectedEof),
        FaultKind::CutBody => Delivery::Sent(usual(), Form::Cut),
        FaultKind::EmptyBody => Delivery::Sent(usual(), Form::Absent),
        FaultKind::Garbled => Delivery::Sent(usual(), Form::Garbled),
        FaultKind::HugeBody { bytes } => Delivery::Sent(usual(), Form::Huge(*bytes)),
        FaultKind::SlowDrip { milliseconds } => {
            Delivery::Sent(usual(), Form::Drip(Duration::from_millis(*milliseconds)))
        }
        FaultKind::Delay { .. } => whole(usual()),
        FaultKind::Page => whole(Answer::html(
            "<!DOCTYPE html><html><head><title>Log in</title></head><body>Log in to go on.</body></html>".to_owned(),
        )),
        FaultKind::Redirect { code, host } => {
            let address = match (url::Url::parse(address), host) {
                (Ok(mut address), Some(host)) => {
                    // Only an address without a host refuses one.
                    let _ = address.set_host(Some(host));
                    address.into()
                }
                _ => address.to_owned(),
            };
            let body = json!({"message": "Moved Permanently", "url": address, "documentation_url": DOCUMENTATION});
            whole(Answer::json(*code, body).with("location", &address))
        }
        FaultKind::Status { code, body } => {
            whole(Answer::json(*code, body.clone().unwrap_or_else(|| status_body(*code))))
        }
        FaultKind::Html => {
            let page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";
            let mut answer = Answer::html(page.to_owned());
            answer.status = http::StatusCode::BAD_GATEWAY;
            whole(answer)
        }
        FaultKind::Accepted202 => whole(Answer::json(
            202,
            json!({"message": "Auto-merged main into topic on deployment."}),
        )),
        FaultKind::GraphQlErrors { data, kind, message } => {
            let error = json!({"type": kind, "message": message});
            let mut body = json!({"errors": [error]});
            if *data {
                body["data"] = usual().body().map(|body| body["data"].clone()).unwrap_or_default();
            }
            whole(Answer::json(200, body))
        }
        FaultKind::RateLimitPrimary if operation.is_graphql() => {
            let error = json!({"type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 583231."});
            whole(Answer::json(200, json!({"errors": [error]})).with("x-ratelimit-remaining", "0"))
        }
        FaultKind::RateLimitPrimary => {
            let body = error_body(403, "API rate limit exceeded for user ID 583231.");
            whole(Answer::json(403, body).with("x-ratelimit-remaining", "0"))
        }
        FaultKind::RateLimitSecondary { retry_after } => {
            let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
            let mut body = error_body(403, message);
            body["documentation_url"] = json!(format!(
                "{DOCUMENTATION}/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"
            ));
            whole(match retry_after {
                Some(seconds) => {
                    body["status"] = json!("429");
                    Answer::json(429, body).with("retry-after", &seconds.to_string())
                }
                None => Answer::json(403, body),
            })
        }
    }
}

fn error_body(code: u16, message: &str) -> Value {
    json!({"message": message, "documentation_url": DOCUMENTATION, "status": code.to_string()})
}

fn status_body(code: u16) -> Value {
    let message = match code {
        401 => "Bad credentials",
        403 => "Resource not accessible by integration",
        404 => "Not Found",
        409 => "Conflict merging main into topic.",
        410 => "This repository is gone.",
        422 => "Validation Failed",
        451 => "Repository access blocked",
        _ => "Server Error",
    };
    error_body(code, message)
}

/// The kind of answer that a success would have had, for faults that come before the effect.
fn success(operation: OperationKind) -> Answer {
    match operation.described() {
        Some(("post", _)) => Answer::json(201, json!({})),
        Some(("delete", _)) => Answer::empty(),
        _ if operation.is_graphql() => Answer::json(200, json!({"data": null})),
        _ => Answer::json(200, json!({})),
    }
}
