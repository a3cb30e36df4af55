//! Text from outside, made harmless; and columns.

use std::{borrow::Cow, error::Error, io};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::actions::disarm;

/// Between two columns, as kubectl has it.
const GAP: usize = 3;

/// `text` on one line, with nothing in it that a terminal or, with `actions`, GitHub Actions would obey.
///
/// Line breaks and tabs become spaces, other control characters and those that change the direction of writing `�`.
#[must_use]
pub fn clean(text: &str, actions: bool) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    if text.contains(is_unsafe) {
        text = Cow::Owned(
            text.chars()
                .map(|c| match c {
                    '\n' | '\r' | '\t' => ' ',
                    c if is_unsafe(c) => char::REPLACEMENT_CHARACTER,
                    c => c,
                })
                .collect(),
        );
    }
    if actions { disarm(text) } else { text }
}

/// An error and its causes. Libraries often repeat a cause in the message above it: what was said is not said again.
#[must_use]
pub fn with_causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for cause in std::iter::successors(Some(error), |&error| error.source()) {
        let message = cause.to_string();
        if !messages.iter().any(|said| said.contains(&message)) {
            messages.push(message);
        }
    }
    messages
}

/// Control characters, separators of lines, and what changes the direction of writing.
pub(super) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `text`, cut between characters to at most `width` columns, with `…` where something is missing.
pub(super) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut used = 0;
    let mut cut: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used < width
        })
        .collect();
    cut.push('…');
    Cow::Owned(cut)
}

/// `text`, cut between characters to at most `bytes`, with `…` where something is missing.
pub(super) fn shorten(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = (0..=bytes.saturating_sub('…'.len_utf8()))
        .rev()
        .find(|&end| text.is_char_boundary(end));
    format!("{}…", &text[..end.unwrap_or(0)])
}

/// Rows of cells, which become columns.
#[derive(Debug)]
pub(super) struct Columns {
    rows: Vec<Vec<String>>,
}

impl Columns {
    pub(super) fn new(header: &[&str]) -> Self {
        Self {
            rows: vec![header.iter().map(|&cell| cell.to_owned()).collect()],
        }
    }

    /// Adds a row; an empty cell shows `<none>`, but in the last column.
    pub(super) fn push(&mut self, cells: Vec<String>) {
        let last = cells.len().saturating_sub(1);
        let cells = cells.into_iter().enumerate().map(|(column, cell)| {
            if cell.is_empty() && column != last {
                "<none>".to_owned()
            } else {
                cell
            }
        });
        self.rows.push(cells.collect());
    }

    /// Writes the rows, aligned. With `width`, that of a terminal, long cells are cut: the last column to what is
    /// left of the line, the others to a third of it.
    pub(super) fn write(&self, out: &mut impl io::Write, width: Option<usize>) -> io::Result<()> {
        let count = self.rows.first().map_or(0, Vec::len);
        let longest = width.map_or(usize::MAX, |width| (width / 3).max(20));
        let widths: Vec<usize> = (0..count)
            .map(|column| {
                let widest = self.rows.iter().map(|row| row[column].width()).max();
                widest.unwrap_or(0).min(longest)
            })
            .collect();
        let before_last: usize = widths
            .iter()
            .take(count.saturating_sub(1))
            .map(|width| width + GAP)
            .sum();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                if column + 1 == count {
                    let left = width.map_or(usize::MAX, |width| width.saturating_sub(before_last).max(20));
                    line.push_str(&cut(cell, left));
                } else {
                    let cell = cut(cell, longest);
                    line.push_str(&cell);
                    line.push_str(&" ".repeat(widths[column] + GAP - cell.width()));
                }
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_obeyed() {
        for (text, actions, expected) in [
            ("plain", true, "plain"),
            ("two\nlines\r\n\tand more", false, "two lines   and more"),
            ("\u{1b}[31mred\u{7}", false, "�[31mred�"),
            ("\u{9b}31m", false, "�31m"),
            ("a\u{202e}b\u{2066}c\u{2028}d", false, "a�b�c�d"),
            ("::error::x", false, "::error::x"),
            ("::error::x", true, ": :error::x"),
            ("  ::set-output name=a::b", true, "  : :set-output name=a::b"),
            ("\n::stop-commands::x", true, " : :stop-commands::x"),
            ("a::b", true, "a::b"),
            ("say ##[error]x", true, "say ## [error]x"),
            ("say ##[error]x", false, "say ##[error]x"),
        ] {
            assert_eq!(clean(text, actions), expected, "{text:?}");
        }
    }

    #[test]
    fn cut_counts_columns() {
        for (text, width, expected) in [
            ("short", 5, "short"),
            ("longer", 5, "long…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, width), expected);
            assert!(cut(text, width).width() <= width.max(1));
        }
    }
}
