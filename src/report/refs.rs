//! How refs are found in objects: what `extract` prints.

use std::io;

use serde::Serialize;

use super::{
    document::ErrorResult,
    names::described,
    render::{Style, json, yaml},
    text::clean,
};
use crate::extract::Step;

/// Forms of the way to a ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RefFormat {
    /// A paragraph for each object, a line for each step.
    Steps,
    /// One JSON document.
    Json,
    /// The same as YAML.
    Yaml,
}

/// The refs of all objects that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RefDocument {
    /// One for each object.
    pub results: Vec<RefRow>,
}

/// The ref of one object, and the way to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefRow {
    /// None for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// What was found, cut and wrapped, in this order, as far as it went.
    pub steps: Vec<Step>,
    /// The ref.
    #[serde(rename = "ref")]
    pub git_ref: Option<String>,
    /// What the user may want to change.
    pub warnings: Vec<String>,
    /// Why there is no ref.
    pub error: Option<ErrorResult>,
}

/// Writes `document` to `out`.
///
/// # Errors
/// When `out` cannot be written.
pub fn render_refs(
    document: &RefDocument,
    format: RefFormat,
    out: &mut impl io::Write,
    style: Style,
) -> io::Result<()> {
    match format {
        RefFormat::Steps => steps(document, out, style),
        RefFormat::Json => json(document, out, style),
        RefFormat::Yaml => yaml(document, out, style),
    }
}

fn steps(document: &RefDocument, out: &mut impl io::Write, style: Style) -> io::Result<()> {
    if document.results.is_empty() {
        return writeln!(out, "No objects found.");
    }
    for (index, row) in document.results.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let mut line = |text: &str| writeln!(out, "{}", clean(text, style.actions));
        line(&described(&row.kind, row.namespace.as_deref(), &row.name))?;
        for step in &row.steps {
            line(&format!("  {step}"))?;
        }
        for warning in &row.warnings {
            line(&format!("  warning: {warning}"))?;
        }
        match (&row.git_ref, &row.error) {
            (Some(git_ref), _) => line(&format!("  ref: {git_ref}"))?,
            (None, Some(error)) => line(&format!("  no ref: {}", error.message))?,
            (None, None) => {}
        }
    }
    Ok(())
}
