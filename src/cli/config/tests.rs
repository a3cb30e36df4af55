mod github;

use clap::Parser;

use super::*;
use crate::{
    cli::args::{Arguments, Command, Details},
    report::Format,
};
use crate::{plan::State, sync::Waiting};

const TOKEN: (&str, &str) = ("GITHUB_TOKEN", "secret-token");

fn arguments(line: &str) -> Result<Command, clap::Error> {
    let words = line.split_whitespace().map(|word| word.replace("''", ""));
    Arguments::try_parse_from(std::iter::once("kube-status-to-github".to_owned()).chain(words))
        .map(|arguments| arguments.command)
}

fn sync_with(line: &str, variables: &[(&str, &str)]) -> Result<SyncConfig, String> {
    let variables: Vec<(String, String)> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let lookup = move |name: &str| {
        variables
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.clone())
    };
    match arguments(line) {
        Ok(Command::Sync(arguments)) => SyncConfig::new(*arguments, &lookup).map_err(|error| error.to_string()),
        Ok(_) => panic!("{line} is not a sync"),
        Err(error) => Err(error.to_string()),
    }
}

fn sync(line: &str) -> Result<SyncConfig, String> {
    sync_with(line, &[TOKEN])
}

#[test]
fn the_command_line_is_well_formed() {
    use clap::CommandFactory;
    Arguments::command().debug_assert();
}

/// A rollout that fails has to be seen to fail.
#[test]
fn the_default_timeout_is_longer_than_a_deployment_takes_to_fail() {
    use clap::CommandFactory;
    const PROGRESS_DEADLINE: Duration = Duration::from_secs(600);
    assert!(DEFAULT_TIMEOUT >= PROGRESS_DEADLINE + Duration::from_secs(60));
    for command in ["sync", "status"] {
        let mut program = Arguments::command();
        let help = program.find_subcommand_mut(command).expect("a command").render_help();
        let told = format!(
            "give up after this time [default: {}]",
            humantime::format_duration(DEFAULT_TIMEOUT)
        );
        assert!(help.to_string().contains(&told), "{command}: {told}");
    }
}

#[test]
fn defaults() {
    let config = sync("sync").expect("sync needs no flag");
    assert!(matches!(
        config.declarations,
        Declarations::Cluster {
            all_namespaces: false,
            selector: None
        }
    ));
    assert_eq!(config.objects, Objects::Cluster);
    assert_eq!(config.cluster, Some(ClusterConfig::default()));
    assert_eq!(config.repeat, Repeat::Once);
    assert_eq!(config.deadline, Duration::from_secs(300));
    assert_eq!(config.max_writes, 80);
    assert_eq!(config.details, Details::Auto);
    assert_eq!(config.output, Format::Table);
    assert!(config.write_status);
    assert!(!config.dry_run && !config.exit_code && !config.exit_zero && !config.no_cross_namespace_refs);
    assert!(config.since.is_none() && config.cluster_name.is_none() && config.repository_allow.is_empty());
}

#[test]
fn each_flag_arrives() {
    let config = sync(
        "sync -A -l team=shop --dry-run --exit-code --exit-zero --write-status=false -o wide --details minimal \
         --cluster-name east --wait --timeout 90s --fail-fast --timeout-state error --deadline 1m --max-writes 8 --since 24h \
         --no-cross-namespace-refs --repository-allow shop/* --kubeconfig k --context c --github-org shop",
    )
    .expect("all flags of a cluster's sync");
    assert!(matches!(
        &config.declarations,
        Declarations::Cluster { all_namespaces: true, selector: Some(selector) } if selector == "team=shop"
    ));
    assert!(config.dry_run && config.exit_code && config.exit_zero && config.no_cross_namespace_refs);
    assert!(!config.write_status);
    assert_eq!(config.output, Format::Wide);
    assert_eq!(config.details, Details::Minimal);
    assert_eq!(config.cluster_name.as_deref(), Some("east"));
    assert_eq!(
        config.repeat,
        Repeat::UntilFinal(Waiting {
            timeout: Duration::from_secs(90),
            fail_fast: true,
            timeout_state: Some(State::Error),
        })
    );
    assert_eq!(config.deadline, Duration::from_secs(60));
    assert_eq!(config.max_writes, 8);
    assert_eq!(config.since, Some(Duration::from_secs(86400)));
    assert_eq!(config.repository_allow.len(), 1);
    assert_eq!(config.github.owner.as_deref(), Some("shop"));
    let cluster = config.cluster.expect("objects are in the cluster");
    assert_eq!(cluster.kubeconfig, Some("k".into()));
    assert_eq!(cluster.context.as_deref(), Some("c"));
    assert_eq!(
        sync("sync --interval 1m").expect("interval").repeat,
        Repeat::Every(Duration::from_secs(60))
    );
    for (line, expected) in [
        ("sync --wait=false", Repeat::Once),
        ("sync --wait=false --fail-fast=false", Repeat::Once),
        (
            "sync --wait=false --interval 1m",
            Repeat::Every(Duration::from_secs(60)),
        ),
    ] {
        assert_eq!(sync(line).expect(line).repeat, expected, "{line}");
    }
    assert_eq!(
        sync("sync --wait").expect("wait").repeat,
        Repeat::UntilFinal(Waiting {
            timeout: DEFAULT_TIMEOUT,
            fail_fast: false,
            timeout_state: None,
        })
    );
}

