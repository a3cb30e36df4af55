//! A world as data: what `POST /_emulator/repositories` and `--seed` take.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::app::App;
use crate::emulator::Emulator;
use crate::repository::Behind;

/// Repositories, tokens and installations.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Seed {
    /// Repositories.
    pub repositories: Vec<RepositorySeed>,
    /// Tokens that are valid, with what they may; none: any token.
    pub tokens: BTreeMap<String, Access>,
    /// The App; none: one whose signatures are not looked at.
    pub app: Option<App>,
    /// Accounts that have the App installed, with what it may there.
    pub installations: BTreeMap<String, Access>,
}

/// One repository.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct RepositorySeed {
    /// `owner/name`.
    pub name: String,
    /// Only visible to those who may.
    pub private: bool,
    /// Read-only.
    pub archived: bool,
    /// Name of the default branch.
    pub default_branch: Option<String>,
    /// Branches; a commit that is empty follows from the name.
    pub branches: BTreeMap<String, String>,
    /// Tags; a commit that is empty follows from the name.
    pub tags: BTreeMap<String, String>,
    /// Those of the tags that are annotated.
    pub annotated: BTreeSet<String>,
    /// Further commits.
    pub commits: Vec<String>,
    /// Former `owner/name`s.
    pub former_names: BTreeSet<String>,
    /// Refs that lack commits of the default branch, and cannot be merged with it.
    pub conflicting: BTreeSet<String>,
}

impl Seed {
    /// Puts everything into the emulator's world.
    pub fn plant(&self, emulator: &Emulator) {
        if let Some(app) = &self.app {
            emulator.register_app(app.clone());
        }
        for (token, access) in &self.tokens {
            emulator.allow_token(token, access.clone());
        }
        for (account, access) in &self.installations {
            emulator.install(account, access.clone());
        }
        for seed in &self.repositories {
            seed.plant(emulator);
        }
    }
}

impl RepositorySeed {
    fn plant(&self, emulator: &Emulator) {
        let given = |commit: &String| (!commit.is_empty()).then(|| commit.clone());
        let repository = emulator.add_repository(&self.name);
        let repository = if self.private { repository.private() } else { repository };
        let repository = if self.archived {
            repository.archived()
        } else {
            repository
        };
        repository.change(|found| {
            for (name, commit) in &self.branches {
                found.set_branch(name, given(commit).as_deref());
            }
            if let Some(branch) = &self.default_branch {
                found.default_branch.clone_from(branch);
            }
            for (name, commit) in &self.tags {
                found.set_tag(name, given(commit).as_deref(), self.annotated.contains(name));
            }
            found.commits.extend(self.commits.iter().cloned());
            found.former.extend(self.former_names.iter().cloned());
            found
                .behind
                .extend(self.conflicting.iter().map(|name| (name.clone(), Behind::Conflicting)));
        });
    }
}
