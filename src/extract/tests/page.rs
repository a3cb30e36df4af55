//! What docs/ref.md says is what the code does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{extract, json_path};
use crate::crd::Extract;

const PAGE: &str = include_str!("../../../docs/ref.md");
const ERRORS: &str = include_str!("../error.rs");

/// The rows of the table with these columns, each cell without its backquotes.
fn rows(columns: &str) -> Vec<Vec<String>> {
    let (_, after) = PAGE.split_once(&format!("\n{columns}\n")).unwrap();
    let rows: Vec<Vec<String>> = after
        .lines()
        .skip(1)
        .map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| {
            let line = line.replace(r"\|", "\0");
            let cells = line
                .split(" | ")
                .map(|cell| cell.trim().trim_matches('`').replace('\0', "|"));
            cells.collect()
        })
        .collect();
    assert!(rows.len() >= 3, "{columns}");
    rows
}

/// The ref, or the reason why there is none.
fn gives(rule: &Extract, object: &Value) -> String {
    extract(rule, object).map_or_else(|error| error.reason().to_owned(), |extracted| extracted.git_ref)
}

fn assert_rows(columns: &str, mut outcome: impl FnMut(&[String]) -> String) {
    for row in rows(columns) {
        assert_eq!(row.len(), columns.matches(" | ").count() + 1, "{row:?}");
        let (wanted, cells) = row.split_last().unwrap();
        assert_eq!(&outcome(cells), wanted, "{cells:?}");
    }
}

#[test]
fn images_on_the_page() {
    let rule = Extract {
        container_name: Some("app".to_owned()),
        ..Extract::default()
    };
    assert_rows("| image | gives |", |cells| {
        gives(
            &rule,
            &json!({"spec": {"containers": [{"name": "app", "image": cells[0]}]}}),
        )
    });
}

#[test]
fn places_on_the_page() {
    let rule = Extract {
        container_name: Some("app".to_owned()),
        ..Extract::default()
    };
    for row in rows("| place | kinds |") {
        let containers = json!({"containers": [{"name": "app", "image": "app:v1"}]});
        let object = row[0]
            .rsplit('.')
            .fold(containers, |below, field| json!({field: below}));
        assert_eq!(gives(&rule, &object), "v1", "{row:?}");
    }
}

#[test]
fn json_paths_on_the_page() {
    let (_, after) = PAGE.split_once("```yaml\n").unwrap();
    let (yaml, _) = after.split_once("```").unwrap();
    let object: Value = serde_saphyr::from_str(yaml).unwrap();
    assert_rows("| jsonPath | means | known from | gives |", |cells| {
        gives(&json_path(&cells[0]), &object)
    });
}

#[test]
fn values_on_the_page() {
    assert_rows("| value | gives |", |cells| {
        let value: Value = serde_json::from_str(&cells[0]).unwrap();
        gives(&json_path("$.a"), &json!({"a": value}))
    });
}

#[test]
fn regexps_templates_and_refs_on_the_page() {
    assert_rows("| text | regexp | gives |", |cells| {
        let rule = Extract {
            regexp: Some(cells[1].clone()),
            ..json_path("$.a")
        };
        gives(&rule, &json!({"a": cells[0]}))
    });
    assert_rows("| piece | template | gives |", |cells| {
        let rule = Extract {
            template: Some(cells[1].clone()),
            ..json_path("$.a")
        };
        gives(&rule, &json!({"a": cells[0]}))
    });
    assert_rows("| ref | gives |", |cells| {
        gives(&json_path("$.a"), &json!({"a": cells[0]}))
    });
}

#[test]
fn reasons_on_the_page_are_those_of_the_errors() {
    let (_, after) = ERRORS.split_once("pub fn reason(").unwrap();
    let (reasons, _) = after.split_once("\n    }\n").unwrap();
    let of_errors: BTreeSet<String> = reasons
        .lines()
        .filter_map(|line| Some(line.split_once("=> \"")?.1.split_once('"')?.0.to_owned()))
        .collect();
    let on_page: Vec<String> = rows("| reason | what to do |")
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(on_page.iter().cloned().collect::<BTreeSet<_>>(), of_errors);
    assert_eq!(on_page.len(), of_errors.len(), "each once");
}
