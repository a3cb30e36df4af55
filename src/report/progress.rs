//! The line on a terminal that shows how far a long pass is.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A pass that is done before needs no line.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two turns of the spinner.
const TICK: Duration = Duration::from_millis(120);

/// A line on stderr that appears when a pass takes longer than a second, or the lines of a table. Cheap to clone; all
/// clones are one place on the terminal.
#[derive(Clone, Debug)]
pub struct Progress {
    bar: ProgressBar,
    visible: bool,
    shown: Arc<Mutex<Shown>>,
}

/// What the terminal shows.
#[derive(Debug)]
enum Shown {
    /// Nothing, and no pass is under way.
    Nothing,
    /// A pass is under way. It has a line from the moment on at which it is late.
    Pass { started: Instant, has_line: bool },
    /// A table, which no pass takes the place of.
    Table,
}

impl Progress {
    /// A line if `visible`, which is for the caller to find out, see [`Progress::has_terminal`]. Otherwise nothing.
    #[must_use]
    pub fn new(visible: bool) -> Self {
        Self {
            bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
            visible,
            shown: Arc::new(Mutex::new(Shown::Nothing)),
        }
    }

    /// True if stderr is a terminal on which lines can be replaced.
    #[must_use]
    pub fn has_terminal() -> bool {
        !ProgressDrawTarget::stderr().is_hidden()
    }

    /// True if there is a terminal to show something on.
    #[must_use]
    pub fn is_visible(&self) -> bool {
        self.visible
    }

    /// Shows these lines, which have to fit on the terminal, in place of what it showed before.
    pub fn table(&self, lines: &[String]) {
        if !self.visible {
            return;
        }
        let mut shown = self.shown();
        self.bar.set_message(lines.join("\n"));
        if !matches!(*shown, Shown::Table) {
            *shown = Shown::Table;
            self.bar.disable_steady_tick();
            self.bar.reset();
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                self.bar.set_style(style);
            }
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.tick();
    }

    /// What is under way now, such as `reading GitHub`, and how many steps it has, where that is known. The first
    /// stage begins a pass.
    pub fn stage(&self, what: &'static str, steps: Option<usize>) {
        if matches!(*self.shown(), Shown::Table) {
            return;
        }
        self.bar.reset();
        let template = if let Some(steps) = steps {
            self.bar.set_length(u64::try_from(steps).unwrap_or(u64::MAX));
            "{spinner} {msg} {pos}/{len}"
        } else {
            self.bar.unset_length();
            "{spinner} {msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_message(what);
        self.show_if_late();
    }

    /// One more step is done.
    pub fn advance(&self) {
        self.bar.inc(1);
        self.show_if_late();
    }

    /// So many steps are done.
    pub fn advance_to(&self, steps: usize) {
        self.bar.set_position(u64::try_from(steps).unwrap_or(u64::MAX));
        self.show_if_late();
    }

    /// Takes away what is shown; the pass is over.
    pub fn finish(&self) {
        *self.shown() = Shown::Nothing;
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
    }

    /// Does `print` with the line out of the way.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    fn show_if_late(&self) {
        let mut shown = self.shown();
        if matches!(*shown, Shown::Nothing) {
            *shown = Shown::Pass {
                started: Instant::now(),
                has_line: false,
            };
        }
        if let Shown::Pass { started, has_line } = &mut *shown
            && self.visible
            && !*has_line
            && started.elapsed() >= PATIENCE
        {
            *has_line = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.enable_steady_tick(TICK);
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Progress {
    /// No line.
    fn default() -> Self {
        Self::new(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late(progress: &Progress) {
        let before = Instant::now()
            .checked_sub(PATIENCE)
            .expect("the machine runs for longer");
        match &mut *progress.shown() {
            Shown::Pass { started, .. } => *started = before,
            other => panic!("{other:?} instead of a pass"),
        }
    }

    fn shown(progress: &Progress) -> Option<bool> {
        match *progress.shown() {
            Shown::Pass { has_line, .. } => Some(has_line),
            Shown::Nothing | Shown::Table => None,
        }
    }

    #[test]
    fn a_table_stays_whatever_the_passes_do() {
        let progress = Progress::new(true);
        progress.table(&["one".to_owned(), "two".to_owned()]);
        progress.stage("reading GitHub", Some(2));
        progress.advance();
        assert_eq!(progress.bar.message(), "one\ntwo");
        assert_eq!(shown(&progress), None);
        progress.finish();
        progress.stage("reading GitHub", None);
        assert_eq!(shown(&progress), Some(false));
    }

    #[test]
    fn only_late_passes_have_a_line_and_each_pass_counts_anew() {
        let progress = Progress::new(true);
        progress.stage("reading GitHub", Some(2));
        progress.advance();
        assert_eq!((shown(&progress), progress.bar.position()), (Some(false), 1));

        late(&progress);
        progress.clone().advance();
        assert_eq!((shown(&progress), progress.bar.position()), (Some(true), 2));
        progress.stage("writing", None);
        assert_eq!((progress.bar.position(), progress.bar.length()), (0, None));

        progress.finish();
        assert_eq!(shown(&progress), None);
        progress.stage("reading GitHub", None);
        assert_eq!(shown(&progress), Some(false));
        assert!(progress.bar.is_hidden() && !progress.bar.is_finished());
    }

    #[test]
    fn without_a_terminal_there_is_no_line() {
        let progress = Progress::default();
        progress.stage("reading GitHub", None);
        late(&progress);
        progress.advance();
        assert_eq!(shown(&progress), Some(false));
        assert!(progress.bar.is_hidden());
        assert_eq!(progress.suspend(|| 7), 7);
    }
}
