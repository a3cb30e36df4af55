//! The health of objects, without GitHub: what `status` prints.

use std::{collections::BTreeSet, io};

use serde::Serialize;
use serde_json::Value;

use super::{
    names::{described, kubectl_name},
    render::{Style, harmless_json, yaml},
    text::{Columns, clean},
};
use crate::kstatus::{Field, Rule};

/// Forms of the health of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum HealthFormat {
    /// A table for people.
    Table,
    /// The table with version and rule.
    Wide,
    /// One JSON document, a line for each object.
    Json,
    /// The same as YAML.
    Yaml,
    /// TYPE/NAME of each object, a line each.
    Name,
}

/// The health of all objects that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HealthDocument {
    /// One for each object.
    pub results: Vec<HealthRow>,
}

/// The health of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// How that was found, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<HealthExplanation>,
}

/// How the health of an object was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthExplanation {
    /// The rule that decided.
    pub rule: Rule,
    /// The fields that were looked at, in that order.
    pub fields: Vec<Field>,
}

impl HealthRow {
    /// What rows are sorted by.
    fn place(&self) -> (Option<&str>, &str, &str, &str) {
        (self.namespace.as_deref(), &self.api_version, &self.kind, &self.name)
    }
}

/// Writes the health of objects, one by one. JSON and names are written at once, in the order in which they come, so
/// that any number of objects takes no memory; the other forms need to know all of them, and sort them.
#[derive(Debug)]
pub struct HealthWriter<W> {
    format: HealthFormat,
    /// Say how each health was found.
    explain: bool,
    style: Style,
    out: W,
    any: bool,
    /// Those that wait for the others.
    kept: HealthDocument,
}

impl<W: io::Write> HealthWriter<W> {
    /// Writes nothing yet.
    pub fn new(format: HealthFormat, explain: bool, style: Style, out: W) -> Self {
        Self {
            format,
            explain,
            style,
            out,
            any: false,
            kept: HealthDocument::default(),
        }
    }

