//! A dataset in a store, and as statements for DuckDB.

use std::fmt::Write;
use std::sync::Arc;

use anyhow::{Context, Result};
use tidemill_memory::Budget;
use tidemill_model::{Batch, FieldType, SeriesKey, Value};
use tidemill_query::{Engine, Matching};
use tidemill_store::{Durability, Options, SimDisk, Store};

use crate::dataset::{Cell, Dataset, Fields, Kind, Step, Table};

/// The memory that a store and its queries may use.
const BUDGET_BYTES: usize = 512 << 20;
/// Rows of one `INSERT`.
const INSERT_ROWS: usize = 500;

/// The same data behind two engines: native plans where they fit, and DataFusion alone.
pub(crate) struct Loaded {
    pub(crate) native: Engine,
    pub(crate) alone: Engine,
}

impl Loaded {
    /// Does the steps of every table, by turns.
    pub(crate) fn new(dataset: &Dataset) -> Result<Self> {
        let disk = SimDisk::new(1);
        let open = || {
            let options = Options {
                budget: Budget::new(BUDGET_BYTES),
                durability: Durability::None,
                disk: Arc::new(disk.clone()),
                ..Options::default()
            };
            Store::open("/store", options).map(Arc::new).context("open")
        };
        let mut store = open()?;
        let most = dataset.tables.iter().map(|t| t.steps.len()).max().unwrap_or_default();
        for number in 0..most {
            for table in &dataset.tables {
                match table.steps.get(number) {
                    None => {}
                    Some(Step::Flush) => store.flush().context("flush")?,
                    Some(Step::Compact) => _ = store.compact().context("compact")?,
                    Some(Step::Reopen) => {
                        let last = Arc::into_inner(store).context("somebody holds the store")?;
                        last.close().context("close")?;
                        store = open()?;
                    }
                    Some(Step::Delete { from, to, value }) => {
                        let mut condition = format!(
                            "time >= to_timestamp_nanos({from}) AND time < to_timestamp_nanos({to})"
                        );
                        if let Some(value) = value {
                            // A tag that no row has had yet is no column, and nothing to delete by.
                            if !has_tag(&store, table) {
                                continue;
                            }
                            condition += &format!(" AND {} = {}", table.tags[0], quoted(value));
                        }
                        let matching = engine(&store, true)?.matching(&table.name, &condition);
                        let Matching { range, series } = matching.context("delete")?;
                        store
                            .delete(&table.name, range, |_, one| series.contains(&one))
                            .context("delete")?;
                    }
                    Some(Step::Write(rows)) => write(&store, table, rows)?,
                }
            }
        }
        Ok(Self { native: engine(&store, true)?, alone: engine(&store, false)? })
    }
}

/// Whether some row had the tag that rows are deleted by.
fn has_tag(store: &Store, table: &Table) -> bool {
    let snapshot = store.snapshot();
    let view = snapshot.table(&table.name);
    view.is_some_and(|view| view.schema().tags.contains(&table.tags[0]))
}

fn engine(store: &Arc<Store>, native: bool) -> Result<Engine> {
    let shared = Arc::clone(store);
    let source = move || Ok::<_, tidemill_store::Error>(shared.snapshot());
    let threads = std::num::NonZeroUsize::MIN;
    let options = tidemill_query::Options { native, threads, ..Default::default() };
    Ok(Engine::new(source, store.budget(), options)?)
}

fn write(store: &Store, table: &Table, rows: &[(usize, i64, Fields)]) -> Result<()> {
    let mut batch = Batch::new();
    let to = batch.table(&table.name);
    let to = &mut batch.tables_mut()[to];
    let columns: Vec<usize> =
        table.fields.iter().map(|field| to.column(&field.name, field_type(field.kind))).collect();
    let mut key = Vec::new();
    for (series, time, values) in rows {
        let names = table.tags.iter().zip(&table.series[*series]);
        let mut tags: Vec<(&str, &str)> =
            names.filter_map(|(name, value)| Some((name.as_str(), (*value)?))).collect();
        SeriesKey::encode(&mut tags, &mut key).context("tags")?;
        let series = to.series(&key);
        for (column, value) in columns.iter().zip(values) {
            if let Some(value) = value {
                to.set(*column, borrowed(value));
            }
        }
        to.end_row(series, Some(*time), 0);
    }
    to.finish();
    store.write(&mut batch).context("write")?;
    Ok(())
}

fn field_type(kind: Kind) -> FieldType {
    match kind {
        Kind::Time | Kind::Tag | Kind::Text => FieldType::Text,
        Kind::Bool => FieldType::Bool,
        Kind::Float | Kind::WildFloat => FieldType::Float,
        Kind::Int | Kind::WildInt => FieldType::Int,
        Kind::UInt | Kind::WildUInt => FieldType::UInt,
    }
}

fn borrowed(cell: &Cell) -> Value<'_> {
    match cell {
        Cell::Text(text) => Value::Text(text),
        Cell::Bool(value) => Value::Bool(*value),
        Cell::Float(value) => Value::Float(*value),
        Cell::Int(value) => Value::Int(*value),
        Cell::UInt(value) => Value::UInt(*value),
    }
}

/// Statements that make the tables anew in DuckDB, with the rows the store should hold.
pub(crate) fn duckdb_statements(dataset: &Dataset) -> Vec<String> {
    let mut statements = Vec::new();
    for table in &dataset.tables {
        let columns = table.columns();
        let columns: Vec<String> =
            columns.iter().map(|c| format!("\"{}\" {}", c.name, duckdb_type(c.kind))).collect();
        statements.push(format!("CREATE OR REPLACE TABLE {} ({})", table.name, columns.join(", ")));
        let rows: Vec<_> = table.rows().into_iter().collect();
        for rows in rows.chunks(INSERT_ROWS) {
            let values: Vec<String> = rows
                .iter()
                .map(|((series, time), fields)| row(&table.series[*series], *time, fields))
                .collect();
            statements.push(format!("INSERT INTO {} VALUES {}", table.name, values.join(", ")));
        }
    }
    statements
}

fn duckdb_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Time => "TIMESTAMP_NS",
        Kind::Tag | Kind::Text => "VARCHAR",
        Kind::Bool => "BOOLEAN",
        Kind::Float | Kind::WildFloat => "DOUBLE",
        Kind::Int | Kind::WildInt => "BIGINT",
        Kind::UInt | Kind::WildUInt => "UBIGINT",
    }
}

fn row(tags: &[Option<&str>], time: i64, fields: &Fields) -> String {
    let mut row = format!("(make_timestamp_ns({time})");
    for tag in tags {
        row += &tag.map_or(", NULL".to_owned(), |tag| format!(", {}", quoted(tag)));
    }
    for field in fields {
        row += ", ";
        // Writing into a string does not fail.
        let _ = match field {
            None => write!(row, "NULL"),
            Some(Cell::Text(text)) => write!(row, "{}", quoted(text)),
            Some(Cell::Bool(value)) => write!(row, "{value}"),
            Some(Cell::Float(value)) => write!(row, "'{value:?}'::DOUBLE"),
            Some(Cell::Int(value)) => write!(row, "{value}"),
            Some(Cell::UInt(value)) => write!(row, "{value}"),
        };
    }
    row + ")"
}

/// A text literal of both dialects.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
