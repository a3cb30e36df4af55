//! Text from outside, made harmless; and columns.

use std::{borrow::Cow, error::Error, io};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{actions::disarm, colour, render::Style};
use crate::text::is_unsafe;

/// Headers of the columns that hold states.
const COLOURED: [&str; 3] = ["STATUS", "STATE", "ACTION"];

/// Less of the last column is not worth a place beside the others.
const SHORTEST_LAST: usize = 20;

/// Between two columns, as kubectl has it.
const GAP: usize = 3;

/// The same where there is too little room.
const NARROW_GAP: usize = 2;

/// No column is cut to less for the sake of others.
const SHORTEST: usize = 10;

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
pub(super) fn shorten_bytes(text: &str, bytes: usize) -> String {
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

    /// Writes the rows, aligned. States get their colours, if those are wanted.
    ///
    /// With a width, that of a terminal, no line is longer: long cells are cut to a third of it, and the last column to
    /// what is left. Where too little is left, the last column has a line of its own, and what is no state is cut
    /// further; where that does not help either, each cell has a line.
    pub(super) fn write(&self, out: &mut impl io::Write, style: Style) -> io::Result<()> {
        let count = self.rows.first().map_or(0, Vec::len);
        let longest = style.width.map_or(usize::MAX, |width| (width / 3).max(20));
        let widths: Vec<usize> = (0..count).map(|column| self.widest(column).min(longest)).collect();
        let Some((&last, others)) = widths.split_last() else {
            return Ok(());
        };
        let before_last: usize = others.iter().map(|width| width + GAP).sum();
        match style.width {
            Some(width) if before_last + last.min(SHORTEST_LAST) > width => match self.squeezed(others, width) {
                Some(widths) => self.write_in_two_lines(out, &widths, width, style),
                None => self.write_cells(out, width, style),
            },
            width => self.rows.iter().try_for_each(|row| {
                let mut line = self.line(row, others, GAP, style);
                if let Some(cell) = row.last() {
                    let left = width.map_or(usize::MAX, |width| width.saturating_sub(before_last));
                    line.push_str(&cut(cell, left));
                }
                writeln!(out, "{}", line.trim_end())
            }),
        }
    }

    /// The widths at which all columns but the last fit beside each other, if there are any: the widest that is no
    /// state gives way first.
    fn squeezed(&self, widths: &[usize], width: usize) -> Option<Vec<usize>> {
        let mut widths = widths.to_vec();
        let gaps = NARROW_GAP * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > width {
            let may_give_way = |(column, width): &(usize, &mut usize)| {
                !COLOURED.contains(&self.rows[0][*column].as_str()) && **width > SHORTEST
            };
            let widest = widths
                .iter_mut()
                .enumerate()
                .filter(may_give_way)
                .max_by_key(|(_, width)| **width);
            *widest?.1 -= 1;
        }
        Some(widths)
    }

    /// All cells but the last, and that one below.
    fn write_in_two_lines(
        &self,
        out: &mut impl io::Write,
        widths: &[usize],
        width: usize,
        style: Style,
    ) -> io::Result<()> {
        for (index, row) in self.rows.iter().enumerate() {
            writeln!(out, "{}", self.line(row, widths, NARROW_GAP, style).trim_end())?;
            if let Some(cell) = row.last().filter(|cell| index > 0 && !cell.is_empty()) {
                writeln!(out, "  {}", cut(cell, width.saturating_sub(2)))?;
            }
        }
        Ok(())
    }

    fn widest(&self, column: usize) -> usize {
        self.rows.iter().map(|row| row[column].width()).max().unwrap_or(0)
    }

    /// All cells of a row but the last, which has no width here.
    fn line(&self, row: &[String], widths: &[usize], gap: usize, style: Style) -> String {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(widths).enumerate() {
            let shown = cut(cell, width);
            line.push_str(&self.paint(&shown, cell, column, style));
            line.push_str(&" ".repeat(width + gap - shown.width()));
        }
        line
    }

    /// A line for each cell, under the name of its column, and an empty one between two rows.
    fn write_cells(&self, out: &mut impl io::Write, width: usize, style: Style) -> io::Result<()> {
        let Some((header, rows)) = self.rows.split_first() else {
            return Ok(());
        };
        let name_width = header.iter().map(|name| name.width()).max().unwrap_or(0);
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            for (column, (name, cell)) in header
                .iter()
                .zip(row)
                .enumerate()
                .filter(|(_, (_, cell))| !cell.is_empty())
            {
                let shown = cut(cell, width.saturating_sub(name_width + GAP));
                let padding = " ".repeat(name_width + GAP - name.width());
                writeln!(out, "{name}{padding}{}", self.paint(&shown, cell, column, style))?;
            }
        }
        Ok(())
    }

    /// `shown` in the colour of `cell`, if its column is one of states.
    fn paint(&self, shown: &str, cell: &str, column: usize, style: Style) -> String {
        let is_coloured = COLOURED.contains(&self.rows[0][column].as_str());
        colour::paint(shown, colour::of(cell), style.colours && is_coloured)
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
            ("a\u{202e}b\u{2066}c\u{2028}d\u{61c}e", false, "a�b�c�d�e"),
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

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let mut columns = Columns::new(&["NAME", "REF", "STATE", "MESSAGE"]);
        let cells = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        columns.push(cells([
            "Deployment/app",
            "v1.2.3",
            "in_progress",
            "Available: 1/2, and a long text beside it",
        ]));
        columns.push(cells(["StatefulSet/a-name-that-is-long", "", "success", ""]));
        let written = |width, colours| {
            let style = Style {
                width,
                colours,
                ..Style::default()
            };
            let mut out = Vec::new();
            columns.write(&mut out, style).expect("memory can be written");
            String::from_utf8(out).expect("UTF-8")
        };
        for (name, width) in [("beside", 90), ("below", 64), ("one_by_one", 24)] {
            insta::assert_snapshot!(format!("columns_{name}"), written(Some(width), false));
        }
        for width in 20..120 {
            for line in written(Some(width), false).lines() {
                assert!(line.width() <= width, "{width}: {line:?}");
            }
            let coloured = written(Some(width), true);
            assert!(coloured.contains("\u{1b}[32msuccess\u{1b}[0m"), "{coloured:?}");
            assert_eq!(
                anstream::adapter::strip_str(&coloured).to_string(),
                written(Some(width), false)
            );
        }
    }
}
