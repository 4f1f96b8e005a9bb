//! One SQL text for both databases. Where the dialects differ, the text holds a placeholder in braces:
//!
//! - `{rows $1: id TEXT, at_ms BIGINT}`: a JSON array of objects as a table,
//! - `{in ints $1}`, `{in texts $1}`: membership in a JSON array,
//! - `{in known}`: membership in the rows of a `known (id)` of the statement's own `WITH`,
//! - `{pg …}`: for PostgreSQL only.
//!
//! So a batch costs one statement per table however many rows it has: sqlx pays per statement, not per row.

use std::sync::OnceLock;

/// A statement in both dialects, expanded once.
#[derive(Debug)]
pub(crate) struct Statement {
    template: &'static str,
    sqlite: OnceLock<String>,
    postgres: OnceLock<String>,
}

impl Statement {
    pub(super) const fn new(template: &'static str) -> Self {
        Self { template, sqlite: OnceLock::new(), postgres: OnceLock::new() }
    }

    pub(super) fn sqlite(&'static self) -> &'static str {
        self.sqlite.get_or_init(|| expand(self.template, false))
    }

    pub(super) fn postgres(&'static self) -> &'static str {
        self.postgres.get_or_init(|| expand(self.template, true))
    }
}

/// Statements that belong together, over one list of arguments: on SQLite one text and so one way to its thread and back, which costs more
/// than most statements do; on PostgreSQL one after the other.
#[derive(Debug)]
pub(crate) struct Bundle {
    templates: &'static [&'static str],
    sqlite: OnceLock<String>,
    postgres: OnceLock<Vec<Part>>,
}

/// A statement of a bundle for PostgreSQL, which takes no arguments that a statement does not name.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) text: String,
    /// Places in the bundle's arguments of `$1`, `$2` and so on.
    pub(super) args: Vec<usize>,
    /// The argument whose rows it inserts: where that is empty there is nothing to do.
    pub(super) inserts: Option<usize>,
}

impl Bundle {
    pub(super) const fn new(templates: &'static [&'static str]) -> Self {
        Self { templates, sqlite: OnceLock::new(), postgres: OnceLock::new() }
    }

    pub(super) const fn len(&self) -> usize {
        self.templates.len()
    }

    pub(super) fn sqlite(&'static self) -> &'static str {
        self.sqlite.get_or_init(|| self.templates.iter().map(|template| expand(template, false)).collect::<Vec<_>>().join(";\n"))
    }

    pub(super) fn postgres(&'static self) -> &'static [Part] {
        self.postgres.get_or_init(|| self.templates.iter().map(|template| part(template)).collect())
    }
}

fn part(template: &str) -> Part {
    let expanded = expand(template, true);
    let (mut text, mut args) = (String::with_capacity(expanded.len()), Vec::new());
    let mut pieces = expanded.split('$');
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let digits = piece.len() - piece.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = piece.split_at(digits);
        let place = number.parse::<usize>().unwrap_or(1).saturating_sub(1);
        let known = args.iter().position(|known| *known == place).unwrap_or_else(|| {
            args.push(place);
            args.len() - 1
        });
        text.extend(["$", &(known + 1).to_string(), rest]);
    }
    let rows = template.trim_start().starts_with("INSERT").then(|| template.split_once("{rows $")).flatten();
    let inserts = rows.and_then(|(_, rest)| rest.split_once(':')?.0.parse::<usize>().ok()).map(|number| number.saturating_sub(1));
    Part { text, args, inserts }
}

/// A [`Bundle`] that lives as long as the program.
macro_rules! bundle {
    ($($text:expr),+ $(,)?) => {{
        static BUNDLE: $crate::store::sql::Bundle = $crate::store::sql::Bundle::new(&[$($text),+]);
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

fn expand(template: &str, postgres: bool) -> String {
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
    if inside == "in known" {
        return if postgres { "= ANY(ARRAY(SELECT id FROM known))".to_owned() } else { "IN (SELECT id FROM known)".to_owned() };
    }
    if let Some(parameter) = inside.strip_prefix("in ints ") {
        return if postgres {
            format!("= ANY(ARRAY(SELECT value::bigint FROM jsonb_array_elements_text({parameter}::jsonb)))")
        } else {
            format!("IN (SELECT value FROM json_each({parameter}))")
        };
    }
    if let Some(parameter) = inside.strip_prefix("in texts ") {
        return if postgres {
            format!("= ANY(ARRAY(SELECT value FROM jsonb_array_elements_text({parameter}::jsonb)))")
        } else {
            format!("IN (SELECT value FROM json_each({parameter}))")
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
    use super::{expand, part};

    #[test]
    fn a_statement_of_a_bundle_takes_the_arguments_that_it_names() {
        let part = part("INSERT INTO t SELECT a FROM {rows $3: a TEXT} WHERE b > $1 AND c < $3");
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
