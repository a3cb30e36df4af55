//! The program as a `run:` step.

use std::fs;

use serde_json::{Value, json};

use crate::{
    runner::{RUN, Runner, SHA, annotations},
    support::{Run, repository_file},
};

const REPOSITORY: &str = "octo-org/web";

fn objects() -> String {
    repository_file("examples/objects.yaml").display().to_string()
}

fn sync(runner: &Runner, arguments: &str) -> Run {
    let mut command = runner.program();
    Run::of(command.arg("sync").args(arguments.split_whitespace()))
}

#[test]
fn a_source_from_flags_takes_the_rest_from_its_run() {
    let runner = Runner::new();
    let flags = format!("deployment/web -n shop --environment staging --objects {}", objects());
    let run = sync(
        &runner,
        &format!("{flags} --environment-url https://{{name}}.example.com/?a=1&b=2 --wait"),
    )
    .expect(0);
    let lines: Vec<&str> = run.stderr.lines().collect();
    let [change, end] = lines.as_slice() else {
        panic!("{lines:#?}")
    };
    assert_eq!(
        *change,
        "Deployment shop/web is success: Deployment is available. Replicas: 2"
    );
    assert!(end.starts_with("deployment/web: success after "), "{end}");

    let deployments = runner.laptop.github.deployments(REPOSITORY, "staging");
    let [deployment] = deployments.as_slice() else {
        panic!("{deployments:#?}")
    };
    assert_eq!(deployment.git_ref, SHA);
    assert_eq!(deployment.statuses[0].log_url, RUN);
    let outputs = runner.outputs();
    let expected = [
        ("deployment-id", deployment.id.to_string()),
        ("deployment-node-id", deployment.node_id.clone()),
        ("environment-url", "https://web.example.com/?a=1&b=2".to_owned()),
        ("ref", SHA.to_owned()),
        ("state", "success".to_owned()),
    ];
    for (name, value) in expected {
        assert_eq!(outputs.get(name), Some(&value), "{name}");
    }
    assert!(outputs["deployment-url"].starts_with("http"), "{outputs:?}");
    assert!(!outputs.contains_key("results"), "{outputs:?}");

    let page = runner.summary();
    assert_eq!(page.strange, [""; 0]);
    assert_eq!(page.rows[0], ["Source", "Environment", "Ref", "State", "Cause", "Link"]);
    let row = &page.rows[1];
    let seen: Vec<&str> = row[..4].iter().map(String::as_str).collect();
    assert_eq!(
        seen,
        ["deployment.apps/web", "octo-org/web staging", SHA, "success (create)"]
    );
    let links = [
        outputs["deployment-url"].as_str(),
        "https://web.example.com/?a=1&b=2",
        RUN,
    ];
    assert_eq!(page.links, links);

    // What is asked for wins.
    let flags = format!("{flags} --repo octo-org/other --ref v1 --log-url https://log.example");
    sync(&runner, &flags).expect(0);
    let other = runner.laptop.github.deployments("octo-org/other", "staging");
    assert_eq!(
        (other[0].git_ref.as_str(), other[0].statuses[0].log_url.as_str()),
        ("v1", "https://log.example/")
    );
}

#[test]
fn a_pull_request_is_its_head_and_not_the_merge_commit() {
    let head = "2222222222222222222222222222222222222222";
    for event in ["pull_request", "pull_request_target"] {
        let runner = Runner::new().on(event, json!({"number": 7, "pull_request": {"head": {"sha": head}}}));
        let flags = format!("deployment/web -n shop --environment pr-7 --objects {}", objects());
        sync(&runner, &flags).expect(0);
        assert_eq!(runner.laptop.github.refs(REPOSITORY, "pr-7"), [head]);
    }
    let runner = Runner::new().on("pull_request", json!({"number": 7}));
    let run = sync(
        &runner,
        &format!("deployment/web --environment pr-7 --objects {}", objects()),
    )
    .expect(2);
    let [(level, _, message)] = annotations(&run.stderr).try_into().expect("one annotation");
    assert_eq!(level, "error");
    assert!(
        message.contains("missing field `pull_request`") && message.contains("--ref"),
        "{message}"
    );
}

