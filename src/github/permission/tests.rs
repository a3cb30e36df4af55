use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    github::{
        Credentials, GitHub, GitHubError, NewDeployment, NewStatus, Settings,
        testing::{environment, github_by, query, reply_with, settings},
    },
    plan::{GitRef, Identity, MARKER_VERSION, Marker, State},
};

/// An answer, by status, headers and body.
type Answer = (u16, &'static [(&'static str, &'static str)], Value);

#[derive(Clone, Copy)]
enum By {
    Token,
    Workflow,
    App,
}

fn github(by: By, answer: Answer) -> GitHub {
    let credentials = match by {
        By::App => Credentials::App {
            id: "7".to_owned(),
            key: include_str!("../testing_key.pem").to_owned().into(),
            installation: None,
        },
        By::Token | By::Workflow => Credentials::Token("token".to_owned().into()),
    };
    let settings = Settings {
        credentials,
        token_variable: "GH_TOKEN",
        in_workflow: matches!(by, By::Workflow),
        ..settings("")
    };
    let answer = Arc::new(answer);
    github_by(&settings, move |call| {
        if call.url.ends_with("/installation") {
            return reply_with(200, &[], &json!({"id": 1}).to_string());
        }
        if call.url.ends_with("/access_tokens") {
            return reply_with(201, &[], &json!({"token": "ghs_1"}).to_string());
        }
        let (status, headers, body) = &*answer;
        reply_with(*status, headers, &body.to_string())
    })
}

async fn read(by: By, answer: Answer) -> GitHubError {
    let queries = [query("shop/app", "production", &[])];
    github(by, answer).read(&queries).await.remove(0).unwrap_err()
}

async fn create(by: By, answer: Answer) -> GitHubError {
    let git_ref = GitRef::new("v1");
    let new = NewDeployment {
        repository: environment("shop/app", "production").repository,
        environment: "production".to_owned(),
        task: "deploy".to_owned(),
        git_ref: git_ref.clone(),
        payload: serde_json::Map::new(),
        marker: Marker {
            v: MARKER_VERSION,
            git_ref,
            transient: false,
            production: true,
            identity: Identity::default(),
            source: None,
        },
        description: String::new(),
        known: None,
    };
    github(by, answer).create_deployment(&new).await.unwrap_err()
}

async fn post(by: By, answer: Answer) -> GitHubError {
    let new = NewStatus {
        repository: environment("shop/app", "production").repository,
        deployment: "D".to_owned(),
        state: State::Success,
        description: String::new(),
        environment_url: None,
        log_url: None,
        auto_inactive: true,
    };
    github(by, answer).create_status(&new).await.unwrap_err()
}

/// GraphQL's refusal to show or to do something.
fn graphql(field: &str, kind: &str, message: &str, more: Value) -> Value {
    let mut error = json!({"type": kind, "path": [field], "message": message});
    error.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"data": {field: null}, "errors": [error]})
}

const BY_TOKEN: &str = "Resource not accessible by personal access token";
const BY_INTEGRATION: &str = "Resource not accessible by integration";
const SSO: (&str, &str) = (
    "x-github-sso",
    "required; url=https://github.com/orgs/shop/sso?authorization_request=A1",
);

