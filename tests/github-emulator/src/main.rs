//! The emulator as a process of its own.
#![allow(clippy::print_stdout, reason = "the first line tells callers the address")]

use std::path::PathBuf;
use std::time::Duration;
use std::{error, fs};

use clap::Parser;
use github_emulator::{Checks, Emulator, Options, Seed};
use tokio::net::TcpListener;

/// A GitHub on this machine: deployments over REST and GraphQL, and a page at / that shows them.
#[derive(Debug, Parser)]
struct Arguments {
    /// Port of the loopback interface; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Every repository and ref exists.
    #[arg(long)]
    any: bool,
    /// Repositories, tokens and installations, as JSON.
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// A success closes earlier deployments a second later, as on GitHub.
    #[arg(long)]
    late_inactive: bool,
    /// Refuse more than 80 writes a minute and 500 an hour of one account, as GitHub does.
    #[arg(long)]
    content_limits: bool,
    /// Check against GitHub's descriptions, fetched by npm if need be; without this, if they are there already.
    #[arg(long)]
    check: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn error::Error>> {
    let arguments = Arguments::parse();
    let emulator = Emulator::new(Options {
        create_repositories: arguments.any,
        any_ref: arguments.any,
        content_limits: arguments.content_limits,
        late_inactive: arguments.late_inactive.then(|| Duration::from_secs(1)),
        checks: if arguments.check {
            Checks::Required
        } else {
            Checks::IfCached
        },
        ..Options::default()
    });
    if let Some(path) = arguments.seed {
        let seed: Seed = serde_json::from_str(&fs::read_to_string(path)?)?;
        seed.plant(&emulator);
    }
    let listener = TcpListener::bind(("127.0.0.1", arguments.port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    tokio::select! {
        () = emulator.serve(listener) => {}
        result = tokio::signal::ctrl_c() => result?,
    }
    Ok(())
}
