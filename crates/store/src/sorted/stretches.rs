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
    // There may be as many as rows: they are counted before, and none is held twice.
    let count = chunks.iter().map(|chunk| count_stretches(&chunk.series)).sum();
    let highest = chunks.iter().filter_map(|chunk| chunk.series.iter().max()).max();
    let highest = highest.map_or(0, |series| *series as usize);
    // A counter for every series up to the highest pays when there are stretches to go with them.
    if highest > count * 8 + 1024 {
        let mut sorted = Vec::with_capacity(count);
        sorted.extend(stretches(chunks));
        sorted.sort_unstable_by_key(|stretch| (stretch.series, stretch.chunk, stretch.row));
        return sorted;
    }
    let mut next = vec![0u32; highest + 2];
    stretches(chunks).for_each(|stretch| next[stretch.series as usize + 1] += 1);
    for series in 1..next.len() {
        next[series] += next[series - 1];
    }
    let mut sorted = vec![Stretch::default(); count];
    for stretch in stretches(chunks) {
        let slot = &mut next[stretch.series as usize];
        sorted[*slot as usize] = stretch;
        *slot += 1;
    }
    sorted
}

/// The stretches of all chunks, as they stand.
fn stretches(chunks: &[Arc<Chunk>]) -> impl Iterator<Item = Stretch> {
    chunks.iter().zip(0..).flat_map(|(chunk, number)| {
        let mut row = 0;
        chunk.series.chunk_by(|a, b| a == b).map(move |same| {
            let length = same.len() as u32;
            row += length;
            Stretch { series: same[0], chunk: number, row: row - length, length }
        })
    })
}

fn count_stretches(series: &[u32]) -> usize {
    let ends = series.windows(2).filter(|pair| pair[0] != pair[1]).count();
    ends + usize::from(!series.is_empty())
}
