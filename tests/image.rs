//! What the Dockerfile promises, where no engine builds it: the steps that can go wrong without one. And the Rust of all
//! builds.
#![allow(clippy::unwrap_used, reason = "a test that can't go on ends")]

use std::{fs, path::Path};

/// The instructions, continued lines joined, comments left out.
fn instructions() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Dockerfile")).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    joined
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(str::to_owned)
        .collect()
}

/// Those of the last stage, its FROM first.
fn last_stage() -> Vec<String> {
    let all = instructions();
    let from = all.iter().rposition(|line| line.starts_with("FROM ")).unwrap();
    all[from..].to_vec()
}

#[test]
fn the_image_holds_the_program_and_the_certificates_and_nothing_else() {
    let stage = last_stage();
    assert_eq!(stage[0], "FROM scratch");
    let copied: Vec<&str> = stage
        .iter()
        .filter_map(|line| line.strip_prefix("COPY --from=build "))
        .collect();
    let targets: Vec<&str> = copied
        .iter()
        .filter_map(|copy| copy.split_whitespace().nth(1))
        .collect();
    assert_eq!(
        targets,
        ["/etc/ssl/certs/ca-certificates.crt", "/usr/bin/kube-status-to-github"]
    );
    assert!(
        stage.contains(&r#"ENTRYPOINT ["/usr/bin/kube-status-to-github"]"#.to_owned()),
        "{stage:?}"
    );
}

#[test]
fn nobody_is_root_and_the_user_is_a_number() {
    let stage = last_stage();
    let user = stage.iter().find_map(|line| line.strip_prefix("USER ")).unwrap();
    let ids: Vec<u32> = user.split(':').map(|id| id.parse().unwrap()).collect();
    assert!(ids.len() == 2 && ids.iter().all(|id| *id >= 1000), "{user}");
}

#[test]
fn the_build_is_locked_and_takes_what_it_installs() {
    let all = instructions();
    let build = all.iter().find(|line| line.contains("cargo build")).unwrap();
    for part in ["--release", "--locked", "--package kube-status-to-github"] {
        assert!(build.contains(part), "{part} is missing: {build}");
    }
    let target = build
        .split("CARGO_TARGET_DIR=")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    assert!(
        build.contains(&format!("install -D {target}/release/kube-status-to-github /out/")),
        "{build}"
    );
}

/// What is tested is what is released, on every platform, and not older than what `Cargo.toml` asks for.
#[test]
fn one_rust_builds_everything() {
    let all = instructions();
    let image = all.iter().find_map(|line| line.strip_prefix("FROM rust:")).unwrap();
    let rust = image.split('-').next().unwrap();
    for workflow in ["test.yml", "release.yml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(".github/workflows")
            .join(workflow);
        let text = fs::read_to_string(path).unwrap();
        let toolchains: Vec<&str> = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("RUSTUP_TOOLCHAIN: "))
            .map(|version| version.trim_matches('"'))
            .collect();
        assert_eq!(toolchains, [rust], "{workflow}, and the Dockerfile");
    }
    let minimum = env!("CARGO_PKG_RUST_VERSION");
    let number = |text: &str| -> Vec<u32> { text.split('.').map(|part| part.parse().unwrap()).collect() };
    assert!(
        number(rust) >= number(minimum),
        "{rust} is older than rust-version {minimum}"
    );
}
