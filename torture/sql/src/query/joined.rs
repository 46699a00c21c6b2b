//! Joins of the two tables.

use super::{Draft, Maker};
use crate::dataset::Kind;

/// Tables up to so many rows are joined row by row.
const SMALL_ROWS: usize = 300;

impl Maker<'_> {
    pub(super) fn join(&mut self) -> Draft {
        let join = *self.random.pick(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
        let [left, right] = [0, 1].map(|n| &self.dataset.tables[n]);
        let time = self.time_name();
        let bucket = self.bucket(&time);
        if self.dataset.rows > SMALL_ROWS || self.random.chance(50) {
            // Both sides grouped by the same, so that the keys name a row.
            let mut sides = Vec::new();
            for table in [left, right] {
                let mut side = self.of_table(table);
                let filter = side.simple_filter();
                let number = *side.random.pick(&[Kind::Float, Kind::Int]);
                let value = side.value(number, 0);
                self.random = side.random;
                sides.push(format!(
                    "(SELECT h, {bucket} AS at, sum({value}) AS v, count(*) AS n FROM {}{filter} GROUP BY 1, 2)",
                    table.name
                ));
            }
            let condition = *self.random.pick(&["", " AND a.n >= b.n", " AND a.n > 1"]);
            // Conditions beside equalities are for inner joins only, in both.
            let text = format!(
                "SELECT a.h AS c0, ⟦a.at¦epoch_ns(a.at)⟧ AS c1, a.v AS c2, b.h AS c3, b.v AS c4, \
                 ⟦b.at¦epoch_ns(b.at)⟧ AS c5 FROM {} a {join} {} b ON a.h = b.h AND a.at = b.at{}",
                sides[0],
                sides[1],
                if join == "FULL JOIN" { "" } else { condition }
            );
            let is_many = self.dataset.rows > SMALL_ROWS;
            let text = match is_many {
                true => format!(
                    "{text} ORDER BY c0 NULLS LAST, c1 NULLS LAST, c3 NULLS LAST, c5 NULLS LAST LIMIT 50"
                ),
                false => text,
            };
            // Of groups without a tag there are several with NULL keys on each side.
            return Draft { sort: "join of groups", text, is_ordered: false };
        }
        let sides = match self.random.chance(50) {
            true => "a.h = b.h AND a.i0 = b.i0".to_owned(),
            false => format!(
                "a.h = b.h AND {} = {}",
                bucket.replace("time)", "a.time)").replace("time,", "a.time,"),
                bucket.replace("time)", "b.time)").replace("time,", "b.time,")
            ),
        };
        let text = format!(
            "SELECT a.h AS g0, count(*) AS c0, count(b.i0) AS c1, sum(a.f0) AS c2, min(b.f0) AS c3, \
             max(⟦b.time¦epoch_ns(b.time)⟧) AS c4, sum(a.i0 - b.i0) AS c5 FROM {} a {join} {} b ON {sides} \
             GROUP BY a.h",
            left.name, right.name
        );
        Draft { sort: "join", text, is_ordered: false }
    }
}
