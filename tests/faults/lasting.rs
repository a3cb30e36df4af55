//! What a fault leads to that does not end within the pass: for those who meet it, for the others, and for GitHub,
//! which is not to be asked again and again.

use std::time::Duration;

use github_emulator::{Effect, Entry, FaultKind, OperationKind};

use crate::{
    case::{Case, Extent, Request},
    expected::{Outcome, is_loss, is_write},
    world::{REPOSITORIES, owner},
};
use OperationKind::{
    CreateAccessToken, CreateDeployment, GetApp, GetOrganizationInstallation, GetUserInstallation, GraphQlMutation,
    GraphQlQuery,
};

/// A reading ends after two minutes, and then with the request that is under way.
const LONGEST_READING: Duration = Duration::from_secs(120 + 30);

/// A request without answer, a moment, a look without answer: of a status twice.
const LONGEST_WRITE: Duration = Duration::from_secs(2 * (30 + 2 + 30));

/// A pass reads, reads again what has become old meanwhile, creates, posts a status, and closes.
pub const LONGEST_PASS: Duration = Duration::from_secs(2 * LONGEST_READING.as_secs() + 3 * LONGEST_WRITE.as_secs());

/// A request, and those that follow when each answer is a redirect.
const REDIRECTS: usize = 1 + 5;

/// A token that is refused while it is younger than five seconds, each second, and once more with a new one.
const YOUNG_TOKEN: usize = 1 + 5 + 1;

/// What is read is asked for so often in a row.
const TRIES: usize = 5;

/// A token with all limits, with fewer, with none.
const LIMITS_OF_TOKEN: usize = 3;

/// What becomes of a repository whose requests meet the fault.
pub fn outcome(case: &Case) -> Outcome {
    let operation = case.request.operation;
    let fail = |reason: &str| Outcome::Fail(reason.to_owned());
    match (&case.kind, operation) {
        (FaultKind::RateLimitPrimary | FaultKind::RateLimitSecondary { .. }, _) => Outcome::Defer,
        (FaultKind::Redirect { .. }, _) => fail("GitHubRedirected"),
        (FaultKind::ConnectionRefused, _) => fail("GitHubUnreachable"),
        (FaultKind::Status { code: 401, .. }, _) => fail("BadCredentials"),
        // It may be a user and no organisation.
        (FaultKind::Status { code: 404, .. }, GetOrganizationInstallation) => Outcome::Done,
        (FaultKind::Status { code: 404, .. }, CreateAccessToken) => fail("AppNotInstalled"),
        (FaultKind::Status { code: 404, .. }, CreateDeployment) => fail("RepositoryNotFound"),
        (FaultKind::Status { code: 403, .. }, CreateDeployment | GraphQlMutation) => fail("GitHubForbidden"),
        (FaultKind::Status { code, .. }, _) if *code < 500 => fail("GitHubRefused"),
        (FaultKind::Accepted202, CreateDeployment | GraphQlQuery) => fail("GitHubRefused"),
        (FaultKind::GraphQlErrors { .. }, GraphQlQuery) => fail("GitHubRefused"),
        // It was done, and a look shows that.
        (FaultKind::Delay { .. } | FaultKind::SlowDrip { .. }, _) if is_write(operation) => Outcome::Done,
        (_, _) if is_write(operation) && case.effect == Effect::After => Outcome::Done,
        (_, _) if is_write(operation) => fail("AnswerLost"),
        _ => fail("GitHubUnreachable"),
    }
}

/// True if a repository may suffer, although none of its requests meets the fault, unless it was done before.
pub fn spreads_to(case: &Case, index: usize) -> bool {
    let operation = case.request.operation;
    let same_owner = case
        .concerned
        .iter()
        .any(|other| owner(&REPOSITORIES[*other]) == owner(&REPOSITORIES[index]));
    match &case.kind {
        // GitHub wants nothing at all from someone who is too fast.
        FaultKind::RateLimitSecondary { .. } => true,
        // An installation has an hour's requests of its own, the App as such has one for all owners.
        FaultKind::RateLimitPrimary => same_owner || is_for_apps(operation),
        // Who waits for what cannot be read has to read again before writing.
        _ if operation == GraphQlQuery && case.extent == Extent::Operation && is_slow(&case.kind) => true,
        // What is wrong with the credentials or the address is wrong for all who share them.
        FaultKind::Status { code: 401, .. } | FaultKind::Redirect { .. } | FaultKind::ConnectionRefused => {
            same_owner && operation == GraphQlQuery
        }
        _ => false,
    }
}

/// True if nothing can be read because of GitHub as a whole: the pass cannot run.
pub fn is_outage(case: &Case) -> bool {
    let operation = case.request.operation;
    let all = case.concerned.len() == REPOSITORIES.len();
    // From the first owner that is read on.
    let everyone = case.concerned.contains(&0) && (1..REPOSITORIES.len()).all(|index| spreads_to(case, index));
    let is_about_github = match outcome(case) {
        Outcome::Fail(reason) if reason == "GitHubRedirected" => operation == GraphQlQuery,
        Outcome::Fail(reason) => ["GitHubUnreachable", "BadCredentials"].contains(&reason.as_str()),
        // What an installation has left says nothing about others.
        Outcome::Defer => case.kind != FaultKind::RateLimitPrimary || is_for_apps(operation),
        _ => false,
    };
    !is_write(operation) && is_about_github && (all || everyone)
}

