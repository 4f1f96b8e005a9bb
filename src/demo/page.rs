//! Lines of a limited width, with colours where they are wanted.

use std::io::{self, Write};

/// Characters a line.
const WIDTH: usize = 104;

/// How a word looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Dim,
    Bold,
    Scene,
    Comes,
    Goes,
    Said,
    Wrong,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Dim => "2",
            Self::Bold => "1",
            Self::Scene => "1;36",
            Self::Comes => "32",
            Self::Goes => "31",
            Self::Said => "33",
            Self::Wrong => "1;31",
        }
    }
}

/// Words that are not broken, each in its style.
#[derive(Debug, Clone, Default)]
pub(super) struct Words(Vec<(String, Style)>);

impl Words {
    /// The words of a text.
    pub(super) fn of(text: &str, style: Style) -> Self {
        Self::default().and(text, style)
    }

    /// These, and the words of another text.
    pub(super) fn and(mut self, text: &str, style: Style) -> Self {
        self.0.extend(text.split_whitespace().map(|word| (word.to_owned(), style)));
        self
    }

    /// These, and something that stays whole.
    pub(super) fn and_whole(mut self, text: String, style: Style) -> Self {
        self.0.push((text, style));
        self
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where it is printed. Every line is there at once: one reads along as it happens.
pub(super) struct Page<'o> {
    out: &'o mut (dyn Write + Send),
    colours: bool,
}

impl<'o> Page<'o> {
    pub(super) fn new(out: &'o mut (dyn Write + Send), colours: bool) -> Self {
        Self { out, colours }
    }

    /// An empty line.
    pub(super) fn gap(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// A text with `lead` before its first line; every line begins at the same column.
    pub(super) fn put(&mut self, indent: usize, lead: &str, column: usize, words: &Words) -> io::Result<()> {
        let lead_width = column.saturating_sub(indent);
        let lead = format!("{}{}", " ".repeat(indent), self.painted(&format!("{lead:lead_width$}"), Style::Dim));
        write!(self.out, "{lead}")?;
        let mut used = column;
        let mut first = true;
        for (word, style) in &words.0 {
            let width = word.chars().count();
            if !first && used + 1 + width > WIDTH {
                write!(self.out, "\n{}", " ".repeat(column))?;
                used = column;
                first = true;
            }
            if !first {
                write!(self.out, " ")?;
                used += 1;
            }
            let word = self.painted(word, *style);
            write!(self.out, "{word}")?;
            used += width;
            first = false;
        }
        writeln!(self.out)?;
        self.out.flush()
    }

    fn painted(&self, text: &str, style: Style) -> String {
        if !self.colours || style.code().is_empty() || text.trim().is_empty() {
            return text.to_owned();
        }
        format!("\u{1b}[{}m{text}\u{1b}[0m", style.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(colours: bool) -> String {
        let mut out = Vec::new();
        let words =
            Words::of("one two", Style::Plain).and_whole("[a label]".to_owned(), Style::Comes).and(&"many ".repeat(30), Style::Plain);
        Page::new(&mut out, colours).put(2, "tag", 8, &words).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_have_a_width_and_one_column() {
        let plain = printed(false);
        assert!(plain.starts_with("  tag   one two [a label] many many"), "{plain}");
        assert!(plain.lines().count() > 1 && plain.lines().all(|line| line.chars().count() <= WIDTH), "{plain}");
        assert!(plain.lines().skip(1).all(|line| line.starts_with("        many")), "{plain}");
    }

    #[test]
    fn colours_are_the_only_difference() {
        let coloured = printed(true);
        assert!(coloured.contains("\u{1b}[32m[a label]\u{1b}[0m"));
        assert_eq!(coloured.replace("\u{1b}[32m", "").replace("\u{1b}[2m", "").replace("\u{1b}[0m", ""), printed(false));
    }
}
