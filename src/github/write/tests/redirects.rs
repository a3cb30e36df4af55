//! Repositories that were renamed, and addresses that lead astray.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_renamed_repository_is_followed_with_credentials_only_at_home() {
    for (place, credentials) in [
        ("https://api.github.com/repositories/7/deployments", true),
        ("https://elsewhere.example/7/deployments", false),
    ] {
        for status in [301, 302, 307, 308] {
            let (github, journal) = github(move |call, _| {
                if call.url == place {
                    return reply(201, &created().to_string());
                }
                let mut reply = reply(status, r#"{"message":"Moved Permanently"}"#)?;
                reply
                    .headers_mut()
                    .insert("location", http::HeaderValue::from_static(place));
                Ok(reply)
            });
            github.create_deployment(&new_deployment()).await.unwrap();
            let journal = journal.lock().unwrap();
            let [first, second] = &journal[..] else { panic!() };
            assert_eq!((&second.method, &second.body), (&first.method, &first.body), "{status}");
            assert_eq!(second.headers.contains_key("authorization"), credentials, "{place}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_that_leads_astray_is_named() {
    // Where it leads, what is answered there, and how many requests are sent.
    let rows = [
        (
            "http://api.github.com/x",
            201,
            1,
            "http://api.github.com, which is not encrypted: check GITHUB_API",
        ),
        (
            "ftp://api.github.com/x",
            201,
            1,
            "ftp://api.github.com, which is another scheme",
        ),
        (
            "https://elsewhere.example/x",
            401,
            2,
            "https://elsewhere.example, where the credentials do not belong",
        ),
        (
            "https://elsewhere.example/x",
            404,
            2,
            "https://elsewhere.example, where the credentials do not belong",
        ),
    ];
    for (place, status, sent, part) in rows {
        let (github, journal) = github(move |call, _| {
            if call.url == place {
                return reply(status, r#"{"message":"no"}"#);
            }
            let mut reply = reply(307, "{}")?;
            reply
                .headers_mut()
                .insert("location", http::HeaderValue::from_static(place));
            Ok(reply)
        });
        let error = github.create_deployment(&new_deployment()).await.unwrap_err();
        assert_eq!(error.reason(), "GitHubRedirected", "{place}: {error}");
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(journal.lock().unwrap().len(), sent, "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn redirects_end() {
    let (github, journal) = github(|call, _| {
        let mut reply = reply(308, "{}")?;
        let location = http::HeaderValue::try_from(format!("{}/x", call.url)).unwrap();
        reply.headers_mut().insert("location", location);
        Ok(reply)
    });
    let error = github.create_deployment(&new_deployment()).await.unwrap_err();
    assert!(error.to_string().contains("and from there on and on"), "{error}");
    assert_eq!(journal.lock().unwrap().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_version_of_the_api_that_is_not_known_is_not_named_again() {
    let old = r#"{"message":"The version you specified in the \"X-GitHub-API-Version\" request header, \"2022-11-28\",
        is not a supported version. The following versions are currently supported: .","documentation_url":"x"}"#;
    let (github, journal) = github(move |call, _| {
        if call.headers.contains_key("x-github-api-version") {
            return reply(400, &old.replace('\n', " "));
        }
        reply(201, &created().to_string())
    });
    for _ in 0..2 {
        github.create_deployment(&new_deployment()).await.unwrap();
    }
    let journal = journal.lock().unwrap();
    let named = journal
        .iter()
        .map(|call| call.headers.contains_key("x-github-api-version"));
    assert_eq!(named.collect::<Vec<_>>(), [true, false, false]);
}
