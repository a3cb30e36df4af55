//! What the arguments of `close` mean.

use std::time::Duration;

use super::{ConfigError, GitHubConfig, Variables, not_empty, repository, text};
use crate::{cli::args::CloseArguments, plan::Repository, report::Format};

/// Everything a `close` needs.
#[derive(Debug)]
pub struct CloseConfig {
    /// The repository.
    pub repository: Repository,
    /// The environment.
    pub environment: String,
    /// Only this task; none: all.
    pub task: Option<String>,
    /// Write nothing.
    pub dry_run: bool,
    /// Form of the result.
    pub output: Format,
    /// GitHub.
    pub github: GitHubConfig,
    /// The longest that it may take.
    pub deadline: Duration,
    /// The most writes to GitHub.
    pub max_writes: usize,
}

impl CloseConfig {
    /// The meaning of `close`'s arguments.
    ///
    /// # Errors
    /// Bad usage, or no credentials.
    pub fn new(arguments: CloseArguments, variables: Variables<'_>) -> Result<Self, ConfigError> {
        let CloseArguments {
            file: _,
            repo,
            environment,
            task,
            dry_run,
            output,
            github,
            deadline,
            max_writes,
        } = arguments;
        let owner = not_empty(github.github_org.clone());
        super::environment(&environment)?;
        if let Some(task) = &task {
            text("--task", task)?;
        }
        Ok(Self {
            repository: repository(&repo, owner.as_deref())?,
            environment,
            task,
            dry_run,
            output,
            github: GitHubConfig::new(github, variables)?,
            deadline,
            max_writes,
        })
    }
}
