//! The outputs of a step, as lines for the file that `GITHUB_OUTPUT` names.

use super::super::document::Document;

/// GitHub takes a megabyte of outputs from a whole job.
const LONGEST: usize = 512 * 1024;

/// The outputs: of the first source `deployment-id`, `deployment-node-id`, `deployment-url`, `state`,
/// `environment-url` and `ref`, each empty where it is not known; and where there are several sources, `results`, a
/// JSON list of what the document says about each.
///
/// A value of several lines stands between two lines with `delimiter`, which must not be known to those who can put
/// text into the values.
#[must_use]
pub fn outputs(document: &Document, delimiter: &str) -> String {
    let first = document.results.first();
    let deployment = first.and_then(|result| result.deployment.as_ref());
    let mut outputs = vec![
        (
            "deployment-id",
            deployment.and_then(|deployment| deployment.id).map(|id| id.to_string()),
        ),
        (
            "deployment-node-id",
            deployment.map(|deployment| deployment.node_id.clone()),
        ),
        (
            "deployment-url",
            deployment.and_then(|deployment| deployment.url.clone()),
        ),
        (
            "state",
            first.and_then(|result| result.state).map(|state| state.to_string()),
        ),
        (
            "environment-url",
            first.and_then(|result| result.environment_url.clone()),
        ),
        ("ref", first.and_then(|result| result.git_ref.clone())),
    ];
    if document.results.len() > 1 {
        let results = serde_json::to_string(&document.results).ok();
        outputs.push(("results", results.filter(|results| results.len() <= LONGEST)));
    }
    outputs
        .into_iter()
        .map(|(name, value)| output(name, &value.unwrap_or_default(), delimiter))
        .collect()
}

fn output(name: &str, value: &str, delimiter: &str) -> String {
    if value.contains(['\n', '\r']) {
        format!("{name}<<{delimiter}\n{value}\n{delimiter}\n")
    } else {
        format!("{name}={value}\n")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::fixtures;
    use super::*;

    #[test]
    fn of_one_source() {
        let mut document = fixtures::empty();
        document.results.push(fixtures::result(json!({
            "action": "create", "state": "success", "ref": "v1", "environmentUrl": "https://shop.example/a",
            "deployment": {"nodeId": "DE_2", "id": 4_300_000_000_u64, "url": "https://github.example/d"},
        })));
        assert_eq!(
            outputs(&document, "END"),
            "deployment-id=4300000000\ndeployment-node-id=DE_2\ndeployment-url=https://github.example/d\n\
             state=success\nenvironment-url=https://shop.example/a\nref=v1\n"
        );
    }

    #[test]
    fn of_several_sources() {
        let document = fixtures::document();
        let text = outputs(&document, "END");
        assert!(text.contains("\nstate=in_progress\n"), "{text}");
        let results = text
            .lines()
            .find_map(|line| line.strip_prefix("results="))
            .expect("results");
        let results: Vec<Value> = serde_json::from_str(results).expect("JSON");
        assert_eq!(results.len(), document.results.len());
        assert_eq!(results[4]["error"]["reason"], "RefNotFound");
    }

    #[test]
    fn of_nothing_all_are_empty() {
        let text = outputs(&fixtures::empty(), "END");
        assert_eq!(text.lines().count(), 6);
        assert!(text.lines().all(|line| line.ends_with('=')), "{text}");
    }

    #[test]
    fn a_value_of_several_lines_adds_no_output() {
        for value in ["a\nstate=success", "a\r\nb", "\n", "END"] {
            let mut document = fixtures::empty();
            let result = fixtures::result(json!({"action": "unchanged", "ref": value}));
            document.results.push(result);
            let text = outputs(&document, "DELIMITER");
            let expected = match value {
                "END" => "ref=END\n".to_owned(),
                value => format!("ref<<DELIMITER\n{value}\nDELIMITER\n"),
            };
            assert!(text.ends_with(&expected), "{text:?}");
        }
    }

    #[test]
    fn results_beyond_what_github_takes_are_left_out() {
        let mut document = fixtures::document();
        while document.results.len() < 10_000 {
            document.results.extend_from_within(..7);
        }
        assert!(outputs(&document, "END").ends_with("\nresults=\n"));
    }
}
