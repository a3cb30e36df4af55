//! The log: on stderr only, so that stdout stays clean for results.

use std::io::{self, Write};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use super::args::{LogArguments, LogFormat};
use crate::report::{Progress, Style, clean};

/// Starts logging for the rest of the process; a second call changes nothing.
///
/// Text carries no time: a terminal needs none, and the kubelet and journald add theirs. JSON does.
pub fn start(arguments: &LogArguments, Style { colours, actions, .. }: Style, progress: &Progress) {
    let progress = progress.clone();
    let writer = move || Lines {
        progress: progress.clone(),
        actions,
    };
    let layer = match arguments.log_format {
        LogFormat::Text => fmt::layer()
            .with_ansi(colours)
            .with_target(false)
            .without_time()
            .with_writer(writer)
            .boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(writer).boxed(),
    };
    // An error means that a subscriber is there already, such as that of a test.
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(targets(arguments.verbose)))
        .try_init();
}

/// Ours by the number of `-v`. Of the libraries, only how requests to the API server went, and only when asked for:
/// what they call an error comes back to us as a value, and what they trace may hold headers, tokens included.
fn targets(verbose: u8) -> Targets {
    let (ours, theirs) = match verbose {
        0 => (LevelFilter::WARN, LevelFilter::OFF),
        1 => (LevelFilter::INFO, LevelFilter::OFF),
        _ => (LevelFilter::DEBUG, LevelFilter::DEBUG),
    };
    Targets::new()
        .with_target("kube_status_to_github", ours)
        .with_target("kube_client::client", theirs)
}

/// Stderr, one line an event whatever its text holds, and with the progress line out of the way.
struct Lines {
    progress: Progress,
    actions: bool,
}

impl Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.trim_end_matches('\n');
        self.progress.suspend(|| {
            let mut stderr = io::stderr().lock();
            if self.actions {
                // No colours here, so every control character is from outside.
                writeln!(stderr, "{}", clean(text, true))
            } else {
                writeln!(stderr, "{}", text.replace(['\n', '\r'], " "))
            }
        })?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn libraries_are_silent_until_asked() {
        for (verbose, target, level, expected) in [
            (0, "kube_status_to_github::sync", Level::WARN, true),
            (0, "kube_status_to_github::sync", Level::INFO, false),
            (0, "kube_client::client::builder", Level::ERROR, false),
            (1, "kube_status_to_github::sync", Level::INFO, true),
            (1, "kube_client::client::builder", Level::ERROR, false),
            (2, "kube_status_to_github::sync", Level::DEBUG, true),
            (2, "kube_client::client::builder", Level::DEBUG, true),
            (9, "hyper::proto", Level::ERROR, false),
            (9, "h2::codec", Level::TRACE, false),
        ] {
            assert_eq!(
                targets(verbose).would_enable(target, &level),
                expected,
                "-v x {verbose}: {target} {level}"
            );
        }
    }
}
