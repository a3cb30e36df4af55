use std::{collections::BTreeSet, ffi::OsString, fs};

use clap::CommandFactory;
use tempfile::TempDir;

use super::{apply::Parsed, *};
use crate::cli::args::{self, Arguments, Details, SyncArguments};
use crate::report::Format;

/// A folder with a file of these settings.
fn folder(settings: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(NAME), settings).expect("write the file");
    folder
}

fn parse_with(folder: &TempDir, line: &str, variables: &[(&str, &str)]) -> Result<Parsed, String> {
    let words: Vec<OsString> = std::iter::once("kube-status-to-github")
        .chain(line.split_whitespace())
        .map(OsString::from)
        .collect();
    let lookup = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    parse(Arguments::command(), &words, Some(folder.path()), None, &lookup).map_err(|error| match error {
        ParseError::Usage(error) => error.to_string(),
        ParseError::File(error) => error.to_string(),
    })
}

fn sync(settings: &str, line: &str) -> SyncArguments {
    match parse_with(&folder(settings), line, &[]).expect(line).arguments.command {
        args::Command::Sync(arguments) => *arguments,
        other => panic!("{other:?}"),
    }
}

fn refused(settings: &str, line: &str) -> String {
    parse_with(&folder(settings), line, &[]).expect_err(settings)
}

#[test]
fn the_nearest_file_is_found() {
    let root = tempfile::tempdir().expect("a folder");
    let inner = root.path().join("a/b/c");
    fs::create_dir_all(&inner).expect("folders");
    assert_eq!(find(&inner, Some(root.path())), None);
    let file = |path: &str| {
        let file = root.path().join(path).join(NAME);
        fs::write(&file, "").expect("write a file");
        file
    };
    let outer = file("");
    assert_eq!(
        find(&inner, Some(root.path())),
        Some(outer.clone()),
        "home is looked at"
    );
    assert_eq!(find(&inner, Some(&root.path().join("a"))), None, "and nothing above it");
    assert_eq!(find(&inner, None), None, "anyone's");
    let near = file("a/b");
    assert_eq!(find(&inner, Some(root.path())), Some(near.clone()));
    assert_eq!(find(root.path(), None), Some(outer));
    fs::remove_file(near).expect("remove the file");
    fs::create_dir(root.path().join("a/.git")).expect("a repository");
    assert_eq!(find(&inner, None), None, "nothing beyond a repository");
    let of_repository = file("a");
    assert_eq!(find(&inner, None), Some(of_repository));
}

#[test]
fn a_file_gives_defaults_and_flags_come_first() {
    let settings = "
output: wide
details: minimal
wait: true
timeout: 90s
deadline: 1m
maxWrites: 8
since: 24h
exitZero: true
writeStatus: false
noCrossNamespaceRefs: true
clusterName: east
namespace: shop
logFormat: json
githubOrg: octo-org
";
    let arguments = sync(settings, "sync");
    assert_eq!(arguments.output.output, Format::Wide);
    assert_eq!(arguments.details, Details::Minimal);
    assert!(arguments.limits.wait);
    assert_eq!(arguments.limits.timeout.map(|timeout| timeout.as_secs()), Some(90));
    assert_eq!(arguments.limits.deadline.as_secs(), 60);
    assert_eq!(arguments.limits.max_writes, 8);
    assert_eq!(arguments.limits.since.map(|since| since.as_secs()), Some(86400));
    assert!(arguments.output.exit_zero && arguments.limits.no_cross_namespace_refs);
    assert!(!arguments.output.write_status);
    assert_eq!(arguments.cluster_name.as_deref(), Some("east"));
    assert_eq!(arguments.source.namespace.as_deref(), Some("shop"));
    assert_eq!(arguments.github.github_org.as_deref(), Some("octo-org"));

    let arguments = sync(
        settings,
        "sync -o name --details full --timeout 2m --max-writes 9 -n test --write-status=true --github-org other",
    );
    assert_eq!(arguments.output.output, Format::Name);
    assert_eq!(arguments.details, Details::Full);
    assert_eq!(arguments.limits.timeout.map(|timeout| timeout.as_secs()), Some(120));
    assert_eq!(arguments.limits.max_writes, 9);
    assert_eq!(arguments.source.namespace.as_deref(), Some("test"));
    assert!(arguments.output.write_status);
    assert_eq!(arguments.github.github_org.as_deref(), Some("other"));

    let parsed = parse_with(&folder(settings), "status", &[]).expect("a status");
    assert_eq!(parsed.arguments.log.log_format, args::LogFormat::Json);
    let args::Command::Status(status) = parsed.arguments.command else {
        panic!("a status");
    };
    assert_eq!(status.source.namespace.as_deref(), Some("shop"));
    assert!(!status.wait, "waiting is for sync");
}

