//! GraphQL as recorded traffic and GitHub's documentation have it.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use github_emulator::{Access, Emulator, Level, Options};
use serde_json::{Value, json};
use support::{assert_fits, deploy, get, graphql, post, send, set_state, shop};

const DEPLOYMENTS: &str = "
  query ($environments: [String!], $first: Int, $last: Int, $after: String, $before: String, $order: DeploymentOrder) {
    repository(owner: \"octo\", name: \"shop\") {
      deployments(
        environments: $environments, first: $first, last: $last, after: $after, before: $before, orderBy: $order
      ) {
        totalCount
        pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
        nodes { id databaseId task state payload commitOid environment ref { name prefix } latestStatus { state } }
        edges { cursor node { task } }
      }
    }
  }";

fn tasks(answer: &Value) -> Vec<&str> {
    let nodes = answer["data"]["repository"]["deployments"]["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["task"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn deployments_are_oldest_first_unless_asked_otherwise() {
    let emulator = shop();
    for number in 0..4 {
        deploy(
            &emulator,
            if number == 3 { "other" } else { "QA" },
            json!({"task": format!("t{number}")}),
        )
        .await;
    }
    assert_eq!(
        tasks(&graphql(&emulator, DEPLOYMENTS, json!({"first": 2})).await),
        ["t0", "t1"]
    );
    let order = json!({"field": "CREATED_AT", "direction": "DESC"});
    let page = graphql(
        &emulator,
        DEPLOYMENTS,
        json!({"first": 2, "environments": ["qa"], "order": order}),
    )
    .await;
    assert_eq!(tasks(&page), ["t2", "t1"]);
    let connection = &page["data"]["repository"]["deployments"];
    assert_eq!(connection["totalCount"], 3);
    assert_eq!(
        [
            &connection["pageInfo"]["hasNextPage"],
            &connection["pageInfo"]["hasPreviousPage"]
        ],
        [true, false]
    );
    // The page goes on where it was although something was added in front of it.
    deploy(&emulator, "qa", json!({"task": "t4"})).await;
    let after = &connection["pageInfo"]["endCursor"];
    let variables = json!({"first": 2, "environments": ["qa"], "order": order, "after": after});
    assert_eq!(tasks(&graphql(&emulator, DEPLOYMENTS, variables).await), ["t0"]);
    assert_eq!(
        tasks(&graphql(&emulator, DEPLOYMENTS, json!({"last": 1})).await),
        ["t4"]
    );
    assert_fits(&emulator);
}

#[tokio::test(start_paused = true)]
async fn lists_can_lag_behind_writes() {
    let emulator = Emulator::new(Options {
        list_delay: Duration::from_secs(2),
        ..Options::default()
    });
    emulator.add_repository("octo/shop");
    let deployment = deploy(&emulator, "qa", json!({})).await;
    let listed = async || {
        let graphql = graphql(&emulator, DEPLOYMENTS, json!({"first": 9})).await;
        let rest = get(&emulator, "/repos/octo/shop/deployments").await.body;
        [tasks(&graphql).len(), rest.as_array().unwrap().len()]
    };
    assert_eq!(listed().await, [0, 0]);
    set_state(&emulator, &deployment, "queued").await;
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(listed().await, [1, 1]);
    assert_fits(&emulator);
}

#[tokio::test]
async fn numbers_are_null_and_payloads_encoded_twice() {
    let emulator = shop();
    deploy(&emulator, "qa", json!({"payload": {"a": [1]}})).await;
    deploy(&emulator, "qa", json!({"payload": "text"})).await;
    deploy(&emulator, "qa", json!({})).await;
    let answer = graphql(&emulator, DEPLOYMENTS, json!({"first": 9})).await;
    let nodes = &answer["data"]["repository"]["deployments"]["nodes"];
    assert_eq!(nodes[0]["databaseId"], Value::Null);
    assert_eq!(nodes[0]["payload"], json!("\"{\\\"a\\\":[1]}\""));
    assert_eq!(nodes[1]["payload"], json!("\"text\""));
    assert_eq!(nodes[2]["payload"], Value::Null);
    assert_eq!(nodes[0]["ref"], json!({"name": "main", "prefix": "refs/heads/"}));
    assert_eq!(nodes[0]["latestStatus"], Value::Null);
    assert_fits(&emulator);
}

#[tokio::test(start_paused = true)]
async fn states_are_more_than_the_latest_status() {
    let emulator = shop();
    let waiting = deploy(&emulator, "a", json!({})).await;
    let active = deploy(&emulator, "b", json!({})).await;
    let destroyed = deploy(&emulator, "c", json!({"transient_environment": true})).await;
    let inactive = deploy(&emulator, "d", json!({})).await;
    set_state(&emulator, &active, "success").await;
    set_state(&emulator, &destroyed, "inactive").await;
    set_state(&emulator, &inactive, "inactive").await;
    let states = async || {
        let answer = graphql(&emulator, DEPLOYMENTS, json!({"first": 9})).await;
        let nodes = answer["data"]["repository"]["deployments"]["nodes"]
            .as_array()
            .unwrap()
            .clone();
        nodes
            .iter()
            .map(|node| node["state"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(states().await, ["PENDING", "ACTIVE", "DESTROYED", "INACTIVE"]);
    tokio::time::advance(Duration::from_secs(30 * 60)).await;
    assert_eq!(states().await, ["ABANDONED", "ACTIVE", "DESTROYED", "INACTIVE"]);
    set_state(&emulator, &waiting, "in_progress").await;
    assert_eq!(states().await[0], "IN_PROGRESS");
    assert_fits(&emulator);
}

#[tokio::test]
async fn a_missing_repository_is_null_beside_those_that_are_there() {
    let emulator = shop();
    emulator.add_repository("octo/shop").renamed_to("octo/store");
    let query = "{
      good: repository(owner: \"octo\", name: \"SHOP\") { nameWithOwner }
      bad: repository(owner: \"octo\", name: \"none\") { id }
      stale: repository(owner: \"octo\", name: \"shop\", followRenames: false) { id }
    }";
    let answer = graphql(&emulator, query, json!({})).await;
    assert_eq!(
        answer["data"],
        json!({"good": {"nameWithOwner": "octo/store"}, "bad": null, "stale": null})
    );
    let error = &answer["errors"][0];
    assert_eq!([&error["type"], &error["path"]], [&json!("NOT_FOUND"), &json!(["bad"])]);
    assert_eq!(
        error["message"],
        "Could not resolve to a Repository with the name 'octo/none'."
    );
    assert_eq!(error["locations"][0]["line"], 3);
    assert_fits(&emulator);
}

#[tokio::test]
async fn expressions_and_refs_resolve() {
    let emulator = shop();
    let sha = "0123456789abcdef0123456789abcdef01234567";
    let repository = emulator
        .add_repository("octo/shop")
        .tag("1.0")
        .annotated_tag("2.0")
        .branch("1.0-fix")
        .commit(sha);
    let query = "
      query ($expression: String!, $name: String!) {
        repository(owner: \"octo\", name: \"shop\") {
          isPrivate isArchived isDisabled visibility viewerPermission url
          defaultBranchRef { name target { oid } }
          object(expression: $expression) {
            __typename oid ... on Commit { messageHeadline } ... on Tag { name target { __typename oid } }
          }
          ref(qualifiedName: $name) { name prefix target { __typename } }
        }
      }";
    let ask = async |expression: &str, name: &str| {
        let answer = graphql(&emulator, query, json!({"expression": expression, "name": name})).await;
        answer["data"]["repository"].clone()
    };
    let light = ask("1.0", "refs/tags/1.0").await;
    assert_eq!(light["object"]["__typename"], "Commit");
    assert_eq!(light["object"]["oid"], json!(repository.commit_of("1.0").unwrap()));
    assert_eq!(light["ref"]["prefix"], "refs/tags/");
    assert_eq!([&light["visibility"], &light["viewerPermission"]], ["PUBLIC", "WRITE"]);
    assert_eq!(light["defaultBranchRef"]["name"], "main");
    let annotated = ask("2.0", "refs/tags/2.0").await;
    assert_eq!(annotated["object"]["__typename"], "Tag");
    assert_eq!(
        annotated["object"]["target"]["oid"],
        json!(repository.commit_of("2.0").unwrap())
    );
    assert_eq!(annotated["ref"]["target"]["__typename"], "Tag");
    let peeled = ask("2.0^{commit}", "refs/heads/1.0-fix").await;
    assert_eq!(peeled["object"]["oid"], annotated["object"]["target"]["oid"]);
    assert_eq!(peeled["ref"]["name"], "1.0-fix");
    let short = ask(&sha[..8], "refs/heads/2.0").await;
    assert_eq!([&short["object"]["oid"], &short["ref"]], [&json!(sha), &Value::Null]);
    assert_eq!(ask("no-such", "no-such").await["object"], Value::Null);
    assert_fits(&emulator);
}

const SET_STATUS: &str = "
  mutation ($input: CreateDeploymentStatusInput!) {
    createDeploymentStatus(input: $input) {
      clientMutationId
      deploymentStatus { id state description environmentUrl logUrl deployment { id state } }
    }
  }";

#[tokio::test]
async fn statuses_are_posted_by_node_id() {
    let emulator = shop();
    let first = deploy(&emulator, "qa", json!({})).await;
    set_state(&emulator, &first, "success").await;
    let second = deploy(&emulator, "qa", json!({})).await;
    let input =
        json!({"deploymentId": second["node_id"], "state": "SUCCESS", "description": "done", "clientMutationId": "7"});
    let answer = graphql(&emulator, SET_STATUS, json!({"input": input})).await;
    let payload = &answer["data"]["createDeploymentStatus"];
    assert_eq!(payload["clientMutationId"], "7");
    let status = &payload["deploymentStatus"];
    assert_eq!(
        [&status["state"], &status["environmentUrl"]],
        [&json!("SUCCESS"), &Value::Null]
    );
    assert_eq!(
        status["deployment"],
        json!({"id": second["node_id"], "state": "ACTIVE"})
    );
    let all = emulator.deployments("octo/shop", "qa");
    assert_eq!(
        [all[0].states(), all[1].states()],
        [vec!["success", "inactive"], vec!["success"]]
    );
    let journal = emulator.journal();
    let last = journal.last().unwrap();
    assert_eq!(last.operation.to_string(), "GraphQlMutation");
    assert!(last.is_write());
    assert_eq!(last.variables.as_ref().unwrap()["input"]["state"], "SUCCESS");
    assert_fits(&emulator);
}

#[tokio::test]
async fn mutations_that_fail_are_null_with_a_typed_error() {
    let emulator = shop();
    let deployment = deploy(&emulator, "qa", json!({})).await;
    for (input, kind) in [
        (json!({"deploymentId": "DE_x", "state": "SUCCESS"}), "NOT_FOUND"),
        (
            json!({"deploymentId": deployment["node_id"], "state": "WAITING"}),
            "UNPROCESSABLE",
        ),
        (
            json!({"deploymentId": deployment["node_id"], "state": "QUEUED", "description": "x".repeat(141)}),
            "UNPROCESSABLE",
        ),
    ] {
        let answer = graphql(&emulator, SET_STATUS, json!({"input": input})).await;
        assert_eq!(answer["data"], json!({"createDeploymentStatus": null}));
        assert_eq!(answer["errors"][0]["type"], kind);
    }
    emulator.allow_token(
        "secret",
        Access {
            deployments: Level::Read,
            ..Access::default()
        },
    );
    let input = json!({"deploymentId": deployment["node_id"], "state": "QUEUED"});
    let answer = graphql(&emulator, SET_STATUS, json!({"input": input})).await;
    assert_eq!(
        [&answer["data"]["createDeploymentStatus"], &answer["errors"][0]["type"]],
        [&Value::Null, &json!("FORBIDDEN")]
    );
    assert_eq!(answer["errors"][0]["path"], json!(["createDeploymentStatus"]));
    assert_fits(&emulator);
}

#[tokio::test]
async fn deployments_are_made_and_deleted_by_mutation_too() {
    let emulator = shop();
    let ids = graphql(
        &emulator,
        "{ repository(owner: \"octo\", name: \"shop\") { id ref(qualifiedName: \"main\") { id } } }",
        json!({}),
    )
    .await;
    let repository = &ids["data"]["repository"];
    let input = json!({"repositoryId": repository["id"], "refId": repository["ref"]["id"], "requiredContexts": []});
    let query = "mutation ($input: CreateDeploymentInput!) {
      createDeployment(input: $input) { autoMerged deployment { id environment payload } }
    }";
    let answer = graphql(&emulator, query, json!({"input": input})).await;
    let made = &answer["data"]["createDeployment"];
    assert_eq!(
        [&made["autoMerged"], &made["deployment"]["environment"]],
        [&json!(false), &json!("production")]
    );
    let query = "mutation ($id: ID!) { deleteDeployment(input: {id: $id}) { clientMutationId } }";
    graphql(&emulator, query, json!({"id": made["deployment"]["id"]})).await;
    assert_eq!(emulator.all_deployments("octo/shop"), []);
    assert_fits(&emulator);
}

#[tokio::test]
async fn nodes_are_found_by_id() {
    let emulator = shop();
    let deployment = deploy(&emulator, "qa", json!({})).await;
    let status = set_state(&emulator, &deployment, "queued").await;
    let query = "query ($ids: [ID!]!) { nodes(ids: $ids) {
      __typename id ... on Deployment { statuses(first: 5) { nodes { id state } } } } }";
    let ids = json!([deployment["node_id"], status["node_id"]]);
    let answer = graphql(&emulator, query, json!({"ids": ids})).await;
    assert_eq!(
        answer["data"]["nodes"][0]["statuses"]["nodes"],
        json!([{"id": status["node_id"], "state": "QUEUED"}])
    );
    assert_eq!(answer["data"]["nodes"][1]["__typename"], "DeploymentStatus");
    let missing = graphql(&emulator, "{ node(id: \"DE_none\") { id } }", json!({})).await;
    assert_eq!(
        [&missing["data"]["node"], &missing["errors"][0]["type"]],
        [&Value::Null, &json!("NOT_FOUND")]
    );
    assert_fits(&emulator);
}

#[tokio::test]
async fn pages_have_bounds_and_requests_a_price() {
    let emulator = Emulator::new(Options {
        hourly_limit: 3,
        ..Options::default()
    });
    emulator.add_repository("octo/shop");
    let kind = |answer: &Value| answer["errors"][0]["type"].clone();
    assert_eq!(
        kind(&graphql(&emulator, DEPLOYMENTS, json!({})).await),
        "MISSING_PAGINATION_BOUNDARIES"
    );
    assert_eq!(
        kind(&graphql(&emulator, DEPLOYMENTS, json!({"first": 101})).await),
        "EXCESSIVE_PAGINATION"
    );
    let inner = "deployments(first: 100) { nodes { statuses(first: 5) { nodes { state } } } }";
    let aliases: String = (0..3)
        .map(|number| format!("a{number}: repository(owner: \"octo\", name: \"shop\") {{ {inner} }} "))
        .collect();
    let heavy = graphql(
        &emulator,
        &format!("{{ rateLimit {{ cost nodeCount remaining }} {aliases} }}"),
        json!({}),
    )
    .await;
    assert_eq!(
        heavy["data"]["rateLimit"],
        json!({"cost": 3, "nodeCount": 1800, "remaining": 0})
    );
    let over = post(&emulator, "/graphql", json!({"query": "{ viewer { login } }"})).await;
    assert_eq!((over.status.as_u16(), kind(&over.body)), (200, json!("RATE_LIMITED")));
    assert_eq!(over.header("x-ratelimit-remaining"), Some("0"));
    assert_fits(&emulator);
}

#[tokio::test]
async fn without_credentials_or_permission_nothing_is_told() {
    let emulator = shop();
    emulator.allow_token(
        "narrow",
        Access {
            contents: Level::None,
            ..Access::default()
        },
    );
    let body = Some(json!({"query": "{ viewer { login } }"}));
    for authorization in ["", "Bearer wrong"] {
        let reply = send(
            &emulator,
            http::Method::POST,
            "/graphql",
            &[("authorization", authorization)],
            body.clone(),
        )
        .await;
        assert_eq!(reply.status, 401);
    }
    let query = "{ repository(owner: \"octo\", name: \"shop\") { id object(expression: \"main\") { oid } } }";
    let headers = [("authorization", "Bearer narrow")];
    let reply = send(
        &emulator,
        http::Method::POST,
        "/graphql",
        &headers,
        Some(json!({"query": query})),
    )
    .await;
    assert_eq!(reply.body["data"]["repository"]["object"], Value::Null);
    assert_eq!(reply.body["errors"][0]["type"], "FORBIDDEN");
    assert_fits(&emulator);
}
