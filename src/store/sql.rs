//! One SQL text for both databases. Where the dialects differ, the text holds a placeholder in braces:
//!
//! - `{rows $1: id TEXT, at_ms BIGINT}`: a list of rows as a table,
//! - `{in ints $1}`, `{in texts $1}`: membership in a list,
//! - `{each ints $1}`, `{each texts $1}`: the same, of a list that names nothing twice,
//! - `{then}` in a bundle: `UNION ALL`,
//! - `{pg …}`: for PostgreSQL only.
//!
//! So a batch costs PostgreSQL one statement per table however many rows it has, and a bundle of statements one journey. SQLite, where a call
//! costs less than a list inside of a statement, runs those of `{rows …}` and `{each …}` once for each value, and the parts between `{then}`
//! one after the other.

use super::Arg;
use std::fmt::Write as _;
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
        let (sql, each) = each(template).map_or_else(|| (expand(template), value(template)), |(sql, each)| (sql, Some(each)));
        Self { sql: numbered(&sql), names: OnceLock::new(), each }
    }
}

/// The argument for whose values a statement runs.
fn value(template: &str) -> Option<Each> {
    let (inside, _) = template.split_once("{each ")?.1.split_once('}')?;
    Some(Each::Value(inside.split_once('$')?.1.parse::<usize>().ok()?.checked_sub(1)?))
}

/// An `INSERT` of `{rows …}` as one of a single row: of plain values where nothing is asked of the rows, since for the rows of a `SELECT`, of
/// which there might be more, SQLite copies each page that it changes, to be able to take them back.
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
    let (before, behind) = (before.trim_end(), behind.trim_start());
    let plain = before.rsplit_once("SELECT ").zip(behind.strip_prefix("WHERE true"));
    let sql = if let Some(((into, values), behind)) = plain {
        format!("{into}VALUES ({}){behind}", in_place(values.strip_suffix("FROM")?.trim_end(), &columns, after + 1))
    } else {
        let row = columns.iter().enumerate().map(|(place, name)| format!("${} AS {name}", after + 1 + place)).collect::<Vec<_>>();
        format!("{before} (SELECT {}) AS r {behind}", row.join(", "))
    };
    let sql = expand(&sql);
    Some((sql, Each::Row { rows: number.parse::<usize>().ok()?.checked_sub(1)?, columns, after }))
}

/// Values in which names of columns stand, with the columns' parameters in their place.
fn in_place(values: &str, columns: &[String], first: usize) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$');
    let (mut out, mut rest, mut quoted) = (String::with_capacity(values.len()), values, false);
    while let Some(c) = rest.chars().next() {
        let end = rest.find(|other| is_word(other) != is_word(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        match columns.iter().position(|column| column == word).filter(|_| !quoted) {
            Some(place) => drop(write!(out, "${}", first + place)),
            None => out.push_str(word),
        }
        quoted ^= word.matches('\'').count() % 2 == 1;
        rest = behind;
    }
    out
}

/// A statement in both dialects, expanded once.
#[derive(Debug)]
pub(crate) struct Statement {
    template: &'static str,
    sqlite: OnceLock<Text>,
    postgres: OnceLock<PgText>,
}

impl Statement {
    pub(super) const fn new(template: &'static str) -> Self {
        Self { template, sqlite: OnceLock::new(), postgres: OnceLock::new() }
    }

    pub(super) fn sqlite(&'static self) -> &'static Text {
        self.sqlite.get_or_init(|| Text::new(self.template))
    }

    pub(super) fn postgres(&'static self) -> &'static PgText {
        self.postgres.get_or_init(|| PgText::of(self.template))
    }
}

/// A text for PostgreSQL, and where its parameters come from.
#[derive(Debug)]
pub(super) struct PgText {
    pub(super) sql: Arc<str>,
    pub(super) params: Vec<Param>,
    /// The columns that each statement of a bundle gives.
    pub(super) given: Vec<Arc<[String]>>,
}

/// The two kinds of values that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Text,
}

/// A parameter of a text for PostgreSQL, with the place of the argument that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Param {
    /// The argument.
    Whole(usize),
    /// A list of values.
    List(usize, Kind),
    /// A column of a list of rows, mostly at this place in each.
    Column { place: usize, at: usize, name: String, kind: Kind },
}

impl Kind {
    fn of(word: &str) -> Self {
        if matches!(word, "ints" | "BIGINT") { Self::Int } else { Self::Text }
    }

    const fn list(self) -> &'static str {
        match self {
            Self::Int => "bigint[]",
            Self::Text => "text[]",
        }
    }
}

impl Param {
    pub(super) const fn place(&self) -> usize {
        match self {
            Self::Whole(place) | Self::List(place, _) | Self::Column { place, .. } => *place,
        }
    }
}