#[test]
fn what_the_file_turns_on_can_be_turned_off() {
    let switches = KEYS.iter().filter(|key| key.kind == Kind::Flag);
    for key in switches {
        let settings = format!("{{{}: true, repo: a/b, environment: e, container: c}}", key.name);
        for (typed, expected) in [("", "true"), ("=false", "false"), ("=true", "true"), ("bare", "true")] {
            let flag = match typed {
                "" => String::new(),
                "bare" => key.flag(),
                value => format!("{}{value}", key.flag()),
            };
            // A word after it is no value of it.
            let line = format!("sync {flag} deploy/app");
            let parsed = parse_with(&folder(&settings), &line, &[]).expect(&line);
            let setting = parsed.settings.iter().find(|setting| setting.name == key.name);
            // To fail fast is for `--wait`.
            let expected = if key.name == "failFast" && typed.is_empty() {
                "false"
            } else {
                expected
            };
            assert_eq!(setting.expect(key.name).texts, [expected], "{line}");
            let args::Command::Sync(arguments) = parsed.arguments.command else {
                panic!("{line}");
            };
            assert_eq!(arguments.source.object, ["deploy/app"], "{line}");
        }
    }
}

#[test]
fn what_is_for_waiting_goes_with_it() {
    let settings = "{wait: true, timeout: 5m, failFast: true, timeoutState: error}";
    for (line, waits) in [
        ("sync", true),
        ("sync --wait", true),
        ("sync --wait=true", true),
        ("sync --wait=false", false),
        ("sync --wait=false --dry-run", false),
        ("sync --wait=false --interval 60s", false),
    ] {
        let limits = sync(settings, line).limits;
        assert_eq!(
            (
                limits.wait,
                limits.timeout.is_some(),
                limits.timeout_state.is_some(),
                limits.fail_fast
            ),
            (waits, waits, waits, waits),
            "{line}"
        );
    }
}

#[test]
fn without_a_file_nothing_changes() {
    let empty = tempfile::tempdir().expect("a folder");
    let parsed = parse_with(&empty, "sync -n shop", &[]).expect("a sync");
    assert!(parsed.file.is_none());
    for settings in ["", "# nothing\n", "---\n", "{}\n", "output: null\n"] {
        let parsed = parse_with(&folder(settings), "sync", &[]).expect(settings);
        let output = parsed
            .settings
            .iter()
            .find(|setting| setting.name == "output")
            .expect("output");
        assert_eq!(
            (output.texts[0].as_str(), output.origin.as_str()),
            ("table", "default"),
            "{settings:?}"
        );
    }
    for line in ["crd", "man", "completions bash"] {
        parse_with(&folder("nonsense: ["), line, &[]).expect(line);
    }
}

