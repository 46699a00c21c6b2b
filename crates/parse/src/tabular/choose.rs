//! From a sample to a plan: which column is the time, which are tags.

use tidemill_model::FieldType;

use super::sample::{Partition, SampleColumn};
use super::{
    Kinds, Plan, PlanColumn, PlanError, Role, Sample, Syntax, TabularOptions, cell, excerpt,
};
use crate::time_text::{TimeFormat, TimeParser};

/// What a time column is called, in any case, the surest name first.
pub const TIME_NAMES: [&str; 11] = [
    "time",
    "timestamp",
    "_time",
    "datetime",
    "date_time",
    "date time",
    "ts",
    "date",
    "epoch",
    "event_time",
    "created_at",
];

/// How many of the distinct texts in a column of such a name must be times.
const HALF: f64 = 0.5;

/// How many must be in a column of any other name.
const NEARLY_ALL: f64 = 0.9;

/// Whether a time column is usually called so.
pub(crate) fn is_time_name(text: &[u8]) -> bool {
    TIME_NAMES.iter().any(|name| text.eq_ignore_ascii_case(name.as_bytes()))
}

/// A text column with no more distinct values than this is a tag, ...
const FEW_VALUES: usize = 16;

/// ... and so is one with at most one distinct value for so many rows.
const ROWS_A_VALUE: usize = 4;

/// The most distinct values of a text column of so many rows that is a tag without being named.
#[must_use]
pub fn max_tag_values(rows: usize) -> usize {
    FEW_VALUES.max(rows / ROWS_A_VALUE)
}

/// A number is taken for a time without being told, by its column's name or the user, only when
/// it says a time between 1990 and 2100, in nanoseconds.
const PLAUSIBLE: std::ops::Range<i64> = 631_152_000_000_000_000..4_102_444_800_000_000_000;

impl Sample {
    /// The plan of the file that this is a sample of.
    pub(crate) fn into_plan(
        self,
        syntax: Syntax,
        options: &TabularOptions,
    ) -> Result<Plan, PlanError> {
        let (time, format) = self.time_column(options)?;
        let rows = self.rows_in_time(time, format, options);
        let sampled_rows = rows.iter().filter(|is_in| **is_in).count();
        if sampled_rows == 0 {
            return Err(PlanError::NoRows);
        }
        let seen: Vec<Kinds> = self.columns.iter().map(|column| column.kinds(&rows)).collect();
        let mut partition = Partition::new(&rows);
        partition.refine(&self.columns[time]);
        let tags = match &options.tags {
            Some(names) => self.named_tags(names, time, syntax)?,
            None => self.likely_tags(&seen, time, sampled_rows, &partition),
        };
        tags.iter().for_each(|tag| partition.refine(&self.columns[*tag]));
        let role = |index: usize| match seen[index].field_type() {
            _ if index == time => Role::Time(format),
            _ if tags.contains(&index) => Role::Tag,
            Some(ty) => Role::Field(ty),
            None => Role::Empty,
        };
        let columns = self.columns.iter().enumerate();
        let mut plan = Plan {
            table: options.table.clone(),
            tz: options.tz.clone(),
            syntax,
            columns: columns
                .map(|(index, c)| PlanColumn::new(c.name.clone(), role(index), seen[index]))
                .collect(),
            time: (time, format),
            sampled_rows,
            sampled_repeats: partition.repeats(),
        };
        // Keys may come late in NDJSON.
        for name in options.tags.iter().flatten() {
            let column = plan.column(name);
            plan.columns[column].role = Role::Tag;
        }
        Ok(plan)
    }

    fn time_column(&self, options: &TabularOptions) -> Result<(usize, TimeFormat), PlanError> {
        if let Some(name) = &options.time {
            let index = self.find(name).ok_or_else(|| self.no_such_column(name))?;
            let column = &self.columns[index];
            let detected = TimeFormat::detect(column.trimmed_texts()).map(|found| found.0);
            let example = || excerpt(column.texts.iter().next().unwrap_or_default());
            return match options.time_format.or(detected) {
                Some(format) => Ok((index, format)),
                None if column.texts.is_empty() => Err(PlanError::NoRows),
                None => Err(PlanError::NotTimes { name: name.clone(), example: example() }),
            };
        }
        let named = TIME_NAMES.iter().filter_map(|name| {
            self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
        });
        let format = |index: usize, share| self.columns[index].time_format(options, share);
        let by_name = named.filter_map(|index| Some((index, format(index, HALF)?))).next();
        let all = 0..self.columns.len();
        let times = || all.clone().filter_map(|index| Some((index, format(index, NEARLY_ALL)?)));
        by_name
            .or_else(|| times().find(|(_, format)| !matches!(format, TimeFormat::Epoch(_))))
            .or_else(|| times().find(|(index, format)| self.columns[*index].is_plausible(*format)))
            .ok_or_else(|| match self.rows {
                0 => PlanError::NoRows,
                _ => PlanError::NoTime { have: self.names() },
            })
    }