impl PgText {
    pub(super) fn of(template: &str) -> Self {
        let (mut sql, mut params) = (String::with_capacity(template.len() + 64), Vec::new());
        let mut number = |param: Param| {
            let known = params.iter().position(|known| *known == param).unwrap_or_else(|| {
                params.push(param);
                params.len() - 1
            });
            known + 1
        };
        let mut rest = template;
        while let Some(start) = rest.find(['{', '$']) {
            let (before, after) = rest.split_at(start);
            sql.push_str(before);
            if let Some((place, behind)) = parameter(after) {
                let _ = write!(sql, "${}", number(Param::Whole(place)));
                rest = behind;
            } else if let Some((inside, behind)) = after.strip_prefix('{').and_then(|after| after.split_once('}')) {
                pg_placeholder(inside, &mut sql, &mut number);
                rest = behind;
            } else {
                let (sign, behind) = after.split_at(1);
                sql.push_str(sign);
                rest = behind;
            }
        }
        sql.push_str(rest);
        Self { sql: sql.into(), params, given: Vec::new() }
    }

    /// Several statements as one, which gives one row: each column of each of them as an array, which costs the server and who reads it less than
    /// rows in JSON. `WITH …` is what the others look into.
    pub(super) fn together(templates: &[&str]) -> Self {
        let (mut before, mut columns, mut reads, mut given) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (place, template) in templates.iter().enumerate() {
            if let Some(made) = template.strip_prefix("WITH ") {
                before.push(made.to_owned());
            } else if template.trim_start().starts_with("INSERT") {
                before.push(format!("w{place} AS ({template})"));
            } else {
                let names: Arc<[String]> = names(template).map(str::to_owned).collect();
                let arrays: Vec<_> = names.iter().map(|name| format!("array_agg({name}) AS {name}")).collect();
                columns.extend(names.iter().map(|name| format!("r{place}.{name}")));
                reads.push(format!("(SELECT {} FROM ({template}) AS r) AS r{place}", arrays.join(", ")));
                given.push(names);
            }
        }
        let before = if before.is_empty() { String::new() } else { format!("WITH {} ", before.join(", ")) };
        let asked = if reads.is_empty() { "1".to_owned() } else { format!("{} FROM {}", columns.join(", "), reads.join(", ")) };
        Self { given, ..Self::of(&format!("{before}SELECT {asked}")) }
    }
}

/// The names of the columns that a `SELECT` gives.
fn names(template: &str) -> impl Iterator<Item = &str> {
    let asked = template.trim_start().strip_prefix("SELECT").unwrap_or_default();
    let (mut depth, mut ends) = (0_usize, Vec::new());
    for (place, c) in asked.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => ends.push(place),
            _ if depth == 0 && asked.get(place..).is_some_and(|rest| rest.starts_with("FROM ")) => {
                ends.push(place);
                break;
            }
            _ => {}
        }
    }
    // The last word, without the table that it is of.
    ends.into_iter().filter_map(|end| asked.get(..end)?.split_whitespace().last()?.rsplit('.').next())
}

/// `$1` at the beginning, as a place, and what is behind it.
fn parameter(text: &str) -> Option<(usize, &str)> {
    let digits = text.strip_prefix('$')?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let (number, behind) = digits.split_at(end);
    Some((number.parse::<usize>().ok()?.checked_sub(1)?, behind))
}

fn pg_placeholder(inside: &str, sql: &mut String, number: &mut impl FnMut(Param) -> usize) {
    if let Some(only) = inside.strip_prefix("pg ") {
        sql.push_str(only);
    } else if inside == "then" {
        sql.push_str("UNION ALL");
    } else if let Some((place, columns)) = inside.strip_prefix("rows ").and_then(parameter) {
        let columns = columns.trim_start_matches(':').split(',').enumerate().filter_map(|(at, column)| {
            let mut words = column.split_whitespace();
            let (name, kind) = (words.next()?, Kind::of(words.next()?));
            Some((Param::Column { place, at, name: name.to_owned(), kind }, name, kind))
        });
        let (mut lists, mut names) = (Vec::new(), Vec::new());
        for (param, name, kind) in columns {
            lists.push(format!("${}::{}", number(param), kind.list()));
            names.push(name);
        }
        let _ = write!(sql, "unnest({}) AS r({})", lists.join(", "), names.join(", "));
    } else if let Some((kind, (place, _))) = inside.split_once(' ').and_then(|(_, list)| {
        let (kind, place) = list.split_once(' ')?;
        Some((Kind::of(kind), parameter(place)?))
    }) {
        let _ = write!(sql, "= ANY(${}::{})", number(Param::List(place, kind)), kind.list());
    } else {
        let _ = write!(sql, "{{{inside}}}");
    }
}

