use std::ops::Range;

use tidemill_codec::{MAX_BLOCK_ROWS, VECTOR_ROWS};

/// Which rows make a block, and where series start among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockPlan {
    /// Rows of the whole sorted input.
    pub(crate) rows: Range<usize>,
    /// Series and first row within the block of each of its runs.
    pub(crate) runs: Vec<(u32, u32)>,
}

/// Values of one block before encoding, in bytes, unless 128 rows have more.
const MAX_BLOCK_BYTES: usize = 8 << 20;
const MIN_BLOCK_ROWS: usize = 128;

/// How many rows of this size a block holds.
fn max_block_rows(row_bytes: usize) -> usize {
    (MAX_BLOCK_BYTES / row_bytes.max(1)).clamp(MIN_BLOCK_ROWS, MAX_BLOCK_ROWS)
}

/// Cuts runs, given as series and number of rows, into blocks: a block holds whole runs or one
/// piece of a run that is longer than a block. A run of a vector or more starts a block of its
/// own once the present one is worth closing, because values of one series compress best alone.
/// Rows of `row_bytes` bytes, roughly, make shorter blocks if they are many.
pub(crate) fn plan_blocks(
    runs: impl Iterator<Item = (u32, usize)>,
    row_bytes: usize,
) -> Vec<BlockPlan> {
    let max_rows = max_block_rows(row_bytes);
    let mut blocks: Vec<BlockPlan> = Vec::new();
    let mut row = 0;
    let mut is_open = false;
    for (series, length) in runs {
        if length > max_rows {
            for start in (0..length).step_by(max_rows) {
                let end = length.min(start + max_rows);
                blocks.push(BlockPlan { rows: row + start..row + end, runs: vec![(series, 0)] });
            }
            is_open = false;
        } else {
            let has_room = |block: &&mut BlockPlan| {
                let rows = block.rows.len();
                rows + length <= max_rows && (rows < VECTOR_ROWS || length < VECTOR_ROWS)
            };
            match blocks.last_mut().filter(|_| is_open).filter(has_room) {
                Some(block) => {
                    block.runs.push((series, block.rows.len() as u32));
                    block.rows.end += length;
                }
                None => {
                    blocks.push(BlockPlan { rows: row..row + length, runs: vec![(series, 0)] });
                }
            }
            is_open = true;
        }
        row += length;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lengths: &[usize], want: &[&[usize]]) {
        check_sized(80, lengths, want);
    }

    fn check_sized(row_bytes: usize, lengths: &[usize], want: &[&[usize]]) {
        let runs = lengths.iter().enumerate().map(|(series, length)| (series as u32, *length));
        let blocks = plan_blocks(runs, row_bytes);
        let got: Vec<Vec<usize>> = blocks
            .iter()
            .map(|block| {
                let ends = block.runs.iter().skip(1).map(|run| run.1 as usize);
                let ends: Vec<usize> = ends.chain([block.rows.len()]).collect();
                let starts = block.runs.iter().map(|run| run.1 as usize);
                ends.iter().zip(starts).map(|(end, start)| end - start).collect()
            })
            .collect();
        assert_eq!(got, want);
        assert_eq!(blocks.last().map_or(0, |block| block.rows.end), lengths.iter().sum::<usize>());
    }

    #[test]
    fn blocks_hold_whole_runs_or_a_piece_of_one() {
        check(&[], &[]);
        check(&[10, 20, 30], &[&[10, 20, 30]]);
        check(&[8192, 1], &[&[8192], &[1]]);
        check(&[10_000, 10, 10], &[&[8192], &[1808], &[10, 10]]);
        check(&[1500, 1500], &[&[1500], &[1500]]);
        check(&[1500, 10, 2000, 5], &[&[1500, 10], &[2000, 5]]);
        check(&[10, 20_000], &[&[10], &[8192], &[8192], &[3616]]);
    }

    #[test]
    fn blocks_of_large_rows_are_short() {
        check_sized(16 << 10, &[600, 100], &[&[512], &[88], &[100]]);
        check_sized(usize::MAX, &[100, 100, 200], &[&[100], &[100], &[128], &[72]]);
    }
}
