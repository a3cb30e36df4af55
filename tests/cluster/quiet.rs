//! Many environments at rest.

use crate::{
    namespace::{Namespace, deployment, github_deployment},
    support::OWNER,
};

const REPOSITORIES: [&str; 3] = ["catalog", "cart", "payment"];
const ENVIRONMENTS: usize = 120;

/// So many are created by a run at once, without waiting for its turn.
const BATCH: usize = 5;

#[test]
fn many_environments_at_rest_cost_three_requests() {
    let Some(test) = Namespace::create("quiet") else { return };
    for repository in REPOSITORIES {
        test.apply(&deployment(repository, "v1", None));
        test.rolled_out(&format!("deployment/{repository}"));
    }
    let declared: String = (0..ENVIRONMENTS)
        .map(|number| {
            let repository = REPOSITORIES[number % REPOSITORIES.len()];
            let object = github_deployment(
                &format!("app-{number}"),
                &format!("{{kind: Deployment, name: {repository}}}"),
                &format!("{{containerName: {repository}}}"),
                &format!("{{name: {repository}, environment: environment-{number}}}"),
            );
            object.replace(
                "metadata: {",
                &format!("metadata: {{labels: {{batch: '{}'}}, ", number / BATCH),
            )
        })
        .collect();
    test.apply(&declared);
    for batch in 0..ENVIRONMENTS / BATCH {
        let document = test.sync(&["-l", &format!("batch={batch}")]).expect(0).document();
        assert_eq!(document["summary"]["create"], BATCH, "{document:#}");
    }

    let pass = test.audited_sync(&[]);
    pass.expect_silence(3);
    let document = pass.run.expect(0).document();
    assert_eq!(document["summary"]["sources"], ENVIRONMENTS, "{document:#}");
    assert_eq!(document["summary"]["unchanged"], ENVIRONMENTS, "{document:#}");
    for number in 0..ENVIRONMENTS {
        let repository = format!("{OWNER}/{}", REPOSITORIES[number % REPOSITORIES.len()]);
        assert_eq!(
            test.github.states(&repository, &format!("environment-{number}")),
            [["success"]]
        );
    }
}
