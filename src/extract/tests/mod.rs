//! The tables beside this file, and what no table can hold: hostile sizes, the legality of refs, the pod template.

mod page;

use std::{collections::BTreeSet, thread};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{ExtractError, check, extract, is_legal_ref, pod_template};
use crate::crd::Extract;

/// What the first part of a table says is compared with what an extraction gave.
#[derive(Debug, Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    says: Option<String>,
    #[serde(default)]
    position: Option<usize>,
}

impl Wanted {
    fn error(&self, name: &str, error: &ExtractError) -> Option<String> {
        let text = error.to_string();
        let is_wanted = self.reason.as_deref() == Some(error.reason())
            && self.says.as_ref().is_none_or(|part| text.contains(part.as_str()))
            && match (self.position, error) {
                (None, _) => true,
                (Some(wanted), ExtractError::JsonPathInvalid { position, .. }) => wanted == *position,
                (Some(_), _) => false,
            };
        (!is_wanted).then(|| format!("{name}: {} {text:?} instead of {self:?}", error.reason()))
    }
}

fn table<T: DeserializeOwned>(text: &str) -> Vec<T> {
    serde_saphyr::from_str(text).unwrap()
}

fn assert_all(names: Vec<String>, at_least: usize, wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(names.len() >= at_least, "{} rows", names.len());
    let distinct: BTreeSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "rows have distinct names");
}

fn json_path(path: &str) -> Extract {
    Extract {
        json_path: Some(path.to_owned()),
        ..Extract::default()
    }
}

fn reason<T>(result: Result<T, ExtractError>) -> &'static str {
    result.err().map_or("none", |error| error.reason())
}

#[test]
fn images() {
    #[derive(Deserialize)]
    struct Row {
        name: String,
        image: String,
        #[serde(default)]
        tag: Option<String>,
        #[serde(flatten)]
        wanted: Wanted,
    }
    let rule = Extract {
        container_name: Some("c".to_owned()),
        // The tag has to come out even if it is no ref by itself.
        template: Some("x{}".to_owned()),
        ..Extract::default()
    };
    let mut wrong = Vec::new();
    let mut names = Vec::new();
    for row in table::<Row>(include_str!("images.yaml")) {
        let object = json!({"spec": {"containers": [{"name": "c", "image": row.image}]}});
        match extract(&rule, &object) {
            Ok(extracted) => {
                let wanted = row.tag.map(|tag| format!("x{tag}"));
                if wanted.as_ref() != Some(&extracted.git_ref) {
                    wrong.push(format!("{}: {} instead of {wanted:?}", row.name, extracted.git_ref));
                }
            }
            Err(error) => wrong.extend(row.wanted.error(&row.name, &error)),
        }
        names.push(row.name);
    }
    assert_all(names, 80, wrong);
}

#[test]
fn lengths_of_images() {
    let rule = Extract {
        container_name: Some("c".to_owned()),
        ..Extract::default()
    };
    let outcome = |image: String| {
        let object = json!({"spec": {"containers": [{"name": "c", "image": image}]}});
        reason(extract(&rule, &object))
    };
    assert_eq!(outcome(format!("app:{}", "t".repeat(128))), "none");
    assert_eq!(outcome(format!("app:{}", "t".repeat(129))), "ImageInvalid");
    // Runtimes look for a name of one part in docker.io/library/.
    for (host, characters) in [
        ("", 247),
        ("docker.io/", 247),
        ("index.docker.io/", 247),
        ("x/", 253),
        ("docker.io/x/", 253),
        ("registry.example.com/", 255),
        ("localhost/", 255),
        ("Registry/", 255),
        ("registry:5000/", 255),
    ] {
        let image = |characters| format!("{host}{}:v1", "a".repeat(characters));
        assert_eq!(outcome(image(characters)), "none", "{host}");
        assert_eq!(outcome(image(characters + 1)), "ImageInvalid", "{host}");
    }
    assert_eq!(outcome("a".repeat(1 << 20)), "ImageInvalid");
}