#[test]
fn files_win_over_the_run() {
    let runner = Runner::new();
    let services = repository_file("examples/services.yaml").display().to_string();
    sync(&runner, &format!("-f {services} --objects {}", objects())).expect(0);
    let deployments = runner.laptop.github.deployments(REPOSITORY, "production");
    let told: Vec<_> = deployments
        .iter()
        .map(|deployment| (deployment.git_ref.as_str(), deployment.statuses[0].log_url.as_str()))
        .collect();
    assert_eq!(told, [("v1.2.3", ""), ("v1.2.3", "")]);

    let outputs = runner.outputs();
    assert_eq!(
        (outputs["ref"].as_str(), outputs["state"].as_str()),
        ("v1.2.3", "success")
    );
    let results: Value = serde_json::from_str(&outputs["results"]).unwrap();
    let environments: Vec<_> = results
        .as_array()
        .unwrap()
        .iter()
        .map(|result| &result["task"])
        .collect();
    assert_eq!(environments, ["deploy:web", "deploy:worker"]);
    assert_eq!(runner.summary().rows.len(), 3);
}

/// What whoever may write an object's status can make a step print.
const NASTY: &str = "100% 🚀 | `x` <img src=x> @octocat\n::error::no\n::set-output name=state::success\n  ::add-mask::a\n\
                     ::stop-commands::b\n##[group]c\n| --- |";

#[test]
fn a_message_can_not_speak_to_the_runner() {
    let runner = Runner::new();
    let condition = json!({"type": "Stalled", "status": "True", "reason": "Nasty", "message": NASTY});
    let object = json!({
        "apiVersion": "example.com/v1", "kind": "Stage", "metadata": {"name": "main", "namespace": "shop"},
        "status": {"conditions": [condition]},
    });
    runner.laptop.write("objects.json", object.to_string());
    let flags = "Stage.v1.example.com/main -n shop --environment staging --objects objects.json";
    for form in ["table", "wide", "name", "json", "yaml"] {
        let run = sync(&runner, &format!("{flags} --wait -v -o {form}")).expect(4);
        assert_eq!(annotations(&run.stdout), [], "{form}");
        let [(level, title, message)] = annotations(&run.stderr).try_into().expect("one annotation");
        assert_eq!(
            (level.as_str(), title.as_str()),
            ("error", "stage.example.com/main"),
            "{form}"
        );
        let expected = NASTY
            .replace("\n::", "\n: :")
            .replace("  ::", "  : :")
            .replace("##[", "## [");
        assert_eq!(message, format!("the rollout failed: {expected}"), "{form}");
        assert!(!run.stdout.contains("##[") && !run.stderr.contains("##["), "{form}");
    }
    let page = runner.summary();
    assert_eq!(page.strange, [""; 0]);
    assert!(page.rows.iter().all(|row| row.len() == 6), "{page:?}");
    let cause = page.rows[1][4].replace('\u{2060}', "");
    assert_eq!(cause, NASTY.replace('\n', " "));
    assert!(page.rows[1][4].contains("@\u{2060}octocat"));
    assert_eq!(runner.outputs()["state"], "failure");
}

#[test]
fn a_rollout_that_fails_without_waiting_is_a_warning() {
    let runner = Runner::new();
    let condition = json!({"type": "Stalled", "status": "True", "message": "broken"});
    let object = json!({
        "apiVersion": "example.com/v1", "kind": "Stage", "metadata": {"name": "main", "namespace": "shop"},
        "status": {"conditions": [condition]},
    });
    runner.laptop.write("objects.json", object.to_string());
    let flags = "Stage.v1.example.com/main -n shop --environment staging --objects objects.json";
    let run = sync(&runner, flags).expect(0);
    let expected = ["warning", "stage.example.com/main", "the rollout failed: broken"].map(str::to_owned);
    assert_eq!(annotations(&run.stderr), [expected.into()]);
}

#[test]
fn results_on_stdout_stay_a_document() {
    let runner = Runner::new();
    let flags = format!(
        "deployment/absent -n shop --environment e --objects {} -o json",
        objects()
    );
    let run = sync(&runner, &flags).expect(1);
    assert_eq!(run.document()["results"][0]["reason"], "SourceNotFound");
    let [(level, title, message)] = annotations(&run.stderr).try_into().expect("one annotation");
    assert_eq!((level.as_str(), title.as_str()), ("error", "deployment.apps/absent"));
    assert!(message.contains("does not exist"), "{message}");
}

