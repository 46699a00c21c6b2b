use std::collections::{LinkedList, VecDeque};

use dlv_list::VecList;
use tidemill_ground::{Work, compare, random, size};
use tidemill_memory::IndexList;

pub fn run() {
    let count = size(1 << 20, 1000) as u64;
    compare(
        "fill a list at its back and empty it at its front",
        Work::Items(count),
        &mut [
            (
                "IndexList",
                Box::new(|| {
                    let mut list: IndexList<u64> = (0..count).collect();
                    drain(|| list.pop_front())
                }),
            ),
            (
                "LinkedList",
                Box::new(|| {
                    let mut list: LinkedList<u64> = (0..count).collect();
                    drain(|| list.pop_front())
                }),
            ),
            (
                "dlv-list",
                Box::new(|| {
                    let mut list: VecList<u64> = (0..count).collect();
                    drain(|| list.pop_front())
                }),
            ),
            (
                "VecDeque",
                Box::new(|| {
                    let mut list: VecDeque<u64> = (0..count).collect();
                    drain(|| list.pop_front())
                }),
            ),
        ],
    );
    go_through(count);
    least_recently_used(size(4096, 64), size(1 << 16, 1000) as u64);
}

fn drain(mut pop: impl FnMut() -> Option<u64>) -> u64 {
    std::iter::from_fn(&mut pop).fold(0, |sum, value| sum ^ value.rotate_left(7))
}

/// Lists whose order is not that of their memory: every value at a random end.
fn go_through(count: u64) {
    let (mut ours, mut std, mut dlv) = (IndexList::new(), LinkedList::new(), VecList::new());
    let mut random = random(6);
    for value in 0..count {
        if random().is_multiple_of(2) {
            ours.push_front(value);
            std.push_front(value);
            dlv.push_front(value);
        } else {
            ours.push_back(value);
            std.push_back(value);
            dlv.push_back(value);
        }
    }
    compare(
        "go through a list",
        Work::Items(count),
        &mut [
            ("IndexList", Box::new(|| ours.iter().sum())),
            ("LinkedList", Box::new(|| std.iter().sum())),
            ("dlv-list", Box::new(|| dlv.iter().sum())),
        ],
    );
}

/// A cache that is full: something in it is used, or something new takes the place of what was not
/// used for longest. `LinkedList` cannot move an element by handle.
fn least_recently_used(cached: usize, uses: u64) {
    let keys: Vec<usize> = {
        let mut random = random(7);
        (0..uses).map(|_| random() as usize % cached).collect()
    };
    let mut ours = IndexList::new();
    let mut our_handles: Vec<_> = (0..cached as u64).map(|value| ours.push_back(value)).collect();
    let mut dlv = VecList::new();
    let mut dlv_handles: Vec<_> = (0..cached as u64).map(|value| dlv.push_back(value)).collect();
    compare(
        &format!("keep the order of use of {cached} elements"),
        Work::Items(uses),
        &mut [
            (
                "IndexList",
                Box::new(|| {
                    for key in &keys {
                        if !ours.move_to_front(our_handles[*key]) || key % 4 == 0 {
                            let last = ours.pop_back().unwrap_or_default();
                            our_handles[last as usize] = ours.push_front(last);
                        }
                    }
                    ours.len() as u64
                }),
            ),
            (
                "dlv-list",
                Box::new(|| {
                    for key in &keys {
                        let value = dlv.remove(dlv_handles[*key]).unwrap_or_default();
                        dlv_handles[*key] = dlv.push_front(value);
                        if key % 4 == 0 {
                            let last = dlv.pop_back().unwrap_or_default();
                            dlv_handles[last as usize] = dlv.push_front(last);
                        }
                    }
                    dlv.len() as u64
                }),
            ),
        ],
    );
}
