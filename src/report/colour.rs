//! Colours of states and of differences, for terminals that want them.

use anstyle::{AnsiColor, Color, Style};

/// What was there.
pub(super) const OLD: Style = coloured(AnsiColor::Red);

/// What is to come.
pub(super) const NEW: Style = coloured(AnsiColor::Green);

/// The name of what follows.
pub(super) const HEADING: Style = Style::new().bold();

const fn coloured(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

/// The colour of a status, a state, an action or the result of a check, by its word; none for a word that is neither good nor bad.
pub(super) fn of(word: &str) -> Style {
    match word {
        "Current" | "success" | "ok" => coloured(AnsiColor::Green),
        "InProgress" | "in_progress" | "queued" | "info" => coloured(AnsiColor::Cyan),
        "Failed" | "failed" | "failure" | "error" | "fail" | "NotFound" | "not found" | "Unreadable"
        | "not reported" => coloured(AnsiColor::Red),
        "Unknown" | "pending" | "waiting" | "defer" | "warning" => coloured(AnsiColor::Yellow),
        "Terminating" | "terminating" | "inactive" | "skip" | "skipped" => Style::new().dimmed(),
        _ => Style::new(),
    }
}

/// `text` in this style, if colours are wanted.
pub(super) fn paint(text: &str, style: Style, colours: bool) -> String {
    if !colours || style.is_plain() || text.is_empty() {
        return text.to_owned();
    }
    format!("{style}{text}{style:#}")
}