    /// Takes the health of one more object.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn row(&mut self, row: HealthRow) -> io::Result<()> {
        let row = HealthRow {
            // Wide has the rule, which is no reason to repeat the fields elsewhere.
            explanation: row
                .explanation
                .filter(|_| self.explain || self.format == HealthFormat::Wide),
            ..row
        };
        match self.format {
            HealthFormat::Json => {
                let before = if self.any { "," } else { "{\"results\":[" };
                let json = harmless_json(&serde_json::to_string(&row)?, self.style);
                write!(self.out, "{before}\n{json}")?;
            }
            HealthFormat::Name => {
                let name = kubectl_name(&row.api_version, &row.kind, &row.name);
                writeln!(self.out, "{}", clean(&name, self.style.actions))?;
            }
            HealthFormat::Table | HealthFormat::Wide | HealthFormat::Yaml => self.kept.results.push(row),
        }
        self.any = true;
        Ok(())
    }

    /// Writes the rest.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.kept.results.sort_by(|a, b| a.place().cmp(&b.place()));
        match self.format {
            HealthFormat::Json if self.any => writeln!(self.out, "\n]}}")?,
            HealthFormat::Json => writeln!(self.out, "{{\"results\":[]}}")?,
            HealthFormat::Name => {}
            HealthFormat::Yaml => yaml(&self.kept, &mut self.out, self.style)?,
            HealthFormat::Table | HealthFormat::Wide if !self.any => writeln!(self.out, "No objects found.")?,
            HealthFormat::Table if self.explain => self.explanations()?,
            HealthFormat::Table | HealthFormat::Wide => self.table()?,
        }
        self.out.flush()
    }

    fn text(&self, text: &str) -> String {
        clean(text, self.style.actions).into_owned()
    }

    fn table(&mut self) -> io::Result<()> {
        let rows = &self.kept.results;
        let namespaces: BTreeSet<_> = rows.iter().map(|row| &row.namespace).collect();
        let is_wide = self.format == HealthFormat::Wide;
        let shown = [
            (
                "NAMESPACE",
                is_wide || self.style.all_namespaces || namespaces.len() > 1,
            ),
            ("KIND/NAME", true),
            ("APIVERSION", is_wide),
            ("RULE", is_wide),
            ("STATUS", true),
            ("MESSAGE", true),
        ];
        let only_shown = |cells: [String; 6]| -> Vec<String> {
            let cells = cells.into_iter().zip(shown);
            cells.filter(|(_, (_, shown))| *shown).map(|(cell, _)| cell).collect()
        };
        let header: Vec<_> = shown
            .iter()
            .filter(|(_, shown)| *shown)
            .map(|(name, _)| *name)
            .collect();
        let mut columns = Columns::new(&header);
        for row in rows {
            let rule = row.explanation.as_ref().map(|explanation| explanation.rule.to_string());
            columns.push(only_shown([
                self.text(row.namespace.as_deref().unwrap_or_default()),
                self.text(&format!("{}/{}", row.kind, row.name)),
                self.text(&row.api_version),
                rule.unwrap_or_default(),
                self.text(&row.status),
                self.text(&row.message),
            ]));
        }
        columns.write(&mut self.out, self.style)
    }

    /// A paragraph for each object.
    fn explanations(&mut self) -> io::Result<()> {
        for (index, row) in self.kept.results.iter().enumerate() {
            let HealthRow { status, message, .. } = row;
            let colon = if message.is_empty() { "" } else { ": " };
            let object = described(&row.kind, row.namespace.as_deref(), &row.name);
            let health = self.text(&format!("{object} is {status}{colon}{message}"));
            let mut lines = vec![health];
            if let Some(HealthExplanation { rule, fields }) = &row.explanation {
                lines.push(format!("  by rule {rule}, which looked at"));
                let fields = fields.iter().map(|Field { path, value }| match value {
                    Value::Null => format!("    {path} (not set)"),
                    Value::String(text) => format!("    {path}: {text}"),
                    value => format!("    {path}: {value}"),
                });
                lines.extend(fields.map(|line| self.text(&line)));
            }
            let gap = if index == 0 { "" } else { "\n" };
            writeln!(self.out, "{gap}{}", lines.join("\n"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let row = |namespace: Option<&str>, kind: &str, name: &str, status: &str, message: &str| HealthRow {
            namespace: namespace.map(ToOwned::to_owned),
            api_version: if kind == "Node" { "v1" } else { "apps/v1" }.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            status: status.to_owned(),
            message: message.to_owned(),
            explanation: (status != "NotFound").then(|| HealthExplanation {
                rule: Rule::Deployment,
                fields: vec![
                    Field {
                        path: "spec.replicas".to_owned(),
                        value: 2.into(),
                    },
                    Field {
                        path: "status.replicas".to_owned(),
                        value: Value::Null,
                    },
                    Field {
                        path: "status.conditions[Available]".to_owned(),
                        value: "False (\u{1b}[2J)".into(),
                    },
                ],
            }),
        };
        let several = [
            row(None, "Node", "one", "Current", ""),
            row(
                Some("shop"),
                "Deployment",
                "app",
                "InProgress",
                "Replicas: 1/2\u{1b}[2J",
            ),
            row(Some("shop"), "Deployment", "gone", "NotFound", "no such object"),
        ];
        let (one, none) = (&several[1..], &several[..0]);
        for (name, rows, format, explain) in [
            ("health_table", &several[..], HealthFormat::Table, false),
            ("health_explained", &several[..], HealthFormat::Table, true),
            ("health_of_one_namespace", one, HealthFormat::Table, false),
            ("health_of_nothing", none, HealthFormat::Table, false),
            ("health_wide", &several[..], HealthFormat::Wide, false),
            ("health_json", &several[..], HealthFormat::Json, false),
            ("health_json_explained", one, HealthFormat::Json, true),
            ("health_json_of_nothing", none, HealthFormat::Json, false),
            ("health_yaml", &several[..], HealthFormat::Yaml, false),
            ("health_name", &several[..], HealthFormat::Name, false),
        ] {
            let mut out = Vec::new();
            let mut writer = HealthWriter::new(format, explain, Style::default(), &mut out);
            for row in rows {
                writer.row(row.clone()).expect("memory can be written");
            }
            writer.finish().expect("memory can be written");
            let text = String::from_utf8(out).expect("UTF-8");
            if format == HealthFormat::Json {
                serde_json::from_str::<Value>(&text).expect("a document");
            }
            insta::assert_snapshot!(name, text);
        }
    }
}
