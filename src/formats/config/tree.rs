//! A TOML document with the line of every value.

use super::dotted;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fmt;
use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// Line of the file, from 1.
    Line(usize),
    /// An override of the command line.
    Set,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) value: Value,
    pub(super) origin: Origin,
    /// The words of an override: text that happens to be a number is still text if text is asked for.
    pub(super) raw: Option<String>,
}

#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime(Datetime),
    List(Vec<Value>),
    Table(Table),
}

#[derive(Debug, Default)]
pub(super) struct Table {
    entries: BTreeMap<String, Entry>,
}

impl Value {
    /// `origin` gives the origin of a byte position.
    pub(super) fn from_toml(value: DeValue<'_>, origin: &dyn Fn(usize) -> Origin) -> Result<Value> {
        Ok(match value {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => {
                    return Err(Error::input("an integer that is too large").found(number).expected(format!(
                        "{} to {}",
                        i64::MIN,
                        i64::MAX
                    )));
                }
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Value::Float(number),
                Err(_) => return Err(Error::input("a number that cannot be read").found(number)),
            },
            DeValue::Boolean(value) => Value::Boolean(value),
            DeValue::Datetime(time) => Value::Datetime(time),
            DeValue::Array(list) => {
                let values = list.into_iter().map(|item| Value::from_toml(item.into_inner(), origin));
                Value::List(values.collect::<Result<_>>()?)
            }
            DeValue::Table(table) => Value::Table(Table::from_toml(table, origin)?),
        })
    }

    fn to_toml(&self) -> toml::Value {
        match self {
            Value::Text(text) => toml::Value::String(text.clone()),
            Value::Integer(number) => toml::Value::Integer(*number),
            Value::Float(number) => toml::Value::Float(*number),
            Value::Boolean(value) => toml::Value::Boolean(*value),
            Value::Datetime(time) => toml::Value::Datetime(*time),
            Value::List(list) => toml::Value::Array(list.iter().map(Value::to_toml).collect()),
            Value::Table(table) => toml::Value::Table(table.to_toml()),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Table(_) => write!(f, "a table"),
            // 1e-20 and not 0.00000000000000000001
            Value::Float(v) if *v != 0.0 && !(1e-4..1e15).contains(&v.abs()) => write!(f, "{v:e}"),
            other => write!(f, "{}", other.to_toml()),
        }
    }
}

impl Table {
    /// Keys of this table, sorted.
    pub(super) fn keys(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    pub(super) fn from_toml(table: DeTable<'_>, origin: &dyn Fn(usize) -> Origin) -> Result<Table> {
        let entries = table
            .into_iter()
            .map(|(key, value)| {
                let origin_of_key = origin(key.span().start);
                let key = key.into_inner().into_owned();
                let value = Value::from_toml(value.into_inner(), origin).map_err(|e| match origin_of_key {
                    Origin::Line(line) => e.hint(format!("look at line {line}, key {key}")),
                    Origin::Set => e,
                })?;
                Ok((key, Entry { value, origin: origin_of_key, raw: None }))
            })
            .collect::<Result<_>>()?;
        Ok(Table { entries })
    }

    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Entries as they stand in the file, overrides last.
    pub(super) fn in_order(&self) -> Vec<(&String, &Entry)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|(_, entry)| entry.origin);
        entries
    }

    /// Puts `entry` at the dotted name `names`, making the tables on the way.
    pub(super) fn insert(&mut self, names: &[&str], entry: Entry) -> Result<()> {
        let Some((last, tables)) = names.split_last() else {
            return Ok(());
        };
        let mut table = self;
        for name in tables {
            let inner = table.entries.entry((*name).to_string()).or_insert_with(|| Entry {
                value: Value::Table(Table::default()),
                origin: Origin::Set,
                raw: None,
            });
            table = match &mut inner.value {
                Value::Table(inner) => inner,
                other => {
                    return Err(Error::input("an override inside something that is not a table")
                        .found(format!("{name} = {other}"))
                        .expected(format!("a table [{name}]")));
                }
            };
        }
        if let Some(Entry { value: Value::Table(_), .. }) = table.entries.get(*last)
            && !matches!(entry.value, Value::Table(_))
        {
            return Err(Error::input("an override of a whole table by a value")
                .found(format!("{} = {}", names.join("."), entry.value))
                .expected(format!("{}.KEY=VALUE", names.join("."))));
        }
        table.entries.insert((*last).to_string(), entry);
        Ok(())
    }

    pub(super) fn leaves(&self, name: &str, keys: &mut Vec<String>) {
        for (key, entry) in &self.entries {
            match &entry.value {
                Value::Table(inner) => inner.leaves(&dotted(name, key), keys),
                _ => keys.push(dotted(name, key)),
            }
        }
    }

    pub(super) fn to_toml(&self) -> toml::Table {
        self.entries.iter().map(|(key, entry)| (key.clone(), entry.value.to_toml())).collect()
    }
}
