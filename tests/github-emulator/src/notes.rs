//! What GitHub says in headers about a personal token: its scopes, its end, and single sign-on. And whether this GitHub
//! has limits at all, as a GitHub Enterprise Server may not.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::access::{Caller, CallerKind};
use crate::answer::{Answer, Refusal};
use crate::emulator::Emulator;
use crate::identity::digest;
use crate::operation::{Address, Operation, OperationKind};
use crate::render::Links;

/// About one token.
#[derive(Debug, Clone, Default)]
pub struct TokenNotes {
    /// Scopes of a classic token; other tokens have none of this.
    pub scopes: Option<Vec<String>>,
    /// Its end.
    pub expires: Option<Timestamp>,
    /// Organisations that ask for a single sign-on for which the token is not authorized.
    pub sign_on_for: BTreeSet<String>,
}

/// About all tokens.
#[derive(Debug, Default)]
pub struct Notes {
    tokens: BTreeMap<String, TokenNotes>,
    /// No primary limits.
    pub unlimited: bool,
}

impl Notes {
    fn of(&self, caller: &Caller) -> Option<&TokenNotes> {
        self.tokens.get(caller.token_hash.as_deref()?)
    }

    /// The answer that comes before any other, if there is one.
    pub fn answer(&self, caller: &Caller, operation: &Operation, links: &Links) -> Option<Answer> {
        if self.unlimited && operation.kind == OperationKind::GetRateLimit {
            return Some(Refusal::new(404, "NOT_FOUND", "Rate limiting is not enabled.").answer());
        }
        let Some(Address::Name(owner, _)) = &operation.repository else {
            return None;
        };
        let asks = |organization: &String| organization.eq_ignore_ascii_case(owner);
        if caller.kind != CallerKind::Person || !self.of(caller)?.sign_on_for.iter().any(asks) {
            return None;
        }
        let message = "Resource protected by organization SAML enforcement. You must grant your Personal Access token \
                       access to this organization.";
        let url = format!("{}/orgs/{owner}/sso?authorization_request=A", links.web);
        let refusal = Refusal::new(403, "FORBIDDEN", message).answer();
        Some(refusal.with("x-github-sso", &format!("required; url={url}")))
    }

    /// Adds what is noted.
    pub fn dress(&self, caller: &Caller, mut answer: Answer) -> Answer {
        let Some(notes) = self.of(caller) else {
            return answer;
        };
        if let Some(scopes) = &notes.scopes {
            answer = answer.with("x-oauth-scopes", &scopes.join(", "));
        }
        if let Some(expires) = notes.expires {
            let text = expires.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
            answer = answer.with("github-authentication-token-expiration", &text);
        }
        answer
    }
}

impl Emulator {
    /// Says something about a token.
    pub fn note_token(&self, token: &str, notes: TokenNotes) {
        let hash = digest(token).chars().take(12).collect();
        self.state().notes.tokens.insert(hash, notes);
    }

    /// Takes the primary limits away.
    pub fn without_limits(&self) {
        self.state().notes.unlimited = true;
    }
}
