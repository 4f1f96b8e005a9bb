//! The rows of a partner list: read as a whole, with everything that is wrong in it.

use super::cells::{self, Line};
use super::days::Edge;
use super::fields::{self, Listed, Named, Place};
use crate::domain::PartnerId;
use crate::programme::problem::{Problem, Unfit, nearest, one_of};
use crate::programme::{Programme, TierId};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// The columns, in the order in which they are written.
pub(super) const COLUMNS: [&str; 8] = ["partner", "name", "tier", "logins", "github_ids", "from", "until", "time_zone"];

/// So many of [`COLUMNS`] have to be there.
const REQUIRED: usize = 4;

/// One tier of one partner over a time, and people of that partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Where it was written.
    pub place: Place,
    /// Whose.
    pub partner: PartnerId,
    /// What people read; left out: as it is.
    pub name: Option<String>,
    /// Left out: the row is about the rest only.
    pub tier: Option<TierId>,
    /// Members, since always.
    pub people: Vec<Named>,
    /// Of the tier.
    pub from: Option<Timestamp>,
    /// Of the tier.
    pub until: Option<Timestamp>,
    /// Left out: as it is.
    pub time_zone: Option<String>,
    /// Its line has fewer cells than the header.
    pub short: Option<Short>,
}

/// A line that ends before its columns do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short {
    /// What it has.
    cells: usize,
    /// What the header has.
    columns: usize,
}

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the row has {} of {} columns", self.cells, self.columns)
    }
}

impl Row {
    /// How a problem names one of its fields.
    pub(super) fn field(&self, column: &str) -> String {
        field(self.partner.as_str(), column)
    }
}

fn field(partner: &str, column: &str) -> String {
    format!("partner \"{partner}\": {column}")
}

/// Reads a file. The rows are those that are right by themselves; they count only when there is no problem.
pub(super) fn read(file: &str, bytes: &[u8], programme: &Programme, zone: &TimeZone) -> (Vec<Row>, Vec<Problem>) {
    let place = |line| Place { file: file.to_owned(), line };
    let lines = match cells::lines(bytes) {
        Ok(lines) => lines,
        Err(why) => return (Vec::new(), vec![place(why.line).problem("the file", None, Unfit::because(why.expected, why.hint))]),
    };
    let Some((header, lines)) = lines.split_first() else {
        let expected = format!("a header line with the columns {}", COLUMNS.join(","));
        return (Vec::new(), vec![place(None).problem("the file", None, Unfit::because(expected, "it is empty"))]);
    };
    let columns = match columns(&place(Some(header.number)), header) {
        Ok(columns) => columns,
        Err(problems) => return (Vec::new(), problems),
    };
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    // Empty ends of the header are no columns.
    let width = columns.values().max().map_or(0, |last| last + 1);
    for line in lines {
        let reader = Reader { place: place(Some(line.number)), line, columns: &columns, width, programme, zone };
        match reader.row() {
            Ok(row) => rows.push(row),
            Err(wrong) => problems.extend(wrong),
        }
    }
    problems.extend(contradictions(&rows));
    (rows, problems)
}

/// Which cell of a line belongs to which column.
fn columns(place: &Place, header: &Line) -> Result<BTreeMap<&'static str, usize>, Vec<Problem>> {
    let mut found = BTreeMap::new();
    let mut problems = Vec::new();
    if let [one] = header.cells.as_slice()
        && one.contains([';', '\t'])
    {
        let unfit = Unfit::because("column names separated by commas", "save it as comma-separated values");
        return Err(vec![place.problem("the header", Some(one), unfit)]);
    }
    for (at, cell) in header.cells.iter().enumerate() {
        let name = cell.to_ascii_lowercase();
        match COLUMNS.iter().find(|column| **column == name) {
            Some(column) if found.contains_key(column) => {
                problems.push(place.problem("column", Some(cell), Unfit::new("each column once")));
            }
            Some(column) => {
                found.insert(*column, at);
            }
            // The empty end of a line is checked with the rows: nothing may stand under it.
            None if cell.is_empty() => {}
            None => {
                let hint = nearest(&name, COLUMNS).map(|near| format!("the nearest is \"{near}\""));
                problems.push(place.problem("column", Some(cell), Unfit { expected: one_of(COLUMNS), hint }));
            }
        }
    }
    let missing: Vec<_> = COLUMNS.into_iter().take(REQUIRED).filter(|column| !found.contains_key(column)).collect();
    if !missing.is_empty() {
        let expected = format!("a header line with the columns {}", COLUMNS[..REQUIRED].join(","));
        problems.push(place.problem("the header", None, Unfit::because(expected, format!("missing: {}", missing.join(", ")))));
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

struct Reader<'a> {
    place: Place,
    line: &'a Line,
    columns: &'a BTreeMap<&'static str, usize>,
    width: usize,
    programme: &'a Programme,
    zone: &'a TimeZone,
}

