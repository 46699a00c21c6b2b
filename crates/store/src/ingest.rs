//! From a reader's batch to the store's terms: tables, series ids, field indices; and which rows
//! the schema refuses.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use tidemill_model::{Batch, Column, Duplicates, SeriesKey, TableBatch, TableSchema, TakenRows};

mod claims;

use crate::chunk::Chunk;
use crate::definition::{Definition, Mark};
use crate::error::{Error, Result};
use claims::claim_names;

/// A row the store refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The row's table.
    pub table: String,
    /// Where the row starts in the text it was read from, in bytes.
    pub position: u32,
    /// The field that was wrong, if one was.
    pub field: Option<String>,
    /// Why.
    pub reason: String,
}

/// What all tables are; changed under one lock.
#[derive(Debug, Default)]
pub(crate) struct Ingest {
    pub(crate) tables: Vec<IngestTable>,
    by_name: HashMap<String, u32>,
    /// The sequence number of the next write.
    pub(crate) next_sequence: u64,
    /// Whether something was defined that the log does not know.
    pub(crate) has_unlogged: bool,
    /// Changes when definitions are taken back, which makes every [`BatchMap`] void.
    epoch: u64,
}

#[derive(Debug)]
pub(crate) struct IngestTable {
    pub(crate) definition: Arc<RwLock<Definition>>,
    pub(crate) duplicates: Duplicates,
    /// What the log or the manifest knows of it.
    pub(crate) logged: Mark,
}

/// What a batch's own numbers mean in the store; kept with the batch, so that a series is looked
/// up once.
#[derive(Debug, Default)]
pub(crate) struct BatchMap {
    /// [`Batch::id`] of the batch it belongs to; of another one it knows nothing.
    batch: u64,
    epoch: u64,
    tables: Vec<TableMap>,
}

#[derive(Debug, Default)]
struct TableMap {
    table: Option<u32>,
    series: Vec<u32>,
    /// How many of `series` are [`UNUSED_SERIES`].
    unused: usize,
    columns: Vec<Target>,
    /// Series that have no place in the table, by their number in the batch.
    refused: HashMap<u32, String>,
}

#[derive(Clone, Debug, Default)]
enum Target {
    #[default]
    Unknown,
    Field(u32),
    Refused(String),
}

/// Stands for a series that was refused.
const NO_SERIES: u32 = u32::MAX;
/// Stands for a series of which no row came yet: a reader may know series whose rows were bad.
const UNUSED_SERIES: u32 = u32::MAX - 1;

impl Ingest {
    pub(crate) fn new(tables: Vec<Definition>, next_sequence: u64) -> Self {
        let mut this = Self { next_sequence, ..Self::default() };
        tables.into_iter().for_each(|definition| this.add_table(definition));
        this.tables.iter_mut().for_each(IngestTable::mark_logged);
        this
    }

    pub(crate) fn add_table(&mut self, definition: Definition) {
        self.by_name.insert(definition.schema.name.clone(), self.tables.len() as u32);
        self.tables.push(IngestTable {
            duplicates: definition.schema.duplicates,
            definition: Arc::new(RwLock::new(definition)),
            logged: Mark::default(),
        });
    }

    /// How much is defined, table by table.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        self.tables.iter().map(IngestTable::mark).collect()
    }

    /// Takes back what was defined since.
    pub(crate) fn truncate(&mut self, marks: &[Mark]) {
        self.tables.truncate(marks.len());
        self.by_name.retain(|_, table| (*table as usize) < marks.len());
        for (table, mark) in self.tables.iter().zip(marks) {
            write(&table.definition).truncate(mark);
        }
        self.epoch += 1;
    }

    /// Everything defined so far is durable.
    pub(crate) fn mark_logged(&mut self) {
        self.tables.iter_mut().for_each(IngestTable::mark_logged);
        self.has_unlogged = false;
    }

    /// Defines what the batch brings that is new, and says what is refused.
    pub(crate) fn resolve(&mut self, batch: &Batch, map: &mut BatchMap, duplicates: Duplicates) {
        if (map.batch, map.epoch) != (batch.id(), self.epoch) {
            *map = BatchMap { batch: batch.id(), epoch: self.epoch, tables: Vec::new() };
        }
        map.tables.resize_with(batch.tables().len(), TableMap::default);
        for (rows, table) in batch.tables().iter().zip(&mut map.tables) {
            if rows.rows() > 0 && !table.is_complete_for(rows) {
                self.resolve_table(rows, table, duplicates);
            }
        }
    }

    fn resolve_table(&mut self, rows: &TableBatch, map: &mut TableMap, duplicates: Duplicates) {
        let id = *map.table.get_or_insert_with(|| {
            if let Some(id) = self.by_name.get(rows.name()) {
                return *id;
            }
            self.add_table(Definition::new(rows.name(), duplicates));
            self.tables.len() as u32 - 1
        });
        let table = &self.tables[id as usize];
        let mut definition = write(&table.definition);
        let before = definition.mark();
        claim_names(rows, map, &map.new_series(rows, &[]), &mut definition);
        resolve_columns(rows, map, &definition.schema);
        // A row that is refused for a field brings no series.
        let new_series = map.new_series(rows, &map.refused_for_fields(rows));
        resolve_series(rows, map, &new_series, &mut definition);
        self.has_unlogged |= before != definition.mark() || table.logged == Mark::default();
    }
}

