//! Comments as an issue tracker shows them: the Markdown that the desk writes and people use, and nothing beyond it. Whatever is not
//! understood is text; the only tags that come out are written here.

use super::html::text;
use std::fmt::Write as _;

/// Marks inside marks, folds inside folds: deeper ones are text.
const DEEPEST: usize = 6;

/// A comment as HTML. `repository` is where `#12` leads.
pub(super) fn render(source: &str, repository: &str) -> String {
    let source = without_comments(&source.replace("\r\n", "\n"));
    let lines: Vec<&str> = source.lines().collect();
    blocks(&lines, repository, 0)
}

/// What stands between `<!--` and `-->` is for machines.
fn without_comments(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, inside)) = rest.split_once("<!--") {
        out.push_str(before);
        rest = inside.split_once("-->").map_or("", |(_, after)| after);
    }
    out + rest
}

fn blocks(lines: &[&str], repository: &str, depth: usize) -> String {
    let mut out = String::new();
    let mut rest = lines;
    while let [line, after @ ..] = rest {
        let bare = line.trim();
        rest = if bare.is_empty() {
            after
        } else if let Some(fence) = fence(bare) {
            code_block(fence, after, &mut out)
        } else if let Some(summary) = bare.strip_prefix("<details><summary>").and_then(|head| head.strip_suffix("</summary>"))
            && depth < DEEPEST
        {
            fold(summary, after, repository, depth, &mut out)
        } else if let Some((level, title)) = heading(bare) {
            // The page's own headings are above those of what stands in it.
            let level = (level + 2).min(6);
            let _ = write!(out, "<h{level}>{}</h{level}>", inline(title, repository, 0));
            after
        } else if matches!(bare, "---" | "***" | "___") {
            out.push_str("<hr>");
            after
        } else if bare.starts_with('>') && depth < DEEPEST {
            let quoted = taken(rest, |line| line.trim_start().starts_with('>'));
            let inner: Vec<&str> = quoted.iter().map(|line| line.trim_start().trim_start_matches('>')).collect();
            let _ = write!(out, "<blockquote>{}</blockquote>", blocks(&inner, repository, depth + 1));
            past(rest, quoted)
        } else if let Some(numbered) = item(bare).map(|(numbered, _)| numbered) {
            list(rest, numbered, repository, &mut out)
        } else if bare.starts_with('|') && after.first().is_some_and(|line| is_rule(line)) {
            table(rest, repository, &mut out)
        } else {
            let here = paragraph(rest);
            let text: Vec<&str> = here.iter().map(|line| line.trim()).collect();
            let _ = write!(out, "<p>{}</p>", inline(&text.join("\n"), repository, 0));
            past(rest, here)
        };
    }
    out
}

fn taken<'l, 's>(lines: &'l [&'s str], fits: impl Fn(&str) -> bool) -> &'l [&'s str] {
    let end = lines.iter().position(|line| !fits(line)).unwrap_or(lines.len());
    lines.get(..end).unwrap_or_default()
}

fn past<'l, 's>(lines: &'l [&'s str], taken: &[&str]) -> &'l [&'s str] {
    lines.get(taken.len()..).unwrap_or_default()
}

/// From the first line, whatever it is, up to where something else begins.
fn paragraph<'l, 's>(lines: &'l [&'s str]) -> &'l [&'s str] {
    let begins = |line: &str| {
        let bare = line.trim();
        bare.is_empty()
            || fence(bare).is_some()
            || bare.starts_with("<details>")
            || heading(bare).is_some()
            || bare.starts_with('>')
            || item(bare).is_some()
            || bare.starts_with('|')
    };
    let more = lines.iter().skip(1).position(|line| begins(line)).map_or(lines.len(), |place| place + 1);
    lines.get(..more).unwrap_or_default()
}

fn fence(bare: &str) -> Option<&str> {
    ["```", "~~~"].into_iter().find(|fence| bare.starts_with(fence))
}

fn code_block<'l, 's>(fence: &str, lines: &'l [&'s str], out: &mut String) -> &'l [&'s str] {
    let inside = taken(lines, |line| !line.trim().starts_with(fence));
    let _ = write!(out, "<pre><code>{}</code></pre>", text(&inside.join("\n")));
    lines.get(inside.len() + 1..).unwrap_or_default()
}

