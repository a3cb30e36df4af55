//! Statuses by REST, where there is no mutation.

use super::*;

/// GitHub Enterprise Server before the mutation was there.
fn without_mutation(call: &Call, number: Option<u64>) -> Reply {
    if call.query().starts_with("mutation") {
        return answer(&json!({ "errors": [
            { "message": "CreateDeploymentStatusInput isn't a defined input type (on $input)",
              "path": ["mutation"], "extensions": { "code": "variableRequiresValidType" } },
            { "message": "Field 'createDeploymentStatus' doesn't exist on type 'Mutation'",
              "path": ["mutation", "createDeploymentStatus"], "extensions": { "code": "undefinedField" } },
        ] }));
    }
    if call.query().contains("databaseId") {
        return answer(&json!({ "data": { "node": { "databaseId": number, "commitOid": "a".repeat(40) } } }));
    }
    if call.method == "GET" {
        let other = |id: u64| json!({ "id": id, "node_id": format!("D{id}") });
        let page: Vec<Value> = match call.url.rsplit_once("&page=") {
            Some((_, "1")) => (1000..1100).map(other).collect(),
            _ => vec![other(7), json!({ "id": 8_000_000_000_u64, "node_id": "D" })],
        };
        return answer(&json!(page));
    }
    let status = json!({ "id": 1, "node_id": "S", "state": call.body["state"], "created_at": "2026-01-01T00:00:00Z" });
    reply(201, &status.to_string())
}

#[tokio::test(start_paused = true)]
async fn without_the_mutation_a_status_is_posted_by_rest() {
    for (number, expected, requests) in [(Some(5), "5", 3), (None, "8000000000", 5)] {
        let (github, journal) = github(move |call, _| without_mutation(call, number));
        github.create_status(&new_status(State::InProgress)).await.unwrap();
        github.create_status(&new_status(State::Success)).await.unwrap();
        assert_eq!(mutations(&journal), 1, "asked once for what is not there");
        let journal = journal.lock().unwrap();
        let call = &journal[requests - 1];
        let url = format!("https://api.github.com/repos/shop/app/deployments/{expected}/statuses");
        assert_eq!(call.url, url);
        let body = json!({
            "state": "in_progress", "description": "available", "auto_inactive": false,
            "environment_url": "https://shop.example",
        });
        assert_eq!(call.body, body);
        assert_eq!(journal.last().unwrap().body["state"], "success");
    }
}

#[tokio::test(start_paused = true)]
async fn the_number_of_an_own_deployment_is_known() {
    let (github, journal) = github(|call, _| match call.url.ends_with("/deployments") {
        true => reply(201, &created().to_string()),
        false => without_mutation(call, None),
    });
    github.create_deployment(&new_deployment()).await.unwrap();
    let status = NewStatus {
        deployment: "DE_kwDO".to_owned(),
        ..new_status(State::Success)
    };
    github.create_status(&status).await.unwrap();
    let journal = journal.lock().unwrap();
    let urls: Vec<&str> = journal
        .iter()
        .map(|call| call.url.rsplit_once('/').unwrap().1)
        .collect();
    assert_eq!(urls, ["deployments", "graphql", "statuses"]);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_whose_number_is_nowhere_is_named() {
    let (github, _) = github(|call, _| match call.method.as_str() {
        "GET" => answer(&json!([])),
        _ => without_mutation(call, None),
    });
    let error = github.create_status(&new_status(State::Success)).await.unwrap_err();
    assert_eq!(error.reason(), "DeploymentNumberUnknown");
    assert!(
        error
            .to_string()
            .starts_with("deployment D of shop/app is not in GitHub's list"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_status_by_rest_whose_answer_is_lost_is_looked_for_too() {
    let sent = AtomicUsize::new(0);
    let (github, journal) = github(move |call, _| {
        if call.url.ends_with("/statuses") && sent.fetch_add(1, Ordering::Relaxed) == 0 {
            return reply(502, "");
        }
        match call.query().contains("latestStatus") {
            true => answer(&latest(None)),
            false => without_mutation(call, Some(5)),
        }
    });
    github.create_status(&new_status(State::Success)).await.unwrap();
    let journal = journal.lock().unwrap();
    assert_eq!(journal.iter().filter(|call| call.url.ends_with("/statuses")).count(), 2);
}
