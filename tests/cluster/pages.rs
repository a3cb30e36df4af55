//! More objects than a page of a list holds.

use futures::{StreamExt, TryStreamExt, stream};
use kube::{
    Api, Client, Config,
    api::{DynamicObject, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    discovery::ApiResource,
};
use serde_json::{Value, json};

use crate::{control_plane::Request, namespace::Namespace};

const OBJECTS: usize = 1_200;

/// Objects in a page, see the design of the reading.
const PAGE: usize = 500;

/// Environments in a request to GitHub.
const ENVIRONMENTS: usize = 50;

#[test]
fn many_objects_are_read_page_by_page() {
    let Some(test) = Namespace::create("pages") else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(create(&test));

    let pass = test.audited_sync(&["--dry-run"]);
    let document = pass.run.expect(0).document();
    assert_eq!(document["summary"]["create"], OBJECTS, "{}", document["summary"]);
    let pages = OBJECTS.div_ceil(PAGE);
    assert_eq!(lists(&pass.kubernetes, "githubdeployments"), pages);
    assert_eq!(lists(&pass.kubernetes, "configmaps"), pages);
    let others: Vec<String> = pass
        .kubernetes
        .iter()
        .map(Request::what)
        .filter(|what| !what.starts_with("list "))
        .collect();
    assert_eq!(
        others,
        ["get namespaces"],
        "besides, only what tells this cluster from others is read"
    );
    assert_eq!(pass.github.len(), OBJECTS.div_ceil(ENVIRONMENTS));
    assert!(pass.github.iter().all(|entry| !entry.is_write()));

    // Three creates with their first statuses; all others wait for a later pass, and say so.
    let pass = test.audited_sync(&["--max-writes", "6"]);
    let document = pass.run.expect(0).document();
    assert_eq!(document["summary"]["create"], 3, "{}", document["summary"]);
    assert_eq!(document["summary"]["defer"], OBJECTS - 3, "{}", document["summary"]);
    assert_eq!(pass.github.iter().filter(|entry| entry.is_write()).count(), 6);

    // Where nothing changed the objects are left alone.
    let pass = test.audited_sync(&["--max-writes", "6"]);
    let document = pass.run.expect(0).document();
    assert_eq!(document["summary"]["unchanged"], 3, "{}", document["summary"]);
    assert_eq!(document["summary"]["create"], 3, "{}", document["summary"]);
    let statuses = pass
        .kubernetes
        .iter()
        .filter(|request| request.what() == "patch githubdeployments/status");
    assert_eq!(statuses.count(), 3);
}

fn lists(requests: &[Request], resource: &str) -> usize {
    requests
        .iter()
        .filter(|request| request.what() == format!("list {resource}"))
        .count()
}

/// Makes the ConfigMaps and GitHubDeployments.
async fn create(test: &Namespace) {
    let kubeconfig = Kubeconfig::read_from(test.kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    let client = Client::try_from(config).unwrap();
    let resource = |api_version: &str, kind: &str, plural: &str| {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        }
    };
    let config_maps = resource("v1", "ConfigMap", "configmaps");
    let github_deployments = resource("github.decathlon.com/v1beta1", "GitHubDeployment", "githubdeployments");
    let creations = (0..OBJECTS).flat_map(|number| {
        let name = format!("app-{number:04}");
        let spec = json!({
            "sourceRef": { "apiVersion": "v1", "kind": "ConfigMap", "name": name },
            "extract": { "jsonPath": "$.data.ref" },
            "repository": { "name": format!("repository-{}", number % 12), "environment": name },
        });
        [
            (
                &config_maps,
                object(&config_maps, &name, json!({ "data": { "ref": "main" } })),
            ),
            (
                &github_deployments,
                object(&github_deployments, &name, json!({ "spec": spec })),
            ),
        ]
    });
    let creations: Vec<_> = creations.collect();
    stream::iter(creations)
        .map(|(resource, object)| {
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &test.name, resource);
            async move { api.create(&PostParams::default(), &object).await }
        })
        .buffer_unordered(16)
        .try_for_each(|_| async { Ok(()) })
        .await
        .unwrap();
}

fn object(resource: &ApiResource, name: &str, data: Value) -> DynamicObject {
    DynamicObject::new(name, resource).data(data)
}
