//! Options that choose one of several.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DurabilityArg {
    /// It is on the disk: survives a power cut
    Fsync,
    /// The operating system has it: survives the end of the process
    Os,
    /// It is in memory until the next flush
    None,
}

/// A format of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// InfluxDB line protocol
    Lp,
    /// Comma-separated values
    Csv,
    /// A JSON object a line
    Ndjson,
    /// Apache Parquet
    Parquet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GenerateFormat {
    /// InfluxDB line protocol
    Lp,
    /// Comma-separated values
    Csv,
}

/// A format of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResultFormat {
    /// For people
    Table,
    /// Comma-separated values with a header
    Csv,
    /// One JSON array
    Json,
    /// A JSON object a line
    Ndjson,
    /// Apache Parquet
    Parquet,
    /// An Arrow IPC file
    Arrow,
}