fn fold<'l, 's>(summary: &str, lines: &'l [&'s str], repository: &str, depth: usize, out: &mut String) -> &'l [&'s str] {
    let inside = taken(lines, |line| line.trim() != "</details>");
    let (summary, inner) = (inline(summary, repository, 0), blocks(inside, repository, depth + 1));
    let _ = write!(out, "<details><summary>{summary}</summary>{inner}</details>");
    lines.get(inside.len() + 1..).unwrap_or_default()
}

fn heading(bare: &str) -> Option<(usize, &str)> {
    let title = bare.trim_start_matches('#');
    let level = bare.len() - title.len();
    title.strip_prefix(' ').filter(|_| (1..=6).contains(&level)).map(|title| (level, title.trim()))
}

/// Whether an item of a list is numbered, and its text.
fn item(bare: &str) -> Option<(bool, &str)> {
    if let Some(text) = ["- ", "* ", "+ "].into_iter().find_map(|mark| bare.strip_prefix(mark)) {
        return Some((false, text));
    }
    let (number, text) = bare.split_once(". ")?;
    (!number.is_empty() && number.len() < 4 && number.bytes().all(|b| b.is_ascii_digit())).then_some((true, text))
}

fn list<'l, 's>(lines: &'l [&'s str], numbered: bool, repository: &str, out: &mut String) -> &'l [&'s str] {
    let here = taken(lines, |line| item(line.trim()).is_some_and(|(kind, _)| kind == numbered));
    let tag = if numbered { "ol" } else { "ul" };
    let _ = write!(out, "<{tag}>");
    for (_, text) in here.iter().filter_map(|line| item(line.trim())) {
        let _ = write!(out, "<li>{}</li>", inline(text, repository, 0));
    }
    let _ = write!(out, "</{tag}>");
    past(lines, here)
}

/// The line under a table's head.
fn is_rule(line: &str) -> bool {
    let bare = line.trim();
    bare.contains("--") && bare.bytes().all(|b| matches!(b, b'|' | b'-' | b':' | b' '))
}

fn table<'l, 's>(lines: &'l [&'s str], repository: &str, out: &mut String) -> &'l [&'s str] {
    let here = taken(lines, |line| line.trim().starts_with('|'));
    let row = |line: &str, tag: &str| {
        let cells = cells(line).into_iter().map(|cell| format!("<{tag}>{}</{tag}>", inline(cell.trim(), repository, 0)));
        format!("<tr>{}</tr>", cells.collect::<String>())
    };
    out.push_str("<div class=\"scrolls\" tabindex=\"0\" role=\"group\" aria-label=\"Table\"><table>");
    for (place, line) in here.iter().enumerate() {
        match place {
            0 => {
                let _ = write!(out, "<thead>{}</thead><tbody>", row(line, "th"));
            }
            1 => {}
            _ => out.push_str(&row(line, "td")),
        }
    }
    out.push_str("</tbody></table></div>");
    past(lines, here)
}

/// The cells of a row; `\|` stands in one.
fn cells(line: &str) -> Vec<String> {
    let bare = line.trim();
    let bare = bare.strip_prefix('|').unwrap_or(bare);
    let mut cells = vec![String::new()];
    let mut chars = bare.chars();
    while let Some(c) = chars.next() {
        match c {
            '|' => cells.push(String::new()),
            c => {
                let Some(cell) = cells.last_mut() else { continue };
                cell.push(c);
                if c == '\\' {
                    cell.extend(chars.next());
                }
            }
        }
    }
    if cells.last().is_some_and(|last| last.trim().is_empty()) {
        cells.pop();
    }
    cells
}

