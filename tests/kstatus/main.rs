//! `kstatus::compute` against kstatus itself, the Go library: the objects of its own tests, our committed cases and
//! what becomes of them when a field breaks, and random objects.
//!
//! Both have to say the same, or a row of the table of differences has to apply, see [`verdict`]. Where kstatus can't
//! be built these tests are skipped, except in CI.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

#[path = "../support/built.rs"]
mod built;
#[path = "../../src/kstatus/tests/cases.rs"]
mod cases;
mod objects;
mod oracle;
mod random;
mod verdict;

use std::collections::BTreeSet;

use kube_status_to_github::kstatus::{Health, Status};
use oracle::Oracle;
use serde_json::json;
use verdict::{Question, Row, judge};

#[test]
fn rows_are_those_of_the_documentation() {
    let names: Vec<_> = Row::ALL.iter().map(|row| row.name()).collect();
    assert_eq!(cases::table_of_differences(), names);
}

#[test]
fn examples_of_kstatus() {
    let Some(mut oracle) = Oracle::start() else { return };
    let questions: Vec<_> = oracle.examples().into_iter().map(Question::at_noon).collect();
    assert!(questions.len() >= 50, "{} examples", questions.len());
    all_right(&judge(&mut oracle, &questions));
}

#[test]
fn committed_cases() {
    let Some(mut oracle) = Oracle::start() else { return };
    let cases = cases::all();
    let objects: Vec<_> = cases.iter().map(|case| case.object.clone()).collect();
    let mut wrong = Vec::new();
    for (case, answer) in cases.iter().zip(oracle.ask(&objects)) {
        if answer != case.kstatus() {
            wrong.push(format!("{}: kstatus says {answer:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let questions: Vec<_> = cases
        .iter()
        .map(|case| Question::new(case.object.clone(), case.now))
        .collect();
    for (case, verdict) in cases.iter().zip(judge(&mut oracle, &questions)) {
        let needed = verdict.unwrap_or_else(|wrong| panic!("{}: {wrong}", case.name));
        let needed: Vec<_> = needed.into_iter().map(Row::name).collect();
        let said: Vec<_> = case.differs.iter().map(|difference| difference.row.as_str()).collect();
        assert_eq!(needed, said, "{}", case.name);
    }
}

#[test]
fn committed_cases_with_a_broken_field() {
    let Some(mut oracle) = Oracle::start() else { return };
    let others = [
        json!(null),
        json!(true),
        json!(2),
        json!(0.5),
        json!("2"),
        json!("x"),
        json!([]),
        json!(["x"]),
        json!({}),
        json!({"x": {}}),
    ];
    let mut questions = Vec::new();
    for case in cases::all() {
        for pointer in objects::pointers(&case.object) {
            let mut without = case.object.clone();
            if objects::remove(&mut without, &pointer) {
                questions.push(Question::new(without, case.now));
            }
            for other in &others {
                let mut object = case.object.clone();
                *object.pointer_mut(&pointer).unwrap() = other.clone();
                questions.push(Question::new(object, case.now));
            }
        }
    }
    assert!(questions.len() > 10_000, "{} objects", questions.len());
    all_right(&judge(&mut oracle, &questions));
}

/// The first that are wrong, whole.
#[track_caller]
fn all_right(verdicts: &[Result<BTreeSet<Row>, String>]) {
    let wrong: Vec<_> = verdicts.iter().filter_map(|verdict| verdict.as_ref().err()).collect();
    let shown: Vec<_> = wrong.iter().take(10).map(|wrong| wrong.as_str()).collect();
    assert!(
        wrong.is_empty(),
        "{} objects, such as\n{}",
        wrong.len(),
        shown.join("\n")
    );
}

#[test]
fn random_objects() {
    random::compare();
}
