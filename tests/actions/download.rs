//! The step of `action.yml` that downloads a release.

use std::{collections::BTreeMap, fmt::Write as _, fs, process::Command};

use sha2::{Digest, Sha256};

use crate::{
    action::make_executable,
    definition::{Call, Called},
    runner::{Runner, annotations, have},
    server::Server,
    support::repository_file,
};

const RELEASE: &str = "/octo-org/kube-status-to-github/releases/download/v1.2.3";

/// In place of the program: it tells with what it was called.
const PROGRAM: &str = "#!/bin/sh\necho \"program $*\"\n";

/// The name that a release's workflow gives to the file of a target.
fn archive_name(target: &str) -> String {
    format!("kube-status-to-github-1.2.3-{target}.tar.gz")
}

/// An archive as a release has it.
fn archive(target: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let name = archive_name(target);
    let inner = name.strip_suffix(".tar.gz").unwrap();
    fs::create_dir(folder.path().join(inner)).unwrap();
    for file in ["kube-status-to-github", "LICENSE"] {
        let path = folder.path().join(inner).join(file);
        fs::write(&path, PROGRAM).unwrap();
        let chmod = Command::new("chmod").arg("755").arg(&path).status();
        assert!(chmod.unwrap().success());
    }
    let tar = Command::new("tar")
        .current_dir(folder.path())
        .args(["-czf", &name, inner])
        .status();
    assert!(tar.unwrap().success());
    fs::read(folder.path().join(name)).unwrap()
}

fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// What becomes of the checksum of a target in SHA256SUMS.
type Change<'a> = dyn Fn(&str, String) -> Option<String> + 'a;

/// A server with a release of all targets, whose checksums `change` may have changed.
fn release(change: &Change<'_>) -> Server {
    let mut files = BTreeMap::new();
    let mut sums = format!("{}  install.yaml\n", checksum(b""));
    for target in [
        "x86_64-unknown-linux-musl",
        "aarch64-unknown-linux-musl",
        "x86_64-apple-darwin",
        "aarch64-apple-darwin",
    ] {
        let bytes = archive(target);
        if let Some(sum) = change(target, checksum(&bytes)) {
            writeln!(sums, "{sum}  {}", archive_name(target)).unwrap();
        }
        files.insert(format!("{RELEASE}/{}", archive_name(target)), bytes);
    }
    files.insert(format!("{RELEASE}/SHA256SUMS"), sums.into_bytes());
    Server::with(files)
}

/// A machine on which `uname` says this.
fn machine(system: &str, processor: &str) -> Runner {
    let runner = Runner::new();
    let uname = format!("#!/bin/sh\ncase $1 in -s) echo {system} ;; -m) echo {processor} ;; esac\n");
    runner.laptop.write("bin/uname", uname);
    make_executable(&runner, "bin/uname");
    runner
}

fn call(runner: &Runner, server: &Server, version: &str) -> Called {
    let inputs = [
        ("source", "deployment/web"),
        ("environment", "e"),
        ("binary", ""),
        ("version", version),
        ("args", ""),
    ];
    let mut call = Call::new(runner, &inputs);
    call.server = server.url();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", runner.path("bin").display());
    // A proxy is not for this machine.
    call.environment = [("PATH", path), ("NO_PROXY", "127.0.0.1".to_owned())]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
    call.run()
}

fn right(_: &str, sum: String) -> Option<String> {
    Some(sum)
}

