//! Interners, lists of strings and small strings beside their peers, on tags as TSBS makes them.
//! `cargo ground strings`

#[path = "strings/allocations.rs"]
mod allocations;
#[path = "strings/interners.rs"]
mod interners;
#[path = "strings/lists.rs"]
mod lists;
#[path = "strings/small.rs"]
mod small;
#[path = "strings/tags.rs"]
mod tags;

fn main() {
    interners::run();
    lists::run();
    small::run();
}
