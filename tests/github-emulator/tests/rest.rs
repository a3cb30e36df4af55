//! REST as recorded traffic and GitHub's documentation have it.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use github_emulator::{Access, Behind, Emulator, Level, Options};
use http::Method;
use serde_json::{Value, json};
use support::{assert_fits, deploy, get, post, send, set_state, shop};

#[tokio::test]
async fn a_deployment_has_githubs_defaults_and_is_never_reused() {
    let emulator = shop();
    let first = post(&emulator, "/repos/octo/shop/deployments", json!({"ref": "main"})).await;
    assert_eq!(first.status, 201);
    let body = &first.body;
    assert!(
        body["id"].as_u64().unwrap() > u64::from(u32::MAX),
        "narrow integers have to show"
    );
    assert_eq!(first.header("location"), body["url"].as_str());
    assert_eq!(body["sha"].as_str().unwrap().len(), 40);
    let of = |name: &str| body[name].clone();
    assert_eq!(
        [
            of("ref"),
            of("task"),
            of("environment"),
            of("payload"),
            of("description")
        ],
        [
            json!("main"),
            json!("deploy"),
            json!("production"),
            json!({}),
            Value::Null
        ]
    );
    assert_eq!(
        [of("transient_environment"), of("production_environment")],
        [json!(false), json!(false)]
    );
    let second = post(&emulator, "/repos/octo/shop/deployments", json!({"ref": "main"})).await;
    assert_ne!(second.body["id"], body["id"]);
    assert_fits(&emulator);
}

#[tokio::test]
async fn payloads_come_back_in_the_type_they_were_sent_in() {
    let emulator = shop();
    for payload in [json!({"a": 1}), json!("{\"a\":1}"), json!("")] {
        assert_eq!(
            deploy(&emulator, "qa", json!({"payload": payload})).await["payload"],
            payload
        );
    }
    assert_fits(&emulator);
}

#[tokio::test]
async fn refs_resolve_as_in_git() {
    let emulator = shop();
    let sha = "0123456789abcdef0123456789abcdef01234567";
    let handle = emulator
        .add_repository("octo/shop")
        .commit(sha)
        .tag("1.2.3")
        .annotated_tag("2.0.0")
        .branch("topic");
    let tag = handle.commit_of("1.2.3").unwrap();
    let annotated = handle.commit_of("2.0.0").unwrap();
    let topic = handle.commit_of("topic").unwrap();
    for (name, expected) in [
        ("1.2.3", tag.as_str()),
        ("2.0.0", &annotated),
        ("refs/heads/topic", &topic),
        ("refs/tags/1.2.3", &tag),
        (sha, sha),
        (&sha[..7], sha),
    ] {
        let body = deploy(&emulator, "qa", json!({"ref": name})).await;
        assert_eq!((&body["sha"], &body["ref"]), (&json!(expected), &json!(name)));
    }
    let missing = post(&emulator, "/repos/octo/shop/deployments", json!({"ref": "9.9.9"})).await;
    assert_eq!(
        (missing.status.as_u16(), &missing.body["message"]),
        (422, &json!("No ref found for: 9.9.9"))
    );
    assert_fits(&emulator);
}

#[tokio::test]
async fn auto_merge_merges_or_conflicts_unless_it_is_off() {
    let emulator = shop();
    let repository = emulator.add_repository("octo/shop").branch("old").branch("odd");
    repository
        .behind("old", Behind::Mergeable)
        .behind("odd", Behind::Conflicting);
    let path = "/repos/octo/shop/deployments";
    let merged = post(&emulator, path, json!({"ref": "old"})).await;
    assert_eq!((merged.status.as_u16(), &merged.body["id"]), (202, &Value::Null));
    assert_eq!(merged.body["message"], "Auto-merged main into old on deployment.");
    let conflict = post(&emulator, path, json!({"ref": "odd"})).await;
    assert_eq!(
        (conflict.status.as_u16(), &conflict.body["message"]),
        (409, &json!("Conflict merging main into odd."))
    );
    assert_eq!(emulator.all_deployments("octo/shop").len(), 0);
    deploy(&emulator, "qa", json!({"ref": "odd"})).await;
    assert_fits(&emulator);
}