fn searched() -> Value {
    serde_json::from_str(
        r#"{
            "kind": "Deployment",
            "metadata": {
                "name": "app",
                "labels": {"version": "v1", "app.kubernetes.io/version": "2.4.0"},
                "annotations": {"source-ref": "123456789", "1st": "one"}
            },
            "spec": {
                "replicas": 3, "paused": false, "nothing": null, "empty": "", "padded": " v1 ",
                "huge": 123456789012345678901234567890, "precise": 1.10,
                "same": [{"v": "x"}, {"v": "x"}], "alike": ["1", 1], "größe": "xl",
                "odd [(key": "odd", "it's": "quoted", "back\\slash": "backslash",
                "with-hyphen": [{"sub-key": "deep"}],
                "smile 😀": "smile", "line\nbreak": "line", "a/b": "slash", "say \"x\"": "said",
                "ports": [
                    {"id": "http", "port": 80, "tls": false},
                    {"id": "https", "port": 443, "tls": true},
                    {"id": "admin", "port": 8443, "tls": null}
                ],
                "letters": ["a", "b", "c", "d", "e"],
                "template": {"spec": {"containers": [
                    {"name": "web", "image": "web:v1", "x-ref": "xr",
                     "env": [{"name": "REF", "value": "abc1234"}, {"name": "MODE", "value": "x"}]},
                    {"name": "proxy", "image": "proxy:v2", "args": ["-v"]}
                ]}}
            }
        }"#,
    )
    .unwrap()
}

#[test]
fn json_paths() {
    #[derive(Deserialize)]
    struct Row {
        name: String,
        path: String,
        #[serde(default)]
        text: Option<String>,
        #[serde(flatten)]
        wanted: Wanted,
    }
    let object = searched();
    let mut wrong = Vec::new();
    let mut names = Vec::new();
    for row in table::<Row>(include_str!("json_paths.yaml")) {
        let found = super::json_path::Path::parse(&row.path).and_then(|path| path.text(&object));
        match found {
            Ok(text) if row.text.as_ref() == Some(&text) => {}
            Ok(text) => wrong.push(format!("{}: {text:?} instead of {:?}", row.name, row.text)),
            Err(error) => wrong.extend(row.wanted.error(&row.name, &error)),
        }
        names.push(row.name);
    }
    assert_all(names, 130, wrong);
}

#[test]
fn rules() {
    #[derive(Deserialize)]
    struct Row {
        name: String,
        rule: Extract,
        object: Value,
        #[serde(default, rename = "ref")]
        git_ref: Option<String>,
        #[serde(default)]
        steps: Option<Vec<String>>,
        #[serde(default)]
        warning: Option<String>,
        #[serde(flatten)]
        wanted: Wanted,
    }
    let mut wrong = Vec::new();
    let mut names = Vec::new();
    for row in table::<Row>(include_str!("rules.yaml")) {
        match extract(&row.rule, &row.object) {
            Ok(extracted) => {
                assert_eq!(check(&row.rule), Ok(()), "{}", row.name);
                let steps: Vec<String> = extracted.steps.iter().map(ToString::to_string).collect();
                let warning_is_wanted = match &row.warning {
                    None => extracted.warnings.is_empty(),
                    Some(part) => extracted.warnings.len() == 1 && extracted.warnings[0].contains(part.as_str()),
                };
                if row.git_ref.as_ref() != Some(&extracted.git_ref)
                    || row.steps.is_some_and(|wanted| wanted != steps)
                    || !warning_is_wanted
                {
                    wrong.push(format!("{}: {extracted:?}", row.name));
                }
            }
            Err(error) => wrong.extend(row.wanted.error(&row.name, &error)),
        }
        names.push(row.name);
    }
    assert_all(names, 50, wrong);
}

