//! Objects in JSON, given away one by one as they are read, so that a dump of a whole cluster takes no more memory than
//! its largest object.
//!
//! `serde_json` reads every value; only the frame of a list, around its items, is taken apart here. Its own way of reading
//! from a stream looks at each byte by itself and takes three times as long.

use std::io::{self, Read};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, error::Category};

use super::documents::{Give, ListOf, give_objects, list_items, object, place};

const ITEMS: &str = "items";

/// Between documents of YAML.
const SEPARATOR: &[u8] = b"---";

/// Bytes that are read at once: many objects of usual size, so that few are met by the end of the buffer.
const CHUNK: usize = 256 << 10;

/// Why a document cannot be read.
pub(super) enum Problem {
    Io(io::Error),
    /// Line and column are counted from 1.
    Syntax {
        line: u64,
        column: u64,
        problem: String,
    },
}

/// Gives the objects of every document away, and answers how many documents there were. `---` may stand between them;
/// where something else than an object follows it, the input is left there, for it is YAML.
pub(super) fn each_document(file: &str, input: &mut Input<impl Read>, give: &mut Give<'_>) -> Result<usize, Problem> {
    let mut count = 0;
    while let Some(begin) = input.peek()? {
        let place = place(file, count, count > 0);
        if begin == b'{' {
            document(&place, input, give)?;
        } else {
            let value = input.value()?;
            input.forget();
            give(object(place, value));
        }
        count += 1;
        if input.separator()? && !matches!(input.peek()?, None | Some(b'{')) {
            break;
        }
    }
    Ok(count)
}

fn document(place: &str, input: &mut Input<impl Read>, give: &mut Give<'_>) -> Result<(), Problem> {
    input.next()?;
    let mut fields = Map::new();
    let mut given = 0;
    let mut is_first = true;
    loop {
        if is_first && input.peek()? == Some(b'}') {
            input.next()?;
            break;
        }
        is_first = false;
        let name: String = input.value()?;
        input.expect(b':', "expected `:`")?;
        // kubectl sorts the fields, so that the kind comes after the items: they are taken for those of a list unless
        // something speaks against it.
        let list_of = ListOf::read(&fields);
        let may_be_list = list_of.is_some() || !fields.contains_key("kind");
        if name == ITEMS && may_be_list && input.peek()? == Some(b'[') {
            let nameless = items(place, input, list_of.as_ref(), &mut given, give)?;
            fields.insert(name, Value::Array(nameless));
        } else {
            fields.insert(name, input.value()?);
        }
        match input.peek()? {
            Some(b',') => input.next()?,
            _ => {
                input.expect(b'}', "expected `,` or `}`")?;
                break;
            }
        }
    }
    if given > 0 && ListOf::read(&fields).is_none() {
        return Err(input.refused(format!(
            "{place} has objects as items, but its kind does not end in List"
        )));
    }
    input.forget();
    match list_items(Value::Object(fields)) {
        Ok(items) => {
            for (index, item) in items.into_iter().enumerate() {
                give_objects(format!("{place} item {}", given + index + 1), item, give);
            }
        }
        Err(other) => give(object(place.to_owned(), other)),
    }
    Ok(())
}

/// Gives the items of a list away, and answers with those that do not say what they are while the list has not said it.
fn items(
    place: &str,
    input: &mut Input<impl Read>,
    list_of: Option<&ListOf>,
    given: &mut usize,
    give: &mut Give<'_>,
) -> Result<Vec<Value>, Problem> {
    input.next()?;
    let mut nameless = Vec::new();
    if input.peek()? == Some(b']') {
        input.next()?;
        return Ok(nameless);
    }
    loop {
        let mut item: Value = input.value()?;
        if let Some(list_of) = list_of {
            list_of.complete(&mut item);
        }
        if list_of.is_none() && (item.get("kind").is_none() || item.get("apiVersion").is_none()) {
            nameless.push(item);
        } else {
            *given += 1;
            input.forget();
            give_objects(format!("{place} item {given}"), item, give);
        }
        match input.peek()? {
            Some(b',') => input.next()?,
            _ => {
                input.expect(b']', "expected `,` or `]`")?;
                return Ok(nameless);
            }
        }
    }
}

/// What is read, piece by piece.
pub(super) struct Input<R> {
    source: R,
    /// What was read, from the beginning until it is forgotten.
    buffer: Vec<u8>,
    /// The part of it that was taken.
    taken: usize,
    /// Bytes that were forgotten.
    dropped: usize,
    ended: bool,
    forgets: bool,
    /// Lines before, and bytes of this line before the next byte.
    line: u64,
    column: u64,
}

