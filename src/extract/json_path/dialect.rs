//! Forms of JSONPath that RFC 9535 refuses and people write, rewritten into RFC 9535.
//!
//! | form | known from | becomes |
//! |---|---|---|
//! | `$.metadata.annotations.source-ref` | Jayway | `$['metadata']['annotations']['source-ref']` |
//! | `{.metadata.name}`, `{$.metadata.name}`, `{ .metadata.name }` | kubectl | `$['metadata']['name']` |
//! | `.metadata.name` | kubectl, jq | `$['metadata']['name']` |
//! | `.metadata.labels.app\.kubernetes\.io/name` | kubectl | `$['metadata']['labels']['app.kubernetes.io/name']` |
//! | `.metadata.labels['app\.kubernetes\.io/name']` | kubectl | the same |
//!
//! What stands in brackets goes through as it is, filters above all: inside them RFC 9535 holds. Text around the
//! braces, `range` and a path without a dot in front are not read.

use super::Refused;

/// A path in RFC 9535, and where its parts come from.
pub(super) struct Rewritten {
    pub text: String,
    /// Starts of the same part: bytes in `text`, bytes in the original.
    parts: Vec<(usize, usize)>,
}

impl Rewritten {
    /// An expression that needs no rewriting.
    pub fn unchanged(expression: &str) -> Self {
        Self {
            text: expression.to_owned(),
            parts: Vec::new(),
        }
    }

    /// The same problem at the place in the original that became the place in the text.
    pub fn in_original(&self, refused: Refused) -> Refused {
        let part = self
            .parts
            .iter()
            .rev()
            .find(|(rewritten, _)| *rewritten <= refused.offset);
        Refused {
            offset: part.map_or(refused.offset, |(rewritten, original)| {
                original + (refused.offset - rewritten)
            }),
            ..refused
        }
    }
}

pub(super) fn rewrite(expression: &str) -> Result<Rewritten, Refused> {
    let (start, end) = inside_braces(expression)?;
    let mut reader = Reader {
        characters: expression
            .char_indices()
            .filter(|(offset, _)| (start..end).contains(offset))
            .collect(),
        at: 0,
        end,
    };
    let mut rewritten = Rewritten {
        text: "$".to_owned(),
        parts: vec![(0, start)],
    };
    match reader.peek() {
        None => return Err(reader.refused("the path is empty")),
        Some('$') => {
            reader.next();
        }
        Some('.' | '[') => {}
        Some(_) => return Err(reader.refused("a path begins with $ or with a dot")),
    }
    while let Some(character) = reader.peek() {
        rewritten.parts.push((rewritten.text.len(), reader.offset()));
        match character {
            '.' => reader.dotted(&mut rewritten.text)?,
            '[' => reader.bracket(&mut rewritten.text)?,
            '(' => return Err(reader.refused("there are no method calls")),
            '{' | '}' => return Err(reader.refused("there is more than one pair of braces")),
            _ => return Err(reader.refused("neither a dot nor a bracket")),
        }
    }
    Ok(rewritten)
}

/// First byte of the path, and the byte after its last one, without braces and the space inside them.
fn inside_braces(expression: &str) -> Result<(usize, usize), Refused> {
    let refused = |offset, problem: &str| Refused {
        offset,
        problem: problem.to_owned(),
    };
    let Some(after_brace) = expression.strip_prefix('{') else {
        return if expression.ends_with('}') {
            Err(refused(0, "there is text before the brace"))
        } else {
            Ok((0, expression.len()))
        };
    };
    let Some(inside) = after_brace.strip_suffix('}') else {
        return Err(match expression.rfind('}') {
            Some(brace) => refused(brace + 1, "there is text after the brace"),
            None => refused(expression.len(), "the brace is not closed"),
        });
    };
    let start = 1 + inside.len() - inside.trim_start().len();
    Ok((start, start + inside.trim().len()))
}

struct Reader {
    /// Each with its offset in the original.
    characters: Vec<(usize, char)>,
    at: usize,
    /// The offset after the last one.
    end: usize,
}

impl Iterator for Reader {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += 1;
        Some(character)
    }
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).map(|(_, character)| *character)
    }

    fn offset(&self) -> usize {
        self.characters.get(self.at).map_or(self.end, |(offset, _)| *offset)
    }

    fn refused(&self, problem: &str) -> Refused {
        Refused {
            offset: self.offset(),
            problem: problem.to_owned(),
        }
    }

    /// `.name`, `..name`, `.*`, `..*`, and the dots of `..[`.
    fn dotted(&mut self, text: &mut String) -> Result<(), Refused> {
        self.next();
        let descends = self.peek() == Some('.');
        if descends {
            self.next();
            text.push_str("..");
        }
        match self.peek() {
            Some('*') => {
                self.next();
                text.push_str("[*]");
            }
            Some('[') if descends => {}
            Some('[') => return Err(self.refused("a bracket follows a dot")),
            _ => {
                let name = self.name()?;
                text.push_str("['");
                text.push_str(&name.replace('\\', r"\\").replace('\'', r"\'"));
                text.push_str("']");
            }
        }
        Ok(())
    }

    /// A name after a dot. A backslash takes the character after it as it is.
    fn name(&mut self) -> Result<String, Refused> {
        let mut name = String::new();
        while let Some(character) = self.peek() {
            match character {
                '\\' => {
                    self.next();
                    match self.peek() {
                        Some(escaped) if !escaped.is_control() => name.push(escaped),
                        _ => return Err(self.refused("nothing follows the backslash")),
                    }
                }
                '-' | '_' | '/' => name.push(character),
                _ if character.is_ascii_alphanumeric() || !character.is_ascii() => name.push(character),
                _ => break,
            }
            self.next();
        }
        if name.is_empty() {
            return Err(self.refused("a name is missing after the dot"));
        }
        Ok(name)
    }

    /// `[...]` to its end, as it is; only kubectl's `\.` in a quoted name becomes a dot.
    fn bracket(&mut self, text: &mut String) -> Result<(), Refused> {
        let unclosed = self.refused("the bracket is not closed");
        let mut is_filter = false;
        let mut depth = 0_usize;
        let mut quote = None;
        while let Some(character) = self.next() {
            match (quote, character) {
                (None, '[') => depth += 1,
                (None, ']') => depth -= 1,
                (None, '?') => is_filter = true,
                (None, '\'' | '"') => quote = Some(character),
                (Some(_), '\\') => {
                    if is_filter || self.peek() != Some('.') {
                        text.push('\\');
                    }
                    text.extend(self.next());
                    continue;
                }
                (Some(end), _) if end == character => quote = None,
                _ => {}
            }
            text.push(character);
            if depth == 0 {
                return Ok(());
            }
        }
        Err(unclosed)
    }
}
