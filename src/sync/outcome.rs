//! What a pass tells: a result for each source, and the objects' own status.

use crate::{
    extract::ExtractError,
    github::{GitHubError, ResolvedRef},
    plan::{Rule, Verdict},
    report::{
        API_VERSION, Action, ChangeAction, DeploymentResult, Document, ErrorResult, ObjectName, Outcome, SourceObject,
        SourceResult, Summary,
    },
};

use super::{
    apply::{Fate, Pass},
    content,
    environments::EnvironmentWork,
    standing::{Outlook, Reason, Seen, Source, Standing},
};

impl Pass<'_> {
    /// The report of the pass, results sorted by namespace and name.
    pub fn finish(self) -> (super::Pass, Vec<Source>) {
        let results = self
            .sources()
            .map(|(index, source, work)| (index, result(index, source, work)));
        let mut results: Vec<(usize, SourceResult)> = results.collect();
        results.sort_by_cached_key(|(index, result)| (sort_key(result), *index));
        let order: Vec<usize> = results.iter().map(|(index, _)| *index).collect();
        let results: Vec<SourceResult> = results.into_iter().map(|(_, result)| result).collect();
        let situations = match self.settings.situations {
            true => self.works.iter().filter_map(|work| work.situation.clone()).collect(),
            false => Vec::new(),
        };
        let existing = match self.settings.dry_run {
            true => self.works.iter().filter_map(EnvironmentWork::existing).collect(),
            false => Vec::new(),
        };
        let mut sources = self.others;
        let mut changes = Vec::new();
        for work in self.works {
            sources.extend(work.sources);
            changes.extend(work.record.changes);
        }
        let document = Document {
            existing,
            api_version: API_VERSION.to_owned(),
            dry_run: self.settings.dry_run,
            summary: summary(&results),
            results,
            changes,
            situations,
        };
        let sources = order.into_iter().filter_map(|index| sources.remove(&index)).collect();
        (
            super::Pass {
                document,
                timed_out: self.timed_out,
            },
            sources,
        )
    }
}

fn result(index: usize, source: &Source, work: Option<&EnvironmentWork>) -> SourceResult {
    let mut result = described(source, work);
    if let Some(work) = work {
        let links = content::links(work, source);
        result.environment_url = links.environment_url;
        result.log_url = links.log_url;
        result.warnings.extend(links.warnings);
    }
    let verdict = work
        .and_then(|work| work.changes.as_ref())
        .and_then(|changes| changes.verdicts.iter().find(|verdict| verdict.index == index));
    let fate = work.and_then(|work| work.record.fates.get(&index));
    match fate {
        Some(fate) if fate.action != ChangeAction::Close || !fate.succeeded() => {
            result.record_fate(fate);
            result.deployment = work.and_then(|work| work.record.reported_on.get(&index).cloned());
            if fate.action == ChangeAction::Close
                && let Some(trouble) = trouble(source, work)
            {
                result.record_trouble(trouble);
            }
        }
        _ => result.record_standing(source, work, verdict),
    }
    if let Some(fate) = fate
        && result.action != Action::Fail
        && fate.action == ChangeAction::Close
        && fate.succeeded()
    {
        // Beside that all is as in the next pass, which finds nothing left to close.
        result.action = Action::Close;
        result.rule = Some(fate.rule);
    }
    if result.deployment.is_none() {
        result.deployment = present(verdict, work);
    }
    result
}

/// What is known of a source, before what became of it.
fn described(source: &Source, work: Option<&EnvironmentWork>) -> SourceResult {
    let seen = source.shown();
    let extracted = source.seen().and_then(|seen| seen.extracted.as_ref().ok());
    let git_ref = extracted.map(|extracted| extracted.git_ref.clone());
    SourceResult {
        github_deployment: source.declaration.github_deployment.as_ref().map(|meta| ObjectName {
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
        }),
        source: source.object.as_ref().map(|object| SourceObject {
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
            uid: seen.and_then(|seen| seen.facts.uid.clone()),
        }),
        repository: source
            .environment
            .as_ref()
            .map(|environment| environment.repository.to_string()),
        environment: source.environment.as_ref().map(|environment| environment.name.clone()),
        task: source.environment.as_ref().map(|_| source.task().to_owned()),
        commit: work
            .zip(git_ref.as_ref())
            .and_then(|(work, git_ref)| work.commit(git_ref))
            .map(str::to_owned),
        git_ref,
        health: seen.map(|seen| seen.health.clone()),
        state: seen.and_then(Seen::state),
        environment_url: None,
        log_url: None,
        action: Action::Unchanged,
        rule: None,
        reason: None,
        message: None,
        deployment: None,
        error: None,
        passing: false,
        warnings: extracted
            .map(|extracted| extracted.warnings.clone())
            .unwrap_or_default(),
    }
}

/// Why a source could not be reported, or not yet.
enum Trouble {
    Failed(Reason),
    Deferred(Reason),
}

impl From<&GitHubError> for Trouble {
    fn from(error: &GitHubError) -> Self {
        match error {
            GitHubError::Limited { .. } => Self::Deferred(Reason::from(error)),
            error => Self::Failed(Reason::from(error)),
        }
    }
}

