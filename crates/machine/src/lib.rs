//! The machine level.
