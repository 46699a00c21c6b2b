//! Parquet files into a store.

use std::fs::File;
use std::io::{Seek, Write};
use std::sync::atomic::Ordering;

use jiff::tz::TimeZone;
use tidemill_model::Batch;
use tidemill_query::parquet_import::{ColumnRole, ImportOptions as ParquetOptions, ParquetImport};
use tidemill_store::{BulkMap, Store};

use crate::error::{Error, ErrorKind, Result};
use crate::import::{BadRow, ImportOptions, ImportReport, Input, Observer, Text, table_name};

/// Imports a Parquet file, of which `text` holds the bytes if it had to be decompressed or came
/// from a stream.
pub(crate) fn import(
    store: &Store,
    input: &Input,
    text: Text,
    options: &ImportOptions,
    observer: &mut dyn Observer,
) -> Result<ImportReport> {
    let name = input.name();
    let (file, bytes) = open(input, text).map_err(|error| Error::read(&name, error))?;
    let table = table_name(input.stem(), options)?;
    let mut file = plan(store, &name, &file, &table, options)?;
    observer.note(&file.plan().to_string());
    let mut bulk = store.bulk(options.duplicates)?;
    let (mut batch, mut map) = (Batch::new(), BulkMap::default());
    let (mut refused, mut rejections) = (Vec::new(), Vec::new());
    let mut report =
        ImportReport { read_bytes: bytes, text_bytes: bytes, ..ImportReport::default() };
    let total_rows = file.rows().max(1);
    let mut read_rows = 0;
    loop {
        refused.clear();
        rejections.clear();
        let has_more = file.read(&mut batch, &mut refused);
        if !has_more.map_err(|error| Error::because(ErrorKind::Read, name.clone(), error))? {
            break;
        }
        read_rows += (batch.rows() + refused.len()) as u64;
        bulk.append(&mut batch, &mut map, &mut rejections)?;
        report.rows = bulk.rows();
        let refused = refused.iter().map(|row| (row.row, row.reason.as_str()));
        let rejected =
            rejections.iter().map(|row| (u64::from(row.position) + 1, row.reason.as_str()));
        let mut bad: Vec<(u64, &str)> = refused.chain(rejected).collect();
        bad.sort_unstable();
        for (line, reason) in bad {
            report.bad_rows += 1;
            let row = BadRow { file: &name, line, column: 1, reason, text: b"" };
            observer.bad_row(&row).map_err(Error::rejects)?;
            if options.is_strict {
                return Err(Error::strict());
            }
        }
        observer.progress(bytes * read_rows.min(total_rows) / total_rows, report.rows);
        if options.cancel.load(Ordering::Relaxed) {
            return Err(Error::cancelled());
        }
    }
    report.add(&bulk.finish()?);
    Ok(report)
}

/// Plans the file; columns that the table has already are what they are there.
fn plan(
    store: &Store,
    name: &str,
    file: &File,
    table: &str,
    options: &ImportOptions,
) -> Result<ParquetImport> {
    let open = |tags| plan_alone(name, file, table, options, tags);
    let opened = open(options.tags.clone())?;
    let snapshot = store.snapshot();
    let Some(known) = snapshot.table(table).filter(|_| options.tags.is_none()) else {
        return Ok(opened);
    };
    let schema = known.schema();
    let columns = &opened.plan().columns;
    let is_tag = |column: &&tidemill_query::parquet_import::PlannedColumn| match column.role {
        ColumnRole::Tag => schema.field(&column.name).is_none(),
        ColumnRole::Field(_) => schema.tag(&column.name).is_some(),
        ColumnRole::Time | ColumnRole::Ignored(_) => false,
    };
    let tags: Vec<String> =
        columns.iter().filter(is_tag).map(|column| column.name.clone()).collect();
    let is_same = columns.iter().filter(|c| c.role == ColumnRole::Tag).map(|c| &c.name).eq(&tags);
    if is_same { Ok(opened) } else { open(Some(tags)) }
}

/// Plans the file by what is in it.
pub(crate) fn plan_alone(
    name: &str,
    file: &File,
    table: &str,
    options: &ImportOptions,
    tags: Option<Vec<String>>,
) -> Result<ParquetImport> {
    let (time, zone) = (options.time.clone(), Some(zone_name(name, &options.tz)?));
    let planned = ParquetOptions { table: table.to_owned(), time, tags, zone };
    let file = file.try_clone().map_err(|error| Error::read(name, error))?;
    ParquetImport::open(file, &planned)
        .map_err(|error| Error::because(ErrorKind::Format, name, error))
}

/// The zone as Arrow names it.
fn zone_name(file: &str, zone: &TimeZone) -> Result<String> {
    let fixed = || zone.to_fixed_offset().ok().map(|offset| offset.to_string());
    // A fixed offset is written `+02`, which Arrow reads with minutes only.
    let fixed = || fixed().map(|text| if text.len() == 3 { text + ":00" } else { text });
    match zone.iana_name().map(str::to_owned).or_else(fixed) {
        Some(name) => Ok(name),
        None => Err(Error::format(file, "name the time zone as Europe/Berlin or +02:00")),
    }
}

/// The file and its length in bytes. Parquet is read from its end, so what comes as a stream is
/// put into a temporary file first.
pub(crate) fn open(input: &Input, mut text: Text) -> std::io::Result<(File, u64)> {
    if let (Input::File(path), true) = (input, text.is_file()) {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        return Ok((file, bytes));
    }
    let mut file = tempfile::tempfile()?;
    let mut bytes = 0;
    while let Some(chunk) = text.next()? {
        file.write_all(&chunk)?;
        bytes += chunk.len() as u64;
    }
    file.rewind()?;
    Ok((file, bytes))
}
