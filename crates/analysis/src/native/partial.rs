use std::collections::HashMap;

use tidemill_memory::{Budget, Reservation};

use super::cells::Cells;
use super::resolve::Resolved;
use super::runs::Run;
use crate::error::Error;

/// The fewest cells memory is reserved for at a time.
const MIN_RESERVED_CELLS: usize = 64;

/// What names a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// The number of the tag group.
    pub(super) group: u32,
    /// The first time of the bucket; 0 without buckets.
    pub(super) bucket: i64,
}

/// Groups and what is known of them so far.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) keys: Vec<Key>,
    pub(super) rows: Vec<u64>,
    pub(super) cells: Vec<Cells>,
    cell_bytes: usize,
    reserved_cells: usize,
    memory: Reservation,
    /// For what cells point to.
    values: Reservation,
    place: Place,
}

/// Where the group of the next run is likely to be. The cells of a tag group are those from
/// `start` on; they ascend by bucket as long as `others` is empty, and up to `ascending` after.
#[derive(Debug, Default)]
struct Place {
    start: usize,
    next: usize,
    ascending: usize,
    others: HashMap<i64, usize>,
}

impl Partial {
    pub(super) fn new(resolved: &Resolved, budget: &Budget) -> Self {
        let cells: Vec<Cells> = resolved.accumulators.iter().map(|a| a.cells()).collect();
        let cell_bytes = size_of::<Key>() + size_of::<u64>();
        let cell_bytes = cell_bytes + cells.iter().map(Cells::cell_bytes).sum::<usize>();
        Self {
            keys: Vec::new(),
            rows: Vec::new(),
            cells,
            cell_bytes,
            reserved_cells: 0,
            memory: budget.empty(),
            values: budget.empty(),
            place: Place::default(),
        }
    }

    /// Begins a tag group, which comes after all before it.
    pub(super) fn begin_group(&mut self) {
        let start = self.keys.len();
        self.place = Place { start, next: start, ascending: start, others: HashMap::new() };
    }

    /// Begins a series of the tag group.
    pub(super) fn begin_series(&mut self) {
        self.place.next = self.place.start;
    }

    /// Gives the runs of a piece, which ascend, their cells, and counts their rows.
    pub(super) fn locate(&mut self, group: u32, runs: &mut [Run]) -> Result<(), Error> {
        for run in runs {
            run.cell = self.cell(Key { group, bucket: run.bucket })?;
            self.place.next = run.cell + 1;
            self.rows[run.cell] += run.rows.len() as u64;
        }
        Ok(())
    }

    /// The cell of a group of the present tag group. The series of a group mostly have the same
    /// buckets: it is the cell after the last one, or a new one at the end; anything else is
    /// looked up.
    fn cell(&mut self, key: Key) -> Result<usize, Error> {
        let place = &mut self.place;
        if self.keys.get(place.next) == Some(&key) {
            return Ok(place.next);
        }
        let is_last =
            place.ascending == place.start || self.keys[place.ascending - 1].bucket < key.bucket;
        if is_last && place.others.is_empty() {
            place.ascending += 1;
            return self.push(key);
        }
        let ascending = &self.keys[place.start..place.ascending];
        if let Ok(at) = ascending.binary_search(&key) {
            return Ok(place.start + at);
        }
        if let Some(at) = place.others.get(&key.bucket) {
            return Ok(*at);
        }
        place.others.insert(key.bucket, self.keys.len());
        self.push(key)
    }

    /// A new cell at the end.
    pub(super) fn push(&mut self, key: Key) -> Result<usize, Error> {
        if self.keys.len() == self.reserved_cells {
            // Vectors double as well.
            let more = self.reserved_cells.max(MIN_RESERVED_CELLS);
            let grown = self.memory.try_grow(more * self.cell_bytes);
            grown.map_err(|source| Error::memory("the groups of an aggregate", source))?;
            self.reserved_cells += more;
            self.make_room(more);
        }
        self.keys.push(key);
        self.rows.push(0);
        self.cells.iter_mut().for_each(Cells::push);
        Ok(self.keys.len() - 1)
    }

    /// Makes room for so many more cells.
    fn make_room(&mut self, more: usize) {
        self.keys.reserve(more);
        self.rows.reserve(more);
        self.cells.iter_mut().for_each(|cells| cells.reserve(more));
    }

    /// Makes room for values that are kept: vectors may have twice as much, and are copied in the end.
    pub(super) fn reserve_values(&mut self, values: usize) -> Result<(), Error> {
        let grown = self.values.try_grow(values * 3 * size_of::<f64>());
        grown.map_err(|source| Error::memory("the values of a quantile", source))
    }

    /// The groups of all parts, each of later series than those before it, or of later times of the same.
    pub(super) fn join(mut self, later: Vec<Self>) -> Self {
        self.make_room(later.iter().map(|part| part.keys.len()).sum());
        later.into_iter().for_each(|part| self.append(part));
        self
    }

    fn append(&mut self, later: Self) {
        self.keys.extend(later.keys);
        self.rows.extend(later.rows);
        for (cells, later) in self.cells.iter_mut().zip(later.cells) {
            cells.append(later);
        }
        self.memory.absorb(later.memory);
        self.reserved_cells = self.memory.bytes() / self.cell_bytes;
        self.values.absorb(later.values);
    }

    /// Puts the groups in order and makes one of those with the same key.
    pub(super) fn sort(&mut self) {
        if self.keys.is_sorted_by(|a, b| a < b) {
            return;
        }
        let mut order: Vec<u32> = (0..self.keys.len() as u32).collect();
        // Stable: of the same key, what was appended later comes later. The keys are a few
        // ascending stretches, which this sort finds and merges.
        order.sort_by_key(|place| self.keys[*place as usize]);
        let same = |a: &u32, b: &u32| self.keys[*a as usize] == self.keys[*b as usize];
        let groups: Vec<&[u32]> = order.chunk_by(same).collect();
        let rows = |group: &&[u32]| group.iter().map(|place| self.rows[*place as usize]).sum();
        self.rows = groups.iter().map(rows).collect();
        self.keys = groups.iter().map(|group| self.keys[group[0] as usize]).collect();
        self.cells.iter_mut().for_each(|cells| cells.regroup(&groups));
    }
}