#[test]
fn a_default_is_not_in_the_way_of_a_flag() {
    let settings = "{wait: true, timeout: 5m, container: app, regexp: 'v(.*)', repo: shop/app, environment: staging}";
    for line in ["sync --dry-run", "sync --interval 60s", "sync --dry-run --exit-code"] {
        let arguments = sync(settings, line);
        assert!(!arguments.limits.wait && arguments.limits.timeout.is_none(), "{line}");
    }
    let arguments = sync("timeout: 5m", "sync");
    assert!(arguments.limits.timeout.is_none(), "nothing is waited for");
    assert!(sync("timeout: 5m", "sync --wait").limits.timeout.is_some());

    let arguments = sync(settings, "sync deploy/app");
    assert_eq!(arguments.repo.as_deref(), Some("shop/app"));
    let flags = arguments.flags;
    assert_eq!(flags.environment.as_deref(), Some("staging"));
    assert_eq!(
        (flags.container.as_deref(), flags.regexp.as_deref()),
        (Some("app"), Some("v(.*)"))
    );
    for line in ["sync deploy/app --ref v1", "sync deploy/app --json-path $.x"] {
        let flags = sync(settings, line).flags;
        assert!(
            flags.container.is_none() && flags.regexp.is_none(),
            "{line}: a rule is a whole"
        );
    }
}

#[test]
fn what_is_required_may_stand_in_the_file() {
    let parsed = parse_with(&folder("repo: shop/app"), "close --environment pr-1", &[]).expect("a close");
    assert!(matches!(parsed.arguments.command, args::Command::Close(close) if close.repo == "shop/app"));
    let error = refused("environment: pr-1", "close --repo shop/app");
    assert!(
        error.contains("--environment"),
        "what is closed has to be named: {error}"
    );
}

#[test]
fn deployments_are_those_of_the_file_unless_others_are_meant() {
    let settings = "
repo: shop/app
task: web
container: app
deployments:
- metadata: {name: web}
  spec: {sourceRef: {kind: Deployment, name: web}, repository: {environment: staging}}
- metadata: {name: api}
  spec:
    sourceRef: {kind: Deployment, name: api}
    extract: {jsonPath: $.x}
    repository: {name: shop/api, environment: staging, task: ''}
";
    let listed = sync(settings, "sync --dry-run").source.listed.expect("deployments");
    assert_eq!(listed.file, NAME);
    let specs: Vec<_> = listed.objects.iter().map(|object| object["spec"].clone()).collect();
    assert_eq!(
        specs,
        [
            serde_json::json!({
                "sourceRef": {"kind": "Deployment", "name": "web"},
                "repository": {"name": "shop/app", "environment": "staging", "task": "web"},
                "extract": {"containerName": "app"},
            }),
            serde_json::json!({
                "sourceRef": {"kind": "Deployment", "name": "api"},
                "repository": {"name": "shop/api", "environment": "staging", "task": "web"},
                "extract": {"jsonPath": "$.x"},
            }),
        ]
    );
    for (line, unused) in [
        ("sync -n shop", "namespace"),
        ("sync -A", "all_namespaces"),
        ("sync -l a=b", "selector"),
        ("sync -f x.yaml", "filename"),
        ("sync deploy/app", "object"),
    ] {
        let parsed = parse_with(&folder(settings), line, &[]).expect(line);
        assert_eq!(parsed.unused, Some(unused), "{line}");
        let args::Command::Sync(arguments) = parsed.arguments.command else {
            panic!("{line}");
        };
        assert!(arguments.source.listed.is_none(), "{line}");
    }
    let parsed = parse_with(&folder("namespace: shop"), "sync", &[]).expect("a sync");
    assert_eq!(parsed.unused, None, "there are none");
}

#[test]
fn doctor_looks_at_what_sync_would_work_with() {
    let settings = "
namespace: shop
repo: shop/app
deployments:
- metadata: {name: web}
  spec: {sourceRef: {kind: Deployment, name: web}, repository: {environment: staging}}
";
    for (line, listed, repositories, namespace) in [
        ("doctor", true, &[][..], Some("shop")),
        ("doctor --repo shop/other", false, &["shop/other"], None),
        ("doctor --repo shop/other -n test", false, &["shop/other"], Some("test")),
        ("doctor deploy/app", false, &["shop/app"], Some("shop")),
        ("doctor -n test", false, &[], Some("test")),
    ] {
        let parsed = parse_with(&folder(settings), line, &[]).expect(line);
        let args::Command::Doctor(doctor) = parsed.arguments.command else {
            panic!("{line}");
        };
        assert_eq!(doctor.source.listed.is_some(), listed, "{line}");
        assert_eq!(doctor.repo, repositories, "{line}");
        assert_eq!(doctor.source.namespace.as_deref(), namespace, "{line}");
    }
}

