//! Where a redirect may lead, and what goes there.

use http::header;
use serde_json::json;

use crate::{
    laptop, reported,
    server::{Answer, Server, emulated, json},
    support::laptop::assert_snapshot,
    sync,
};

/// Sends on with this status.
fn redirect(status: u16, location: &str) -> Answer {
    let mut answer = json(status, &json!({ "message": "Moved Permanently" }));
    let location = header::HeaderValue::from_str(location).unwrap();
    answer.headers_mut().insert(header::LOCATION, location);
    answer
}

#[test]
fn a_redirect_at_home_is_followed_with_method_body_and_credentials() {
    for status in [301, 302, 307, 308] {
        let laptop = laptop();
        let emulator = laptop.github.clone();
        let server = Server::new(None, move |mut request| {
            let path = request.uri().path().to_owned();
            match path.strip_prefix("/moved") {
                Some(rest) => {
                    *request.uri_mut() = rest.parse().unwrap();
                    Box::pin(emulated(emulator.clone(), request))
                }
                None => Box::pin(async move { redirect(status, &format!("/moved{path}")) }),
            }
        });
        reported(&laptop, sync(&laptop, &server.url(), &[]));
        let seen = server.seen();
        let (pairs, rest) = seen.requests.as_chunks::<2>();
        assert!(pairs.len() >= 3 && rest.is_empty(), "{status}");
        for [before, after] in pairs {
            assert_eq!(format!("/moved{}", before.path), after.path, "{status}");
            assert_eq!(before.method, after.method, "{status}");
            assert_eq!(before.body, after.body, "{status}");
            let credentials = [before, after].map(|request| request.headers.get(header::AUTHORIZATION));
            assert!(credentials[0].is_some(), "{status}");
            assert_eq!(credentials[0], credentials[1], "{status}");
        }
    }
}

#[test]
fn a_create_that_is_sent_elsewhere_goes_without_credentials() {
    let laptop = laptop();
    let elsewhere = Server::new(None, |_| {
        Box::pin(async { json(401, &json!({ "message": "Requires authentication" })) })
    });
    let target = format!("{}/stolen", elsewhere.url());
    let emulator = laptop.github.clone();
    let server = Server::new(None, move |request| {
        let target = target.clone();
        let emulator = emulator.clone();
        Box::pin(async move {
            match request.uri().path().ends_with("/deployments") {
                true => redirect(307, &target),
                false => emulated(emulator, request).await,
            }
        })
    });
    let run = sync(&laptop, &server.url(), &[]);
    let text = laptop.transcript("sync", &run);
    let text = text
        .replace(&server.port().to_string(), "PORT")
        .replace(&elsewhere.port().to_string(), "ELSEWHERE");
    assert_snapshot(crate::GROUP, "create_sent_elsewhere", &text);
    let seen = elsewhere.seen();
    let [request] = &seen.requests[..] else {
        panic!("{seen:?}")
    };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/stolen"));
    assert_eq!(request.headers.get(header::AUTHORIZATION), None);
    assert!(!format!("{request:?}").contains("github_pat_of_the_tests"));
    assert_eq!(laptop.github.all_deployments("octo-org/web"), []);
}

#[test]
fn redirects_in_a_circle_end() {
    let laptop = laptop();
    let server = Server::new(None, |request| {
        Box::pin(async move { redirect(307, &request.uri().to_string()) })
    });
    let run = sync(&laptop, &server.url(), &[]);
    crate::refused("redirects_in_a_circle", &laptop, &server, run);
}
