//! Which names git takes for a ref.

use gix_validate::reference::name::Error;

use super::ExtractError;

/// More than any name in use. git itself has no limit, file systems and GitHub do.
const MAX_BYTES: usize = 1024;

/// True for a name that `git check-ref-format refs/tags/NAME` accepts and that neither looks like an option nor means
/// something else to git: no leading `-`, not `@`, not `HEAD`. Commits are such names.
#[must_use]
pub fn is_legal(name: &str) -> bool {
    problem(name).is_none()
}

pub(super) fn check(name: &str) -> Result<(), ExtractError> {
    match problem(name) {
        None => Ok(()),
        Some(problem) => Err(ExtractError::RefInvalid {
            git_ref: name.to_owned(),
            problem,
        }),
    }
}

fn problem(name: &str) -> Option<&'static str> {
    let short = name
        .strip_prefix("refs/heads/")
        .or_else(|| name.strip_prefix("refs/tags/"))
        .unwrap_or(name);
    if short.is_empty() {
        return Some("is empty");
    }
    if name.len() > MAX_BYTES {
        return Some("is longer than 1024 bytes");
    }
    if short.starts_with('-') {
        return Some("begins with a hyphen");
    }
    if short == "@" || short == "HEAD" {
        return Some("names whatever is checked out");
    }
    let full = format!("refs/tags/{short}");
    Some(match gix_validate::reference::name(full.as_str().into()).err()? {
        Error::InvalidByte { byte } if byte == " " => "has a space",
        Error::InvalidByte { byte } if byte.iter().all(u8::is_ascii_control) => "has a control character",
        Error::InvalidByte { .. } => "has one of the characters \\ ^ : [ ? ~",
        Error::Asterisk => "has a *",
        Error::RepeatedDot => "has two dots in a row",
        Error::StartsWithDot => "has a part that begins with a dot",
        Error::EndsWithDot => "ends with a dot",
        Error::StartsWithSlash | Error::RepeatedSlash => "has an empty part between slashes",
        Error::EndsWithSlash => "ends with a slash",
        Error::LockFileSuffix => "has a part that ends with .lock",
        Error::ReflogPortion => "has @{",
        _ => "breaks the rules of git check-ref-format",
    })
}
