//! What was asked and what was answered, request by request.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::operation::OperationKind;

/// One request with its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Position in the journal, from 1; goes on after the journal is cleared.
    pub number: u64,
    /// When the request came, as GitHub's clock has it.
    pub at: String,
    /// HTTP method.
    pub method: String,
    /// Path with query, as sent.
    pub path: String,
    /// Which operation it is.
    pub operation: OperationKind,
    /// Document of a GraphQL request.
    pub query: Option<String>,
    /// Variables of a GraphQL request.
    pub variables: Option<Value>,
    /// Body of the request: JSON where it is JSON, else its text.
    pub request_body: Option<Value>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// First digits of the SHA-256 of the token; the token itself is not kept.
    pub token_hash: Option<String>,
    /// Status of the answer; `None` where it was lost.
    pub response_status: Option<u16>,
    /// Body of the answer as the client got it: JSON where it is JSON, else its text.
    pub response_body: Option<Value>,
    /// The fault that was injected.
    pub fault: Option<String>,
}

impl Entry {
    /// Whether this request may have changed something on GitHub: a mutation, or a REST write of the deployments API.
    pub fn is_write(&self) -> bool {
        let rest_write = self.method != "GET" && !self.operation.is_graphql() && !self.operation.is_for_apps();
        self.operation == OperationKind::GraphQlMutation || rest_write
    }
}

/// All entries since the last clearing.
#[derive(Debug, Default)]
pub struct Journal {
    entries: Vec<Entry>,
    last: u64,
}

impl Journal {
    /// Adds an entry and numbers it.
    pub fn push(&mut self, mut entry: Entry) {
        self.last += 1;
        entry.number = self.last;
        self.entries.push(entry);
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}
