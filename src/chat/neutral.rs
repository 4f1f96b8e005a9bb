//! Makes text that somebody else wrote harmless before it is shown in a chat (`G8`).
//!
//! A chat host reads marks in a message: `@channel` wakes everybody, `*` and backticks format, a link can pretend to be another.
//! Each mark is replaced by a look-alike that no host reads, so a person still sees what was written.

/// The words of `text` on one line, at most `max` characters long, with nothing left that a chat host would act on.
#[must_use]
pub fn line(text: &str, max: usize) -> String {
    clip(&neutral(text).split_whitespace().collect::<Vec<_>>().join(" "), max)
}

/// As [`line()`], but keeps the line breaks: for texts that the desk composed from several lines.
#[must_use]
pub fn lines(text: &str, max: usize) -> String {
    let kept: Vec<_> = text.lines().map(|l| line(l, max)).collect();
    clip(kept.join("\n").trim(), max)
}

/// The length of a text as the strictest of the hosts counts it: in UTF-16, where an emoji is two.
#[must_use]
pub fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// At most `max` [`units`] of `text`, in whole characters, with `…` as the last one where something was cut.
#[must_use]
pub fn clip(text: &str, max: usize) -> String {
    if units(text) <= max {
        return text.to_owned();
    }
    let mut left = max.saturating_sub(1);
    let fits = |c: &char| {
        let width = c.len_utf16();
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

/// Joins what would otherwise be read as a link, without being seen.
const WORD_JOINER: char = '\u{2060}';

fn neutral(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().filter(|c| !invisible(*c)).peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied().unwrap_or(' ');
        match c {
            '@' => out.push('＠'),
            '*' => out.push('＊'),
            '~' => out.push('～'),
            '`' => out.push('ˋ'),
            '[' => out.push('［'),
            ']' => out.push('］'),
            '|' => out.push('¦'),
            // Inside a word an underscore formats nothing, and names in code are full of them.
            '_' if !(before.is_alphanumeric() && after.is_alphanumeric()) => out.push('＿'),
            // `https://…` and `mailto:…` are made into links, and `:name:` into a picture; `12:30` and `Note: this` are not.
            ':' if !after.is_whitespace() && !after.is_ascii_digit() => out.extend([':', WORD_JOINER]),
            // `www.…` and bare domains.
            '.' if before.is_alphanumeric() && after.is_alphabetic() => out.extend([WORD_JOINER, '.']),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
        before = c;
    }
    out
}

/// Characters that show nothing, or that turn the direction of the text after them.
fn invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_a_host_acts_on() {
        for (written, shown) in [
            ("@channel <!channel> help", "＠channel <!channel> help"),
            ("*bold* _soft_ ~gone~ `code`", "＊bold＊ ＿soft＿ ～gone～ ˋcodeˋ"),
            ("snake_case stays, at 12:30", "snake_case stays, at 12:30"),
            ("see https://evil.example/x", "see https:\u{2060}//evil\u{2060}.example/x"),
            ("[click](javascript:x) :tada:", "［click］(javascript:\u{2060}x) :\u{2060}tada:"),
            ("one\ntwo\r\n\tthree\u{0}", "one two three"),
            ("\u{202e}gpj\u{200b}.exe", "gpj\u{2060}.exe"),
            ("plain v1.2", "plain v1.2"),
        ] {
            assert_eq!(line(written, 200), shown, "{written:?}");
        }
    }

    #[test]
    fn cuts_at_a_character_and_says_so() {
        assert_eq!(clip("żółw", 4), "żółw");
        assert_eq!(clip("żółwie", 4), "żół…");
        assert_eq!(clip("🎉🎉", 4), "🎉🎉");
        assert_eq!(clip("🎉🎉🎉", 4), "🎉…", "and never in the middle of one");
        assert_eq!(clip("🎉🎉🎉", 5), "🎉🎉…");
        assert_eq!(clip("one two", 5), "one…");
        assert_eq!(lines("a\n\nb @here\n", 99), "a\n\nb ＠here");
    }
}
