//! Finding a function by the name that people write.

use std::collections::BTreeSet;

use super::names::{last_part, without_generics, without_self_brackets};
use super::{Function, Image};

/// Names shown when none fits, or too many do.
const MAX_SHOWN: usize = 12;

/// Why a name does not stand for one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// There is none: inlined everywhere, generic, or misspelt.
    Missing {
        /// What was asked for.
        name: String,
        /// Names that are like it.
        near: Vec<String>,
    },
    /// Several functions have it.
    Ambiguous {
        /// What was asked for.
        name: String,
        /// All that it may mean; with their mangled names where the others are the same.
        candidates: Vec<String>,
    },
}

impl std::fmt::Display for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, list) = match self {
            Self::Missing { name, near } => {
                write!(f, "there is no function `{name}`")?;
                ("; like it", near)
            }
            Self::Ambiguous { name, candidates } => {
                write!(f, "`{name}` may be any of {} functions", candidates.len())?;
                ("", candidates)
            }
        };
        if !list.is_empty() {
            write!(f, "{what}:")?;
        }
        for candidate in list.iter().take(MAX_SHOWN) {
            write!(f, "\n  {candidate}")?;
        }
        if list.len() > MAX_SHOWN {
            write!(f, "\n  … and {} more", list.len() - MAX_SHOWN)?;
        }
        Ok(())
    }
}

impl std::error::Error for Lookup {}

impl Image {
    /// The function of that name: its whole path or its end from a `::` on, as people write it (without
    /// the compiler's hashes, brackets around an inherent method's type, or generic arguments where
    /// only one instantiation is there), or its symbol.
    ///
    /// # Errors
    /// When there is none, or there are several at different addresses.
    pub fn find(&self, name: &str) -> Result<&Function, Lookup> {
        let name = name.trim();
        let is_suffix = |whole: &str| {
            whole.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
        };
        let is_bare = |whole: &str| {
            is_suffix(whole) || without_self_brackets(whole).is_some_and(|bare| is_suffix(&bare))
        };
        let last = last_part(name);
        // From the strictest reading on: the first one that finds anything decides.
        let exact = self.matching(|function| {
            function.names.iter().any(|n| n.mangled == name || n.demangled == name)
        });
        let stages = [
            (exact, false),
            (self.matching(|f| f.names.iter().any(|n| is_bare(&n.demangled))), false),
            (
                self.matching(|f| {
                    f.names.iter().any(|n| {
                        n.demangled.contains(&last) && {
                            let plain = without_generics(&n.demangled);
                            is_bare(&plain)
                        }
                    })
                }),
                true,
            ),
        ];
        for (found, _) in &stages {
            match found[..] {
                [] => {}
                [one] => return Ok(one),
                _ => return Err(self.ambiguous(name, found)),
            }
        }
        Err(Lookup::Missing { name: name.to_owned(), near: self.near(&last) })
    }

    fn matching(&self, fits: impl Fn(&Function) -> bool) -> Vec<&Function> {
        self.functions().iter().filter(|function| fits(function)).collect()
    }

    fn ambiguous(&self, name: &str, found: &[&Function]) -> Lookup {
        let names: BTreeSet<&str> = found.iter().map(|function| function.name()).collect();
        let is_clear = names.len() == found.len();
        let show = |function: &&Function| match function.names.first() {
            Some(first) if !is_clear => format!("{} ({})", first.demangled, first.mangled),
            _ => function.name().to_owned(),
        };
        Lookup::Ambiguous { name: name.to_owned(), candidates: found.iter().map(show).collect() }
    }

    /// Names whose last part is like `last`, the nearest first.
    fn near(&self, last: &str) -> Vec<String> {
        let most = last.len() / 3 + 1;
        let mut near: Vec<(usize, &str)> = Vec::new();
        for name in self.functions().iter().flat_map(|function| &function.names) {
            let part = last_part(&name.demangled);
            let is_part = last.len() > 2 && (part.contains(last) || last.contains(&part));
            let distance = edit_distance(&part, last, most);
            if distance <= most || (is_part && part.len() > 2) {
                near.push((distance.min(most + 1), &name.demangled));
            }
        }
        near.sort_unstable();
        near.dedup();
        near.into_iter().take(MAX_SHOWN).map(|(_, name)| name.to_owned()).collect()
    }
}

/// Letters to insert, delete or replace (Levenshtein), or more than `most`.
fn edit_distance(a: &str, b: &str, most: usize) -> usize {
    if a.len().abs_diff(b.len()) > most {
        return most + 1;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_differ() {
        assert_eq!(edit_distance("kitten", "sitting", 7), 3);
        assert_eq!(edit_distance("sum", "sum", 1), 0);
        assert_eq!(edit_distance("sum", "summation", 1), 2);
    }
}
