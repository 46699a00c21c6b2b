//! Expressions of each kind, of columns and constants.

use super::Maker;
use crate::dataset::{Kind, TAG_VALUES, TEXTS};
use crate::loaded::quoted;

impl Maker<'_> {
    /// An expression of this kind. Those of floats are multiples of a power of two when the
    /// columns are.
    pub(super) fn value(&mut self, kind: Kind, depth: usize) -> String {
        match kind {
            Kind::Time if depth > 0 && self.random.chance(40) => {
                let time = self.time_name();
                self.bucket(&time)
            }
            Kind::Time => self.time_name(),
            Kind::Tag => self.name(&[Kind::Tag]).unwrap_or_else(|| "'x'".to_owned()),
            Kind::Text => self.text(depth),
            Kind::Bool => self.bool(depth),
            Kind::Float => self.float(depth),
            Kind::Int => self.int(depth),
            Kind::UInt => self.uint(depth),
            Kind::WildFloat | Kind::WildInt | Kind::WildUInt => {
                self.name(&[kind]).unwrap_or_else(|| self.constant(kind))
            }
        }
    }

    /// An expression that may be compared, grouped or ordered by: floats without -0, which is
    /// less than 0 here and the same in DuckDB.
    pub(super) fn comparable(&mut self, kind: Kind, depth: usize) -> String {
        let value = self.value(kind, depth);
        match kind {
            Kind::Float if depth > 0 => format!("({value} + 0.0e0)"),
            Kind::WildFloat => format!("({value} + 0.0e0)"),
            _ => value,
        }
    }

    /// A constant of this kind; times have their own.
    pub(super) fn constant(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Time => {
                let moment = self.moment();
                self.time_constant(moment)
            }
            Kind::Tag => {
                let value = TAG_VALUES[self.random.below(TAG_VALUES.len())];
                quoted(value)
            }
            Kind::Text => {
                let text = TEXTS[self.random.below(TEXTS.len())];
                quoted(text)
            }
            Kind::Bool => self.random.pick(&["true", "false"]).to_string(),
            Kind::Float => format!("{:?}e0", self.random.between(-400, 400) as f64 / 4.0),
            Kind::WildFloat => {
                let all = [
                    "0.0e0",
                    "1.5e0",
                    "1e300",
                    "CAST('inf' AS DOUBLE)",
                    "CAST('-inf' AS DOUBLE)",
                    "CAST('nan' AS DOUBLE)",
                ];
                (*self.random.pick(&all)).to_owned()
            }
            Kind::Int => self.random.between(-55, 55).to_string(),
            Kind::WildInt => {
                let all = ["9223372036854775807", "-9223372036854775807", "0", "9007199254740993"];
                (*self.random.pick(&all)).to_owned()
            }
            Kind::UInt => self.random.below(55).to_string(),
            Kind::WildUInt => {
                let all = ["18446744073709551615", "9223372036854775808", "0", "1"];
                (*self.random.pick(&all)).to_owned()
            }
        }
    }

    fn leaf(&mut self, kind: Kind) -> String {
        match self.name(&[kind]) {
            Some(name) if self.random.chance(85) => name,
            _ => self.constant(kind),
        }
    }

    fn float(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.name(&[Kind::Float]).unwrap_or_else(|| "f0".to_owned());
        }
        let (a, b) = (self.leaf(Kind::Float), self.float(depth - 1));
        match self.random.below(12) {
            0 => format!("({a} + {b})"),
            1 => format!("({a} - {b})"),
            2 => format!("({a} * {})", self.random.pick(&["0.5e0", "-2.0e0", "4.0e0"])),
            3 => format!("abs({b})"),
            4 => format!("(0.0e0 - {b})"),
            5 => {
                let condition = self.condition(depth - 1);
                format!("CASE WHEN {condition} THEN {a} ELSE {b} END")
            }
            6 => format!("coalesce({b}, {a})"),
            7 => format!("nullif({b} + 0.0e0, {a} + 0.0e0)"),
            8 => format!("CAST({} AS DOUBLE)", self.int(depth - 1)),
            9 => format!("{}({b})", self.random.pick(&["floor", "ceil", "round"])),
            10 => format!("({a} + {})", self.int(depth - 1)),
            _ => b,
        }
    }

    fn int(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.name(&[Kind::Int]).unwrap_or_else(|| "i0".to_owned());
        }
        let (a, b) = (self.leaf(Kind::Int), self.int(depth - 1));
        match self.random.below(14) {
            0 => format!("({a} + {b})"),
            1 => format!("({a} - {b})"),
            2 => format!("({a} * {})", self.random.pick(&["2", "-3", "10"])),
            3 => format!("abs({b})"),
            4 => format!("(- {b})"),
            5 => {
                let condition = self.condition(depth - 1);
                format!("CASE WHEN {condition} THEN {a} ELSE {b} END")
            }
            6 => format!("coalesce({b}, {a})"),
            7 => format!("nullif({b}, {a})"),
            8 => format!("({b} % {})", self.random.pick(&["3", "7", "-2"])),
            9 => format!("({b} ⟦/¦//⟧ {})", self.random.pick(&["3", "-2", "5"])),
            10 => format!("CAST({} AS BIGINT)", self.uint(depth - 1)),
            11 => format!("length({})", self.text(depth - 1)),
            12 => match self.name(&[Kind::Bool]) {
                Some(name) => format!("CAST({name} AS BIGINT)"),
                None => b,
            },
            _ => b,
        }
    }

    fn uint(&mut self, depth: usize) -> String {
        let leaf = self.leaf(Kind::UInt);
        match self.random.below(3) {
            0 if depth > 0 => format!("({leaf} % 7)"),
            1 if depth > 0 => format!("({leaf} + 1)"),
            _ => leaf,
        }
    }

    fn text(&mut self, depth: usize) -> String {
        let leaf = match self.name(&[Kind::Tag, Kind::Text]) {
            Some(name) if self.random.chance(85) => name,
            _ => self.constant(Kind::Text),
        };
        if depth == 0 {
            return leaf;
        }
        let inner = self.text(depth - 1);
        match self.random.below(8) {
            0 => format!("upper({inner})"),
            1 => format!("lower({inner})"),
            2 => format!("({leaf} || {inner})"),
            3 => format!("concat({leaf}, '-', {inner})"),
            4 => format!("coalesce({leaf}, {inner})"),
            5 => format!("substr({inner}, {}, {})", 1 + self.random.below(3), self.random.below(4)),
            6 => {
                let condition = self.condition(depth - 1);
                format!("CASE WHEN {condition} THEN {leaf} ELSE {inner} END")
            }
            // No nullif of texts: as a condition `nullif(x, y) IN ('a')` finds other rows in DuckDB 2.0.0 than
            // as a value.
            _ => format!("replace({inner}, 'a', 'é')"),
        }
    }

    fn bool(&mut self, depth: usize) -> String {
        match self.name(&[Kind::Bool]) {
            Some(name) if depth == 0 || self.random.chance(50) => name,
            _ if depth == 0 => "true".to_owned(),
            _ => format!("({})", self.condition(depth - 1)),
        }
    }
}
