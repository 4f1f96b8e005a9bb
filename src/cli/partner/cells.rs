//! The file's cells: safe for spreadsheets on the way out, and on the way in exactly what they were (`P3`).

use csv::{ReaderBuilder, StringRecord};

/// What a spreadsheet may take for the beginning of a formula, in both widths.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Whether, behind its apostrophes if it has any, a text begins as a formula does. Such texts are escaped, even those that
/// have an apostrophe of their own: only then can the first one always be taken away again.
fn begins_a_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA)
}

/// A cell that no spreadsheet takes for a formula.
pub(super) fn guard(text: &str) -> String {
    if begins_a_formula(text) { format!("'{text}") } else { text.to_owned() }
}

/// What was in a guarded cell.
pub(super) fn unguard(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(bare) if begins_a_formula(bare) => bare,
        _ => cell,
    }
}

/// One line of a file, with its number from 1.
#[derive(Debug)]
pub(super) struct Line {
    /// Its number.
    pub number: usize,
    /// Its cells, without blanks around them and without the guard.
    pub cells: Vec<String>,
}

/// Why a file cannot be read at all.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// Where.
    pub line: Option<usize>,
    /// What was expected.
    pub expected: &'static str,
    /// What to do.
    pub hint: String,
}

/// The lines of a file, empty ones left out. A byte order mark and either kind of line ending are taken.
pub(super) fn lines(bytes: &[u8]) -> Result<Vec<Line>, Unreadable> {
    let text = text(bytes)?;
    if let Some(line) = open_quote(text) {
        let hint = "a quote opens here, and nothing closes it; write a quote within a cell twice".to_owned();
        return Err(Unreadable { line: Some(line), expected: "a closing quote", hint });
    }
    let mut lines = Vec::new();
    let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    for record in reader.into_records() {
        let record: StringRecord = record.map_err(|error| Unreadable {
            line: error.position().and_then(|at| usize::try_from(at.line()).ok()),
            expected: "comma-separated cells",
            hint: error.to_string(),
        })?;
        let number = record.position().map_or(0, |at| first_line(text, at));
        let cells: Vec<_> = record.iter().map(|cell| unguard(cell.trim()).to_owned()).collect();
        // A spreadsheet writes the empty rows under a table as commas.
        if cells.iter().any(|cell| !cell.is_empty()) {
            lines.push(Line { number, cells });
        }
    }
    Ok(lines)
}

/// The line on which a quote opens that no other closes. The reader would take all that follows for one cell.
fn open_quote(text: &str) -> Option<usize> {
    let (mut line, mut opened, mut closed, mut starts) = (1, None, None, true);
    for byte in text.bytes() {
        match (byte, opened) {
            (b'"', Some(_)) => closed = opened.take(),
            // A quote within a quoted cell stands twice: the first closed it, and this one opens it again.
            (b'"', None) if closed.is_some() => opened = closed.take(),
            (b'"', None) if starts => opened = Some(line),
            _ => closed = None,
        }
        starts = matches!(byte, b',' | b'\r' | b'\n');
        line += usize::from(byte == b'\n');
    }
    opened
}

/// The reader's own count begins before the empty lines that it skips.
fn first_line(text: &str, at: &csv::Position) -> usize {
    let start = usize::try_from(at.byte()).unwrap_or(usize::MAX);
    let skipped = text.as_bytes().get(start..).map_or(0, |rest| {
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        blank.filter(|byte| **byte == b'\n').count()
    });
    usize::try_from(at.line()).unwrap_or(usize::MAX).saturating_add(skipped)
}

fn text(bytes: &[u8]) -> Result<&str, Unreadable> {
    const EXPECTED: &str = "text in UTF-8";
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(Unreadable { line: None, expected: EXPECTED, hint: "this is UTF-16; save it as \"CSV UTF-8\"".to_owned() });
    }
    let bytes = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let odd = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        Unreadable { line: Some(line), expected: EXPECTED, hint: format!("the byte 0x{odd:02X} is none; save the file as \"CSV UTF-8\"") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guarded_cells_read_back_and_begin_no_formula() {
        for text in ["Acme", "=1+1", "+1", "-x", "@x", "'t Hart", "'=x", "''=x", "'", "", "＝x", "a=b", "''"] {
            let cell = guard(text);
            assert!(!cell.starts_with(FORMULA), "{cell}");
            assert_eq!(unguard(&cell), text);
        }
        assert_eq!(guard("=1+1"), "'=1+1");
        assert_eq!(guard("'t Hart"), "'t Hart");
    }

    #[test]
    fn lines_are_counted_as_an_editor_counts_them() {
        let read = lines(b"\xEF\xBB\xBFa,b\r\n\r\n\"x\ny\",1\r\n,\r\n\n\nz,2").unwrap();
        let read: Vec<_> = read.iter().map(|line| (line.number, line.cells.join("|"))).collect();
        assert_eq!(read, [(1, "a|b".to_owned()), (3, "x\ny|1".to_owned()), (8, "z|2".to_owned())]);
    }

    #[test]
    fn a_quote_that_nothing_closes_is_told_where_it_opens() {
        for (text, line) in [("a\nb,\"c\nd,e\n", 2), ("\"", 1), ("\"a\n\n\"\"\n", 1), ("\"a\nb\",\"c\"\nd,\"\"\"", 3)] {
            let error = lines(text.as_bytes()).unwrap_err();
            assert_eq!((error.line, error.expected), (Some(line), "a closing quote"), "{text:?}");
        }
        for text in ["a\"b,c\"\n", "\"a\"\"b\",\"\"\n", "\"a\nb\"", "\"a\"b\"c\n", "\"\"\"\""] {
            assert!(lines(text.as_bytes()).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_utf8_is_refused_with_its_line() {
        let error = lines(b"a\nM\xFCller\n").unwrap_err();
        let hint = "the byte 0xFC is none; save the file as \"CSV UTF-8\"".to_owned();
        assert_eq!(error, Unreadable { line: Some(2), expected: "text in UTF-8", hint });
        assert_eq!(lines(b"\xFF\xFEa\0").unwrap_err().hint, "this is UTF-16; save it as \"CSV UTF-8\"");
    }
}
