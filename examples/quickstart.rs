//! The two pure computations, by the library alone: the health of an object, and the git ref that it runs.
//!
//! ```sh
//! cargo run --example quickstart -- examples/quickstart/rolling-out.yaml podinfo
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::io;

use anyhow::Context;
use jiff::Timestamp;
use kube_status_to_github::{crd::Extract, extract, kstatus, source};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments
        .next()
        .context("the first argument is a file with Kubernetes objects")?;
    let container = arguments
        .next()
        .context("the second argument is the name of a container")?;
    let rule = Extract {
        container_name: Some(container),
        ..Extract::default()
    };
    for object in source::objects_from_files(&[file.into()], io::stdin())? {
        let health = kstatus::compute(&object, Timestamp::now());
        let extracted = extract::extract(&rule, &object)?;
        println!("{}: {} ({})", extracted.git_ref, health.status, health.message);
    }
    Ok(())
}
