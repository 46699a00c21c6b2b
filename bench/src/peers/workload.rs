//! The data sets of TSBS: their files, and what is asked of them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tidemill::FieldType;
use tidemill::workload::{Format, UseCase};

use super::spec::{Scale, Template};
use super::{cpu, devops, iot};
use crate::ingest::files::{Input, Size, tables, tsbs};

/// A data set, and what is asked of it.
pub struct Workload {
    /// What it is called.
    pub name: &'static str,
    /// The data set of TSBS.
    pub case: UseCase,
    /// What its devices are called, and the tag with their names: no row lacks it.
    pub devices: (&'static str, &'static str),
    /// How much of it there is, and how much for tests.
    pub scales: [Scale; 2],
    /// The longest window that is asked of, in hours; there must be more data than that.
    pub longest: u32,
    /// The queries.
    pub templates: &'static [Template],
}

const fn scale(devices: u32, hours: u32) -> Scale {
    Scale { devices, hours }
}

/// All there are.
pub const WORKLOADS: [Workload; 3] = [
    Workload {
        name: "cpu",
        case: UseCase::Cpu,
        devices: ("hosts", "hostname"),
        scales: [scale(100, 72), scale(20, 24)],
        longest: 12,
        templates: &cpu::TEMPLATES,
    },
    Workload {
        name: "devops",
        case: UseCase::Devops,
        devices: ("hosts", "hostname"),
        scales: [scale(100, 16), scale(10, 13)],
        longest: 12,
        templates: &devops::TEMPLATES,
    },
    Workload {
        name: "iot",
        case: UseCase::Iot,
        devices: ("trucks", "name"),
        scales: [scale(100, 48), scale(20, 30)],
        longest: 1,
        templates: &iot::TEMPLATES,
    },
];

/// The workloads of these names.
///
/// # Errors
/// When there is none of a name.
pub fn find(names: &[String]) -> Result<Vec<&'static Workload>> {
    let find = |name: &String| {
        let known = WORKLOADS.iter().find(|workload| workload.name == name);
        let names = || WORKLOADS.map(|workload| workload.name).join(", ");
        known.with_context(|| format!("no workload `{name}`; there are {}", names()))
    };
    names.iter().map(find).collect()
}

/// The files of a workload.
pub struct Data {
    /// All rows as line protocol, in the order in which they come.
    pub lines: Input,
    /// The same rows, table by table.
    pub tables: Vec<Table>,
}

/// A table as a file of CSV, and its fields.
pub struct Table {
    name: &'static str,
    csv: PathBuf,
    fields: Vec<(String, FieldType)>,
}

impl Workload {
    /// The files at a scale; those that there are not are made in `folder`.
    ///
    /// # Errors
    /// When the data is shorter than what is asked of it, or a file cannot be written.
    pub fn data(&self, folder: &Path, scale: Scale) -> Result<Data> {
        let (case, name, longest) = (self.case, self.name, self.longest);
        ensure!(
            scale.hours > longest,
            "{name}: windows are up to {longest} hours long: more --hours than that"
        );
        let seconds = u64::from(scale.hours) * 3600;
        let file = |table, format| {
            tsbs(folder, Size { case, table, scale: scale.devices, seconds, format })
        };
        let all = tables(case)?;
        let is_alone = all.len() == 1;
        let table = |(name, fields)| {
            let csv = file((!is_alone).then_some(name), Format::Csv)?.path;
            Ok(Table { name, csv, fields })
        };
        let tables = all.into_iter().map(table).collect::<Result<_>>()?;
        Ok(Data { lines: file(None, Format::LineProtocol)?, tables })
    }

    /// The tables as the peers read them.
    ///
    /// # Errors
    /// When a file is not there, or a field's type is none of TSBS.
    pub fn to_json(&self, data: &Data) -> Result<Value> {
        let one = |table: &Table| {
            let fields = table.fields.iter().map(|(name, ty)| match ty {
                FieldType::Int => Ok((name.clone(), "int".into())),
                FieldType::Float => Ok((name.clone(), "float".into())),
                other => anyhow::bail!("{}.{name} is of type {other:?}", table.name),
            });
            let fields = fields.collect::<Result<serde_json::Map<_, _>>>()?;
            Ok(json!({
                "name": table.name, "csv": table.csv.canonicalize()?, "key": self.devices.1,
                "fields": fields, "has_gaps": self.case == UseCase::Iot,
            }))
        };
        data.tables.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use tidemill::workload::Random;

    use super::super::spec::{BEGIN_NS, HOUR, Kind, Query};
    use super::*;

    #[test]
    fn queries_are_drawn_within_the_data() {
        for workload in &WORKLOADS {
            let scale = Scale { devices: 5, hours: 24 };
            let end = BEGIN_NS + 24 * i64::from(HOUR) * 1_000_000_000;
            let mut random = Random::new(1);
            for template in workload.templates {
                let drawn: Vec<Query> =
                    (0..20).map(|_| (template.draw)(template.name, scale, &mut random)).collect();
                for query in &drawn {
                    let is_within =
                        |time: Option<i64>| time.is_none_or(|t| (BEGIN_NS..=end).contains(&t));
                    assert!(is_within(query.from) && is_within(query.to), "{query:?}");
                    assert!(!query.columns.is_empty() && query.among.1.len() <= 5, "{query:?}");
                    assert_eq!(query.to_json()["name"], template.name);
                }
                let differ = drawn.windows(2).any(|two| two[0].to_json() != two[1].to_json());
                let first = &drawn[0];
                let has_literals = !matches!(first.kind, Kind::Last | Kind::Statistics)
                    && first.table != "diagnostics";
                assert_eq!(differ, has_literals, "{}", template.name);
            }
        }
    }

    #[test]
    fn queries_are_of_tables_and_fields_that_there_are() {
        for workload in &WORKLOADS {
            let tables = tables(workload.case).unwrap();
            let mut asked = Vec::new();
            for template in workload.templates {
                let query = (template.draw)(template.name, workload.scales[1], &mut Random::new(1));
                let (_, fields) = tables.iter().find(|(name, _)| *name == query.table).unwrap();
                for metric in query.metrics.iter().chain(&query.has) {
                    assert!(fields.iter().any(|(name, _)| name == metric), "{query:?}");
                }
                asked.push(query.table);
            }
            assert!(tables.iter().all(|(name, _)| asked.contains(name)), "{}", workload.name);
            assert!(workload.scales.iter().all(|scale| scale.hours > workload.longest));
        }
        let names = ["cpu", "iot"].map(str::to_owned);
        assert_eq!(find(&names).unwrap().len(), 2);
        let error = find(&["cp".to_owned()]).err().unwrap().to_string();
        assert_eq!(error, "no workload `cp`; there are cpu, devops, iot");
    }
}
