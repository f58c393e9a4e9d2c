use crate::error::{Error, Result};
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// The value that a file holds.
///
/// # Errors
/// A file that cannot be read or is no JSON, with the line.
pub(super) fn read(path: &Path) -> Result<Value> {
    let bytes = fs::read(path).map_err(|e| Error::io("read", path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| {
        Error::input("this is no JSON")
            .found(&e)
            .place(format!("file {}, line {}", path.display(), e.line()))
            .hint("the file was changed or cut off: remove it, and build the data set again")
    })
}

/// An object and where it stands.
#[derive(Clone)]
pub(super) struct Object<'a> {
    map: &'a Map<String, Value>,
    file: &'a Path,
    prefix: String,
}

impl<'a> Object<'a> {
    /// The object that is the whole of `file`.
    pub(super) fn whole(value: &'a Value, file: &'a Path) -> Result<Object<'a>> {
        let map = value.as_object().ok_or_else(|| {
            Error::input("the file holds no JSON object").found(short(value)).place(format!("file {}", file.display()))
        })?;
        Ok(Object { map, file, prefix: String::new() })
    }

    /// An error about `key`.
    pub(super) fn wrong(&self, key: &str, expected: &str) -> Error {
        Error::input("a file of the data set cannot be used")
            .found(self.map.get(key).map_or_else(|| "no such key".into(), short))
            .expected(expected)
            .place(self.place(key))
    }

    /// "file F, key k".
    pub(super) fn place(&self, key: &str) -> String {
        format!("file {}, key {}{key}", self.file.display(), self.prefix)
    }

    fn get<T>(&self, key: &str, expected: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<T> {
        self.map.get(key).and_then(read).ok_or_else(|| self.wrong(key, expected))
    }

    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key)
    }

    pub(super) fn text(&self, key: &str) -> Result<String> {
        self.get(key, "a text", |v| v.as_str().map(String::from))
    }

    /// None where the value is null.
    pub(super) fn optional_text(&self, key: &str) -> Result<Option<String>> {
        self.get(key, "a text or null", |v| if v.is_null() { Some(None) } else { v.as_str().map(|t| Some(t.into())) })
    }

    /// None where the value is null.
    pub(super) fn optional_number(&self, key: &str) -> Result<Option<f64>> {
        self.get(key, "a number or null", |v| if v.is_null() { Some(None) } else { v.as_f64().map(Some) })
    }

    pub(super) fn count(&self, key: &str) -> Result<usize> {
        self.get(key, "a whole number from 0", |v| v.as_u64()?.try_into().ok())
    }

    pub(super) fn whole_number(&self, key: &str) -> Result<u64> {
        self.get(key, "a whole number from 0", Value::as_u64)
    }

    pub(super) fn flag(&self, key: &str) -> Result<bool> {
        self.get(key, "true or false", Value::as_bool)
    }

    pub(super) fn object(&self, key: &str) -> Result<Object<'a>> {
        let map = self.get(key, "an object", Value::as_object)?;
        Ok(Object { map, file: self.file, prefix: format!("{}{key}.", self.prefix) })
    }

    pub(super) fn objects(&self, key: &str) -> Result<Vec<Object<'a>>> {
        let maps = self.get(key, "a list of objects", |v| {
            v.as_array()?.iter().map(Value::as_object).collect::<Option<Vec<_>>>()
        })?;
        let at = |i: usize| format!("{}{key}[{i}].", self.prefix);
        Ok(maps.into_iter().enumerate().map(|(i, map)| Object { map, file: self.file, prefix: at(i) }).collect())
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>> {
        self.get(key, "a list of texts", |v| v.as_array()?.iter().map(|t| t.as_str().map(String::from)).collect())
    }

    pub(super) fn counts(&self, key: &str) -> Result<Vec<usize>> {
        let read =
            |v: &Value| -> Option<Vec<usize>> { v.as_array()?.iter().map(|n| n.as_u64()?.try_into().ok()).collect() };
        self.get(key, "a list of whole numbers from 0", read)
    }

    /// Asserts that `format` and `version` are these.
    pub(super) fn require(&self, format: &str, version: u64) -> Result<()> {
        if self.text("format")? != format {
            return Err(self.wrong("format", &format!("\"{format}\"")));
        }
        if self.whole_number("version")? != version {
            return Err(self.wrong("version", &version.to_string()).hint("use the program that made the data set"));
        }
        Ok(())
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text,
    }
}

