//! The steps of `action.yml`.

use std::collections::BTreeSet;

use clap::CommandFactory;
use kube_status_to_github::cli::args::Arguments;

use crate::{
    definition::{Call, Map, yaml},
    runner::{RUN, Runner, SHA, annotations},
    support::repository_file,
};

const STAGING: [(&str, &str); 3] = [
    ("source", "deployment/web"),
    ("namespace", "shop"),
    ("environment", "staging"),
];

#[test]
fn a_rollout_is_reported_and_told() {
    let runner = Runner::new();
    let inputs = [
        ("wait", "true"),
        ("environment-url", "https://staging.example.com"),
        ("cluster-name", "it's"),
    ];
    let called = Call::new(&runner, &[&STAGING[..], &inputs].concat()).run();
    assert_eq!((called.last.code, called.steps), (0, 2), "{called:?}");
    let deployments = runner.laptop.github.deployments("octo-org/web", "staging");
    let [deployment] = deployments.as_slice() else {
        panic!("{deployments:#?}")
    };
    assert_eq!(deployment.git_ref, SHA);
    assert_eq!(deployment.statuses[0].log_url, RUN);
    let expected = [
        ("deployment-id", deployment.id.to_string()),
        ("deployment-node-id", deployment.node_id.clone()),
        ("environment-url", "https://staging.example.com/".to_owned()),
        ("ref", SHA.to_owned()),
        ("state", "success".to_owned()),
    ];
    for (name, value) in expected {
        assert_eq!(called.outputs[name], value, "{name}");
    }
    assert!(called.outputs["deployment-url"].starts_with("http"), "{called:?}");
    assert_eq!(runner.summary().rows.len(), 2);
}

#[test]
fn every_input_becomes_its_flag() {
    let runner = Runner::new();
    let inputs = [
        ("repository", "octo-org/other"),
        ("container", "web"),
        ("regexp", "^v(?P<ref>.*)$"),
        ("template", "release-{}"),
        ("task", "deploy:web"),
        ("production", "true"),
        ("transient", "false"),
        ("environment-url", "https://{name}.example.com"),
        ("log-url", "https://log.example.com/?a=1&b=$(id)"),
        ("wait", "true"),
        ("timeout", "1m"),
        ("dry-run", "false"),
        ("fail-fast", "true"),
        ("timeout-state", "error"),
        ("generation", "1"),
        ("kubeconfig", "/absent/kubeconfig"),
        ("context", "europe"),
        ("cluster-name", "europe"),
    ];
    let called = Call::new(&runner, &[&STAGING[..], &inputs].concat()).run();
    assert_eq!(called.last.code, 0, "{called:?}");
    let deployment = runner
        .laptop
        .github
        .deployments("octo-org/other", "staging")
        .pop()
        .unwrap();
    assert_eq!(
        (deployment.git_ref.as_str(), deployment.task.as_str()),
        ("release-1.2.3", "deploy:web")
    );
    assert!(deployment.production && !deployment.transient);
    let status = &deployment.statuses[0];
    assert_eq!(status.environment_url, "https://web.example.com/");
    assert_eq!(status.log_url, "https://log.example.com/?a=1&b=%24%28id%29");

    let called = Call::new(
        &runner,
        &[&STAGING[..], &[("json-path", "$.metadata.uid"), ("dry-run", "true")]].concat(),
    )
    .run();
    assert_eq!(called.last.code, 0, "{called:?}");
    assert!(called.last.stdout.contains("dry run"), "{called:?}");
    assert_eq!(runner.laptop.github.refs("octo-org/web", "staging"), [""; 0]);
}

/// What a repository's file turns on, an input turns off.
#[test]
fn an_input_that_is_false_comes_before_the_file() {
    let runner = Runner::new();
    runner.laptop.write(".kube-status-to-github.yaml", "wait: true\n");
    for (inputs, code) in [
        (&[("timeout", "1m")][..], 0),
        (&[("timeout", "1m"), ("wait", "")], 0),
        (&[("timeout", "1m"), ("wait", "false")], 2),
        (&[("wait", "false"), ("fail-fast", "false")], 0),
    ] {
        let called = Call::new(&runner, &[&STAGING[..], inputs].concat()).run();
        assert_eq!(called.last.code, code, "{inputs:?}: {called:?}");
        if code == 2 {
            let error = "--timeout is for --wait";
            assert!(called.last.stderr.contains(error), "{called:?}");
        }
    }
}

/// Whoever can name a branch, a pull request or an environment can put text into an input.
#[test]
fn an_input_is_one_value_whatever_it_holds() {
    let runner = Runner::new();
    let witness = runner.path("witness");
    let command = format!("\"; touch {0}; $(touch {0}) `touch {0}` ' --dry-run", witness.display());
    for environment in [command.as_str(), "--dry-run", "-n other", "a\nb", "*", "$HOME", "a=b"] {
        let inputs = [
            ("source", "deployment/web"),
            ("namespace", "shop"),
            ("environment", environment),
        ];
        let called = Call::new(&runner, &inputs).run();
        assert_eq!(called.last.code, 0, "{environment}: {called:?}");
        let states = runner.laptop.github.states("octo-org/web", environment);
        assert_eq!(states, [["success"]], "{environment}");
    }
    for source in ["--dry-run", "-h", command.as_str()] {
        let called = Call::new(&runner, &[("source", source), ("environment", "e")]).run();
        assert_eq!(called.last.code, 2, "{source}: {called:?}");
    }
    assert!(!witness.exists());
}

