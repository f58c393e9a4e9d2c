//! What is known of a sample, as a line of CSV or as JSON.

use super::is_scaled;
use crate::formats::Attribute;
use crate::formats::shard::{ColumnValues, ShardField, ShardHeader, ShardReader};
use serde_json::{Map, Value, json};

/// Number of the sample in the data set.
pub(super) fn sample_number(reader: &ShardReader, place: usize) -> u64 {
    reader.header().first_sample + place as u64
}

/// The names of the columns, `sample` first.
pub(super) fn csv_head(header: &ShardHeader) -> String {
    let names = header.columns.iter().map(|c| quoted(&c.name));
    let names: Vec<String> = std::iter::once("sample".to_string()).chain(names).collect();
    names.join(",") + "\n"
}

/// The values of one sample.
pub(super) fn csv_line(reader: &ShardReader, place: usize) -> String {
    let value = |values: &ColumnValues| match values {
        // the shortest text that is read back to the same number
        ColumnValues::Number(v) => format!("{:?}", v[place]),
        ColumnValues::Integer(v) => v[place].to_string(),
        ColumnValues::Flag(v) => v[place].to_string(),
        ColumnValues::Text(v) => quoted(&v[place]),
    };
    let values = reader.columns().iter().map(value);
    let values: Vec<String> = std::iter::once(sample_number(reader, place).to_string()).chain(values).collect();
    values.join(",") + "\n"
}

fn quoted(text: &str) -> String {
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    }
}

/// All that is known of one sample; numbers that are not finite become null.
pub(super) fn json_of(reader: &ShardReader, place: usize, fields: &[usize], physical: bool) -> Value {
    let header = reader.header();
    let mut object = Map::new();
    object.insert("sample".into(), json!(sample_number(reader, place)));
    for (column, values) in header.columns.iter().zip(reader.columns()) {
        let value = match values {
            ColumnValues::Number(v) => json!(v[place]),
            ColumnValues::Integer(v) => json!(v[place]),
            ColumnValues::Flag(v) => json!(v[place]),
            ColumnValues::Text(v) => json!(v[place]),
        };
        object.insert(column.name.clone(), value);
    }
    object.insert("fields".into(), fields_json(header, fields, physical));
    Value::Object(object)
}

/// Units and attributes of fields.
pub(super) fn fields_json(header: &ShardHeader, fields: &[usize], physical: bool) -> Value {
    let fields = fields.iter().map(|field| {
        let field = &header.fields[*field];
        (field.name.clone(), field_of(field, physical))
    });
    Value::Object(fields.collect())
}

fn field_of(field: &ShardField, physical: bool) -> Value {
    let mut object = Map::new();
    object.insert("units".into(), json!(field.unit));
    object.insert("scaled".into(), json!(is_scaled(field) && !physical));
    for (name, value) in &field.attributes {
        let value = match value {
            Attribute::Number(v) => json!(v),
            Attribute::Integer(v) => json!(v),
            Attribute::Text(v) => json!(v),
        };
        object.insert(name.clone(), value);
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn text_is_quoted_where_csv_needs_it() {
        assert_eq!(["a b", "a,b", "say \"a\""].map(quoted), ["a b", "\"a,b\"", "\"say \"\"a\"\"\""]);
    }
}
