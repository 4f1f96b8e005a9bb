//! One shape for everything that is wrong with a file or a variable: where, which field, what it says, what was expected.

use std::fmt;

/// One thing that is wrong with a configuration file or an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, or [`Problem::ENVIRONMENT`].
    pub file: String,
    /// Line in the file, from 1, where one is known.
    pub line: Option<usize>,
    /// The field with what it belongs to: `tier "gold": tickets`.
    pub field: String,
    /// The value as it was written; left out where there is none or where it may be a secret.
    pub value: Option<String>,
    /// What would have been right: it completes "expected …".
    pub expected: String,
    /// A way out, or the detail that makes the complaint clear.
    pub hint: Option<String>,
}

impl Problem {
    /// What [`Problem::file`] says for a problem with an environment variable.
    pub const ENVIRONMENT: &'static str = "environment";

    /// A problem with an environment variable. Give no `value` where it may be a secret.
    #[must_use]
    pub fn environment(variable: &str, value: Option<&str>, expected: impl Into<String>) -> Self {
        Self {
            file: Self::ENVIRONMENT.to_owned(),
            line: None,
            field: variable.to_owned(),
            value: value.map(|value| format!("{value:?}")),
            expected: expected.into(),
            hint: None,
        }
    }

    /// The same problem with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.field)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        write!(f, ": expected {}", self.expected)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong, so that one look at the message is enough to mend a file. Shown one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Why a text is not the value that it should be. Every text form of this programme refuses with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// What would have been right: it completes "expected …".
    pub expected: String,
    /// What is wrong with this text, where that is not plain.
    pub hint: Option<String>,
}

impl Unfit {
    /// Without a hint.
    #[must_use]
    pub fn new(expected: impl Into<String>) -> Self {
        Self { expected: expected.into(), hint: None }
    }

    /// With a hint.
    #[must_use]
    pub fn because(expected: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { expected: expected.into(), hint: Some(hint.into()) }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Unfit {}

/// The candidate that is the fewest edits away from `word`, swapped neighbours counting as one; the earlier of equals.
#[must_use]
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates.into_iter().min_by_key(|candidate| edits(word, candidate))
}

/// Edit distance, ignoring case.
fn edits(from: &str, to: &str) -> usize {
    strsim::osa_distance(&from.to_lowercase(), &to.to_lowercase())
}

/// `"a"`, `"a" or "b"`, `"a", "b" or "c"`: how a message lists what may be written.
#[must_use]
pub fn one_of<'c>(candidates: impl IntoIterator<Item = &'c str>) -> String {
    let quoted: Vec<String> = candidates.into_iter().map(|candidate| format!("\"{candidate}\"")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_where_what_and_what_was_expected() {
        let problem = Problem {
            file: "programme.toml".into(),
            line: Some(12),
            field: "tier \"gold\": tickets".into(),
            value: Some("\"-1/week\"".into()),
            expected: "\"N/week\"".into(),
            hint: Some("leave the key out".into()),
        };
        assert_eq!(problem.to_string(), "programme.toml:12: tier \"gold\": tickets = \"-1/week\": expected \"N/week\"; leave the key out");
        let variable = Problem::environment("PORT", Some("x"), "a port number");
        assert_eq!(variable.to_string(), "environment: PORT = \"x\": expected a port number");
        assert_eq!(
            Problems(vec![variable.clone(), variable]).to_string(),
            "environment: PORT = \"x\": expected a port number\nenvironment: PORT = \"x\": expected a port number"
        );
    }

    #[test]
    fn the_nearest_word_is_found() {
        assert_eq!(nearest("tickts", ["id", "tickets", "name"]), Some("tickets"));
        assert_eq!(nearest("prviacy", ["private", "privacy"]), Some("privacy"));
        assert_eq!(nearest("GOLD", ["silver", "gold"]), Some("gold"));
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn choices_are_listed() {
        assert_eq!(one_of(["a"]), "\"a\"");
        assert_eq!(one_of(["a", "b", "c"]), "\"a\", \"b\" or \"c\"");
        assert_eq!(one_of([]), "");
    }
}
