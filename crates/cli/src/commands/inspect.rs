use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use tidemill::{Store, TableView, TimeRange};

use crate::args::InspectArgs;
use crate::outcome::{Outcome, message, say};
use crate::render::text;
use crate::stores;

pub(crate) fn run(args: &InspectArgs) -> anyhow::Result<Outcome> {
    let store = stores::open_to_read(&args.store)?;
    let description = describe(&store)?;
    let mut stdout = std::io::stdout().lock();
    if args.json {
        writeln!(stdout, "{}", description.to_json())?;
    } else {
        description.print(&mut stdout)?;
    }
    for problem in &description.problems {
        say(problem);
    }
    Ok(if description.problems.is_empty() { Outcome::Done } else { Outcome::Refused })
}

/// What a store holds.
struct Description {
    dir: String,
    tables: Vec<TableDescription>,
    files: Files,
    recovery: Vec<String>,
    replayed_rows: u64,
    /// What could not be read.
    problems: Vec<String>,
}

struct TableDescription {
    view: TableView,
    /// Unless a part of the table cannot be read.
    values: Option<u64>,
}

/// Files of a store by what they are for: how many, and their bytes.
#[derive(Default)]
struct Files {
    segments: (u64, u64),
    log: (u64, u64),
    other: (u64, u64),
}

fn describe(store: &Store) -> anyhow::Result<Description> {
    let recovery = store.inner().recovery();
    let snapshot = store.snapshot();
    let mut problems = Vec::new();
    let mut describe = |view: &TableView| {
        let values = count_values(view);
        let values = values.map_err(|error| problems.push(message(&error))).ok();
        TableDescription { view: view.clone(), values }
    };
    let tables = snapshot.tables().iter().map(&mut describe).collect();
    Ok(Description {
        dir: store.inner().dir().display().to_string(),
        tables,
        files: Files::of(store.inner().dir())?,
        recovery: stores::recovery_notes(recovery),
        replayed_rows: recovery.replayed_rows,
        problems,
    })
}

/// Present values of all fields, from stored statistics where there are any.
fn count_values(view: &TableView) -> anyhow::Result<u64> {
    let (mut reader, mut pieces, mut stored) = (view.reader(), Vec::new(), Vec::new());
    let mut values = 0;
    for series in 0..view.series_count() {
        reader.pieces(series, TimeRange::ALL, &mut pieces)?;
        for piece in &pieces {
            let rows = reader.rows(piece)?;
            for field in 0..view.schema().fields.len() {
                stored.clear();
                reader.stored_aggregates(piece, field, &mut stored)?;
                let mut next = 0;
                for slice in &stored {
                    values += slice.valid;
                    values +=
                        reader.column(piece, field, next..slice.rows.start)?.valid_count() as u64;
                    next = slice.rows.end;
                }
                values += reader.column(piece, field, next..rows)?.valid_count() as u64;
            }
        }
    }
    Ok(values)
}

impl Files {
    fn of(dir: &Path) -> anyhow::Result<Self> {
        let mut files = Self::default();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let path = entry.path();
            let kind = match path.extension().and_then(|extension| extension.to_str()) {
                Some("seg") => &mut files.segments,
                Some("wal") => &mut files.log,
                _ => &mut files.other,
            };
            // A writer beside us may have removed it.
            kind.1 += entry.metadata().map_or(0, |metadata| metadata.len());
            kind.0 += 1;
        }
        Ok(files)
    }

    fn bytes(&self) -> u64 {
        self.segments.1 + self.log.1 + self.other.1
    }
}

impl TableDescription {
    fn to_json(&self) -> Value {
        let (view, schema) = (&self.view, self.view.schema());
        let range = Some(view.time_range()).filter(|range| !range.is_empty());
        let fields: Vec<Value> = schema
            .fields
            .iter()
            .map(|field| json!({"name": field.name, "type": field.ty.name()}))
            .collect();
        json!({
            "name": view.name(),
            "rows": view.max_rows(),
            "rows_are_exact": view.is_disjoint(),
            "series": view.series_count(),
            "values": self.values,
            "segments": view.segments(),
            "small_segments": view.small_segments(),
            "rows_in_memory": view.memory_rows(),
            "bytes": view.stored_bytes(),
            "start": range.map(|range| range.start),
            "end": range.map(|range| range.end),
            "duplicates": schema.duplicates.to_string(),
            "tags": schema.tags,
            "fields": fields,
        })
    }
}

/// How many there are, and how many of them `compact --small` wrote.
fn segment_counts(view: &TableView) -> String {
    let all = text::count(view.segments() as u64);
    match view.small_segments() {
        0 => all,
        small => format!("{all} ({} small)", text::count(small as u64)),
    }
}

impl Description {
    fn values(&self) -> Option<u64> {
        self.tables.iter().map(|table| table.values).sum()
    }

    fn bytes_a_value(&self) -> Option<f64> {
        let values = self.values().filter(|values| *values > 0)?;
        Some(self.files.bytes() as f64 / values as f64)
    }

    fn to_json(&self) -> Value {
        let files = |(count, bytes): (u64, u64)| json!({"files": count, "bytes": bytes});
        json!({
            "store": self.dir,
            "bytes": self.files.bytes(),
            "values": self.values(),
            "bytes_a_value": self.bytes_a_value(),
            "segments": files(self.files.segments),
            "log": files(self.files.log),
            "replayed_rows": self.replayed_rows,
            "recovery": self.recovery,
            "tables": self.tables.iter().map(TableDescription::to_json).collect::<Vec<_>>(),
        })
    }

    fn print(&self, out: &mut impl Write) -> anyhow::Result<()> {
        write!(out, "{}: {}", self.dir, text::bytes(self.files.bytes()))?;
        if let Some(bytes) = self.bytes_a_value() {
            write!(out, ", {bytes:.2} bytes a value")?;
        }
        let (segments, log) = (self.files.segments, self.files.log);
        writeln!(
            out,
            "\n{} segments, {}; log of {} files, {}, with {} rows not in segments yet\n",
            text::count(segments.0),
            text::bytes(segments.1),
            text::count(log.0),
            text::bytes(log.1),
            text::count(self.replayed_rows),
        )?;
        self.recovery.iter().try_for_each(|note| writeln!(out, "{note}"))?;
        if self.tables.is_empty() {
            writeln!(out, "no tables")?;
            return Ok(());
        }
        let header = ["table", "rows", "series", "segments", "bytes", "first time", "last time"];
        let mut tables = text::table(&header);
        for TableDescription { view, .. } in &self.tables {
            let range = view.time_range();
            let time = |time| if range.is_empty() { String::new() } else { text::time(time) };
            let about = if view.is_disjoint() { "" } else { "≤ " };
            tables.add_row([
                view.name().to_owned(),
                format!("{about}{}", text::count(view.max_rows())),
                text::count(view.series_count().into()),
                segment_counts(view),
                text::bytes(view.stored_bytes()),
                time(range.start),
                time(range.end),
            ]);
        }
        writeln!(out, "{tables}")?;
        for TableDescription { view, .. } in &self.tables {
            let schema = view.schema();
            let fields = schema.fields.iter().map(|field| format!("{} {}", field.name, field.ty));
            writeln!(out, "\n{} (duplicates: {})", view.name(), schema.duplicates)?;
            writeln!(out, "  tags    {}", schema.tags.join(", "))?;
            writeln!(out, "  fields  {}", fields.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}
