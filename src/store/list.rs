//! Lists as arguments: of rows for `{rows …}`, of values for `{in …}` and `{each …}`.

use super::{Arg, Result, StoreError};
use serde::ser::{Error as _, Impossible, SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A list that goes into a statement.
#[derive(Debug, Clone)]
pub(crate) enum List {
    Ints(Vec<i64>),
    Texts(Vec<String>),
    /// Rows; also what is empty.
    Rows(Vec<GivenRow>),
}

/// A row that is given: names and values, mostly in the order of the columns.
pub(crate) type GivenRow = Vec<(Cow<'static, str>, Cell)>;

/// A value of the two kinds that the desk has in its tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    None,
    Int(i64),
    Text(String),
}

/// A sequence of plain values, or of structures of such, as one argument.
///
/// # Errors
/// There is something else in it, which is the desk's own mistake.
pub(crate) fn list(values: &impl Serialize) -> Result<Arg> {
    let unfit = |why: String| StoreError::Unreadable { what: "list to store", why };
    match values.serialize(Flat).map_err(|error| unfit(error.0))? {
        Out::List(list) => Ok(Arg::List(list)),
        _ => Err(unfit("it is no list".to_owned())),
    }
}

/// The value of a column.
pub(super) fn cell<'a>(row: &'a GivenRow, place: usize, column: &str) -> &'a Cell {
    let there = row.get(place).filter(|(name, _)| name == column);
    there.or_else(|| row.iter().find(|(name, _)| name == column)).map_or(&Cell::None, |(_, cell)| cell)
}

impl List {
    pub(super) const fn is_empty(&self) -> bool {
        match self {
            Self::Ints(values) => values.is_empty(),
            Self::Texts(values) => values.is_empty(),
            Self::Rows(rows) => rows.is_empty(),
        }
    }
}

/// As SQLite takes a list that it looks into.
impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        struct Named<'a>(&'a GivenRow);
        impl Serialize for Named<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|(name, cell)| (name, cell)))
            }
        }
        match self {
            Self::Ints(values) => values.serialize(serializer),
            Self::Texts(values) => values.serialize(serializer),
            Self::Rows(rows) => serializer.collect_seq(rows.iter().map(Named)),
        }
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_unit(),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Text(value) => serializer.serialize_str(value),
        }
    }
}

/// What a value becomes.
enum Out {
    Cell(Cell),
    Row(GivenRow),
    List(List),
}

/// Takes values apart without a text between.
struct Flat;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unfit(String);

impl serde::ser::Error for Unfit {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self(why.to_string())
    }
}

type Done = std::result::Result<Out, Unfit>;

fn int<T: TryInto<i64>>(value: T) -> Done {
    value.try_into().map(|value| Out::Cell(Cell::Int(value))).map_err(|_| Unfit::custom("a number beyond 64 bits"))
}

fn never<T>(what: &str) -> std::result::Result<T, Unfit> {
    Err(Unfit(format!("{what} in a row")))
}

impl Serializer for Flat {
    type Ok = Out;
    type Error = Unfit;
    type SerializeSeq = Sequence;
    type SerializeTuple = Impossible<Out, Unfit>;
    type SerializeTupleStruct = Impossible<Out, Unfit>;
    type SerializeTupleVariant = Impossible<Out, Unfit>;
    type SerializeMap = Columns;
    type SerializeStruct = Columns;
    type SerializeStructVariant = Impossible<Out, Unfit>;

