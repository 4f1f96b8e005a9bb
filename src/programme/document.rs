//! Reads a TOML document key by key, so that every complaint has the file, the line, the field and the value as written,
//! and so that one reading finds every problem and not only the first.

use super::problem::{Problem, Unfit, nearest, one_of};
use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value longer than this is not repeated in a message.
const SHOWN_VALUE: usize = 80;

/// A document with the problems found in it so far.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    file: String,
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
}

impl<'t> Document<'t> {
    pub(crate) fn new(file: &str, text: &'t str) -> Self {
        Self { file: file.to_owned(), text, problems: RefCell::default() }
    }

    /// The document's table. `None` after a syntax error: what could be recovered would only lead to false complaints.
    pub(crate) fn parse(&self) -> Option<DeTable<'t>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let at = error.span().map(|span| span.start);
            self.report("TOML syntax".to_owned(), at, None, Unfit::because("valid TOML", error.message().trim()));
        }
        errors.is_empty().then(|| table.into_inner())
    }

    /// The top level.
    pub(crate) fn root<'a>(&'a self, table: &'a DeTable<'a>) -> Section<'a> {
        Section { document: self, place: String::new(), at: None, entries: table }
    }

    /// All problems, in the order of the file.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        problems
    }

    fn line(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
    }

    fn report(&self, field: String, at: Option<usize>, value: Option<String>, unfit: Unfit) {
        let line = at.map(|at| self.line(at));
        let Unfit { expected, hint } = unfit;
        self.problems.borrow_mut().push(Problem { file: self.file.clone(), line, field, value, expected, hint });
    }

    /// The value as the file has it, if that is one short line.
    fn written(&self, span: Range<usize>) -> Option<String> {
        let text = self.text.get(span)?.trim();
        let short = !text.is_empty() && text.chars().count() <= SHOWN_VALUE && !text.contains('\n');
        short.then(|| text.to_owned())
    }
}

/// A table of the document.
#[derive(Debug, Clone)]
pub(crate) struct Section<'a> {
    document: &'a Document<'a>,
    place: String,
    at: Option<usize>,
    entries: &'a DeTable<'a>,
}

impl<'a> Section<'a> {
    /// The same table under the name that messages give it: `tier "gold"`.
    pub(crate) fn named(self, place: impl Into<String>) -> Self {
        Self { place: place.into(), ..self }
    }

    /// Where the table begins, from 1.
    pub(crate) fn line(&self) -> usize {
        self.document.line(self.at.unwrap_or_default())
    }

    /// The keys with their values, in the order of the file.
    pub(crate) fn fields(&self) -> Vec<(&'a str, Field<'a>)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
            .into_iter()
            .map(|(key, value)| {
                let name: &'a str = key.get_ref();
                (name, Field { document: self.document, label: self.label(name), at: key.span().start, value })
            })
            .collect()
    }

    pub(crate) fn get(&self, key: &str) -> Option<Field<'a>> {
        self.fields().into_iter().find_map(|(name, field)| (name == key).then_some(field))
    }

    /// As [`Section::get`], and a problem if the key is absent.
    pub(crate) fn require(&self, key: &str, expected: &str) -> Option<Field<'a>> {
        let field = self.get(key);
        if field.is_none() {
            self.refuse(key, Unfit::because(expected, "the key is missing"));
        }
        field
    }

    /// Reports every key that is none of `known`, with the nearest that is.
    pub(crate) fn only(&self, known: &[&str]) {
        for (key, field) in self.fields() {
            if known.contains(&key) {
                continue;
            }
            let place = if self.place.is_empty() { String::new() } else { format!(" in {}", self.place) };
            let mut unfit = Unfit::new(one_of(known.iter().copied()));
            unfit.hint = nearest(key, known.iter().copied()).map(|nearest| format!("the nearest known key is \"{nearest}\""));
            self.document.report(format!("unknown key \"{key}\"{place}"), Some(field.at), None, unfit);
        }
    }

    /// A problem with a key that is not there, or with the table as a whole.
    pub(crate) fn refuse(&self, key: &str, unfit: Unfit) {
        self.document.report(self.label(key), self.at, None, unfit);
    }

    fn label(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}: {key}", self.place) }
    }
}

