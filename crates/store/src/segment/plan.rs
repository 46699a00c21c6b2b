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

/// Cuts runs, given as series and number of rows, into blocks: a block holds whole runs or one
/// piece of a run that is longer than a block. A run of a vector or more starts a block of its
/// own once the present one is worth closing, because values of one series compress best alone.
pub(crate) fn plan_blocks(runs: impl Iterator<Item = (u32, usize)>) -> Vec<BlockPlan> {
    let mut blocks: Vec<BlockPlan> = Vec::new();
    let mut row = 0;
    let mut is_open = false;
    for (series, length) in runs {
        if length > MAX_BLOCK_ROWS {
            for start in (0..length).step_by(MAX_BLOCK_ROWS) {
                let end = length.min(start + MAX_BLOCK_ROWS);
                blocks.push(BlockPlan { rows: row + start..row + end, runs: vec![(series, 0)] });
            }
            is_open = false;
        } else {
            match blocks.last_mut().filter(|block| is_open && has_room(block.rows.len(), length)) {
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

fn has_room(rows: usize, more: usize) -> bool {
    rows + more <= MAX_BLOCK_ROWS && (rows < VECTOR_ROWS || more < VECTOR_ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lengths: &[usize], want: &[&[usize]]) {
        let runs = lengths.iter().enumerate().map(|(series, length)| (series as u32, *length));
        let blocks = plan_blocks(runs);
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
}
