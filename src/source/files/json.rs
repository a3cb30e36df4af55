//! Objects in JSON, given away one by one as they are read, so that a dump of a whole cluster takes no more memory than
//! its largest object.

use std::{fmt, io::BufRead};

use serde::{
    Deserialize,
    de::{
        DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
        value::MapAccessDeserializer,
    },
};
use serde_json::{Map, Value};

use super::documents::{Give, ListOf, object, place};

const ITEMS: &str = "items";

/// Gives the objects of every document away, and answers how many documents there were.
pub(super) fn each_document(
    file: &str,
    reader: &mut impl BufRead,
    give: &mut Give<'_>,
) -> Result<usize, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let mut count = 0;
    loop {
        match deserializer.end() {
            Ok(()) => return Ok(count),
            Err(error) if error.is_io() => return Err(error),
            // Something follows.
            Err(_) => {}
        }
        let document = Document {
            place: place(file, count, count > 0),
            give,
        };
        document.deserialize(&mut deserializer)?;
        count += 1;
    }
}

struct Document<'a, 'g> {
    place: String,
    give: &'a mut Give<'g>,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let Self { place, give } = self;
        let mut fields = Map::new();
        let mut items = Items::default();
        while let Some(name) = map.next_key::<String>()? {
            if name == ITEMS {
                // kubectl sorts the fields, so that the kind comes after the items: they are taken for those of a
                // list unless something speaks against it.
                let list_of = ListOf::read(&fields);
                if list_of.is_some() || !fields.contains_key("kind") {
                    let reading = Reading {
                        items: &mut items,
                        list_of,
                        place: &place,
                        give: &mut *give,
                    };
                    if let Some(other) = map.next_value_seed(reading)? {
                        fields.insert(name, other);
                    }
                    continue;
                }
            }
            fields.insert(name, map.next_value()?);
        }
        items.finish(place, fields, give).map_err(M::Error::custom)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut sequence: S) -> Result<(), S::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        (self.give)(object(self.place, Value::Array(Vec::new())));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        (self.give)(object(self.place, value.into()));
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        (self.give)(object(self.place, value.into()));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        (self.give)(object(self.place, Value::Null));
        Ok(())
    }
}

/// The items of a document so far.
#[derive(Default)]
struct Items {
    was_read: bool,
    given: usize,
    /// Those that do not say what they are, before the list has said it.
    nameless: Vec<Value>,
}

impl Items {
    /// The rest of the document is known; `fields` is all of it but the items that were read.
    fn finish(self, place: String, mut fields: Map<String, Value>, give: &mut Give<'_>) -> Result<(), String> {
        if !self.was_read {
            give(object(place, Value::Object(fields)));
            return Ok(());
        }
        if let Some(list_of) = ListOf::read(&fields) {
            for (index, mut item) in self.nameless.into_iter().enumerate() {
                list_of.complete(&mut item);
                give(object(format!("{place} item {}", self.given + index + 1), item));
            }
            return Ok(());
        }
        if self.given > 0 {
            return Err(format!(
                "{place} has objects as items, but its kind does not end in List"
            ));
        }
        // Items of its own, which are no objects.
        fields.insert(ITEMS.to_owned(), Value::Array(self.nameless));
        give(object(place, Value::Object(fields)));
        Ok(())
    }
}

/// Reads the items. What is no list of items is given back.
struct Reading<'a, 'g> {
    items: &'a mut Items,
    list_of: Option<ListOf>,
    place: &'a str,
    give: &'a mut Give<'g>,
}

impl<'de> DeserializeSeed<'de> for Reading<'_, '_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_, '_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("items")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut sequence: S) -> Result<Self::Value, S::Error> {
        let Self {
            items,
            list_of,
            place,
            give,
        } = self;
        items.was_read = true;
        while let Some(mut item) = sequence.next_element::<Value>()? {
            if let Some(list_of) = &list_of {
                list_of.complete(&mut item);
            }
            if list_of.is_none() && (item.get("kind").is_none() || item.get("apiVersion").is_none()) {
                items.nameless.push(item);
            } else {
                items.given += 1;
                give(object(format!("{place} item {}", items.given), item));
            }
        }
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        // Go writes an empty list as null.
        self.items.was_read = true;
        Ok(None)
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }
}