    fn serialize_bool(self, value: bool) -> Done {
        int(i64::from(value))
    }
    fn serialize_i8(self, value: i8) -> Done {
        int(value)
    }
    fn serialize_i16(self, value: i16) -> Done {
        int(value)
    }
    fn serialize_i32(self, value: i32) -> Done {
        int(value)
    }
    fn serialize_i64(self, value: i64) -> Done {
        int(value)
    }
    fn serialize_u8(self, value: u8) -> Done {
        int(value)
    }
    fn serialize_u16(self, value: u16) -> Done {
        int(value)
    }
    fn serialize_u32(self, value: u32) -> Done {
        int(value)
    }
    fn serialize_u64(self, value: u64) -> Done {
        int(value)
    }
    fn serialize_f32(self, _: f32) -> Done {
        never("a float")
    }
    fn serialize_f64(self, _: f64) -> Done {
        never("a float")
    }
    fn serialize_char(self, value: char) -> Done {
        Ok(Out::Cell(Cell::Text(value.into())))
    }
    fn serialize_str(self, value: &str) -> Done {
        Ok(Out::Cell(Cell::Text(value.to_owned())))
    }
    fn serialize_bytes(self, _: &[u8]) -> Done {
        never("bytes")
    }
    fn serialize_none(self) -> Done {
        Ok(Out::Cell(Cell::None))
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Done {
        Ok(Out::Cell(Cell::None))
    }
    fn serialize_unit_struct(self, _: &'static str) -> Done {
        Ok(Out::Cell(Cell::None))
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(self, _: &'static str, _: u32, variant: &'static str, _: &T) -> Done {
        never(variant)
    }
    fn serialize_seq(self, len: Option<usize>) -> std::result::Result<Sequence, Unfit> {
        Ok(Sequence { list: List::Rows(Vec::new()), expected: len.unwrap_or_default() })
    }
    fn serialize_tuple(self, _: usize) -> std::result::Result<Self::SerializeTuple, Unfit> {
        never("a tuple")
    }
    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> std::result::Result<Self::SerializeTupleStruct, Unfit> {
        never(name)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> std::result::Result<Self::SerializeTupleVariant, Unfit> {
        never(variant)
    }
    fn serialize_map(self, len: Option<usize>) -> std::result::Result<Columns, Unfit> {
        Ok(Columns(Vec::with_capacity(len.unwrap_or_default())))
    }
    fn serialize_struct(self, _: &'static str, len: usize) -> std::result::Result<Columns, Unfit> {
        Ok(Columns(Vec::with_capacity(len)))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> std::result::Result<Self::SerializeStructVariant, Unfit> {
        never(variant)
    }
}

struct Sequence {
    list: List,
    expected: usize,
}

impl SerializeSeq for Sequence {
    type Ok = Out;
    type Error = Unfit;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> std::result::Result<(), Unfit> {
        let one = value.serialize(Flat)?;
        if self.list.is_empty() {
            self.list = match &one {
                Out::Cell(Cell::Int(_)) => List::Ints(Vec::with_capacity(self.expected)),
                Out::Cell(_) => List::Texts(Vec::with_capacity(self.expected)),
                _ => List::Rows(Vec::with_capacity(self.expected)),
            };
        }
        match (&mut self.list, one) {
            (List::Ints(values), Out::Cell(Cell::Int(value))) => values.push(value),
            (List::Texts(values), Out::Cell(Cell::Text(value))) => values.push(value),
            (List::Rows(rows), Out::Row(row)) => rows.push(row),
            _ => return never("values of several kinds"),
        }
        Ok(())
    }

    fn end(self) -> Done {
        Ok(Out::List(self.list))
    }
}

struct Columns(GivenRow);

impl Columns {
    fn put<T: Serialize + ?Sized>(&mut self, name: Cow<'static, str>, value: &T) -> std::result::Result<(), Unfit> {
        match value.serialize(Flat)? {
            Out::Cell(cell) => self.0.push((name, cell)),
            _ => return never(&name),
        }
        Ok(())
    }
}

impl SerializeStruct for Columns {
    type Ok = Out;
    type Error = Unfit;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> std::result::Result<(), Unfit> {
        self.put(Cow::Borrowed(key), value)
    }

    fn end(self) -> Done {
        Ok(Out::Row(self.0))
    }
}

impl SerializeMap for Columns {
    type Ok = Out;
    type Error = Unfit;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> std::result::Result<(), Unfit> {
        let Out::Cell(Cell::Text(name)) = key.serialize(Flat)? else { return never("a key that is no text") };
        self.0.push((Cow::Owned(name), Cell::None));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> std::result::Result<(), Unfit> {
        let Some((name, _)) = self.0.pop() else { return never("a value without a key") };
        self.put(name, value)
    }

    fn end(self) -> Done {
        Ok(Out::Row(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::{Arg, Cell, List, list};
    use serde::Serialize;

    #[derive(Serialize)]
    struct Line<'a> {
        key: &'a str,
        units: u32,
        until_ms: Option<i64>,
        live: bool,
    }

    #[test]
    fn structures_become_rows_and_values_stay_values() {
        let Ok(Arg::List(List::Rows(rows))) = list(&[Line { key: "a \"b\"", units: 2, until_ms: None, live: true }].as_slice()) else {
            panic!("rows were expected")
        };
        let line = [("key", Cell::Text("a \"b\"".to_owned())), ("units", Cell::Int(2)), ("until_ms", Cell::None), ("live", Cell::Int(1))];
        assert_eq!(rows, [line.map(|(name, cell)| (name.into(), cell)).to_vec()]);
        assert!(matches!(list(&vec![3_i64, 4]), Ok(Arg::List(List::Ints(values))) if values == [3, 4]));
        assert!(matches!(list(&vec!["x"]), Ok(Arg::List(List::Texts(values))) if values == ["x"]));
        let json = |arg: Arg| match arg {
            Arg::List(list) => serde_json::to_string(&list).unwrap(),
            other => panic!("{other:?}"),
        };
        let map = serde_json::json!([{ "name": "o'k", "none": null, "at_ms": 5 }]);
        assert_eq!(json(list(&map).unwrap()), r#"[{"at_ms":5,"name":"o'k","none":null}]"#);
        assert_eq!(json(list(&Vec::<i64>::new()).unwrap()), "[]");
    }

    #[test]
    fn what_fits_into_no_column_is_said() {
        for (value, why) in [
            (serde_json::json!([1, "a"]), "several kinds"),
            (serde_json::json!([{ "a": [1] }]), "a in a row"),
            (serde_json::json!([1.5]), "a float"),
            (serde_json::json!({ "a": 1 }), "no list"),
        ] {
            let said = list(&value).unwrap_err().to_string();
            assert!(said.contains(why), "{value}: {said}");
        }
    }
}
