//! The exit code: an interface of its own, for scripts and for Kubernetes.

use std::process::ExitCode;

use crate::report::Document;

/// How the program ends. The numbers are promised; a new case gets a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was to be done is done, also where that was nothing.
    Done = 0,
    /// Some sources could not be reported, all others were. 1 is what every tool uses for "not quite".
    SomeFailed = 1,
    /// The command line makes no sense. 2 is what clap, bash and kubectl's Go flags use.
    Usage = 2,
    /// Nothing was done at all: no cluster, no credentials, GitHub out of reach. Apart from 1, because a repetition
    /// may help here and does not there.
    CannotRun = 3,
    /// With `--wait`: a rollout failed, or another one took its place. The pipeline's answer is to stop or roll back.
    RolloutFailed = 4,
    /// `--wait` or `--deadline` ran out: nobody knows yet, and trying again is right.
    TimedOut = 5,
    /// With `--dry-run --exit-code`: something would be written. Away from 1 to 5, so that it is never an error.
    WouldWrite = 6,
    /// Ended at once by SIGINT, or stopped by it while waiting: 128 and the signal's number, as shells have it.
    Interrupted = 130,
    /// Ended at once by SIGTERM, likewise.
    Terminated = 143,
}

impl Exit {
    /// The code that a pass deserves by its document alone; waiting and time-outs are the caller's knowledge.
    #[must_use]
    pub fn of(document: &Document, exit_zero: bool, exit_code: bool) -> Self {
        if document.summary.fail > 0 && !exit_zero {
            Self::SomeFailed
        } else if document.dry_run && exit_code && !document.changes.is_empty() {
            Self::WouldWrite
        } else {
            Self::Done
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    #[test]
    fn what_a_document_deserves() {
        let quiet = fixtures::from_flags();
        let failed = fixtures::document();
        let planned = fixtures::dry_run();
        for (name, document, exit_zero, exit_code, expected) in [
            ("nothing found", &fixtures::empty(), false, false, Exit::Done),
            ("nothing to do", &quiet, false, false, Exit::Done),
            ("one failed", &failed, false, false, Exit::SomeFailed),
            ("one failed, and that is well", &failed, true, false, Exit::Done),
            ("a dry run", &planned, false, false, Exit::Done),
            ("a dry run that is asked", &planned, false, true, Exit::WouldWrite),
            ("asked, but not a dry run", &failed, true, true, Exit::Done),
            ("asked, and nothing to do", &quiet, false, true, Exit::Done),
        ] {
            assert_eq!(Exit::of(document, exit_zero, exit_code), expected, "{name}");
        }
    }
}
