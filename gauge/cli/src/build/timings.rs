//! Where a build's time goes, from the data in the page that `cargo build --timings` writes.

use std::collections::HashMap;

use anyhow::{Context, Result};
use serde::Deserialize;

/// A unit of a build: one run of the compiler, or of a build script.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Unit {
    /// Cargo's number of it.
    i: usize,
    /// The package.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `run-custom-build` for a build script that runs, else `todo` or `check`.
    mode: String,
    /// What of the package; empty for its library.
    pub target: String,
    /// When it began, seconds after the build did.
    pub start: f64,
    /// How long it took, seconds.
    pub duration: f64,
    /// Units that waited for its end last of all they waited for.
    unblocked_units: Vec<usize>,
    /// Units that waited for its metadata last of all they waited for.
    unblocked_rmeta_units: Vec<usize>,
    /// Stretches of it: `frontend`, `codegen` …
    sections: Option<Vec<(String, Section)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
struct Section {
    start: f64,
    end: f64,
}

impl Unit {
    /// The package and what of it.
    pub fn title(&self) -> String {
        format!("{} {}{}", self.name, self.version, self.target)
    }

    /// How long its code was generated (and linked), seconds; `None` where the compiler did not tell.
    pub fn codegen(&self) -> Option<f64> {
        let sections = self.sections.as_ref().filter(|sections| !sections.is_empty())?;
        let codegen = sections.iter().filter(|(name, _)| name != "frontend");
        Some(codegen.map(|(_, section)| section.end - section.start).sum())
    }

    /// When it ended.
    pub fn end(&self) -> f64 {
        self.start + self.duration
    }

    /// Whether a build script ran.
    pub fn is_script(&self) -> bool {
        self.mode == "run-custom-build"
    }
}

/// A build.
#[derive(Debug, Clone, PartialEq)]
pub struct Timings {
    /// What was built, longest first.
    pub units: Vec<Unit>,
}

/// A unit of the chain that the build's end waited for.
#[derive(Debug, Clone, PartialEq)]
pub struct Link<'a> {
    /// The unit.
    pub unit: &'a Unit,
    /// Seconds between the moment it could have begun and the moment it did: no processor was free.
    pub waited: f64,
    /// Seconds of it until the next of the chain could begin.
    pub held: f64,
}

impl Timings {
    /// Reads the page.
    ///
    /// # Errors
    /// When it is not such a page, as cargo promises nothing about it.
    pub fn parse(page: &str) -> Result<Self> {
        let (_, data) = page.split_once("const UNIT_DATA = ").context(
            "cargo's timings have another form than this cargo-gauge knows (that of cargo 1.95)",
        )?;
        let mut values = serde_json::Deserializer::from_str(data).into_iter::<Vec<Unit>>();
        let units = values.next().context("cargo's timings are cut off")?;
        let mut units = units.context("a unit of cargo's timings")?;
        units.sort_by(|a, b| b.duration.total_cmp(&a.duration));
        Ok(Self { units })
    }

    /// From the first unit's begin to the last's end, seconds.
    pub fn wall(&self) -> f64 {
        self.units.iter().map(Unit::end).fold(0.0, f64::max)
    }

    /// All units' time, as if one after the other, seconds.
    pub fn total(&self) -> f64 {
        self.units.iter().map(|unit| unit.duration).sum()
    }

    /// The share of compiling in which code was generated, 0 to 1, of the units of which it is known.
    pub fn codegen_share(&self) -> Option<f64> {
        let known = self.units.iter().filter_map(|unit| Some((unit.codegen()?, unit.duration)));
        let (codegen, all) = known.fold((0.0, 0.0), |sum, (c, d)| (sum.0 + c, sum.1 + d));
        (all > 0.0).then(|| codegen / all)
    }

