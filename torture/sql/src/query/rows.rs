//! Rows as they are: selections, newest rows, subqueries, unions.

use super::{Draft, MANY_ROWS, Maker, output};
use crate::dataset::Kind;

const KINDS: [Kind; 7] =
    [Kind::Float, Kind::Int, Kind::UInt, Kind::Text, Kind::Bool, Kind::Time, Kind::Tag];

impl Maker<'_> {
    /// Expressions to select, of which rows can be ordered by all.
    pub(super) fn items(&mut self, most: usize) -> Vec<(Kind, String)> {
        (0..1 + self.random.below(most)).map(|_| self.item()).collect()
    }

    fn item(&mut self) -> (Kind, String) {
        if self.random.chance(55) {
            let column = self.any();
            let value = self.comparable(column.kind, 0);
            return (column.kind, value);
        }
        let kind = *self.random.pick(&KINDS);
        let depth = 1 + self.random.below(2);
        if self.random.chance(8) {
            let (a, b) = (self.value(Kind::Float, depth), self.value(Kind::Float, 0));
            // Infinities and NaN come of it, in both.
            return (Kind::Float, format!("({a} / nullif({b} + 0.0e0, 0.0e0) + 0.0e0)"));
        }
        (kind, self.comparable(kind, depth))
    }

    fn ordered_by_all(&mut self, items: usize) -> String {
        let mut names: Vec<String> = (0..items).map(|n| format!("c{n}")).collect();
        self.random.shuffle(&mut names);
        self.order_by(&names)
    }

    pub(super) fn select(&mut self) -> Draft {
        let items = self.items(5);
        let filter = if self.random.chance(50) { self.simple_filter() } else { self.filter() };
        let distinct = if self.random.chance(20) { "DISTINCT " } else { "" };
        let mut text =
            format!("SELECT {distinct}{} FROM {}{filter}", listed(&items), self.table.name);
        let is_limited = self.dataset.rows > 300 || self.random.chance(40);
        let is_ordered = is_limited || self.random.chance(30);
        if is_ordered {
            // Rows of different times are in order by it alone, which the store can give.
            let by_time =
                self.dataset.unique_times && distinct.is_empty() && self.random.chance(60);
            text += &match by_time {
                true => format!(" ORDER BY time{}", self.random.pick(&["", " DESC"])),
                false => self.ordered_by_all(items.len()),
            };
        }
        if is_limited {
            text += &self.limit();
        }
        Draft { sort: "rows", text, is_ordered }
    }

    /// The newest row of each of some tags.
    pub(super) fn newest(&mut self) -> Draft {
        let tags = self.names(&[Kind::Tag]);
        // Where times come twice, only a row of one series is the newest.
        let keys = match self.dataset.unique_times {
            true => self.random.some(&tags, 1, tags.len()),
            false => tags,
        };
        let columns = self.columns.clone();
        let columns = self.random.some(&columns, 1, 6);
        let items: Vec<(Kind, String)> = columns.into_iter().map(|c| (c.kind, c.name)).collect();
        let filter = if self.random.chance(70) { self.simple_filter() } else { self.filter() };
        let (keys, table) = (keys.join(", "), &self.table.name);
        let text = match self.random.below(4) {
            0 | 1 => format!(
                "SELECT DISTINCT ON ({keys}) {} FROM {table}{filter} ORDER BY {keys}, time DESC",
                listed(&items)
            ),
            2 => format!(
                "SELECT {} FROM (SELECT *, row_number() OVER (PARTITION BY {keys} ORDER BY time DESC) \
                 AS n FROM {table}{filter}) WHERE n {}",
                listed(&items),
                self.random.pick(&["= 1", "<= 1", "< 2"])
            ),
            _ => format!("SELECT DISTINCT {keys} FROM {table}{filter} ORDER BY {keys}"),
        };
        Draft { sort: "newest rows", text, is_ordered: false }
    }

    pub(super) fn subquery(&mut self) -> Draft {
        let other = self.random.pick(&self.dataset.tables);
        let mut inner = self.of_table(other);
        inner.random.next();
        let filter = inner.filter();
        let name = &other.name;
        let condition = match self.random.below(6) {
            0 => format!("i0 > (SELECT avg(i0) FROM {name}{filter})"),
            1 => format!("f0 <= (SELECT max(f0) FROM {name}{filter})"),
            2 => format!("h IN (SELECT h FROM {name}{filter})"),
            3 => format!("h NOT IN (SELECT o.h FROM {name} o WHERE o.h IS NOT NULL AND o.i0 > 10)"),
            4 => format!(
                "EXISTS (SELECT 1 FROM {name} o WHERE o.h = {}.h AND o.i0 > 20)",
                self.table.name
            ),
            _ => format!("i0 NOT IN (SELECT i0 FROM {name} WHERE i0 IS NOT NULL AND i0 % 3 = 0)"),
        };
        let and = self.condition(1);
        let source = match self.random.below(3) {
            0 => format!("(SELECT * FROM {} WHERE {condition}) AS sub", self.table.name),
            1 => format!("{} WHERE {condition} AND {and}", self.table.name),
            _ => format!(
                "(SELECT * FROM {} WHERE {and}) AS {} WHERE {condition}",
                self.table.name, self.table.name
            ),
        };
        let (with, source) = match self.random.chance(25) {
            true => (format!("WITH kept AS (SELECT * FROM {source}) "), "kept".to_owned()),
            false => (String::new(), source),
        };
        if self.random.chance(60) {
            let groups = self.groups(false);
            let calls = [self.call(false), self.call(false)];
            let all: Vec<(Kind, String)> = groups.iter().cloned().chain(calls).collect();
            let mut text = format!("{with}SELECT {} FROM {source}", listed(&all));
            if !groups.is_empty() {
                let names: Vec<String> = (0..groups.len()).map(|n| format!("c{n}")).collect();
                text += &format!(" GROUP BY {}", names.join(", "));
            }
            return Draft { sort: "subquery, grouped", text, is_ordered: false };
        }
        let items = self.items(4);
        let mut text = format!("{with}SELECT {} FROM {source}", listed(&items));
        text += &self.ordered_by_all(items.len());
        text += &self.limit();
        Draft { sort: "subquery", text, is_ordered: true }
    }

    pub(super) fn set_operation(&mut self) -> Draft {
        let kinds: Vec<Kind> =
            (0..1 + self.random.below(3)).map(|_| *self.random.pick(&KINDS)).collect();
        let operator =
            *self.random.pick(&["UNION ALL", "UNION ALL", "UNION", "INTERSECT", "EXCEPT"]);
        let mut sides = Vec::new();
        for table in &self.dataset.tables {
            let mut side = self.of_table(table);
            let items: Vec<(Kind, String)> =
                kinds.iter().map(|kind| (*kind, side.comparable(*kind, 1))).collect();
            let filter = side.filter();
            self.random = side.random;
            sides.push(format!("SELECT {} FROM {}{filter}", listed(&items), table.name));
        }
        let mut text = sides.join(&format!(" {operator} "));
        let is_ordered = self.dataset.rows > 300 || self.random.chance(30);
        if is_ordered {
            text =
                format!("SELECT * FROM ({text}) AS both_sides{}", self.ordered_by_all(kinds.len()));
            text += &self.limit();
        }
        if self.dataset.rows > MANY_ROWS {
            text = format!("SELECT count(*) AS c0 FROM ({text}) AS counted");
        }
        Draft { sort: "set operation", text, is_ordered }
    }
}

/// Items under the names `c0`, `c1`, ….
pub(super) fn listed(items: &[(Kind, String)]) -> String {
    let named = items.iter().enumerate();
    let named = named.map(|(n, (kind, text))| format!("{} AS c{n}", output(*kind, text)));
    named.collect::<Vec<_>>().join(", ")
}
