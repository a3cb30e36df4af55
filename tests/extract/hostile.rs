//! Rules and documents that are made to hurt.

use std::time::Duration;

use kube_status_to_github::{crd::Extract, extract::extract, source::objects_from_files};
use serde_json::{Map, Value, json};

use crate::{MAX_MEMORY, alone, json_path, limit, measure, on_a_small_stack};

/// Expressions made to hurt, each with what it ends in.
#[test]
fn hostile_rules_end_quickly() {
    let _alone = alone();
    let regexp = |regexp: &str| Extract {
        regexp: Some(regexp.to_owned()),
        ..json_path("$.a")
    };
    let long = json!({"a": "a".repeat(1024), "b": "a".repeat(1 << 20)});
    let longest = json!({"a": "a".repeat(1 << 14)});
    let letters = json!({"a": "x".repeat(1 << 14)});
    let fields: Map<String, Value> = (0..20_000)
        .map(|index| (format!("k{index}"), json!({"v": "x"})))
        .collect();
    let wide = json!({"data": fields});
    let nested = |open: &str, close: &str, times: usize| format!("{}{}", open.repeat(times), close.repeat(times));
    let quoted = |path: String| json_path(&format!(".it\\'s{path}"));
    let cases = [
        ("large repetition", regexp("(a{1000}){1000}"), &long, "RegexpTooLarge"),
        ("large classes", regexp("(\\p{L}{1000})"), &long, "RegexpTooLarge"),
        (
            "5,000 parentheses",
            regexp(&nested("(", ")", 5_000)),
            &long,
            "ExpressionTooLong",
        ),
        (
            "250 parentheses",
            regexp(&nested("(", ")", 250)),
            &long,
            "ExpressionTooDeep",
        ),
        (
            "5,000 classes",
            regexp(&nested("[", "]", 5_000)),
            &long,
            "ExpressionTooLong",
        ),
        ("star of a star", regexp("(a*)*b"), &longest, "RegexpNoMatch"),
        (
            "two ways at each character",
            regexp("(x+x+)+y"),
            &letters,
            "RegexpNoMatch",
        ),
        ("anything any number of times", regexp("(.*)*$"), &long, "ref"),
        (
            "many options",
            regexp("((?:a?){400}a{400}b)"),
            &longest,
            "RegexpNoMatch",
        ),
        (
            "many states",
            regexp("((?:[ab]{0,30}a){10}c)"),
            &longest,
            "RegexpNoMatch",
        ),
        (
            "1 MB of text",
            Extract {
                regexp: Some("(a*)*b".to_owned()),
                ..json_path("$.b")
            },
            &long,
            "JsonPathTooLong",
        ),
        (
            "5,000 filters",
            json_path(&format!("${}", nested("[?@", "]", 5_000))),
            &wide,
            "ExpressionTooLong",
        ),
        (
            "100 filters",
            json_path(&format!("${}", nested("[?@", "]", 100))),
            &wide,
            "JsonPathTooComplex",
        ),
        (
            "30 filters",
            json_path(&format!("${}", nested("[?@", "]", 30))),
            &wide,
            "JsonPathTooComplex",
        ),
        (
            "30 filters behind a quote",
            quoted(nested("[?@", "]", 30)),
            &wide,
            "JsonPathTooComplex",
        ),
        (
            "100 filters behind a quote",
            quoted(nested("[?@", "]", 100)),
            &wide,
            "JsonPathTooComplex",
        ),
        (
            "250 brackets behind a quote",
            quoted(nested("[", "]", 250)),
            &wide,
            "ExpressionTooDeep",
        ),
        (
            "5,000 parentheses in a filter",
            json_path(&format!("$[?{}]", nested("(", ")", 5_000))),
            &wide,
            "ExpressionTooLong",
        ),
        (
            "200 parentheses in a filter",
            json_path(&format!("$[?{}@]", "(".repeat(200))),
            &wide,
            "ExpressionTooDeep",
        ),
        (
            "1 MB of brackets",
            json_path(&"[".repeat(1 << 20)),
            &wide,
            "ExpressionTooLong",
        ),
        (
            "1 MB of brackets as regexp",
            regexp(&"[".repeat(1 << 20)),
            &wide,
            "ExpressionTooLong",
        ),
        ("two descents over a wide object", json_path("$..*..v"), &wide, "ref"),
        ("three descents", json_path("$..*..*..*"), &wide, "JsonPathTooComplex"),
        (
            "filter over a wide object",
            json_path("$.data[?@.v == 'y']"),
            &wide,
            "JsonPathNoMatch",
        ),
        (
            "descent in a filter over a wide object",
            json_path("$..[?@..v == 'x']"),
            &wide,
            "JsonPathInvalid",
        ),
        (
            "whole object for each value",
            json_path("$..[?$.*.*.v]"),
            &wide,
            "JsonPathTooComplex",
        ),
        (
            "pattern over a wide object",
            json_path("$.data[?search(@.v, 'y')]"),
            &wide,
            "JsonPathTooComplex",
        ),
        (
            "pattern over everything",
            json_path("$..[?search(@, '(y?){99}z')]"),
            &wide,
            "JsonPathTooComplex",
        ),
        (
            "pattern over 1 MB of text",
            json_path("$[?search(@, '(a?){99}b')]"),
            &long,
            "JsonPathTooComplex",
        ),
    ];
    let limit = Duration::from_millis(50).max(limit() * 16);
    for (name, rule, object, wanted) in cases {
        let (rule, object) = (rule.clone(), object.clone());
        let measured = on_a_small_stack(move || measure(|| extract(&rule, &object)));
        let found = measured.result.map_or_else(|error| error.reason(), |_| "ref");
        assert_eq!(found, wanted, "{name}");
        assert!(measured.time <= limit, "{name}: {:?}", measured.time);
        assert!(measured.memory <= 2 * MAX_MEMORY, "{name}: {} bytes", measured.memory);
    }
}

