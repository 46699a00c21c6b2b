use std::fmt::Write;

use jiff::tz::TimeZone;
use tidemill_model::FieldType;

use super::Kinds;
use crate::time_text::{TimeFormat, TimeParser};
use crate::{Misfit, RowReader};

/// What the user said about a file.
#[derive(Clone, Debug)]
pub struct TabularOptions {
    /// The table the rows belong to.
    pub table: String,
    /// The name of the time column (`column_1` and so on where a CSV has no header, or no name
    /// in it); `None`: it is found.
    pub time: Option<String>,
    /// The names of the tag columns; `None`: they are found.
    pub tags: Option<Vec<String>>,
    /// Where times without an offset were written.
    pub tz: TimeZone,
    /// How times are written; `None`: it is found.
    pub time_format: Option<TimeFormat>,
}

impl TabularOptions {
    /// Everything is found; times are UTC.
    #[must_use]
    pub fn new(table: &str) -> Self {
        let table = table.to_owned();
        Self { table, time: None, tags: None, tz: TimeZone::UTC, time_format: None }
    }
}

/// How a file is to be read.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) table: String,
    pub(super) tz: TimeZone,
    pub(super) syntax: Syntax,
    pub(super) columns: Vec<PlanColumn>,
    /// The index of the time column, and how it is written.
    pub(super) time: (usize, TimeFormat),
    pub(super) sampled_rows: usize,
    pub(super) sampled_repeats: usize,
}

/// The text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// Comma-separated values, RFC 4180.
    Csv {
        /// What stands between cells: one of `,`, `;`, tab and `|`.
        delimiter: u8,
        /// Whether the first row names the columns.
        has_header: bool,
    },
    /// A JSON object a line.
    Ndjson,
}

/// One column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanColumn {
    pub(super) name: String,
    pub(super) role: Role,
    /// What was seen of it.
    pub(super) seen: Kinds,
    /// Whether the store decided the role.
    pub(super) is_fixed: bool,
}

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The time of the row.
    Time(TimeFormat),
    /// A tag: part of what names the series.
    Tag,
    /// A field of this type.
    Field(FieldType),
    /// No value was seen in it.
    Empty,
}

impl PlanColumn {
    pub(crate) fn new(name: String, role: Role, seen: Kinds) -> Self {
        Self { name, role, seen, is_fixed: false }
    }

    /// A column of which nothing is known but the name.
    pub(crate) fn empty(name: &str) -> Self {
        Self::new(name.to_owned(), Role::Empty, Kinds::NONE)
    }

    /// Makes it a field.
    pub(crate) fn settle(&mut self, ty: FieldType) {
        self.role = Role::Field(ty);
    }

    /// Its name, exactly as written.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether more values may change what it is.
    pub(crate) fn is_open(&self) -> bool {
        let is_key = matches!(self.role, Role::Time(_) | Role::Tag);
        !self.is_fixed && !is_key && self.role != Role::Field(FieldType::Text)
    }

    /// Makes room for values of these kinds.
    fn see(&mut self, kinds: Kinds) {
        if !self.is_open() {
            return;
        }
        self.seen = self.seen.with(kinds);
        self.role = self.seen.field_type().map_or(Role::Empty, Role::Field);
    }

    /// The misfit of a value of these kinds at column `index`, unless no plan would take it.
    pub(crate) fn misfit(&self, index: usize, kinds: Kinds) -> Option<Misfit> {
        let wider = match self.role {
            Role::Field(ty) => Some(kinds.wider(ty)).filter(|wider| *wider != ty)?,
            Role::Empty => kinds.field_type()?,
            Role::Time(_) | Role::Tag => return None,
        };
        (!self.is_fixed).then_some(Misfit { column: index, wider })
    }
}

impl Plan {
    /// The table the rows belong to.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The text format.
    #[must_use]
    pub fn syntax(&self) -> Syntax {
        self.syntax
    }

    /// The columns: in a CSV, those of the file in order; in NDJSON, the keys in the order they
    /// were first seen.
    #[must_use]
    pub fn columns(&self) -> &[PlanColumn] {
        &self.columns
    }

    /// The store has this column as a tag or a field already: it stays that, and a value that
    /// does not fit is a bad row. Nothing happens to the time column.
    ///
    /// # Panics
    /// When there is no such column.
    pub fn fix_role(&mut self, column: usize, role: Role) {
        let column = &mut self.columns[column];
        if !matches!(column.role, Role::Time(_)) {
            column.role = role;
            column.is_fixed = true;
        }
    }

