//! A million rules, made of random text, of pieces of each grammar, of whole expressions by each grammar, and of rows of
//! the tables with something changed. `EXTRACT_SEED` repeats a run, or makes another one.

use std::{
    any::Any,
    collections::BTreeMap,
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use kube_status_to_github::{
    crd::Extract,
    extract::{ExtractError, Rule},
};
use serde_json::Value;

use crate::{MAX_MEMORY, alone, json_path, limit, maker::Maker, measure, on_a_small_stack};

/// Rules that are tried.
const ROUNDS: usize = 1_000_000;

#[test]
fn a_million_random_rules_end_soon_in_little_memory() {
    let _alone = alone();
    let seed = env::var("EXTRACT_SEED").map_or(20_260_131, |seed| seed.parse().expect("EXTRACT_SEED is a number"));
    let counts = on_a_small_stack(move || try_many(seed));

    // Unless most of the ways through are taken, the rest of the test says little.
    let share = |field: &str, what: &str| {
        let count = |key: &str| {
            counts
                .get(&(field.to_owned(), key.to_owned()))
                .copied()
                .unwrap_or_default()
        };
        count(what) as f64 / count("tried") as f64
    };
    for (field, what, at_least) in [
        ("image", "ref", 0.15),
        ("jsonPath", "read", 0.3),
        ("jsonPath", "ref", 0.05),
        ("regexp", "read", 0.2),
        ("regexp", "ref", 0.05),
        ("template", "ref", 0.2),
    ] {
        let share = share(field, what);
        assert!(share >= at_least, "seed {seed}: {field} {what} {share:.3} {counts:?}");
    }
    for reason in REASONS {
        assert!(
            counts.keys().any(|(_, key)| key == reason),
            "seed {seed}: {reason} never came: {counts:?}"
        );
    }
}

/// What random rules come upon.
const REASONS: [&str; 22] = [
    "ExpressionTooDeep",
    "ExpressionTooLong",
    "ImageInvalid",
    "ImageMissing",
    "ImageWithoutTag",
    "JsonPathAmbiguous",
    "JsonPathArray",
    "JsonPathEmpty",
    "JsonPathInvalid",
    "JsonPathNoMatch",
    "JsonPathNull",
    "JsonPathObject",
    "JsonPathTooComplex",
    "JsonPathTooLong",
    "RefInvalid",
    "RegexpAmbiguous",
    "RegexpEmpty",
    "RegexpInvalid",
    "RegexpNoMatch",
    "RegexpTooLarge",
    "RegexpUnsupported",
    "RegexpWithoutGroup",
];

fn try_many(seed: u64) -> BTreeMap<(String, String), usize> {
    let mut maker = Maker::new(seed);
    let limit = limit();
    eprintln!("EXTRACT_SEED={seed}");
    let mut counts = BTreeMap::new();
    // What is set up at the first use is not the first rule's.
    for object in &maker.objects {
        let _ = tell(&json_path("$..[?search(@.name, '^a')]"), object);
    }
    for round in 0..ROUNDS {
        let (field, rule, object) = maker.round();
        let mut count = |what: &str| *counts.entry((field.to_owned(), what.to_owned())).or_default() += 1;
        let says = |what: &str| format!("{what}, seed {seed}, round {round}: {rule:?} on {object}");
        let run = || catch_unwind(AssertUnwindSafe(|| tell(&rule, object.as_ref())));

        let mut measured = measure(run);
        for _ in 0..2 {
            if measured.time > limit {
                let again = measure(run);
                measured.time = measured.time.min(again.time);
            }
        }
        assert!(
            measured.time <= limit_of(&rule, limit),
            "{}",
            says(&format!("{:?}", measured.time))
        );
        assert!(
            measured.memory <= MAX_MEMORY,
            "{}",
            says(&format!("{} bytes", measured.memory))
        );
        let (is_read, outcome) = measured
            .result
            .unwrap_or_else(|panic| panic!("{}", says(&text_of(&*panic))));
        count("tried");
        if is_read {
            count("read");
        }
        match outcome {
            Ok(_) => count("ref"),
            Err(error) => count(error.reason()),
        }
    }
    counts
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("panic")
        .to_owned()
}

/// Whether the rule can be read, and what it gives, told as users are told.
fn tell(rule: &Extract, object: &Value) -> (bool, Result<String, ExtractError>) {
    let rule = Rule::new(rule);
    let is_read = rule.is_ok();
    let outcome = rule.and_then(|rule| rule.extract(object));
    match &outcome {
        Ok(extracted) => assert!(!extracted.steps.is_empty()),
        Err(error) => assert!(error.to_string().len() < 4_000, "{error}"),
    }
    (is_read, outcome.map(|extracted| extracted.git_ref))
}

/// Patterns of `match` and `search` are compiled for each value that they are compared with.
fn limit_of(rule: &Extract, limit: Duration) -> Duration {
    let path = rule.json_path.as_deref().unwrap_or_default();
    if path.contains("match") || path.contains("search") {
        limit * 100
    } else {
        limit
    }
}