#[test]
fn wrong_inputs_are_named() {
    let runner = Runner::new();
    for (input, value, steps, message) in [
        ("binary", "/absent", 1, "input binary: /absent is no program"),
        ("wait", "yes", 2, "input wait: yes is neither true nor false"),
        (
            "wait",
            "100%\r%0A",
            2,
            "input wait: 100%\r%0A is neither true nor false",
        ),
        (
            "dry-run",
            "1\n::set-output name=a::b",
            2,
            "input dry-run: 1\n::set-output name=a::b is neither true nor false",
        ),
        (
            "source",
            "",
            2,
            "input source is missing: the object, as TYPE/NAME such as deployment/app",
        ),
    ] {
        let called = Call::new(&runner, &[&STAGING[..], &[(input, value)]].concat()).run();
        assert_ne!(called.last.code, 0, "{input}");
        assert_eq!(called.steps, steps, "{input}: {called:?}");
        let expected = ["error", "kube-status-to-github", message].map(str::to_owned);
        assert_eq!(annotations(&called.last.stdout), [expected.into()], "{input}");
    }
}

#[test]
fn credentials_of_the_job_come_before_the_runs_own_token() {
    let token = |environment: &[(&str, &str)], input: Option<&str>| {
        let runner = Runner::new();
        // A program that tells which credentials it got.
        let program = "#!/bin/sh\nprintf 'token=%s %s %s\\n' \"$GITHUB_TOKEN\" \"$GH_TOKEN\" \"$GITHUB_APP_ID\"\nenv | grep -c token_ || true\n";
        runner.laptop.write("program", program);
        make_executable(&runner, "program");
        let path = runner.path("program").display().to_string();
        let input = input.map(|token| ("github-token", token));
        let mut call = Call::new(
            &runner,
            &[&STAGING[..], &[("binary", &path)], input.as_slice()].concat(),
        );
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        call.environment = environment.collect::<Map>();
        let called = call.run();
        assert_eq!(called.last.code, 0, "{called:?}");
        called.last.stdout
    };
    assert_eq!(token(&[], None), "token=token_of_the_run  \n1\n");
    assert_eq!(token(&[], Some("token_of_mine")), "token=token_of_mine  \n1\n");
    assert_eq!(token(&[("GITHUB_TOKEN", "token_a")], None), "token=token_a  \n1\n");
    assert_eq!(token(&[("GH_TOKEN", "token_b")], None), "token= token_b \n1\n");
    assert_eq!(token(&[("GITHUB_APP_ID", "7")], None), "token=  7\n0\n");
}

pub fn make_executable(runner: &Runner, name: &str) {
    use std::{fs, os::unix::fs::PermissionsExt};
    fs::set_permissions(runner.path(name), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Inputs are the flags of `sync` for one source; what has no flag is about the action itself.
#[test]
fn inputs_are_flags_of_the_program() {
    let program = Arguments::command();
    let sync = program.find_subcommand("sync").unwrap();
    let flags: BTreeSet<&str> = sync
        .get_arguments()
        .filter_map(|argument| argument.get_long())
        .collect();
    let action = yaml("action.yml");
    for name in action["inputs"].as_object().unwrap().keys() {
        let known = match name.as_str() {
            "source" | "github-token" | "args" | "version" | "binary" => true,
            // Given to the program only where it is set.
            "fail-fast" => true,
            "repository" => flags.contains("repo"),
            name => flags.contains(name),
        };
        assert!(known, "{name} is no flag of sync");
    }
    // And every flag that makes a source from flags is an input.
    let of_a_source = sync
        .get_arguments()
        .filter(|argument| argument.get_help_heading() == Some("Source from flags (with TYPE/NAME)"));
    for flag in of_a_source.filter_map(|argument| argument.get_long()) {
        let input = if flag == "repo" { "repository" } else { flag };
        assert!(action["inputs"].get(input).is_some(), "action.yml has no input {input}");
    }
}

#[test]
fn each_step_gets_by_its_environment_what_its_script_reads() {
    let action = yaml("action.yml");
    assert_eq!(action["runs"]["using"], "composite");
    for (name, input) in action["inputs"].as_object().unwrap() {
        assert!(input["description"].is_string(), "{name}");
    }
    for step in action["runs"]["steps"].as_array().unwrap() {
        let run = step["run"].as_str().unwrap();
        let script = run
            .trim_start_matches("bash \"$GITHUB_ACTION_PATH/")
            .trim_end_matches('"');
        let script = std::fs::read_to_string(repository_file(script)).unwrap();
        for name in step["env"].as_object().unwrap().keys() {
            assert!(
                script.contains(&format!("${name}")) || script.contains(&format!("${{{name}")),
                "{name} is not read"
            );
        }
        for name in script
            .split(|c: char| !(c.is_ascii_uppercase() || c == '_'))
            .filter(|word| word.starts_with("INPUT_"))
        {
            assert!(step["env"].get(name).is_some(), "{name} is not set");
        }
    }
}

#[test]
fn the_version_is_that_of_the_program() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(yaml("action.yml")["inputs"]["version"]["default"], version);
    for (path, texts) in [
        (
            "examples/gitlab-ci.yml",
            vec![format!("-{version}-"), format!("/v{version}")],
        ),
        (
            "examples/github-actions/preview.yml",
            vec![format!(":v{version} "), format!("@v{version}")],
        ),
        (
            "examples/kustomize/kustomization.yaml",
            vec![format!("?ref=v{version}")],
        ),
    ] {
        let text = std::fs::read_to_string(repository_file(path)).unwrap();
        for expected in texts {
            assert!(text.contains(&expected), "{path} has no {expected}");
        }
    }
}