#[tokio::test]
async fn contexts_are_all_required_unless_the_list_is_empty() {
    let emulator = shop();
    emulator
        .add_repository("octo/shop")
        .context("main", "build", "success")
        .context("main", "lint", "pending");
    let path = "/repos/octo/shop/deployments";
    let refused = post(&emulator, path, json!({"ref": "main"})).await;
    assert_eq!(refused.status, 409);
    assert_eq!(
        refused.body["errors"][0]["contexts"][1],
        json!({"context": "lint", "state": "pending"})
    );
    assert_eq!(
        post(&emulator, path, json!({"ref": "main", "required_contexts": ["build"]}))
            .await
            .status,
        201
    );
    assert_eq!(
        post(&emulator, path, json!({"ref": "main", "required_contexts": []}))
            .await
            .status,
        201
    );
    assert_fits(&emulator);
}

#[tokio::test]
async fn statuses_are_records_that_are_only_added() {
    let emulator = shop();
    let deployment = deploy(&emulator, "qa", json!({})).await;
    let path = format!("/repos/octo/shop/deployments/{}/statuses", deployment["id"]);
    for state in [
        "inactive",
        "queued",
        "queued",
        "error",
        "in_progress",
        "failure",
        "pending",
        "success",
    ] {
        let status = set_state(&emulator, &deployment, state).await;
        assert_eq!(
            [&status["description"], &status["environment_url"], &status["log_url"]],
            [&json!(""); 3]
        );
    }
    let with_log = post(
        &emulator,
        &path,
        json!({"state": "success", "target_url": "https://ci.example.com/1"}),
    )
    .await;
    assert_eq!(with_log.body["log_url"], with_log.body["target_url"]);
    let listed = get(&emulator, &path).await.body;
    assert_eq!(listed.as_array().unwrap().len(), 9);
    assert_eq!(listed[0]["id"], with_log.body["id"], "newest first");
    assert_fits(&emulator);
}

#[tokio::test]
async fn a_success_closes_what_came_before_but_for_transient_and_production() {
    let emulator = shop();
    emulator.add_repository("octo/shop");
    let usual = deploy(&emulator, "Production", json!({"task": "deploy:db"})).await;
    let transient = deploy(&emulator, "production", json!({"transient_environment": true})).await;
    let production = deploy(&emulator, "production", json!({"production_environment": true})).await;
    let unfinished = deploy(&emulator, "production", json!({})).await;
    let elsewhere = deploy(&emulator, "staging", json!({})).await;
    for deployment in [&usual, &transient, &production, &elsewhere] {
        let path = format!("/repos/octo/shop/deployments/{}/statuses", deployment["id"]);
        post(&emulator, &path, json!({"state": "success", "auto_inactive": false})).await;
    }
    set_state(&emulator, &unfinished, "in_progress").await;
    let last = deploy(&emulator, "PRODUCTION", json!({})).await;
    set_state(&emulator, &last, "success").await;
    let all = emulator.all_deployments("octo/shop");
    let latest: Vec<&str> = all
        .iter()
        .map(|deployment| *deployment.states().last().unwrap())
        .collect();
    assert_eq!(
        latest,
        ["inactive", "success", "success", "in_progress", "success", "success"]
    );
    assert_fits(&emulator);
}

#[tokio::test(start_paused = true)]
async fn closing_can_be_late() {
    let emulator = Emulator::new(Options {
        late_inactive: Some(Duration::from_secs(4)),
        ..Options::default()
    });
    emulator.add_repository("octo/shop");
    let first = deploy(&emulator, "qa", json!({})).await;
    set_state(&emulator, &first, "success").await;
    let second = deploy(&emulator, "qa", json!({})).await;
    set_state(&emulator, &second, "success").await;
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(emulator.deployments("octo/shop", "qa")[0].states(), ["success"]);
    emulator.advance(2);
    assert_eq!(
        emulator.deployments("octo/shop", "QA")[0].states(),
        ["success", "inactive"]
    );
    assert_fits(&emulator);
}

