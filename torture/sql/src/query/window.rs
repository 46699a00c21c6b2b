//! Window functions.

use super::rows::listed;
use super::{Draft, Maker};
use crate::dataset::{Kind, SECOND};

impl Maker<'_> {
    pub(super) fn window(&mut self) -> Draft {
        let tags = self.names(&[Kind::Tag]);
        let mut items: Vec<(Kind, String)> =
            tags.iter().map(|tag| (Kind::Tag, tag.clone())).collect();
        items.push((Kind::Time, "time".to_owned()));
        let keys = items.len();
        for _ in 0..1 + self.random.below(3) {
            let item = self.windowed(&tags);
            items.push(item);
        }
        let filter = if self.random.chance(50) { self.simple_filter() } else { self.filter() };
        let mut text = format!("SELECT {} FROM {}{filter}", listed(&items), self.table.name);
        let is_ordered = self.dataset.rows > 300 || self.random.chance(30);
        if is_ordered {
            // Time and tags name a row.
            let names: Vec<String> = (0..keys).rev().map(|n| format!("c{n}")).collect();
            text += &self.order_by(&names);
            text += &self.limit();
        }
        Draft { sort: "windows", text, is_ordered }
    }

    fn windowed(&mut self, tags: &[String]) -> (Kind, String) {
        let by = self.random.some(tags, 0, tags.len());
        let partition = match by.is_empty() {
            true => String::new(),
            false => format!("PARTITION BY {} ", by.join(", ")),
        };
        // An order in which no two rows are equal.
        let mut order = vec![self.order_item("time")];
        if !self.dataset.unique_times {
            for tag in tags {
                order.push(self.order_item(tag));
            }
        }
        let order = format!("ORDER BY {}", order.join(", "));
        let over = format!("OVER ({partition}{order})");
        let column = self.any();
        let name = &column.name;
        let number = 1 + self.random.below(3);
        let text = match self.random.below(12) {
            0 => return (Kind::Int, format!("row_number() {over}")),
            1 => return (Kind::Int, self.ranked(&partition)),
            2 => format!("lag({name}) {over}"),
            3 => format!("lead({name}, {number}) {over}"),
            4 if column.kind == Kind::Int => format!("lag({name}, {number}, -1) {over}"),
            5 => format!("first_value({name}) OVER ({partition}{order}{})", self.rows_frame()),
            6 => format!("last_value({name}) OVER ({partition}{order}{})", self.rows_frame()),
            7 => format!(
                "nth_value({name}, {number}) OVER ({partition}{order}{})",
                self.rows_frame()
            ),
            8 => return (Kind::Int, format!("ntile({}) {over}", number + 1)),
            9 => {
                return (
                    Kind::Float,
                    format!("{}() {over}", self.random.pick(&["percent_rank", "cume_dist"])),
                );
            }
            _ => return self.framed(&partition, &order),
        };
        (column.kind, text)
    }

    fn ranked(&mut self, partition: &str) -> String {
        let function = *self.random.pick(&["rank", "dense_rank"]);
        let kind = *self.random.pick(&[Kind::Int, Kind::Float, Kind::Tag, Kind::Text]);
        let value = self.comparable(kind, 0);
        let item = self.order_item(&value);
        format!("{function}() OVER ({partition}ORDER BY {item})")
    }

    /// An aggregate over a stretch of rows.
    fn framed(&mut self, partition: &str, order: &str) -> (Kind, String) {
        let kind = *self.random.pick(&[Kind::Float, Kind::Float, Kind::Int, Kind::UInt]);
        let value = self.value(kind, 0);
        let any = self.any();
        let (kind, call) = match self.random.below(7) {
            0 | 1 => (kind, format!("sum({value})")),
            2 => (Kind::Float, format!("avg({value})")),
            3 => (Kind::Int, format!("count({})", any.name)),
            4 => (any.kind, format!("min({})", any.name)),
            5 => (any.kind, format!("max({})", any.name)),
            _ => (Kind::Float, format!("stddev({value})")),
        };
        let window = match self.random.below(5) {
            0 => partition.to_owned(),
            1 => format!("{partition}{order}"),
            2 if self.dataset.unique_times => {
                let seconds = *self.random.pick(&[1, 10, 60, 3600]);
                let ns = seconds * SECOND;
                format!(
                    "{partition}ORDER BY ⟦time¦epoch_ns(time)⟧ RANGE BETWEEN ⟦INTERVAL '{seconds} \
                     seconds'¦{ns}⟧ PRECEDING AND CURRENT ROW"
                )
            }
            _ => format!("{partition}{order}{}", self.rows_frame()),
        };
        (kind, format!("{call} OVER ({window})"))
    }

    fn rows_frame(&mut self) -> String {
        let (a, b) = (self.random.below(4), self.random.below(4));
        match self.random.below(8) {
            0 => String::new(),
            1 => " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".to_owned(),
            2 => " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING".to_owned(),
            3 => format!(" ROWS BETWEEN {a} PRECEDING AND {b} FOLLOWING"),
            4 => format!(" ROWS BETWEEN {} PRECEDING AND {} PRECEDING", a.max(b), a.min(b)),
            5 => format!(" ROWS BETWEEN {} FOLLOWING AND {} FOLLOWING", a.min(b), a.max(b)),
            6 => format!(" ROWS BETWEEN {a} PRECEDING AND UNBOUNDED FOLLOWING"),
            _ => format!(" ROWS BETWEEN {a} PRECEDING AND CURRENT ROW"),
        }
    }
}
