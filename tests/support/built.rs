//! What is built with Go, or fetched by npm, before it can be tested with.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The folder that a build script of this repository makes; None, said loudly, where nothing can be built, except in
/// CI.
pub fn folder(script: &str, what: &str) -> Option<PathBuf> {
    /// Exit code of the script where it can't build on this machine.
    const IMPOSSIBLE: i32 = 3;

    let build = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("run {script}: {error}"));
    if build.status.code() == Some(IMPOSSIBLE) {
        assert!(std::env::var_os("CI").is_none(), "in CI there has to be {what}");
        say(&format!(
            "\nTHERE IS NO {}: ITS TESTS ARE SKIPPED\n",
            what.to_uppercase()
        ));
        return None;
    }
    assert!(build.status.success(), "{script}: {}", build.status);
    Some(PathBuf::from(String::from_utf8(build.stdout).unwrap().trim()))
}

/// Writes a line for who runs the tests; the test harness keeps what `eprintln` writes to itself.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