impl Reader<'_> {
    /// A cell; empty ones, and those that a short line leaves out, are none.
    fn cell(&self, column: &str) -> Option<&str> {
        let at = self.columns.get(column)?;
        self.line.cells.get(*at).map(String::as_str).filter(|cell| !cell.is_empty())
    }

    fn short(&self) -> Option<Short> {
        let cells = self.line.cells.len();
        (cells < self.width).then_some(Short { cells, columns: self.width })
    }

    fn row(&self) -> Result<Row, Vec<Problem>> {
        let mut problems = Vec::new();
        let written = self.cell("partner").unwrap_or_default();
        let partner = match fields::partner(written) {
            Ok(partner) => Some(partner),
            Err(unfit) => {
                problems.push(self.place.problem("partner", Some(written), unfit));
                None
            }
        };
        let said = |column: &str| partner.as_ref().map_or_else(|| column.to_owned(), |id| field(id.as_str(), column));
        let mut wrong = |column: &str, value: &str, unfit: Unfit| problems.push(self.place.problem(said(column), Some(value), unfit));

        let beyond = self.line.cells.iter().enumerate().filter(|(at, _)| !self.columns.values().any(|column| column == at));
        for (_, cell) in beyond.filter(|(_, cell)| !cell.is_empty()) {
            wrong("a cell without a column", cell, Unfit::because("nothing there", "put a cell that contains a comma in quotes"));
        }
        let mut optional = |column: &str, read: &dyn Fn(&str) -> Result<String, Unfit>| {
            let cell = self.cell(column)?;
            read(cell).map_err(|unfit| wrong(column, cell, unfit)).ok()
        };
        let name = optional("name", &|cell| {
            let over = cell.contains('\n').then(|| "its quote closes on a later line".to_owned());
            fields::name(cell).map_err(|unfit| Unfit { hint: over, ..unfit })
        });
        let time_zone = optional("time_zone", &fields::time_zone);
        let tier = optional("tier", &|cell| fields::tier(cell, self.programme).map(|tier| tier.0)).map(TierId);

        let (mut from, mut until) = (None, None);
        match fields::span(self.cell("from"), self.cell("until"), self.zone) {
            Ok(span) => (from, until) = span,
            Err((Edge::From, value, unfit)) => wrong("from", value, unfit),
            Err((Edge::Until, value, unfit)) => wrong("until", value, unfit),
        }
        if self.cell("tier").is_none() && (self.cell("from").is_some() || self.cell("until").is_some()) {
            wrong(
                "tier",
                "",
                Unfit::because(one_of(self.programme.tiers.iter().map(|tier| tier.id.0.as_str())), "`from` and `until` date a tier"),
            );
        }
        let list = |column| self.cell(column).map(|cell| cell.split_whitespace().collect::<Vec<_>>()).unwrap_or_default();
        let people = fields::people(&list("logins"), &list("github_ids")).unwrap_or_else(|many| {
            for (list, value, unfit) in many {
                wrong(if list == Listed::Logins { "logins" } else { "github_ids" }, &value, unfit);
            }
            Vec::new()
        });
        match partner {
            Some(partner) if problems.is_empty() => {
                Ok(Row { place: self.place.clone(), partner, name, tier, people, from, until, time_zone, short: self.short() })
            }
            _ => Err(problems),
        }
    }
}

/// What is right in each row by itself, and wrong in two of them together.
fn contradictions(rows: &[Row]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut names = BTreeMap::new();
    let mut zones = BTreeMap::new();
    let mut starts = BTreeMap::new();
    let mut by_login = BTreeMap::new();
    let mut by_id = BTreeMap::new();
    let line = |row: &Row| row.place.line.unwrap_or_default();
    for row in rows {
        let mut wrong = |column: &str, value: &str, expected: String| {
            problems.push(row.place.problem(row.field(column), Some(value), Unfit::new(expected)));
        };
        if let Some(name) = &row.name {
            let (first, at) = *names.entry(&row.partner).or_insert((name, line(row)));
            if first != name {
                wrong("name", name, format!("{first:?} as on line {at}"));
            }
        }
        if let Some(zone) = &row.time_zone {
            let (first, at) = *zones.entry(&row.partner).or_insert((zone, line(row)));
            if first != zone {
                wrong("time_zone", zone, format!("{first:?} as on line {at}"));
            }
        }
        if let Some(tier) = &row.tier {
            let (first, until, at) = *starts.entry((&row.partner, row.from)).or_insert((tier, row.until, line(row)));
            if (first, until) != (tier, row.until) {
                wrong("tier", &tier.0, format!("another `from` than on line {at}, which gives this partner {first} from the same day on"));
            }
        }
        for person in &row.people {
            let (Some(login), Some(id)) = (&person.login, person.id) else { continue };
            let (other, at) = *by_login.entry(login.to_ascii_lowercase()).or_insert((id, line(row)));
            if other != id {
                wrong("github_ids", &id.to_string(), format!("{other}, the id that line {at} gives `{login}`"));
            }
            let (other, at) = *by_id.entry(id).or_insert((login, line(row)));
            if !other.eq_ignore_ascii_case(login) {
                wrong("logins", login, format!("`{other}`, the login that line {at} gives the id {id}"));
            }
        }
    }
    problems
}
