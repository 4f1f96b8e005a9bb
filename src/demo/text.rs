//! Texts for a terminal: what the desk wrote for GitHub and chat, as a person would read it there.

/// Without the characters that nobody sees, which keep chat hosts from acting on names and addresses.
pub(super) fn visible(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}')).collect()
}

/// The paragraphs of a comment, without its hidden mark, its small print and what stands behind a fold.
pub(super) fn paragraphs(markdown: &str) -> Vec<String> {
    let mut text = visible(markdown);
    for (opens, closes) in [("<!--", "-->"), ("<details>", "</details>"), ("<sub>", "</sub>")] {
        while let Some((before, inside)) = text.split_once(opens) {
            let after = inside.split_once(closes).map_or("", |(_, after)| after);
            text = format!("{before}{after}");
        }
    }
    text.lines().map(|line| plain(line.trim())).filter(|line| !line.is_empty()).collect()
}

/// A message to Slack as it is read there: no link target, which is only the sandbox's, and no entities.
pub(super) fn said(slack: &str) -> String {
    let text = visible(slack);
    let words: Vec<_> = text.split_whitespace().filter(|word| !word.starts_with("http://127.0.0.1")).collect();
    unescape(&words.join(" "))
}

/// Markdown's marks gone, what they were escaped with as well.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => out.extend(rest.next()),
            '*' if rest.peek() == Some(&'*') => drop(rest.next()),
            '`' => {}
            c => out.push(c),
        }
    }
    unescape(&out)
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_reads_as_on_its_page() {
        let written = "<!-- partner-desk:status:1 -->\n**Accepted** for **A\\_B &lt;x&gt;** (Gold). Ticket **1 of 7**.\n\n\
            Answered by `ann`.\n\n<details><summary>Why</summary>\n\n- a rule\n</details>\n\n<sub>`/for`</sub>";
        assert_eq!(paragraphs(written), ["Accepted for A_B <x> (Gold). Ticket 1 of 7.", "Answered by ann."]);
        assert_eq!(paragraphs("<sub>never closed"), Vec::<String>::new());
        assert_eq!(paragraphs("@\u{200b}mia"), ["@mia"]);
    }

    #[test]
    fn a_ping_reads_as_in_its_channel() {
        assert_eq!(
            said("due soon: A &amp; B, a/b#1 “x\u{2060}.y”, 1h left. Answer. http://127.0.0.1:80/a/b/issues/1"),
            "due soon: A & B, a/b#1 “x.y”, 1h left. Answer."
        );
    }
}