/// Statements that belong together, over one list of arguments.
#[derive(Debug)]
pub(crate) struct Bundle {
    templates: &'static [&'static str],
    sqlite: OnceLock<Vec<Vec<Part>>>,
    postgres: OnceLock<PgText>,
}

/// A statement of a bundle on SQLite, which takes no arguments that it does not name.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) text: Text,
    /// Places in the bundle's arguments of `$1`, `$2` and so on.
    args: Vec<usize>,
}

impl Part {
    fn of(template: &str) -> Self {
        let (mut text, mut args, mut rest) = (String::with_capacity(template.len()), Vec::new(), template);
        while let Some(start) = rest.find('$') {
            let (before, after) = rest.split_at(start);
            text.push_str(before);
            let Some((place, behind)) = parameter(after) else {
                text.push('$');
                rest = after.strip_prefix('$').unwrap_or_default();
                continue;
            };
            let known = args.iter().position(|known| *known == place).unwrap_or_else(|| {
                args.push(place);
                args.len() - 1
            });
            let _ = write!(text, "${}", known + 1);
            rest = behind;
        }
        text.push_str(rest);
        Self { text: Text::new(&text), args }
    }

    /// Its own arguments of those of the bundle.
    pub(super) fn args<'a>(&self, all: &'a [Arg]) -> impl Iterator<Item = &'a Arg> {
        self.args.iter().filter_map(|place| all.get(*place))
    }
}

