//! The document of a pass in every form of `-o`.

use std::io;

use serde::Serialize;

use super::{actions::disarm_json, document::Document, people, text::clean};
use crate::text::is_unsafe;

/// Form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Format {
    /// A table for people.
    Table,
    /// The table with repository, task, deployment and rule.
    Wide,
    /// One JSON document.
    Json,
    /// The same as YAML.
    Yaml,
    /// A line for each source.
    Name,
}

/// What the place looks like in which something is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal, to which long texts are cut; none where it is not one: nothing is cut.
    pub width: Option<usize>,
    /// Show the namespace even where it is the same for all.
    pub all_namespaces: bool,
    /// GitHub Actions reads along, see [`super::clean`].
    pub actions: bool,
    /// Colours, and signs beyond ASCII, are welcome.
    pub colours: bool,
}

/// Writes `document` to `out`.
///
/// # Errors
/// When `out` cannot be written.
pub fn render(document: &Document, format: Format, out: &mut impl io::Write, style: Style) -> io::Result<()> {
    match format {
        Format::Table => people::table(document, false, out, style),
        Format::Wide => people::table(document, true, out, style),
        Format::Name => people::names(document, out, style),
        Format::Json => json(document, out, style),
        Format::Yaml => yaml(document, out, style),
    }
}

pub(super) fn json(value: &impl Serialize, out: &mut impl io::Write, style: Style) -> io::Result<()> {
    writeln!(out, "{}", harmless_json(&serde_json::to_string_pretty(value)?, style))
}

/// JSON keeps every character, but what might be obeyed stands as an escape: serde leaves characters beyond ASCII as
/// they are. All of it occurs within strings only.
pub(super) fn harmless_json(text: &str, style: Style) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_unsafe(c) {
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    if style.actions {
        safe = disarm_json(&safe).into_owned();
    }
    safe
}

/// YAML with `---` in front, so that the documents of several passes stay apart.
pub(super) fn yaml(value: &impl Serialize, out: &mut impl io::Write, style: Style) -> io::Result<()> {
    let text = serde_saphyr::to_string(value).map_err(io::Error::other)?;
    writeln!(out, "---")?;
    for line in text.lines() {
        writeln!(out, "{}", clean(line, style.actions))?;
    }
    Ok(())
}