/// Marks inside a paragraph.
fn inline(source: &str, repository: &str, depth: usize) -> String {
    let mut out = String::with_capacity(source.len() * 2);
    let mut rest = source;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        if let Some((html, after)) = mark(rest, before, repository, depth) {
            out.push_str(&html);
            before = 'x';
            rest = after;
        } else {
            out.push_str(&text(c.encode_utf8(&mut [0; 4])));
            before = c;
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    out
}

/// What begins here, if anything does: its HTML, and what stands behind it.
fn mark<'s>(rest: &'s str, before: char, repository: &str, depth: usize) -> Option<(String, &'s str)> {
    let inner = |source: &str| if depth < DEEPEST { inline(source, repository, depth + 1) } else { text(source) };
    let word = before.is_alphanumeric() || before == '_';
    let (first, after) = (rest.chars().next()?, rest.get(1..).unwrap_or_default());
    match first {
        '\\' => {
            let escaped = after.chars().next().filter(char::is_ascii_punctuation)?;
            Some((text(escaped.encode_utf8(&mut [0; 4])), after.get(1..)?))
        }
        '\n' => Some(("<br>".to_owned(), after)),
        '`' => {
            let ticks = rest.len() - rest.trim_start_matches('`').len();
            let (inside, after) = rest.get(ticks..)?.split_once("`".repeat(ticks).as_str())?;
            Some((format!("<code>{}</code>", text(inside.trim())), after))
        }
        '*' if rest.starts_with("**") => between(rest, "**").map(|(inside, after)| (format!("<strong>{}</strong>", inner(inside)), after)),
        '*' => between(rest, "*").map(|(inside, after)| (format!("<em>{}</em>", inner(inside)), after)),
        '_' if !word => {
            let (inside, after) = between(rest, "_")?;
            let ends = after.chars().next().is_none_or(|c| !c.is_alphanumeric());
            ends.then(|| (format!("<em>{}</em>", inner(inside)), after))
        }
        '~' => between(rest, "~~").map(|(inside, after)| (format!("<del>{}</del>", inner(inside)), after)),
        '<' => {
            let (inside, after) = rest.strip_prefix("<sub>")?.split_once("</sub>")?;
            Some((format!("<small>{}</small>", inner(inside)), after))
        }
        '&' => [("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"), ("&quot;", "\"")]
            .into_iter()
            .find_map(|(entity, c)| rest.strip_prefix(entity).map(|after| (text(c), after))),
        '[' => {
            let (words, target) = after.split_once("](")?;
            let (url, after) = target.split_once(')')?;
            let fits = !words.contains(['[', '\n']) && is_address(url);
            fits.then(|| (link(url, &inner(words)), after))
        }
        'h' if !word => {
            let url = rest.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | ')' | '`' | '*')).next()?;
            let url = url.trim_end_matches(['.', ',', ';', ':', '!', '?']);
            is_address(url).then(|| (link(url, &text(url)), rest.get(url.len()..).unwrap_or_default()))
        }
        '@' if !word => {
            let login = leading(after, |c| c.is_ascii_alphanumeric() || c == '-');
            (!login.is_empty())
                .then(|| (format!("<strong class=\"mention\">@{}</strong>", text(login)), after.get(login.len()..).unwrap_or_default()))
        }
        '#' if !word => {
            let number = leading(after, |c| c.is_ascii_digit());
            (!number.is_empty() && number.len() < 10).then(|| {
                let html = format!("<a href=\"/{}/issues/{number}\">#{number}</a>", text(repository));
                (html, after.get(number.len()..).unwrap_or_default())
            })
        }
        _ => None,
    }
}

fn leading(text: &str, fits: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c| !fits(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// What stands between this mark and its next one, if that is something and touches both.
fn between<'s>(rest: &'s str, mark: &str) -> Option<(&'s str, &'s str)> {
    let (inside, after) = rest.strip_prefix(mark)?.split_once(mark)?;
    let touches = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace());
    (touches(inside.chars().next()) && touches(inside.chars().next_back())).then_some((inside, after))
}

fn is_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_alphanumeric()) && !url.contains(|c: char| c.is_whitespace() || c.is_control())
    })
}

