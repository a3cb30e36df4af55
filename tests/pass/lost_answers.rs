//! Writes whose answers are lost: never doubled, never forgotten.

use github_emulator::{Fault, FaultKind, OperationKind};

use crate::{
    objects::Rollout,
    world::{Test, all_said},
};

/// Everything after which it is not known whether a write was done.
fn losses() -> Vec<FaultKind> {
    vec![
        FaultKind::LostAnswer,
        FaultKind::CutBody,
        FaultKind::EmptyBody,
        FaultKind::Garbled,
        FaultKind::Html,
        FaultKind::Status { code: 500, body: None },
    ]
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_answer_is_lost_after_its_effect_is_found_and_goes_on() {
    for loss in losses() {
        let test = Test::with_app("v1", Rollout::UnderWay);
        test.github
            .inject(Fault::on(OperationKind::CreateDeployment, loss.clone()).after());
        assert_eq!(all_said(&test.pass().await), ["app create v1 in_progress"], "{loss:?}");
        assert_eq!(test.history(), ["v1: in_progress"], "{loss:?}");
        test.quiet_pass().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_was_lost_before_its_effect_is_left_to_the_next_pass() {
    for loss in losses() {
        let test = Test::with_app("v1", Rollout::UnderWay);
        test.github
            .inject(Fault::on(OperationKind::CreateDeployment, loss.clone()));
        assert_eq!(all_said(&test.pass().await), ["app fail AnswerLost"], "{loss:?}");
        assert_eq!(test.history(), Vec::<String>::new(), "{loss:?}");
        assert_eq!(all_said(&test.pass().await), ["app create v1 in_progress"], "{loss:?}");
        assert_eq!(test.history(), ["v1: in_progress"], "{loss:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_cannot_even_be_looked_for_is_continued_by_the_next_pass() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.github
        .inject(Fault::on(OperationKind::CreateDeployment, FaultKind::LostAnswer).after());
    // The first query is the pass's own reading.
    let unanswered = Fault::on(OperationKind::GraphQlQuery, FaultKind::LostAnswer);
    test.github.inject(unanswered.nth(2).always());
    assert_eq!(all_said(&test.pass().await), ["app fail AnswerLost"]);
    assert_eq!(test.history(), ["v1: "]);

    test.github.clear_faults();
    assert_eq!(all_said(&test.pass().await), ["app update v1 in_progress"]);
    assert_eq!(test.history(), ["v1: in_progress"]);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn a_status_whose_answer_is_lost_is_posted_once() {
    for loss in losses() {
        for happened in [true, false] {
            let test = Test::with_app("v1", Rollout::Done);
            let fault = Fault::on(OperationKind::GraphQlMutation, loss.clone());
            test.github.inject(if happened { fault.after() } else { fault });
            assert_eq!(
                all_said(&test.pass().await),
                ["app create v1 success"],
                "{loss:?} {happened}"
            );
            assert_eq!(test.history(), ["v1: success"], "{loss:?} {happened}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_without_its_status_is_continued_by_the_next_pass() {
    let test = Test::with_app("v1", Rollout::Done);
    let fault = Fault::on(OperationKind::GraphQlMutation, FaultKind::LostAnswer);
    test.github.inject(fault.times(2));
    let document = test.pass().await;
    assert_eq!(all_said(&document), ["app fail AnswerLost"]);
    let deployment = document.results[0].deployment.as_ref().expect("it was created");
    assert_eq!(deployment.id, Some(test.newest().id));
    assert_eq!(test.history(), ["v1: "]);
    assert_eq!(all_said(&test.pass().await), ["app update v1 success"]);
    assert_eq!(test.history(), ["v1: success"]);
    assert_eq!(
        test.shown()["deploymentId"],
        test.newest().id,
        "known since the first pass"
    );
}
