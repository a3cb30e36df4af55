//! Cutting a piece out of a text.

use std::convert::Infallible;

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{self, Ast, ClassPerl, ClassPerlKind, ClassSetItem};

use super::{ExtractError, limits};

/// Bytes that a compiled regexp may take: enough for `[\w.-]{1,128}` and `.{1,128}`, and few enough that an expression
/// is compiled or refused within a millisecond.
const MAX_COMPILED: usize = 160 << 10;

/// The name that tells one capture group from the others.
const GROUP: &str = "ref";

/// A regexp of which one capture group is the piece.
#[derive(Clone, Debug)]
pub(super) struct Regexp {
    expression: String,
    regex: Regex,
    group: usize,
}

impl Regexp {
    pub fn parse(expression: &str) -> Result<Self, ExtractError> {
        limits::regexp(expression)?;
        let regex = RegexBuilder::new(&with_ascii_classes(expression))
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
        Ok(Self {
            expression: expression.to_owned(),
            regex,
            group,
        })
    }

    /// As the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.expression
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

/// The expression with `\w`, `\d` and `\s` as most engines read them, Java's among them. For the library they are every
/// letter, digit and space of Unicode, which a tag never has, and which cost a hundred times as much.
fn with_ascii_classes(expression: &str) -> String {
    let classes = ast::parse::Parser::new()
        .parse(expression)
        .ok()
        .and_then(|ast| ast::visit(&ast, Classes::default()).ok());
    let mut rewritten = expression.to_owned();
    // From the end, so that the places in front stay where they are.
    for class in classes.unwrap_or_default().iter().rev() {
        let name = match class.kind {
            ClassPerlKind::Digit => "digit",
            ClassPerlKind::Space => "space",
            ClassPerlKind::Word => "word",
        };
        let negation = if class.negated { "^" } else { "" };
        rewritten.replace_range(
            class.span.start.offset..class.span.end.offset,
            &format!("[[:{negation}{name}:]]"),
        );
    }
    rewritten
}

/// Collects the classes of an expression in their order.
#[derive(Default)]
struct Classes(Vec<ClassPerl>);

impl ast::Visitor for Classes {
    type Output = Vec<ClassPerl>;
    type Err = Infallible;

    fn finish(self) -> Result<Self::Output, Self::Err> {
        Ok(self.0)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        if let Ast::ClassPerl(class) = ast {
            self.0.push(ClassPerl::clone(class));
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Self::Err> {
        if let ClassSetItem::Perl(class) = item {
            self.0.push(class.clone());
        }
        Ok(())
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
