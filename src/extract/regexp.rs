//! Cutting a piece out of a text.

use std::convert::Infallible;

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{
    self, Ast, ClassPerl, ClassPerlKind, ClassSetItem, ClassSetRange, ClassUnicode, ClassUnicodeKind, Flag, Flags,
};

use super::{ExtractError, limits};

/// Bytes that a compiled regexp may take. `(?i)[\w.-]{1,128}` needs most of it. Whatever fits is compiled in about a
/// millisecond, several classes like `\p{L}` being the slowest.
const MAX_COMPILED: usize = 64 << 10;

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
        let classes = Classes::of(expression);
        if classes.are_folded_one_by_one() {
            return Err(ExtractError::RegexpTooLarge {
                regexp: expression.to_owned(),
            });
        }
        let regex = RegexBuilder::new(&classes.in_ascii(expression))
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

/// The classes of characters in an expression.
#[derive(Default)]
pub(super) struct Classes {
    /// `\w`, `\d` and `\s`, in their order.
    perl: Vec<ClassPerl>,
    /// A class that has nearly every character of Unicode in one range before its case is ignored.
    is_vast: bool,
    ignores_case: bool,
}

impl Classes {
    /// None for what is no regexp.
    pub fn of(expression: &str) -> Self {
        let ast = ast::parse::Parser::new().parse(expression);
        ast.ok()
            .and_then(|ast| ast::visit(&ast, Self::default()).ok())
            .unwrap_or_default()
    }

    /// To ignore case the library asks for the other case of each character of a class, which takes milliseconds where
    /// a class has all of them.
    pub fn are_folded_one_by_one(&self) -> bool {
        self.is_vast && self.ignores_case
    }

    /// The expression with `\w`, `\d` and `\s` as most engines read them, Java's among them. For the library they are
    /// every letter, digit and space of Unicode, which a tag never has, and which cost a hundred times as much.
    fn in_ascii(&self, expression: &str) -> String {
        let mut rewritten = expression.to_owned();
        // From the end, so that the places in front stay where they are.
        for class in self.perl.iter().rev() {
            let name = match class.kind {
                ClassPerlKind::Digit => "digit",
                ClassPerlKind::Space => "space",
                ClassPerlKind::Word => "word",
            };
            let negation = if class.negated { "^" } else { "" };
            rewritten.replace_range(
                class.span.start.offset..class.span.end.offset,
                &format!("[{negation}[:{name}:]]"),
            );
        }
        rewritten
    }

    fn flags(&mut self, flags: &Flags) {
        self.ignores_case |= flags.flag_state(Flag::CaseInsensitive) == Some(true);
    }
}

impl ast::Visitor for Classes {
    type Output = Self;
    type Err = Infallible;

    fn finish(self) -> Result<Self::Output, Self::Err> {
        Ok(self)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        match ast {
            Ast::ClassPerl(class) => self.perl.push(ClassPerl::clone(class)),
            Ast::ClassUnicode(class) => self.is_vast |= is_any(class),
            Ast::Flags(set) => self.flags(&set.flags),
            Ast::Group(group) => {
                if let Some(flags) = group.flags() {
                    self.flags(flags);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What is negated is vast, unless the whole class is: then case comes first.
    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Self::Err> {
        /// As many characters as the largest alphabets have.
        const LARGE: u32 = 0x1000;

        self.is_vast |= match item {
            ClassSetItem::Perl(class) => {
                self.perl.push(class.clone());
                class.negated
            }
            ClassSetItem::Ascii(class) => class.negated,
            ClassSetItem::Unicode(class) => class.is_negated() || is_any(class),
            ClassSetItem::Bracketed(class) => class.negated,
            ClassSetItem::Range(ClassSetRange { start, end, .. }) => {
                u32::from(end.c).saturating_sub(u32::from(start.c)) > LARGE
            }
            _ => false,
        };
        Ok(())
    }
}

/// `\p{Any}`, in one of its many spellings.
fn is_any(class: &ClassUnicode) -> bool {
    let name = match &class.kind {
        ClassUnicodeKind::OneLetter(_) => return false,
        ClassUnicodeKind::Named(name) => name,
        ClassUnicodeKind::NamedValue { value, .. } => value,
    };
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).eq("any".chars())
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
