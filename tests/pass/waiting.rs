//! Passes again and again, for a source from flags.

use std::time::Duration;

use github_emulator::{Fault, FaultKind, OperationKind};
use kube_status_to_github::{
    plan::State,
    report::{Action, Ended, SUPERSEDED},
    sync::{DeclaredIn, Waited, Waiting, World, repeat, wait},
};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    objects::{Rollout, deployment, merge},
    world::{Test, all_said},
};

/// Deployment `app` from flags, with a given ref or with that of its image.
fn from_flags(given: Option<&str>) -> Test {
    let mut test = Test::new();
    test.ask_by_flags(given);
    test
}

pub const TEN_MINUTES: Waiting = Waiting {
    timeout: Duration::from_secs(600),
    fail_fast: false,
    timeout_state: None,
};

/// Waits for ten minutes at most, while after one minute this happens.
async fn waited(test: &Test, meanwhile: impl FnOnce()) -> Waited {
    waited_as(test, TEN_MINUTES, Duration::from_secs(60), meanwhile).await
}

/// Waits as asked, while after some time this happens.
async fn waited_as(test: &Test, waiting: Waiting, after: Duration, meanwhile: impl FnOnce()) -> Waited {
    let world = test.world();
    let meanwhile = async {
        sleep(after).await;
        meanwhile();
    };
    let (waited, ()) = tokio::join!(wait(&world, &test.settings, &waiting, |_| ()), meanwhile);
    waited.expect("passes that can run")
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_rollout() {
    for (rollout, end) in [(Rollout::Done, "success"), (Rollout::Failed, "failure")] {
        let test = from_flags(None);
        test.roll_out("v1", Rollout::UnderWay);
        let waited = waited(&test, || test.roll_out("v1", rollout)).await;
        assert_eq!(waited.ended, Ended::Final);
        assert_eq!(all_said(&waited.pass.document), [format!("- update v1 {end}")]);
        assert_eq!(test.history(), [format!("v1: in_progress {end}")]);
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_its_time() {
    let test = from_flags(None);
    test.roll_out("v1", Rollout::UnderWay);
    let waited = waited(&test, || ()).await;
    assert_eq!(waited.ended, Ended::TimedOut);
    assert_eq!(test.history(), ["v1: in_progress"]);
}

#[tokio::test(start_paused = true)]
async fn a_given_ref_says_nothing_about_the_next_rollout() {
    let test = from_flags(Some("v7"));
    test.roll_out("v1", Rollout::UnderWay);
    let waited = waited(&test, || test.roll_out("v2", Rollout::Done)).await;
    assert_eq!(waited.ended, Ended::Final);
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
    let waited = wait(&test.world(), &test.settings, &TEN_MINUTES, |_| ()).await.unwrap();
    assert_eq!(all_said(&waited.pass.document), ["- fail SourceNotFound"]);

    test.roll_out("v1", Rollout::UnderWay);
    test.cluster.refuse("/deployments/app", 403);
    let waited = wait(&test.world(), &test.settings, &TEN_MINUTES, |_| ()).await.unwrap();
    assert_eq!(all_said(&waited.pass.document), ["- fail Forbidden"]);
    test.cluster.refuse_nothing();

    let unauthorized = FaultKind::Status { code: 401, body: None };
    test.github.inject(Fault::new(unauthorized).always());
    let refused = wait(&test.world(), &test.settings, &TEN_MINUTES, |_| ()).await;
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

#[tokio::test(start_paused = true)]
async fn a_change_is_seen_at_once_where_it_may_be_watched() {
    type Hinder = fn(&Test);
    let rows: [(&str, Hinder, f64); 4] = [
        ("watched", |_| (), 0.5),
        ("not permitted", |test| test.cluster.refuse("watch=true", 403), 1.5),
        ("not served", |test| test.cluster.refuse("watch=true", 404), 1.5),
        ("in trouble", |test| test.cluster.refuse("watch=true", 503), 1.5),
    ];
    for (name, hinder, at_most) in rows {
        let test = from_flags(None);
        test.roll_out("v1", Rollout::UnderWay);
        hinder(&test);
        let begun = Instant::now();
        // Looks are at even seconds.
        let after = Duration::from_secs(61);
        waited_as(&test, TEN_MINUTES, after, || test.roll_out("v1", Rollout::Done)).await;
        let late = (begun.elapsed() - after).as_secs_f64();
        assert!(late <= at_most, "{name}: {late} s");
        assert_eq!(test.history(), ["v1: in_progress success"], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ended_is_begun_again() {
    let test = from_flags(None);
    test.roll_out("v1", Rollout::UnderWay);
    let begun = Instant::now();
    let meanwhile = async {
        for _ in 0..3 {
            sleep(Duration::from_secs(19)).await;
            assert_eq!(test.cluster.watched(), 1);
            test.cluster.end_watches();
        }
        sleep(Duration::from_secs(4)).await;
        test.roll_out("v1", Rollout::Done);
    };
    let world = test.world();
    let (waited, ()) = tokio::join!(wait(&world, &test.settings, &TEN_MINUTES, |_| ()), meanwhile);
    assert_eq!(waited.expect("passes that can run").ended, Ended::Final);
    assert!(begun.elapsed() < Duration::from_millis(61_500), "{:?}", begun.elapsed());
    assert_eq!(test.cluster.watched(), 0, "nothing stays open");
}

#[tokio::test(start_paused = true)]
async fn many_objects_are_not_watched() {
    let test = Test::new();
    for number in 1..=9 {
        test.add(
            &format!("app-{number}"),
            &format!("env-{number}"),
            "v1",
            Rollout::UnderWay,
        );
    }
    waited(&test, || {
        assert_eq!(test.cluster.watched(), 0);
        for number in 1..=9 {
            test.add(&format!("app-{number}"), &format!("env-{number}"), "v1", Rollout::Done);
        }
    })
    .await;
    assert_eq!(test.history_of("env-9"), ["v1: in_progress success"]);
}

#[tokio::test(start_paused = true)]
async fn while_nothing_changes_github_is_hardly_asked() {
    let test = from_flags(None);
    test.roll_out("v1", Rollout::UnderWay);
    let mut looks = 0;
    let waiting = Waiting {
        timeout: Duration::from_secs(120),
        ..TEN_MINUTES
    };
    wait(&test.world(), &test.settings, &waiting, |_| looks += 1)
        .await
        .unwrap();
    let reads = test.github.journal().iter().filter(|entry| !entry.is_write()).count();
    assert!((3..=6).contains(&reads), "{reads} reads");
    assert!(looks >= 60, "{looks} looks");
}

#[tokio::test(start_paused = true)]
async fn the_time_that_is_over_is_told_if_that_is_asked_for() {
    for (state, expected) in [
        (None, "v1: in_progress"),
        (Some(State::Failure), "v1: in_progress failure"),
        (Some(State::Error), "v1: in_progress error"),
    ] {
        let test = from_flags(None);
        test.roll_out("v1", Rollout::UnderWay);
        let begun = Instant::now();
        let waiting = Waiting {
            timeout: Duration::from_secs(90),
            timeout_state: state,
            ..TEN_MINUTES
        };
        let waited = waited_as(&test, waiting, Duration::ZERO, || ()).await;
        assert_eq!(waited.ended, Ended::TimedOut);
        let late = begun.elapsed() - waiting.timeout;
        assert!(late < Duration::from_secs(2), "{late:?}");
        assert_eq!(test.history(), [expected]);
        if state.is_some() {
            let status = test.newest().statuses.pop().unwrap();
            assert_eq!(status.description, "not final after 1m 30s; Available: 0/1");
        }
        // Final states stay: the rollout that arrives later is the next one's to report.
        test.roll_out("v1", Rollout::Done);
        test.pass().await;
        let stays = if state.is_some() {
            expected
        } else {
            "v1: in_progress success"
        };
        assert_eq!(test.history(), [stays]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_that_is_over_changes_nothing_final_and_creates_nothing() {
    let test = from_flags(None);
    test.roll_out("v1", Rollout::Done);
    test.pass().await;
    let mut restarted = deployment("app", "v1", Rollout::UnderWay);
    merge(
        &mut restarted["spec"]["template"],
        json!({"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}),
    );
    test.cluster.apply(restarted);
    let waiting = Waiting {
        timeout: Duration::from_secs(10),
        timeout_state: Some(State::Failure),
        ..TEN_MINUTES
    };
    let waited = waited_as(&test, waiting, Duration::ZERO, || ()).await;
    assert_eq!(waited.ended, Ended::TimedOut);
    assert_eq!(all_said(&waited.pass.document), ["- defer TimedOut"]);
    assert_eq!(test.history(), ["v1: success"]);
}

#[tokio::test(start_paused = true)]
async fn what_arrives_with_the_last_look_has_arrived() {
    let test = from_flags(None);
    test.roll_out("v1", Rollout::UnderWay);
    let waiting = Waiting {
        timeout: Duration::from_secs(60),
        timeout_state: Some(State::Failure),
        ..TEN_MINUTES
    };
    test.cluster.refuse("watch=true", 403);
    let after = Duration::from_millis(59_900);
    let waited = waited_as(&test, waiting, after, || test.roll_out("v1", Rollout::Done)).await;
    assert_eq!(waited.ended, Ended::Final);
    assert_eq!(test.history(), ["v1: in_progress success"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_leaves_what_github_shows() {
    let test = from_flags(None);
    test.roll_out("v1", Rollout::UnderWay);
    let waiting = Waiting {
        timeout_state: Some(State::Failure),
        ..TEN_MINUTES
    };
    let after = Duration::from_secs(7);
    let begun = Instant::now();
    let waited = waited_as(&test, waiting, after, || _ = test.stop.send_replace(true)).await;
    assert_eq!(waited.ended, Ended::Stopped);
    assert_eq!(begun.elapsed().as_secs(), after.as_secs());
    assert_eq!(test.history(), ["v1: in_progress"]);
}

/// GitHub answers nothing but 503.
fn outage() -> Fault {
    Fault::new(FaultKind::Status { code: 503, body: None }).always()
}

#[tokio::test(start_paused = true)]
async fn trouble_at_the_end_is_a_time_that_is_over() {
    for timeout_state in [None, Some(State::Failure)] {
        let test = from_flags(None);
        test.roll_out("v1", Rollout::UnderWay);
        let waiting = Waiting {
            timeout_state,
            ..TEN_MINUTES
        };
        let meanwhile = || {
            test.roll_out("v1", Rollout::Done);
            test.github.inject(outage());
        };
        let waited = waited_as(&test, waiting, Duration::from_secs(60), meanwhile).await;
        assert_eq!(waited.ended, Ended::TimedOut, "{timeout_state:?}");
        let said = all_said(&waited.pass.document);
        assert!(said[0].ends_with("v1 in_progress"), "{timeout_state:?}: {said:?}");
        assert_eq!(test.history(), ["v1: in_progress"], "{timeout_state:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_the_deadline_cut_is_looked_for_by_the_next_pass() {
    let mut test = from_flags(None);
    test.settings.deadline = Some(Duration::from_secs(5));
    test.roll_out("v1", Rollout::UnderWay);
    let slow = FaultKind::Delay { milliseconds: 8_000 };
    test.github
        .inject(Fault::on(OperationKind::GraphQlMutation, slow).times(1));
    let waited = waited(&test, || test.roll_out("v1", Rollout::Done)).await;
    assert_eq!(waited.ended, Ended::Final);
    assert_eq!(test.history(), ["v1: in_progress success"]);
}

#[tokio::test(start_paused = true)]
async fn no_pass_begins_once_an_end_is_wanted() {
    let test = from_flags(None);
    test.roll_out("v1", Rollout::Done);
    let world = test.world();
    let interval = Duration::from_secs(1);
    for _ in 0..20 {
        test.stop.send_replace(false);
        // Longer than the interval, so that the next pass is due when this one ends.
        let slow = FaultKind::Delay { milliseconds: 3_000 };
        test.github
            .inject(Fault::on(OperationKind::GraphQlQuery, slow).times(1));
        let mut passes = 0;
        let wish = async {
            sleep(Duration::from_secs(2)).await;
            test.stop.send_replace(true);
        };
        tokio::join!(repeat(&world, &test.settings, interval, |_| passes += 1), wish);
        assert_eq!(passes, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn where_nobody_can_want_an_end_passes_keep_their_interval() {
    let test = from_flags(None);
    test.roll_out("v1", Rollout::Done);
    let world = World {
        stop: tokio::sync::watch::channel(false).1,
        ..test.world()
    };
    let mut passes = 0;
    let repeated = repeat(&world, &test.settings, Duration::from_secs(60), |_| passes += 1);
    let ended = tokio::time::timeout(Duration::from_secs(601), repeated).await;
    assert!(ended.is_err());
    assert_eq!(passes, 11);
}

#[tokio::test(start_paused = true)]
async fn the_cluster_is_asked_for_its_uid_once() {
    let test = from_flags(None);
    test.roll_out("v1", Rollout::UnderWay);
    let meanwhile = || {
        test.cluster.refuse("namespaces/kube-system", 503);
        test.roll_out("v1", Rollout::Done);
    };
    assert_eq!(waited(&test, meanwhile).await.ended, Ended::Final);
    assert_eq!(test.history(), ["v1: in_progress success"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_concluded_before_the_generation_that_is_waited_for() {
    for given in [None, Some("v7")] {
        let mut test = from_flags(given);
        let DeclaredIn::Flags { generation, .. } = &mut test.settings.declared_in else {
            panic!("a source from flags");
        };
        *generation = Some(3);
        // What is there is generation 2.
        test.roll_out("v1", Rollout::Failed);
        let mut next = deployment("app", "v2", Rollout::Done);
        merge(
            &mut next,
            json!({"metadata": {"generation": 3}, "status": {"observedGeneration": 3}}),
        );
        let mut messages = Vec::new();
        let world = test.world();
        let (waited, ()) = tokio::join!(
            wait(&world, &test.settings, &TEN_MINUTES, |rows| messages
                .push(rows[0].sentence())),
            async {
                sleep(Duration::from_secs(60)).await;
                assert_eq!(test.history(), Vec::<String>::new());
                test.cluster.apply(next);
            }
        );
        let waited = waited.expect("passes that can run");
        assert_eq!(waited.ended, Ended::Final);
        assert_eq!(test.history(), [format!("{}: success", given.unwrap_or("v2"))]);
        assert_eq!(
            messages[0],
            "Deployment shop/app is in_progress: waiting for generation 3"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_generation_that_never_comes_is_waited_for_in_vain() {
    let mut test = from_flags(None);
    let DeclaredIn::Flags { generation, .. } = &mut test.settings.declared_in else {
        panic!("a source from flags");
    };
    *generation = Some(3);
    test.roll_out("v1", Rollout::Done);
    let waited = waited(&test, || ()).await;
    assert_eq!(waited.ended, Ended::TimedOut);
    assert_eq!(all_said(&waited.pass.document), ["- defer WaitingForGeneration"]);
    assert_eq!(test.history(), Vec::<String>::new());

    // Of an object that never has one, that is an error.
    let mut without = deployment("app", "v1", Rollout::Done);
    without["metadata"].as_object_mut().unwrap().remove("generation");
    test.cluster.apply(without);
    let result = &test.pass().await.results[0];
    assert_eq!(result.reason.as_deref(), Some("GenerationMissing"));
    assert_eq!(
        result.message.as_deref(),
        Some("Deployment/app has no metadata.generation to wait for: leave --generation out")
    );
}
