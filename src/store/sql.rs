//! One SQL text for both databases. Where the dialects differ, the text holds a placeholder in braces:
//!
//! - `{rows $1: id TEXT, at_ms BIGINT}`: a JSON array of objects as a table,
//! - `{in ints $1}`, `{in texts $1}`: membership in a list,
//! - `{each ints $1}`, `{each texts $1}`: the same, of a list that names nothing twice,
//! - `{then}` in a bundle: `UNION ALL`,
//! - `{pg …}`: for PostgreSQL only.
//!
//! So a batch costs PostgreSQL one statement per table however many rows it has. SQLite, where a call costs less than a list inside of a
//! statement, runs those of `{rows …}` and `{each …}` once for each value, and the parts between `{then}` one after the other.

use super::Arg;
use std::sync::{Arc, OnceLock};

/// A text for SQLite, and the columns that it gives, known when it has run once.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) sql: String,
    pub(super) names: OnceLock<Arc<[String]>>,
    /// For what it runs.
    pub(super) each: Option<Each>,
}

/// What a statement runs for, once each.
#[derive(Debug)]
pub(super) enum Each {
    /// The values of the argument at this place.
    Value(usize),
    /// The rows of an argument.
    Row {
        /// The place of the argument.
        rows: usize,
        /// Names of the values that follow the arguments, in their order.
        columns: Vec<String>,
        /// How many arguments there are before them.
        after: usize,
    },
}

impl Text {
    fn new(template: &str) -> Self {
        let (sql, each) = each(template).map_or_else(|| (expand(template, false), value(template)), |(sql, each)| (sql, Some(each)));
        Self { sql: numbered(&sql), names: OnceLock::new(), each }
    }
}

/// The argument for whose values a statement runs.
fn value(template: &str) -> Option<Each> {
    let (inside, _) = template.split_once("{each ")?.1.split_once('}')?;
    Some(Each::Value(inside.split_once('$')?.1.parse::<usize>().ok()?.checked_sub(1)?))
}

/// An `INSERT` of `{rows …}` as one of a single row.
fn each(template: &str) -> Option<(String, Each)> {
    let (before, rest) = template.trim_start().starts_with("INSERT").then(|| template.split_once("{rows $")).flatten()?;
    let (inside, behind) = rest.split_once('}')?;
    let (number, columns) = inside.split_once(':')?;
    let columns: Vec<_> = columns.split(',').filter_map(|column| column.split_whitespace().next()).map(str::to_owned).collect();
    let numbers = template.split('$').skip(1).filter_map(|piece| {
        let end = piece.find(|c: char| !c.is_ascii_digit()).unwrap_or(piece.len());
        piece.get(..end)?.parse::<usize>().ok()
    });
    let after = numbers.max()?;
    let row = columns.iter().enumerate().map(|(place, name)| format!("${} AS {name}", after + 1 + place)).collect::<Vec<_>>().join(", ");
    let sql = expand(&format!("{before}(SELECT {row}) AS r{behind}"), false);
    Some((sql, Each::Row { rows: number.parse::<usize>().ok()?.checked_sub(1)?, columns, after }))
}

/// A statement in both dialects, expanded once.
#[derive(Debug)]
pub(crate) struct Statement {
    template: &'static str,
    sqlite: OnceLock<Text>,
    postgres: OnceLock<String>,
}

impl Statement {
    pub(super) const fn new(template: &'static str) -> Self {
        Self { template, sqlite: OnceLock::new(), postgres: OnceLock::new() }
    }