#[tokio::test]
async fn a_status_can_move_the_environment() {
    let emulator = shop();
    let deployment = deploy(&emulator, "blue", json!({})).await;
    let path = format!("/repos/octo/shop/deployments/{}", deployment["id"]);
    post(
        &emulator,
        &format!("{path}/statuses"),
        json!({"state": "queued", "environment": "green"}),
    )
    .await;
    let moved = get(&emulator, &path).await.body;
    assert_eq!(
        [&moved["environment"], &moved["original_environment"]],
        [&json!("green"), &json!("blue")]
    );
    let environments = get(&emulator, "/repos/octo/shop/environments").await.body;
    assert_eq!(environments["total_count"], 2);
    assert_fits(&emulator);
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let emulator = Emulator::new(Options {
        max_statuses: Some(1),
        strict: false,
        ..Options::default()
    });
    emulator.add_repository("octo/shop");
    let deployment = deploy(&emulator, "qa", json!({})).await;
    let statuses = format!("/repos/octo/shop/deployments/{}/statuses", deployment["id"]);
    let deployments = "/repos/octo/shop/deployments".to_owned();
    for (path, body, message) in [
        (
            &statuses,
            json!({"state": "success", "description": "x".repeat(141)}),
            "description is too long (maximum is 140 characters)",
        ),
        (
            &statuses,
            json!({"state": "success", "environment_url": "ftp://x"}),
            "environment_url must use http(s) scheme",
        ),
        (&statuses, json!({"state": "done"}), "state is not included in the list"),
        (
            &deployments,
            json!({"ref": "main", "environment": "x".repeat(256)}),
            "environment is too long (maximum is 255 characters)",
        ),
    ] {
        let refused = post(&emulator, path, body).await;
        assert_eq!(refused.status, 422);
        assert_eq!(refused.body["errors"][0]["message"], message);
    }
    for (body, message) in [
        (json!({}), "Invalid request.\n\n\"ref\" wasn't supplied."),
        (
            json!({"ref": 1}),
            "Invalid request.\n\nFor 'properties/ref', 1 is not a string.",
        ),
    ] {
        let refused = post(&emulator, &deployments, body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.body["message"].as_str().unwrap()),
            (422, message)
        );
    }
    set_state(&emulator, &deployment, "queued").await;
    assert_eq!(
        post(&emulator, &statuses, json!({"state": "success"})).await.status,
        422,
        "the maximum is reached"
    );
}

#[tokio::test]
async fn lists_are_filtered_and_paged_newest_first() {
    let emulator = shop();
    for number in 0..5 {
        deploy(
            &emulator,
            if number == 4 { "Other" } else { "qa" },
            json!({"task": format!("t{number}")}),
        )
        .await;
    }
    let path = "/repos/octo/shop/deployments";
    let tasks = |body: &Value| -> Vec<String> {
        body.as_array()
            .unwrap()
            .iter()
            .map(|found| found["task"].as_str().unwrap().to_owned())
            .collect()
    };
    let everything = get(&emulator, path).await;
    assert_eq!(tasks(&everything.body), ["t4", "t3", "t2", "t1", "t0"]);
    assert_eq!(everything.header("link"), None, "one page needs no links");
    assert_eq!(
        tasks(&get(&emulator, &format!("{path}?environment=other")).await.body),
        ["t4"]
    );
    assert_eq!(
        tasks(&get(&emulator, &format!("{path}?task=t1&ref=main")).await.body),
        ["t1"]
    );
    let second = get(&emulator, &format!("{path}?environment=qa&per_page=1&page=2")).await;
    assert_eq!(tasks(&second.body), ["t2"]);
    let link = second.header("link").unwrap();
    for relation in ["prev", "next", "last", "first"] {
        assert!(link.contains(&format!("rel=\"{relation}\"")), "{link}");
    }
    let next = link
        .split("rel=\"prev\", <https://api.github.com")
        .nth(1)
        .unwrap()
        .split('>')
        .next()
        .unwrap();
    assert!(next.starts_with("/repositories/"), "{next}");
    assert_eq!(tasks(&get(&emulator, next).await.body), ["t1"]);
    assert_fits(&emulator);
}

#[tokio::test]
async fn an_active_deployment_is_deleted_only_when_alone() {
    let emulator = shop();
    let first = deploy(&emulator, "qa", json!({})).await;
    let second = deploy(&emulator, "qa", json!({})).await;
    set_state(&emulator, &second, "success").await;
    let delete = |id: Value| {
        let emulator = emulator.clone();
        async move {
            send(
                &emulator,
                Method::DELETE,
                &format!("/repos/octo/shop/deployments/{id}"),
                &[],
                None,
            )
            .await
        }
    };
    assert_eq!(delete(second["id"].clone()).await.status, 422);
    assert_eq!(delete(first["id"].clone()).await.status, 204);
    assert_eq!(delete(second["id"].clone()).await.status, 204);
    assert_eq!(delete(second["id"].clone()).await.status, 404);
    assert_fits(&emulator);
}

#[tokio::test]
async fn renamed_repositories_redirect_by_number_and_keep_the_method() {
    let emulator = shop();
    emulator.add_repository("octo/shop").renamed_to("octo/store");
    let read = get(&emulator, "/repos/octo/shop/deployments?per_page=5").await;
    assert_eq!(
        (read.status.as_u16(), &read.body["message"]),
        (301, &json!("Moved Permanently"))
    );
    let location = read
        .header("location")
        .unwrap()
        .trim_start_matches("https://api.github.com");
    assert!(
        location.starts_with("/repositories/") && location.ends_with("/deployments?per_page=5"),
        "{location}"
    );
    assert_eq!(get(&emulator, location).await.status, 200);
    let write = post(&emulator, "/repos/octo/shop/deployments", json!({"ref": "main"})).await;
    assert_eq!(write.status, 307);
    let location = write
        .header("location")
        .unwrap()
        .trim_start_matches("https://api.github.com")
        .to_owned();
    assert_eq!(post(&emulator, &location, json!({"ref": "main"})).await.status, 201);
    assert_fits(&emulator);
}

