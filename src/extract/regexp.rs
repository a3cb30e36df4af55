//! Cutting a piece out of a text.

use regex::{Regex, RegexBuilder};

use super::{ExtractError, limits};

/// Bytes that a compiled regexp may take: enough for `[\w.-]{1,128}`, whose `\w` is every letter of Unicode.
const MAX_COMPILED: usize = 10 << 20;

/// The name that tells one capture group from the others.
const GROUP: &str = "ref";

/// A regexp of which one capture group is the piece.
#[derive(Clone, Debug)]
pub(super) struct Regexp {
    regex: Regex,
    group: usize,
}

impl Regexp {
    pub fn parse(expression: &str) -> Result<Self, ExtractError> {
        limits::regexp(expression)?;
        let regex = RegexBuilder::new(expression)
            .size_limit(MAX_COMPILED)
            .build()
            .map_err(|error| refused(expression, &error))?;
        let groups = regex.captures_len() - 1;
        let named = regex.capture_names().position(|name| name == Some(GROUP));
        let group = match (groups, named) {
            (0, _) => {
                return Err(ExtractError::RegexpWithoutGroup {
                    regexp: expression.to_owned(),
                });
            }
            (1, _) => 1,
            (_, Some(named)) => named,
            (groups, None) => {
                return Err(ExtractError::RegexpAmbiguous {
                    regexp: expression.to_owned(),
                    groups,
                });
            }
        };
        Ok(Self { regex, group })
    }

    pub fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// The captured piece of the first match, wherever it is in the text.
    pub fn cut<'a>(&self, text: &'a str) -> Result<&'a str, ExtractError> {
        let captures = self.regex.captures(text).ok_or_else(|| ExtractError::RegexpNoMatch {
            regexp: self.as_str().to_owned(),
            text: text.to_owned(),
        })?;
        captures
            .get(self.group)
            .map(|piece| piece.as_str())
            .filter(|piece| !piece.is_empty())
            .ok_or_else(|| ExtractError::RegexpEmpty {
                regexp: self.as_str().to_owned(),
                text: text.to_owned(),
            })
    }
}

fn refused(expression: &str, error: &regex::Error) -> ExtractError {
    let regexp = expression.to_owned();
    if matches!(error, regex::Error::CompiledTooBig(_)) {
        return ExtractError::RegexpTooLarge { regexp };
    }
    let drawing = error.to_string();
    // The library draws the expression and marks the place, over several lines; the last one says what is wrong.
    let problem = drawing.lines().rev().find_map(|line| line.strip_prefix("error: "));
    match problem {
        Some(problem) if problem.starts_with("look-around") => ExtractError::RegexpUnsupported {
            regexp,
            feature: "look-around assertions",
        },
        Some(problem) if problem.starts_with("backreferences") => ExtractError::RegexpUnsupported {
            regexp,
            feature: "back-references",
        },
        _ => ExtractError::RegexpInvalid {
            regexp,
            problem: problem.unwrap_or("not a regular expression").to_owned(),
        },
    }
}