#[test]
fn what_only_a_named_file_may_hold() {
    let values = [
        ("githubApi", "https://github.example.com", "--github-api or GITHUB_API"),
        ("githubAppId", "7", "--github-app-id or GITHUB_APP_ID"),
        (
            "githubAppInstallationId",
            "9",
            "--github-app-installation-id or GITHUB_APP_INSTALLATION_ID",
        ),
        (
            "githubAppPrivateKeyFile",
            "app.pem",
            "--github-app-private-key-file or GITHUB_APP_PRIVATE_KEY_FILE",
        ),
        ("kubeconfig", "config", "--kubeconfig or KUBECONFIG"),
        ("context", "east", "--context"),
        ("repositoryAllow", "[shop/*]", "--repository-allow"),
    ];
    for (key, value, instead) in values {
        let error = refused(&format!("output: wide\n{key}: {value}\n"), "sync");
        let start = format!("{NAME}:2: {key} is not taken from a file that was only found");
        assert!(
            error.starts_with(&start) && error.contains(&format!("give {instead},")),
            "{error}"
        );
    }
    let of_keys: BTreeSet<_> = KEYS
        .iter()
        .filter(|key| !key.may_be_found)
        .map(|key| key.name)
        .collect();
    assert_eq!(of_keys, values.map(|(key, ..)| key).into_iter().collect());

    let folder = folder(&values.map(|(key, value, _)| format!("{key}: {value}\n")).concat());
    let file = folder.path().join(NAME);
    let line = format!("sync --config {}", file.display());
    let parsed = parse_with(&folder, &line, &[]).expect("it is named");
    let args::Command::Sync(arguments) = parsed.arguments.command else {
        panic!("a sync");
    };
    assert_eq!(
        arguments.github.github_api.as_deref(),
        Some("https://github.example.com")
    );
    assert_eq!(arguments.github.github_app_id.as_deref(), Some("7"));
    assert_eq!(arguments.limits.repository_allow, ["shop/*"]);
    let beside = |name: &str| Some(folder.path().join(name));
    assert_eq!(
        arguments.kubernetes.kubeconfig,
        beside("config"),
        "from where the file is"
    );
    assert_eq!(arguments.github.github_app_private_key_file, beside("app.pem"));

    // The environment comes before the file, and so does a flag; a context goes with its kubeconfig.
    for (line, variables) in [
        (line.clone(), &[("KUBECONFIG", "/k")][..]),
        (format!("{line} --kubeconfig k"), &[]),
    ] {
        let parsed = parse_with(&folder, &line, variables).expect(&line);
        let args::Command::Sync(arguments) = parsed.arguments.command else {
            panic!("a sync");
        };
        assert_ne!(arguments.kubernetes.kubeconfig, beside("config"), "{line}");
        assert_eq!(arguments.kubernetes.context, None, "{line}");
    }
}