/// A key of the document with its value, or one element of a list.
#[derive(Debug, Clone)]
pub(crate) struct Field<'a> {
    document: &'a Document<'a>,
    label: String,
    at: usize,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Field<'a> {
    /// Where the field stands, from 1.
    pub(crate) fn line(&self) -> usize {
        self.document.line(self.at)
    }

    /// The bare value, for the few keys that take several types.
    pub(crate) fn value(&self) -> &'a DeValue<'a> {
        self.value.get_ref()
    }

    /// A problem with the value.
    pub(crate) fn refuse(&self, unfit: Unfit) {
        let header = matches!(self.value.get_ref(), DeValue::Table(_)) && self.value.span().start < self.at;
        let value = if header { None } else { self.document.written(self.value.span()) };
        self.document.report(self.label.clone(), Some(self.at), value, unfit);
    }

    /// A problem with a value that may be a secret, and so is not repeated.
    pub(crate) fn refuse_hidden(&self, unfit: Unfit) {
        self.document.report(self.label.clone(), Some(self.at), None, unfit);
    }

    /// Passes a result on, reporting the error.
    pub(crate) fn checked<T>(&self, result: Result<T, Unfit>) -> Option<T> {
        result.map_err(|unfit| self.refuse(unfit)).ok()
    }

    /// A text, maybe empty.
    pub(crate) fn text(&self) -> Option<&'a str> {
        if let DeValue::String(text) = self.value.get_ref() {
            return Some(text);
        }
        self.refuse(Unfit::new("a text in quotes"));
        None
    }

    /// A text, maybe a secret: never repeated in a problem.
    pub(crate) fn secret_text(&self) -> Option<&'a str> {
        if let DeValue::String(text) = self.value.get_ref() {
            return Some(text);
        }
        self.refuse_hidden(Unfit::new("a text in quotes"));
        None
    }

    /// A text with something in it, trimmed.
    pub(crate) fn filled(&self) -> Option<&'a str> {
        let text = self.text()?.trim();
        if text.is_empty() {
            self.refuse(Unfit::new("a text that is not empty"));
            return None;
        }
        Some(text)
    }

    /// A text in the form of a `T`.
    pub(crate) fn parsed<T: FromStr<Err = Unfit>>(&self) -> Option<T> {
        let DeValue::String(text) = self.value.get_ref() else {
            // The form's own description is more use than "a text": it comes from what the form says about nothing.
            let mut unfit = T::from_str("").err().unwrap_or_else(|| Unfit::new("a text in quotes"));
            unfit.hint = Some("write it as a text in quotes".to_owned());
            self.refuse(unfit);
            return None;
        };
        self.checked(text.parse())
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        if let DeValue::Boolean(flag) = self.value.get_ref() {
            return Some(*flag);
        }
        self.refuse(Unfit::new("true or false"));
        None
    }

    /// A whole number within `range`.
    pub(crate) fn whole(&self, range: RangeInclusive<u32>) -> Option<u32> {
        if let DeValue::Integer(number) = self.value.get_ref()
            && let Ok(number) = u32::from_str_radix(number.as_str(), number.radix())
            && range.contains(&number)
        {
            return Some(number);
        }
        self.refuse(Unfit::new(format!("a whole number from {} to {}", range.start(), range.end())));
        None
    }

    /// The elements of a list, each a field of its own under the list's name.
    pub(crate) fn list(&self, expected: &str) -> Option<Vec<Field<'a>>> {
        if let DeValue::Array(array) = self.value.get_ref() {
            let element = |value: &'a Spanned<DeValue<'a>>| Field { label: self.label.clone(), at: value.span().start, value, ..*self };
            return Some(array.iter().map(element).collect());
        }
        self.refuse(Unfit::new(expected));
        None
    }

    /// Whether the value is a list without an element.
    pub(crate) fn list_is_empty(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Array(array) if array.is_empty())
    }

    /// A list of texts, none empty.
    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        let elements = self.list("a list of texts in brackets, for example [\"a\", \"b\"]")?;
        Some(elements.iter().filter_map(|element| element.filled().map(str::to_owned)).collect())
    }

    /// A table.
    pub(crate) fn section(&self, expected: &str) -> Option<Section<'a>> {
        if let DeValue::Table(entries) = self.value.get_ref() {
            return Some(Section { document: self.document, place: self.label.clone(), at: Some(self.at), entries });
        }
        self.refuse(Unfit::new(expected));
        None
    }

    /// The tables of a `[[…]]`, or of a list of inline tables.
    pub(crate) fn sections(&self, expected: &str) -> Vec<Section<'a>> {
        let elements = self.list(expected).unwrap_or_default();
        elements.iter().filter_map(|element| element.section(expected)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_syntax_error_is_reported_with_its_line() {
        let document = Document::new("a.toml", "a = 1\nb = \nc = 2\nd\n");
        assert!(document.parse().is_none());
        let lines: Vec<_> = document.into_problems().iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [Some(2), Some(4)]);
    }

    #[test]
    fn a_field_knows_its_own_line_in_tables_and_lists() {
        let document = Document::new("a.toml", "x = 1\n[[t]]\na = [\n  \"one\",\n  2,\n]\n[[t]]\nb = 'two'\n");
        let table = document.parse().unwrap();
        let tables = document.root(&table).get("t").unwrap().sections("tables");
        assert_eq!(tables[0].get("a").unwrap().texts().unwrap(), ["one"]);
        tables[1].refuse("c", Unfit::new("something"));
        tables[1].clone().named("t 2").only(&["aa", "bb"]);
        let problems: Vec<_> = document.into_problems().iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "a.toml:5: t: a = 2: expected a text in quotes",
                "a.toml:7: t: c: expected something",
                "a.toml:8: unknown key \"b\" in t 2: expected \"aa\" or \"bb\"; the nearest known key is \"bb\"",
            ]
        );
    }
}
