//! Commands in what people write (`C`): a line of its own that begins with `/`, outside quotes and code.

/// What a text holds, as far as the desk reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// There is more than commands: a comment like this can be an answer (`S2`).
    pub substance: bool,
    /// `/for partner`, the last one (`W5`, `W7`).
    pub claim: Option<String>,
}

/// Reads a comment or an opening text.
///
/// A text of quotes and commands alone has no substance: that is what a reply by mail to a notification looks like.
#[must_use]
pub fn read(text: &str) -> Reading {
    let mut reading = Reading::default();
    let (mut fence, mut quoted, mut commanded) = (None::<(char, usize)>, false, false);
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some((mark, length)) = fence {
            reading.substance |= !trimmed.is_empty();
            if trimmed.chars().all(|c| c == mark) && trimmed.len() >= length {
                fence = None;
            }
            continue;
        }
        if trimmed.is_empty() {
            continue;
        }
        if let Some(opened) = opens_fence(line) {
            fence = Some(opened);
            reading.substance = true;
        } else if trimmed.starts_with('>') {
            quoted = true;
        } else if let Some((name, rest)) = command(line) {
            commanded = true;
            if name == "for" && !rest.is_empty() {
                reading.claim = Some(rest.to_owned());
            }
        } else {
            reading.substance = true;
        }
    }
    reading.substance |= quoted && !commanded;
    reading
}

/// The partner named in an opening text: the answer under a form's `### Partner` heading, or `/for partner` (`W5`).
#[must_use]
pub fn claim_of_opening(text: &str) -> Option<String> {
    form_field(text, "partner").or_else(|| read(text).claim)
}

/// GitHub renders an issue form's field as a third-level heading with the answer under it; `_No response_` when left out.
fn form_field(text: &str, heading: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.find(|line| line.strip_prefix("### ").is_some_and(|title| title.trim().eq_ignore_ascii_case(heading)))?;
    let answer = lines.next()?;
    (!answer.starts_with('#') && answer != "_No response_" && answer != "None").then(|| answer.to_owned())
}

/// `/name rest`; a path such as `/etc/hosts` is none, nor is an indented line, which is code.
fn command(line: &str) -> Option<(String, &str)> {
    if line.starts_with("    ") || line.starts_with('\t') {
        return None;
    }
    let line = line.trim().strip_prefix('/')?;
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let fits = !name.is_empty() && name.len() <= 32 && name.chars().all(|c| c.is_ascii_alphabetic() || c == '-');
    fits.then(|| (name.to_ascii_lowercase(), rest.trim()))
}

fn opens_fence(line: &str) -> Option<(char, usize)> {
    let line = line.trim_start();
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = line.chars().take_while(|c| *c == mark).count();
    (length >= 3).then_some((mark, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_command_has_no_substance() {
        assert!(!read("/ack 30m").substance);
        assert!(!read("\n/for acme\n\n").substance);
        assert!(!read("> old mail\n> more\n\n/ack").substance);
        assert!(read("On it.\n/ack").substance);
        assert!(read("> only a quote").substance);
        assert!(read("/etc/hosts is wrong").substance);
        assert!(!read("   ").substance);
    }

    #[test]
    fn commands_in_quotes_and_code_are_text() {
        assert_eq!(read("> /for acme").claim, None);
        assert_eq!(read("```\n/for acme\n```").claim, None);
        assert_eq!(read("~~~~\n```\n/for acme\n~~~\n~~~~\n/for beta").claim.as_deref(), Some("beta"));
        assert_eq!(read("    /for acme").claim, None);
        assert_eq!(read("please see /for acme").claim, None);
        assert_eq!(read("/FOR  Acme ").claim.as_deref(), Some("Acme"));
    }

    #[test]
    fn the_form_field_wins_over_a_command() {
        assert_eq!(claim_of_opening("### Partner\n\nacme\n\n### What\n\n/for beta").as_deref(), Some("acme"));
        assert_eq!(claim_of_opening("### Partner\n\n_No response_\n\n/for beta").as_deref(), Some("beta"));
        assert_eq!(claim_of_opening("nothing here"), None);
    }
}