/// What is wrong with the requests of a pass, of which there would be `usual` ones without the fault.
pub fn storms(case: &Case, usual: &[Request], journal: &[Entry]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut kinds: Vec<OperationKind> = journal.iter().map(|entry| entry.operation).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for operation in kinds {
        let sent = journal.iter().filter(|entry| entry.operation == operation).count();
        let most = most(case, usual, operation);
        if sent > most {
            wrong.push(format!("{sent} requests of {operation}, more than {most}"));
        }
    }
    wrong.extend(disregard(case, journal));
    wrong
}

/// How many requests of an operation a pass may send.
fn most(case: &Case, usual: &[Request], operation: OperationKind) -> usize {
    let count = |of: OperationKind| usual.iter().filter(|request| request.operation == of).count();
    let once = count(operation);
    let writes = count(CreateDeployment) + count(GraphQlMutation);
    if operation != case.request.operation {
        return once
            + match operation {
                // A look for each write whose answer is lost, and a second one for a status that is not there.
                GraphQlQuery => 2 * writes,
                // A new one for each owner whose token is refused.
                CreateAccessToken => once,
                GetUserInstallation => count(GetOrganizationInstallation),
                GetApp => 1,
                _ => 0,
            };
    }
    // The window and the ref of each repository, together, in halves, and each on its own.
    let halves: usize = usual
        .iter()
        .filter(|request| request.operation == GraphQlQuery)
        .map(|request| 2 * (2 * request.about.len()) - 1)
        .sum();
    match (&case.kind, operation) {
        (FaultKind::Redirect { .. }, _) => REDIRECTS * once,
        (FaultKind::Status { code: 401, .. }, _) if !is_for_apps(operation) => YOUNG_TOKEN * once,
        (FaultKind::Status { code: 422, .. }, CreateAccessToken) => LIMITS_OF_TOKEN * once,
        // A deployment is never created twice, whatever is known of it.
        (_, CreateDeployment) => once,
        (FaultKind::RateLimitPrimary | FaultKind::RateLimitSecondary { .. }, GraphQlMutation) => once,
        (kind, GraphQlMutation) if may_be_done(kind) => 2 * once,
        (_, GraphQlMutation) => once,
        (FaultKind::RateLimitPrimary | FaultKind::RateLimitSecondary { .. }, _) => TRIES * once,
        (kind, GraphQlQuery) if may_be_done(kind) => halves + TRIES * once,
        (FaultKind::ConnectionRefused, _) => TRIES * once,
        (_, GraphQlQuery) => halves,
        (kind, _) if may_be_done(kind) => TRIES * once,
        _ => once,
    }
}

/// True if the answer does not tell whether the request was carried out.
fn may_be_done(kind: &FaultKind) -> bool {
    let is_unclear = matches!(kind, FaultKind::Accepted202 | FaultKind::GraphQlErrors { .. });
    is_loss(kind) || is_slow(kind) || is_unclear
}

fn is_slow(kind: &FaultKind) -> bool {
    matches!(kind, FaultKind::Delay { .. } | FaultKind::SlowDrip { .. })
}

fn is_for_apps(operation: OperationKind) -> bool {
    matches!(operation, GetOrganizationInstallation | CreateAccessToken)
}

/// Requests that GitHub asked not to be sent, in saying that a limit is reached.
fn disregard(case: &Case, journal: &[Entry]) -> Vec<String> {
    let silence = match case.kind {
        FaultKind::RateLimitSecondary { retry_after } => retry_after.unwrap_or(60),
        FaultKind::RateLimitPrimary => 60,
        _ => return Vec::new(),
    };
    let mut wrong = Vec::new();
    let Some(first) = journal.iter().position(|entry| entry.fault.is_some()) else {
        return Vec::new();
    };
    let time = |entry: &Entry| entry.at.parse::<jiff::Timestamp>().unwrap().as_second();
    let limit = &journal[first];
    let is_secondary = case.kind != FaultKind::RateLimitPrimary;
    let same_budget = |entry: &&Entry| match is_for_apps(limit.operation) {
        true => is_for_apps(entry.operation),
        false => entry.operation.is_graphql() == limit.operation.is_graphql() && entry.token_hash == limit.token_hash,
    };
    let is_silenced = |entry: &&Entry| is_secondary || same_budget(entry);
    let later = || journal[first + 1..].iter().filter(is_silenced);
    // Those of the other repositories that were under way already.
    let at_once = later().filter(|entry| time(entry) == time(limit)).count();
    if at_once >= REPOSITORIES.len() {
        wrong.push(format!("{at_once} requests right after the limit"));
    }
    let early = |entry: &&Entry| (1..silence).contains(&u64::try_from(time(entry) - time(limit)).unwrap());
    wrong.extend(
        later()
            .filter(early)
            .map(|entry| format!("{} while there is to be silence", entry.operation)),
    );
    let goes_on = |entry: &&Entry| entry.is_write() && time(entry) > time(limit);
    if is_secondary && is_write(limit.operation) {
        wrong.extend(
            later()
                .filter(goes_on)
                .map(|entry| format!("{} after the end of writing", entry.operation)),
        );
    }
    wrong
}
