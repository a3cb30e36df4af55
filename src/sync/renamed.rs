//! A repository that was renamed, and that GitHubDeployments name both as before and as today.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    github::{EnvironmentReading, GitHubError},
    plan::{Environment, Knowledge},
};

use super::{World, environments::EnvironmentWork};

/// An environment, and what GitHub answered.
pub(super) type Read = (EnvironmentWork, Result<EnvironmentReading, GitHubError>);

/// Makes one of the environments that are one on GitHub, and reads that again. Decided apart, each would take the
/// sources of the other for gone, and close what they are on.
pub(super) async fn join(world: &World, knowledge: &mut Arc<Knowledge>, read: Vec<Read>) -> Vec<Read> {
    let today = |(work, reading): &Read| {
        let today = reading.as_ref().map(EnvironmentReading::today);
        today.unwrap_or_else(|_| work.environment.clone())
    };
    let is_todays = |read: &Read| today(read) == read.0.environment;
    let (mut stay, others): (Vec<Read>, Vec<Read>) = read.into_iter().partition(is_todays);
    let places = stay
        .iter()
        .enumerate()
        .map(|(place, (work, _))| (work.environment.clone(), place));
    let places: BTreeMap<Environment, usize> = places.collect();
    let mut joined = BTreeMap::new();
    for read in others {
        let today = today(&read);
        let Some((work, _)) = places.get(&today).and_then(|place| stay.get_mut(*place)) else {
            stay.push(read);
            continue;
        };
        tracing::debug!(before = %read.0.environment, %today, "two names of one environment: a repository was renamed");
        work.sources.extend(read.0.sources);
        joined.insert(read.0.environment, work.environment.clone());
    }
    if joined.is_empty() {
        return stay;
    }
    for named in Arc::make_mut(knowledge).named.values_mut() {
        if let Some(today) = named.environment.as_ref().and_then(|before| joined.get(before)) {
            named.environment = Some(today.clone());
        }
    }
    let again = |read: &&mut Read| joined.values().any(|today| *today == read.0.environment);
    let again: Vec<&mut Read> = stay.iter_mut().filter(again).collect();
    let queries: Vec<_> = again.iter().map(|(work, _)| work.query()).collect();
    for (read, reading) in again.into_iter().zip(world.github.read(&queries).await) {
        read.1 = reading;
    }
    stay
}
