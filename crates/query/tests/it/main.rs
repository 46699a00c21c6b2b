//! Statements over small stores, from text to answer. One binary, because linking DataFusion is
//! what takes the time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod agree;
mod cases;
mod common;
mod ends;
mod engine;
mod filters;
mod forms;
mod output;
mod shared;
mod windows;
