//! What a store of any files must do: open or refuse, twice alike; read or refuse; go on.

use std::hash::{Hash, Hasher};

use tidemill_model::{Batch, TimeRange};
use tidemill_store::{
    ErrorKind, Options, Piece, Result, SimDisk, SliceValues, Snapshot, Store, workers,
};

use super::cells::{Mixer, bits};
use super::sample::{DIR, Files, another_row, options};
use crate::bounded;

/// Opens the store of `files` twice and uses it, as bits of `choice` say.
pub(super) fn check(files: &Files, choice: u8) {
    let (is_read_only, is_used) = (choice & 1 != 0, choice & 0x81 == 0);
    bounded(|| {
        let disk = files.disk();
        let first = answer(&disk, is_read_only);
        // Opening a damaged store changes nothing, and a good one nothing that can be asked for.
        let second = answer(&disk, is_read_only);
        assert_eq!(first, second, "opened again, it gives another answer");
        if let Ok((_, problems)) = &first
            && problems.is_empty()
            && is_used
        {
            // There, so that it waits for no other thread.
            workers().install(|| go_on(&disk));
        }
    });
}

/// A digest of all rows and the problems a check finds, or why the store does not open.
fn answer(disk: &SimDisk, read_only: bool) -> Result<(u64, Vec<String>), String> {
    let store = match Store::open(DIR, Options { read_only, ..options(disk) }) {
        Ok(store) => store,
        Err(error) => {
            let odd = [ErrorKind::Poisoned, ErrorKind::Locked, ErrorKind::ReadOnly];
            assert!(!odd.contains(&error.kind()), "{error}");
            return Err(error.to_string());
        }
    };
    let check = store.check().map_err(|error| error.to_string())?;
    let problems = check.problems.iter().map(ToString::to_string).collect();
    Ok((digest(&store.snapshot()), problems))
}

/// The answer of a store that opens.
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
pub(super) fn answer_of(files: &Files) -> (u64, Vec<String>) {
    answer(&files.disk(), true).unwrap()
}

/// Why a store does not open.
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
pub(super) fn error_of(files: &Files) -> String {
    answer(&files.disk(), true).unwrap_err()
}

/// A hash of all that can be read.
fn digest(snapshot: &Snapshot) -> u64 {
    let mut hash = Mixer::default();
    for table in snapshot.tables() {
        (table.name(), table.schema().fields.len()).hash(&mut hash);
        let mut reader = table.reader();
        let mut pieces = Vec::new();
        for series in 0..table.series_count() {
            let is_read = reader.pieces(series, TimeRange::ALL, &mut pieces).is_ok();
            (series, is_read).hash(&mut hash);
            for piece in &pieces {
                if is_read
                    && read(&mut reader, piece, table.schema().fields.len(), &mut hash).is_err()
                {
                    "damaged".hash(&mut hash);
                }
            }
        }
    }
    hash.finish()
}

fn read(
    reader: &mut tidemill_store::Reader,
    piece: &Piece,
    fields: usize,
    hash: &mut Mixer,
) -> Result<()> {
    let rows = reader.rows(piece)?;
    let mut times = Vec::new();
    reader.times(piece, 0..rows, &mut times)?;
    times.hash(hash);
    if let Some(time) = times.get(rows / 2) {
        reader.rows_before(piece, *time)?.hash(hash);
    }
    reader.linear_times(piece)?.hash(hash);
    let mut stored = Vec::new();
    for field in 0..fields {
        let slice = reader.column(piece, field, 0..rows)?;
        for row in 0..slice.len() {
            slice.get(row).map(bits).hash(hash);
        }
        if let SliceValues::Text(_) = slice.values() {
            slice.valid_count().hash(hash);
        }
        stored.clear();
        reader.stored_aggregates(piece, field, &mut stored)?;
        stored.len().hash(hash);
    }
    Ok(())
}

/// A store that opens without a problem takes another row, is flushed, compacted and opened again.
fn go_on(disk: &SimDisk) {
    let Ok(store) = Store::open(DIR, options(disk)) else { return };
    let mut batch = Batch::new();
    another_row(&mut batch);
    let is_written = store.write(&mut batch).is_ok();
    let is_flushed = store.flush().is_ok();
    let is_compacted = store.compact().is_ok();
    drop(store);
    let reopened = answer(disk, false);
    assert!(
        reopened.is_ok() || !(is_written && is_flushed && is_compacted),
        "written to and opened again: {reopened:?}"
    );
}
