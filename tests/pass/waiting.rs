//! Passes again and again, for a source from flags.

use std::time::Duration;

use github_emulator::{Fault, FaultKind, OperationKind};
use kube_status_to_github::{
    report::{Action, SUPERSEDED},
    sync::{Waited, wait},
};
use tokio::time::sleep;

use crate::{
    objects::Rollout,
    world::{Test, all_said},
};

/// Deployment `app` from flags, with a given ref or with that of its image.
fn from_flags(given: Option<&str>) -> Test {
    let mut test = Test::new();
    test.ask_by_flags(given);
    test
}

/// Waits for ten minutes at most, while after one minute this happens.
async fn waited(test: &Test, meanwhile: impl FnOnce()) -> Waited {
    let world = test.world();
    let meanwhile = async {
        sleep(Duration::from_secs(60)).await;
        meanwhile();
    };
    let (waited, ()) = tokio::join!(wait(&world, &test.settings, Duration::from_secs(600)), meanwhile);
    waited.expect("passes that can run")
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_rollout() {
    for (rollout, end) in [(Rollout::Done, "success"), (Rollout::Failed, "failure")] {
        let test = from_flags(None);
        test.roll_out("v1", Rollout::UnderWay);
        let waited = waited(&test, || test.roll_out("v1", rollout)).await;
        assert!(!waited.unfinished);
        assert_eq!(all_said(&waited.pass.document), [format!("- update v1 {end}")]);
        assert_eq!(test.history(), [format!("v1: in_progress {end}")]);
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_its_time() {
    let test = from_flags(None);
    test.roll_out("v1", Rollout::UnderWay);
    let waited = waited(&test, || ()).await;
    assert!(waited.unfinished);
    assert_eq!(test.history(), ["v1: in_progress"]);
}

#[tokio::test(start_paused = true)]
async fn a_given_ref_says_nothing_about_the_next_rollout() {
    let test = from_flags(Some("v7"));
    test.roll_out("v1", Rollout::UnderWay);
    let waited = waited(&test, || test.roll_out("v2", Rollout::Done)).await;
    assert!(!waited.unfinished);
    let result = &waited.pass.document.results[0];
    assert_eq!(result.action, Action::Skip);
    assert_eq!(result.reason.as_deref(), Some(SUPERSEDED));
    assert_eq!(test.history(), ["v7: in_progress"], "nothing more is written");
}

#[tokio::test(start_paused = true)]
async fn a_given_ref_follows_its_own_rollout_to_the_end() {
    let test = from_flags(Some("v7"));
    test.roll_out("v1", Rollout::UnderWay);
    waited(&test, || test.roll_out("v1", Rollout::Done)).await;
    assert_eq!(test.history(), ["v7: in_progress success"]);
}

#[tokio::test(start_paused = true)]
async fn a_process_of_its_own_is_bound_anew() {
    let test = from_flags(Some("v7"));
    test.roll_out("v1", Rollout::Done);
    test.pass().await;
    test.roll_out("v2", Rollout::Failed);
    assert_eq!(all_said(&test.pass().await), ["- create v7 failure"]);
}

#[tokio::test(start_paused = true)]
async fn trouble_that_passes_is_waited_out() {
    let lost = |operation| Fault::on(operation, FaultKind::LostAnswer);
    let rows = [
        ("a create", lost(OperationKind::CreateDeployment).times(1)),
        ("a status", lost(OperationKind::GraphQlMutation).times(2)),
        (
            "reading, after the first pass",
            lost(OperationKind::GraphQlQuery).nth(2).times(12),
        ),
    ];
    for (name, fault) in rows {
        let test = from_flags(None);
        test.roll_out("v1", Rollout::UnderWay);
        test.github.inject(fault);
        let waited = waited(&test, || test.roll_out("v1", Rollout::Done)).await;
        assert_eq!(all_said(&waited.pass.document), ["- update v1 success"], "{name}");
        assert_eq!(test.history(), ["v1: in_progress success"], "{name}");
        assert_eq!(test.github.remaining_faults(), [], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_that_stays_ends_the_waiting_at_once() {
    let begin = tokio::time::Instant::now();
    let test = from_flags(None);
    let waited = wait(&test.world(), &test.settings, Duration::from_secs(600))
        .await
        .unwrap();
    assert_eq!(all_said(&waited.pass.document), ["- fail SourceNotFound"]);

    test.roll_out("v1", Rollout::UnderWay);
    test.cluster.refuse("/deployments/app", 403);
    let waited = wait(&test.world(), &test.settings, Duration::from_secs(600))
        .await
        .unwrap();
    assert_eq!(all_said(&waited.pass.document), ["- fail Forbidden"]);
    test.cluster.refuse_nothing();

    let unauthorized = FaultKind::Status { code: 401, body: None };
    test.github.inject(Fault::new(unauthorized).always());
    let refused = wait(&test.world(), &test.settings, Duration::from_secs(600)).await;
    assert!(refused.is_err());
    assert!(begin.elapsed() < Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn closing_what_came_before_does_not_end_the_waiting() {
    let mut test = from_flags(None);
    test.roll_out("v1", Rollout::UnderWay);
    test.pass().await;
    test.roll_out("v2", Rollout::UnderWay);
    // Enough for the create and its status: the closing is left to the second pass.
    test.settings.max_writes = 2;
    let waited = waited(&test, || test.roll_out("v2", Rollout::Done)).await;
    assert_eq!(all_said(&waited.pass.document), ["- update v2 success"]);
    assert_eq!(test.history(), ["v1: in_progress inactive", "v2: in_progress success"]);
}