#[tokio::test]
async fn who_may_not_is_told_as_github_does() {
    let emulator = shop();
    emulator.add_repository("octo/secret").private();
    emulator.add_repository("octo/old").archived();
    let reader = Access {
        deployments: Level::Read,
        repositories: Some(["octo/shop".to_owned()].into()),
        ..Access::default()
    };
    emulator.allow_token("reader", reader);
    emulator.allow_token("secret", Access::default());
    let request = |token: &'static str, method: Method, path: &'static str, body: Option<Value>| {
        let emulator = emulator.clone();
        async move { send(&emulator, method, path, &[("authorization", token)], body).await }
    };
    let body = || Some(json!({"ref": "main"}));
    let wrong = request("Bearer guess", Method::GET, "/repos/octo/shop", None).await;
    assert_eq!(
        (wrong.status.as_u16(), &wrong.body["message"]),
        (401, &json!("Bad credentials"))
    );
    let none = request("", Method::POST, "/repos/octo/shop/deployments", body()).await;
    assert_eq!(
        (none.status.as_u16(), &none.body["message"]),
        (401, &json!("Requires authentication"))
    );
    let denied = request("token reader", Method::POST, "/repos/octo/shop/deployments", body()).await;
    assert_eq!(denied.status, 403);
    assert_eq!(
        denied.header("x-accepted-github-permissions"),
        Some("deployments=write")
    );
    assert_eq!(
        denied.header("x-ratelimit-remaining"),
        Some("4999"),
        "not to be taken for a rate limit"
    );
    assert_eq!(
        request("token reader", Method::GET, "/repos/octo/secret", None)
            .await
            .status,
        404
    );
    assert_eq!(
        request("token secret", Method::GET, "/repos/octo/secret", None)
            .await
            .status,
        200
    );
    let archived = request("token secret", Method::POST, "/repos/octo/old/deployments", body()).await;
    assert_eq!(
        (archived.status.as_u16(), &archived.body["message"]),
        (403, &json!("Repository was archived so is read-only."))
    );
    assert_fits(&emulator);
}

#[tokio::test]
async fn conditional_requests_are_free_and_depend_on_the_token() {
    let emulator = shop();
    let path = "/repos/octo/shop/deployments";
    let first = get(&emulator, path).await;
    let tag = first.header("etag").unwrap().to_owned();
    assert!(tag.starts_with("W/"), "lists have weak tags");
    let same = send(&emulator, Method::GET, path, &[("if-none-match", &tag)], None).await;
    assert_eq!((same.status.as_u16(), same.text.as_str()), (304, ""));
    assert_eq!(
        same.header("x-ratelimit-remaining"),
        first.header("x-ratelimit-remaining")
    );
    let headers = [("if-none-match", tag.as_str()), ("authorization", "Bearer other")];
    assert_eq!(send(&emulator, Method::GET, path, &headers, None).await.status, 200);
    assert_fits(&emulator);
}

#[tokio::test(start_paused = true)]
async fn content_is_limited_by_the_minute_and_by_the_hour_of_an_account() {
    let emulator = Emulator::new(Options {
        content_limits: true,
        ..Options::default()
    });
    emulator.add_repository("octo/shop");
    let begin = tokio::time::Instant::now();
    let deployment = deploy(&emulator, "staging", json!({})).await;
    let path = format!("/repos/octo/shop/deployments/{}/statuses", deployment["id"]);
    let state = json!({"state": "queued"});
    for minute in 0..7 {
        let already = usize::from(minute == 0);
        let admitted = if minute < 6 { 80 - already } else { 20 };
        for _ in 0..admitted {
            assert_eq!(post(&emulator, &path, state.clone()).await.status, 201);
        }
        let over = post(&emulator, &path, state.clone()).await;
        assert_eq!(over.status, 403, "minute {minute}");
        let message = over.body["message"].as_str().unwrap();
        assert!(message.contains("secondary rate limit"), "{message}");
        assert_eq!(over.header("retry-after"), None);
        let mutation = "mutation($id: ID!) { createDeploymentStatus(input: {deploymentId: $id, state: QUEUED}) { \
                        deploymentStatus { id } } }";
        let variables = json!({"id": deployment["node_id"]});
        let over = post(
            &emulator,
            "/graphql",
            json!({"query": mutation, "variables": variables}),
        )
        .await;
        assert_eq!(over.status, 403, "GraphQL counts as well");
        assert_eq!(get(&emulator, "/repos/octo/shop").await.status, 200, "reading does not");
        tokio::time::advance(std::time::Duration::from_secs(60)).await;
    }
    assert_eq!(post(&emulator, &path, state.clone()).await.status, 403, "the hour");
    tokio::time::advance(std::time::Duration::from_secs(3_600) - begin.elapsed()).await;
    assert_eq!(post(&emulator, &path, state).await.status, 201);
    assert_fits(&emulator);
}