impl Bundle {
    pub(super) const fn new(templates: &'static [&'static str]) -> Self {
        Self { templates, sqlite: OnceLock::new(), postgres: OnceLock::new() }
    }

    pub(super) const fn len(&self) -> usize {
        self.templates.len()
    }

    pub(super) fn sqlite(&'static self) -> &'static [Vec<Part>] {
        let parts = |template: &&str| template.split("{then}").map(Part::of).collect();
        self.sqlite.get_or_init(|| self.templates.iter().map(parts).collect())
    }

    pub(super) fn postgres(&'static self) -> &'static PgText {
        self.postgres.get_or_init(|| PgText::together(self.templates))
    }
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

/// A template as SQLite has it.
pub(super) fn expand(template: &str) -> String {
    let mut out = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(&placeholder(inside));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn placeholder(inside: &str) -> String {
    if inside.starts_with("pg ") {
        return String::new();
    }
    if inside == "then" {
        return "UNION ALL".to_owned();
    }
    let of = |kind: &str| inside.strip_prefix(kind).and_then(|rest| rest.split_once(' '));
    if let Some((_, parameter)) = of("in ") {
        return format!("IN (SELECT value FROM json_each({parameter}))");
    }
    if let Some((_, parameter)) = of("each ") {
        return format!("= {parameter}");
    }
    if let Some((parameter, columns)) = inside.strip_prefix("rows ").and_then(|rows| rows.split_once(':')) {
        let columns = columns.split(',').filter_map(|column| column.split_whitespace().next());
        let columns = columns.map(|name| format!("value ->> '{name}' AS {name}")).collect::<Vec<_>>().join(", ");
        return format!("(SELECT {columns} FROM json_each({parameter})) AS r");
    }
    format!("{{{inside}}}")
}

#[cfg(test)]
mod tests {
    use super::{Each, Kind, Param, Part, PgText, Text, expand, numbered};

    #[test]
    fn an_insert_of_rows_runs_once_for_each_of_them_on_sqlite() {
        let text = Text::new("INSERT INTO t SELECT a, b, $2 FROM {rows $1: a TEXT, b BIGINT} WHERE true ON CONFLICT (a) DO NOTHING");
        assert_eq!(text.sql, "INSERT INTO t VALUES (?3, ?4, ?2) ON CONFLICT (a) DO NOTHING");
        let Some(Each::Row { rows, columns, after }) = text.each else { panic!("{:?}", text.each) };
        assert_eq!((rows, columns, after), (0, vec!["a".to_owned(), "b".to_owned()], 2));
        let text = Text::new("INSERT INTO t SELECT CASE WHEN b = 1 THEN 'a b' ELSE ab END, a FROM {rows $1: a TEXT, b BIGINT} WHERE true");
        assert_eq!(text.sql, "INSERT INTO t VALUES (CASE WHEN ?3 = 1 THEN 'a b' ELSE ab END, ?2)");
        let text = Text::new("INSERT INTO t SELECT a FROM {rows $1: a TEXT} WHERE a NOT IN (SELECT a FROM t)");
        assert_eq!(text.sql, "INSERT INTO t SELECT a FROM (SELECT ?2 AS a) AS r WHERE a NOT IN (SELECT a FROM t)");
        assert!(Text::new("UPDATE t SET a = r.a FROM {rows $1: a TEXT}").each.is_none());
    }

    #[test]
    fn a_statement_of_each_value_runs_once_for_it_on_sqlite() {
        let template = "SELECT a FROM t WHERE b > $1 AND a {each ints $2} UNION ALL SELECT a FROM u WHERE a {each ints $2}";
        let text = Text::new(template);
        assert_eq!(text.sql, "SELECT a FROM t WHERE b > ?1 AND a = ?2 UNION ALL SELECT a FROM u WHERE a = ?2");
        assert!(matches!(text.each, Some(Each::Value(1))), "{:?}", text.each);
        assert_eq!(PgText::of(template).sql, PgText::of(&template.replace("each", "in")).sql);
        assert_eq!(&*PgText::of("SELECT a FROM t {then} SELECT b FROM u").sql, "SELECT a FROM t UNION ALL SELECT b FROM u");
    }

    #[test]
    fn arguments_are_counted_and_paths_in_json_are_not() {
        let text = "SELECT doc ->> '$.at' FROM t WHERE a = $2 AND b = $10";
        assert_eq!(numbered(text), "SELECT doc ->> '$.at' FROM t WHERE a = ?2 AND b = ?10");
        let text = PgText::of(text);
        assert_eq!(&*text.sql, "SELECT doc ->> '$.at' FROM t WHERE a = $1 AND b = $2");
        assert_eq!(text.params, [Param::Whole(1), Param::Whole(9)]);
    }

    #[test]
    fn a_statement_of_a_bundle_takes_the_arguments_that_it_names() {
        let part = Part::of("INSERT INTO t SELECT a FROM {rows $3: a TEXT} WHERE b > $1 AND c < $3");
        assert_eq!(part.text.sql, "INSERT INTO t SELECT a FROM (SELECT ?3 AS a) AS r WHERE b > ?2 AND c < ?1");
        assert_eq!(part.args, [2, 0]);
    }

    #[test]
    fn a_bundle_is_one_statement_on_postgres() {
        let reads = PgText::together(&[
            "SELECT a, CASE WHEN coalesce(x, y) = 1 THEN 2 ELSE t.z END AS b FROM t WHERE a {in ints $2} UNION ALL SELECT a, c FROM v",
            "SELECT u.b\n FROM u WHERE b = $1",
        ]);
        assert_eq!(
            &*reads.sql,
            "SELECT r0.a, r0.b, r1.b FROM \
             (SELECT array_agg(a) AS a, array_agg(b) AS b FROM (SELECT a, CASE WHEN coalesce(x, y) = 1 THEN 2 ELSE t.z END AS b FROM t \
             WHERE a = ANY($1::bigint[]) UNION ALL SELECT a, c FROM v) AS r) AS r0, \
             (SELECT array_agg(b) AS b FROM (SELECT u.b\n FROM u WHERE b = $2) AS r) AS r1"
        );
        assert_eq!(reads.params, [Param::List(1, Kind::Int), Param::Whole(0)]);
        let given: Vec<Vec<_>> = reads.given.iter().map(|names| names.iter().map(String::as_str).collect()).collect();
        assert_eq!(given, [vec!["a", "b"], vec!["b"]]);
        let made = PgText::together(&["WITH mine AS (SELECT $1 AS id)", "SELECT id FROM mine"]);
        assert_eq!(
            &*made.sql,
            "WITH mine AS (SELECT $1 AS id) SELECT r1.id FROM (SELECT array_agg(id) AS id FROM (SELECT id FROM mine) AS r) AS r1"
        );
        let writes = PgText::together(&["INSERT INTO t VALUES ($1)", "INSERT INTO u VALUES ($1)"]);
        assert_eq!(&*writes.sql, "WITH w0 AS (INSERT INTO t VALUES ($1)), w1 AS (INSERT INTO u VALUES ($1)) SELECT 1");
        assert!(writes.given.is_empty());
    }

    #[test]
    fn a_batch_of_rows_reads_alike_in_both() {
        let template = "INSERT INTO t SELECT a, b FROM {rows $1: a TEXT, b BIGINT} WHERE a {in texts $2}{pg  FOR UPDATE}";
        assert_eq!(
            expand(template),
            "INSERT INTO t SELECT a, b FROM (SELECT value ->> 'a' AS a, value ->> 'b' AS b FROM json_each($1)) AS r WHERE a IN (SELECT value FROM json_each($2))"
        );
        let text = PgText::of(template);
        assert_eq!(
            &*text.sql,
            "INSERT INTO t SELECT a, b FROM unnest($1::text[], $2::bigint[]) AS r(a, b) WHERE a = ANY($3::text[]) FOR UPDATE"
        );
        let column = |at, name: &str, kind| Param::Column { place: 0, at, name: name.to_owned(), kind };
        assert_eq!(text.params, [column(0, "a", Kind::Text), column(1, "b", Kind::Int), Param::List(1, Kind::Text)]);
    }
}
