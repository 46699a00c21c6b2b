//! Writing answers: one batch after the other, so that they need not fit in memory.

mod plain;
mod writer;

pub use writer::ResultWriter;

use std::fmt;
use std::io::Write;
use std::str::FromStr;

use arrow::array::{AsArray, PrimitiveArray, RecordBatch};
use arrow::datatypes::Float64Type;

use crate::error::Result;
use crate::measure::stages;
use crate::result::QueryStream;

/// How an answer is written. Dictionaries are written as the plain text they stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Comma-separated values (RFC 4180) under a header. A missing value is an empty cell, as is
    /// an empty text; times are RFC 3339 in UTC with as many digits as they need; nested values
    /// are written as text.
    Csv,
    /// One array of objects. Integers have all their digits; times are as in CSV; a missing
    /// value, a NaN and an infinity are `null`, since JSON has no word for the latter.
    Json,
    /// The same objects, one a line.
    Ndjson,
    /// Apache Parquet, compressed with zstd, row groups of up to [`MAX_ROW_GROUP_ROWS`] rows.
    Parquet,
    /// An Arrow IPC file (Feather version 2).
    Arrow,
}

/// The most rows of a Parquet row group: what is held in memory before it is written.
pub const MAX_ROW_GROUP_ROWS: usize = 1 << 17;

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [Self::Csv, Self::Json, Self::Ndjson, Self::Parquet, Self::Arrow];

    /// The name people give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// Whether it is text that a terminal can show.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Csv | Self::Json | Self::Ndjson)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is none of {names}")
        })
    }
}

/// What was written of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows.
    pub rows: u64,
    /// Numbers that JSON has no form for, NaN and the infinities, and that are null in it.
    pub nulled: u64,
}

/// Writes the rest of an answer.
///
/// # Errors
/// When the statement fails on the way or the sink does; what was written is then incomplete.
pub fn write_stream<W: Write + Send>(
    stream: &mut QueryStream,
    format: Format,
    sink: W,
) -> Result<Written> {
    let schema = stream.schema();
    let mut writer = stages::FORMAT.run(|| ResultWriter::new(format, &schema, sink))?;
    let mut written = Written::default();
    while let Some(batch) = stream.next_batch()? {
        let _writing = stages::FORMAT.enter();
        writer.write(&batch)?;
        written.rows += batch.num_rows() as u64;
        if matches!(format, Format::Json | Format::Ndjson) {
            written.nulled += not_finite(&batch);
        }
    }
    stages::FORMAT.run(|| writer.finish())?;
    Ok(written)
}

fn not_finite(batch: &RecordBatch) -> u64 {
    let floats = batch.columns().iter().filter_map(|c| c.as_primitive_opt::<Float64Type>());
    let not_finite = |floats: &PrimitiveArray<Float64Type>| {
        floats.iter().flatten().filter(|value| !value.is_finite()).count()
    };
    floats.map(not_finite).sum::<usize>() as u64
}
