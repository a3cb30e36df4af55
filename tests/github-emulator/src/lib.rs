//! A stateful GitHub for tests and demonstrations: the part of it that has to do with deployments.
//!
//! Deployments, statuses, environments, refs, Apps and limits over REST and GraphQL, with a journal of every request,
//! faults by rule, and a check of every request and answer against GitHub's own descriptions.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use github_emulator::{Emulator, Options};
//! use tower::ServiceExt as _;
//!
//! let emulator = Emulator::new(Options::default());
//! emulator.add_repository("octo-org/shop").tag("1.2.3");
//! let request = http::Request::get("https://api.github.com/repos/octo-org/shop").header("user-agent", "doc");
//! let request = request.body(String::new()).unwrap();
//! let response = emulator.service().oneshot(request).await.unwrap();
//! assert_eq!(response.status(), 200);
//! assert_eq!(emulator.journal().len(), 1);
//! # });
//! ```
#![allow(
    clippy::expect_used,
    reason = "a test world that is set up wrongly has to stop the test"
)]

mod access;
mod answer;
mod app;
mod body;
mod clock;
mod content;
mod contract;
mod control;
mod descriptions;
mod emulator;
mod faults;
mod fields;
mod graphql;
mod identity;
mod journal;
mod notes;
mod operation;
mod render;
mod repository;
mod rest;
mod seed;
mod server;
mod service;
mod state;
mod view;

pub use access::{Access, Installation, Level};
pub use app::App;
pub use body::ResponseBody;
pub use descriptions::{Descriptions, Source, descriptions};
pub use emulator::{Checks, Emulator, Options, RepositoryHandle};
pub use faults::{Effect, Fault, FaultKind, Matcher};
pub use graphql::SCHEMA;
pub use journal::Entry;
pub use notes::TokenNotes;
pub use operation::OperationKind;
pub use repository::{Behind, Repository};
pub use seed::{RepositorySeed, Seed};
pub use server::Running;
pub use service::Service;
pub use view::{DeploymentView, RepositoryView, StatusView};
