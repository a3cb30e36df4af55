//! The writes of a pass: environments side by side, the writes of each in their order.
//!
//! GitHub takes a write a second, but may need longer to answer one. What is written at once is never of the same
//! environment, so that each write knows how the one before it ended.

mod environment;
mod record;

use std::{
    collections::VecDeque,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use futures::{StreamExt, stream::FuturesUnordered};
use tokio::time::Instant;

use crate::report::Outcome;

use super::{
    Settings, World,
    environments::EnvironmentWork,
    gather::{Gathered, Observer, Sources},
    standing::{Reason, Source},
};
use environment::{Writer, deployment_of};
use record::Attempt;
pub(super) use record::{Fate, Record};

/// Environments that are written at once.
const CONCURRENCY: usize = 4;

/// Writes that may fail before the pass goes on elsewhere, or half of `--max-writes` if that is less.
const PATIENCE: usize = 4;

/// A pass between its decision and its report.
pub(super) struct Pass<'a> {
    pub world: &'a World,
    pub settings: &'a Settings,
    /// In the order of the rule.
    pub works: Vec<EnvironmentWork>,
    /// The sources for which GitHub was not asked.
    pub others: Sources,
    pub timed_out: bool,
    observer: Observer,
    deadline: Option<Instant>,
}

/// What the environments share while they are written.
struct Shared<'a> {
    world: &'a World,
    settings: &'a Settings,
    observer: &'a Observer,
    deadline: Option<Instant>,
    /// Why nothing more is written in this pass.
    halted: OnceLock<Reason>,
    failed: AtomicUsize,
    timed_out: AtomicBool,
}

impl<'a> Pass<'a> {
    pub fn new(
        world: &'a World,
        settings: &'a Settings,
        deadline: Option<Instant>,
        gathered: Gathered,
        works: Vec<EnvironmentWork>,
    ) -> Self {
        Self {
            world,
            settings,
            works,
            others: gathered.sources,
            timed_out: false,
            observer: gathered.observer,
            deadline,
        }
    }

    /// Every source with its index, and its environment where that was read.
    pub fn sources(&self) -> impl Iterator<Item = (usize, &Source, Option<&EnvironmentWork>)> {
        let of_works = self.works.iter().flat_map(|work| {
            work.sources
                .iter()
                .map(move |(index, source)| (*index, source, Some(work)))
        });
        let others = self.others.iter().map(|(index, source)| (*index, source, None));
        of_works.chain(others)
    }

    /// Notes every change as planned, and writes nothing.
    pub fn plan_only(&mut self) {
        for work in &mut self.works {
            for change in work.changes.clone().into_iter().flat_map(|changes| changes.changes) {
                let attempt = Attempt {
                    outcome: Outcome::Planned,
                    deployment: deployment_of(&change, work),
                    reason: None,
                };
                work.note(&change, attempt);
            }
        }
    }

    /// Writes what was decided, as far as `--max-writes` and `--deadline` go.
    ///
    /// Each environment is granted its writes before it begins, in the order of the rule, so that it does not depend
    /// on GitHub's answers who gets the last ones: those wait until it is known what the earlier ones left.
    pub async fn apply(&mut self) {
        let shared = Shared {
            world: self.world,
            settings: self.settings,
            observer: &self.observer,
            deadline: self.deadline,
            halted: OnceLock::new(),
            failed: AtomicUsize::new(0),
            timed_out: AtomicBool::new(false),
        };
        let works = std::mem::take(&mut self.works).into_iter().enumerate();
        let mut waiting: VecDeque<Writer> = works.map(|(place, work)| Writer::new(place, work)).collect();
        let mut writes_left = self.settings.max_writes;
        let mut running = FuturesUnordered::new();
        let mut done: Vec<Writer> = Vec::with_capacity(waiting.len());
        let mut elsewhere = false;
        loop {
            while let Some(next) = waiting.front()
                && (running.is_empty() || running.len() < CONCURRENCY && next.writes() <= writes_left)
                && (elsewhere || shared.is_patient(running.len(), writes_left))
                && let Some(mut next) = waiting.pop_front()
            {
                if next.next_writes() > writes_left {
                    let message = format!("--max-writes {} was reached", self.settings.max_writes);
                    shared.halt(Reason::new("MaxWrites", message));
                }
                next.granted = next.writes().min(writes_left);
                writes_left -= next.granted;
                running.push(next.write(&shared));
            }
            let Some(mut writer) = running.next().await else { break };
            let gave_up = writer.next_writes() <= writer.granted;
            writes_left += std::mem::take(&mut writer.granted);
            if writer.is_done() {
                done.push(writer);
            } else if gave_up {
                waiting.push_back(writer);
            } else {
                waiting.push_front(writer);
            }
            if !elsewhere && shared.failed() >= shared.patience() && !waiting.is_empty() {
                elsewhere = true;
                let place = shared.elsewhere(waiting.len());
                waiting.rotate_left(place);
            }
        }
        drop(running);
        done.sort_by_key(|writer| writer.place);
        self.timed_out = shared.timed_out.into_inner();
        self.works = done.into_iter().map(|writer| writer.work).collect();
    }
}

impl Shared<'_> {
    /// Why nothing more is written, if so.
    fn halted(&self) -> Option<Reason> {
        if self.halted.get().is_none() {
            if *self.world.stop.borrow() {
                self.halt(Reason::new("Stopped", "the pass was asked to stop"));
            } else if self.is_too_late(Instant::now()) {
                self.time_is_up();
            }
        }
        self.halted.get().cloned()
    }

    fn is_too_late(&self, then: Instant) -> bool {
        self.deadline.is_some_and(|deadline| then >= deadline)
    }

    /// Ends the writing because of the deadline.
    fn time_is_up(&self) -> Reason {
        let message = "--deadline passes before it could be written";
        let reason = Reason::new("DeadlineExceeded", message);
        self.timed_out.store(true, Ordering::Relaxed);
        self.halt(reason.clone());
        reason
    }

    /// The first reason counts.
    fn halt(&self, reason: Reason) {
        self.halted.get_or_init(|| reason);
    }

    fn count_failure(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    fn failed(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }

    /// True if the pass has patience left, or more than half of its writes, even if all that is under way fails.
    fn is_patient(&self, running: usize, writes_left: usize) -> bool {
        self.failed() + running < self.patience() || writes_left > self.settings.max_writes / 2
    }

    /// How many writes may fail before the pass goes on elsewhere.
    fn patience(&self) -> usize {
        (self.settings.max_writes / 2).clamp(1, PATIENCE)
    }

    /// Where to go on, of so many environments: elsewhere in each pass.
    ///
    /// What GitHub refuses comes first again in every pass, and nothing remembers it. Without this it could use up
    /// `--max-writes` for ever. Steps of the golden ratio, here by the second, come near every place soon, whatever
    /// the time between the passes.
    fn elsewhere(&self, environments: usize) -> usize {
        const GOLDEN: f64 = 0.618_033_988_749_895;
        let seconds = (self.world.now)().as_second() as f64;
        ((seconds * GOLDEN).fract().abs() * environments as f64) as usize
    }
}
