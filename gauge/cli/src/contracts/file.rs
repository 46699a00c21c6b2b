//! `gauge.toml`, as it is written. [`plan`](super::plan) looks at what it means.

use serde::Deserialize;
use toml::Spanned;

use super::problem;

/// The file's name, at the workspace's root.
pub const NAME: &str = "gauge.toml";

/// All of it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// How the artefacts are built.
    #[serde(default)]
    pub build: BuildTable,
    /// Dependencies of the harness, as Cargo writes them, beyond the workspace crates that the code names.
    #[serde(default)]
    pub dependencies: toml::Table,
    /// Functions that contracts speak of.
    #[serde(default, rename = "function")]
    pub functions: Vec<Spanned<FunctionTable>>,
    /// What functions must be.
    #[serde(default, rename = "contract")]
    pub contracts: Vec<Spanned<ContractTable>>,
    /// What types must be.
    #[serde(default, rename = "size")]
    pub sizes: Vec<Spanned<SizeTable>>,
    /// What code may ask of the allocator.
    #[serde(default, rename = "allocations")]
    pub allocations: Vec<Spanned<AllocationsTable>>,
    /// Binaries of the workspace: how they are built, and how large they may be.
    #[serde(default, rename = "binary")]
    pub binaries: Vec<Spanned<BinaryTable>>,
}

/// `[build]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct BuildTable {
    /// The profile that ships.
    pub profile: String,
    /// `-C target-cpu`.
    pub target_cpu: Option<String>,
    /// Flags beside those of the project's Cargo configuration.
    pub rustflags: Vec<String>,
    /// Paths of functions that are in the harness for what they call: contracts speak of that.
    pub keep: Vec<String>,
}

impl Default for BuildTable {
    fn default() -> Self {
        Self {
            profile: "release".to_owned(),
            target_cpu: None,
            rustflags: Vec::new(),
            keep: Vec::new(),
        }
    }
}

/// `[[function]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionTable {
    /// What contracts call it; else the name after `pub fn`, or the path.
    pub name: Option<Spanned<String>>,
    /// A function to be compiled: `pub fn sum(values: &[f64]) -> f64 { values.iter().sum() }`.
    pub code: Option<Spanned<String>>,
    /// A function that there is: a path that another crate can name, or, with `bin`, its symbol.
    pub path: Option<Spanned<String>>,
    /// The binary in which `path` is judged.
    pub bin: Option<Spanned<String>>,
}

/// `[[contract]]`, and what follows `// gauge:` in a source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContractTable {
    /// The function, or several that are to be alike: names, or paths of symbols in the harness.
    pub function: Option<Spanned<Names>>,
    /// Functions of which all are the same as the first.
    pub same: Option<Spanned<Vec<Spanned<String>>>>,
    /// Another function that this one is the same as.
    pub same_as: Option<Spanned<String>>,
    /// The weakest sameness that will do: `address`, `bytes`, `normalised` or `renamed`.
    pub level: Option<Spanned<String>>,
    /// Packed arithmetic of this type in a loop: `f64`, or `f64x4` for at least four at once.
    pub simd: Option<Spanned<String>>,
    /// What it must not have: `panic`, `alloc`, `call`, `simd`, or an instruction.
    #[serde(default)]
    pub no: Vec<Spanned<String>>,
    /// Instructions it must have.
    #[serde(default)]
    pub has: Vec<Spanned<String>>,
    /// The most instructions of its body.
    pub max_instructions: Option<u64>,
    /// The most bytes of stack that it takes itself.
    pub max_stack: Option<u64>,
    /// The most bytes of its body.
    pub max_bytes: Option<u64>,
}

/// A name, or a list of names.
#[derive(Debug)]
pub enum Names {
    /// `"a"`
    One(String),
    /// `["a", "b"]`
    Many(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Names;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a name or a list of names")
            }
            fn visit_str<E>(self, name: &str) -> Result<Names, E> {
                Ok(Names::One(name.to_owned()))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = seq.next_element()? {
                    names.push(name);
                }
                Ok(Names::Many(names))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The names with their places.
pub fn names(names: Spanned<Names>) -> Vec<Spanned<String>> {
    let span = names.span();
    match names.into_inner() {
        Names::One(name) => vec![Spanned::new(span, name)],
        Names::Many(names) => names,
    }
}

/// `[[size]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeTable {
    /// A type with its path.
    #[serde(rename = "type")]
    pub name: Spanned<String>,
    /// The most bytes.
    pub max: Option<u64>,
    /// Exactly so many bytes.
    pub exact: Option<u64>,
}

/// `[[allocations]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AllocationsTable {
    /// What the row is called.
    pub name: String,
    /// Statements before the count begins.
    #[serde(default)]
    pub setup: String,
    /// What is counted.
    pub code: Spanned<String>,
    /// The most requests to the allocator, of all threads.
    pub max: Option<u64>,
    /// The most bytes asked for.
    pub max_bytes: Option<u64>,
}

/// `[[binary]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BinaryTable {
    /// The binary target's name.
    pub bin: Spanned<String>,
    /// Features of its package to build it with.
    #[serde(default)]
    pub features: Vec<String>,
    /// Whether the package's default features are on.
    #[serde(default = "yes")]
    pub default_features: bool,
    /// The most bytes of the file, as it ships.
    pub max_bytes: Option<u64>,
}

fn yes() -> bool {
    true
}

/// Reads `text`; `file` is what errors call it.
///
/// # Errors
/// Where it is not TOML, or has a key that there is not: with line, column and the nearest key.
pub fn parse(file: &str, text: &str) -> anyhow::Result<File> {
    toml::from_str(text).map_err(|error| problem::toml(file, text, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error of a file.
    fn error(text: &str) -> String {
        parse(NAME, text).unwrap_err().to_string()
    }

    #[test]
    fn a_table_knows_where_it_stands() {
        let text = "# c\n\n[[contract]]\nfunction = \"f\"\n\n[[contract]]\nfunction = \"g\"\n";
        let file = parse(NAME, text).unwrap();
        let lines: Vec<_> = file
            .contracts
            .iter()
            .map(|contract| problem::place(NAME, text, contract.span().start).line)
            .collect();
        assert_eq!(lines, [3, 6]);
    }

    #[test]
    fn mistakes_have_a_place_and_a_suggestion() {
        for (text, expected) in [
            (
                "[[contract]]\nfunction = \"f\"\nsimdd = \"f64\"\n",
                "gauge.toml:3:1: unknown field `simdd`: did you mean `simd`?",
            ),
            (
                "[[contracts]]\nfunction = \"f\"\n",
                "gauge.toml:1:3: unknown field `contracts`: did you mean `contract`?",
            ),
            (
                "[build]\nprofil = \"x\"\n",
                "gauge.toml:2:1: unknown field `profil`: did you mean `profile`?",
            ),
            (
                "[[size]]\ntype = \"T\"\nmaximum = 3\n",
                "gauge.toml:3:1: unknown field `maximum`: there are `type`, `max`, `exact`",
            ),
            ("[[size]]\nmax = 3\n", "gauge.toml:1:1: missing field `type`"),
            (
                "[[contract]]\nmax-stack = -1\n",
                "gauge.toml:2:13: invalid value: integer `-1`, expected u64",
            ),
            (
                "[[contract]]\nno = \"panic\"\n",
                "gauge.toml:2:6: invalid type: string \"panic\", expected a sequence",
            ),
            ("[build\n", "gauge.toml:1:7: unclosed table, expected `]`"),
        ] {
            assert_eq!(error(text), expected);
        }
    }
}
