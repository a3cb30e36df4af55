//! Random rules, and objects that they are applied to.

use std::sync::Arc;

use fastrand::Rng;
use kube_status_to_github::crd::Extract;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::json_path;

/// Makes rules and the objects that they are applied to.
pub struct Maker {
    rng: Rng,
    pub objects: Vec<Arc<Value>>,
    images: Vec<String>,
    paths: Vec<String>,
    regexps: Vec<String>,
    texts: Vec<String>,
}

const NAMES: &str = "metadata spec template containers name image labels annotations env value args source-ref \
    app.kubernetes.io/version größe a x_1";

/// Pieces, separated by spaces.
const PATH_TOKENS: &str = r#"$ @ . .. * [ ] ( ) ? ! , : ' " \ \. \u \uD83D\uDE00 \ud8 == != < <= > >= = =~ && || { }
    {. {range {end} [? [?@ [*] [0] [-1] [::-1] [' '] [" "] ?(@. length( count( match( search( value( .length() in null
    true false 0 -0 1.5e3 9007199254740992 'a' "^v" $.metadata $.spec.template.spec.containers name image source-ref
    é /x/i"#;

const REGEXP_TOKENS: &str = r"a v main- 1 é . * + ? | ( ) [ ] [^ { } {2} {1,128} {0,9} {1000} {99999999999} ^ $ \ \w \d
    \s \W \D \S \b \B \A \z \. \- \p{L} \pN \p{Greek} \P{Lu} \x41 \u{1F600} \1 (?: (?i) (?x) (?s-u) (?<ref> (?P<n> (?=
    (?<! [:word:] [[:digit:]] && -- ~~ a-z 0-9 (.*) (\d+) ([\w.-]+) *? ++";

const IMAGE_TOKENS: &str = "app a 0 ghcr.io localhost registry Registry 10.0.0.1 [2001:db8::1] [:: ] / // : :5000 \
    :v1.2.3 :latest @ @sha256: sha256: . .. - -- _ __ ___ é \
    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const TEMPLATE_TOKENS: &str = "{} { } v release/ refs/heads/ refs/tags/ - / . .. .lock @{ ~ é HEAD \u{7f}";

impl Maker {
    pub fn new(seed: u64) -> Self {
        #[derive(Deserialize)]
        struct Row {
            #[serde(default)]
            image: String,
            #[serde(default)]
            path: String,
            #[serde(default)]
            rule: Extract,
        }
        let rows = |table: &str| -> Vec<Row> { serde_saphyr::from_str(table).unwrap() };
        let rules = rows(include_str!("../../src/extract/tests/rules.yaml"));
        let mut maker = Self {
            rng: Rng::with_seed(seed),
            objects: [
                deployment(1),
                deployment(3),
                json!({"kind": "ConfigMap", "data": {"ref": "v1"}}),
                json!("x"),
            ]
            .map(Arc::new)
            .to_vec(),
            images: rows(include_str!("../../src/extract/tests/images.yaml"))
                .into_iter()
                .map(|row| row.image)
                .collect(),
            paths: rows(include_str!("../../src/extract/tests/json_paths.yaml"))
                .into_iter()
                .map(|row| row.path)
                .collect(),
            regexps: rules.into_iter().filter_map(|row| row.rule.regexp).collect(),
            texts: [
                "v1.2.3",
                "main-1-abc",
                "1.0",
                "0123456789abcdef0123456789abcdef01234567",
                "größe",
                "a b",
                "",
            ]
            .map(str::to_owned)
            .to_vec(),
        };
        for _ in 0..8 {
            let document = maker.document(5);
            maker.objects.push(Arc::new(document));
        }
        maker
    }

    /// The field that is tried, a rule, and an object.
    pub fn round(&mut self) -> (&'static str, Extract, Arc<Value>) {
        match self.rng.u8(0..10) {
            0..=1 => {
                let image = self.image();
                let rule = Extract {
                    container_name: Some("app".to_owned()),
                    ..Extract::default()
                };
                let object = json!({"spec": {"containers": [{"name": "app", "image": image}]}});
                ("image", rule, Arc::new(object))
            }
            2..=5 => {
                if self.rng.u8(0..6) == 0 {
                    let object = self.object();
                    let path = self.existing_path(&object);
                    return ("jsonPath", json_path(&path), object);
                }
                let path = self.path();
                ("jsonPath", json_path(&path), self.object())
            }
            6..=8 => {
                let rule = Extract {
                    regexp: Some(self.regexp()),
                    ..json_path("$.a")
                };
                ("regexp", rule, Arc::new(json!({"a": self.text()})))
            }
            _ => {
                let rule = Extract {
                    template: Some(self.soup(TEMPLATE_TOKENS, 2)),
                    ..json_path("$.a")
                };
                ("template", rule, Arc::new(json!({"a": self.text()})))
            }
        }
    }

    fn image(&mut self) -> String {
        match self.rng.u8(0..8) {
            0 => self.noise(),
            1..=2 => self.soup(IMAGE_TOKENS, 8),
            3..=4 => {
                let row = self.rng.choice(&self.images).cloned().unwrap_or_default();
                self.changed(row, IMAGE_TOKENS)
            }
            _ => {
                let host = self.pick(&[
                    "",
                    "",
                    "ghcr.io/",
                    "localhost:5000/",
                    "[::1]/",
                    "Registry/",
                    "10.0.0.1/",
                ]);
                let path = self.pick(&["app", "shop/app", "a/b/c", "a__b/c--d", "a.b/c", "App"]);
                let tag = self.pick(&[":v1", ":main-1-abc", ":1.2.3_x", ":latest", ":", ""]);
                let digest = self.pick(&["", "", "@sha256:abc", "@blake3:0123456789abcdef0123456789abcdef"]);
                format!("{host}{path}{tag}{digest}")
            }
        }
    }

    fn path(&mut self) -> String {
        match self.rng.u8(0..16) {
            0 => self.noise(),
            1..=3 => self.soup(PATH_TOKENS, 12),
            4..=7 => {
                let row = self.rng.choice(&self.paths).cloned().unwrap_or_default();
                self.changed(row, PATH_TOKENS)
            }
            8 => self.rng.choice(&self.paths).cloned().unwrap_or_default(),
            9 => {
                let deep = self.rng.usize(1..64);
                let (open, close) = self.pick_pair(&[
                    ("[?@", "]"),
                    ("[?(", ")]"),
                    ("[?count(@", ")>1]"),
                    ("(", ")"),
                    ("[", "]"),
                ]);
                format!("${}{}", open.repeat(deep), close.repeat(deep))
            }
            10..=11 => {
                let escaped = |name: &str| name.replace('.', "\\.");
                let names: Vec<String> = (0..self.rng.usize(1..6)).map(|_| escaped(self.piece(NAMES))).collect();
                let dotted = format!(".{}", names.join("."));
                let (open, close) = self.pick_pair(&[("{", "}"), ("{ ", " }"), ("{$", "}"), ("$", ""), ("", "")]);
                format!("{open}{dotted}{close}")
            }
            _ => format!("${}", self.segments(3)),
        }
    }

    fn object(&mut self) -> Arc<Value> {
        self.rng.choice(&self.objects).cloned().unwrap_or_default()
    }

    /// A path to something that is in the object, often a text.
    fn existing_path(&mut self, object: &Value) -> String {
        let dotted = self.rng.bool();
        let mut path = self.pick(&["$", "$", if dotted { "" } else { "$" }]).to_owned();
        let mut value = object;
        loop {
            match value {
                Value::Object(fields) => {
                    let Some((name, field)) = self.rng.choice(fields) else {
                        return path;
                    };
                    value = field;
                    path += &if dotted {
                        format!(".{}", name.replace('.', "\\."))
                    } else {
                        format!("['{name}']")
                    };
                }
                Value::Array(items) if !items.is_empty() => {
                    let index = self.rng.usize(..items.len());
                    value = &items[index];
                    path += &format!("[{index}]");
                }
                _ => return path,
            }
        }
    }

    /// Segments by the grammar of RFC 9535.
    fn segments(&mut self, depth: usize) -> String {
        let start = self.pick(&[
            "",
            "",
            ".spec.template.spec.containers",
            ".metadata",
            "..containers",
            ".spec",
        ]);
        let mut text = start.to_owned();
        for _ in 0..self.rng.usize(0..4) {
            let name = self.piece(NAMES);
            let segment = match self.rng.u8(0..12) {
                0..=3 => format!("['{name}']"),
                4 => ".*".to_owned(),
                5 => format!("..{}", self.pick(&["a", "name", "image", "*", "[0]"])),
                6 => format!("[{}]", self.rng.i8(-2..5)),
                7 => format!("[{}:{}:{}]", self.rng.i8(-3..3), self.rng.i8(-3..5), self.rng.i8(-2..3)),
                8 => format!("['{name}', {}]", self.rng.i8(0..3)),
                9 | 10 if depth > 0 => format!("[?{}]", self.logical(depth - 1)),
                _ => format!(".{}", self.pick(&["a", "name", "image", "env", "value", "spec"])),
            };
            text.push_str(&segment);
        }
        text
    }

    fn logical(&mut self, depth: usize) -> String {
        match self.rng.u8(0..10) {
            0..=1 if depth > 0 => format!("{} && {}", self.logical(depth - 1), self.logical(depth - 1)),
            2 if depth > 0 => format!("{} || {}", self.logical(depth - 1), self.logical(depth - 1)),
            3 if depth > 0 => format!("!({})", self.logical(depth - 1)),
            4 => format!("@{}", self.segments(depth)),
            5 => {
                let pattern = self.regexp_by_grammar(2).replace('\\', "\\\\").replace('\'', "\\'");
                format!(
                    "{}(@.{}, '{pattern}')",
                    self.pick(&["match", "search"]),
                    self.pick(&["name", "image", "a"])
                )
            }
            _ => {
                let operator = self.pick(&["==", "!=", "<", "<=", ">", ">="]);
                format!("{} {operator} {}", self.comparable(), self.comparable())
            }
        }
    }

    fn comparable(&mut self) -> String {
        match self.rng.u8(0..8) {
            0..=2 => format!("@.{}", self.pick(&["name", "image", "a", "value"])),
            3 => self
                .pick(&["'web'", "\"app\"", "80", "-1.5e3", "true", "false", "null"])
                .to_owned(),
            4 => "$.metadata.name".to_owned(),
            5 => format!("length(@.{})", self.pick(&["name", "env"])),
            6 => format!("count(@{})", self.pick(&[".*", "..*", ".env[*]"])),
            _ => format!("value(@{})", self.pick(&["..name", ".args[-1:]"])),
        }
    }

    fn regexp(&mut self) -> String {
        match self.rng.u8(0..10) {
            0 => self.noise(),
            1..=3 => self.soup(REGEXP_TOKENS, 10),
            4..=6 => {
                let row = self.rng.choice(&self.regexps).cloned().unwrap_or_default();
                self.changed(row, REGEXP_TOKENS)
            }
            7 => {
                let deep = self.rng.usize(1..64);
                let (open, close) = self.pick_pair(&[("(", ")"), ("(?:", ")*"), ("(a", "){1,9}"), ("[a", "]")]);
                format!("{}x{}", open.repeat(deep), close.repeat(deep))
            }
            8 => format!("({})", self.regexp_by_grammar(4)),
            _ => {
                let start = self.pick(&["", "^", "main-", "^v?", "(?:v|main-)"]);
                let piece = self.pick(&[
                    "(.*)",
                    r"([\w.-]+)",
                    r"(\d+)",
                    "(?<ref>[^-]+)",
                    "([0-9a-f]{7,40})",
                    r"(\S+)",
                ]);
                format!("{start}{piece}{}", self.pick(&["", "", "$", "-", ".*"]))
            }
        }
    }

    fn regexp_by_grammar(&mut self, depth: usize) -> String {
        let mut text = String::new();
        for _ in 0..self.rng.usize(1..4) {
            let atom = match self.rng.u8(0..8) {
                0..=1 if depth > 0 => format!("(?:{})", self.regexp_by_grammar(depth - 1)),
                2 if depth > 0 => {
                    format!(
                        "(?:{}|{})",
                        self.regexp_by_grammar(depth - 1),
                        self.regexp_by_grammar(depth - 1)
                    )
                }
                3 => format!("[{}]", self.pick(&["a-z", "^-", "\\w.-", "0-9a-f", "é-ü", "\\d\\s"])),
                4 => self.pick(&["\\w", "\\d", "\\S", ".", "\\p{L}"]).to_owned(),
                _ => self.pick(&["a", "v", "main", "-", "1", "\\."]).to_owned(),
            };
            let repetition = self.pick(&["", "", "", "*", "+", "?", "{2}", "{1,40}", "*?", "{0,200}"]);
            text.push_str(&atom);
            text.push_str(repetition);
        }
        text
    }

    fn text(&mut self) -> String {
        match self.rng.u8(0..20) {
            0 => self.noise(),
            1 => self
                .pick(&["a", "main-", "é", "1.", "\\"])
                .repeat(self.rng.usize(1..200)),
            2 => "v1.2.3-".repeat(3_000),
            _ => {
                let text = self.rng.choice(&self.texts).cloned().unwrap_or_default();
                if self.rng.u8(0..4) > 0 {
                    text
                } else {
                    self.changed(text, TEMPLATE_TOKENS)
                }
            }
        }
    }

    /// Bytes and characters of no grammar.
    fn noise(&mut self) -> String {
        let length = if self.rng.u8(0..50) == 0 {
            700
        } else {
            self.rng.usize(0..40)
        };
        if self.rng.bool() {
            let bytes: Vec<u8> = (0..length).map(|_| self.rng.u8(..)).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        } else {
            (0..length).map(|_| self.rng.char(..)).collect()
        }
    }

    fn soup(&mut self, tokens: &'static str, at_most: usize) -> String {
        (0..self.rng.usize(1..=at_most)).map(|_| self.piece(tokens)).collect()
    }

    /// One to three characters are removed, doubled, or have a token put in front of them.
    fn changed(&mut self, text: String, tokens: &'static str) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        for _ in 0..self.rng.usize(1..4) {
            let at = self.rng.usize(0..=characters.len());
            match self.rng.u8(0..5) {
                0 if at < characters.len() => {
                    characters.remove(at);
                }
                1 if at < characters.len() => characters.insert(at, characters[at]),
                2 => characters.truncate(at.max(1)),
                3 => {
                    let end = self.rng.usize(at..=characters.len());
                    let piece = characters[at..end].to_vec();
                    characters.splice(at..at, piece);
                }
                _ => {
                    let token = self.piece(tokens);
                    characters.splice(at..at, token.chars());
                }
            }
        }
        characters.into_iter().collect()
    }

    fn document(&mut self, depth: usize) -> Value {
        match self.rng.u8(0..10) {
            0..=4 if depth > 0 => {
                let fields = self.rng.usize(1..8);
                Value::Object(
                    (0..fields)
                        .map(|_| (self.piece(NAMES).to_owned(), self.document(depth - 1)))
                        .collect(),
                )
            }
            5..=6 if depth > 0 => (0..self.rng.usize(0..6)).map(|_| self.document(depth - 1)).collect(),
            7 => self.rng.i64(..).into(),
            8 => self.pick_value(),
            _ => self.text().into(),
        }
    }

    /// One of the pieces; now and then white space.
    fn piece(&mut self, pieces: &'static str) -> &'static str {
        if self.rng.u8(..) < 8 {
            return self.pick(&[" ", "\t", "\n", "\u{a0}"]);
        }
        let index = self.rng.usize(..pieces.split_whitespace().count());
        pieces.split_whitespace().nth(index).unwrap_or_default()
    }

    fn pick_value(&mut self) -> Value {
        self.rng
            .choice([Value::Null, Value::Bool(true), json!(1.5), json!(""), json!([])])
            .unwrap_or_default()
    }

    fn pick(&mut self, choices: &[&'static str]) -> &'static str {
        self.rng.choice(choices).copied().unwrap_or_default()
    }

    fn pick_pair(&mut self, choices: &[(&'static str, &'static str)]) -> (&'static str, &'static str) {
        self.rng.choice(choices).copied().unwrap_or_default()
    }
}

/// What an API server returns for a Deployment, with so many containers.
fn deployment(containers: usize) -> Value {
    let container = |index: usize| {
        json!({
            "name": if index == 0 { "app".to_owned() } else { format!("sidecar-{index}") },
            "image": format!("registry.example.com/shop/app-{index}:v1.{index}.0"),
            "args": ["--port", "8080"],
            "env": [{"name": "REF", "value": "abc1234"}, {"name": "MODE", "value": "x"}],
            "ports": [{"containerPort": 8080, "protocol": "TCP"}],
            "resources": {"limits": {"cpu": "1", "memory": "64Mi"}, "requests": {"cpu": 0.5}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 10}
        })
    };
    let labels = json!({"app": "app", "app.kubernetes.io/version": "1.0.0"});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "app", "namespace": "shop", "uid": "4c1c6fb4-0c4e-4a2a-9d8e-3f2c1b0a9d8e", "generation": 3,
            "labels": labels,
            "annotations": {"source-ref": "123456789", "empty": "", "long": "x".repeat(20_000)},
            "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": {}}}}]
        },
        "spec": {
            "replicas": 3, "paused": null, "selector": {"matchLabels": {"app": "app"}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": (0..containers).map(container).collect::<Vec<_>>()}
            }
        },
        "status": {
            "observedGeneration": 3, "replicas": 3,
            "conditions": [
                {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
                {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
            ]
        }
    })
}
