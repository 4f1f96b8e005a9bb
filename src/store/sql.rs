//! One SQL text for both databases. Where the dialects differ, the text holds a placeholder in braces:
//!
//! - `{rows $1: id TEXT, at_ms BIGINT}`: a JSON array of objects as a table,
//! - `{in ints $1}`, `{in texts $1}`: membership in a JSON array,
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
    use super::expand;

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
