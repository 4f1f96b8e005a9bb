//! GitHub's limits on what can be shown, met with grace: long comments, full issues (`G2`, `G4`).

use crate::programme::LabelStyle;

/// A comment may be this long, in characters.
const LONGEST_COMMENT: usize = 65_536;
/// An issue may have so many labels, those of people included.
pub(super) const MOST_LABELS: usize = 100;

const CUT: &str = "*The rest is cut off: GitHub takes no longer comment.*";

/// A comment that GitHub takes: cut at the end of a line, with a word that it was. What was left open is closed.
pub(super) fn cut(body: String) -> String {
    if body.chars().count() <= LONGEST_COMMENT {
        return body;
    }
    // What closes the rest is short: a fence, and one `</details>` for each that is open.
    let room = LONGEST_COMMENT - CUT.chars().count() - 500;
    let head: String = body.chars().take(room).collect();
    // One line that is longer than all the rest has no end to cut at.
    let whole = head.rfind('\n').filter(|end| *end > head.len() / 2);
    let mut text = whole.and_then(|end| head.get(..end)).unwrap_or(&head).trim_end().to_owned();
    if text.lines().filter(|line| line.trim_start().starts_with("```")).count() % 2 == 1 {
        text.push_str("\n```");
    }
    let open = text.matches("<details").count().saturating_sub(text.matches("</details>").count());
    for _ in 0..open.min(20) {
        text.push_str("\n</details>");
    }
    format!("{text}\n\n{CUT}")
}

/// Which labels stay where not all fit: those of the lowest rank. How late an answer is comes before what was promised.
pub(super) fn rank(style: &LabelStyle, name: &str) -> usize {
    let is = |other: &str| other.to_lowercase() == name.to_lowercase();
    let first = [&style.breached, &style.due_soon, &style.paused, &style.waiting, &style.unknown, &style.met];
    match first.iter().position(|label| is(&label.name)) {
        Some(0) => 0,
        Some(1) => 1,
        _ if style.is_due_name(name) => 2,
        Some(place) => place + 1,
        // The tier and the target.
        None => first.len() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g4_a_long_comment_is_cut_at_a_line_and_leaves_nothing_open() {
        let line = "`S1` 2026-11-18 09:00 UTC: the clock starts at its opening.\n";
        let body = format!("<!-- m -->\n**Why**\n\n<details><summary>All</summary>\n\n{}\n</details>", line.repeat(2_000));
        let cut = cut(body);
        assert!(cut.chars().count() <= LONGEST_COMMENT, "{}", cut.chars().count());
        assert!(cut.chars().count() > LONGEST_COMMENT - 1_000, "no more than has to be: {}", cut.chars().count());
        assert!(cut.starts_with("<!-- m -->\n"));
        let end = format!("{line}</details>\n\n{CUT}");
        assert!(cut.ends_with(&end), "{}", &cut[cut.len() - 300..]);
    }

    #[test]
    fn g4_what_fits_is_left_alone_and_characters_count_not_bytes() {
        let fits = "ü".repeat(LONGEST_COMMENT);
        assert_eq!(cut(fits.clone()), fits);
        assert!(cut(format!("{fits}!")).ends_with(CUT));
    }

    #[test]
    fn g4_a_fence_is_closed_too() {
        let cut = cut(format!("<details>\n\n```text\n{}", "word word\n".repeat(10_000)));
        assert!(cut.ends_with(&format!("word word\n```\n</details>\n\n{CUT}")), "{}", &cut[cut.len() - 200..]);
    }

    #[test]
    fn g2_what_says_how_late_it_is_comes_first() {
        let style = LabelStyle::default();
        let mut names = ["sla: 4h", "sla: met", "due: 2026-11-18 13:00 UTC", "sla: due soon", "SLA: Breached", "quota: waiting"];
        names.sort_by_key(|name| rank(&style, name));
        assert_eq!(names, ["SLA: Breached", "sla: due soon", "due: 2026-11-18 13:00 UTC", "quota: waiting", "sla: met", "sla: 4h"]);
    }
}
