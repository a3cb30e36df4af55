//! The health of objects, without GitHub: what `status` prints.

use std::{collections::BTreeSet, io};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    render::{Style, json, yaml},
    text::{Columns, clean},
};
/// Forms of the health of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum HealthFormat {
    /// A table for people.
    Table,
    /// One JSON document.
    Json,
    /// The same as YAML.
    Yaml,
}

/// The health of all objects that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthDocument {
    /// One for each object, sorted by the caller.
    pub results: Vec<HealthRow>,
}

/// The health of one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthRow {
    /// None for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// The kstatus; `NotFound` where there is no such object, `Unreadable` where it could not be read.
    pub status: String,
    /// Why.
    pub message: String,
}

/// Writes `document` to `out`.
///
/// # Errors
/// When `out` cannot be written.
pub fn render_health(
    document: &HealthDocument,
    format: HealthFormat,
    out: &mut impl io::Write,
    style: Style,
) -> io::Result<()> {
    match format {
        HealthFormat::Table => table(document, out, style),
        HealthFormat::Json => json(document, out, style),
        HealthFormat::Yaml => yaml(document, out, style),
    }
}

fn table(document: &HealthDocument, out: &mut impl io::Write, style: Style) -> io::Result<()> {
    if document.results.is_empty() {
        return writeln!(out, "No objects found.");
    }
    let namespaces: BTreeSet<_> = document.results.iter().map(|row| &row.namespace).collect();
    let show_namespace = style.all_namespaces || namespaces.len() > 1;
    let mut header = vec!["KIND/NAME", "STATUS", "MESSAGE"];
    if show_namespace {
        header.insert(0, "NAMESPACE");
    }
    let mut columns = Columns::new(&header);
    for row in &document.results {
        let text = |text: &str| clean(text, style.actions).into_owned();
        let mut cells = vec![
            text(&format!("{}/{}", row.kind, row.name)),
            text(&row.status),
            text(&row.message),
        ];
        if show_namespace {
            cells.insert(0, text(row.namespace.as_deref().unwrap_or_default()));
        }
        columns.push(cells);
    }
    columns.write(out, style.width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let row = |namespace: Option<&str>, kind: &str, name: &str, status: &str, message: &str| HealthRow {
            namespace: namespace.map(ToOwned::to_owned),
            api_version: "apps/v1".to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            status: status.to_owned(),
            message: message.to_owned(),
        };
        let several = HealthDocument {
            results: vec![
                row(None, "Node", "one", "Current", "Resource is current"),
                row(
                    Some("shop"),
                    "Deployment",
                    "app",
                    "InProgress",
                    "Replicas: 1/2\u{1b}[2J",
                ),
                row(Some("shop"), "Deployment", "gone", "NotFound", "no such object"),
            ],
        };
        let one = HealthDocument {
            results: several.results[1..].to_vec(),
        };
        for (name, document, format) in [
            ("health_table", &several, HealthFormat::Table),
            ("health_of_one_namespace", &one, HealthFormat::Table),
            ("health_of_nothing", &HealthDocument::default(), HealthFormat::Table),
            ("health_json", &several, HealthFormat::Json),
            ("health_yaml", &several, HealthFormat::Yaml),
        ] {
            let mut out = Vec::new();
            render_health(document, format, &mut out, Style::default()).expect("memory can be written");
            insta::assert_snapshot!(name, String::from_utf8(out).expect("UTF-8"));
        }
    }
}