    /// [`Plan::fix_role`] for a field of this type.
    ///
    /// # Panics
    /// When there is no such column.
    pub fn fix_type(&mut self, column: usize, ty: FieldType) {
        self.fix_role(column, Role::Field(ty));
    }

    /// Makes room for a value that a reader refused.
    ///
    /// Nothing happens to a column that is fixed, or of which this plan does not know (a key
    /// that a reader of NDJSON met first).
    pub fn widen(&mut self, misfit: Misfit) {
        if let Some(column) = self.columns.get_mut(misfit.column) {
            column.see(Kinds::of_type(misfit.wider));
        }
    }

    /// Makes room for every value in `chunk`, a piece of the same file, which `is_first` and
    /// `is_last` say to be at its beginning and its end. Rows that no plan would take are passed
    /// over. Returns the bytes taken, as [`RowReader::read`] does.
    pub fn survey_types(&mut self, chunk: &[u8], is_first: bool, is_last: bool) -> usize {
        match self.syntax {
            Syntax::Csv { .. } => crate::csv::survey_types(self, chunk, is_first, is_last),
            Syntax::Ndjson => crate::ndjson::survey_types(self, chunk, is_first, is_last),
        }
    }

    /// A reader that follows this plan; `is_first` says that what it reads first is the file's
    /// beginning.
    #[must_use]
    pub fn reader(&self, is_first: bool) -> Box<dyn RowReader> {
        match self.syntax {
            Syntax::Csv { .. } => Box::new(crate::csv::CsvReader::new(self, is_first)),
            Syntax::Ndjson => Box::new(crate::ndjson::NdjsonReader::new(self, is_first)),
        }
    }

    /// What was found out about the file, in lines for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text = match self.syntax {
            Syntax::Csv { delimiter, has_header } => format!(
                "CSV with {}, {}\n",
                match delimiter {
                    b'\t' => "tabs".to_owned(),
                    other => format!("`{}`", char::from(other)),
                },
                if has_header { "a header" } else { "no header" }
            ),
            Syntax::Ndjson => "NDJSON\n".to_owned(),
        };
        let mut list = |title: &str, describe: &dyn Fn(&PlanColumn) -> Option<String>| {
            let items: Vec<_> = self.columns.iter().filter_map(describe).collect();
            if !items.is_empty() {
                let _ = writeln!(text, "{title}: {}", items.join(", "));
            }
        };
        list("time", &|column| self.describe_time(column));
        list("tags", &|c| (c.role == Role::Tag).then(|| format!("`{}`", c.name)));
        list("fields", &|c| match c.role {
            Role::Field(ty) => Some(format!("`{}` {ty}", c.name)),
            _ => None,
        });
        list("empty so far", &|c| (c.role == Role::Empty).then(|| format!("`{}`", c.name)));
        if self.sampled_repeats > 0 {
            let Self { sampled_repeats, sampled_rows, .. } = self;
            let _ = writeln!(
                text,
                "{sampled_repeats} of the first {sampled_rows} rows have the time and the tags of \
                 an earlier one: if they are of another series, name what tells them apart with \
                 --tags"
            );
        }
        text
    }

    fn describe_time(&self, column: &PlanColumn) -> Option<String> {
        let Role::Time(format) = column.role else { return None };
        let zone = match format {
            TimeFormat::DateTime | TimeFormat::Date => self.tz.iana_name().unwrap_or("local time"),
            TimeFormat::Rfc3339 | TimeFormat::Epoch(_) => "UTC",
        };
        Some(format!("`{}` ({format}, {zone})", column.name))
    }

    /// The index of the time column and a parser for it.
    pub(crate) fn time(&self) -> (usize, TimeParser) {
        let (index, format) = self.time;
        (index, TimeParser::new(format, self.tz.clone()))
    }

    /// Makes room for a value of these kinds.
    pub(crate) fn see(&mut self, column: usize, kinds: Kinds) {
        self.columns[column].see(kinds);
    }

    /// The index of the column with this name, which is added when new.
    pub(crate) fn column(&mut self, name: &str) -> usize {
        let found = self.columns.iter().position(|column| column.name == name);
        found.unwrap_or_else(|| {
            self.columns.push(PlanColumn::empty(name));
            self.columns.len() - 1
        })
    }
}
