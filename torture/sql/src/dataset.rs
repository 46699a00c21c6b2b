//! Tables of random columns and rows, and what a store must make of the writes.

use std::collections::BTreeMap;

use crate::random::Random;

/// What a column holds, which says what may be done with it in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Nanoseconds since 1970.
    Time,
    /// Text that is NULL where a series lacks the tag.
    Tag,
    Text,
    Bool,
    /// Floats of which sums can be taken: small ones, and NaN.
    Float,
    /// Any floats: ±0, ±infinity, the greatest, the least.
    WildFloat,
    /// From -50 to 50.
    Int,
    /// Any integers.
    WildInt,
    /// From 0 to 50.
    UInt,
    /// Any unsigned integers.
    WildUInt,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Text(String),
    Bool(bool),
    Float(f64),
    Int(i64),
    UInt(u64),
}

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// What is done to the store, in order.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Rows: the series, the time, a value or none for each field.
    Write(Vec<(usize, i64, Fields)>),
    Flush,
    Compact,
    /// The store is closed and opened again.
    Reopen,
    /// Rows from one time up to but not including another go: all, or of one value of the first
    /// tag.
    Delete {
        from: i64,
        to: i64,
        value: Option<&'static str>,
    },
}

pub(crate) type Fields = Vec<Option<Cell>>;

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    pub(crate) fields: Vec<Column>,
    /// The tag values of each series.
    pub(crate) series: Vec<Vec<Option<&'static str>>>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(crate) struct Dataset {
    pub(crate) tables: Vec<Table>,
    /// The least time, about.
    pub(crate) start: i64,
    /// Rows are this far apart, about.
    pub(crate) step: i64,
    /// Times go up to about here.
    pub(crate) end: i64,
    /// No two rows of a table have the same time.
    pub(crate) unique_times: bool,
    /// Sums of floats are exact in any order: all are multiples of a quarter.
    pub(crate) exact: bool,
    /// Rows of the longest table, about.
    pub(crate) rows: usize,
}

pub(crate) const SECOND: i64 = 1_000_000_000;
/// 2021-01-01T00:00:00Z.
const YEAR_2021: i64 = 1_609_459_200 * SECOND;
pub(crate) const TAG_VALUES: [&str; 7] = ["a", "b", "c", "é", "it's", "a b,=", ""];
pub(crate) const TEXTS: [&str; 9] =
    ["", "é", "long text of several words", "it's", "a", "A", "%", "x_y", "日本"];

impl Dataset {
    pub(crate) fn random(seed: u64, number: u64) -> Self {
        let mut random = Random::at(seed, &[number]);
        let rows = match random.below(100) {
            0..20 => random.below(40),
            20..70 => 40 + random.below(260),
            70..95 => 300 + random.below(1700),
            _ => 17_000 + random.below(5_000),
        };
        let step =
            *random.pick(&[1_000, 250_000_000, SECOND, 7 * SECOND, 60 * SECOND, 3601 * SECOND]);
        let start = *random.pick(&[YEAR_2021, YEAR_2021, YEAR_2021 + 123, -50 * step]);
        let mut dataset = Self {
            tables: Vec::new(),
            start,
            step,
            end: start + step * (rows as i64 / 4 + 10),
            unique_times: random.chance(60),
            exact: random.chance(70),
            rows,
        };
        for name in ["t0", "t1"] {
            let table = dataset.table(name, rows, &mut random);
            dataset.tables.push(table);
        }
        dataset
    }

    /// The magnitude that sums of floats are compared at.
    pub(crate) fn scale(&self) -> f64 {
        if self.exact { 1.0 } else { 1000.0 }
    }

    fn table(&self, name: &str, rows: usize, random: &mut Random) -> Table {
        let tags: Vec<String> =
            ["h", "r", "q"][..1 + random.below(3)].iter().map(|t| (*t).to_owned()).collect();
        let fields = fields(random);
        let series = series(tags.len(), random);
        let mut table = Table { name: name.to_owned(), tags, fields, series, steps: Vec::new() };
        let rows = if name == "t0" { rows } else { rows / 3 };
        // Rows that are there already may come again, in this batch or in a later one.
        let repeats = *random.pick(&[0, 0, 10, 60]);
        let missing = *random.pick(&[0, 5, 30, 80]);
        let mut known: Vec<(usize, i64)> = Vec::new();
        let mut left = rows;
        while left > 0 {
            let count = (1 + random.below(rows)).min(left);
            left -= count;
            let mut batch = Vec::with_capacity(count + 1);
            for _ in 0..count {
                let (series, time) = match known.is_empty() || !random.chance(repeats) {
                    true => self.place(&table, random),
                    false => *random.pick(&known),
                };
                known.push((series, time));
                batch.push((series, time, self.values(&table.fields, missing, random)));
            }
            if random.chance(50) {
                batch.sort_by_key(|(series, time, _)| (*series, *time));
            }
            table.steps.push(Step::Write(batch));
            match random.below(10) {
                0..4 => table.steps.push(Step::Flush),
                4 => table.steps.push(Step::Compact),
                5 => table.steps.push(Step::Reopen),
                6 => {
                    let from = self.place(&table, random).1;
                    let steps = (self.end - self.start) / self.step;
                    let to = from + self.step * random.between(1, 2 + steps / 3);
                    let value = *random.pick(&[None, Some("a"), Some("é"), Some("nobody")]);
                    table.steps.push(Step::Delete { from, to, value });
                }
                _ => {}
            }
        }
        // Every column exists, whatever was drawn.
        let time =
            self.place(&table, random).1 / table.series.len() as i64 * table.series.len() as i64;
        let values = self.values(&table.fields, 0, random);
        table.steps.push(Step::Write(vec![(0, time, values)]));
        table
    }