/// A page that is led to is not told where from, and gets no hold of this one.
pub(super) fn link(url: &str, inside: &str) -> String {
    format!(r#"<a href="{}" rel="noopener noreferrer nofollow">{inside}</a>"#, text(url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn html(source: &str) -> String {
        render(source, "7x/support")
    }

    #[test]
    fn what_the_desk_writes_looks_as_at_github() {
        let written = "<!-- partner-desk:status:1 -->\n**Accepted** for **A\\_B &lt;x&gt;** (Gold). Ticket **1 of 7**.\n\n\
            Answered by `ann`.\n\n<details><summary>Why</summary>\n\n- `Q3` a rule\n- another\n</details>\n\n<sub>`/quota` `/why`</sub>";
        assert_eq!(
            html(written),
            "<p><strong>Accepted</strong> for <strong>A_B &lt;x&gt;</strong> (Gold). Ticket <strong>1 of 7</strong>.</p>\
             <p>Answered by <code>ann</code>.</p>\
             <details><summary>Why</summary><ul><li><code>Q3</code> a rule</li><li>another</li></ul></details>\
             <p><small><code>/quota</code> <code>/why</code></small></p>"
        );
        assert_eq!(
            html("Head:\n\n| when | what |\n|---|---|\n| now | a \\| b |\n"),
            "<p>Head:</p><div class=\"scrolls\" tabindex=\"0\" role=\"group\" aria-label=\"Table\"><table><thead><tr><th>when</th><th>what</th></tr></thead>\
             <tbody><tr><td>now</td><td>a | b</td></tr></tbody></table></div>"
        );
    }

    #[test]
    fn what_people_write_looks_as_at_github() {
        for (written, shown) in [
            ("a\nb", "<p>a<br>b</p>"),
            ("# T\n1. x\n2. y", "<h3>T</h3><ol><li>x</li><li>y</li></ol>"),
            ("> q\n> r\n\np", "<blockquote><p>q<br>r</p></blockquote><p>p</p>"),
            ("```rust\n<b>\n```\nx", "<pre><code>&lt;b&gt;</code></pre><p>x</p>"),
            ("a *b* _c_ ~~d~~ e_f_g 2 * 3 * 4", "<p>a <em>b</em> <em>c</em> <del>d</del> e_f_g 2 * 3 * 4</p>"),
            ("@ann see #12, a@b.c", "<p><strong class=\"mention\">@ann</strong> see <a href=\"/7x/support/issues/12\">#12</a>, a@b.c</p>"),
            (
                "see https://a.example/x?y=1&z.",
                "<p>see <a href=\"https://a.example/x?y=1&amp;z\" rel=\"noopener noreferrer nofollow\">https://a.example/x?y=1&amp;z</a>.</p>",
            ),
            ("[x](https://a.example)", "<p><a href=\"https://a.example\" rel=\"noopener noreferrer nofollow\">x</a></p>"),
            ("---", "<hr>"),
            ("``a`b``", "<p><code>a`b</code></p>"),
            ("never closed ``` here **or here", "<p>never closed ``` here **or here</p>"),
        ] {
            assert_eq!(html(written), shown, "{written}");
        }
    }

    #[test]
    fn nothing_untrusted_does_anything() {
        for (written, shown) in [
            ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
            ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
            (
                "[x](https://a\" onclick=\"x)",
                "<p>[x](<a href=\"https://a\" rel=\"noopener noreferrer nofollow\">https://a</a>&quot; onclick=&quot;x)</p>",
            ),
            ("<img src=x onerror=y>", "<p>&lt;img src=x onerror=y&gt;</p>"),
            ("</details></div>", "<p>&lt;/details&gt;&lt;/div&gt;</p>"),
            ("a <!-- b", "<p>a</p>"),
        ] {
            assert_eq!(html(written), shown, "{written}");
        }
    }

    /// Tags in order; `Err` is one that this code does not write.
    fn tags(html: &str) -> Vec<String> {
        let ours = |tag: &str| {
            let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
            [
                "p",
                "br",
                "hr",
                "h3",
                "h4",
                "h5",
                "h6",
                "strong",
                "em",
                "del",
                "small",
                "code",
                "pre",
                "ul",
                "ol",
                "li",
                "blockquote",
                "details",
                "summary",
                "div",
                "table",
                "thead",
                "tbody",
                "tr",
                "th",
                "td",
                "a",
            ]
            .contains(&name)
        };
        html.split('<')
            .skip(1)
            .map(|rest| rest.split('>').next().unwrap().to_owned())
            .inspect(|tag| assert!(ours(tag), "<{tag}> in {html}"))
            .collect()
    }

    proptest! {
        #[test]
        fn whatever_is_written_the_tags_are_ours_and_balanced(
            written in r#"([-*_~`#>|\\<&@h \n]|</?details>|<summary>|</summary>|<sub>|</sub>|<!--|-->|\|--\||\]\(https://e|\[|\)|1\. |"|'|x|é){0,60}"#
        ) {
            let html = html(&written);
            let mut open: Vec<String> = Vec::new();
            for tag in tags(&html) {
                if let Some(name) = tag.strip_prefix('/') {
                    let last = open.pop();
                    prop_assert_eq!(last.as_deref(), Some(name), "{}", html);
                } else if tag != "br" && tag != "hr" {
                    if tag.contains(' ') {
                        prop_assert!(
                            tag.starts_with("a href=\"/7x/support/issues/") || tag.starts_with("a href=\"http") || tag.starts_with("strong class=\"mention\"")
                                || tag.starts_with("div class=\"scrolls\""),
                            "{}", tag
                        );
                        prop_assert_eq!(tag.matches('"').count() % 2, 0, "{}", tag);
                    }
                    open.push(tag.split(' ').next().unwrap().to_owned());
                }
            }
            prop_assert!(open.is_empty(), "{:?} in {}", open, html);
        }
    }
}
