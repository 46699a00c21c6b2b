//! Groupings.

use super::{Draft, MANY_ROWS, Maker, output};
use crate::dataset::Kind;

impl Maker<'_> {
    pub(super) fn aggregate(&mut self) -> Draft {
        // What native plans take: tags, one bucket, plain calls.
        let is_simple = self.random.chance(55);
        let groups = self.groups(is_simple);
        let calls: Vec<(Kind, String)> =
            (0..1 + self.random.below(4)).map(|_| self.call(is_simple)).collect();
        let mut items: Vec<String> = Vec::new();
        for (number, (kind, text)) in groups.iter().enumerate() {
            items.push(format!("{} AS g{number}", output(*kind, text)));
        }
        for (number, (kind, text)) in calls.iter().enumerate() {
            items.push(format!("{} AS c{number}", output(*kind, text)));
        }
        let filter = if is_simple { self.simple_filter() } else { self.filter() };
        let mut text = format!("SELECT {} FROM {}{filter}", items.join(", "), self.table.name);
        if groups.is_empty() {
            return Draft { sort: "aggregate of all", text, is_ordered: true };
        }
        let names: Vec<String> = (0..groups.len()).map(|n| format!("g{n}")).collect();
        text += " GROUP BY ";
        text += &match self.random.below(3) {
            0 => names.join(", "),
            1 => (1..=groups.len()).map(|n| n.to_string()).collect::<Vec<_>>().join(", "),
            _ => groups.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>().join(", "),
        };
        if self.random.chance(20) {
            text += &format!(" HAVING {}", self.having());
        }
        let is_ordered = self.random.chance(50) || self.dataset.rows > MANY_ROWS;
        if is_ordered {
            text += &self.order_by(&names);
            if self.random.chance(40) || self.dataset.rows > MANY_ROWS {
                text += &self.limit();
            }
        }
        Draft { sort: "aggregate by groups", text, is_ordered }
    }

    /// What to group by: kinds and expressions.
    pub(super) fn groups(&mut self, is_simple: bool) -> Vec<(Kind, String)> {
        let tags = self.names(&[Kind::Tag]);
        let tags = self.random.some(&tags, 0, 2);
        let mut groups: Vec<(Kind, String)> =
            tags.into_iter().map(|tag| (Kind::Tag, tag)).collect();
        if self.random.chance(50) {
            let time = self.time_name();
            groups.push((Kind::Time, self.bucket(&time)));
        }
        if !is_simple {
            let kinds = [
                Kind::Int,
                Kind::UInt,
                Kind::Bool,
                Kind::Text,
                Kind::Float,
                Kind::WildFloat,
                Kind::WildInt,
            ];
            for kind in self.random.some(&kinds, 0, 2) {
                let depth = self.random.below(2);
                // A constant would be the place of a column.
                if !self.names(&[kind]).is_empty() {
                    groups.push((kind, self.grouping(kind, depth)));
                }
            }
        }
        self.random.shuffle(&mut groups);
        groups
    }

    fn grouping(&mut self, kind: Kind, depth: usize) -> String {
        for _ in 0..5 {
            let value = self.comparable(kind, depth);
            if self.columns.iter().any(|column| value.contains(&column.name)) {
                return value;
            }
        }
        self.name(&[kind]).unwrap_or_else(|| "time".to_owned())
    }

    fn having(&mut self) -> String {
        let number = self.random.below(6);
        match self.random.below(6) {
            0 | 1 => format!("count(*) > {number}"),
            2 => format!("max(i0) > {}", self.random.between(-50, 50)),
            3 => "min(f0) < 0.0e0".to_owned(),
            4 => "sum(i0) % 2 = 0".to_owned(),
            _ => format!("count(f0) >= {number} AND min(i0) < 10"),
        }
    }

    /// One call of an aggregate, and the kind of what it gives.
    pub(super) fn call(&mut self, is_simple: bool) -> (Kind, String) {
        let depth = if is_simple { 0 } else { self.random.below(3) };
        let (kind, text) = self.plain_call(depth);
        // Only a call has a filter, a difference of calls has none.
        if is_simple || !self.random.chance(15) || text.starts_with('(') {
            return (kind, text);
        }
        let condition = self.condition(1);
        (kind, format!("{text} FILTER (WHERE {condition})"))
    }

    fn plain_call(&mut self, depth: usize) -> (Kind, String) {
        // Native plans take calls of fields.
        let mut any = self.any();
        while depth == 0 && matches!(any.kind, Kind::Tag | Kind::Time) {
            any = self.any();
        }
        let number = *self.random.pick(&[Kind::Float, Kind::Float, Kind::Int, Kind::UInt]);
        match self.random.below(20) {
            0 => (Kind::Int, "count(*)".to_owned()),
            1 => (Kind::Int, "count(1)".to_owned()),
            2 | 3 => (Kind::Int, format!("count({})", any.name)),
            4 if depth > 0 => {
                let value = self.comparable(any.kind, depth - 1);
                (Kind::Int, format!("count(DISTINCT {value})"))
            }
            4..7 => {
                let value = self.value(number, depth);
                (number, format!("sum({value})"))
            }
            7..10 => {
                let function = *self.random.pick(&["min", "max"]);
                (any.kind, format!("{function}({})", any.name))
            }
            10 | 11 => {
                // Of an unsigned integer and a constant DataFusion makes a decimal, the average
                // of which has four digits.
                let value = self.value(number, if number == Kind::UInt { 0 } else { depth });
                (Kind::Float, format!("{}({value})", self.random.pick(&["avg", "⟦mean¦avg⟧"])))
            }
            12 => {
                let all: &[&str] = if depth == 0 {
                    &["stddev", "stddev_samp"]
                } else {
                    &[
                        "stddev",
                        "stddev_samp",
                        "⟦var¦var_samp⟧",
                        "var_samp",
                        "stddev_pop",
                        "var_pop",
                    ]
                };
                let function = *self.random.pick(all);
                // Of one NaN DuckDB says 0.
                let number = if function.ends_with("pop") { Kind::Int } else { number };
                let value = self.value(number, depth);
                (Kind::Float, format!("{function}({value})"))
            }
            13..16 => self.by_time(),
            16 if depth > 0 => match self.name(&[Kind::Bool]) {
                Some(name) => {
                    (Kind::Bool, format!("{}({name})", self.random.pick(&["bool_and", "bool_or"])))
                }
                None => (Kind::Int, "count(time)".to_owned()),
            },
            17 if depth > 0 => {
                (Kind::Float, format!("median({})", self.comparable(Kind::Float, depth)))
            }
            18 => match self.name(&[Kind::WildInt, Kind::WildUInt]) {
                Some(name) => (Kind::WildInt, format!("sum({name})")),
                None => (Kind::Time, "max(time)".to_owned()),
            },
            _ => {
                let (a, b) = (self.value(Kind::Int, depth), self.value(Kind::Int, 0));
                (Kind::Int, format!("(max({a}) - min({b}))"))
            }
        }
    }

    /// The value at the least or greatest time, where that is one row.
    pub(super) fn by_time(&mut self) -> (Kind, String) {
        let column = self.any();
        if !self.dataset.unique_times {
            return (Kind::Int, "count(*)".to_owned());
        }
        let name = &column.name;
        let text = match self.random.below(6) {
            0 => format!("first_value({name} ORDER BY time)"),
            1 => format!("last_value({name} ORDER BY time)"),
            2 => format!("first_value({name} ORDER BY time DESC)"),
            3 => format!("last_value({name} ORDER BY time DESC)"),
            4 => format!("⟦first({name}, time)¦first({name} ORDER BY time)⟧"),
            _ => format!("⟦last({name}, time)¦last({name} ORDER BY time)⟧"),
        };
        // DuckDB knows these aggregates by their short names.
        let text = match text.starts_with('⟦') {
            true => text,
            false => format!("⟦{text}¦{}⟧", text.replace("_value", "")),
        };
        (column.kind, text)
    }
}