    /// For each row, whether its time can be read: else it is refused, whatever else is in it.
    fn rows_in_time(&self, time: usize, format: TimeFormat, options: &TabularOptions) -> Vec<bool> {
        let column = &self.columns[time];
        let mut parser = TimeParser::new(format, options.tz.clone());
        let is_time: Vec<bool> =
            column.trimmed_texts().map(|text| parser.parse(text).is_ok()).collect();
        let mut rows = vec![false; self.rows];
        column.cells.iter().for_each(|cell| rows[cell.row] = is_time[cell.text as usize]);
        rows
    }

    fn named_tags(
        &self,
        names: &[String],
        time: usize,
        syntax: Syntax,
    ) -> Result<Vec<usize>, PlanError> {
        if let Some(name) = names.iter().find(|name| **name == self.columns[time].name) {
            return Err(PlanError::TimeAsTag(name.clone()));
        }
        let found = names.iter().filter_map(|name| match self.find(name) {
            None if syntax != Syntax::Ndjson => Some(Err(self.no_such_column(name))),
            index => index.map(Ok),
        });
        found.collect()
    }

    /// Text columns with few distinct values, unless most are numbers: a sensor that says `N/A`
    /// now and then. Should rows then still share time and tags, also the text column of the
    /// fewest values that tells all of them apart: a collector of many hosts may well not have
    /// named one twice within a sample, and processors are called 0, 1 and `total`.
    fn likely_tags(
        &self,
        seen: &[Kinds],
        time: usize,
        rows: usize,
        by_time: &Partition,
    ) -> Vec<usize> {
        let few = max_tag_values(rows);
        let distinct = |index: &usize| self.columns[*index].texts.len();
        let is_text =
            |index: &usize| *index != time && seen[*index].field_type() == Some(FieldType::Text);
        let texts = (0..self.columns.len()).filter(is_text);
        let names_things = |i: &usize| distinct(i) <= few && !self.columns[*i].is_mostly_numbers();
        let (mut tags, mut others): (Vec<_>, Vec<_>) = texts.partition(names_things);
        let mut by_tags = by_time.clone();
        tags.iter().for_each(|tag| by_tags.refine(&self.columns[*tag]));
        if by_tags.repeats() > 0 {
            others.sort_by_key(distinct);
            let identifying = others.into_iter().find(|index| {
                let mut refined = by_tags.clone();
                refined.refine(&self.columns[*index]);
                refined.repeats() == 0
            });
            tags.extend(identifying);
        }
        tags
    }

    fn no_such_column(&self, name: &str) -> PlanError {
        PlanError::NoSuchColumn { name: name.to_owned(), have: self.names() }
    }
}

impl SampleColumn {
    /// What the cells of these rows hold.
    fn kinds(&self, rows: &[bool]) -> Kinds {
        let cells = self.cells.iter().filter(|cell| rows[cell.row]);
        cells.fold(Kinds::NONE, |kinds, cell| kinds.with(cell.kinds))
    }

    fn is_mostly_numbers(&self) -> bool {
        let is_number = |kinds: Kinds| {
            matches!(kinds.field_type(), Some(FieldType::Int | FieldType::UInt | FieldType::Float))
        };
        let numbers = self.cells.iter().filter(|cell| is_number(cell.kinds)).count();
        2 * numbers > self.cells.len()
    }

    fn trimmed_texts(&self) -> impl Iterator<Item = &[u8]> {
        self.texts.iter().map(cell::trim)
    }

    /// The format of the times in it, if so great a share of its distinct texts are times.
    fn time_format(&self, options: &TabularOptions, share: f64) -> Option<TimeFormat> {
        let (format, count) = match options.time_format {
            Some(format) => {
                let mut parser = TimeParser::new(format, options.tz.clone());
                let times = self.trimmed_texts().filter(|text| parser.parse(text).is_ok());
                (format, times.count())
            }
            None => TimeFormat::detect(self.trimmed_texts())?,
        };
        (count > 0 && count as f64 >= self.texts.len() as f64 * share).then_some(format)
    }

    fn is_plausible(&self, format: TimeFormat) -> bool {
        let mut parser = TimeParser::new(format, jiff::tz::TimeZone::UTC);
        let mut times = self.trimmed_texts().filter_map(|text| parser.parse(text).ok());
        times.all(|time| PLAUSIBLE.contains(&time))
    }
}
