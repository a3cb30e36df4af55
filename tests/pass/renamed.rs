//! A repository that was renamed, which GitHubDeployments name as it was called before and as it is called today.

use serde_json::json;

use crate::{
    objects::{Rollout, deployment, github_deployment},
    world::{ENVIRONMENT, REPOSITORY, Test},
};

const TODAY: &str = "octo-org/application";

/// `app` names the repository as before, `b` as today.
fn with_two_names(further: &serde_json::Value, rollout: Rollout) -> Test {
    let test = Test::new();
    test.github.add_repository(REPOSITORY).renamed_to(TODAY);
    for (name, repository) in [("app", REPOSITORY), ("b", TODAY)] {
        test.cluster.apply(deployment(name, "v1", rollout));
        let object = github_deployment(name, repository, ENVIRONMENT, further.clone());
        test.cluster.apply(object);
    }
    test
}

fn history(test: &Test) -> Vec<String> {
    let all = test.github.deployments(TODAY, ENVIRONMENT);
    all.iter()
        .map(|one| format!("{}: {}", one.git_ref, one.states().join(" ")))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_two_names_of_a_repository_close_nothing_of_each_other() {
    for further in [json!({}), json!({"production": true}), json!({"transient": true})] {
        let test = with_two_names(&further, Rollout::UnderWay);
        test.pass().await;
        test.quiet_pass().await;
        test.cluster.apply(deployment("app", "v1", Rollout::Done));
        test.cluster.apply(deployment("b", "v1", Rollout::Done));
        test.pass().await;
        test.quiet_pass().await;
        assert_eq!(history(&test), ["v1: in_progress success"; 2], "{further}");
        test.cluster.apply(deployment("b", "v2", Rollout::Done));
        test.pass().await;
        test.quiet_pass().await;
        let [first, second, third] = &history(&test)[..] else {
            panic!()
        };
        let mut old = [first, second];
        old.sort();
        assert_eq!(old, ["v1: in_progress success", "v1: in_progress success inactive"]);
        assert_eq!(third, "v2: success");
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_by_one_name_does_not_let_github_close_that_of_the_other() {
    let test = with_two_names(&json!({}), Rollout::Done);
    let document = test.pass().await;
    assert_eq!(history(&test), ["v1: success"; 2]);
    let named: Vec<_> = document
        .results
        .iter()
        .map(|result| result.repository.clone())
        .collect();
    assert_eq!(
        named,
        [Some(REPOSITORY.to_owned()), Some(TODAY.to_owned())],
        "as each is written"
    );
    test.quiet_pass().await;
}
