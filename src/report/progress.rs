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

/// A line on stderr that appears when a pass takes longer than a second. Cheap to clone; all clones are one line.
#[derive(Clone, Debug)]
pub struct Progress {
    bar: ProgressBar,
    visible: bool,
    pass: Arc<Mutex<Option<Pass>>>,
}

/// The pass that is under way.
#[derive(Debug)]
struct Pass {
    started: Instant,
    shown: bool,
}

impl Progress {
    /// A line if `visible`, which is for the caller to find out: stderr has to be a terminal. Otherwise nothing.
    #[must_use]
    pub fn new(visible: bool) -> Self {
        Self {
            bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
            visible,
            pass: Arc::default(),
        }
    }

    /// What is under way now, such as `reading GitHub`, and how many steps it has, where that is known. The first
    /// stage begins a pass.
    pub fn stage(&self, what: &'static str, steps: Option<usize>) {
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

    /// Takes the line away; the pass is over.
    pub fn finish(&self) {
        *self.pass() = None;
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
    }

    /// Does `print` with the line out of the way.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    fn show_if_late(&self) {
        let mut pass = self.pass();
        let pass = pass.get_or_insert_with(|| Pass {
            started: Instant::now(),
            shown: false,
        });
        if self.visible && !pass.shown && pass.started.elapsed() >= PATIENCE {
            pass.shown = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.enable_steady_tick(TICK);
        }
    }

    fn pass(&self) -> MutexGuard<'_, Option<Pass>> {
        self.pass.lock().unwrap_or_else(PoisonError::into_inner)
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
        progress.pass().as_mut().expect("a pass").started = before;
    }

    fn shown(progress: &Progress) -> Option<bool> {
        progress.pass().as_ref().map(|pass| pass.shown)
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