    pub(super) fn sqlite(&'static self) -> &'static Text {
        self.sqlite.get_or_init(|| Text::new(self.template))
    }

    pub(super) fn postgres(&'static self) -> &'static str {
        self.postgres.get_or_init(|| expand(self.template, true))
    }
}

/// Statements that belong together, over one list of arguments.
#[derive(Debug)]
pub(crate) struct Bundle {
    templates: &'static [&'static str],
    sqlite: OnceLock<Vec<Vec<Part<Text>>>>,
    postgres: OnceLock<Vec<Part<String>>>,
}

/// A statement of a bundle, which takes no arguments that it does not name.
#[derive(Debug)]
pub(super) struct Part<T> {
    pub(super) text: T,
    /// Places in the bundle's arguments of `$1`, `$2` and so on.
    args: Vec<usize>,
    /// The argument whose rows it inserts: where that is empty there is nothing to do.
    inserts: Option<usize>,
}

impl<T> Part<T> {
    /// Its own arguments of those of the bundle.
    pub(super) fn args<'a>(&self, all: &'a [Arg]) -> impl Iterator<Item = &'a Arg> {
        self.args.iter().filter_map(|place| all.get(*place))
    }

    pub(super) fn has_nothing_to_do(&self, all: &[Arg]) -> bool {
        self.inserts.is_some_and(|place| matches!(all.get(place), Some(Arg::Text(rows)) if rows == "[]"))
    }
}

impl Bundle {
    pub(super) const fn new(templates: &'static [&'static str]) -> Self {
        Self { templates, sqlite: OnceLock::new(), postgres: OnceLock::new() }
    }

    pub(super) const fn len(&self) -> usize {
        self.templates.len()
    }

    pub(super) fn sqlite(&'static self) -> &'static [Vec<Part<Text>>] {
        let parts = |template: &&str| template.split("{then}").map(|template| part(template, Text::new)).collect();
        self.sqlite.get_or_init(|| self.templates.iter().map(parts).collect())
    }

    pub(super) fn postgres(&'static self) -> &'static [Part<String>] {
        self.postgres.get_or_init(|| self.templates.iter().map(|template| part(template, |own| expand(own, true))).collect())
    }
}

fn part<T>(template: &str, of: impl Fn(&str) -> T) -> Part<T> {
    let (mut text, mut args) = (String::with_capacity(template.len()), Vec::new());
    let mut pieces = template.split('$');
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let digits = piece.len() - piece.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = piece.split_at(digits);
        let Ok(number) = number.parse::<usize>() else {
            text.extend(["$", piece]);
            continue;
        };
        let place = number.saturating_sub(1);
        let known = args.iter().position(|known| *known == place).unwrap_or_else(|| {
            args.push(place);
            args.len() - 1
        });
        text.extend(["$", &(known + 1).to_string(), rest]);
    }
    let rows = template.trim_start().starts_with("INSERT").then(|| template.split_once("{rows $")).flatten();
    let inserts = rows.and_then(|(_, rest)| rest.split_once(':')?.0.parse::<usize>().ok()).map(|number| number.saturating_sub(1));
    Part { text: of(&text), args, inserts }
}

/// SQLite counts `$1` as a name, and `?1` as the first.
pub(super) fn numbered(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut pieces = sql.split('$');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        out.push(if piece.starts_with(|c: char| c.is_ascii_digit()) { '?' } else { '$' });
        out.push_str(piece);
    }
    out
}

/// A [`Bundle`] that lives as long as the program.
macro_rules! bundle {
    ($texts:expr) => {{
        static BUNDLE: $crate::store::sql::Bundle = $crate::store::sql::Bundle::new($texts);
        &BUNDLE
    }};
}
pub(super) use bundle;

/// A [`Statement`] that lives as long as the program.
macro_rules! sql {
    ($text:expr) => {{
        static STATEMENT: $crate::store::sql::Statement = $crate::store::sql::Statement::new($text);
        &STATEMENT
    }};
}
pub(super) use sql;

