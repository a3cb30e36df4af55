//! Passes that end early, are repeated, or lose an answer.

use std::process::{Command, Stdio};

use github_emulator::{Entry, Fault, FaultKind, OperationKind};
use serde_json::Value;

use crate::{
    ROLLED_OUT, ROLLING_OUT, STAGING, laptop, quickstart,
    support::{
        Run, eventually,
        laptop::{Progress, deployment},
        repository_file,
    },
    two_services, valid,
};

#[test]
fn what_does_not_fit_into_a_pass_is_done_by_the_next() {
    let laptop = two_services();
    let arguments = "sync -f declared.yaml --objects objects.yaml --max-writes 3 -o json";
    let first = laptop.run(arguments).expect(0).document();
    assert_eq!(
        (&first["summary"]["create"], &first["summary"]["defer"]),
        (&1.into(), &1.into()),
        "{first:#}"
    );
    assert_eq!(laptop.writes().len(), 2, "a create without its status is not begun");
    let second = laptop.run(arguments).expect(0).document();
    assert_eq!(
        (&second["summary"]["create"], &second["summary"]["unchanged"]),
        (&1.into(), &1.into()),
        "{second:#}"
    );
    for name in ["api", "web"] {
        assert_eq!(
            laptop.github.states(&format!("octo-org/{name}"), "staging"),
            [["success"]]
        );
    }
}

#[test]
fn a_signal_ends_the_repetition() {
    let laptop = laptop();
    let mut command = laptop.program();
    command
        .args(quickstart(ROLLED_OUT, " --interval 100ms -o name").split(' '))
        .current_dir(repository_file(""));
    let program = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("a second pass begins", || {
        let reads = |entry: &&Entry| entry.operation == OperationKind::GraphQlQuery;
        (laptop.github.journal().iter().filter(reads).count() > 1).then_some(())
    });
    let sent = Command::new("kill")
        .args(["-TERM", &program.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    let run = Run::from(program.wait_with_output().unwrap()).expect(0);
    let mut lines = run.stdout.lines();
    assert_eq!(
        lines.next(),
        Some("githubdeployment.github.decathlon.com/podinfo created"),
        "{run:?}"
    );
    assert!(
        lines.all(|line| line == "githubdeployment.github.decathlon.com/podinfo unchanged"),
        "{run:?}"
    );
    assert_eq!(laptop.github.states(STAGING.0, STAGING.1), [["success"]]);
}

#[test]
fn waiting_ends_with_the_rollout() {
    let laptop = laptop();
    for (tag, progress, code, states) in [
        ("v1", Progress::Complete, 0, ["success"]),
        ("v2", Progress::Failed, 4, ["failure"]),
        ("v3", Progress::Rolling, 5, ["in_progress"]),
    ] {
        laptop.write(
            "objects.yaml",
            deployment("web", &format!("registry/web:{tag}"), progress),
        );
        let from_flags = "sync deployment/web -n shop --objects objects.yaml --repo web --environment staging \
                          --container web --wait --timeout 2s -o json";
        let document = laptop.run(from_flags).expect(code).document();
        valid(&document);
        assert_eq!(document["results"][0]["githubDeployment"], Value::Null);
        assert_eq!(
            laptop.github.states("octo-org/web", "staging").last().unwrap(),
            &states,
            "{document:#}"
        );
    }
    assert_eq!(laptop.github.refs("octo-org/web", "staging"), ["v1", "v2", "v3"]);
}

#[test]
fn the_deadline_ends_a_pass() {
    let laptop = laptop();
    laptop.github.inject(
        Fault::on(
            OperationKind::GraphQlQuery,
            FaultKind::Delay {
                milliseconds: 3_600_000,
            },
        )
        .always(),
    );
    laptop
        .run_in_repository(&quickstart(ROLLED_OUT, " --deadline 1s"))
        .expect(5);
    assert_eq!(laptop.writes(), Vec::<String>::new());
}

#[test]
fn an_answer_that_is_lost_does_not_make_a_second_deployment() {
    for kind in [FaultKind::LostAnswer, FaultKind::CutBody, FaultKind::Html] {
        let laptop = laptop();
        laptop
            .github
            .inject(Fault::on(OperationKind::CreateDeployment, kind.clone()).after());
        let document = laptop
            .run_in_repository(&quickstart(ROLLING_OUT, " -o json"))
            .expect(0)
            .document();
        assert_eq!(laptop.github.remaining_faults(), [], "the fault was met");
        assert_eq!(document["results"][0]["action"], "create", "{kind:?}: {document:#}");
        assert_eq!(
            laptop.github.states(STAGING.0, STAGING.1),
            [["in_progress"]],
            "{kind:?}"
        );
        laptop.run_in_repository(&quickstart(ROLLED_OUT, "")).expect(0);
        assert_eq!(
            laptop.github.states(STAGING.0, STAGING.1),
            [["in_progress", "success"]],
            "{kind:?}"
        );
    }
}