#[test]
fn one_source_from_flags() {
    let config = sync(
        "sync deploy/app -n shop --repo app --github-org shop --environment pr-1 --json-path $.x --regexp (.*) \
         --template v{} --task web --production=false --transient --environment-url https://e --log-url https://l --generation 7",
    )
    .expect("all flags of one source");
    assert_eq!(config.namespace.as_deref(), Some("shop"));
    let Declarations::Flags {
        typed,
        all_namespaces: false,
        spec,
        git_ref: None,
        generation: Some(7),
    } = config.declarations
    else {
        panic!("a source from flags");
    };
    assert_eq!(typed.described(), "deploy/app");
    assert!(typed.is_known());
    assert_eq!(spec.extract.json_path.as_deref(), Some("$.x"));
    assert_eq!(spec.extract.regexp.as_deref(), Some("(.*)"));
    assert_eq!(spec.extract.template.as_deref(), Some("v{}"));
    assert_eq!(spec.repository.name, "shop/app");
    assert_eq!(spec.repository.environment, "pr-1");
    assert_eq!(spec.repository.task.as_deref(), Some("web"));
    assert_eq!(spec.repository.production, Some(false));
    assert_eq!(spec.repository.transient, Some(true));
    assert_eq!(spec.repository.environment_url.as_deref(), Some("https://e"));
    assert_eq!(spec.repository.log_url.as_deref(), Some("https://l"));

    let config = sync("sync deploy/app --repo shop/app --environment e --ref v1").expect("a given ref");
    assert!(matches!(config.declarations, Declarations::Flags { git_ref: Some(git_ref), .. } if git_ref == "v1"));
}

#[test]
fn a_source_from_flags_in_github_actions() {
    let run = [
        TOKEN,
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_REPOSITORY", "octo-org/web"),
        ("GITHUB_SERVER_URL", "https://github.example"),
        ("GITHUB_RUN_ID", "42"),
        ("GITHUB_SHA", "1111111"),
        ("GITHUB_EVENT_NAME", "push"),
    ];
    let page = "https://github.example/octo-org/web/actions/runs/42";
    for (flags, repository, git_ref, log) in [
        ("", "octo-org/web", Some("1111111"), page),
        (
            "--repo a/b --ref v1 --log-url https://l",
            "a/b",
            Some("v1"),
            "https://l",
        ),
        // The owner of the run is no owner of a repository that is named.
        ("--repo b --github-org a", "a/b", Some("1111111"), page),
        ("--container app", "octo-org/web", None, page),
        ("--json-path $.x --regexp '' --log-url ''", "octo-org/web", None, page),
        ("--regexp '' --template ''", "octo-org/web", Some("1111111"), page),
    ] {
        let config = sync_with(&format!("sync deploy/app --environment e {flags}"), &run).expect(flags);
        let Declarations::Flags {
            spec, git_ref: given, ..
        } = config.declarations
        else {
            panic!("{flags}: a source from flags");
        };
        assert_eq!(spec.repository.name, repository, "{flags}");
        assert_eq!(given.as_deref(), git_ref, "{flags}");
        assert_eq!(spec.repository.log_url.as_deref(), Some(log), "{flags}");
    }
    for (line, variables, problem) in [
        ("sync deploy/app --environment e", &run[..1], "needs --repo"),
        ("sync deploy/app --environment e", &run[..2], "needs --repo"),
        (
            "sync deploy/app --environment e",
            &run[..3],
            "needs one of --container, --json-path and --ref",
        ),
        (
            "sync deploy/app --environment e --regexp x",
            &run,
            "needs one of --container, --json-path and --ref",
        ),
        ("sync deploy/app", &run, "needs --environment"),
    ] {
        let error = sync_with(line, variables).expect_err(line);
        assert!(error.contains(problem), "{line}: {error}");
    }
}

