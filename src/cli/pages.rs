//! What the program prints about itself: CustomResourceDefinition, manual pages.

use std::io;

use clap::CommandFactory;
use clap_mangen::Man;

use super::args::Arguments;

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
    Man::new(command).render(&mut page)?;
    Ok(page)
}
