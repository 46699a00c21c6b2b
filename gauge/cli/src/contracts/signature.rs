//! As much of Rust's grammar as is needed to find a function's name.

/// A function's head.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signature<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Whether it has parameters that are types or constants, so that it stands for many functions.
    pub(super) is_generic: bool,
}

/// The head of the public function that this line begins.
pub(super) fn public_function(line: &str) -> Option<Signature<'_>> {
    let mut rest = line.trim_start().strip_prefix("pub ")?;
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("fn ") {
            return name(after.trim_start());
        }
        let (word, after) = rest.split_once(char::is_whitespace)?;
        let is_qualifier =
            ["const", "async", "unsafe", "extern"].contains(&word) || word.starts_with('"');
        rest = is_qualifier.then_some(after)?;
    }
}

fn name(text: &str) -> Option<Signature<'_>> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_start();
    let is_generic = match rest.strip_prefix('<') {
        // Lifetimes leave one function.
        Some(parameters) => {
            let list = parameters.split('>').next().unwrap_or_default();
            list.split(',').any(|parameter| {
                let parameter = parameter.trim_start();
                !parameter.is_empty() && !parameter.starts_with('\'')
            })
        }
        None if rest.starts_with('(') => has_impl_parameter(rest),
        None => return None,
    };
    (!name.is_empty()).then_some(Signature { name, is_generic })
}

fn has_impl_parameter(arguments: &str) -> bool {
    let end = arguments.find("->").unwrap_or(arguments.len());
    arguments[..end].split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "impl")
}

/// Whether `text` names something of the crate `library`: `library::`.
pub(super) fn names_crate(text: &str, library: &str) -> bool {
    let path = format!("{library}::");
    text.match_indices(&path).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_public_function() {
        for (line, expected) in [
            ("pub fn sum(values: &[f64]) -> f64 {", Some(("sum", false))),
            (concat!("  pub const unsafe", " fn f_1() {}"), Some(("f_1", false))),
            ("pub extern \"C\" fn f() {}", Some(("f", false))),
            ("pub fn f<'a>(a: &'a str) -> &'a str", Some(("f", false))),
            ("pub fn f<'a, T: 'a>(a: &'a T)", Some(("f", true))),
            ("pub fn f<const N: usize>()", Some(("f", true))),
            ("pub fn f(values: impl Iterator<Item = u8>)", Some(("f", true))),
            ("pub fn f() -> impl Iterator<Item = u8>", Some(("f", false))),
            ("fn f()", None),
            ("pub(crate) fn f()", None),
            ("pub struct Function(u8);", None),
            ("pub mod a;", None),
        ] {
            let found = public_function(line).map(|s| (s.name, s.is_generic));
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn a_crate_is_named_by_a_whole_word() {
        assert!(names_crate("use mill::sum;", "mill"));
        assert!(names_crate("mill::sum()", "mill"));
        assert!(!names_crate("tide_mill::sum()", "mill"));
        assert!(!names_crate("mill.sum()", "mill"));
    }
}
