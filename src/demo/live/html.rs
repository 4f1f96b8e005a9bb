//! HTML that is written by hand: whatever did not come from this code is escaped, at the place where it is put in.

use std::fmt::{Display, Write as _};

/// Text as text, in an element or between double quotes in an attribute.
pub(super) fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len() + raw.len() / 8);
    for c in raw.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// All of these, one after the other.
pub(super) fn all<T>(items: impl IntoIterator<Item = T>, one: impl Fn(T) -> String) -> String {
    items.into_iter().fold(String::new(), |mut out, item| {
        out.push_str(&one(item));
        out
    })
}

/// A hidden field of a form.
pub(super) fn hidden(name: &str, value: &impl Display) -> String {
    let mut out = String::new();
    let _ = write!(out, r#"<input type="hidden" name="{name}" value="{}">"#, text(&value.to_string()));
    out
}

/// A label as an issue tracker shows it: its colour, with black or white on it, whichever reads better. The colour reaches the page as data
/// that a script puts into effect, since the page's policy takes no style that stands in an attribute.
pub(super) fn label(name: &str, color: &str, inside: &str) -> String {
    let color: String = color.chars().filter(char::is_ascii_hexdigit).take(6).collect();
    let ink = if reads_dark(&color) { "dark" } else { "light" };
    format!(r#"<span class="label {ink}" data-color="{color}">{}{inside}</span>"#, text(name))
}

/// Whether it takes black to read on this colour: white is not enough of a contrast, by WCAG.
fn reads_dark(color: &str) -> bool {
    let part = |at: usize| {
        let value = color.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).unwrap_or(0xed);
        let value = f64::from(value) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    let luminance = 0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4);
    1.05 / (luminance + 0.05) < 4.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_place() {
        assert_eq!(text(r#"<b a="x" b='y'>&"#), "&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;");
        assert_eq!(hidden("a", &"\"><script>"), r#"<input type="hidden" name="a" value="&quot;&gt;&lt;script&gt;">"#);
        assert_eq!(label("a<b", "0e8a16\" onclick=x", ""), r#"<span class="label light" data-color="0e8a16">a&lt;b</span>"#);
    }

    #[test]
    fn a_label_is_read_on_its_colour() {
        for (color, dark) in [("ffffff", true), ("000000", false), ("fbca04", true), ("b60205", false), ("fef2c0", true), ("1d76db", false)]
        {
            assert_eq!(reads_dark(color), dark, "{color}");
        }
    }
}
