//! Arenas, pools, slabs, queues and aligned vectors beside their peers.

#[path = "memory/arenas.rs"]
mod arenas;
#[path = "memory/pages.rs"]
mod pages;
#[path = "memory/pools.rs"]
mod pools;

fn main() {
    arenas::run();
    pools::run();
    pages::run();
}