/// The bytes of a file: keys in the order given, plain objects and lists on one line each, so that a list of thousands is
/// read and compared line by line.
pub(super) fn to_bytes(value: &Value) -> Vec<u8> {
    let mut text = String::new();
    write(value, 0, &mut text);
    text.push('\n');
    text.into_bytes()
}

fn write(value: &Value, depth: usize, text: &mut String) {
    let inner = "  ".repeat(depth + 1);
    let mut separator = "\n";
    match value {
        Value::Object(map) if depth == 0 || !map.values().all(is_plain) => {
            text.push('{');
            for (key, value) in map {
                text.push_str(&format!("{separator}{inner}{}: ", Value::from(key.as_str())));
                write(value, depth + 1, text);
                separator = ",\n";
            }
            text.push_str(&format!("\n{}}}", "  ".repeat(depth)));
        }
        Value::Array(list) if !is_plain(value) => {
            text.push('[');
            for value in list {
                text.push_str(&format!("{separator}{inner}"));
                write(value, depth + 1, text);
                separator = ",\n";
            }
            text.push_str(&format!("\n{}]", "  ".repeat(depth)));
        }
        _ => text.push_str(&value.to_string()),
    }
}

/// A number, text, flag, null, or a list of these.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Object(_) => false,
        Value::Array(list) => list.iter().all(|v| !v.is_object() && !v.is_array()),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_of_objects_have_a_line_each() {
        let value =
            json!({"b": 1, "a": {"x": [1, 2]}, "list": [{"n": 0.1, "t": "\"q\""}, {"n": [{"k": null}]}], "e": []});
        let text = String::from_utf8(to_bytes(&value)).unwrap();
        let lines = [
            r#"{"#,
            r#"  "b": 1,"#,
            r#"  "a": {"x":[1,2]},"#,
            r#"  "list": ["#,
            r#"    {"n":0.1,"t":"\"q\""},"#,
            r#"    {"#,
            r#"      "n": ["#,
            r#"        {"k":null}"#,
            r#"      ]"#,
            r#"    }"#,
            r#"  ],"#,
            r#"  "e": []"#,
            "}\n",
        ];
        assert_eq!(text, lines.join("\n"));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn numbers_read_back_equal() {
        for i in 0..20_000u32 {
            let [a, b, ..] = crate::math::random::philox([i, 0, 0, 0], 3);
            let x = f64::from_bits(u64::from(a) << 32 | u64::from(b));
            if x.is_finite() {
                let back: Value = serde_json::from_slice(&to_bytes(&json!([x]))).unwrap();
                assert_eq!(back[0].as_f64().map(f64::to_bits), Some(x.to_bits()), "{x:e}");
            }
        }
        let seed: Value = serde_json::from_slice(&to_bytes(&json!([u64::MAX]))).unwrap();
        assert_eq!(seed[0].as_u64(), Some(u64::MAX));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let value = json!({"list": [{"n": "x"}], "long": "y".repeat(200)});
        let object = Object::whole(&value, Path::new("D/plan.json")).unwrap();
        let error = object.objects("list").unwrap()[0].count("n").unwrap_err().to_string();
        assert!(error.contains("file D/plan.json, key list[0].n") && error.contains("\"x\""), "{error}");
        assert!(object.text("none").unwrap_err().to_string().contains("no such key"));
        assert!(object.count("long").unwrap_err().to_string().contains("yyy ..."));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        fs::write(&path, "{\n\"a\": 1,").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line 2"));
    }
}
