//! The emulator's own paths: a page for people at `/`, and what tests of other processes need under `/_emulator/`.

use http::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::emulator::Emulator;
use crate::faults::Fault;
use crate::seed::{RepositorySeed, Seed};

/// The page, without anything from elsewhere.
const PAGE: &str = include_str!("page.html");

/// The answer, if the path is one of the emulator's own.
pub fn handle(emulator: &Emulator, method: &Method, path: &str, body: &[u8]) -> Option<Answer> {
    if path == "/" && method == Method::GET {
        return Some(Answer::html(PAGE.to_owned()));
    }
    let name = path.strip_prefix("/_emulator/")?;
    Some(match (method.as_str(), name) {
        ("GET", "state") => Answer::json(
            200,
            json!({"now": emulator.now().to_string(), "repositories": emulator.snapshot()}),
        ),
        ("GET", "journal") => Answer::json(200, json!(emulator.journal())),
        ("DELETE", "journal") => {
            emulator.clear_journal();
            Answer::empty()
        }
        ("GET", "violations") => Answer::json(200, json!(emulator.violations())),
        ("GET", "faults") => Answer::json(200, json!(emulator.remaining_faults())),
        ("POST", "faults") => with(body, |fault: Fault| emulator.inject(fault)),
        ("DELETE", "faults") => {
            emulator.clear_faults();
            Answer::empty()
        }
        ("POST", "clock") => with(body, |seconds: i64| emulator.advance(seconds)),
        ("POST", "repositories") => with(body, |repository: RepositorySeed| {
            Seed {
                repositories: vec![repository],
                ..Seed::default()
            }
            .plant(emulator);
        }),
        ("POST", "seed") => with(body, |seed: Seed| seed.plant(emulator)),
        _ => Answer::json(404, json!({"message": format!("the emulator has no {method} {path}")})),
    })
}

fn with<T: DeserializeOwned>(body: &[u8], apply: impl FnOnce(T)) -> Answer {
    match serde_json::from_slice(body) {
        Ok(value) => {
            apply(value);
            Answer::json(201, Value::Object(serde_json::Map::new()))
        }
        Err(error) => Answer::json(422, json!({"message": error.to_string()})),
    }
}
