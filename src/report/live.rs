//! What a person sees of a wait: a table that changes in its place, or a line for each change where there is no
//! terminal; and a sentence for each source at the end.

use std::time::{Duration, Instant};

use unicode_width::UnicodeWidthStr;

use super::{
    colour,
    document::{Action, Document, SourceObject, SourceResult},
    names::described,
    progress::Progress,
    render::Style,
    text::{clean, cut},
};
use crate::kstatus::Replicas;

/// Between two columns.
const GAP: usize = 2;

/// On a terminal that is narrower, the cause has a line of its own.
const NARROW: usize = 100;

/// The object's name is never cut to less.
const SHORTEST_NAME: usize = 10;

/// One object of a wait, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutRow {
    /// None for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Such as `Deployment`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// State or status, in a word or two.
    pub word: &'static str,
    /// For kinds with pods.
    pub replicas: Option<Replicas>,
    /// Why.
    pub message: String,
    /// True if it will stay like this.
    pub is_final: bool,
}

impl RolloutRow {
    /// `Deployment shop/app is in_progress: Updated: 1/2`
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { word, message, .. } = self;
        let object = described(&self.kind, self.namespace.as_deref(), &self.name);
        let colon = if message.is_empty() { "" } else { ": " };
        format!("{object} is {word}{colon}{message}")
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.namespace, &self.kind, &self.name) == (&other.namespace, &other.kind, &other.name)
    }
}

/// How waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every source is final, or one failed and that was enough.
    Final,
    /// The time went by before.
    TimedOut,
    /// The user stopped it before.
    Stopped,
}

/// The table of a wait.
#[derive(Debug)]
pub struct Live {
    progress: Progress,
    /// Header of the column of states.
    header: &'static str,
    style: Style,
    begun: Instant,
    rows: Vec<Timed>,
}

/// A row, and how long it took where it is final.
#[derive(Clone, Debug)]
struct Timed {
    row: RolloutRow,
    ended: Option<Duration>,
}

impl Live {
    /// Shows nothing yet. `style` is that of stderr, but for its width: that is asked for again each time, since
    /// windows change.
    #[must_use]
    pub fn new(progress: Progress, header: &'static str, style: Style) -> Self {
        Self {
            progress,
            header,
            style,
            begun: Instant::now(),
            rows: Vec::new(),
        }
    }

    /// How long it has been.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Takes the rows as they are now, and draws them. Where there is no terminal, a line is given back for each that
    /// has changed.
    pub fn update(&mut self, rows: &[RolloutRow]) -> Vec<String> {
        let elapsed = self.begun.elapsed();
        let before = std::mem::take(&mut self.rows);
        let known = |row: &RolloutRow| before.iter().find(|timed| timed.row.is_same(row));
        let timed = |row: &RolloutRow| Timed {
            row: row.clone(),
            ended: row
                .is_final
                .then(|| known(row).and_then(|known| known.ended).unwrap_or(elapsed)),
        };
        self.rows = rows.iter().map(timed).collect();
        if self.progress.is_visible() {
            self.draw();
            return Vec::new();
        }
        let is_news = |row: &&RolloutRow| {
            known(row).is_none_or(|known| (known.row.word, &known.row.message) != (row.word, &row.message))
        };
        let news = rows.iter().filter(is_news);
        news.map(|row| clean(&row.sentence(), self.style.actions).into_owned())
            .collect()
    }

    /// Draws the table again: time goes on.
    pub fn draw(&self) {
        if self.rows.is_empty() {
            return;
        }
        let (width, height) = terminal_size::terminal_size_of(std::io::stderr()).map_or((80, 24), |(width, height)| {
            (usize::from(width.0), usize::from(height.0))
        });
        let elapsed = self.begun.elapsed();
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|timed| (&timed.row, timed.ended.unwrap_or(elapsed)))
            .collect();
        self.progress
            .table(&lines(self.header, &rows, width, height, self.style));
    }

    /// Takes the table away.
    pub fn finish(&self) {
        self.progress.finish();
    }
}

/// The lines of the table, none wider than the terminal, and less of them than it is high: what is final goes first.
fn lines(header: &str, rows: &[(&RolloutRow, Duration)], width: usize, height: usize, style: Style) -> Vec<String> {
    let is_narrow = width < NARROW;
    let shown = fitting(rows, height.saturating_sub(3), is_narrow);
    let mut namespaces: Vec<_> = rows.iter().map(|(row, _)| &row.namespace).collect();
    namespaces.dedup();
    let head = ["OBJECT", header, "READY", "TIME", "CAUSE"].map(str::to_owned);
    let table: Vec<[String; 5]> = std::iter::once(head)
        .chain(shown.iter().map(|(row, time)| cells(row, *time, namespaces.len() > 1)))
        .map(|cells| cells.map(|cell| clean(&cell, style.actions).into_owned()))
        .collect();
    let widths = widths(&table, width);

    let mut lines = Vec::new();
    for (index, cells) in table.iter().enumerate() {
        let is_header = index == 0;
        let (mut line, used) = beside_each_other(cells, widths, width, style.colours && !is_header);
        let cause = &cells[4];
        let room = width.saturating_sub(used + GAP);
        if !is_narrow && room > 0 {
            line.push_str(&" ".repeat(GAP));
            line.push_str(&cut(cause, room));
        }
        lines.push(line.trim_end().to_owned());
        if is_narrow && !is_header && !cause.is_empty() {
            lines.push(format!("  {}", cut(cause, width.saturating_sub(2))));
        }
    }
    let hidden = rows.len() - shown.len();
    if hidden > 0 {
        lines.push(format!("… and {hidden} more"));
    }
    lines
}