#[tokio::test]
async fn limits_are_counted_per_token() {
    let emulator = Emulator::new(Options {
        hourly_limit: 2,
        ..Options::default()
    });
    emulator.add_repository("octo/shop");
    let path = "/repos/octo/shop";
    assert_eq!(get(&emulator, path).await.header("x-ratelimit-remaining"), Some("1"));
    assert_eq!(get(&emulator, path).await.status, 200);
    let over = get(&emulator, path).await;
    assert_eq!(
        (over.status.as_u16(), over.header("x-ratelimit-remaining")),
        (403, Some("0"))
    );
    assert_eq!(
        send(&emulator, Method::GET, path, &[("authorization", "Bearer b")], None)
            .await
            .status,
        200
    );
    let told = get(&emulator, "/rate_limit").await.body;
    assert_eq!(
        [&told["resources"]["core"]["remaining"], &told["rate"]["used"]],
        [&json!(0), &json!(2)]
    );
    let newer = send(
        &emulator,
        Method::GET,
        "/rate_limit",
        &[("x-github-api-version", "2026-03-10")],
        None,
    )
    .await;
    assert_eq!(newer.body.get("rate"), None);
    assert_fits(&emulator);
}

#[tokio::test]
async fn enterprise_servers_have_a_prefix() {
    let emulator = shop();
    let reply = get(&emulator, "/api/v3/repos/octo/shop").await;
    assert_eq!(reply.body["url"], "https://api.github.com/api/v3/repos/octo/shop");
    assert!(reply.header("x-github-enterprise-version").is_some());
    let reply = post(&emulator, "/api/graphql", json!({"query": "{ viewer { login } }"})).await;
    assert_eq!(reply.body, json!({"data": {"viewer": {"login": "octocat"}}}));
    assert_fits(&emulator);
}

#[tokio::test]
async fn people_find_commits_refs_branches_and_tags() {
    let emulator = shop();
    let repository = emulator.add_repository("octo/shop").annotated_tag("v1").tag("v0");
    let commit = repository.commit_of("v1").unwrap();
    assert_eq!(
        get(&emulator, "/repos/octo/shop/commits/v1").await.body["sha"],
        json!(commit)
    );
    let tag = get(&emulator, "/repos/octo/shop/git/ref/tags/v1").await.body;
    assert_eq!(tag["object"]["type"], "tag");
    assert_ne!(tag["object"]["sha"], json!(commit));
    assert_eq!(get(&emulator, "/repos/octo/shop/git/ref/heads/none").await.status, 404);
    assert_eq!(
        get(&emulator, "/repos/octo/shop/tags").await.body[1]["commit"]["sha"],
        json!(commit)
    );
    assert_eq!(
        get(&emulator, "/repos/octo/shop/branches").await.body[0]["name"],
        "main"
    );
    assert_eq!(get(&emulator, "/repos/octo/shop/commits/none").await.status, 422);
    assert_fits(&emulator);
}

#[tokio::test]
async fn requests_need_a_user_agent_and_a_known_version() {
    let emulator = shop();
    let nameless = send(&emulator, Method::GET, "/repos/octo/shop", &[("user-agent", "")], None).await;
    assert_eq!(nameless.status, 403);
    let version = [("x-github-api-version", "v3")];
    assert_eq!(
        send(&emulator, Method::GET, "/repos/octo/shop", &version, None)
            .await
            .status,
        400
    );
    assert_fits(&emulator);
}

#[tokio::test]
async fn in_a_demonstration_everything_exists() {
    let emulator = Emulator::new(Options::any());
    for name in ["1.2.3", "abcdef0", "main"] {
        let reply = post(&emulator, "/repos/any/thing/deployments", json!({"ref": name})).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
    }
    let all = emulator.all_deployments("any/thing");
    assert!(all[1].sha.starts_with("abcdef0"));
    assert_fits(&emulator);
}
