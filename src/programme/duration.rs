//! How lengths of time are written, in files, labels and commands alike: `4h`, `90m`, `1h30m`, `-30m`.

use super::problem::Unfit;
use jiff::SignedDuration;

/// Ten years. Longer than any promise, short enough that no instant computed from it leaves the calendar.
const LONGEST_SECONDS: i64 = 3650 * DAY;
const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
const MINUTE: i64 = 60;

/// What a length of time looks like, for messages.
pub const DURATION_FORM: &str = "a length of time like \"4h\", \"90m\", \"20s\", \"1h30m\" or \"2d\"";

/// Reads `4h`, `90m`, `20s`, `1h30m`, `2d`, with a sign or none. A day is 24 hours.
///
/// # Errors
/// Any other text, an unknown unit, a unit twice or after a smaller one, more than ten years.
pub fn parse_duration(text: &str) -> Result<SignedDuration, Unfit> {
    let unfit = || Unfit::new(DURATION_FORM);
    let text = text.trim();
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, text[1..].trim_start()),
        Some(b'+') => (false, text[1..].trim_start()),
        _ => (false, text),
    };
    if rest.is_empty() {
        return Err(unfit());
    }
    let mut total_ms: i64 = 0;
    let mut smallest_yet = i64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        if number.is_empty() {
            return Err(unfit());
        }
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (name, after) = after.split_at(letters);
        let scale = unit_ms(name).ok_or_else(|| match name {
            "" => Unfit::because(DURATION_FORM, format!("{number} has no unit")),
            _ => Unfit::because(DURATION_FORM, format!("\"{name}\" is no unit of d, h, m and s")),
        })?;
        if scale >= smallest_yet {
            return Err(Unfit::because(DURATION_FORM, "each unit stands once, the greatest first"));
        }
        smallest_yet = scale;
        total_ms = number
            .parse::<i64>()
            .ok()
            .and_then(|number| number.checked_mul(scale))
            .and_then(|part| part.checked_add(total_ms))
            .filter(|total| *total <= LONGEST_SECONDS * 1000)
            .ok_or_else(|| Unfit::because(DURATION_FORM, "at most 3650d"))?;
        rest = after.trim_start();
    }
    Ok(SignedDuration::from_millis(if negative { -total_ms } else { total_ms }))
}

fn unit_ms(unit: &str) -> Option<i64> {
    match unit.to_ascii_lowercase().as_str() {
        "d" | "day" | "days" => Some(DAY * 1000),
        "h" | "hr" | "hour" | "hours" => Some(HOUR * 1000),
        "m" | "min" | "minute" | "minutes" => Some(MINUTE * 1000),
        "s" | "sec" | "second" | "seconds" => Some(1000),
        "ms" => Some(1),
        _ => None,
    }
}

/// Writes a length of time as people say it, exact to the millisecond: `24h`, `36h`, `90m`, `2h30m`, `3d`, `-30m`.
///
/// Hours up to three days, because that is how response times are published; minutes under two hours, seconds under two minutes.
#[must_use]
pub fn show_duration(duration: SignedDuration) -> String {
    let sign = if duration.is_negative() { "-" } else { "" };
    let ms = duration.as_millis().unsigned_abs();
    let (seconds, ms) = (ms / 1000, ms % 1000);
    let [day, hour, minute] = [DAY, HOUR, MINUTE].map(i64::unsigned_abs).map(u128::from);
    let single = match seconds {
        _ if ms > 0 => None,
        s if s >= 3 * day && s % day == 0 => Some(format!("{}d", s / day)),
        s if s >= hour && s % hour == 0 => Some(format!("{}h", s / hour)),
        s if s >= minute && s < 2 * hour && s % minute == 0 => Some(format!("{}m", s / minute)),
        s if s < 2 * minute => Some(format!("{s}s")),
        _ => None,
    };
    let shown = single.unwrap_or_else(|| {
        let parts = [(seconds / hour, "h"), (seconds % hour / minute, "m"), (seconds % minute, "s"), (ms, "ms")];
        let shown = parts.iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number}{unit}"));
        shown.collect::<Vec<_>>().concat()
    });
    format!("{sign}{shown}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_people_write() {
        for text in
            ["4h", "90m", "20s", "36h", "24h", "48h", "3d", "400d", "-30m", "2h30m", "1h", "1h1m1s", "2m30s", "90s", "0s", "1s500ms"]
        {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
        for (written, shown) in [("1h30m", "90m"), ("2d", "48h"), ("+1h", "1h"), ("120m", "2h"), (" 1 hour 5 min ", "65m"), ("1D", "24h")] {
            assert_eq!(show_duration(parse_duration(written).unwrap()), shown);
        }
    }

    #[test]
    fn what_is_no_length_of_time_is_refused_with_a_reason() {
        let reason = |text: &str| parse_duration(text).unwrap_err().hint;
        for text in ["", "h", "-", "4x5", "soon", "1.5h", "--1h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert_eq!(reason("4").unwrap(), "4 has no unit");
        assert_eq!(reason("4 weeks").unwrap(), "\"weeks\" is no unit of d, h, m and s");
        assert_eq!(reason("30m1h").unwrap(), "each unit stands once, the greatest first");
        assert_eq!(reason("1h1h").unwrap(), "each unit stands once, the greatest first");
        assert_eq!(reason("99999999999999999999h").unwrap(), "at most 3650d");
        assert_eq!(reason("3651d").unwrap(), "at most 3650d");
    }
}
