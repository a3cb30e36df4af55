//! Hours of virtual time: GitHub's limits are kept by one process and by many, and nothing waits for ever.

use std::time::Duration;

use github_emulator::{Checks, Entry, Fault, FaultKind, OperationKind, Options};
use jiff::Timestamp;
use kube_status_to_github::sync::run_once;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::{
    objects::{Rollout, deployment, github_deployment},
    world::{ENVIRONMENT, REPOSITORY, Test},
};

const MINUTE: Duration = Duration::from_secs(60);

/// A GitHub that refuses what is too much, and so many rollouts that it knows nothing of.
fn backlog(count: usize) -> Test {
    let mut test = Test::on(Options {
        content_limits: true,
        any_ref: true,
        // Other tests check requests and answers; here are many.
        checks: Checks::Off,
        ..Options::default()
    });
    test.settings.write_status = false;
    for index in 0..count {
        let name = format!("app-{index:03}");
        test.add(&name, &name, "v1", Rollout::UnderWay);
    }
    test
}

/// The flags of `sync` in a manifest.
fn flags(manifest: &str, containers: &str) -> Vec<String> {
    let path = format!("{}/manifests/{manifest}", env!("CARGO_MANIFEST_DIR"));
    let object: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let arguments = object.pointer(containers).unwrap()[0]["args"]
        .as_array()
        .unwrap()
        .clone();
    arguments
        .iter()
        .map(|argument| argument.as_str().unwrap().to_owned())
        .collect()
}

fn flag<'a>(flags: &'a [String], name: &str) -> Option<&'a str> {
    flags.iter().find_map(|flag| flag.strip_prefix(name)?.strip_prefix('='))
}

fn seconds(text: &str) -> Duration {
    Duration::from_secs(text.strip_suffix('s').unwrap().parse().unwrap())
}

/// When writes reached GitHub, in seconds; none may have been refused.
fn writes(journal: &[Entry]) -> Vec<i64> {
    let refused: Vec<&Entry> = journal
        .iter()
        .filter(|entry| entry.response_status == Some(403))
        .collect();
    assert!(
        refused.is_empty(),
        "GitHub had to refuse {}: {:?}",
        refused.len(),
        refused[0]
    );
    let writes = journal.iter().filter(|entry| entry.is_write());
    writes
        .map(|entry| entry.at.parse::<Timestamp>().unwrap().as_second())
        .collect()
}

/// The most that lie within any stretch of so many seconds.
fn most_within(stretch: i64, times: &[i64]) -> usize {
    let within = |first: usize| {
        times[first..]
            .iter()
            .take_while(|time| **time - times[first] < stretch)
            .count()
    };
    (0..times.len()).map(within).max().unwrap_or_default()
}

/// The earliest second in which the last of so many writes can be sent: ten at once, then one a second, never more
/// than 80 in a minute and 500 in an hour.
fn earliest_end(writes: usize) -> usize {
    let mut sent: Vec<usize> = Vec::with_capacity(writes);
    for index in 0..writes {
        let after = |most: usize, stretch: usize| index.checked_sub(most).map_or(0, |other| sent[other] + stretch);
        let paced = (0..index)
            .map(|earlier| (sent[earlier] + index - earlier).saturating_sub(9))
            .max();
        sent.push(after(80, 60).max(after(500, 3_600)).max(paced.unwrap_or(0)));
    }
    sent[writes - 1]
}