/// A document that deep comes from no reader, and could not even be dropped on this stack: both refuse its text.
#[test]
fn documents_of_10000_levels_are_refused_as_text() {
    let _alone = alone();
    let json = format!("{}1{}", "{\"x\":".repeat(10_000), "}".repeat(10_000));
    let flow = format!("{}1{}", "{x: ".repeat(10_000), "}".repeat(10_000));
    let lists = "- ".repeat(10_000);
    for (name, text) in [("JSON", json), ("YAML", flow), ("YAML of lists", lists)] {
        let measured =
            on_a_small_stack(move || measure(|| objects_from_files(&["-".into()], text.as_bytes()).is_err()));
        assert!(measured.result, "{name}");
        assert!(
            measured.time <= Duration::from_millis(50).max(limit() * 16),
            "{name}: {:?}",
            measured.time
        );
    }
}

/// Whatever depth the readers of files and of API servers accept, a search ends.
#[test]
fn documents_as_deep_as_readers_accept_are_searched() {
    let _alone = alone();
    for depth in [50, 100, 120, 200, 500, 1_000, 2_000, 4_000, 8_000] {
        let nested = format!("{}\"v1\"{}", "{\"x\":".repeat(depth) + "{\"y\":", "}".repeat(depth + 1));
        let text = format!(r#"{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "app"}}, "spec": {nested}}}"#);
        let outcomes = on_a_small_stack(move || {
            let of_file = objects_from_files(&["-".into()], text.as_bytes()).ok();
            let of_server = serde_json::from_str(&text).ok().map(|object: Value| vec![object]);
            [of_file, of_server].map(|objects| {
                let paths = ["$..y", "$..x..y", "$..[?@.y].y", "$.spec..[?count(@..*) == 1].y"];
                objects.map(|objects| {
                    paths.map(|path| extract(&json_path(path), &objects[0]).map(|extracted| extracted.git_ref))
                })
            })
        });
        assert!(outcomes.iter().all(Option::is_some) || depth > 50, "{depth}");
        for outcome in outcomes.into_iter().flatten().flatten() {
            assert_eq!(outcome, Ok("v1".to_owned()), "{depth}");
        }
    }
}
