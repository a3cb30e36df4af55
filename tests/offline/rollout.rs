//! The quickstart, from its begin to nothing to do.

use crate::{
    GROUP, ROLLED_OUT, ROLLING_OUT, STAGING, laptop, quickstart,
    support::laptop::{Laptop, assert_snapshot},
};

/// The quickstart, pass by pass.
struct Story {
    laptop: Laptop,
}

impl Story {
    fn states(&self) -> Vec<Vec<String>> {
        self.laptop.github.states(STAGING.0, STAGING.1)
    }

    /// One pass; what is printed is compared, and what GitHub got is returned.
    fn pass(&self, name: &str, objects: &str) -> Vec<String> {
        self.laptop.github.clear_journal();
        let arguments = quickstart(objects, "");
        let run = self.laptop.run_in_repository(&arguments).expect(0);
        assert_snapshot(GROUP, name, &self.laptop.transcript(&arguments, &run));
        self.laptop
            .github
            .journal()
            .iter()
            .map(|entry| entry.operation.to_string())
            .collect()
    }
}

#[test]
fn a_rollout_from_its_begin_to_nothing_to_do() {
    let story = Story { laptop: laptop() };
    let requests = story.pass("first_pass", ROLLING_OUT);
    assert_eq!(requests, ["GraphQlQuery", "CreateDeployment", "GraphQlMutation"]);
    assert_eq!(story.states(), [["in_progress"]]);
    assert_eq!(story.pass("still_rolling_out", ROLLING_OUT), ["GraphQlQuery"]);
    assert_eq!(
        story.pass("rolled_out", ROLLED_OUT),
        ["GraphQlQuery", "GraphQlMutation"]
    );
    assert_eq!(story.states(), [["in_progress", "success"]]);
    assert_eq!(story.pass("nothing_to_do", ROLLED_OUT), ["GraphQlQuery"]);

    let deployments = story.laptop.github.deployments(STAGING.0, STAGING.1);
    let [deployment] = deployments.as_slice() else {
        panic!("{deployments:#?}")
    };
    assert_eq!(deployment.git_ref, "6.9.1");
    assert_eq!(deployment.task, "deploy");
    assert!(!deployment.production && !deployment.transient, "{deployment:#?}");
    let success = &deployment.statuses[1];
    assert_eq!(success.environment_url, "https://podinfo.staging.example.com/");
}

#[test]
fn only_private_repositories_get_details() {
    let object = "Deployment shop/podinfo";
    for (private, further, description, named) in [
        (true, "", "Deployment is available. Replicas: 3", true),
        (false, "", "The rollout is complete.", false),
        (true, " --details minimal", "The rollout is complete.", false),
        (false, " --details full", "Deployment is available. Replicas: 3", true),
    ] {
        let laptop = laptop();
        let repository = laptop.github.add_repository(STAGING.0);
        if private {
            repository.private();
        }
        laptop.run_in_repository(&quickstart(ROLLED_OUT, further)).expect(0);
        let deployment = laptop.github.deployments(STAGING.0, STAGING.1).pop().unwrap();
        assert_eq!(
            deployment.statuses[0].description, description,
            "private: {private}{further}"
        );
        assert_eq!(
            deployment.payload.to_string().contains(object),
            named,
            "{:#}",
            deployment.payload
        );
    }
}

#[test]
fn closing_an_environment() {
    let laptop = laptop();
    laptop.run_in_repository(&quickstart(ROLLED_OUT, "")).expect(0);
    let close = "close --repo podinfo --environment Staging";
    let planned = laptop.run(&format!("{close} --dry-run")).expect(0);
    assert_snapshot(
        GROUP,
        "close_dry_run",
        &laptop.transcript(&format!("{close} --dry-run"), &planned),
    );
    assert_eq!(laptop.github.states(STAGING.0, STAGING.1), [["success"]]);
    for (name, states) in [
        ("close", vec!["success", "inactive"]),
        ("close_again", vec!["success", "inactive"]),
    ] {
        let run = laptop.run(close).expect(0);
        assert_snapshot(GROUP, name, &laptop.transcript(close, &run));
        assert_eq!(laptop.github.states(STAGING.0, STAGING.1), [states]);
    }
    laptop
        .run("close --repo podinfo --environment other --task none")
        .expect(0);
}
