//! How GitHub is reached, and as whom.

use secrecy::ExposeSecret;

use super::{TOKEN, sync_with};
use crate::github::Credentials;

const PEM: &str = include_str!("../../../github/testing_key.pem");

#[test]
fn addresses_of_the_api() {
    for (line, variables, expected) in [
        ("sync", vec![TOKEN], "https://api.github.com/"),
        (
            "sync",
            vec![TOKEN, ("GITHUB_API_URL", "https://ghe.example.com/api/v3")],
            "https://ghe.example.com/api/v3",
        ),
        ("sync", vec![TOKEN, ("GITHUB_API_URL", "")], "https://api.github.com/"),
        (
            "sync --github-api https://a.io",
            vec![TOKEN, ("GITHUB_API_URL", "https://b.io")],
            "https://a.io/api/v3",
        ),
        (
            "sync --github-api http://127.0.0.1:8080",
            vec![TOKEN],
            "http://127.0.0.1:8080/",
        ),
        ("sync --github-api http://[::1]:8080", vec![TOKEN], "http://[::1]:8080/"),
        (
            "sync --github-api http://localhost:8080",
            vec![TOKEN],
            "http://localhost:8080/",
        ),
    ] {
        let config = sync_with(line, &variables).expect(line);
        assert_eq!(config.github.api.as_str(), expected, "{line} {variables:?}");
    }
}

#[test]
fn who_we_are() {
    let key = ("GITHUB_APP_PRIVATE_KEY", PEM);
    for (line, variables, expected) in [
        ("sync", vec![TOKEN], Ok("token secret-token")),
        ("sync", vec![("GH_TOKEN", " other\n")], Ok("token other")),
        (
            "sync",
            vec![("GITHUB_TOKEN", ""), ("GH_TOKEN", "other")],
            Ok("token other"),
        ),
        ("sync --github-app-id 7", vec![TOKEN, key], Ok("token secret-token")),
        ("sync --github-app-id 7", vec![key], Ok("app 7 None")),
        (
            "sync --github-app-id 7 --github-app-installation-id 9",
            vec![key],
            Ok("app 7 Some(9)"),
        ),
        ("sync", vec![], Err("GITHUB_TOKEN (or GH_TOKEN), or GITHUB_APP_ID")),
        ("sync --dry-run", vec![], Err("no credentials")),
        ("sync --github-app-id 7", vec![], Err("needs GITHUB_APP_PRIVATE_KEY or")),
        ("sync", vec![key], Err("needs GITHUB_APP_ID")),
        (
            "sync --github-app-id 7",
            vec![("GITHUB_APP_PRIVATE_KEY", "nope")],
            Err("GITHUB_APP_PRIVATE_KEY is not a private key in PEM form"),
        ),
        (
            "sync --github-app-id 7",
            vec![("GITHUB_APP_PRIVATE_KEY", &PEM.replace('\n', "\\n"))],
            Ok("app 7 None"),
        ),
        (
            "sync --github-app-id 7 --github-app-private-key-file /no/such",
            vec![],
            Err("\"/no/such\""),
        ),
        (
            "sync",
            vec![("GITHUB_TOKEN", "a\nb")],
            Err("GITHUB_TOKEN holds a character"),
        ),
        (
            "sync",
            vec![("GITHUB_TOKEN", " "), ("GH_TOKEN", "a b")],
            Err("GH_TOKEN holds a character"),
        ),
        ("sync", vec![TOKEN, ("GH_TOKEN", "other")], Ok("token secret-token")),
        ("sync", vec![("GITHUB_TOKEN", "\"quoted\"\n")], Ok("token quoted")),
        (
            "sync",
            vec![("GITHUB_TOKEN", "''"), key, ("GITHUB_APP_ID", "")],
            Err("needs GITHUB_APP_ID"),
        ),
    ] {
        let found = sync_with(line, &variables).map(|config| {
            let shown = format!("{:?}", config.github);
            assert!(!shown.contains("secret-token") && !shown.contains("MII"), "{shown}");
            match config.github.credentials {
                Credentials::Token(token) => format!("token {}", token.expose_secret()),
                Credentials::App { id, key, installation } => {
                    assert_eq!(key.expose_secret(), PEM);
                    format!("app {id} {installation:?}")
                }
            }
        });
        match expected {
            Ok(expected) => assert_eq!(found.as_deref(), Ok(expected), "{line} {variables:?}"),
            Err(expected) => {
                let error = found.expect_err(line);
                assert!(error.contains(expected), "{line}: {error}");
            }
        }
    }
}

#[test]
fn a_key_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.pem");
    let line = format!(
        "sync --github-app-id 7 --github-app-private-key-file {}",
        path.display()
    );
    for (name, content, expected) in [
        ("as it is", PEM.as_bytes().to_vec(), None),
        ("of Windows", PEM.replace('\n', "\r\n").into_bytes(), None),
        ("empty", Vec::new(), Some("is not a private key in PEM form")),
        (
            "not even text",
            vec![0x30, 0x82, 0xff, 0xfe],
            Some("is not a private key in PEM form"),
        ),
        (
            "public",
            include_bytes!("../../../github/testing_key_public.pem").to_vec(),
            Some("is a public key, but"),
        ),
    ] {
        std::fs::write(&path, content).expect("write the key");
        match (sync_with(&line, &[]), expected) {
            (Ok(config), None) => {
                let Credentials::App { key, .. } = config.github.credentials else {
                    panic!("{name}: an App");
                };
                assert_eq!(key.expose_secret(), PEM, "{name}");
            }
            (Err(error), Some(expected)) => {
                let expected = format!("{} {expected}", path.display());
                assert!(error.starts_with(&expected), "{name}: {error}");
            }
            (found, _) => panic!("{name}: {found:?}"),
        }
    }
    let config = sync_with(&line, &[("GITHUB_APP_PRIVATE_KEY", PEM)]).expect("the variable comes first");
    assert!(matches!(config.github.credentials, Credentials::App { .. }));
}

#[test]
fn where_the_token_comes_from_is_known() {
    for (variables, variable, in_workflow) in [
        (vec![TOKEN], "GITHUB_TOKEN", false),
        (vec![("GH_TOKEN", "t")], "GH_TOKEN", false),
        (vec![TOKEN, ("GITHUB_ACTIONS", "true")], "GITHUB_TOKEN", true),
        (vec![("GH_TOKEN", "t"), ("GITHUB_ACTIONS", "")], "GH_TOKEN", false),
    ] {
        let github = sync_with("sync", &variables).expect("a token").github;
        assert_eq!(
            (github.token_variable, github.in_workflow),
            (variable, in_workflow),
            "{variables:?}"
        );
    }
}