#[tokio::test(start_paused = true)]
async fn what_a_create_lacks() {
    let message = |message: &str| json!({"message": message, "status": "403"});
    for (name, by, answer, expected) in [
        (
            "unknown token",
            By::Token,
            (401, &[][..], message("Bad credentials")),
            "GitHub refuses GH_TOKEN (Bad credentials): check that it is complete, neither expired nor revoked, and of the \
             GitHub that GITHUB_API names (request C0DE:1)",
        ),
        (
            "fine-grained token",
            By::Token,
            (
                403,
                &[("x-accepted-github-permissions", "deployments=write")],
                message(BY_TOKEN),
            ),
            "GH_TOKEN may not do this in repository shop/app (Resource not accessible by personal access token): \
             grant deployments=write (request C0DE:1)",
        ),
        (
            "no header",
            By::Token,
            (403, &[], message(BY_TOKEN)),
            "GH_TOKEN may not do this in repository shop/app (Resource not accessible by personal access token): \
             grant deployments: write (request C0DE:1)",
        ),
        (
            "classic token",
            By::Token,
            (
                403,
                &[
                    ("x-oauth-scopes", "gist, read:org"),
                    ("x-accepted-oauth-scopes", "repo, repo_deployment"),
                ],
                message("Must have push access"),
            ),
            "GH_TOKEN may not do this in repository shop/app (Must have push access): grant one of the scopes repo, \
             repo_deployment (it has gist, read:org) (request C0DE:1)",
        ),
        (
            "classic token without any scope",
            By::Token,
            (
                403,
                &[("x-oauth-scopes", ""), ("x-accepted-oauth-scopes", "")],
                message("Forbidden"),
            ),
            "GH_TOKEN may not do this in repository shop/app (Forbidden): grant one of the scopes repo_deployment, \
             repo (it has none) (request C0DE:1)",
        ),
        (
            "a workflow's own token",
            By::Workflow,
            (
                403,
                &[("x-accepted-github-permissions", "deployments=write")],
                message(BY_INTEGRATION),
            ),
            "GH_TOKEN may not do this in repository shop/app (Resource not accessible by integration): give the job \
             of the workflow `permissions: deployments: write` (request C0DE:1)",
        ),
        (
            "another permission for a workflow",
            By::Workflow,
            (
                403,
                &[("x-accepted-github-permissions", "contents=read")],
                message(BY_INTEGRATION),
            ),
            "GH_TOKEN may not do this in repository shop/app (Resource not accessible by integration): give the job \
             of the workflow `permissions: deployments: write`, and contents=read (request C0DE:1)",
        ),
        (
            "someone's token in a workflow",
            By::Workflow,
            (
                403,
                &[("x-accepted-github-permissions", "deployments=write")],
                message(BY_TOKEN),
            ),
            "GH_TOKEN may not do this in repository shop/app (Resource not accessible by personal access token): \
             grant deployments=write (request C0DE:1)",
        ),
        (
            "App",
            By::App,
            (
                403,
                &[("x-accepted-github-permissions", "deployments=write")],
                message(BY_INTEGRATION),
            ),
            "the GitHub App (GITHUB_APP_ID) may not do this in repository shop/app (Resource not accessible by \
             integration): grant deployments=write to the App, accept that for shop, and see that its installation there includes the \
             repository (request C0DE:1)",
        ),
        (
            "single sign-on",
            By::Token,
            (
                403,
                &[SSO],
                message("Resource protected by organization SAML enforcement."),
            ),
            "GH_TOKEN is not authorized for the single sign-on of shop: authorize it at \
             https://github.com/orgs/shop/sso?authorization_request=A1",
        ),
        (
            "suspended since the token was made",
            By::App,
            (403, &[], message("This installation has been suspended")),
            "the GitHub App's installation for shop is suspended: unsuspend it in the settings of shop, under GitHub \
             Apps",
        ),
        (
            "list of addresses",
            By::Token,
            (
                403,
                &[],
                message("The `shop` organization has an IP allow list enabled, and your IP address is not permitted"),
            ),
            "GH_TOKEN may not do this in repository shop/app (The `shop` organization has an IP allow list enabled, \
             and your IP address is not permitted): an owner of shop decides about that (request C0DE:1)",
        ),
        (
            "no classic tokens",
            By::Token,
            (
                403,
                &[("x-oauth-scopes", "repo")],
                message("`shop` forbids access via a personal access token (classic)."),
            ),
            "GH_TOKEN may not do this in repository shop/app (`shop` forbids access via a personal access token \
             (classic).): an owner of shop decides about that (request C0DE:1)",
        ),
        (
            "not found",
            By::Token,
            (404, &[], message("Not Found")),
            "repository shop/app does not exist, or GH_TOKEN may not see it: check the name, and that the \
             credentials have access to it",
        ),
        (
            "not found by an App",
            By::App,
            (404, &[], message("Not Found")),
            "repository shop/app does not exist, or the GitHub App (GITHUB_APP_ID) may not see it: check the name, \
             and that the App's installation for shop includes the repository",
        ),
    ] {
        assert_eq!(create(by, answer).await.to_string(), expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_reading_lacks() {
    let not_found = || graphql("r0", "NOT_FOUND", "Could not resolve to a Repository", json!({}));
    let saml = json!({"extensions": {"saml_failure": true}});
    for (name, by, answer, expected) in [
        (
            "not found",
            By::Token,
            (200, &[][..], not_found()),
            "repository shop/app does not exist, or GH_TOKEN may not see it: check the name, and that the \
             credentials have access to it",
        ),
        (
            "classic token that sees public repositories only",
            By::Token,
            (200, &[("x-oauth-scopes", "repo_deployment, gist")], not_found()),
            "repository shop/app does not exist, or GH_TOKEN may not see it: check the name, and grant the scope \
             repo, without which a token sees no private repository (it has repo_deployment, gist)",
        ),
        (
            "classic token that sees all that its owner sees",
            By::Token,
            (200, &[("x-oauth-scopes", "gist, repo")], not_found()),
            "repository shop/app does not exist, or GH_TOKEN may not see it: check the name, and that the \
             credentials have access to it",
        ),
        (
            "a workflow's own token",
            By::Workflow,
            (200, &[], not_found()),
            "repository shop/app does not exist, or GH_TOKEN may not see it: check the name, and that the \
             credentials have access to it; a workflow's own token sees no private repository but its own, and that \
             with `permissions: deployments: write` only",
        ),
        (
            "hidden by single sign-on",
            By::Token,
            (
                200,
                &[("x-github-sso", "partial-results; organizations=21955855,20582480")],
                not_found(),
            ),
            "repository shop/app does not exist, or GH_TOKEN may not see it: check the name, and authorize the token \
             for the single sign-on of its organization",
        ),
        (
            "single sign-on",
            By::Token,
            (
                200,
                &[SSO],
                graphql("r0", "FORBIDDEN", "Resource protected by SAML", saml.clone()),
            ),
            "GH_TOKEN is not authorized for the single sign-on of shop: authorize it at \
             https://github.com/orgs/shop/sso?authorization_request=A1",
        ),
        (
            "single sign-on without an address",
            By::Token,
            (200, &[], graphql("r0", "FORBIDDEN", "Resource protected by SAML", saml)),
            "GH_TOKEN is not authorized for the single sign-on of shop: authorize it in the settings of your tokens, \
             under Configure SSO",
        ),
        (
            "single sign-on for everything",
            By::Token,
            (
                403,
                &[SSO],
                json!({"message": "Resource protected by organization SAML enforcement."}),
            ),
            "GH_TOKEN is not authorized for the single sign-on of an organization: authorize it at \
             https://github.com/orgs/shop/sso?authorization_request=A1",
        ),
        (
            "suspended since the token was made",
            By::App,
            (403, &[], json!({"message": "This installation has been suspended"})),
            "the GitHub App's installation for shop is suspended: unsuspend it in the settings of shop, under GitHub \
             Apps",
        ),
        (
            "workflow without permission",
            By::Workflow,
            (
                200,
                &[],
                graphql(
                    "r0",
                    "FORBIDDEN",
                    BY_INTEGRATION,
                    json!({"extensions": {"saml_failure": false}}),
                ),
            ),
            "GH_TOKEN may not do this in repository shop/app (Resource not accessible by integration): give the job \
             of the workflow `permissions: deployments: write` (request C0DE:1)",
        ),
        (
            "nothing may be read",
            By::Token,
            (
                403,
                &[("x-accepted-github-permissions", "metadata=read")],
                json!({"message": BY_TOKEN}),
            ),
            "GH_TOKEN may not do this (Resource not accessible by personal access token): grant metadata=read \
             (request C0DE:1)",
        ),
    ] {
        assert_eq!(read(by, answer).await.to_string(), expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_status_lacks() {
    let field = "createDeploymentStatus";
    for (name, by, answer, expected) in [
        (
            "App",
            By::App,
            (200, &[][..], graphql(field, "FORBIDDEN", BY_INTEGRATION, json!({}))),
            "the GitHub App (GITHUB_APP_ID) may not do this in repository shop/app (Resource not accessible by \
             integration): grant deployments: write to the App, accept that for shop, and see that its installation there includes the \
             repository (request C0DE:1)",
        ),
        (
            "classic token",
            By::Token,
            (
                200,
                &[("x-oauth-scopes", "read:org"), ("x-accepted-oauth-scopes", "repo")],
                graphql(
                    field,
                    "INSUFFICIENT_SCOPES",
                    "Your token has not been granted the required scopes",
                    json!({}),
                ),
            ),
            "GH_TOKEN may not do this in repository shop/app (Your token has not been granted the required scopes): \
             grant one of the scopes repo (it has read:org) (request C0DE:1)",
        ),
        (
            "single sign-on",
            By::Token,
            (
                200,
                &[],
                graphql(
                    field,
                    "FORBIDDEN",
                    "SAML",
                    json!({"extensions": {"saml_failure": true}}),
                ),
            ),
            "GH_TOKEN is not authorized for the single sign-on of shop: authorize it in the settings of your tokens, \
             under Configure SSO",
        ),
    ] {
        assert_eq!(post(by, answer).await.to_string(), expected, "{name}");
    }
}

/// A finalizer goes where nothing can ever be done.
#[tokio::test(start_paused = true)]
async fn what_is_forbidden_for_now_has_another_reason() {
    let policy = "The `shop` organization has an IP allow list enabled, and your IP address is not permitted";
    let refused = |message: &str| (403, &[][..], json!({"message": message}));
    for (name, error, reason) in [
        (
            "permission",
            create(By::Token, refused(BY_TOKEN)).await,
            "GitHubForbidden",
        ),
        ("policy", create(By::Token, refused(policy)).await, "GitHubRefused"),
        ("everything", read(By::Token, refused(BY_TOKEN)).await, "GitHubRefused"),
        (
            "sign-on",
            create(By::Token, (403, &[SSO], json!({}))).await,
            "SingleSignOnRequired",
        ),
    ] {
        assert_eq!(error.reason(), reason, "{name}: {error}");
    }
}
