//! Fresh pages.

use tidemill_ground::{Work, compare, size};
use tidemill_memory::AlignedVec;

pub(crate) fn run() {
    let words = size(32 << 20, 1 << 12);
    compare(
        "pages: 256 MiB of fresh memory filled, then freed",
        Work::Bytes(words as u64 * 8),
        &mut [
            (
                "AlignedVec",
                Box::new(move || {
                    let mut fresh = AlignedVec::<u64>::new();
                    fresh.resize(words, 7);
                    fresh[words / 2]
                }),
            ),
            (
                "AlignedVec::zeroed, then filled",
                Box::new(move || {
                    let mut fresh = AlignedVec::<u64>::zeroed(words);
                    fresh.fill(7);
                    fresh[words / 2]
                }),
            ),
            ("Vec", Box::new(move || vec![7u64; words][words / 2])),
        ],
    );
}
