//! How many threads a bench is to use.

/// What `cargo gauge bench --threads` asks for (the variable `GAUGE_THREADS`), else the processors
/// that this process may use.
pub fn threads() -> usize {
    let asked = std::env::var("GAUGE_THREADS").ok().and_then(|text| text.parse().ok());
    asked
        .filter(|threads| *threads > 0)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}
