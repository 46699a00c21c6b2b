//! SQL over a store: the only crate that knows DataFusion.
//!
//! * [`Engine`] answers statements, each over one consistent snapshot: [`Engine::sql`] whole,
//!   [`Engine::sql_async`] for asynchronous callers, [`Engine::sql_stream`] batch by batch.
//! * [`Engine::matching`] says which series and times a condition means, for those who delete.
//! * [`QueryResult`], [`QueryStream`]: Arrow record batches, and who computed them.
//! * [`output`]: answers as CSV, JSON, NDJSON, Parquet or Arrow.
//! * [`parquet_import`]: Parquet files into the engine's own batches.
//! * [`Error`]: what went wrong, with the place in the statement.
//!
//! # What SQL sees
//!
//! A table has the columns `time` (`Timestamp(ns)`, UTC), its tags (dictionary-encoded text, NULL
//! where a series lacks the tag) and its fields. Unquoted names are names exactly as they were
//! written into the store; functions are found in any case. Only `SELECT`, `EXPLAIN`, `SHOW` and
//! `DESCRIBE` are let through, and nothing reads or writes outside the store.
//!
//! Beside DataFusion's functions there are `time_bucket(interval, time)`, `first(x, time)` and
//! `last(x, time)`. Differences to DataFusion: `sum` of integers is exact, and an error when it
//! does not fit; `min` and `max` of floats take NaN as the greatest value, also by groups.
//!
//! # The way of a statement
//!
//! ```text
//! text ─parse→ logical plan ─recognise→ native plan ──────────────────→ record batches
//!                           └─optimise, plan→ DataFusion ─SeriesScan→ ┘
//! ```
//!
//! Planning takes longer than answering a small question, so the common shapes are recognised in
//! the logical plan as the SQL planner makes it and run without the optimiser (`native`), and
//! remembered by the form of their text: the same with another host and another hour is not planned again. All else goes through DataFusion, whose scan takes over time ranges
//! and conditions on tags exactly, declares the order it really has, and reads in bounded memory.
//! `EXPLAIN` shows which way a statement goes, and `EXPLAIN ANALYZE` what each operator took of cycles and
//! allocations (`measure`). Both ways give the same answers, save that float
//! sums are added up in another order.
//!
//! Operators draw their memory from the store's budget and spill to a directory of temporary
//! files when it is used up ([`Options::spill_directory`]).
#![forbid(unsafe_code)]

mod catalog;
mod comparison;
mod engine;
mod error;
mod explain;
mod field_condition;
mod filter;
mod functions;
mod lists;
mod measure;
mod memory;
mod names;
mod native;

mod outer_sides;
pub mod output;
mod panics;
pub mod parquet_import;
mod result;
mod scan;
mod schema;
mod session;
mod statement;
mod tags;
mod union_sides;

pub use engine::{Engine, Matching, Options};
pub use error::{Error, ErrorKind, Position, Result};
pub use result::{ExecutedBy, QueryResult, QueryStream};