    /// The chain of units that the build's end waited for, first to last: the last to end, what it waited for last, and so on.
    pub fn critical_path(&self) -> Vec<Link<'_>> {
        // By unit: what it waited for last, and when that let it go.
        let mut before: HashMap<usize, (&Unit, f64)> = HashMap::new();
        for unit in &self.units {
            let metadata = unit.sections.iter().flatten().find(|(name, _)| name == "frontend");
            let metadata = metadata.map_or(unit.end(), |(_, section)| unit.start + section.end);
            let ends = unit.unblocked_units.iter().map(|other| (*other, unit.end()));
            let metas = unit.unblocked_rmeta_units.iter().map(|other| (*other, metadata));
            before.extend(ends.chain(metas).map(|(other, at)| (other, (unit, at))));
        }
        let last = self.units.iter().max_by(|a, b| a.end().total_cmp(&b.end()));
        let mut path = Vec::new();
        let mut next = last.map(|unit| (unit, unit.end()));
        while let Some((unit, at)) = next {
            next = before.get(&unit.i).copied().filter(|_| path.len() < self.units.len());
            let ready = next.map_or(0.0, |(_, at)| at);
            path.push(Link { unit, waited: (unit.start - ready).max(0.0), held: at - unit.start });
        }
        path.reverse();
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `c` needs `b` whole, which needs the metadata of `a`; `d` stands alone.
    const PAGE: &str = r#"<script>
DURATION = 9;
const UNIT_DATA = [
 {"i":0,"name":"a","version":"1.0.0","mode":"todo","target":"","features":[],"start":0.5,"duration":6.0,
  "unblocked_units":[],"unblocked_rmeta_units":[1],"sections":[["frontend",{"start":0.0,"end":2.0}],["codegen",{"start":2.0,"end":6.0}]]},
 {"i":1,"name":"b","version":"0.1.0","mode":"todo","target":"","features":[],"start":3.0,"duration":4.0,
  "unblocked_units":[3],"unblocked_rmeta_units":[],"sections":[["frontend",{"start":0.0,"end":3.0}],["codegen",{"start":3.0,"end":4.0}]]},
 {"i":2,"name":"d","version":"0.1.0","mode":"run-custom-build","target":" build-script (run)","features":[],"start":1.0,"duration":1.0,
  "unblocked_units":[],"unblocked_rmeta_units":[],"sections":null},
 {"i":3,"name":"c","version":"0.1.0","mode":"todo","target":" c \"bin\"","features":[],"start":7.0,"duration":2.0,
  "unblocked_units":[],"unblocked_rmeta_units":[],"sections":null}
];
const CONCURRENCY_DATA = [];
</script>"#;

    #[test]
    fn the_path_is_what_the_end_waited_for() {
        let timings = Timings::parse(PAGE).unwrap();
        assert_eq!((timings.wall(), timings.total()), (9.0, 13.0));
        assert_eq!(timings.codegen_share(), Some(0.5));
        assert_eq!(timings.units[0].name, "a");
        let path = timings.critical_path();
        let found: Vec<_> =
            path.iter().map(|link| (link.unit.name.as_str(), link.waited, link.held)).collect();
        assert_eq!(found, [("a", 0.5, 2.0), ("b", 0.5, 4.0), ("c", 0.0, 2.0)]);
        assert_eq!(path[2].unit.title(), "c 0.1.0 c \"bin\"");
        assert_eq!(timings.units.iter().filter(|unit| unit.is_script()).count(), 1);
    }

    #[test]
    fn another_form_is_an_error_and_not_an_empty_build() {
        for page in
            ["<html></html>", "const UNIT_DATA = [{\"i\":0", "const UNIT_DATA = [{\"i\":0}];"]
        {
            assert!(Timings::parse(page).is_err(), "{page}");
        }
        let nothing = Timings::parse("const UNIT_DATA = [];").unwrap();
        assert_eq!((nothing.wall(), nothing.codegen_share()), (0.0, None));
        assert_eq!(nothing.critical_path(), []);
    }
}
