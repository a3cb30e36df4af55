//! Image references: `[host[:port]/]path[:tag][@digest]`.
//!
//! The grammar is that of [distribution/reference](https://github.com/distribution/reference/blob/main/reference.go),
//! which container runtimes use, and what stands before the first slash is a host where they take it for one.

use super::ExtractError;

/// Characters of a repository's path, without the host.
const MAX_PATH: usize = 255;
/// The host of names without one, and what it puts in front of those of a single part.
const DEFAULT_HOST: &str = "docker.io";
const DEFAULT_HOST_BEFORE: &str = "index.docker.io";
const DEFAULT_OWNER: &str = "library/";
/// Characters of a tag.
const MAX_TAG: usize = 128;
/// Hex digits that a digest has at least.
const MIN_DIGEST: usize = 32;

/// The tag of a container's image.
pub(super) fn tag<'a>(container: &str, image: &'a str) -> Result<&'a str, ExtractError> {
    if is_id(image) {
        return Err(ExtractError::ImageIsId {
            container: container.to_owned(),
            image: image.to_owned(),
        });
    }
    let reference = parse(image).map_err(|problem| ExtractError::ImageInvalid {
        container: container.to_owned(),
        image: image.to_owned(),
        problem,
    })?;
    reference.tag.ok_or_else(|| ExtractError::ImageWithoutTag {
        container: container.to_owned(),
        image: image.to_owned(),
        has_digest: reference.has_digest,
    })
}

struct Reference<'a> {
    tag: Option<&'a str>,
    has_digest: bool,
}

/// By the grammar `sha256:…` is a repository of that name, and 64 hex digits are one too; runtimes read both as ids.
fn is_id(image: &str) -> bool {
    match image.split_once(':') {
        Some(("sha256" | "sha384" | "sha512", digits)) => !digits.is_empty() && is_lower_hex(digits),
        Some(_) => false,
        None => image.len() == 64 && is_lower_hex(image),
    }
}

fn parse(image: &str) -> Result<Reference<'_>, &'static str> {
    let (named, digest) = match image.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (image, None),
    };
    let last_slash = named.rfind('/').map_or(0, |index| index + 1);
    let (name, tag) = match named.get(last_slash..).and_then(|last| last.split_once(':')) {
        Some((last, tag)) => (named.get(..last_slash + last.len()).unwrap_or_default(), Some(tag)),
        None => (named, None),
    };
    check_name(name)?;
    if let Some(tag) = tag {
        check_tag(tag)?;
    }
    if let Some(digest) = digest {
        check_digest(digest)?;
    }
    Ok(Reference {
        tag,
        has_digest: digest.is_some(),
    })
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let (host, path) = match name.split_once('/') {
        Some((first, rest)) if stands_for_host(first) && is_host(first) => (first, rest),
        _ => (DEFAULT_HOST, name),
    };
    if path.is_empty() {
        return Err("the name is empty");
    }
    let gets_owner = matches!(host, DEFAULT_HOST | DEFAULT_HOST_BEFORE) && !path.contains('/');
    let length = path.len() + if gets_owner { DEFAULT_OWNER.len() } else { 0 };
    if length > MAX_PATH {
        return Err("the name has more than 255 characters, a library/ in front included that runtimes add");
    }
    if path.split('/').all(is_path_component) {
        return Ok(());
    }
    Err(if name.contains("://") {
        "an image reference has no scheme, such as https://"
    } else if path.contains(|c: char| c.is_ascii_uppercase()) {
        "the name has upper-case letters"
    } else if path.split('/').any(str::is_empty) {
        "the name has an empty part between slashes"
    } else {
        "a part of the name is not made of lower-case letters and digits, separated by one '.', one or two '_', or '-'"
    })
}

/// Letters and digits, separated by `.`, `_`, `__` or any number of `-`.
fn is_path_component(part: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let ends_well = part.starts_with(alphanumeric) && part.ends_with(alphanumeric);
    ends_well
        && part
            .split(alphanumeric)
            .all(|separator| matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-'))
}

/// Whether runtimes take the first of several parts for a host; else it belongs to the path.
fn stands_for_host(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':']) || part.contains(|c: char| c.is_ascii_uppercase())
}

fn is_host(part: &str) -> bool {
    let (host, port) = match part.rfind(']') {
        Some(end) => part.split_at(end + 1),
        None => part.split_at(part.find(':').unwrap_or(part.len())),
    };
    let port_is_good = match port.strip_prefix(':') {
        Some(digits) => !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_is_good = match address {
        Some(address) => !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':'),
        None => host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        }),
    };
    port_is_good && host_is_good
}

fn check_tag(tag: &str) -> Result<(), &'static str> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if tag.is_empty() {
        Err("the tag is empty")
    } else if tag.len() > MAX_TAG {
        Err("the tag has more than 128 characters")
    } else if !tag.starts_with(word) {
        Err("the tag does not begin with a letter, a digit or '_'")
    } else if !tag.chars().all(|c| word(c) || matches!(c, '.' | '-')) {
        Err("the tag has a character other than letters, digits, '_', '.' and '-'")
    } else {
        Ok(())
    }
}

fn check_digest(digest: &str) -> Result<(), &'static str> {
    const PROBLEM: &str = "the digest is not of the form algorithm:hex, in lower case";
    const WRONG_LENGTH: &str = "the digest has the wrong number of hex digits";
    let (algorithm, hex) = digest.split_once(':').ok_or(PROBLEM)?;
    let component = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if !algorithm.split(['+', '.', '-', '_']).all(component) {
        return Err(PROBLEM);
    }
    let exact = match algorithm {
        "sha256" => Some(64),
        "sha384" => Some(96),
        "sha512" => Some(128),
        _ => None,
    };
    match exact {
        Some(_) if !is_lower_hex(hex) => Err(PROBLEM),
        Some(length) if hex.len() != length => Err(WRONG_LENGTH),
        None if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => Err(PROBLEM),
        None if hex.len() < MIN_DIGEST => Err(WRONG_LENGTH),
        _ => Ok(()),
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
