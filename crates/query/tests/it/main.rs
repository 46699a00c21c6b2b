//! Statements over small stores, from text to answer. One binary, because linking DataFusion is
//! what takes the time.

mod agree;
mod cases;
mod common;
mod engine;
mod output;