impl IngestTable {
    pub(crate) fn mark(&self) -> Mark {
        self.definition.read().unwrap_or_else(PoisonError::into_inner).mark()
    }

    fn mark_logged(&mut self) {
        self.logged = self.mark();
    }
}

fn read(definition: &RwLock<Definition>) -> std::sync::RwLockReadGuard<'_, Definition> {
    definition.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write(
    definition: &RwLock<Definition>,
) -> std::sync::RwLockWriteGuard<'_, Definition> {
    definition.write().unwrap_or_else(PoisonError::into_inner)
}

fn resolve_columns(rows: &TableBatch, map: &mut TableMap, schema: &TableSchema) {
    map.columns.resize(rows.columns().len(), Target::Unknown);
    for (target, column) in map.columns.iter_mut().zip(rows.columns()) {
        if !matches!(target, Target::Unknown) {
            continue;
        }
        let (name, ty) = (&column.name, column.column.ty());
        *target = match schema.field(name) {
            Some(field) if schema.fields[field].ty == ty => Target::Field(field as u32),
            Some(field) => Target::Refused(format!(
                "field `{name}` is {ty} here and {} in table `{}`",
                schema.fields[field].ty, schema.name
            )),
            None if name == TableSchema::TIME => {
                Target::Refused("a field named `time`, which is the time column".to_owned())
            }
            None if schema.tag(name).is_some() => {
                Target::Refused(format!("field `{name}` is a tag in table `{}`", schema.name))
            }
            None => Target::Unknown,
        };
    }
}

fn resolve_series(
    rows: &TableBatch,
    map: &mut TableMap,
    new_series: &[(usize, u32)],
    definition: &mut Definition,
) {
    let known = map.series.len();
    map.series.resize(rows.series_keys().len(), UNUSED_SERIES);
    map.unused +=
        map.series.len() - known - new_series.iter().filter(|s| s.1 as usize >= known).count();
    map.unused -= new_series.iter().filter(|s| (s.1 as usize) < known).count();
    let Definition { schema, index, .. } = definition;
    let (mut pairs, mut codes, mut known_tags) = (Vec::new(), Vec::new(), KnownTags::default());
    for (_, local) in new_series {
        pairs.clear();
        let key = SeriesKey(rows.series_keys().bytes(*local));
        let mut missing = None;
        for (place, (name, value)) in key.tags().flatten().enumerate() {
            match known_tags.tag(place, name, schema) {
                Some(tag) => pairs.push((tag, value)),
                None => missing = missing.or(Some(name)),
            }
        }
        if let Some(name) = missing {
            let reason = if name == TableSchema::TIME {
                "a tag named `time`, which is the time column".to_owned()
            } else if schema.field(name).is_some() {
                format!("tag `{name}` is a field in table `{}`", schema.name)
            } else {
                format!("tag `{name}` is a field of the same row, too")
            };
            map.refused.insert(*local, reason);
            map.series[*local as usize] = NO_SERIES;
            continue;
        }
        codes.clear();
        codes.extend(
            pairs.iter().map(|(tag, value)| (*tag as u32, index.intern_value(*tag, value))),
        );
        codes.sort_unstable();
        map.series[*local as usize] = index.intern_series(&codes);
    }
}