#[tokio::test(start_paused = true)]
async fn one_process_is_never_refused_and_no_slower_than_it_has_to_be() {
    const CHANGES: usize = 300;
    let mut test = backlog(CHANGES);
    let flags = flags("interval/deployment.yaml", "/spec/template/spec/containers");
    assert_eq!(flag(&flags, "--max-writes"), None, "the default is used below");
    test.settings.deadline = flag(&flags, "--deadline").map(seconds);
    let interval = seconds(flag(&flags, "--interval").unwrap());
    let world = test.world();
    let begin = Instant::now();
    let mut journal = Vec::new();
    loop {
        let next = Instant::now() + interval;
        let document = run_once(&world, &test.settings).await.unwrap().document;
        let entries = test.github.journal();
        test.github.clear_journal();
        assert_eq!(document.summary.fail, 0, "{:?}", document.summary);
        let idle = !entries.iter().any(Entry::is_write);
        journal.extend(entries);
        if document.summary.defer == 0 {
            break;
        }
        // The passes in which the hour is full are all the same: most of them are left out.
        let minutes_left = 58_u32.saturating_sub((begin.elapsed().as_secs() / 60) as u32);
        sleep_until(if idle {
            next + interval * minutes_left.min(9)
        } else {
            next
        })
        .await;
        assert!(begin.elapsed() < MINUTE * 180, "{:?}", document.summary);
    }
    let sent = writes(&journal);
    assert_eq!(sent.len(), 2 * CHANGES, "a create and a status each");
    let last = (sent[sent.len() - 1] - sent[0]) as usize;
    let least = earliest_end(sent.len());
    assert_eq!(last / 60, least / 60, "minutes, of {last} and {least} seconds");
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn a_cron_job_keeps_within_the_hour_although_no_process_knows_of_the_others() {
    const ENVIRONMENTS: usize = 40;
    let mut test = backlog(ENVIRONMENTS);
    let flags = flags("base/cronjob.yaml", "/spec/jobTemplate/spec/template/spec/containers");
    test.settings.max_writes = flag(&flags, "--max-writes").unwrap().parse().unwrap();
    test.settings.deadline = flag(&flags, "--deadline").map(seconds);
    let begin = Instant::now();
    let mut journal = Vec::new();
    let mut version = 1;
    for minute in 0..180 {
        sleep_until(begin + MINUTE * minute).await;
        let document = test.pass().await;
        assert!(begin.elapsed() < MINUTE * (minute + 1));
        journal.extend(test.github.journal());
        test.github.clear_journal();
        assert!(
            document.summary.defer > 0,
            "minute {minute}: there was less to do than could be done"
        );
        if document.summary.defer < ENVIRONMENTS / 4 {
            version += 1;
            for index in 0..ENVIRONMENTS {
                let tag = format!("v{version}");
                test.cluster
                    .apply(deployment(&format!("app-{index:03}"), &tag, Rollout::UnderWay));
            }
        }
    }
    let sent = writes(&journal);
    assert!(sent.len() > 170 * test.settings.max_writes, "{} writes", sent.len());
    let most = most_within(3_600, &sent);
    assert!(most <= 500, "{most} writes in an hour");
    assert!(most > 450, "{most} writes in an hour are fewer than there could be");
}

/// Passes a minute apart, each of a process of its own with a CronJob's limits, until these are reported.
async fn passes_until_reported(test: &mut Test, most: u32, environments: &[String]) -> u32 {
    test.settings.max_writes = 8;
    test.settings.deadline = Some(Duration::from_secs(50));
    let begin = Instant::now();
    for minute in 0..most {
        sleep_until(begin + MINUTE * minute).await;
        test.pass().await;
        let is_reported = |name: &String| test.history_of(name) == ["v1: in_progress"];
        if environments.iter().all(is_reported) {
            return minute + 1;
        }
    }
    panic!("not within {most} passes")
}

#[tokio::test(start_paused = true)]
async fn an_environment_that_is_always_last_is_reached() {
    let mut test = backlog(40);
    test.add("zzz", "zzz", "v1", Rollout::UnderWay);
    let passes = passes_until_reported(&mut test, 20, &["zzz".to_owned()]).await;
    assert_eq!(passes, 11, "four a pass, and it is the 41st");
}

/// What GitHub refuses in every pass comes first in every pass.
#[tokio::test(start_paused = true)]
async fn what_fails_again_and_again_does_not_use_up_the_writes_of_others() {
    let good: Vec<String> = (0..12).map(|index| format!("good-{index:02}")).collect();
    let refused = FaultKind::Status { code: 403, body: None };
    // Each in an environment of its own, or all in one.
    for together in [false, true] {
        let mut test = backlog(0);
        for index in 0..20 {
            let name = format!("bad-{index:02}");
            let environment = if together { "bad-one" } else { &name };
            test.cluster.apply(deployment(&name, "v1", Rollout::UnderWay));
            let declared = github_deployment(&name, REPOSITORY, environment, json!({"task": name}));
            test.cluster.apply(declared);
        }
        for name in &good {
            test.add(name, name, "v1", Rollout::UnderWay);
        }
        let fault = Fault::on(OperationKind::CreateDeployment, refused.clone()).body("\"bad-");
        test.github.inject(fault.always());
        passes_until_reported(&mut test, 40, &good).await;
        test.github.clear_journal();
        test.pass().await;
        assert!(
            test.github_writes().len() <= test.settings.max_writes,
            "together: {together}"
        );
    }
}

/// Unfinished work goes first, even if GitHub never takes it.
#[tokio::test(start_paused = true)]
async fn unfinished_work_that_fails_for_ever_lets_new_work_through() {
    let mut test = backlog(16);
    test.pass().await;
    for index in 0..16 {
        test.cluster
            .apply(deployment(&format!("app-{index:03}"), "v1", Rollout::Done));
    }
    test.add("new", ENVIRONMENT, "v1", Rollout::UnderWay);
    let refused = FaultKind::GraphQlErrors {
        data: false,
        kind: "UNPROCESSABLE".to_owned(),
        message: "This deployment has reached the maximum number of statuses.".to_owned(),
    };
    let fault = Fault::on(OperationKind::GraphQlMutation, refused).body("SUCCESS");
    test.github.inject(fault.always());
    passes_until_reported(&mut test, 40, &[ENVIRONMENT.to_owned()]).await;
}
