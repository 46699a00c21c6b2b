//! Observing allocators.
