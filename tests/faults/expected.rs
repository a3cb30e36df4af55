//! What each fault has to lead to, told apart from what the program does about it.

use github_emulator::{Effect, FaultKind, OperationKind};

use crate::case::Case;

/// How the results of the concerned repositories look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As without the fault.
    Done,
    /// Exit code 1, with this reason for all that are concerned.
    Fail(String),
    /// Left to the next pass.
    Defer,
    /// Exit code 3.
    CannotRun,
    /// Different from one to the other.
    Mixed,
}

/// When the request of a case may have been carried out.
pub enum Effects {
    /// This operation never gets such an answer.
    None,
    /// It was not, or that makes no difference.
    Before,
    /// It may have been or not.
    Both,
}

/// Ways in which an answer is lost, so that nobody knows whether the request was carried out.
pub fn is_loss(kind: &FaultKind) -> bool {
    match kind {
        FaultKind::Status { code, .. } => *code >= 500,
        FaultKind::Reset
        | FaultKind::LostAnswer
        | FaultKind::CutBody
        | FaultKind::EmptyBody
        | FaultKind::Html
        | FaultKind::Page
        | FaultKind::HugeBody { .. }
        | FaultKind::Garbled => true,
        _ => false,
    }
}

pub fn is_write(operation: OperationKind) -> bool {
    matches!(
        operation,
        OperationKind::CreateDeployment | OperationKind::GraphQlMutation
    )
}

pub fn effects(kind: &FaultKind, operation: OperationKind) -> Effects {
    match kind {
        FaultKind::GraphQlErrors { .. } if !operation.is_graphql() => Effects::None,
        FaultKind::GraphQlErrors { .. } if is_write(operation) => Effects::Both,
        kind if is_loss(kind) && is_write(operation) => Effects::Both,
        _ => Effects::Before,
    }
}

/// What a fault that happens once leads to.
pub fn expected(case: &Case) -> Outcome {
    use OperationKind::{
        CreateAccessToken, CreateDeployment, GetOrganizationInstallation, GraphQlMutation, GraphQlQuery,
    };
    let operation = case.request.operation;
    let fail = |reason: &str| Outcome::Fail(reason.to_owned());
    let refused = |forbidden: &str, missing: &str, code| match code {
        403 => fail(forbidden),
        404 => fail(missing),
        _ => fail("GitHubRefused"),
    };
    match (&case.kind, operation) {
        // The limit of an hour does not end within a pass, others are sat out while reading.
        (FaultKind::RateLimitPrimary | FaultKind::RateLimitSecondary { .. }, _) if is_write(operation) => {
            Outcome::Defer
        }
        (FaultKind::RateLimitPrimary, GetOrganizationInstallation | CreateAccessToken) => Outcome::Done,
        (FaultKind::RateLimitPrimary, _) => Outcome::Defer,
        (FaultKind::RateLimitSecondary { .. }, _) => Outcome::Done,
        // What did not arrive is read again, and written by the next pass.
        (FaultKind::ConnectionRefused, _) if is_write(operation) => fail("GitHubUnreachable"),
        // The credentials stay at home, and the address does not change while one waits.
        (FaultKind::Redirect { host: Some(_), .. }, _) => fail("GitHubRedirected"),
        (FaultKind::ConnectionRefused | FaultKind::Redirect { .. }, _) => Outcome::Done,
        // Nobody knows the new token yet; but nothing else than the key is wrong where a JSON web token is refused.
        (FaultKind::Status { code: 401, .. }, GetOrganizationInstallation | CreateAccessToken) => {
            fail("BadCredentials")
        }
        (FaultKind::Status { code: 401, .. }, _) => Outcome::Done,
        // It may be a user and no organisation.
        (FaultKind::Status { code: 404, .. }, GetOrganizationInstallation) => Outcome::Done,
        // It may be the permissions that are asked for: the next token is asked for without them.
        (FaultKind::Status { code: 422, .. }, CreateAccessToken) => Outcome::Done,
        (FaultKind::Status { code, .. }, CreateAccessToken) if *code < 500 => {
            refused("GitHubRefused", "AppNotInstalled", *code)
        }
        (FaultKind::Status { code, .. }, GetOrganizationInstallation) if *code < 500 => fail("GitHubRefused"),
        (FaultKind::Status { code, .. }, CreateDeployment) if *code < 500 => {
            refused("GitHubForbidden", "RepositoryNotFound", *code)
        }
        (FaultKind::Status { code, .. }, GraphQlMutation) if *code < 500 => {
            refused("GitHubForbidden", "GitHubRefused", *code)
        }
        // One of the environments may be what is refused, so each is asked for again.
        (FaultKind::Status { code, .. }, GraphQlQuery) if *code < 500 => Outcome::Done,
        (FaultKind::Accepted202, CreateDeployment) => fail("GitHubRefused"),
        // A deployment is not created twice, so that only the next pass creates one that was not.
        (kind, CreateDeployment) if is_loss(kind) && case.effect == Effect::Before => fail("AnswerLost"),
        _ => Outcome::Done,
    }
}

/// What a message may say of the fault; one of these.
pub fn cause(kind: &FaultKind, operation: OperationKind) -> Vec<String> {
    let one = |text: &str| vec![text.to_owned()];
    match kind {
        FaultKind::Status { code: 401, .. } => one("Bad credentials"),
        FaultKind::Status { code: 403, .. } => one("Resource not accessible by integration"),
        FaultKind::Status { code: 404, .. } => match operation {
            OperationKind::CreateAccessToken | OperationKind::GetOrganizationInstallation => {
                one("is not installed for")
            }
            OperationKind::CreateDeployment => one("does not exist"),
            _ => one("HTTP 404"),
        },
        FaultKind::Status { code: 409, .. } => one("Conflict merging"),
        FaultKind::Status { code: 410, .. } => one("This repository is gone"),
        FaultKind::Status { code: 451, .. } => one("Repository access blocked"),
        FaultKind::Status { code: 422, body } => match body.as_ref().map(|body| &body["errors"]) {
            None => one("HTTP 422"),
            Some(errors) if errors.is_null() => one("Only 65535 characters are allowed"),
            Some(_) => one("too long"),
        },
        FaultKind::Status { code, .. } => one(&format!("HTTP {code}: Server Error")),
        FaultKind::Html => one("HTTP 502"),
        FaultKind::ConnectionRefused | FaultKind::Reset | FaultKind::LostAnswer | FaultKind::CutBody => {
            one("the connection was lost")
        }
        FaultKind::EmptyBody | FaultKind::Garbled => {
            vec!["the answer cannot be read".to_owned(), "HTTP 201".to_owned()]
        }
        FaultKind::Page => one("HTML page"),
        FaultKind::Redirect { host: None, .. } => one("and from there on and on"),
        FaultKind::Redirect { host: Some(host), .. } => vec![host.clone(), "and from there on and on".to_owned()],
        FaultKind::HugeBody { .. } => one("the answer is larger than"),
        FaultKind::Delay { .. } | FaultKind::SlowDrip { .. } => one("no answer within 30 seconds"),
        FaultKind::Accepted202 => match operation {
            OperationKind::CreateDeployment => one("HTTP 202): Auto-merged"),
            OperationKind::GraphQlQuery => one("no data"),
            _ => one("cannot be read"),
        },
        FaultKind::GraphQlErrors { message, .. } => one(message),
        FaultKind::RateLimitPrimary | FaultKind::RateLimitSecondary { .. } => one("rate limit"),
    }
}
