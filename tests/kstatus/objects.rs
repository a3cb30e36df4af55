//! Going about in JSON.

use serde_json::Value;

/// The JSON pointers of a document and of all that is in it.
pub fn pointers(document: &Value) -> Vec<String> {
    fn collect(value: &Value, at: &str, all: &mut Vec<String>) {
        all.push(at.to_owned());
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    collect(value, &format!("{at}/{key}"), all);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    collect(value, &format!("{at}/{index}"), all);
                }
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    collect(document, "", &mut all);
    all
}

/// The pointer to a field named as in our messages, such as `status.conditions[0].type`.
pub fn pointer(path: &str) -> String {
    format!("/{}", path.replace('[', "/").replace(']', "").replace('.', "/"))
}

/// Removes a field or an item; false if there is none.
pub fn remove(document: &mut Value, pointer: &str) -> bool {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        return false;
    };
    let key = key.replace("~1", "/").replace("~0", "~");
    match document.pointer_mut(parent) {
        Some(Value::Object(fields)) => fields.remove(&key).is_some(),
        Some(Value::Array(items)) => {
            let index = key.parse().ok().filter(|index| *index < items.len());
            index.map(|index| items.remove(index)).is_some()
        }
        _ => false,
    }
}

/// Sets a field at a dotted path, if there are objects on the way to it, or nothing.
pub fn set(document: &mut Value, path: &str, value: Value) {
    let mut place = document;
    for key in path.split('.') {
        if place.is_null() {
            *place = Value::Object(serde_json::Map::new());
        }
        let Value::Object(fields) = place else { return };
        place = fields.entry(key).or_insert(Value::Null);
    }
    *place = value;
}

/// The same without fields and items that are null.
pub fn without_nulls(mut value: Value) -> Value {
    fn clean(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|_, value| !value.is_null());
                fields.values_mut().for_each(clean);
            }
            Value::Array(items) => {
                items.retain(|value| !value.is_null());
                items.iter_mut().for_each(clean);
            }
            _ => {}
        }
    }
    clean(&mut value);
    value
}
