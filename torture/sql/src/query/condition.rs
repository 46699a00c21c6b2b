//! Conditions.

use super::Maker;
use crate::dataset::Kind;

const OPERATORS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];
const PATTERNS: [&str; 8] = ["'a%'", "'%'", "'_'", "'%t%'", "'é'", "''", "'%''%'", "'a_b%'"];

impl Maker<'_> {
    /// ` WHERE …`, or nothing.
    pub(super) fn filter(&mut self) -> String {
        match self.random.below(4) {
            0 => String::new(),
            1 => format!(" WHERE {}", self.condition(0)),
            2 => format!(" WHERE {} AND {}", self.condition(1), self.condition(1)),
            _ => format!(" WHERE {}", self.condition(2)),
        }
    }

    /// A filter that only asks for times and tags.
    pub(super) fn simple_filter(&mut self) -> String {
        let mut parts = Vec::new();
        for _ in 0..self.random.below(4) {
            parts.push(match self.random.chance(50) {
                true => {
                    let time = self.time_name();
                    format!("({})", self.time_condition(&time))
                }
                false => {
                    let tag = self.value(Kind::Tag, 0);
                    self.predicate(&tag, Kind::Tag, 0)
                }
            });
        }
        if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) }
    }

    /// A condition on the columns.
    pub(super) fn condition(&mut self, depth: usize) -> String {
        if depth > 0 {
            match self.random.below(8) {
                0 | 1 => {
                    return format!(
                        "({} AND {})",
                        self.condition(depth - 1),
                        self.condition(depth - 1)
                    );
                }
                2 | 3 => {
                    return format!(
                        "({} OR {})",
                        self.condition(depth - 1),
                        self.condition(depth - 1)
                    );
                }
                4 => return format!("NOT ({})", self.condition(depth - 1)),
                5 => return self.twice(depth),
                _ => {}
            }
        }
        let column = self.any();
        if column.kind == Kind::Time {
            let condition = self.time_condition(&column.name);
            return format!("({condition})");
        }
        let kind = match column.kind {
            Kind::Tag if depth > 0 && self.random.chance(30) => Kind::Text,
            other => other,
        };
        let value = match self.random.chance(70) {
            true => self.comparable(kind, 0),
            false => self.comparable(kind, depth),
        };
        self.predicate(&value, kind, depth)
    }

    /// Two conditions on one value, which an optimiser may merge.
    fn twice(&mut self, depth: usize) -> String {
        let column = self.any();
        if column.kind == Kind::Time {
            let (a, b) = (self.time_condition(&column.name), self.time_condition(&column.name));
            return format!("(({a}) {} ({b}))", self.random.pick(&["AND", "OR"]));
        }
        let value = self.comparable(column.kind, 0);
        let a = self.predicate(&value, column.kind, depth - 1);
        let b = self.predicate(&value, column.kind, depth - 1);
        format!("({a} {} {b})", self.random.pick(&["AND", "AND", "OR"]))
    }

    /// A condition on a value of this kind.
    fn predicate(&mut self, value: &str, kind: Kind, depth: usize) -> String {
        let is_text = matches!(kind, Kind::Tag | Kind::Text);
        if kind == Kind::Bool {
            let forms = [
                "",
                " IS TRUE",
                " IS NOT TRUE",
                " IS FALSE",
                " = false",
                " IS NULL",
                " IS NOT FALSE",
                " IS NOT NULL",
            ];
            return format!("({value}{})", self.random.pick(&forms));
        }
        let constant = self.constant(kind);
        match self.random.below(12) {
            0..4 => format!("({value} {} {constant})", self.random.pick(&OPERATORS)),
            4 => format!("({constant} {} {value})", self.random.pick(&OPERATORS)),
            5 => {
                let other = self.comparable(kind, depth.min(1));
                format!("({value} {} {other})", self.random.pick(&OPERATORS))
            }
            6 => format!("({value} IS {}NULL)", self.random.pick(&["", "NOT "])),
            7 => {
                let high = self.constant(kind);
                format!(
                    "({value} {}BETWEEN {constant} AND {high})",
                    self.random.pick(&["", "NOT "])
                )
            }
            8 | 9 => {
                let mut list: Vec<String> =
                    (0..1 + self.random.below(4)).map(|_| self.constant(kind)).collect();
                if self.random.chance(15) {
                    list.push("NULL".to_owned());
                }
                format!("({value} {}IN ({}))", self.random.pick(&["", "NOT "]), list.join(", "))
            }
            10 => {
                format!("({value} IS {}DISTINCT FROM {constant})", self.random.pick(&["", "NOT "]))
            }
            _ if is_text => {
                format!(
                    "({value} {}LIKE {})",
                    self.random.pick(&["", "NOT "]),
                    self.random.pick(&PATTERNS)
                )
            }
            _ => format!("({value} = {constant})"),
        }
    }
}