#[test]
fn what_makes_no_sense_is_told_with_its_place() {
    for (settings, expected) in [
        (
            "ouput: wide",
            ".kube-status-to-github.yaml:1: unknown setting \"ouput\", did you mean `output`?",
        ),
        (
            "# x\n\n'ouput' : wide",
            ".kube-status-to-github.yaml:3: unknown setting \"ouput\", did you mean",
        ),
        ("zzz: 1", "unknown setting \"zzz\"; there are output, logFormat,"),
        (
            "output: tabel",
            ":1: output: unknown variant `tabel`, expected one of `table`,",
        ),
        (
            "maxWrites: many",
            ":1: maxWrites: invalid type: string \"many\", expected a whole number",
        ),
        (
            "maxWrites: -1",
            ":1: maxWrites: invalid number, expected a whole number",
        ),
        (
            "environment: on",
            ":1: environment: invalid type: boolean `true`, expected a string: put it in quotes",
        ),
        ("repo: a/b\nrepo: a/c", ":2:1: the key repo stands here a second time"),
        ("timeout: 60", ":1: timeout: invalid type: number, expected a string"),
        (
            "timeout: '60'",
            ":1: timeout: \"60\": write a number with its unit, such as 60s, 5m or 1h30m",
        ),
        (
            "wait: often",
            ":1: wait: invalid type: string \"often\", expected a boolean",
        ),
        (
            "deployments: 5",
            ":1: deployments: invalid type: number, expected a sequence",
        ),
        (
            "- output",
            ".kube-status-to-github.yaml: this is an array; write settings such as output: wide",
        ),
        (
            "apiVersion: v1\nkind: Pod",
            ".kube-status-to-github.yaml: this is a Kubernetes object, which -f reads; write settings",
        ),
        ("wide", ".kube-status-to-github.yaml: this is plain text"),
        ("output: wide\n---\noutput: json", "has several documents"),
        ("output: [", ".kube-status-to-github.yaml:1:"),
    ] {
        let error = refused(settings, "sync");
        assert!(error.contains(expected), "{settings:?}: {error}");
    }
    let error = parse_with(&folder(""), "sync --config absent.yaml", &[]).expect_err("no file");
    assert!(error.starts_with("absent.yaml cannot be read: No such file"), "{error}");
}

#[test]
fn each_setting_has_an_origin() {
    let settings = "output: wide\nnamespace: shop\ncontainer: app\ndeployments: []\n";
    let parsed = parse_with(&folder(settings), "sync deploy/app --details full --json-path $.x", &[]).expect("a sync");
    let shown: Vec<String> = parsed
        .settings
        .iter()
        .map(|setting| format!("{} {} {}", setting.name, setting.texts.join(","), setting.origin))
        .collect();
    assert_eq!(
        shown,
        [
            "output wide .kube-status-to-github.yaml:1",
            "logFormat text default",
            "details full --details",
            "wait false default",
            "failFast false default",
            "deadline 5m default",
            "maxWrites 80 default",
            "exitZero false default",
            "writeStatus true default",
            "noCrossNamespaceRefs false default",
            "namespace shop .kube-status-to-github.yaml:2",
            "jsonPath $.x --json-path",
        ]
    );
}

/// Arguments that are no settings: they say what is done this time, or on what.
const NO_SETTINGS: [&str; 15] = [
    "config",
    "object",
    "filename",
    "objects",
    "all_namespaces",
    "selector",
    "git_ref",
    "generation",
    "dry_run",
    "print_config",
    "exit_code",
    "interval",
    "color",
    "verbose",
    "help",
];

#[test]
fn every_argument_of_sync_is_a_setting_or_is_none_on_purpose() {
    let mut command = Arguments::command();
    command.build();
    let sync = command.find_subcommand("sync").expect("sync");
    let arguments: BTreeSet<&str> = sync
        .get_arguments()
        .map(|argument| argument.get_id().as_str())
        .collect();
    let of_keys = KEYS
        .iter()
        .filter(|key| key.commands.contains(&"sync"))
        .map(|key| key.argument);
    let decided: BTreeSet<&str> = of_keys.chain(NO_SETTINGS).collect();
    assert_eq!(
        arguments, decided,
        "a new flag goes to KEYS of config_file/settings.rs, where the file may hold its default, or to NO_SETTINGS"
    );
    for key in KEYS {
        for name in key.commands {
            let command = command.find_subcommand(name).expect(name);
            let argument = command
                .get_arguments()
                .find(|argument| argument.get_id() == key.argument);
            let argument = argument.unwrap_or_else(|| panic!("{name} has no {}", key.argument));
            assert_eq!(argument.get_long(), Some(&key.flag()[2..]), "{}", key.name);
            let variable = argument.get_env().and_then(std::ffi::OsStr::to_str);
            assert_eq!(
                variable,
                key.variable.filter(|variable| *variable != "KUBECONFIG"),
                "{}",
                key.name
            );
        }
    }
}