impl<R: Read> Input<R> {
    pub fn new(source: R) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            taken: 0,
            dropped: 0,
            ended: false,
            forgets: false,
            line: 0,
            column: 0,
        }
    }

    /// Skips the text if the input goes on with it.
    pub fn skip(&mut self, text: &str) -> io::Result<()> {
        while self.rest().len() < text.len() && self.more()? {}
        if self.rest().starts_with(text.as_bytes()) {
            self.taken += text.len();
        }
        Ok(())
    }

    /// The next byte that is not white space.
    pub fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let white = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            let position = self.rest().iter().position(|byte| !white(byte));
            self.take(position.unwrap_or(self.rest().len()));
            if let Some(byte) = self.rest().first() {
                return Ok(Some(*byte));
            }
            if !self.more()? {
                return Ok(None);
            }
        }
    }

    /// Takes a line `---`, if it is next; what stands behind it stays.
    fn separator(&mut self) -> io::Result<bool> {
        self.peek()?;
        while self.rest().len() <= SEPARATOR.len() && self.more()? {}
        let behind = self.rest().strip_prefix(SEPARATOR);
        let found = behind.is_some_and(|behind| behind.first().is_none_or(u8::is_ascii_whitespace));
        if found {
            self.take(SEPARATOR.len());
        }
        Ok(found)
    }

    /// From now on what was taken is dropped.
    fn forget(&mut self) {
        self.forgets = true;
    }

    /// True if what was taken is dropped, so that nobody can begin again.
    pub fn forgets(&self) -> bool {
        self.forgets
    }

    /// Everything from the beginning, to read it in another way.
    pub fn into_everything(self) -> io::Result<Vec<u8>> {
        let Self {
            mut source, mut buffer, ..
        } = self;
        source.read_to_end(&mut buffer)?;
        Ok(buffer)
    }

    /// What was not taken, below as many empty lines as came before, so that lines are those of the input; and how many
    /// bytes of the input have no byte there.
    pub fn into_rest(mut self) -> io::Result<(Vec<u8>, usize)> {
        let mut rest: Vec<u8> = (0..self.line).map(|_| b'\n').collect();
        let gone = (self.dropped + self.taken).saturating_sub(rest.len());
        rest.extend_from_slice(self.rest());
        self.source.read_to_end(&mut rest)?;
        Ok((rest, gone))
    }

    fn next(&mut self) -> io::Result<()> {
        if self.peek()?.is_some() {
            self.take(1);
        }
        Ok(())
    }

    fn expect(&mut self, byte: u8, otherwise: &str) -> Result<(), Problem> {
        match self.peek()? {
            Some(found) if found == byte => {
                self.take(1);
                Ok(())
            }
            Some(_) => Err(self.refused(otherwise.to_owned())),
            None => Err(self.refused("EOF while parsing an object".to_owned())),
        }
    }

    /// The next value.
    fn value<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        self.peek()?;
        loop {
            let mut values = serde_json::Deserializer::from_slice(self.rest()).into_iter();
            let value = values.next();
            let length = values.byte_offset();
            // A number at the end of the buffer may go on.
            let is_cut = match &value {
                Some(Ok(_)) => length == self.rest().len(),
                Some(Err(error)) => error.classify() == Category::Eof,
                None => true,
            };
            if is_cut && self.more()? {
                continue;
            }
            return match value {
                Some(Ok(value)) => {
                    self.take(length);
                    Ok(value)
                }
                Some(Err(error)) => Err(self.syntax(&error)),
                None => Err(self.refused("EOF while parsing a value".to_owned())),
            };
        }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.taken..).unwrap_or_default()
    }

    fn take(&mut self, count: usize) {
        let taken = self.rest().get(..count).unwrap_or_default();
        let after_break = taken.iter().rev().position(|byte| *byte == b'\n');
        match after_break {
            Some(after) => {
                self.line += taken.iter().filter(|byte| **byte == b'\n').count() as u64;
                self.column = after as u64;
            }
            None => self.column += count as u64,
        }
        self.taken += count;
    }

    /// Reads on; false at the end.
    fn more(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.forgets {
            self.buffer.drain(..self.taken);
            self.dropped += self.taken;
            self.taken = 0;
        }
        // An object that is larger than the buffer is begun again, so the buffer has to grow by more than a bit.
        let before = self.buffer.len();
        let limit = CHUNK.max(before) as u64;
        let read = self.source.by_ref().take(limit).read_to_end(&mut self.buffer)?;
        self.ended = read == 0;
        Ok(read > 0)
    }

    fn syntax(&self, error: &serde_json::Error) -> Problem {
        let (line, column) = (error.line() as u64, error.column() as u64);
        let text = error.to_string();
        let at = format!(" at line {line} column {column}");
        Problem::Syntax {
            line: self.line + line,
            column: if line <= 1 { self.column + column } else { column },
            problem: text.strip_suffix(&at).unwrap_or(&text).to_owned(),
        }
    }

    fn refused(&self, problem: String) -> Problem {
        Problem::Syntax {
            line: self.line + 1,
            column: self.column + 1,
            problem,
        }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
