//! The committed cases, and the table of differences to kstatus. The tests against kstatus itself read them too.

use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::{Health, Status};

const FILES: [&str; 2] = [include_str!("../tests.yaml"), include_str!("../custom_kinds.yaml")];

/// An object, and what it comes to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    #[serde(default = "noon")]
    pub now: Timestamp,
    pub differs: Option<Difference>,
    pub status: Status,
    pub message: String,
    pub object: Value,
}

/// What kstatus itself says, where that is something else.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Difference {
    /// The row of the table of differences, by its first column.
    pub row: String,
    #[serde(flatten)]
    pub kstatus: Answer,
}

/// An answer of kstatus.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    Computed(Health),
    Error {
        error: String,
    },
    /// Its text depends on the Go that it was built with.
    Panic {
        panic: IgnoredAny,
    },
}

impl Case {
    pub fn health(&self) -> Health {
        Health {
            status: self.status,
            message: self.message.clone(),
        }
    }

    /// What kstatus itself says.
    pub fn kstatus(&self) -> Answer {
        match &self.differs {
            Some(difference) => difference.kstatus.clone(),
            None => Answer::Computed(self.health()),
        }
    }
}

pub fn all() -> Vec<Case> {
    FILES
        .into_iter()
        .flat_map(|file| serde_saphyr::from_str::<Vec<Case>>(file).unwrap())
        .collect()
}

/// The time at which a case is computed that names no other.
pub fn noon() -> Timestamp {
    "2024-05-01T12:00:00Z".parse().unwrap()
}

/// The first column of the table of differences.
pub fn table_of_differences() -> Vec<&'static str> {
    include_str!("../mod.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | ")?.split(" | ").next())
        .skip_while(|cell| *cell != "case")
        .skip(1)
        .collect()
}
