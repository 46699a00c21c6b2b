//! What a function is made of, judged on the linked artefact: blocks, loops, calls, classes of
//! instructions; what it can reach; how two functions differ.
//!
//! * [`Body`]: the instructions of one function, as blocks with edges and loops.
//! * [`Analyser`]: what can be reached from a function's entry, through calls that were not inlined and
//!   with constants deciding branches; its answer is an [`Analysis`].
//! * [`predicates`]: statements about an [`Analysis`]: no panic, no allocation, packed arithmetic …
//! * [`compare`]: the strongest sense in which two functions are the same.
//!
//! Judgements are one-sided: where something cannot be told, the answer is "unknown", never "holds".

mod body;
mod compare;
mod eval;
mod flow;
mod frame;
mod graph;
mod jump_table;
mod known;
mod listing;
pub mod mca;
pub mod predicates;
mod reach;
mod simd;
mod source;
mod text;
mod value;
mod vectors;

pub use body::{Block, Body, Edge, Successor};
pub use compare::{Comparison, Level, compare};
pub use graph::Loop;
pub use jump_table::JumpTable;
pub use known::{Kind, kind_of};
pub use listing::{Item, listing, loop_bodies, packed_in_loops, summary};
pub use predicates::Finding;
pub use reach::{Analyser, Analysis, Call, Callee, Evidence, Target};
pub use simd::{Element, Packed, packed};
pub use source::{Line, Sources};