#[test]
fn a_log_in_json_stays_that() {
    let runner = Runner::new();
    let flags = format!(
        "deployment/absent -n shop --environment e --objects {} --log-format json -v",
        objects()
    );
    let run = sync(&runner, &flags).expect(1);
    for line in run.stderr.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert_eq!(runner.summary().rows.len(), 2);
}

#[test]
fn what_ends_without_a_result_is_shown_with_the_run() {
    let runner = Runner::new();
    let mut command = runner.program();
    command.env_remove("GITHUB_TOKEN");
    let arguments = format!("sync deployment/web --environment e --objects {}", objects());
    let run = Run::of(command.args(arguments.split(' '))).expect(3);
    let [(level, title, message)] = annotations(&run.stderr).try_into().expect("one annotation");
    assert_eq!((level.as_str(), title.as_str()), ("error", "kube-status-to-github"));
    assert!(message.starts_with("no credentials for GitHub: "), "{message}");
    assert_eq!(run.stderr.lines().count(), 1);
    assert_eq!(runner.outputs().len(), 0);
}

#[test]
fn files_that_can_not_be_written_fail_nothing() {
    let runner = Runner::new();
    let mut command = runner.program();
    command
        .env("GITHUB_STEP_SUMMARY", runner.path("absent/summary.md"))
        .env_remove("GITHUB_OUTPUT");
    let arguments = format!("sync deployment/web -n shop --environment e --objects {}", objects());
    let run = Run::of(command.args(arguments.split(' '))).expect(0);
    assert!(run.stderr.contains("cannot write the job summary"), "{}", run.stderr);
    assert_eq!(runner.laptop.github.states(REPOSITORY, "e"), [["success"]]);
}

#[test]
fn every_run_of_a_step_adds_to_its_files() {
    let runner = Runner::new();
    fs::write(runner.path("output"), "mine=1\n").unwrap();
    fs::write(runner.path("summary.md"), "mine\n\n").unwrap();
    let flags = format!("deployment/web -n shop --environment e --objects {}", objects());
    for rows in [2, 4] {
        sync(&runner, &flags).expect(0);
        assert_eq!(runner.summary().rows.len(), rows);
    }
    assert_eq!(runner.outputs()["mine"], "1");

    let mut close = runner.program();
    Run::of(close.args("close --repo octo-org/web --environment e".split(' '))).expect(0);
    let page = runner.summary();
    assert_eq!(page.rows[4], ["Environment", "Ref", "State", "Link"]);
    assert_eq!(page.rows[5][2], "inactive (close: done)");
}

#[test]
fn a_dry_run_says_so() {
    let runner = Runner::new();
    let flags = format!(
        "deployment/web -n shop --environment e --objects {} --dry-run",
        objects()
    );
    sync(&runner, &flags).expect(0);
    let summary = fs::read_to_string(runner.path("summary.md")).unwrap();
    assert!(
        summary.contains("(dry run)") && summary.contains("nothing was written"),
        "{summary}"
    );
    assert_eq!(runner.laptop.writes(), [""; 0]);
    assert_eq!(runner.outputs()["deployment-id"], "");
}

#[test]
fn outside_of_github_actions_nothing_is_told() {
    let runner = Runner::new();
    let mut command = runner.program();
    command.env_remove("GITHUB_ACTIONS");
    let flags = format!("sync deployment/web -n shop --environment e --objects {}", objects());
    let run = Run::of(command.args(flags.split(' '))).expect(2);
    assert!(run.stderr.contains("needs --repo"), "{}", run.stderr);
    let mut command = runner.program();
    command.env("GITHUB_ACTIONS", "false");
    let flags = format!("{flags} --repo octo-org/web --container absent");
    let run = Run::of(command.args(flags.split(' '))).expect(1);
    assert_eq!(annotations(&run.stderr), []);
    assert!(!runner.path("summary.md").exists() && !runner.path("output").exists());
}