    fn place(&self, table: &Table, random: &mut Random) -> (usize, i64) {
        let series = random.below(table.series.len());
        let steps = (self.end - self.start) / self.step;
        let time = self.start + random.between(0, steps) * self.step;
        let count = table.series.len() as i64;
        match self.unique_times {
            true => (series, time.div_euclid(count) * count + series as i64),
            false => (series, time),
        }
    }

    fn values(&self, fields: &[Column], missing: usize, random: &mut Random) -> Fields {
        let mut values: Fields = fields
            .iter()
            .map(|field| (!random.chance(missing)).then(|| value(field.kind, self.exact, random)))
            .collect();
        // A row has a field at least.
        if values.iter().all(Option::is_none) {
            values[0] = Some(value(fields[0].kind, self.exact, random));
        }
        values
    }
}

impl Table {
    /// The rows that the store holds after all steps: a later write wins, field by field.
    pub(crate) fn rows(&self) -> BTreeMap<(usize, i64), Fields> {
        let mut rows: BTreeMap<(usize, i64), Fields> = BTreeMap::new();
        for step in &self.steps {
            if let Step::Delete { from, to, value } = step {
                rows.retain(|(series, time), _| {
                    let is_meant = value.is_none() || self.series[*series][0] == *value;
                    !(is_meant && (*from..*to).contains(time))
                });
            }
            let Step::Write(written) = step else { continue };
            for (series, time, values) in written {
                let row = rows.entry((*series, *time)).or_insert_with(|| vec![None; values.len()]);
                for (old, new) in row.iter_mut().zip(values) {
                    if new.is_some() {
                        old.clone_from(new);
                    }
                }
            }
        }
        rows
    }

    /// Every column: time, tags, fields.
    pub(crate) fn columns(&self) -> Vec<Column> {
        let time = Column { name: "time".to_owned(), kind: Kind::Time };
        let tags = self.tags.iter().map(|name| Column { name: name.clone(), kind: Kind::Tag });
        std::iter::once(time).chain(tags).chain(self.fields.iter().cloned()).collect()
    }
}

fn fields(random: &mut Random) -> Vec<Column> {
    let column = |name: &str, kind| Column { name: name.to_owned(), kind };
    let mut fields = vec![column("f0", Kind::Float), column("i0", Kind::Int)];
    let more = [
        column("f1", Kind::Float),
        column("w0", Kind::WildFloat),
        column("i1", Kind::Int),
        column("e0", Kind::WildInt),
        column("u0", Kind::UInt),
        column("x0", Kind::WildUInt),
        column("b0", Kind::Bool),
        column("b1", Kind::Bool),
        column("s0", Kind::Text),
        column("s1", Kind::Text),
    ];
    fields.extend(random.some(&more, 2, more.len()));
    random.shuffle(&mut fields);
    fields
}

/// Different tag sets; the first has every tag.
fn series(tags: usize, random: &mut Random) -> Vec<Vec<Option<&'static str>>> {
    // An empty value is not a value of a tag, so the last one stays out.
    let values = &TAG_VALUES[..TAG_VALUES.len() - 1];
    let mut all = vec![vec![Some("a"); tags]];
    for _ in 0..*random.pick(&[0, 2, 5, 30]) {
        let one = (0..tags).map(|_| (!random.chance(20)).then(|| *random.pick(values))).collect();
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}

fn value(kind: Kind, exact: bool, random: &mut Random) -> Cell {
    match kind {
        Kind::Float if random.chance(2) => Cell::Float(f64::NAN),
        Kind::Float if exact => Cell::Float(random.between(-400, 400) as f64 / 4.0),
        Kind::Float => {
            Cell::Float(random.between(-1_000_000_007, 1_000_000_007) as f64 / 999_983.0)
        }
        Kind::WildFloat => Cell::Float(match random.below(12) {
            0 => -0.0,
            1 | 2 => 0.0,
            3 => f64::INFINITY,
            4 => f64::NEG_INFINITY,
            5 => f64::NAN,
            6 => f64::MAX,
            7 => 5e-324,
            _ => *random.pick(&[1.5, -1.5, 1e300, -1e-300, 9_007_199_254_740_993.0, 0.1]),
        }),
        Kind::Int => Cell::Int(random.between(-50, 51)),
        Kind::WildInt => Cell::Int(match random.below(6) {
            0 => i64::MAX,
            1 => i64::MIN + 1,
            2 => i64::MIN,
            3 => *random.pick(&[0, 1, -1, 1 << 53, (1 << 53) + 1]),
            _ => random.next().cast_signed(),
        }),
        Kind::UInt => Cell::UInt(random.below(51) as u64),
        Kind::WildUInt => Cell::UInt(match random.below(5) {
            0 => u64::MAX,
            1 => 1 << 63,
            2 => i64::MAX as u64,
            3 => random.below(3) as u64,
            _ => random.next(),
        }),
        Kind::Bool => Cell::Bool(random.chance(50)),
        Kind::Text | Kind::Tag | Kind::Time => Cell::Text((*random.pick(&TEXTS)).to_owned()),
    }
}
