//! Loops: strongly connected components of the graph of blocks, and those inside of them.

use super::body::Block;

/// Blocks that can be run again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loop {
    /// The block that it is entered by.
    pub header: usize,
    /// Indices of its blocks, in order.
    pub blocks: Vec<usize>,
    /// 1 for an outermost loop.
    pub depth: usize,
    /// Whether no other loop stands in it.
    pub is_innermost: bool,
}

/// The loops of a body, outer before inner.
pub(super) fn loops(blocks: &[Block]) -> Vec<Loop> {
    let successors: Vec<Vec<usize>> = blocks
        .iter()
        .map(|block| block.successors.iter().map(|successor| successor.block).collect())
        .collect();
    let mut found = Vec::new();
    let mut waiting = vec![((0..blocks.len()).collect::<Vec<usize>>(), None::<usize>, 1_usize)];
    while let Some((inside, without, depth)) = waiting.pop() {
        for component in components(&successors, &inside, without) {
            let is_loop = component.len() > 1
                || component.iter().any(|b| successors[*b].contains(b) && Some(*b) != without);
            if !is_loop {
                continue;
            }
            let header = header(&successors, &component);
            waiting.push((component.clone(), Some(header), depth + 1));
            found.push(Loop { header, blocks: component, depth, is_innermost: true });
        }
    }
    found.sort_by_key(|l| (l.depth, l.header));
    let all: Vec<Vec<usize>> = found.iter().map(|l| l.blocks.clone()).collect();
    for l in &mut found {
        l.is_innermost = !all.iter().any(|inner| {
            inner.len() < l.blocks.len() && inner.iter().all(|block| l.blocks.contains(block))
        });
    }
    found
}

/// The block of a loop that is entered from outside; the first one where none or several are.
fn header(successors: &[Vec<usize>], component: &[usize]) -> usize {
    let is_entered = |block: &usize| {
        successors
            .iter()
            .enumerate()
            .any(|(from, to)| component.binary_search(&from).is_err() && to.contains(block))
    };
    component.iter().copied().find(is_entered).or(component.first().copied()).unwrap_or(0)
}

/// Strongly connected components of the part `inside`, edges into `without` left out (Tarjan, without
/// recursion); each sorted.
fn components(
    successors: &[Vec<usize>],
    inside: &[usize],
    without: Option<usize>,
) -> Vec<Vec<usize>> {
    const NEW: usize = usize::MAX;
    let mut is_inside = vec![false; successors.len()];
    inside.iter().for_each(|block| is_inside[*block] = true);
    let (mut order, mut low) = (vec![NEW; successors.len()], vec![NEW; successors.len()]);
    let mut is_stacked = vec![false; successors.len()];
    let (mut stack, mut found, mut count) = (Vec::new(), Vec::new(), 0);
    for root in inside.iter().copied() {
        if order[root] != NEW {
            continue;
        }
        let mut path = vec![(root, 0_usize)];
        while let Some((block, next)) = path.pop() {
            if next == 0 {
                (order[block], low[block]) = (count, count);
                count += 1;
                stack.push(block);
                is_stacked[block] = true;
            }
            let to = successors[block].iter().copied().enumerate().skip(next);
            let to = to.filter(|(_, to)| is_inside[*to] && Some(*to) != without);
            let mut descend = None;
            for (at, to) in to {
                if order[to] == NEW {
                    descend = Some((at, to));
                    break;
                }
                if is_stacked[to] {
                    low[block] = low[block].min(order[to]);
                }
            }
            if let Some((at, to)) = descend {
                path.push((block, at + 1));
                path.push((to, 0));
                continue;
            }
            if low[block] == order[block] {
                let start = stack.iter().rposition(|b| *b == block).unwrap_or(0);
                let mut component = stack.split_off(start);
                component.iter().for_each(|b| is_stacked[*b] = false);
                component.sort_unstable();
                found.push(component);
            }
            if let Some((parent, _)) = path.last() {
                low[*parent] = low[*parent].min(low[block]);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::body::{Edge, Successor};
    use super::*;

    fn check(edges: &[&[usize]], expected: &[(usize, &[usize], usize)]) {
        let blocks: Vec<Block> = edges
            .iter()
            .map(|to| Block {
                range: 0..0,
                successors: to.iter().map(|b| Successor { edge: Edge::Next, block: *b }).collect(),
                is_open: false,
                is_reached: true,
            })
            .collect();
        let found = loops(&blocks);
        let found: Vec<(usize, &[usize], usize)> =
            found.iter().map(|l| (l.header, l.blocks.as_slice(), l.depth)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_straight_line_has_none() {
        check(&[&[1], &[2], &[]], &[]);
        check(&[&[1, 2], &[2], &[]], &[]);
    }

    #[test]
    fn a_block_may_be_its_own_loop() {
        check(&[&[1], &[1, 2], &[]], &[(1, &[1], 1)]);
    }

    #[test]
    fn loops_stand_in_loops() {
        check(
            &[&[1], &[2], &[2, 3], &[1, 4], &[4, 5], &[]],
            &[(1, &[1, 2, 3], 1), (4, &[4], 1), (2, &[2], 2)],
        );
    }

    #[test]
    fn a_loop_of_several_blocks_is_one() {
        check(&[&[1], &[2, 3], &[4], &[4], &[1, 5], &[]], &[(1, &[1, 2, 3, 4], 1)]);
    }
}
