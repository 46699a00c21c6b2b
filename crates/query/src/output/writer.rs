use std::io::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::writer::FileWriter;
use arrow::json::writer::{JsonArray, LineDelimited};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::plain::{plain_batch, plain_schema};
use super::{Format, MAX_ROW_GROUP_ROWS};
use crate::error::{Error, ErrorKind, Result};

/// Writes batches of one schema in one [`Format`].
pub struct ResultWriter<W: Write + Send> {
    schema: SchemaRef,
    sink: Sink<W>,
}

#[expect(clippy::large_enum_variant, reason = "there is one for each answer")]
enum Sink<W: Write + Send> {
    Csv(arrow::csv::Writer<W>),
    Json(arrow::json::Writer<W, JsonArray>),
    Ndjson(arrow::json::Writer<W, LineDelimited>),
    Parquet(Box<ArrowWriter<W>>),
    Arrow(Box<FileWriter<W>>),
}

impl<W: Write + Send> ResultWriter<W> {
    /// A writer of batches of this schema.
    ///
    /// # Errors
    /// When the sink fails, or a type cannot be written in the format.
    pub fn new(format: Format, schema: &Schema, sink: W) -> Result<Self> {
        let schema = plain_schema(schema, format == Format::Csv);
        let json = || arrow::json::WriterBuilder::new().with_explicit_nulls(true);
        let sink = match format {
            Format::Csv => {
                let mut writer = arrow::csv::Writer::new(sink);
                // An answer without rows has a header, too.
                writer.write(&RecordBatch::new_empty(Arc::clone(&schema))).map_err(failed)?;
                Sink::Csv(writer)
            }
            Format::Json => Sink::Json(json().build(sink)),
            Format::Ndjson => Sink::Ndjson(json().build(sink)),
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_max_row_group_row_count(Some(MAX_ROW_GROUP_ROWS))
                    .build();
                let writer = ArrowWriter::try_new(sink, Arc::clone(&schema), Some(properties));
                Sink::Parquet(Box::new(writer.map_err(failed_parquet)?))
            }
            Format::Arrow => {
                let writer = FileWriter::try_new(sink, &schema).map_err(failed)?;
                Sink::Arrow(Box::new(writer))
            }
        };
        Ok(Self { schema, sink })
    }

    /// Writes a batch.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = plain_batch(batch, &self.schema)?;
        match &mut self.sink {
            Sink::Csv(writer) => writer.write(&batch).map_err(failed),
            Sink::Json(writer) => writer.write(&batch).map_err(failed),
            Sink::Ndjson(writer) => writer.write(&batch).map_err(failed),
            Sink::Parquet(writer) => writer.write(&batch).map_err(failed_parquet),
            Sink::Arrow(writer) => writer.write(&batch).map_err(failed),
        }
    }

    /// Ends the file. Without this it is incomplete.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn finish(self) -> Result<W> {
        let mut sink = match self.sink {
            Sink::Csv(writer) => writer.into_inner(),
            Sink::Json(mut writer) => {
                writer.finish().map_err(failed)?;
                let mut sink = writer.into_inner();
                sink.write_all(b"\n").map_err(failed_io)?;
                sink
            }
            Sink::Ndjson(mut writer) => {
                writer.finish().map_err(failed)?;
                writer.into_inner()
            }
            Sink::Parquet(writer) => writer.into_inner().map_err(failed_parquet)?,
            Sink::Arrow(writer) => writer.into_inner().map_err(failed)?,
        };
        sink.flush().map_err(failed_io)?;
        Ok(sink)
    }
}

fn failed(error: arrow::error::ArrowError) -> Error {
    Error::wrap(ErrorKind::Io, error)
}

fn failed_parquet(error: ParquetError) -> Error {
    Error::wrap(ErrorKind::Io, error)
}

fn failed_io(error: std::io::Error) -> Error {
    Error::wrap(ErrorKind::Io, error)
}
