use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::iot::Iot;
use super::tables;

/// The most hosts or trucks a generator takes: their tags are held in memory.
pub const MAX_SCALE: u32 = 10_000_000;

/// Which of the suite's data sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UseCase {
    /// Hosts with one table of ten integer fields: the suite's `cpu-only`.
    Cpu,
    /// Hosts with nine tables and 101 fields.
    Devops,
    /// Trucks with two tables of mostly floats; rows and values are missing or late.
    Iot,
}

impl UseCase {
    /// All use cases.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Devops, Self::Iot];

    /// The name a person gives: `tsbs-cpu`, `tsbs-devops`, `tsbs-iot`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "tsbs-cpu",
            Self::Devops => "tsbs-devops",
            Self::Iot => "tsbs-iot",
        }
    }

    pub(super) fn table_count(self) -> usize {
        match self {
            Self::Cpu => 1,
            Self::Devops => tables::ALL.len(),
            Self::Iot => Iot::TABLES,
        }
    }
}

impl fmt::Display for UseCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for UseCase {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        let found = Self::ALL.into_iter().find(|case| case.name() == text);
        found.ok_or_else(|| OptionsError::UnknownUseCase(text.to_owned()))
    }
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// InfluxDB line protocol, times in nanoseconds.
    #[default]
    LineProtocol,
    /// Comma-separated values of one table under a header: `time` in nanoseconds since
    /// 1970-01-01T00:00:00Z, the tags, the fields. What is missing is empty.
    Csv,
}

/// What to generate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The data set.
    pub use_case: UseCase,
    /// Hosts or trucks, from 1 to [`MAX_SCALE`].
    pub scale: u32,
    /// The first epoch, in nanoseconds since 1970-01-01T00:00:00Z.
    pub start_ns: i64,
    /// The time that all epochs span; the end itself is no epoch.
    pub duration: Duration,
    /// The time between epochs.
    pub interval: Duration,
    /// The same seed gives the same rows, on every machine.
    pub seed: u64,
    /// How rows are written as text.
    pub format: Format,
    /// Writes the rows of this table alone; they are the same as among all the others.
    pub table: Option<String>,
}

impl Options {
    /// The suite's defaults: 4000 devices, three days from 2016-01-01T00:00:00Z, every 10 s, as
    /// line protocol.
    #[must_use]
    pub fn new(use_case: UseCase) -> Self {
        Self {
            use_case,
            scale: 4000,
            start_ns: 1_451_606_400_000_000_000,
            duration: Duration::from_secs(3 * 24 * 3600),
            interval: Duration::from_secs(10),
            seed: 123,
            format: Format::LineProtocol,
            table: None,
        }
    }

    /// Epochs, and nanoseconds between them.
    pub(super) fn epochs(&self) -> Result<(u64, i64), OptionsError> {
        let too_long = OptionsError::TooLong;
        let interval = i64::try_from(self.interval.as_nanos()).map_err(|_| too_long.clone())?;
        let duration = i64::try_from(self.duration.as_nanos()).map_err(|_| too_long.clone())?;
        if interval == 0 {
            return Err(OptionsError::NoInterval);
        }
        self.start_ns.checked_add(duration).ok_or(too_long.clone())?;
        let epochs = (duration / interval).unsigned_abs();
        let rows_per_epoch = u64::from(self.scale) * self.use_case.table_count() as u64;
        epochs.checked_mul(rows_per_epoch).ok_or(too_long)?;
        Ok((epochs, interval))
    }
}

/// Why a generator cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// No use case has this name.
    #[error("`{0}` is none of tsbs-cpu, tsbs-devops, tsbs-iot")]
    UnknownUseCase(String),
    /// The scale is zero or beyond [`MAX_SCALE`].
    #[error("a scale of {0} (1 to {MAX_SCALE} are allowed)")]
    Scale(u32),
    /// The interval is zero.
    #[error("the interval must be longer than zero")]
    NoInterval,
    /// Times do not fit 64-bit nanoseconds, or rows 64 bits.
    #[error("the duration is too long: its end is no time in 64-bit nanoseconds")]
    TooLong,
    /// The use case has no table of this name.
    #[error("there is no table `{name}`; {use_case} has {tables}")]
    UnknownTable {
        /// What was asked for.
        name: String,
        /// Of what.
        use_case: UseCase,
        /// What there is, separated by commas.
        tables: String,
    },
    /// CSV of several tables.
    #[error("a CSV file holds one table, and {use_case} has several; choose one of {tables}")]
    SeveralTables {
        /// Of what.
        use_case: UseCase,
        /// What there is, separated by commas.
        tables: String,
    },
}