#[test]
fn the_program_of_each_platform_is_installed_and_called() {
    if !have("curl") {
        return;
    }
    let server = release(&right);
    for (system, processor, target) in [
        ("Linux", "x86_64", "x86_64-unknown-linux-musl"),
        ("Linux", "aarch64", "aarch64-unknown-linux-musl"),
        ("Darwin", "x86_64", "x86_64-apple-darwin"),
        ("Darwin", "arm64", "aarch64-apple-darwin"),
    ] {
        let runner = machine(system, processor);
        for version in ["1.2.3", "v1.2.3"] {
            let called = call(&runner, &server, version);
            assert_eq!((called.last.code, called.steps), (0, 2), "{called:?}");
            assert_eq!(called.last.stdout, "program sync --environment=e -- deployment/web\n");
        }
        // Once: the second step finds what the first one has installed.
        let archive = format!("{RELEASE}/{}", archive_name(target));
        let asked = server.asked().iter().filter(|path| **path == archive).count();
        assert_eq!(asked, 1, "{:?}", server.asked());
        let temporary = fs::read_dir(runner.path("temp")).unwrap().count();
        assert_eq!(temporary, 1, "nothing else is left behind");
    }
}

#[test]
fn what_was_not_released_is_not_run() {
    if !have("curl") {
        return;
    }
    let another = checksum(b"another");
    let changes: [(&str, &Change<'_>); 5] = [
        ("is not what was released", &|_, _| Some(another.clone())),
        ("has no checksum of", &|_, _| None),
        ("has no checksum of", &|_, sum| Some(sum[..63].to_owned())),
        ("has no checksum of", &|target, sum| {
            Some(format!("{sum}  {}.sig\n#", archive_name(target)))
        }),
        ("has no checksum of", &|target, sum| {
            Some(format!("{sum}  {}\n{another}", archive_name(target)))
        }),
    ];
    for (problem, change) in changes {
        let server = release(change);
        let runner = machine("Linux", "x86_64");
        let called = call(&runner, &server, "1.2.3");
        assert_eq!((called.last.code, called.steps), (1, 1), "{called:?}");
        let [(level, _, message)] = annotations(&called.last.stdout).try_into().expect("one annotation");
        assert_eq!(level, "error");
        assert!(message.contains(problem), "{message}");
        assert_eq!(
            fs::read_dir(runner.path("temp")).unwrap().count(),
            0,
            "nothing is left to be run"
        );
    }
}

#[test]
fn what_can_not_be_downloaded_is_named() {
    if !have("curl") {
        return;
    }
    let server = release(&right);
    for (system, processor, version, problem) in [
        (
            "Linux",
            "x86_64",
            "9.9.9",
            "/releases/download/v9.9.9/kube-status-to-github-9.9.9-x86_64-unknown-linux-musl.tar.gz",
        ),
        ("Linux", "riscv64", "1.2.3", "no release for the processor riscv64"),
        ("MINGW64_NT-10.0", "x86_64", "1.2.3", "no release for MINGW64_NT-10.0"),
        ("Linux", "x86_64", "../1.2.3", "../1.2.3 is not a version such as 1.2.3"),
        ("Linux", "x86_64", "main", "main is not a version such as 1.2.3"),
        ("Linux", "x86_64", "", " is not a version such as 1.2.3"),
    ] {
        let called = call(&machine(system, processor), &server, version);
        assert_eq!((called.last.code, called.steps), (1, 1), "{called:?}");
        let [(level, _, message)] = annotations(&called.last.stdout).try_into().expect("one annotation");
        assert_eq!(level, "error");
        assert!(message.contains(problem), "{message}");
    }
}

/// The workflow that releases, and the step that installs, have to mean the same files.
#[test]
fn a_release_has_the_files_that_are_downloaded() {
    let release = fs::read_to_string(repository_file(".github/workflows/release.yml")).unwrap();
    let install = fs::read_to_string(repository_file("hack/action/install")).unwrap();
    assert!(release.contains("name=kube-status-to-github-${GITHUB_REF_NAME#v}-$TARGET"));
    assert!(install.contains("name=$program-$version-$target"));
    assert!(release.contains("sha256sum -- * >SHA256SUMS"));
    for target in [
        "x86_64-unknown-linux-musl",
        "aarch64-unknown-linux-musl",
        "x86_64-apple-darwin",
        "aarch64-apple-darwin",
    ] {
        assert!(
            release.contains(&format!("target: {target}")),
            "no release for {target}"
        );
    }
}