/// The tags of the series looked at last, by their places in its key: those of the next are mostly
/// the same.
#[derive(Debug, Default)]
struct KnownTags<'a>(Vec<(&'a str, usize)>);

impl<'a> KnownTags<'a> {
    /// The index of a tag, if the table has it.
    fn tag(&mut self, place: usize, name: &'a str, schema: &TableSchema) -> Option<usize> {
        if let Some((known, tag)) = self.0.get(place)
            && *known == name
        {
            return Some(*tag);
        }
        let tag = schema.tag(name)?;
        self.0.truncate(place);
        if self.0.len() == place {
            self.0.push((name, tag));
        }
        Some(tag)
    }
}

impl BatchMap {
    /// Whether nothing in the batch is new, so that [`Ingest::resolve`] would change nothing.
    pub(crate) fn is_complete_for(&self, batch: &Batch, epoch: u64) -> bool {
        (self.batch, self.epoch) == (batch.id(), epoch)
            && self.tables.len() == batch.tables().len()
            && batch
                .tables()
                .iter()
                .zip(&self.tables)
                .all(|(rows, map)| rows.rows() == 0 || map.is_complete_for(rows))
    }

    /// What a series of the batch is in the store: a table's index and a series' number there. Nothing, when it
    /// was refused or had no row yet.
    pub(crate) fn series_id(&self, batch: u64, table: usize, number: u32) -> Option<u32> {
        if self.batch != batch {
            return None;
        }
        let id = self.tables.get(table)?.series.get(number as usize)?;
        Some(*id).filter(|id| !matches!(*id, NO_SERIES | UNUSED_SERIES))
    }

    /// Takes the rows out of a resolved batch, by table; refused ones go to `rejections`. The
    /// batch gets the memory of `spare` chunks.
    pub(crate) fn take_chunks(
        &self,
        batch: &mut Batch,
        rejections: &mut Vec<Rejection>,
        mut spare: impl FnMut(u32) -> Chunk,
    ) -> Vec<(u32, Chunk)> {
        let mut chunks = Vec::new();
        for (rows, map) in batch.tables_mut().iter_mut().zip(&self.tables) {
            let Some(table) = map.table.filter(|_| rows.rows() > 0) else { continue };
            rows.finish();
            let refused = map.refused_rows(rows);
            let chunk = map.take_chunk(rows, &refused, spare(table));
            rejections.extend(refused.into_iter().map(|(_, rejection)| rejection));
            if chunk.rows() > 0 {
                chunks.push((table, chunk));
            }
        }
        chunks
    }
}

impl Ingest {
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// That a batch names no series of the store which that has not.
    pub(crate) fn check_stored(&self, batch: &Batch) -> Result<()> {
        for rows in batch.tables() {
            // The bit is the highest.
            let last = rows.row_series().iter().copied().max().filter(|last| is_stored(*last));
            let Some(last) = last.map(|last| last & !TableBatch::STORED) else { continue };
            let table = self.by_name.get(rows.name());
            let table = table.and_then(|table| self.tables.get(*table as usize));
            let series = table.map_or(0, |table| read(&table.definition).index.len());
            if last >= series {
                let name = rows.name();
                return Err(Error::invalid(format!(
                    "a batch names series {last} of table `{name}`, which has {series}"
                )));
            }
        }
        Ok(())
    }
}

impl TableMap {
    /// Which rows have a field that is refused; none at all if no field is.
    fn refused_for_fields(&self, rows: &TableBatch) -> Vec<bool> {
        let mut refused = Vec::new();
        for (target, column) in self.columns.iter().zip(rows.columns()) {
            if matches!(target, Target::Refused(_)) {
                refused.resize(rows.rows(), false);
                let present = (0..column.column.len()).filter(|row| column.column.is_valid(*row));
                present.for_each(|row| refused[row] = true);
            }
        }
        refused
    }

