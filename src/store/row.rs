//! A row that was read, alike from both databases.

use super::{Result, StoreError};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// A value of the two kinds that the desk has in its tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    None,
    Int(i64),
    Text(String),
    /// What no column of the desk holds.
    Other(&'static str),
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::None, Self::Int)
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        value.map_or(Self::None, Self::Text)
    }
}

/// A row.
#[derive(Debug)]
pub(crate) struct Row {
    names: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    pub(super) fn new(names: &Arc<[String]>, values: Vec<Value>) -> Self {
        Self { names: names.clone(), values }
    }

    fn value(&self, name: &str) -> Result<&Value> {
        let place = self.names.iter().position(|known| known == name);
        place.and_then(|place| self.values.get(place)).ok_or_else(|| unfit(name, "there is no such column"))
    }

    pub(crate) fn int(&self, name: &str) -> Result<i64> {
        self.maybe_int(name)?.ok_or_else(|| unfit(name, "nothing in place of a number"))
    }

    pub(crate) fn maybe_int(&self, name: &str) -> Result<Option<i64>> {
        match self.value(name)? {
            Value::None => Ok(None),
            Value::Int(value) => Ok(Some(*value)),
            Value::Text(_) => Err(unfit(name, "text in place of a number")),
            Value::Other(what) => Err(unfit(name, what)),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Result<String> {
        Ok(self.str(name)?.to_owned())
    }

    pub(crate) fn maybe_text(&self, name: &str) -> Result<Option<String>> {
        Ok(self.maybe_str(name)?.map(str::to_owned))
    }

    fn str(&self, name: &str) -> Result<&str> {
        self.maybe_str(name)?.ok_or_else(|| unfit(name, "nothing in place of text"))
    }

    fn maybe_str(&self, name: &str) -> Result<Option<&str>> {
        match self.value(name)? {
            Value::None => Ok(None),
            Value::Text(value) => Ok(Some(value)),
            Value::Int(_) => Err(unfit(name, "a number in place of text")),
            Value::Other(what) => Err(unfit(name, what)),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool> {
        Ok(self.int(name)? != 0)
    }

    pub(crate) fn instant(&self, name: &str) -> Result<Timestamp> {
        instant(self.int(name)?)
    }

    pub(crate) fn maybe_instant(&self, name: &str) -> Result<Option<Timestamp>> {
        self.maybe_int(name)?.map(instant).transpose()
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, name: &'static str) -> Result<T> {
        parsed(self.str(name)?, name)
    }

    pub(crate) fn maybe_json<T: DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>> {
        self.maybe_str(name)?.map(|text| parsed(text, name)).transpose()
    }
}

fn parsed<T: DeserializeOwned>(text: &str, name: &'static str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Unreadable { what: name, why: error.to_string() })
}

fn instant(ms: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(ms).map_err(|error| StoreError::Unreadable { what: "instant", why: error.to_string() })
}

/// What a column holds that it should not.
pub(super) fn unfit(column: &str, why: &str) -> StoreError {
    StoreError::Unreadable { what: "value", why: format!("column `{column}`: {why}") }
}
