//! Objects that are named on the command line: kinds that only the cluster knows, and labels.

use crate::namespace::{Namespace, deployment};

/// A kind with a short name, in a group of its own.
const GADGETS: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.flags.example.com}
spec:
  group: flags.example.com
  scope: Namespaced
  names: {plural: gadgets, singular: gadget, kind: Gadget, shortNames: [gdg]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

#[test]
fn kinds_and_labels_are_those_of_the_cluster() {
    let Some(test) = Namespace::create("flags") else { return };
    test.apply(GADGETS);
    test.kubectl(["wait", "--for=condition=Established", "crd/gadgets.flags.example.com"]);
    let gadget = |name: &str, team: &str| {
        format!(
            "---\napiVersion: flags.example.com/v1\nkind: Gadget\n\
             metadata: {{name: {name}, labels: {{team: {team}, version: v1}}}}\n"
        )
    };
    test.apply(&(gadget("one", "a") + &gadget("two", "a") + &gadget("three", "b")));
    test.apply(&deployment("web", "v1", None));
    test.rolled_out("deployment/web");

    for (number, (typed, sources)) in [
        ("gadgets.flags.example.com/one", &["one"][..]),
        ("gadget.v1.flags.example.com/one", &["one"]),
        ("gdg one three", &["one", "three"]),
        ("Gadget/one", &["one"]),
        ("gdg -l team=a", &["one", "two"]),
        ("gadgets -l team!=a", &["three"]),
    ]
    .into_iter()
    .enumerate()
    {
        // Each in an environment of its own, where nothing was reported before.
        let environment = format!("staging-{number}");
        let arguments =
            format!("{typed} --repo flags --environment {environment} --json-path $.metadata.labels.version");
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let document = test.sync(&arguments).expect(0).document();
        let results = document["results"].as_array().unwrap();
        let mut names: Vec<&str> = results
            .iter()
            .map(|result| result["source"]["name"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        let mut expected = sources.to_vec();
        expected.sort_unstable();
        assert_eq!(names, expected, "{typed}: {document:#}");
        assert_eq!(document["summary"]["create"], sources.len(), "{typed}: {document:#}");
    }

    // What is built in is asked for by its address, and nothing else is.
    let pass = test.audited_sync(&[
        "deploy/web",
        "--repo",
        "flags",
        "--environment",
        "e",
        "--container",
        "web",
    ]);
    pass.run.expect(0);
    let asked: Vec<String> = pass
        .kubernetes
        .iter()
        .map(crate::control_plane::Request::what)
        .collect();
    assert_eq!(asked, ["get namespaces", "get deployments"]);
}