/// Each expression on a thread with the stack of a worker thread: whoever lets a parser see it dies by overflow.
#[test]
fn hostile_expressions_are_refused_before_a_parser_sees_them() {
    let deep = |open: &str, close: &str, times: usize| format!("{}{}", open.repeat(times), close.repeat(times));
    let hostile = [
        (
            "5,000 parentheses",
            format!("$[?{}]", deep("(", ")", 5_000)),
            "ExpressionTooLong",
        ),
        ("5,000 parentheses, not closed", "(".repeat(5_000), "ExpressionTooLong"),
        (
            "5,000 brackets",
            format!("${}", deep("[?@", "]", 5_000)),
            "ExpressionTooLong",
        ),
        ("1 MB of brackets", "[".repeat(1 << 20), "ExpressionTooLong"),
        ("1 MB of dots", ".".repeat(1 << 20), "ExpressionTooLong"),
        ("1 MB of backslashes", "\\".repeat(1 << 20), "ExpressionTooLong"),
        ("1 MB of letters", "é".repeat(1 << 19), "ExpressionTooLong"),
        ("513 characters", format!("$.{}", "a".repeat(511)), "ExpressionTooLong"),
        ("512 characters", format!("$.{}", "a".repeat(510)), "JsonPathNoMatch"),
        (
            "512 characters of two bytes",
            format!("$.{}", "é".repeat(510)),
            "JsonPathNoMatch",
        ),
        (
            "250 parentheses",
            format!("$[?{}]", deep("(", ")", 250)),
            "ExpressionTooDeep",
        ),
        (
            "500 parentheses, not closed",
            format!("$[?{}", "(".repeat(500)),
            "ExpressionTooDeep",
        ),
        (
            "33 brackets",
            format!("$[?{}@.a{}]", "(".repeat(32), ")".repeat(32)),
            "ExpressionTooDeep",
        ),
        (
            "32 brackets",
            format!("$[?{}@.a{}]", "(".repeat(31), ")".repeat(31)),
            "JsonPathNoMatch",
        ),
        ("510 braces", "{".repeat(510), "ExpressionTooDeep"),
        (
            "closing parentheses in texts",
            format!("$[?{}", "(')'==@.a||".repeat(40)),
            "ExpressionTooDeep",
        ),
        ("closing brackets alone", "]".repeat(512), "JsonPathInvalid"),
        (
            "30 filters within one another",
            format!("${}", deep("[?@", "]", 30)),
            "JsonPathTooComplex",
        ),
        (
            "30 functions on filters",
            format!("${}", deep("[?count(@", "])", 15)),
            "JsonPathTooComplex",
        ),
        (
            "100 descents",
            format!("$.{}*", ".*.".repeat(100)),
            "JsonPathTooComplex",
        ),
        ("60 doublings", format!("${}", "[*,*]".repeat(60)), "JsonPathTooComplex"),
        ("negations", format!("$[?{}@.a]", "!".repeat(500)), "JsonPathInvalid"),
    ];
    thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            for (name, expression, wanted) in hostile {
                let rule = json_path(&expression);
                let found = reason(extract(&rule, &searched()));
                assert_eq!(found, wanted, "{name}");
                let said_without_object = reason(check(&rule));
                assert!(
                    [wanted, "none"].contains(&said_without_object),
                    "{name}: {said_without_object}"
                );
            }
        })
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn hostile_regexps_and_templates_are_refused() {
    let regexp = |regexp: String| {
        reason(check(&Extract {
            regexp: Some(regexp),
            ..json_path("$.a")
        }))
    };
    assert_eq!(regexp("(".repeat(5_000)), "ExpressionTooLong");
    assert_eq!(regexp("[".repeat(1 << 20)), "ExpressionTooLong");
    assert_eq!(
        regexp(format!("{}a{}", "(".repeat(33), ")".repeat(33))),
        "ExpressionTooDeep"
    );
    assert_eq!(regexp(format!("{}a{}", "(?:".repeat(31) + "(", ")".repeat(32))), "none");
    assert_eq!(regexp("(a{1000}){1000}".to_owned()), "RegexpTooLarge");
    let template = |template: String| {
        reason(check(&Extract {
            template: Some(template),
            ..json_path("$.a")
        }))
    };
    assert_eq!(template("{}".repeat(256)), "none");
    assert_eq!(template("{}".repeat(257)), "ExpressionTooLong");
}

