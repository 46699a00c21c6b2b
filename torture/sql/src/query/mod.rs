//! Random statements, each in two dialects.
//!
//! A statement is one text; where the dialects differ it says both: `⟦ours¦DuckDB's⟧`.

mod aggregate;
mod condition;
mod expression;
mod joined;
mod rows;
mod time;
mod window;

use crate::dataset::{Column, Dataset, Kind, Table};
use crate::random::Random;

/// A statement and how its answers are compared.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// What sort of statement it is, for the counts.
    pub(crate) sort: &'static str,
    pub(crate) ours: String,
    pub(crate) duckdb: String,
    /// The order of the rows is wholly decided.
    pub(crate) is_ordered: bool,
}

/// Macros that DuckDB's texts use.
pub(crate) const DUCKDB_MACROS: [&str; 1] = [
    // Its own time_bucket loses what is below a microsecond.
    "CREATE OR REPLACE MACRO bucket(t, width, origin) AS make_timestamp_ns(epoch_ns(t) - \
     (((epoch_ns(t) - origin) % width) + width) % width)",
];

/// Makes parts of a statement: the columns it may use, and chance.
struct Maker<'a> {
    dataset: &'a Dataset,
    table: &'a Table,
    columns: Vec<Column>,
    random: Random,
}

/// A statement before it is split in dialects.
struct Draft {
    sort: &'static str,
    text: String,
    is_ordered: bool,
}

/// Rows above which an answer is always limited.
const MANY_ROWS: usize = 2_500;

impl Query {
    /// The query of that number over the dataset of that number.
    pub(crate) fn random(dataset: &Dataset, seed: u64, set: u64, number: u64) -> Self {
        let mut random = Random::at(seed, &[set, number]);
        let table = random.pick(&dataset.tables);
        let columns = table.columns();
        let mut maker = Maker { dataset, table, columns, random };
        let draft = match maker.random.below(100) {
            0..47 => maker.aggregate(),
            47..60 => maker.select(),
            60..75 => maker.window(),
            75..82 => maker.newest(),
            82..90 => maker.subquery(),
            90..96 => maker.join(),
            _ => maker.set_operation(),
        };
        Self {
            sort: draft.sort,
            ours: dialect(&draft.text, true),
            duckdb: dialect(&draft.text, false),
            is_ordered: draft.is_ordered,
        }
    }
}

impl<'a> Maker<'a> {
    /// The names of columns of such kinds.
    fn names(&self, kinds: &[Kind]) -> Vec<String> {
        let of = self.columns.iter().filter(|column| kinds.contains(&column.kind));
        of.map(|column| column.name.clone()).collect()
    }

    fn name(&mut self, kinds: &[Kind]) -> Option<String> {
        let names = self.names(kinds);
        (!names.is_empty()).then(|| self.random.pick(&names).clone())
    }

    /// A column of any kind.
    fn any(&mut self) -> Column {
        self.random.pick(&self.columns).clone()
    }

    /// The same over another table.
    fn of_table(&self, table: &'a Table) -> Self {
        let columns = table.columns();
        Self { dataset: self.dataset, table, columns, random: self.random.clone() }
    }

    /// An `ORDER BY` item; without `NULLS` in ours DuckDB is told what that means here.
    fn order_item(&mut self, item: &str) -> String {
        match self.random.below(6) {
            0 | 1 => format!("{item}⟦¦ NULLS LAST⟧"),
            2 => format!("{item} DESC⟦¦ NULLS FIRST⟧"),
            3 => format!("{item} DESC NULLS LAST"),
            4 => format!("{item} ASC NULLS FIRST"),
            _ => format!("{item} NULLS LAST"),
        }
    }

    fn order_by(&mut self, items: &[String]) -> String {
        let items: Vec<String> = items.iter().map(|item| self.order_item(item)).collect();
        format!(" ORDER BY {}", items.join(", "))
    }

    fn limit(&mut self) -> String {
        let limit = *self.random.pick(&[0, 1, 2, 3, 10, 100]);
        match self.random.chance(50) {
            true => format!(" LIMIT {limit}"),
            false => format!(" LIMIT {limit} OFFSET {}", self.random.below(12)),
        }
    }
}

/// The text in one of the dialects.
fn dialect(text: &str, ours: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // For each open choice: whether its left part is being read.
    let mut open: Vec<bool> = Vec::new();
    for character in text.chars() {
        match character {
            '⟦' => open.push(true),
            '¦' => open.iter_mut().last().into_iter().for_each(|left| *left = false),
            '⟧' => _ = open.pop(),
            _ if open.iter().all(|left| *left == ours) => out.push(character),
            _ => {}
        }
    }
    out
}

/// A column of an answer: DuckDB gives times as integers, whole.
fn output(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Time => format!("⟦{text}¦epoch_ns({})⟧", text),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::dialect;

    #[test]
    fn a_text_splits_into_dialects() {
        let text = "a ⟦b ⟦c¦d⟧¦e ⟦f¦g⟧⟧ h";
        assert_eq!(dialect(text, true), "a b c h");
        assert_eq!(dialect(text, false), "a e g h");
    }
}
