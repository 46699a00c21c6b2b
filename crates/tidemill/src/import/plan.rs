use std::sync::Arc;
use std::sync::atomic::Ordering;

use tidemill_model::FieldType;
use tidemill_parse::Format;
use tidemill_parse::RowReader;
use tidemill_parse::line::{LineOptions, LineReader, SharedSeries};
use tidemill_parse::tabular::{Plan, Role, Syntax, TabularOptions};
use tidemill_parse::{csv, ndjson};
use tidemill_store::Snapshot;

use super::carry::Carry;
use super::chunker::Chunker;
use super::{Error, ImportOptions, Result};

/// Bytes at the beginning that are looked for what no text has.
const BINARY_PROBE_BYTES: usize = 8 << 10;

/// How the text of an input is read.
#[derive(Clone, Debug)]
pub enum TextPlan {
    /// Line protocol: every line says what it is.
    Lines(LineOptions),
    /// CSV or NDJSON: columns with roles.
    Tabular(Plan),
}

/// Finds out how to read a text from its first bytes.
///
/// # Errors
/// When it is no text, or no plan can be made (no time column, no table's name).
pub fn plan_text(
    file: &str,
    first: &[u8],
    is_whole: bool,
    stem: Option<String>,
    options: &ImportOptions,
) -> Result<TextPlan> {
    let format = match options.format {
        Some(format) => format,
        None => {
            let format = Format::detect(first);
            if format != Format::Parquet
                && first[..first.len().min(BINARY_PROBE_BYTES)].contains(&0)
            {
                let known =
                    "line protocol, CSV, NDJSON or Parquet, possibly compressed with gzip or zstd";
                return Err(Error::format(
                    file,
                    format!("binary data in no known format (known are {known})"),
                ));
            }
            format
        }
    };
    match format {
        Format::LineProtocol => Ok(TextPlan::Lines(LineOptions {
            precision: options.precision,
            ..LineOptions::default()
        })),
        Format::Csv | Format::Ndjson => {
            let tabular = TabularOptions {
                table: table_name(stem, options)?,
                time: options.time.clone(),
                tags: options.tags.clone(),
                tz: options.tz.clone(),
                time_format: None,
            };
            let survey = if format == Format::Csv { csv::survey } else { ndjson::survey };
            let plan =
                survey(first, is_whole, &tabular).map_err(|error| Error::plan(file, &error))?;
            Ok(TextPlan::Tabular(plan))
        }
        Format::Parquet => Err(Error::format(file, "Parquet needs the `sql` feature")),
    }
}

/// The table that rows of an input belong to which name none.
pub(crate) fn table_name(stem: Option<String>, options: &ImportOptions) -> Result<String> {
    options.table.clone().or(stem).ok_or_else(|| {
        Error::usage(
            "standard input has no name: name the table with --table (line protocol names its own)",
        )
    })
}

/// Whether the input is to be read as Parquet.
#[cfg(feature = "sql")]
pub(super) fn is_parquet(first: &super::chunker::TextChunk, options: &ImportOptions) -> bool {
    match options.format {
        Some(format) => format == Format::Parquet,
        None => Format::detect(&first.bytes) == Format::Parquet,
    }
}

impl TextPlan {
    /// A reader; the flag says whether it begins at the file's beginning.
    pub(super) fn reader(&self, is_first: bool, shared: &Arc<SharedSeries>) -> Box<dyn RowReader> {
        match self {
            Self::Lines(options) => Box::new(LineReader::sharing(options.clone(), shared)),
            Self::Tabular(plan) => plan.reader(is_first),
        }
    }

    /// What was found out about the file, in lines for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Lines(_) => String::new(),
            Self::Tabular(plan) => plan.describe(),
        }
    }

    /// Whether rows may go on over lines, in quotes.
    pub(super) fn is_csv(&self) -> bool {
        matches!(self, Self::Tabular(plan) if matches!(plan.syntax(), Syntax::Csv { .. }))
    }

    /// Whether types were guessed, so that a value further down may prove them too narrow.
    pub(super) fn can_widen(&self) -> bool {
        matches!(self, Self::Tabular(_))
    }

    /// Columns that the store has already are what they are there.
    pub(super) fn respect(&mut self, snapshot: &Snapshot) {
        let Self::Tabular(plan) = self else { return };
        let Some(table) = snapshot.table(plan.table()) else { return };
        let schema = table.schema();
        for column in 0..plan.columns().len() {
            let name = plan.columns()[column].name();
            let known: Option<FieldType> = schema.field(name).map(|field| schema.fields[field].ty);
            if schema.tag(name).is_some() {
                plan.fix_role(column, Role::Tag);
            } else if let Some(ty) = known {
                plan.fix_type(column, ty);
            }
        }
    }

    /// Widens the types to all values of an input.
    pub(super) fn survey(
        &mut self,
        chunker: &mut Chunker,
        name: &str,
        options: &ImportOptions,
    ) -> Result<()> {
        let mut carry = Carry::new(self, options.max_line_bytes);
        let Self::Tabular(plan) = self else { return Ok(()) };
        let (mut buffer, mut is_first) = (Vec::new(), true);
        while let Some(chunk) = chunker.next(buffer).map_err(|error| Error::read(name, error))? {
            carry.feed(&chunk.bytes, chunk.ends_rows(), &mut |text, is_last| {
                let taken = plan.survey_types(text, is_first, is_last);
                is_first &= taken == 0;
                Ok(taken)
            })?;
            if options.cancel.load(Ordering::Relaxed) {
                return Err(Error::cancelled());
            }
            buffer = chunk.bytes;
        }
        Ok(())
    }
}