/// Time that grows faster than the text would not end within any test.
#[test]
fn hostile_values_end_in_errors_of_bearable_length() {
    for (length, regexp, wanted) in [
        (1024, None, "none"),
        (1024, Some("(a*)a"), "none"),
        (1 << 14, None, "RefInvalid"),
        (1 << 14, Some("(a*)*b"), "RegexpNoMatch"),
        (1 << 14, Some("a{99}(a)"), "none"),
        ((1 << 14) + 1, Some("(a*)"), "JsonPathTooLong"),
        (1 << 20, Some("(a*)*b"), "JsonPathTooLong"),
    ] {
        let object = json!({"a": "a".repeat(length)});
        let rule = Extract {
            regexp: regexp.map(str::to_owned),
            ..json_path("$.a")
        };
        let outcome = extract(&rule, &object);
        let told = outcome.as_ref().map_or_else(ToString::to_string, |_| String::new());
        assert!(told.len() < 1_000, "{} bytes", told.len());
        assert_eq!(reason(outcome), wanted, "{length}");
    }
}

#[test]
fn patterns_are_compared_with_few_values_and_little_text() {
    let path = json_path("$.a[?search(@.b, 'x')].b");
    let outcome = |items: usize, text: &str| {
        let items = vec![json!({"b": text, "c": {"d": []}}); items];
        reason(extract(&path, &json!({"a": items})))
    };
    assert_eq!(outcome(250, "x"), "none");
    assert_eq!(outcome(251, "x"), "JsonPathTooComplex");
    assert_eq!(outcome(128, &"a".repeat(1024)), "JsonPathNoMatch");
    assert_eq!(outcome(129, &"a".repeat(1024)), "JsonPathTooComplex");
}

#[test]
fn text_from_outside_cannot_control_a_terminal() {
    let object = json!({"a": "v1\u{1b}[31m\r\n"});
    let error = extract(&json_path("$.a"), &object).unwrap_err().to_string();
    assert!(!error.contains(char::is_control), "{error:?}");
}

#[test]
fn legal_refs() {
    for name in [
        "v1.2.3",
        "main",
        "feature/x",
        "a@b",
        "ünïcode",
        "0123456",
        "refs/heads/main",
        "refs/tags/v1",
        "HEAD2",
        "head",
        "a.lock.b",
        "{}",
        "x@",
        "@x",
        "#1",
        "refs/heads",
    ] {
        assert!(is_legal_ref(name), "{name}");
    }
    for name in [
        "",
        "@",
        "HEAD",
        "-v1",
        "--help",
        "a b",
        "a..b",
        ".a",
        "a/.b",
        "a.",
        "a.lock",
        "a.lock/b",
        "/a",
        "a/",
        "a//b",
        "a~1",
        "a^",
        "a:b",
        "a?b",
        "a*",
        "a[b",
        "a\\b",
        "a@{1}",
        "a\tb",
        "a\0",
        "a\u{7f}",
        "refs/heads/",
        "refs/tags/",
        "refs/heads/-x",
        "refs/tags/HEAD",
        "refs/heads/@",
    ] {
        assert!(!is_legal_ref(name), "{name:?}");
    }
    assert!(is_legal_ref(&"a".repeat(1024)));
    assert!(!is_legal_ref(&"a".repeat(1025)));
}

#[test]
fn pod_templates() {
    let template = json!({"metadata": {"labels": {}}, "spec": {"containers": []}});
    for (kind, object) in [
        ("Deployment", json!({"spec": {"template": template}})),
        (
            "CronJob",
            json!({"spec": {"jobTemplate": {"spec": {"template": template}}}}),
        ),
        ("PodTemplate", json!({"template": template})),
    ] {
        assert_eq!(pod_template(&object), Some(&template), "{kind}");
    }
    for (kind, object) in [
        ("Pod", json!({"spec": {"containers": []}})),
        ("template without spec", json!({"spec": {"template": {"data": {}}}})),
        ("template is a text", json!({"spec": {"template": "x"}})),
        ("no object", json!(7)),
    ] {
        assert_eq!(pod_template(&object), None, "{kind}");
    }
}