#[test]
fn other_pipelines_are_not_guessed_from() {
    for variables in [
        &[
            TOKEN,
            ("GITLAB_CI", "true"),
            ("CI_PROJECT_PATH", "octo-org/web"),
            ("CI_COMMIT_SHA", "1111111"),
        ][..],
        &[
            TOKEN,
            ("JENKINS_URL", "https://j"),
            ("GIT_COMMIT", "1111111"),
            ("GIT_URL", "https://github.com/octo-org/web"),
        ],
        &[
            TOKEN,
            ("CI", "true"),
            ("GITHUB_REPOSITORY", "octo-org/web"),
            ("GITHUB_SHA", "1111111"),
        ],
    ] {
        let error = sync_with("sync deploy/app --environment e", variables).expect_err("no repository");
        assert!(error.contains("needs --repo"), "{error}");
    }
}

#[test]
fn a_cluster_only_where_something_comes_from_it() {
    for (line, cluster, paths) in [
        ("sync -f a.yaml", true, "a.yaml"),
        ("sync -f a.yaml -f b --objects c", false, "a.yaml b c"),
        ("sync -f - --objects c", false, "- c"),
        ("sync --objects -", true, "-"),
        (
            "sync deploy/app --repo a/b --environment e --ref v1 --objects c",
            false,
            "c",
        ),
        ("sync", true, ""),
    ] {
        let config = sync(line).expect(line);
        assert_eq!(config.cluster.is_some(), cluster, "{line}");
        let read: Vec<_> = config.paths().map(|path| path.display().to_string()).collect();
        assert_eq!(read.join(" "), paths, "{line}");
    }
}

#[test]
fn what_status_looks_at() {
    for (line, expected, cluster) in [
        ("status", "declared", true),
        ("status -A", "declared", true),
        ("status -f a.yaml", "files", true),
        ("status -f a.yaml --objects b", "files", false),
        ("status -A --objects b", "declared", true),
        ("status --objects b", "objects", false),
        ("status deploy/app", "object", true),
        ("status deploy/app --objects b", "object", false),
        ("status deploy -l a=b", "object", true),
        ("status deploy -l a=b -A", "object", true),
        ("status -l a=b", "declared", true),
    ] {
        let Ok(Command::Status(arguments)) = arguments(line) else {
            panic!("{line}");
        };
        let config = StatusConfig::new(arguments).expect(line);
        let subject = match config.subject {
            Subject::Declared(_) => "declared",
            Subject::Typed { .. } => "object",
            Subject::Objects => "objects",
            Subject::Files(_) => "files",
        };
        assert_eq!((subject, config.cluster.is_some()), (expected, cluster), "{line}");
    }
}

#[test]
fn what_close_needs() {
    let close = |line: &str, variables: Variables<'_>| {
        let Ok(Command::Close(arguments)) = arguments(line) else {
            panic!("{line}");
        };
        CloseConfig::new(arguments, variables).map_err(|error| error.to_string())
    };
    let token = |name: &str| (name == "GH_TOKEN").then(|| "t".to_owned());
    let config = close("close --repo shop/app --environment pr-1 --dry-run", &token).expect("a close");
    assert_eq!(config.repository.to_string(), "shop/app");
    assert_eq!(config.environment, "pr-1");
    assert!(config.dry_run && config.task.is_none());
    let error = close("close --repo app --environment pr-1", &token).expect_err("no owner");
    assert!(error.contains("--github-org"), "{error}");
    let error = close("close --repo a/b --environment e", &|_| None).expect_err("no token");
    assert!(error.contains("GITHUB_TOKEN"), "{error}");
}

