//! The data of the Time Series Benchmark Suite (TSBS, github.com/timescale/tsbs, commit 37fced7),
//! the workload by which time-series engines are compared.
//!
//! Tables, tags, fields, distributions, row order and number formats are those of the original
//! generator; the random numbers are ours, so that rows differ and their statistics do not. Two
//! differences: a point of `tsbs-iot` is never later than the end, where the original now and then
//! runs over it; and memory walks in shares of the total, which is the same in other units.

mod clock;
mod devops;
mod disorder;
mod host;
mod iot;
mod measurement;
mod options;
mod row;
mod tables;
mod text;
mod typed;
mod walk;

use tidemill_model::{Batch, TableBatch};

use clock::Clock;
use devops::Devops;
use iot::Iot;
pub use options::{Format, MAX_SCALE, Options, OptionsError, UseCase};
use row::{Row, Schema, Table};
use text::TextWriter;
use typed::BatchWriter;

/// Makes the rows of a use case, one after the other, as text or in batches.
///
/// Text and batches draw from the same stream of rows. In its steady state it allocates nothing
/// but what the caller's buffers need.
///
/// ```
/// use tidemill_workload::{Generator, Options, UseCase};
///
/// let options = Options { scale: 2, ..Options::new(UseCase::Cpu) };
/// let mut text = Vec::new();
/// Generator::new(&options)?.write_rows(&mut text, 1);
/// assert!(text.starts_with(b"cpu,hostname=host_0,region="));
/// # Ok::<(), tidemill_workload::OptionsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Generator {
    simulation: Simulation,
    schema: Schema,
    /// The only table to write.
    table: Option<usize>,
    max_rows: u64,
    rows_per_epoch: usize,
    header_is_due: bool,
    text: TextWriter,
    typed: BatchWriter,
}

#[derive(Clone, Debug)]
enum Simulation {
    Devops(Devops),
    Iot(Iot),
}

impl Generator {
    /// A generator at its first row.
    ///
    /// # Errors
    /// [`OptionsError`] says which option is out of range, or that CSV holds only one table.
    pub fn new(options: &Options) -> Result<Self, OptionsError> {
        if !(1..=MAX_SCALE).contains(&options.scale) {
            return Err(OptionsError::Scale(options.scale));
        }
        let (epochs, interval_ns) = options.epochs()?;
        let (tables, devices) = (options.use_case.table_count(), options.scale as usize);
        let clock = Clock::new(options.start_ns, interval_ns, epochs, tables, devices);
        let (simulation, schema) = Simulation::new(options.use_case, clock, options.seed);
        let table = choose_table(options, &schema.tables)?;
        let rows_per_epoch = devices * if table.is_some() { 1 } else { tables };
        Ok(Self {
            simulation,
            table,
            max_rows: epochs * rows_per_epoch as u64,
            rows_per_epoch,
            header_is_due: true,
            text: TextWriter::new(options.format, &schema),
            typed: BatchWriter::default(),
            schema,
        })
    }

    /// How many rows there are from beginning to end. Of [`UseCase::Iot`] some are lost: it gives
    /// about a tenth less.
    #[must_use]
    pub fn max_rows(&self) -> u64 {
        self.max_rows
    }

    /// The names of the tables that are written.
    pub fn tables(&self) -> impl Iterator<Item = &'static str> {
        let tables = self.schema.tables.iter().enumerate();
        tables.filter(|(index, _)| self.table.is_none_or(|t| t == *index)).map(|(_, t)| t.name)
    }

    /// Appends up to `rows` rows of text, each ending in a newline, and before the first of all
    /// a header if the format has one. Returns how many there were: fewer than `rows`, and then
    /// 0, at the end.
    pub fn write_rows(&mut self, out: &mut Vec<u8>, rows: usize) -> usize {
        if std::mem::take(&mut self.header_is_due) {
            self.text.header(&self.schema, self.table.unwrap_or(0), out);
        }
        self.simulation.each_row(rows, self.table, |row| self.text.write(row, out))
    }

    /// Appends the rows of one epoch as text, as [`Generator::write_rows`] does; `false` when
    /// there were none left. Of [`UseCase::Iot`], as many rows as an epoch has devices and tables.
    pub fn write_epoch(&mut self, out: &mut Vec<u8>) -> bool {
        self.write_rows(out, self.rows_per_epoch) > 0
    }

    /// Adds up to `rows` rows to a batch and finishes it. Returns how many there were: fewer than
    /// `rows`, and then 0, at the end.
    pub fn fill_batch(&mut self, batch: &mut Batch, rows: usize) -> usize {
        self.typed.begin(&self.schema, batch);
        let written = self
            .simulation
            .each_row(rows, self.table, |row| self.typed.write(row, &self.schema, batch));
        batch.tables_mut().iter_mut().for_each(TableBatch::finish);
        written
    }
}

impl Simulation {
    fn new(use_case: UseCase, clock: Clock, seed: u64) -> (Self, Schema) {
        let (devops, schema) = match use_case {
            UseCase::Cpu => Devops::new(&[&tables::CPU], clock, seed),
            UseCase::Devops => Devops::new(&tables::ALL, clock, seed),
            UseCase::Iot => {
                let (iot, schema) = Iot::new(clock, seed);
                return (Self::Iot(iot), schema);
            }
        };
        (Self::Devops(devops), schema)
    }

    /// Gives `sink` up to `rows` rows of `table` (`None`: of all); how many there were.
    fn each_row(
        &mut self,
        rows: usize,
        table: Option<usize>,
        mut sink: impl FnMut(&Row<'_>),
    ) -> usize {
        let mut written = 0;
        while written < rows {
            let row = match self {
                Self::Devops(devops) => devops.next_row(),
                Self::Iot(iot) => iot.next_row(),
            };
            let Some(row) = row else { break };
            if table.is_none_or(|table| table == row.table) {
                sink(&row);
                written += 1;
            }
        }
        written
    }
}

fn choose_table(options: &Options, tables: &[Table]) -> Result<Option<usize>, OptionsError> {
    let use_case = options.use_case;
    let names = || tables.iter().map(|table| table.name).collect::<Vec<_>>().join(", ");
    match &options.table {
        Some(name) => match tables.iter().position(|table| table.name == name) {
            Some(index) => Ok(Some(index)),
            None => {
                let name = name.clone();
                Err(OptionsError::UnknownTable { name, use_case, tables: names() })
            }
        },
        None if options.format == Format::Csv && tables.len() > 1 => {
            Err(OptionsError::SeveralTables { use_case, tables: names() })
        }
        None => Ok(None),
    }
}