fn trouble(source: &Source, work: Option<&EnvironmentWork>) -> Option<Trouble> {
    let failed = |reason, message: String| Some(Trouble::Failed(Reason::new(reason, message)));
    if let Standing::Failed(reason) = &source.standing {
        return Some(Trouble::Failed(reason.clone()));
    }
    let unread = work.and_then(|work| work.error.as_ref()).map(Trouble::from);
    if source.is_deleting() {
        return unread;
    }
    if matches!(source.standing, Standing::Gone) {
        let object = source.object.as_ref().map(ToString::to_string).unwrap_or_default();
        let what_to_do = match source.declaration.github_deployment {
            Some(_) => "create it, correct spec.sourceRef, or delete the GitHubDeployment",
            None => "create it, or correct its name or --namespace",
        };
        return failed("SourceNotFound", format!("{object} does not exist: {what_to_do}"));
    }
    let seen = source.seen()?;
    if !source.has_left()
        && let Err(error) = &seen.extracted
    {
        return failed(ExtractError::reason(error), error.to_string());
    }
    if unread.is_some() {
        return unread;
    }
    let work = work?;
    let git_ref = &seen.extracted.as_ref().ok()?.git_ref;
    let resolved = work.reading.as_ref()?.refs.get(git_ref);
    if source.has_left() || !matches!(resolved, Some(ResolvedRef::NotFound)) {
        return None;
    }
    let repository = work.repository();
    failed(
        "RefNotFound",
        format!("repository {repository} has no branch, tag or commit {git_ref}: push it, or correct spec.extract"),
    )
}

/// Why nothing is said about a source that is on its way out.
fn left(source: &Source) -> Option<Reason> {
    if source.is_deleting() {
        return Some(Reason::new("Deleting", "the GitHubDeployment is being deleted"));
    }
    source
        .has_left()
        .then(|| Reason::new("Terminating", "the object is being deleted"))
}

impl SourceResult {
    fn fail(&mut self, reason: Reason) {
        self.action = Action::Fail;
        self.reason = Some(reason.reason.to_owned());
        self.message = Some(reason.message.clone());
        self.passing = reason.outlook == Outlook::Passing;
        self.error = Some(ErrorResult {
            reason: reason.reason.to_owned(),
            message: reason.message,
        });
    }

    fn skip(&mut self, reason: Reason) {
        self.action = Action::Skip;
        self.reason = Some(reason.reason.to_owned());
        self.message = Some(reason.message);
    }

    fn defer(&mut self, reason: Reason) {
        self.skip(reason);
        self.action = Action::Defer;
    }

    /// What a pass says that has nothing to write for the source.
    fn record_standing(&mut self, source: &Source, work: Option<&EnvironmentWork>, verdict: Option<&Verdict>) {
        if let Some(trouble) = trouble(source, work) {
            self.record_trouble(trouble);
        } else if let Standing::Skipped(reason) = &source.standing {
            self.skip(reason.clone());
        } else if matches!(source.standing, Standing::Behind(_)) {
            let message = "the object does not have the generation of --generation yet";
            self.defer(Reason::new("WaitingForGeneration", message));
        } else if let Some(reason) = left(source) {
            self.skip(reason);
        } else if let Some(verdict) = verdict {
            self.record_verdict(verdict);
        }
    }

    fn record_trouble(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Failed(reason) => self.fail(reason),
            Trouble::Deferred(reason) => self.defer(reason),
        }
    }

    fn record_fate(&mut self, fate: &Fate) {
        self.rule = Some(fate.rule);
        match (fate.outcome, fate.reason.clone()) {
            (Outcome::Failed, Some(reason)) => self.fail(reason),
            (Outcome::Deferred, Some(reason)) => self.defer(reason),
            _ => {
                self.action = fate.action.into();
            }
        }
    }

    fn record_verdict(&mut self, verdict: &Verdict) {
        self.rule = Some(verdict.rule);
        match verdict.rule {
            Rule::Old => self.skip(Reason::new("OlderThanSince", "its last change is older than --since")),
            Rule::Conflict => self.skip(Reason::new(
                "RefConflict",
                "the same rollout is reported with another ref already: use one way to name it",
            )),
            // A create that is noted nowhere is one that was dropped.
            Rule::New | Rule::Moved | Rule::Redeployed => self.defer(Reason::new(
                "TimedOut",
                "the time was over before there was a deployment to tell it on",
            )),
            _ => {}
        }
    }
}

/// The deployment that speaks for a source now.
fn present(verdict: Option<&Verdict>, work: Option<&EnvironmentWork>) -> Option<DeploymentResult> {
    Some(work?.deployment(verdict?.deployment.as_ref()?))
}

fn sort_key(result: &SourceResult) -> impl Ord + use<> {
    (
        result.github_deployment.clone(),
        result.source.clone(),
        result.environment.clone(),
    )
}

fn summary(results: &[SourceResult]) -> Summary {
    let mut summary = Summary {
        sources: results.len(),
        ..Summary::default()
    };
    for result in results {
        *match result.action {
            Action::Create => &mut summary.create,
            Action::Update => &mut summary.update,
            Action::Close => &mut summary.close,
            Action::Unchanged => &mut summary.unchanged,
            Action::Skip => &mut summary.skip,
            Action::Defer => &mut summary.defer,
            Action::Fail => &mut summary.fail,
        } += 1;
    }
    summary
}