pub(super) fn expand(template: &str, postgres: bool) -> String {
    let mut out = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(&placeholder(inside, postgres));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn placeholder(inside: &str, postgres: bool) -> String {
    if let Some(only) = inside.strip_prefix("pg ") {
        return if postgres { only.to_owned() } else { String::new() };
    }
    if inside == "then" {
        return "UNION ALL".to_owned();
    }
    let of = |kind: &str| inside.strip_prefix(kind).and_then(|rest| rest.split_once(' '));
    if let Some((values, parameter)) = of("in ").or_else(|| of("each ")) {
        return match (postgres, values) {
            (true, "ints") => format!("= ANY(ARRAY(SELECT value::bigint FROM jsonb_array_elements_text({parameter}::jsonb)))"),
            (true, _) => format!("= ANY(ARRAY(SELECT value FROM jsonb_array_elements_text({parameter}::jsonb)))"),
            (false, _) if inside.starts_with("each") => format!("= {parameter}"),
            (false, _) => format!("IN (SELECT value FROM json_each({parameter}))"),
        };
    }
    if let Some((parameter, columns)) = inside.strip_prefix("rows ").and_then(|rows| rows.split_once(':')) {
        return if postgres {
            format!("jsonb_to_recordset({parameter}::jsonb) AS r({})", columns.trim())
        } else {
            let columns = columns.split(',').filter_map(|column| column.split_whitespace().next());
            let columns = columns.map(|name| format!("value ->> '{name}' AS {name}")).collect::<Vec<_>>();
            format!("(SELECT {} FROM json_each({parameter})) AS r", columns.join(", "))
        };
    }
    format!("{{{inside}}}")
}

#[cfg(test)]
mod tests {
    use super::{Each, Text, expand, numbered, part};

    #[test]
    fn an_insert_of_rows_runs_once_for_each_of_them_on_sqlite() {
        let text = Text::new("INSERT INTO t SELECT a, b, $2 FROM {rows $1: a TEXT, b BIGINT} WHERE true ON CONFLICT (a) DO NOTHING");
        assert_eq!(text.sql, "INSERT INTO t SELECT a, b, ?2 FROM (SELECT ?3 AS a, ?4 AS b) AS r WHERE true ON CONFLICT (a) DO NOTHING");
        let Some(Each::Row { rows, columns, after }) = text.each else { panic!("{:?}", text.each) };
        assert_eq!((rows, columns, after), (0, vec!["a".to_owned(), "b".to_owned()], 2));
        assert!(Text::new("UPDATE t SET a = r.a FROM {rows $1: a TEXT}").each.is_none());
    }

    #[test]
    fn a_statement_of_each_value_runs_once_for_it_on_sqlite() {
        let template = "SELECT a FROM t WHERE b > $1 AND a {each ints $2} UNION ALL SELECT a FROM u WHERE a {each ints $2}";
        let text = Text::new(template);
        assert_eq!(text.sql, "SELECT a FROM t WHERE b > ?1 AND a = ?2 UNION ALL SELECT a FROM u WHERE a = ?2");
        assert!(matches!(text.each, Some(Each::Value(1))), "{:?}", text.each);
        assert_eq!(expand(template, true), expand(&template.replace("each", "in"), true));
        assert_eq!(expand("SELECT a FROM t {then} SELECT b FROM u", true), "SELECT a FROM t UNION ALL SELECT b FROM u");
    }

    #[test]
    fn arguments_are_counted_and_paths_in_json_are_not() {
        assert_eq!(
            numbered("SELECT doc ->> '$.at' FROM t WHERE a = $2 AND b = $10"),
            "SELECT doc ->> '$.at' FROM t WHERE a = ?2 AND b = ?10"
        );
    }

    #[test]
    fn a_statement_of_a_bundle_takes_the_arguments_that_it_names() {
        let part = part("INSERT INTO t SELECT a FROM {rows $3: a TEXT} WHERE b > $1 AND c < $3", |own| expand(own, true));
        assert_eq!(part.text, "INSERT INTO t SELECT a FROM jsonb_to_recordset($1::jsonb) AS r(a TEXT) WHERE b > $2 AND c < $1");
        assert_eq!((part.args, part.inserts), (vec![2, 0], Some(2)));
    }

    #[test]
    fn a_batch_of_rows_reads_alike_in_both() {
        let text = "INSERT INTO t SELECT a, b FROM {rows $1: a TEXT, b BIGINT} WHERE a {in texts $2}{pg  FOR UPDATE}";
        assert_eq!(
            expand(text, false),
            "INSERT INTO t SELECT a, b FROM (SELECT value ->> 'a' AS a, value ->> 'b' AS b FROM json_each($1)) AS r WHERE a IN (SELECT value FROM json_each($2))"
        );
        assert_eq!(
            expand(text, true),
            "INSERT INTO t SELECT a, b FROM jsonb_to_recordset($1::jsonb) AS r(a TEXT, b BIGINT) WHERE a = ANY(ARRAY(SELECT value FROM jsonb_array_elements_text($2::jsonb))) FOR UPDATE"
        );
    }
}
