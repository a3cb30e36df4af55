//! What the program prints about itself: CustomResourceDefinition, manual pages.

use std::io;

use clap::CommandFactory;
use clap_mangen::Man;

use super::args::Arguments;

/// The day of this version, for the foot of manual pages: that of its heading in `CHANGELOG.md`.
const DATE: &str = "2026-11-25";

/// The name of a command that has no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// No such command.
    #[error("no command {name:?}; there are {known}")]
    Unknown {
        /// What was typed.
        name: String,
        /// All commands.
        known: String,
    },
    /// Not written to memory: never seen.
    #[error("cannot make the page")]
    Io(#[from] io::Error),
}

/// The CustomResourceDefinition as YAML.
pub fn crd() -> Result<String, serde_saphyr::ser::Error> {
    crate::crd::yaml()
}

/// The manual page of the program, or of one of its commands.
pub fn manual(name: Option<&str>) -> Result<Vec<u8>, PageError> {
    let mut program = Arguments::command();
    program.build();
    let command = match name {
        None => program,
        Some(name) => {
            let found = program.find_subcommand(name).cloned();
            found.ok_or_else(|| PageError::Unknown {
                name: name.to_owned(),
                known: program
                    .get_subcommands()
                    .map(clap::Command::get_name)
                    .collect::<Vec<_>>()
                    .join(", "),
            })?
        }
    };
    let mut page = Vec::new();
    Man::new(command)
        .date(DATE)
        .source(concat!("kube-status-to-github ", env!("CARGO_PKG_VERSION")))
        .render(&mut page)?;
    Ok(without_double_breaks(&page))
}

/// `clap_mangen` breaks lines where a space or an empty line does so already; mandoc warns of each.
fn without_double_breaks(page: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> = page.split_inclusive(|byte| *byte == b'\n').collect();
    let is_space = |line: Option<&&[u8]>| line.is_some_and(|line| line.starts_with(b".sp") || *line == b"\n");
    let is_kept = |(index, line): &(usize, &&[u8])| {
        let beside_space =
            is_space(lines.get(index + 1)) || index.checked_sub(1).is_some_and(|i| is_space(lines.get(i)));
        **line != b".br\n" || !beside_space
    };
    lines
        .iter()
        .enumerate()
        .filter(is_kept)
        .flat_map(|(_, line)| line.iter().copied())
        .collect()
}
