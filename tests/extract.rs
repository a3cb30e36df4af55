//! Whatever is in a rule and in an object: an extraction ends soon, in little memory, with a ref or a named error.
//!
//! A million rules are made of random text, of pieces of each grammar, of whole expressions by each grammar, and of
//! rows of the tables with something changed. `EXTRACT_SEED` repeats a run, or makes another one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]
#![allow(clippy::print_stderr, reason = "the seed has to be seen even where the process dies")]

use std::{
    any::Any,
    collections::BTreeMap,
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use cpu_time::ThreadTime;
use fastrand::Rng;
use kube_status_to_github::{
    crd::Extract,
    extract::{ExtractError, Rule, check, extract},
    source::objects_from_files,
};
use peak_alloc::PeakAlloc;
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Rules that are tried.
const ROUNDS: usize = 1_000_000;
/// Bytes that one rule and one extraction may need at once.
const MAX_MEMORY: usize = 4 << 20;
/// The stack that threads have unless they ask for more.
const STACK: usize = 2 << 20;

/// The allocator counts for the whole process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn on_a_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = thread::Builder::new().stack_size(STACK).spawn(run).unwrap();
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What an extraction took. Time is the thread's own, so that other processes do not count.
struct Measured<T> {
    result: T,
    time: Duration,
    memory: usize,
}

fn measure<T>(run: impl FnOnce() -> T) -> Measured<T> {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let begin = ThreadTime::now();
    let result = run();
    Measured {
        result,
        time: begin.elapsed(),
        memory: MEMORY.peak_usage().saturating_sub(before),
    }
}

/// Whether the rule can be read, and what it gives, told as users are told.
fn tell(rule: &Extract, object: &Value) -> (bool, Result<String, ExtractError>) {
    let rule = Rule::new(rule);
    let is_read = rule.is_ok();
    let outcome = rule.and_then(|rule| rule.extract(object));
    match &outcome {
        Ok(extracted) => assert!(!extracted.steps.is_empty()),
        Err(error) => assert!(error.to_string().len() < 4_000, "{error}"),
    }
    (is_read, outcome.map(|extracted| extracted.git_ref))
}

#[test]
fn a_million_random_rules_end_soon_in_little_memory() {
    let _alone = alone();
    let seed = env::var("EXTRACT_SEED").map_or(20_260_131, |seed| seed.parse().expect("EXTRACT_SEED is a number"));
    let counts = on_a_small_stack(move || try_many(seed));

    // Unless most of the ways through are taken, the rest of the test says little.
    let share = |field: &str, what: &str| {
        let count = |key: &str| {
            counts
                .get(&(field.to_owned(), key.to_owned()))
                .copied()
                .unwrap_or_default()
        };
        count(what) as f64 / count("tried") as f64
    };
    for (field, what, at_least) in [
        ("image", "ref", 0.15),
        ("jsonPath", "read", 0.3),
        ("jsonPath", "ref", 0.05),
        ("regexp", "read", 0.2),
        ("regexp", "ref", 0.05),
        ("template", "ref", 0.2),
    ] {
        let share = share(field, what);
        assert!(share >= at_least, "seed {seed}: {field} {what} {share:.3} {counts:?}");
    }
    for reason in REASONS {
        assert!(
            counts.keys().any(|(_, key)| key == reason),
            "seed {seed}: {reason} never came: {counts:?}"
        );
    }
}

/// What random rules come upon.
const REASONS: [&str; 22] = [
    "ExpressionTooDeep",
    "ExpressionTooLong",
    "ImageInvalid",
    "ImageMissing",
    "ImageWithoutTag",
    "JsonPathAmbiguous",
    "JsonPathArray",
    "JsonPathEmpty",
    "JsonPathInvalid",
    "JsonPathNoMatch",
    "JsonPathNull",
    "JsonPathObject",
    "JsonPathTooComplex",
    "JsonPathTooLong",
    "RefInvalid",
    "RegexpAmbiguous",
    "RegexpEmpty",
    "RegexpInvalid",
    "RegexpNoMatch",
    "RegexpTooLarge",
    "RegexpUnsupported",
    "RegexpWithoutGroup",
];

fn try_many(seed: u64) -> BTreeMap<(String, String), usize> {
    let mut maker = Maker::new(seed);
    let limit = limit();
    eprintln!("EXTRACT_SEED={seed}");
    let mut counts = BTreeMap::new();
    // What is set up at the first use is not the first rule's.
    for object in &maker.objects {
        let _ = tell(&json_path("$..[?search(@.name, '^a')]"), object);
    }
    for round in 0..ROUNDS {
        let (field, rule, object) = maker.round();
        let mut count = |what: &str| *counts.entry((field.to_owned(), what.to_owned())).or_default() += 1;
        let says = |what: &str| format!("{what}, seed {seed}, round {round}: {rule:?} on {object}");
        let run = || catch_unwind(AssertUnwindSafe(|| tell(&rule, object.as_ref())));

        let mut measured = measure(run);
        for _ in 0..2 {
            if measured.time > limit {
                let again = measure(run);
                measured.time = measured.time.min(again.time);
            }
        }
        assert!(
            measured.time <= limit_of(&rule, limit),
            "{}",
            says(&format!("{:?}", measured.time))
        );
        assert!(
            measured.memory <= MAX_MEMORY,
            "{}",
            says(&format!("{} bytes", measured.memory))
        );
        let (is_read, outcome) = measured
            .result
            .unwrap_or_else(|panic| panic!("{}", says(&text_of(&*panic))));
        count("tried");
        if is_read {
            count("read");
        }
        match outcome {
            Ok(_) => count("ref"),
            Err(error) => count(error.reason()),
        }
    }
    counts
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("panic")
        .to_owned()
}

/// What a rule may take. On a quiet machine, built for release, it is about a millisecond; the checks of a debug build
/// and neighbours in the caches may treble it. On a slow machine it is ten times what a large regexp takes there.
fn limit() -> Duration {
    let large = Extract {
        regexp: Some(r"^([\w.-]{1,128})$".to_owned()),
        ..json_path("$.a")
    };
    let times = (0..5).map(|_| measure(|| check(&large)).time);
    (times.min().unwrap_or_default() * 10).max(Duration::from_millis(3))
}

/// Patterns of `match` and `search` are compiled for each value that they are compared with.
fn limit_of(rule: &Extract, limit: Duration) -> Duration {
    let path = rule.json_path.as_deref().unwrap_or_default();
    if path.contains("match") || path.contains("search") {
        limit * 100
    } else {
        limit
    }
}

fn json_path(path: &str) -> Extract {
    Extract {
        json_path: Some(path.to_owned()),
        ..Extract::default()
    }
}

/// Makes rules and the objects that they are applied to.
struct Maker {
    rng: Rng,
    objects: Vec<Arc<Value>>,
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
    fn new(seed: u64) -> Self {
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
        let rules = rows(include_str!("../src/extract/tests/rules.yaml"));
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
            images: rows(include_str!("../src/extract/tests/images.yaml"))
                .into_iter()
                .map(|row| row.image)
                .collect(),
            paths: rows(include_str!("../src/extract/tests/json_paths.yaml"))
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
    fn round(&mut self) -> (&'static str, Extract, Arc<Value>) {
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

/// Expressions made to hurt, each with what it ends in.
#[test]
fn hostile_rules_end_quickly() {
    let _alone = alone();
    let regexp = |regexp: &str| Extract {
        regexp: Some(regexp.to_owned()),
        ..json_path("$.a")
    };
    let long = json!({"a": "a".repeat(1024), "b": "a".repeat(1 << 20)});
    let longest = json!({"a": "a".repeat(1 << 14)});
    let letters = json!({"a": "x".repeat(1 << 14)});
    let fields: Map<String, Value> = (0..20_000)
        .map(|index| (format!("k{index}"), json!({"v": "x"})))
        .collect();
    let wide = json!({"data": fields});
    let nested = |open: &str, close: &str, times: usize| format!("{}{}", open.repeat(times), close.repeat(times));
    let quoted = |path: String| json_path(&format!(".it\\'s{path}"));
    let cases = [
        ("large repetition", regexp("(a{1000}){1000}"), &long, "RegexpTooLarge"),
        ("large classes", regexp("(\\p{L}{1000})"), &long, "RegexpTooLarge"),
        (
            "5,000 parentheses",
            regexp(&nested("(", ")", 5_000)),
            &long,
            "ExpressionTooLong",
        ),
        (
            "250 parentheses",
            regexp(&nested("(", ")", 250)),
            &long,
            "ExpressionTooDeep",
        ),
        (
            "5,000 classes",
            regexp(&nested("[", "]", 5_000)),
            &long,
            "ExpressionTooLong",
        ),
        ("star of a star", regexp("(a*)*b"), &longest, "RegexpNoMatch"),
        (
            "two ways at each character",
            regexp("(x+x+)+y"),
            &letters,
            "RegexpNoMatch",
        ),
        ("anything any number of times", regexp("(.*)*$"), &long, "ref"),
        (
            "many options",
            regexp("((?:a?){400}a{400}b)"),
            &longest,
            "RegexpNoMatch",
        ),
        (
            "many states",
            regexp("((?:[ab]{0,30}a){10}c)"),
            &longest,
            "RegexpNoMatch",
        ),
        (
            "1 MB of text",
            Extract {
                regexp: Some("(a*)*b".to_owned()),
                ..json_path("$.b")
            },
            &long,
            "JsonPathTooLong",
        ),
        (
            "5,000 filters",
            json_path(&format!("${}", nested("[?@", "]", 5_000))),
            &wide,
            "ExpressionTooLong",
        ),
        (
            "100 filters",
            json_path(&format!("${}", nested("[?@", "]", 100))),
            &wide,
            "JsonPathTooComplex",
        ),
        (
            "30 filters",
            json_path(&format!("${}", nested("[?@", "]", 30))),
            &wide,
            "JsonPathTooComplex",
        ),
        (
            "30 filters behind a quote",
            quoted(nested("[?@", "]", 30)),
            &wide,
            "JsonPathTooComplex",
        ),
        (
            "100 filters behind a quote",
            quoted(nested("[?@", "]", 100)),
            &wide,
            "JsonPathTooComplex",
        ),
        (
            "250 brackets behind a quote",
            quoted(nested("[", "]", 250)),
            &wide,
            "ExpressionTooDeep",
        ),
        (
            "5,000 parentheses in a filter",
            json_path(&format!("$[?{}]", nested("(", ")", 5_000))),
            &wide,
            "ExpressionTooLong",
        ),
        (
            "200 parentheses in a filter",
            json_path(&format!("$[?{}@]", "(".repeat(200))),
            &wide,
            "ExpressionTooDeep",
        ),
        (
            "1 MB of brackets",
            json_path(&"[".repeat(1 << 20)),
            &wide,
            "ExpressionTooLong",
        ),
        (
            "1 MB of brackets as regexp",
            regexp(&"[".repeat(1 << 20)),
            &wide,
            "ExpressionTooLong",
        ),
        ("two descents over a wide object", json_path("$..*..v"), &wide, "ref"),
        ("three descents", json_path("$..*..*..*"), &wide, "JsonPathTooComplex"),
        (
            "filter over a wide object",
            json_path("$.data[?@.v == 'y']"),
            &wide,
            "JsonPathNoMatch",
        ),
        (
            "descent in a filter over a wide object",
            json_path("$..[?@..v == 'x']"),
            &wide,
            "JsonPathInvalid",
        ),
        (
            "whole object for each value",
            json_path("$..[?$.*.*.v]"),
            &wide,
            "JsonPathTooComplex",
        ),
        (
            "pattern over a wide object",
            json_path("$.data[?search(@.v, 'y')]"),
            &wide,
            "JsonPathTooComplex",
        ),
        (
            "pattern over everything",
            json_path("$..[?search(@, '(y?){99}z')]"),
            &wide,
            "JsonPathTooComplex",
        ),
        (
            "pattern over 1 MB of text",
            json_path("$[?search(@, '(a?){99}b')]"),
            &long,
            "JsonPathTooComplex",
        ),
    ];
    let limit = Duration::from_millis(50).max(limit() * 16);
    for (name, rule, object, wanted) in cases {
        let (rule, object) = (rule.clone(), object.clone());
        let measured = on_a_small_stack(move || measure(|| extract(&rule, &object)));
        let found = measured.result.map_or_else(|error| error.reason(), |_| "ref");
        assert_eq!(found, wanted, "{name}");
        assert!(measured.time <= limit, "{name}: {:?}", measured.time);
        assert!(measured.memory <= 2 * MAX_MEMORY, "{name}: {} bytes", measured.memory);
    }
}

/// A document that deep comes from no reader, and could not even be dropped on this stack: both refuse its text.
#[test]
fn documents_of_10000_levels_are_refused_as_text() {
    let _alone = alone();
    let json = format!("{}1{}", "{\"x\":".repeat(10_000), "}".repeat(10_000));
    let flow = format!("{}1{}", "{x: ".repeat(10_000), "}".repeat(10_000));
    let lists = "- ".repeat(10_000);
    for (name, text) in [("JSON", json), ("YAML", flow), ("YAML of lists", lists)] {
        let measured =
            on_a_small_stack(move || measure(|| objects_from_files(&["-".into()], text.as_bytes()).is_err()));
        assert!(measured.result, "{name}");
        assert!(
            measured.time <= Duration::from_millis(50).max(limit() * 16),
            "{name}: {:?}",
            measured.time
        );
    }
}

/// Whatever depth the readers of files and of API servers accept, a search ends.
#[test]
fn documents_as_deep_as_readers_accept_are_searched() {
    let _alone = alone();
    for depth in [50, 100, 120, 200, 500, 1_000, 2_000, 4_000, 8_000] {
        let nested = format!("{}\"v1\"{}", "{\"x\":".repeat(depth) + "{\"y\":", "}".repeat(depth + 1));
        let text = format!(r#"{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "app"}}, "spec": {nested}}}"#);
        let outcomes = on_a_small_stack(move || {
            let of_file = objects_from_files(&["-".into()], text.as_bytes()).ok();
            let of_server = serde_json::from_str(&text).ok().map(|object: Value| vec![object]);
            [of_file, of_server].map(|objects| {
                let paths = ["$..y", "$..x..y", "$..[?@.y].y", "$.spec..[?count(@..*) == 1].y"];
                objects.map(|objects| {
                    paths.map(|path| extract(&json_path(path), &objects[0]).map(|extracted| extracted.git_ref))
                })
            })
        });
        assert!(outcomes.iter().all(Option::is_some) || depth > 50, "{depth}");
        for outcome in outcomes.into_iter().flatten().flatten() {
            assert_eq!(outcome, Ok("v1".to_owned()), "{depth}");
        }
    }
}
