use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use tidemill_model::TimeRange;

use crate::error::Error;

/// Something that is damaged, and what of the store is lost by it.
#[derive(Debug)]
pub struct Damage {
    /// What is wrong; names the file, and the byte where that is known.
    pub error: Error,
    /// What cannot be read any more.
    pub lost: Lost,
}

/// What cannot be read because of a damage. What is unknown is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// In words, where the numbers say too little.
    pub what: String,
    /// The table, if it is known.
    pub table: Option<String>,
    /// Some of the series, as `tag=value,…`.
    pub series: Vec<String>,
    /// How many series.
    pub series_count: u64,
    /// The rows lie within these times, in nanoseconds; `None`: unknown.
    pub range: Option<TimeRange>,
    /// How many rows, or rows whose value of `field` is lost; `None`: unknown.
    pub rows: Option<u64>,
    /// Only the values of this field; `None`: whole rows.
    pub field: Option<String>,
}

impl Lost {
    /// No row and no value.
    pub(crate) fn nothing(why: &str) -> Self {
        Self { what: format!("nothing ({why})"), rows: Some(0), ..Self::default() }
    }

    /// Names of tables, fields or series; rows that lose theirs by it are said one by one.
    pub(crate) fn names(what: &str, table: Option<String>) -> Self {
        let what = format!("{what}; rows that lose their name by it are said besides");
        Self { what, table, rows: Some(0), ..Self::default() }
    }

    /// Nobody knows what.
    pub(crate) fn unknown(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// Whether no row and no value is lost, but for those of which other damages tell.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.rows == Some(0)
    }
}

impl Lost {
    /// In words, with times as `time` writes them.
    #[must_use]
    pub fn text(&self, time: &dyn Fn(i64) -> String) -> String {
        let mut parts = Vec::new();
        if !self.what.is_empty() {
            parts.push(self.what.clone());
        }
        let says_rows = self.rows.is_some() || self.range.is_some() || self.what.is_empty();
        if !self.is_nothing() && says_rows {
            let rows = self.rows.map_or("rows".to_owned(), |rows| match rows {
                1 => "1 row".to_owned(),
                rows => format!("{rows} rows"),
            });
            let table = self.table.as_ref().map_or(String::new(), |name| format!(" of `{name}`"));
            parts.push(match &self.field {
                Some(field) => format!("field `{field}` in {rows}{table}"),
                None => format!("{rows}{table}"),
            });
            if let Some(range) = self.range.filter(|range| !range.is_empty()) {
                parts.push(format!("times {} to {}", time(range.start), time(range.end)));
            }
            if self.series_count > 0 {
                let more = self.series_count - self.series.len() as u64;
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                parts.push(format!("series {}{more}", self.series.join("; ")));
            }
        }
        parts.join(", ")
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(&|time| time.to_string()))
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; lost: {}", self.error, self.lost)
    }
}

/// What was read of a store, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Report {
    /// Tables.
    pub tables: usize,
    /// Segments whose footers are whole.
    pub segments: usize,
    /// Blocks that are whole.
    pub blocks: u64,
    /// Rows in segments and logs that can be read; one that stands in several counts several times.
    pub rows: u64,
    /// Log files.
    pub logs: usize,
    /// Whole writes in them that are in no segment.
    pub writes: u64,
    /// Bytes of all files read.
    pub bytes: u64,
    /// What is damaged, missing or does not fit.
    pub damages: Vec<Damage>,
    /// What is no damage, but worth to know.
    pub notes: Vec<String>,
    /// Files that are the store's by their names and no part of it: remains of an interrupted write,
    /// or what a writer is at.
    pub superfluous: Vec<PathBuf>,
}

impl Report {
    pub(crate) fn damage(&mut self, error: Error, lost: Lost) {
        self.damages.push(Damage { error, lost });
    }

    /// Says a damage once that several passes came upon.
    pub(crate) fn remove_repeated(&mut self) {
        let mut said = HashSet::new();
        self.damages.retain(|damage| said.insert(damage.to_string()));
    }

    /// Whether nothing is damaged or missing.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damages.is_empty()
    }
}