    /// The series that have rows for the first time, and the first row of each, in this order;
    /// rows that are `refused` (by row, if any is) aside.
    fn new_series(&self, rows: &TableBatch, refused: &[bool]) -> Vec<(usize, u32)> {
        let known = self.series.len();
        // By series: most that are new have the numbers behind those that are known.
        let mut is_found = vec![false; rows.series_keys().len().saturating_sub(known)];
        let mut unused = HashSet::new();
        let mut found = Vec::new();
        for (row, series) in rows.row_series().iter().enumerate() {
            if is_stored(*series) {
                continue;
            }
            let is_new = match self.series.get(*series as usize) {
                Some(id) => *id == UNUSED_SERIES && !unused.contains(series),
                None => !is_found[*series as usize - known],
            };
            if is_new && refused.get(row) != Some(&true) {
                match is_found.get_mut((*series as usize).wrapping_sub(known)) {
                    Some(is_found) => *is_found = true,
                    None => drop(unused.insert(*series)),
                }
                found.push((row, *series));
            }
        }
        found
    }

    fn is_complete_for(&self, rows: &TableBatch) -> bool {
        self.table.is_some()
            && self.series.len() == rows.series_keys().len()
            && (self.unused == 0 || self.new_series(rows, &[]).is_empty())
            && self.columns.len() == rows.columns().len()
            && self.columns.iter().zip(rows.columns()).all(|(target, column)| {
                !matches!(target, Target::Unknown) || column.column.valid_count() == 0
            })
    }

    /// The refused rows, ascending.
    fn refused_rows(&self, rows: &TableBatch) -> Vec<(usize, Rejection)> {
        let mut refused: Vec<(usize, Rejection)> = Vec::new();
        let reject = |row: usize, field: Option<&str>, reason: &str| {
            let rejection = Rejection {
                table: rows.name().to_owned(),
                position: rows.positions().get(row).copied().unwrap_or_default(),
                field: field.map(str::to_owned),
                reason: reason.to_owned(),
            };
            (row, rejection)
        };
        if !self.refused.is_empty() {
            for (row, series) in rows.row_series().iter().enumerate() {
                if let Some(reason) = self.refused.get(series) {
                    refused.push(reject(row, None, reason));
                }
            }
        }
        for (target, column) in self.columns.iter().zip(rows.columns()) {
            if let Target::Refused(reason) = target {
                let present = (0..column.column.len()).filter(|row| column.column.is_valid(*row));
                refused.extend(present.map(|row| reject(row, Some(&column.name), reason)));
            }
        }
        refused.sort_by_key(|(row, _)| *row);
        refused.dedup_by_key(|(row, _)| *row);
        refused
    }

    fn take_chunk(
        &self,
        rows: &mut TableBatch,
        refused: &[(usize, Rejection)],
        spare: Chunk,
    ) -> Chunk {
        let memory = spare.columns.into_iter().map(|(_, column)| column).collect();
        let Chunk { series, times, positions, .. } = spare;
        let mut taken = TakenRows { series, times, positions, columns: memory };
        rows.take_rows_into(&mut taken);
        let TakenRows { mut series, mut times, mut positions, columns } = taken;
        series.iter_mut().for_each(|id| {
            *id =
                if is_stored(*id) { *id & !TableBatch::STORED } else { self.series[*id as usize] };
        });
        let mut columns: Vec<(u32, Column)> = self
            .columns
            .iter()
            .zip(columns)
            .filter_map(|(target, column)| match target {
                Target::Field(field) if column.valid_count() > 0 => Some((*field, column)),
                _ => None,
            })
            .collect();
        columns.sort_by_key(|(field, _)| *field);
        if !refused.is_empty() {
            let is_kept =
                |at: &u32| refused.binary_search_by_key(&(*at as usize), |(row, _)| *row).is_err();
            let kept: Vec<u32> = (0..times.len() as u32).filter(is_kept).collect();
            series = kept.iter().map(|row| series[*row as usize]).collect();
            times = kept.iter().map(|row| times[*row as usize]).collect();
            positions = kept.iter().map(|row| positions[*row as usize]).collect();
            for (_, column) in &mut columns {
                *column = select(column, &kept);
            }
            columns.retain(|(_, column)| column.valid_count() > 0);
        }
        Chunk { series, times, columns, positions, ..Chunk::default() }
    }
}

/// Whether a batch's number of a series is an id of the store.
fn is_stored(series: u32) -> bool {
    series & TableBatch::STORED != 0
}

/// The rows of a column with these indices.
pub(crate) fn select(column: &Column, rows: &[u32]) -> Column {
    let mut out = Column::new(column.ty());
    out.take(column, rows);
    out
}
