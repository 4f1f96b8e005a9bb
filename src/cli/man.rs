//! `man`: the manual page, all commands on one, made from what the command line itself and the settings know.

use super::{Cli, CliError};
use crate::settings::ENVIRONMENT;
use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory as _};
use std::fmt::Write as _;
use std::io::Write;

/// Prints the page in the language of `man`.
///
/// # Errors
/// The output cannot be written.
pub fn run(out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    Ok(out.write_all(page().as_bytes())?)
}

fn page() -> String {
    let mut root = Cli::command();
    root.build();
    let mut page = Page(String::new());
    page.line(&format!(".TH PARTNER\\-DESK 1 \"\" \"partner\\-desk {}\"", env!("CARGO_PKG_VERSION")));
    page.line(".SH NAME");
    page.text("partner-desk - keeps the promises of a tiered partner programme on GitHub issues");
    page.line(".SH SYNOPSIS");
    page.text("`partner-desk` COMMAND [OPTIONS]");
    page.line(".SH DESCRIPTION");
    page.text(
        "A GitHub App that keeps the promises of a tiered partner programme: it counts the tickets of each partner, watches the time in which each \
         has to be answered, and tells the team in chat before a promise breaks.",
    );
    page.text("Results go to standard output, logs to standard error.");
    page.line(".SH COMMANDS");
    page.commands(&root);
    page.line(".SH ENVIRONMENT");
    for (name, default, meaning) in ENVIRONMENT {
        page.entry(name, &format!("{meaning} Default: {default}."));
    }
    page.line(".SH FILES");
    page.entry("partner-desk.toml", "The operator's choices, where it is in the working directory or named by PARTNER_DESK_CONFIG.");
    page.entry("partner-desk.db", "The database, unless DATABASE_URL names another. Beside it lie …-wal and …-shm, which belong to it.");
    page.line(".SH EXIT STATUS");
    page.entry("0", "Done.");
    page.entry("1", "Failed; standard error says why, and what to do.");
    page.entry("2", "Wrong usage.");
    page.0
}

/// A page as it grows. What is text is escaped here and nowhere else.
struct Page(String);

impl Page {
    /// A request or what is escaped already.
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// A paragraph, what stands in backticks in bold.
    fn text(&mut self, text: &str) {
        for paragraph in text.split("\n\n") {
            self.line(".PP");
            self.line(&escaped(paragraph));
        }
    }

    /// A word and what it means.
    fn entry(&mut self, word: &str, meaning: &str) {
        self.line(".TP");
        self.line(&format!("\\fB{}\\fR", escaped(word)));
        self.line(&escaped(meaning));
    }

    fn commands(&mut self, command: &Command) {
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set()) {
            if inner.has_subcommands() {
                self.commands(inner);
                continue;
            }
            let usage = plain(Some(&inner.clone().render_usage()));
            self.line(&format!(".SS \"{}\"", escaped(usage.trim_start_matches("Usage: ")).replace('"', "\\(dq")));
            self.text(&plain(inner.get_long_about().or(inner.get_about())));
            for argument in inner.get_arguments().filter(|argument| argument.get_id() != "help" && !argument.is_hide_set()) {
                self.argument(argument);
            }
        }
    }

    fn argument(&mut self, argument: &Arg) {
        let short = argument.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
        let mut meaning = plain(argument.get_long_help().or(argument.get_help()));
        if !meaning.ends_with('.') {
            meaning.push('.');
        }
        let values = argument.get_possible_values();
        if !values.is_empty() && argument.get_action().takes_values() {
            let names: Vec<_> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
            let _ = write!(meaning, " One of: {}.", names.join(", "));
        }
        if let Some(default) = argument.get_default_values().first().filter(|_| argument.get_action().takes_values()) {
            let _ = write!(meaning, " Default: {}.", default.to_string_lossy());
        }
        self.entry(&format!("{short}{argument}"), &meaning.replace("\n\n", " "));
    }
}

fn plain(text: Option<&StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

/// Text that stays what it is: neither a request at the start of a line nor an escape within one.
fn escaped(text: &str) -> String {
    let mut found = String::with_capacity(text.len() + 16);
    let mut bold = false;
    for (number, line) in text.trim().lines().enumerate() {
        if number > 0 {
            found.push('\n');
        }
        if line.starts_with(['.', '\'']) {
            found.push_str("\\&");
        }
        for c in line.chars() {
            match c {
                '\\' => found.push_str("\\(rs"),
                '-' => found.push_str("\\-"),
                '`' => {
                    bold = !bold;
                    found.push_str(if bold { "\\fB" } else { "\\fR" });
                }
                c => found.push(c),
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_neither_a_request_nor_an_escape() {
        assert_eq!(escaped(".so /etc/passwd\n'ab \\n -x `y`"), "\\&.so /etc/passwd\n\\&'ab \\(rsn \\-x \\fBy\\fR");
    }
}
