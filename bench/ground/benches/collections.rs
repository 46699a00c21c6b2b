//! Search trees, lists of indices, padded counters and vectors in place beside their peers.
//! `cargo ground collections`

#[path = "collections/lists.rs"]
mod lists;
#[path = "collections/padding.rs"]
mod padding;
#[path = "collections/search.rs"]
mod search;
#[path = "collections/vectors.rs"]
mod vectors;

fn main() {
    search::run();
    lists::run();
    padding::run();
    vectors::run();
}