/// The rows for which there are lines; where those are not enough for all, none that are final.
fn fitting<'a>(rows: &[(&'a RolloutRow, Duration)], room: usize, is_narrow: bool) -> Vec<(&'a RolloutRow, Duration)> {
    let needed = |row: &RolloutRow| 1 + usize::from(is_narrow && !row.message.is_empty());
    let too_many = rows.iter().map(|(row, _)| needed(row)).sum::<usize>() > room;
    let mut left = room;
    let mut fits = |row: &RolloutRow| {
        let rest = left.checked_sub(needed(row));
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    let unfinished = rows.iter().filter(|(row, _)| !too_many || !row.is_final);
    unfinished.filter(|(row, _)| fits(row)).copied().collect()
}

fn cells(row: &RolloutRow, time: Duration, has_namespaces: bool) -> [String; 5] {
    let kind = row.kind.to_lowercase();
    let name = match &row.namespace {
        Some(namespace) if has_namespaces => format!("{namespace}/{kind}/{}", row.name),
        _ => format!("{kind}/{}", row.name),
    };
    let replicas = row.replicas.map(|replicas| replicas.to_string()).unwrap_or_default();
    [name, row.word.to_owned(), replicas, short(time), row.message.clone()]
}

/// The widths of all columns but that of the cause; zero for one that only has a header. The name gives way to the others.
fn widths(table: &[[String; 5]], width: usize) -> [usize; 4] {
    let mut widths: [usize; 4] = std::array::from_fn(|column| {
        let is_empty = table.iter().skip(1).all(|cells| cells[column].is_empty());
        let widest = table.iter().map(|cells| cells[column].width()).max();
        widest.filter(|_| !is_empty).unwrap_or(0)
    });
    let [name, others @ ..] = &mut widths;
    let others: usize = others.iter().filter(|width| **width > 0).map(|width| width + GAP).sum();
    let most = if width < NARROW { width / 2 } else { width / 3 };
    let left = width.saturating_sub(others).min(most).max(SHORTEST_NAME);
    *name = left.min(*name);
    widths
}

/// The cells but the last, each as wide as its column, and how wide they are together.
fn beside_each_other(cells: &[String; 5], widths: [usize; 4], width: usize, colours: bool) -> (String, usize) {
    let (mut line, mut used) = (String::new(), 0);
    for (column, wide) in widths.into_iter().enumerate().filter(|(_, wide)| *wide > 0) {
        let cell = cut(&cells[column], wide);
        let gap = if used == 0 { 0 } else { GAP };
        // The end of the line is the end of the last column, so that nothing wraps.
        if used + gap + cell.width() > width {
            break;
        }
        let is_state = column == 1;
        line.push_str(&" ".repeat(gap));
        line.push_str(&colour::paint(&cell, colour::of(&cells[column]), colours && is_state));
        line.push_str(&" ".repeat(wide - cell.width()));
        used += gap + wide;
    }
    (line, used)
}

/// As kubectl writes ages: `42s`, `2m5s`, `1h2m`.
fn short(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, _) => format!("{hours}h{minutes}m"),
    }
}

/// `42 s`, `2 min 5 s`, `1 h 2 min`
fn long(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// How each source ended, such as `deployment/app: success after 42 s: https://github.com/…`.
#[must_use]
pub fn sentences(document: &Document, ended: Ended, elapsed: Duration, style: Style) -> Vec<String> {
    let mut namespaces: Vec<_> = document.results.iter().map(namespace).collect();
    namespaces.dedup();
    let has_namespaces = style.all_namespaces || namespaces.len() > 1;
    let sentence = |result: &SourceResult| {
        let source = result.source.as_ref()?;
        let text = format!("{}{}", name(source, has_namespaces), end(result, ended, elapsed));
        Some(clean(&text, style.actions).into_owned())
    };
    document.results.iter().filter_map(sentence).collect()
}

fn namespace(result: &SourceResult) -> Option<&str> {
    result.source.as_ref()?.namespace.as_deref()
}

fn name(source: &SourceObject, has_namespaces: bool) -> String {
    let name = format!("{}/{}", source.kind.to_lowercase(), source.name);
    match &source.namespace {
        Some(namespace) if has_namespaces => format!("{name} in {namespace}: "),
        _ => format!("{name}: "),
    }
}

fn end(result: &SourceResult, ended: Ended, elapsed: Duration) -> String {
    let after = format!("after {}", long(elapsed));
    let message = result.message.as_deref().unwrap_or_default();
    let health = result.health.as_ref().map(|health| health.message.as_str());
    let why = match health.filter(|why| !why.is_empty()) {
        Some(why) => format!(" ({why})"),
        None => String::new(),
    };
    let url = result
        .deployment
        .as_ref()
        .and_then(|deployment| deployment.url.as_ref());
    let url = url.map(|url| format!(": {url}")).unwrap_or_default();
    let state = result.state.map_or("terminating", |state| state.as_str());
    match (result.action, result.state) {
        (Action::Fail, _) => format!("not reported: {message}"),
        (Action::Skip, _) => format!("left alone {after}: {message}"),
        (Action::Defer, _) => format!("{state} {after}{why}, not yet told to GitHub: {message}"),
        (_, Some(done)) if done.is_final() && !done.is_failed() => format!("{state} {after}{url}"),
        (_, Some(failed)) if failed.is_failed() => format!("{state} {after}{why}{url}"),
        _ if ended == Ended::Stopped => format!("stopped {after}, {state}{why}{url}"),
        _ => format!("still {state} {after}{why}{url}"),
    }
}

#[cfg(test)]
mod tests;
