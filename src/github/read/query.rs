//! The questions: what has to be known, packed into requests, and each request as a query.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::{Map, Value};

use crate::plan::{Environment, GitRef, Repository};

/// What one request asks for at most.
pub const MAX_ENVIRONMENTS: usize = 50;
const MAX_DEPLOYMENTS: usize = 500;
const MAX_REFS: usize = 150;

/// The part of a query that tells a deployment.
pub(in crate::github) const DEPLOYMENT: &str = "\
fragment deployment on Deployment {
  id task payload commitOid createdAt environment latestEnvironment
  ref { name }
  latestStatus { id state createdAt }
}
";

/// The part of a query that tells a commit, also the one that an annotated tag, or a tag of a tag, stands for.
const COMMIT: &str = "\
fragment commit on GitObject {
  __typename oid
  ... on Tag { target { __typename oid ... on Tag { target { __typename oid } } } }
}
";

/// One thing to be asked for.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Window {
        /// Index of the query.
        query: usize,
        environment: Environment,
        first: usize,
        after: Option<String>,
    },
    Ref {
        repository: Repository,
        name: String,
    },
}

/// Pieces packed into requests.
#[derive(Default)]
pub(super) struct Batches {
    pub(super) done: Vec<Vec<Piece>>,
    environments: usize,
    deployments: usize,
    refs: usize,
    asked: BTreeSet<(Repository, String)>,
}

impl Piece {
    pub(super) fn is_window(&self) -> bool {
        matches!(self, Self::Window { .. })
    }

    pub(super) fn repository(&self) -> &Repository {
        match self {
            Self::Window { environment, .. } => &environment.repository,
            Self::Ref { repository, .. } => repository,
        }
    }
}

impl Batches {
    pub(super) fn add_ref(&mut self, repository: &Repository, name: &str) {
        if self.asked.insert((repository.clone(), name.to_owned())) {
            self.add(Piece::Ref {
                repository: repository.clone(),
                name: name.to_owned(),
            });
        }
    }

    pub(super) fn add(&mut self, piece: Piece) {
        let (environments, deployments, refs) = match &piece {
            Piece::Window { first, .. } => (1, *first, 0),
            Piece::Ref { .. } => (0, 0, 1),
        };
        let full = self.environments + environments > MAX_ENVIRONMENTS
            || self.deployments + deployments > MAX_DEPLOYMENTS
            || self.refs + refs > MAX_REFS;
        match self.done.last_mut() {
            Some(batch) if !full => batch.push(piece),
            _ => {
                (self.environments, self.deployments, self.refs) = (0, 0, 0);
                self.done.push(vec![piece]);
            }
        }
        self.environments += environments;
        self.deployments += deployments;
        self.refs += refs;
    }
}

/// The name in the query of each repository.
pub(super) fn aliases(pieces: &[Piece]) -> BTreeMap<&Repository, String> {
    let mut aliases: BTreeMap<&Repository, String> =
        pieces.iter().map(|piece| (piece.repository(), String::new())).collect();
    for (index, alias) in aliases.values_mut().enumerate() {
        *alias = format!("r{index}");
    }
    aliases
}

/// The query for these pieces. Every text from outside is a variable, none is part of the query.
pub(super) fn compose(pieces: &[Piece]) -> (String, Map<String, Value>) {
    let mut declared = String::new();
    let mut body = String::new();
    let mut variables = Map::new();
    let mut declare = |name: String, kind: &str, value: Value| {
        let comma = if declared.is_empty() { "" } else { ", " };
        let _ = write!(declared, "{comma}${name}: {kind}");
        variables.insert(name, value);
    };
    let (mut windows, mut refs) = (false, false);
    for (repository, alias) in aliases(pieces) {
        declare(format!("{alias}owner"), "String!", repository.owner.as_str().into());
        declare(format!("{alias}name"), "String!", repository.name.as_str().into());
        let _ = writeln!(
            body,
            "  {alias}: repository(owner: ${alias}owner, name: ${alias}name) {{"
        );
        let _ = writeln!(body, "    url isPrivate isArchived");
        let own = pieces
            .iter()
            .enumerate()
            .filter(|(_, piece)| piece.repository() == repository);
        for (index, piece) in own {
            match piece {
                Piece::Window {
                    environment,
                    first,
                    after,
                    ..
                } => {
                    windows = true;
                    declare(format!("e{index}"), "[String!]", vec![environment.name.as_str()].into());
                    let after = after.as_ref().map_or_else(String::new, |cursor| {
                        declare(format!("after{index}"), "String", cursor.as_str().into());
                        format!(", after: $after{index}")
                    });
                    let _ = writeln!(
                        body,
                        "    e{index}: deployments(environments: $e{index}, first: {first}{after}, \
                         orderBy: {{field: CREATED_AT, direction: DESC}}) {{ \
                         nodes {{ ...deployment }} pageInfo {{ hasNextPage endCursor }} }}"
                    );
                }
                Piece::Ref { name, .. } => {
                    refs = true;
                    let short = GitRef::new(name);
                    declare(format!("o{index}"), "String!", name.as_str().into());
                    let _ = writeln!(body, "    o{index}: object(expression: $o{index}) {{ ...commit }}");
                    for (letter, folder) in [("b", "heads"), ("t", "tags")] {
                        declare(
                            format!("{letter}{index}"),
                            "String!",
                            format!("refs/{folder}/{short}").into(),
                        );
                        let _ = writeln!(
                            body,
                            "    {letter}{index}: ref(qualifiedName: ${letter}{index}) {{ target {{ ...commit }} }}"
                        );
                    }
                }
            }
        }
        let _ = writeln!(body, "  }}");
    }
    let mut query = format!("query({declared}) {{\n{body}}}\n");
    if windows {
        query.push_str(DEPLOYMENT);
    }
    if refs {
        query.push_str(COMMIT);
    }
    (query, variables)
}
