//! What a linked file is made of: its sections, its code by crate and function, its named data.
//!
//! * [`owner`]: whose a symbol is.
//! * [`breakdown`]: every byte of the file, once.
//! * [`difference`]: two of those against each other.
//! * [`table`]: what is printed.

pub mod breakdown;
pub mod difference;
pub mod owner;
pub mod table;
