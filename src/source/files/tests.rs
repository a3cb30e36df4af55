use std::fmt::Write;

use super::*;

const GOOD: &str = "
apiVersion: github.decathlon.com/v1beta1
kind: GitHubDeployment
metadata:
  name: example
spec:
  sourceRef: {kind: Deployment, name: podinfo}
  extract: {containerName: podinfo}
  repository: {name: r, environment: e}
";

fn good(name: &str) -> String {
    GOOD.replace("example", name)
}

fn declare(text: &str) -> Result<Declared, SourceError> {
    declared_in_files(&["-".into()], "shop", text.as_bytes())
}

/// What each declaration is called, and its error.
fn told(declared: &Declared) -> Vec<String> {
    let one = |declaration: &Declaration| match &declaration.spec {
        Ok(_) => declaration.described.clone(),
        Err(error) => format!("{}: {}: {error}", declaration.described, error.reason()),
    };
    declared.declarations.iter().map(one).collect()
}

#[test]
fn forms_of_a_file() {
    let two = ["GitHubDeployment shop/a", "GitHubDeployment shop/b"];
    let json = |name: &str| {
        let object: Value = serde_saphyr::from_str(&good(name)).expect("YAML");
        object.to_string()
    };
    let indented = |name: &str| good(name).trim().replace('\n', "\n  ");
    let rows = [
        (
            "several documents",
            format!("---\n{}\n---\n---\n# nothing\n---\n{}", good("a"), good("b")),
        ),
        ("byte order mark", format!("\u{feff}{}\n---\n{}", good("a"), good("b"))),
        ("JSON documents", format!("{}\n{}", json("a"), json("b"))),
        (
            "List",
            format!(
                "apiVersion: v1\nkind: List\nitems:\n- {}\n- {}",
                indented("a"),
                indented("b")
            ),
        ),
        (
            "List in JSON",
            format!(
                r#"{{"apiVersion": "v1", "kind": "List", "items": [{}, {}]}}"#,
                json("a"),
                json("b")
            ),
        ),
        (
            "list of the kind, whose items do not repeat it",
            format!(
                "apiVersion: github.decathlon.com/v1beta1\nkind: GitHubDeploymentList\nitems:\n- {}\n- {}",
                indented("a").split_off(indented("a").find("metadata").expect("a field")),
                indented("b").split_off(indented("b").find("metadata").expect("a field")),
            ),
        ),
        (
            "JSON documents with lines between",
            format!("{}\n---\n{}\n---\n", json("a"), json("b")),
        ),
        ("YAML after JSON", format!("{}\n--- # YAML\n{}", json("a"), good("b"))),
        (
            "lists in a list",
            format!(
                "{{apiVersion: v1, kind: List, items: [{{apiVersion: v1, kind: List, items: [{}]}}, {}, {empty}]}}",
                json("a"),
                json("b"),
                empty = "{apiVersion: v1, kind: List}"
            ),
        ),
        (
            "lists in a list in JSON",
            format!(
                r#"{{"items": [{{"items": [{}], "kind": "List", "apiVersion": "v1"}}, {}], "kind": "List"}}"#,
                json("a"),
                json("b")
            ),
        ),
        (
            "other kinds beside",
            format!(
                "{}\n---\n{{apiVersion: v1, kind: Service}}\n---\n{}",
                good("a"),
                good("b")
            ),
        ),
        (
            "the older version",
            format!("{}\n---\n{}", good("a"), good("b").replace("v1beta1", "v1alpha1")),
        ),
    ];
    for (name, text) in rows {
        let declared = declare(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(told(&declared), two, "{name}");
        assert_eq!(declared.complete, Complete::Nothing);
    }
}

#[test]
fn files_that_give_nothing() {
    let deep = "[".repeat(1_000_000);
    let rows = [
        (
            "empty",
            String::new(),
            "FileEmpty",
            "standard input is empty: it should hold objects as YAML or JSON",
        ),
        (
            "comments",
            "# x\n---\n".to_owned(),
            "FileEmpty",
            "standard input is empty: it should hold objects as YAML or JSON",
        ),
        (
            "text",
            "hello".repeat(200_000),
            "NotAnObject",
            "standard input: this is plain text; every document needs apiVersion, kind and metadata.name",
        ),
        (
            "no kind",
            "a: b".to_owned(),
            "NotAnObject",
            "standard input: apiVersion is missing; every document needs apiVersion, kind and metadata.name",
        ),
        ("tab", "a:\n\tb: c".to_owned(), "FileInvalid", "standard input:2:2: "),
        ("brackets", deep, "FileInvalid", "standard input:1:"),
        (
            "double key",
            "a: 1\na: 2".to_owned(),
            "FileInvalid",
            "standard input:2:1: the key a stands here a second time",
        ),
        (
            "null as a key",
            "a: 1\nnull: 2".to_owned(),
            "FileInvalid",
            "standard input:2:1: a key cannot be null: put it in quotes",
        ),
        (
            "a template",
            "a: {{ .Values.a }}".to_owned(),
            "FileInvalid",
            "standard input:1:5: a key has to be text; a template such as {{ .Values.x }} has to be filled in first",
        ),
        (
            "a number without end",
            "a: .inf".to_owned(),
            "FileInvalid",
            "standard input:1:4: .inf is no number that JSON has: put it in quotes",
        ),
        (
            "an alias of nothing",
            "a: *b".to_owned(),
            "FileInvalid",
            "standard input:1:4: alias references unknown anchor",
        ),
        (
            "null among objects",
            "{apiVersion: v1, kind: List, items: [null]}".to_owned(),
            "NotAnObject",
            "standard input item 1: this is null; ",
        ),
        (
            "number",
            "3".to_owned(),
            "NotAnObject",
            "standard input: this is a number; ",
        ),
        (
            "kind that is no text",
            "{apiVersion: v1, kind: 3}".to_owned(),
            "NotAnObject",
            "standard input: kind is a number, no text; ",
        ),
        (
            "no YAML after JSON",
            "{\"apiVersion\": \"v1\", \"kind\": \"X\"}\n---\na: b: c".to_owned(),
            "FileInvalid",
            "standard input:3:5: ",
        ),
        (
            "others only",
            "{apiVersion: v1, kind: Service}".to_owned(),
            "NothingDeclared",
            "standard input: no GitHubDeployment there; found Service",
        ),
        (
            "empty list",
            "{apiVersion: v1, kind: List, items: []}".to_owned(),
            "NothingDeclared",
            "standard input: no GitHubDeployment there; found nothing",
        ),
    ];
    for (name, text, reason, message) in rows {
        let error = declare(&text).expect_err(name);
        assert_eq!(error.reason(), reason, "{name}: {error}");
        let told = error.to_string();
        assert!(told.starts_with(message), "{name}: {told}");
        assert!(told.len() < 200, "{name}: {told}");
    }
    let rows: [(&[u8], &str); 4] = [
        (b"a\xff", "byte 2 does not belong there"),
        (
            b"\xff\xfea\0",
            "byte 1 does not belong there; it looks like UTF-16, save it as UTF-8",
        ),
        (
            b"\x1f\x8b\x08\0",
            "byte 2 does not belong there; it looks like gzip, unpack it first",
        ),
        (
            b"{\"apiVersion\": \"v1\",\n\"kind\": \"X\"}\n---\na: \xff",
            "byte 42 does not belong there",
        ),
    ];
    for (bytes, expected) in rows {
        let error = declared_in_files(&["-".into()], "shop", bytes).expect_err(expected);
        let expected = format!("standard input is not text in UTF-8: {expected}");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn of_a_key_that_stands_twice_in_an_observed_object_the_last_one_counts() {
    let text = "{apiVersion: v1, kind: X, status: {n: 1, n: 2}, status: {n: 3, m: 0644}, x: &x {a: 1, a: 2}, y: *x}";
    let objects = objects_from_files(&["-".into()], text.as_bytes()).expect("as kubectl reads it");
    // In YAML 1.1, which kubectl reads, it is octal.
    assert_eq!(objects[0]["status"].to_string(), r#"{"n":3,"m":420}"#);
    assert_eq!(objects[0]["y"].to_string(), r#"{"a":2}"#);
    let mut found = Vec::new();
    let faults = each_object_from_files(&["-".into()], text.as_bytes(), |object| found.push(object.clone()));
    assert_eq!((found, faults), (objects, Vec::new()));
    let error = declare(text).expect_err("written by hand");
    assert_eq!(error.reason(), "FileInvalid", "{error}");
}

#[test]
fn aliases_that_multiply_end() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{aliases}]").expect("memory");
    }
    let error = declare(&text).expect_err("too many");
    assert_eq!(error.reason(), "FileInvalid", "{error}");
}

#[test]
fn one_bad_document_does_not_stop_the_others() {
    let text = [
        good("a"),
        good("b").replace("containerName", "containername"),
        good("c").replace("v1beta1", "v2"),
        good("d").replace("kind: GitHubDeployment", "kind: GithubDeployment"),
        good("e").replace("name: e\n", "namespace: x\n"),
        good("12"),
        "just: a mapping".to_owned(),
        good("f"),
        good("f"),
    ]
    .join("\n---\n");
    let declared = declare(&text).expect("some are good");
    assert_eq!(
        told(&declared),
        [
            "GitHubDeployment shop/a",
            "GitHubDeployment shop/b: UnknownField: spec.extract.containername: unknown field, did you mean \
                 `containerName`?",
            "GitHubDeployment shop/c: UnknownKind: github.decathlon.com/v2 GitHubDeployment is not known: write \
                 apiVersion: github.decathlon.com/v1beta1 and kind: GitHubDeployment",
            "GitHubDeployment shop/d: UnknownKind: github.decathlon.com/v1beta1 GithubDeployment is not known: \
                 write apiVersion: github.decathlon.com/v1beta1 and kind: GitHubDeployment",
            "standard input document 5: NameMissing: metadata.name is missing",
            "standard input document 6: NameInvalid: metadata.name is 12, which is no text: put it in quotes",
            "GitHubDeployment shop/f: Duplicate: standard input document 8 and standard input document 9 have the \
                 same namespace and name: remove all but one, or name them apart",
            "GitHubDeployment shop/f: Duplicate: standard input document 8 and standard input document 9 have the \
                 same namespace and name: remove all but one, or name them apart",
            "standard input document 7: NotAnObject: standard input document 7: apiVersion is missing; every \
                 document needs apiVersion, kind and metadata.name",
        ]
    );
}

#[test]
fn folders_and_missing_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let error = declared_in_files(&[folder.path().to_owned()], "shop", &b""[..]).expect_err("empty");
    assert_eq!(error.reason(), "FileEmpty");
    for (name, text) in [
        ("b.yaml", good("b")),
        ("a.yml", good("a")),
        ("README.md", "# no".to_owned()),
    ] {
        std::fs::write(path(name), text).expect("a file");
    }
    std::fs::create_dir(path("c.yaml")).expect("a folder");
    let declared = declared_in_files(&[folder.path().to_owned()], "shop", &b""[..]).expect("two files");
    assert_eq!(told(&declared), ["GitHubDeployment shop/a", "GitHubDeployment shop/b"]);

    std::fs::write(path("d.json"), "{\"a\": }").expect("a file");
    let paths = [path("a.yml"), path("d.json"), path("missing.yaml")];
    let declared = declared_in_files(&paths, "shop", &b""[..]).expect("one good file");
    let told = told(&declared).join("\n");
    let folder = folder.path().display();
    assert_eq!(
        told,
        format!(
            "GitHubDeployment shop/a\n\
                 {folder}/d.json: FileInvalid: {folder}/d.json:1:7: expected value\n\
                 {folder}/missing.yaml: FileUnreadable: {folder}/missing.yaml cannot be read: No such file or \
                 directory (os error 2)"
        )
    );
    let error = objects_from_files(&paths, &b""[..]).expect_err("objects must be complete");
    assert_eq!(error.reason(), "FileInvalid");
}

#[test]
fn large_dumps_and_large_numbers() {
    // More documents, and more parts in one, than the parser's own limits allow.
    let mut text = String::new();
    for number in 0..1100 {
        let metadata = format!("{{name: c{number}, generation: 9223372036854775807}}");
        writeln!(text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}").expect("memory");
    }
    writeln!(text, "data: [{}]", "x, ".repeat(260_000)).expect("memory");
    let objects = objects_from_files(&["-".into()], text.as_bytes()).expect("a dump");
    assert_eq!(objects.len(), 1100);
    assert_eq!(objects[0]["metadata"]["generation"].to_string(), "9223372036854775807");
    let text = r#"{"apiVersion": "v1", "kind": "X", "spec": {"n": 123456789012345678901234567890}}"#;
    let objects = objects_from_files(&["-".into()], text.as_bytes()).expect("an object");
    assert_eq!(objects[0]["spec"]["n"].to_string(), "123456789012345678901234567890");
}
