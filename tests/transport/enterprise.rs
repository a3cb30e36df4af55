//! GitHub Enterprise Server: its addresses, and what its older versions lack.

use bytes::Bytes;
use http::Request;
use serde_json::json;

use crate::{
    authority::Authority,
    laptop, reported,
    server::{HTTP_1, HTTP_2, Server, emulated, json},
    sync,
};

#[test]
fn an_address_leads_to_rest_and_graphql() {
    let authority = Authority::new();
    let file = authority.file();
    let trust = [("SSL_CERT_FILE", file.to_str().unwrap())];
    let rows = [
        ("/api/v3", "/api/v3/repos/octo-org/web/deployments", "/api/graphql"),
        ("/api/v3/", "/api/v3/repos/octo-org/web/deployments", "/api/graphql"),
        ("/api/graphql", "/api/v3/repos/octo-org/web/deployments", "/api/graphql"),
        ("", "/repos/octo-org/web/deployments", "/graphql"),
        ("/", "/repos/octo-org/web/deployments", "/graphql"),
    ];
    for (path, rest, graphql) in rows {
        let laptop = laptop();
        let tls = authority.identity(&["localhost"]).config(&[HTTP_2, HTTP_1]);
        let server = Server::of_emulator(Some(tls), &laptop.github);
        reported(&laptop, sync(&laptop, &format!("{}{path}", server.url()), &trust));
        let seen = server.seen();
        assert!(
            seen.requests.iter().any(|request| request.path == rest),
            "{path}: {seen:?}"
        );
        for request in &seen.requests {
            assert!(
                [rest, graphql].contains(&request.path.as_str()),
                "{path}: {}",
                request.path
            );
            let version = request.headers.get("x-github-api-version");
            assert_eq!(version, None, "a server may not know it");
        }
    }
}

#[test]
fn statuses_go_by_rest_where_there_is_no_mutation() {
    let laptop = laptop();
    let emulator = laptop.github.clone();
    let server = Server::new(None, move |request: Request<Bytes>| {
        let emulator = emulator.clone();
        Box::pin(async move {
            if !String::from_utf8_lossy(request.body()).contains("createDeploymentStatus(") {
                return emulated(emulator, request).await;
            }
            let error = json!({
                "path": ["mutation", "createDeploymentStatus"],
                "extensions": { "code": "undefinedField", "typeName": "Mutation", "fieldName": "createDeploymentStatus" },
                "message": "Field 'createDeploymentStatus' doesn't exist on type 'Mutation'",
            });
            json(200, &json!({ "errors": [error] }))
        })
    });
    let address = format!("{}/api/v3", server.url());
    laptop.write(
        "rolling.yaml",
        crate::deployment("web", "registry/web:v1", crate::Progress::Rolling),
    );
    let mut command = laptop.program();
    command.env("GITHUB_API", &address);
    let rolling = ["sync", "-f", "declared.yaml", "--objects", "rolling.yaml"];
    crate::Run::of(command.args(rolling)).expect(0);
    assert_eq!(laptop.github.states("octo-org/web", "staging"), [["in_progress"]]);

    // Another process does not know the number of the deployment, which has more than 32 bits.
    sync(&laptop, &address, &[]).expect(0);
    assert_eq!(
        laptop.github.states("octo-org/web", "staging"),
        [["in_progress", "success"]]
    );
    let seen = server.seen();
    let statuses = seen
        .requests
        .iter()
        .filter(|request| request.path.ends_with("/statuses"));
    assert_eq!(statuses.count(), 2);
}
