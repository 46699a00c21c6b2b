//! Rows that follow one another, by series.

use std::sync::Arc;

use super::RowRef;
use crate::chunk::Chunk;

/// Rows of one series that follow one another in a chunk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stretch {
    pub(super) series: u32,
    pub(super) chunk: u32,
    row: u32,
    length: u32,
}

impl Stretch {
    pub(super) fn rows(&self) -> std::ops::Range<usize> {
        self.row as usize..(self.row + self.length) as usize
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = RowRef> {
        let chunk = self.chunk;
        (self.row..self.row + self.length).map(move |row| RowRef { chunk, row })
    }
}

/// All rows, ordered by series, in arrival order within each.
pub(super) fn stretches_by_series(chunks: &[Arc<Chunk>]) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    for (chunk, number) in chunks.iter().zip(0..) {
        let mut row = 0;
        for same in chunk.series.chunk_by(|a, b| a == b) {
            let length = same.len() as u32;
            stretches.push(Stretch { series: same[0], chunk: number, row, length });
            row += length;
        }
    }
    let highest = stretches.iter().map(|stretch| stretch.series).max().unwrap_or(0) as usize;
    // A counter for every series up to the highest pays when there are stretches to go with them.
    if highest > stretches.len() * 8 + 1024 {
        stretches.sort_by_key(|stretch| stretch.series);
        return stretches;
    }
    let mut next = vec![0u32; highest + 2];
    stretches.iter().for_each(|stretch| next[stretch.series as usize + 1] += 1);
    for series in 1..next.len() {
        next[series] += next[series - 1];
    }
    let mut sorted = vec![Stretch::default(); stretches.len()];
    for stretch in stretches {
        let slot = &mut next[stretch.series as usize];
        sorted[*slot as usize] = stretch;
        *slot += 1;
    }
    sorted
}
