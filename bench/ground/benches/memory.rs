//! Arenas, pools, slabs, queues and aligned vectors beside their peers.

#[path = "memory/arenas.rs"]
mod arenas;
#[path = "memory/pages.rs"]
mod pages;
#[path = "memory/pools.rs"]
mod pools;
#[path = "memory/shared.rs"]
mod shared;

fn main() {
    arenas::run();
    pools::run();
    shared::run();
    pages::run();
}