#[test]
fn bad_usage_says_what_to_write() {
    let long = format!("sync deploy/app --repo a/b --ref v1 --environment {}", "é".repeat(256));
    for (line, expected) in [
        ("sync deploy/app", "needs --repo"),
        ("sync deploy/app --repo a/b", "needs --environment"),
        (
            "sync deploy/app --repo a/b --environment e",
            "needs one of --container, --json-path and --ref",
        ),
        ("sync deploy/app --repo b --environment e --ref v1", "--github-org"),
        (
            "sync deploy/app --repo a/b/c --environment e --ref v1",
            "write OWNER/NAME",
        ),
        (
            "sync deploy/app --repo a/b --environment '' --ref v1",
            "--environment is empty",
        ),
        (&long, "--environment is too long"),
        ("sync deploy/app --repo a/b --environment e --ref ''", "--ref is empty"),
        (
            "sync deploy/app --repo a/b --environment e --ref v1 --container c",
            "cannot be used with",
        ),
        (
            "sync deploy/app --repo a/b --environment e --container c --regexp (",
            "regexp \"(\" cannot be read: unclosed group",
        ),
        (
            "sync deploy/app --repo a/b --environment e --json-path $.",
            "jsonPath \"$.\" cannot be read",
        ),
        (
            "sync deploy --repo a/b --environment e --ref v1",
            "\"deploy\" is a type without a name; write for example deploy/app, deploy app, or deploy -l app=shop",
        ),
        (
            "sync deploy/app web --repo a/b --environment e --ref v1",
            "\"web\" is not of the form TYPE/NAME",
        ),
        (
            "sync deploy app -l a=b --repo a/b --environment e --ref v1",
            "write deploy -l a=b without a name",
        ),
        (
            "sync deploy web api",
            "deploy/web deploy/api needs --repo; write for example: sync deploy/web deploy/api",
        ),
        ("sync deploy -l a=b", "deploy -l a=b needs --repo"),
        ("sync --repo a/b", "TYPE/NAME"),
        (
            "sync deploy/app -A --repo a/b --environment e --ref v1",
            "-A cannot be used with names",
        ),
        ("sync -f x -A", "cannot be used with"),
        ("sync -f x -l a=b", "cannot be used with"),
        ("sync -n a -A", "cannot be used with"),
        ("sync -n ''", "--namespace is empty"),
        ("sync -n ../shop", "--namespace is not the name of a namespace"),
        ("sync -n Shop", "--namespace is not the name of a namespace"),
        ("sync -f - --objects -", "stdin can be read once"),
        ("sync --interval 0s", "longer than zero"),
        ("sync --interval 60", "such as 60s"),
        (
            "sync --deadline 18446744073709551615s",
            "not be longer than a thousand years",
        ),
        (
            "sync --wait --timeout 584542046090y",
            "not be longer than a thousand years",
        ),
        ("sync --since 1001y", "not be longer than a thousand years"),
        ("sync --interval 60s --wait", "--interval cannot be used with --wait"),
        ("sync --timeout 60s", "--wait"),
        ("sync --wait=false --timeout 60s", "--timeout is for --wait"),
        ("sync --wait=false --fail-fast", "--fail-fast is for --wait"),
        (
            "sync --wait=false --timeout-state error",
            "--timeout-state is for --wait",
        ),
        ("sync --wait=maybe", "invalid value 'maybe'"),
        ("sync --exit-code", "--dry-run"),
        ("sync --repository-allow shop", "write OWNER/NAME"),
        ("sync --repository-allow =shop/*", "namespace before = is empty"),
        ("sync --repository-allow shop/[", "--repository-allow \"shop/[\""),
        ("sync --cluster-name ''", "--cluster-name is empty"),
        ("sync --github-api http://github.example.com", "write https://"),
        ("sync --github-api http://127.0.0.1.example.com", "write https://"),
        ("sync --github-api ftp://github.example.com", "scheme"),
        ("sync --github-api https://x.io/?a=b", "query"),
        ("sync --github-app-installation-id x", "is not a number"),
    ] {
        let error = sync(line).err().unwrap_or_else(|| panic!("{line} should be refused"));
        assert!(error.contains(expected), "{line}: {error}");
    }
    let error = sync("sync --github-api https://me:hunter2@x.io").expect_err("credentials");
    assert!(error.contains("leave it out") && !error.contains("hunter2"), "{error}");
}

#[test]
fn repositories_that_are_allowed() {
    for (typed, namespace, repository, expected) in [
        ("shop/*", Some("a"), "shop/app", true),
        ("shop/*", None, "SHOP/App", true),
        ("shop/*", Some("a"), "shop-evil/app", false),
        ("*/app", Some("a"), "shop/app", true),
        ("sh*/app", Some("a"), "shop/app", true),
        ("*p/*", Some("a"), "shop/app", true),
        ("*/p", Some("a"), "shop/app", false),
        ("a=shop/*", Some("a"), "shop/app", true),
        ("a=shop/*", Some("b"), "shop/app", false),
        ("a=shop/*", None, "shop/app", false),
        ("shop/app", Some("a"), "shop/app2", false),
        ("Shop/APP", Some("a"), "shop/app", true),
        ("*/*", Some("a"), "shop/app", true),
    ] {
        let line = format!("sync --repository-allow {typed}");
        let [allow] = &sync(&line).expect(&line).repository_allow[..] else {
            panic!("{line}");
        };
        let repository = Repository::parse(repository, None).expect(repository);
        assert_eq!(
            allow.allows(namespace, &repository),
            expected,
            "{typed} {namespace:?} {repository}"
        );
    }
}
