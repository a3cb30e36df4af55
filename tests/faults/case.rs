//! The combinations of a fault and a request.

use std::{fmt, time::Duration};

use github_emulator::{Effect, Entry, Fault, FaultKind, Matcher, OperationKind};

use crate::{
    expected::{Effects, effects},
    world::{REPOSITORIES, World},
};

/// A pass of a CronJob that runs each minute.
const DEADLINE: Duration = Duration::from_secs(50);

/// One combination.
#[derive(Clone, Debug)]
pub struct Case {
    /// Is it the pass that finds nothing on GitHub, or the one after a new version was rolled out?
    pub later: bool,
    /// The request that meets the fault, as the pass sends it without faults.
    pub request: Request,
    pub kind: FaultKind,
    pub effect: Effect,
    pub extent: Extent,
    /// The time that the pass has.
    pub deadline: Option<Duration>,
    /// Indexes of the repositories whose requests meet the fault.
    pub concerned: Vec<usize>,
}

/// Which other requests meet the fault too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// None.
    Once,
    /// All later ones of the same operation.
    Operation,
    /// All later ones of the same operation that are about the same.
    Subject,
}

/// A request of a pass.
#[derive(Clone, Debug)]
pub struct Request {
    pub operation: OperationKind,
    /// Indexes of the repositories that it is about: one for a write, else all of the owner.
    pub about: Vec<usize>,
    /// What the path and the body of requests hold that are about the same.
    subject: (Option<String>, Option<String>),
    /// How many requests are before it: of all, of those of its operation, and of those that are about the same too.
    before: [u32; 3],
}

impl Request {
    /// The requests of a pass, from the journal.
    pub fn all(world: &World, journal: &[Entry]) -> Vec<Self> {
        let mut requests: Vec<Self> = Vec::new();
        for entry in journal {
            let operation = entry.operation;
            let subject = World::subject(entry);
            let count = |is_counted: &dyn Fn(&Self) -> bool| {
                u32::try_from(requests.iter().filter(|request| is_counted(request)).count()).unwrap()
            };
            let before = [
                count(&|_| true),
                count(&|request| request.operation == operation),
                count(&|request| request.operation == operation && request.subject == subject),
            ];
            requests.push(Self {
                operation,
                about: world.concerned(entry),
                subject,
                before,
            });
        }
        requests
    }

    /// The same of one repository only, which a query may be about beside others.
    fn of_repository(&self, index: usize) -> Self {
        let (_, name) = REPOSITORIES[index].name.split_once('/').unwrap();
        Self {
            about: vec![index],
            subject: (None, Some(format!("\"{name}\""))),
            ..self.clone()
        }
    }
}

impl Case {
    pub fn all(later: bool, requests: &[Request]) -> Vec<Self> {
        let mut cases = Vec::new();
        for request in requests {
            let from_here = requests
                .iter()
                .filter(|other| other.operation == request.operation && other.before[1] >= request.before[1]);
            let mut hit: Vec<usize> = from_here.flat_map(|other| other.about.clone()).collect();
            hit.sort_unstable();
            hit.dedup();
            let mut places = vec![
                (request.clone(), Extent::Once, None, request.about.clone()),
                (request.clone(), Extent::Subject, None, request.about.clone()),
                (request.clone(), Extent::Subject, Some(DEADLINE), request.about.clone()),
            ];
            if request.before[1] == 0 {
                places.push((request.clone(), Extent::Operation, None, hit.clone()));
                places.push((request.clone(), Extent::Operation, Some(DEADLINE), hit));
            }
            if request.operation == OperationKind::GraphQlQuery && request.about.len() > 1 {
                let alone = |index: &usize| (request.of_repository(*index), Extent::Subject, None, vec![*index]);
                places.extend(request.about.iter().map(alone));
            }
            for (kind, (request, extent, deadline, concerned)) in each_with(places) {
                let effects = match effects(&kind, request.operation) {
                    Effects::None => &[][..],
                    Effects::Before => &[Effect::Before],
                    Effects::Both => &[Effect::Before, Effect::After],
                };
                cases.extend(effects.iter().map(|effect| Self {
                    later,
                    request: request.clone(),
                    kind: kind.clone(),
                    effect: *effect,
                    extent,
                    deadline,
                    concerned: concerned.clone(),
                }));
            }
        }
        cases
    }

    pub fn is_limit(&self) -> bool {
        matches!(
            self.kind,
            FaultKind::RateLimitPrimary | FaultKind::RateLimitSecondary { .. }
        )
    }

    /// The rule for the emulator.
    pub fn fault(&self) -> Fault {
        let Request {
            operation,
            subject: (path, body),
            before: [of_all, of_operation, of_subject],
            ..
        } = self.request.clone();
        let matcher = match self.extent {
            Extent::Once => Matcher {
                skip: of_all,
                ..Matcher::default()
            },
            Extent::Operation => Matcher {
                operation: Some(operation),
                skip: of_operation,
                ..Matcher::default()
            },
            Extent::Subject => Matcher {
                operation: Some(operation),
                path,
                body,
                skip: of_subject,
            },
        };
        Fault {
            matcher,
            times: (self.extent == Extent::Once).then_some(1),
            effect: self.effect,
            kind: self.kind.clone(),
        }
    }
}

/// Every kind of fault with each of these.
fn each_with<T: Clone>(places: Vec<T>) -> impl Iterator<Item = (FaultKind, T)> {
    FaultKind::each()
        .into_iter()
        .flat_map(move |kind| places.clone().into_iter().map(move |place| (kind.clone(), place)))
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pass = if self.later { "later" } else { "first" };
        let Request {
            operation,
            before,
            about,
            ..
        } = &self.request;
        let times = match self.extent {
            Extent::Once => "at",
            Extent::Operation => "from",
            Extent::Subject => "for what is asked at",
        };
        let within = self
            .deadline
            .map_or_else(String::new, |deadline| format!(" within {deadline:?}"));
        let about: Vec<_> = about.iter().map(|index| REPOSITORIES[*index].name).collect();
        let number = before[0] + 1;
        write!(
            f,
            "{pass} pass{within}, {:?} {:?} {times} request {number} ({operation} of {})",
            self.effect,
            self.kind,
            about.join(" and ")
        )
    }
}
