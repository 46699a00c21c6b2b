//! Names of functions: as the compiler mangled them, and as people write them.

/// A function's name in both forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// As it stands in the symbol table.
    pub mangled: String,
    /// As people write it, without hashes.
    pub demangled: String,
}

impl Name {
    /// Takes a name from a symbol table.
    pub fn new(mangled: &str) -> Self {
        Self { mangled: mangled.to_owned(), demangled: demangle(mangled) }
    }
}

/// The name as people write it, without the compiler's hashes; other names are left as they are.
pub fn demangle(mangled: &str) -> String {
    // A version stands behind imported names: `memcpy@GLIBC_2.14`.
    let bare = mangled.split_once('@').map_or(mangled, |(bare, _)| bare);
    format!("{:#}", rustc_demangle::demangle(bare))
}

/// The name without the brackets of an inherent method's type: `<a::Point>::length` is `a::Point::length`.
pub(super) fn without_self_brackets(name: &str) -> Option<String> {
    let rest = name.strip_prefix('<')?;
    let close = closing(rest)?;
    let (inside, after) = (&rest[..close], &rest[close + 1..]);
    (!contains_as(inside)).then(|| format!("{inside}{after}"))
}

/// The name without generic arguments: `a::sum::<f64>` is `a::sum`. Brackets around a type and its trait
/// are kept.
pub(crate) fn without_generics(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut depth = 0_u32;
    let mut kept = 0_u32;
    let mut before = ' ';
    for letter in name.chars() {
        match letter {
            // Arguments stand behind a name; brackets anywhere else are around a type.
            '<' if depth == 0 && " <&*([,".contains(before) => {
                kept += 1;
                plain.push(letter);
            }
            '<' => depth += 1,
            '>' if before == '-' && depth == 0 => plain.push(letter),
            '>' if before == '-' => {}
            '>' if depth > 0 => depth -= 1,
            '>' if kept > 0 => {
                kept -= 1;
                plain.push(letter);
            }
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
        before = letter;
    }
    while plain.contains("::::") {
        plain = plain.replace("::::", "::");
    }
    plain.trim_end_matches("::").to_owned()
}

/// The last part of a path: `sum` of `a::sum::<f64>`.
pub(super) fn last_part(name: &str) -> String {
    let plain = without_generics(name);
    plain.rsplit("::").next().unwrap_or_default().to_owned()
}

fn closing(text: &str) -> Option<usize> {
    let mut depth = 1_u32;
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' if before == '-' => {}
            '>' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
        before = letter;
    }
    None
}

/// Whether ` as ` stands at the outermost level: a trait's method.
fn contains_as(inside: &str) -> bool {
    let mut depth = 0_i32;
    inside.char_indices().any(|(at, letter)| {
        depth += match letter {
            '<' => 1,
            '>' => -1,
            _ => 0,
        };
        depth == 0 && inside[at..].starts_with(" as ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_versions_are_dropped() {
        assert_eq!(demangle("_RNvCs6xxl1lAjzDf_1a2a1"), "a::a1");
        assert_eq!(demangle("_ZN4core3fmt5write17h0123456789abcdefE"), "core::fmt::write");
        assert_eq!(demangle("memcpy@GLIBC_2.14"), "memcpy");
        assert_eq!(demangle("_RNvCsfLfy6EI15iL_7___rustc12___rust_alloc"), "__rustc::__rust_alloc");
    }

    #[test]
    fn names_are_found_without_brackets() {
        assert_eq!(without_self_brackets("<a::P>::len").as_deref(), Some("a::P::len"));
        assert_eq!(without_self_brackets("<a::P as a::T>::len"), None);
        assert_eq!(without_self_brackets("a::len"), None);
        assert_eq!(without_generics("a::sum::<f64>"), "a::sum");
        assert_eq!(without_generics("<a::V<f64> as a::T>::sum::<u8>"), "<a::V as a::T>::sum");
        assert_eq!(without_generics("a::f::<fn(u8) -> u8>::{closure#0}"), "a::f::{closure#0}");
        assert_eq!(
            without_generics("<<a::V<u8> as a::T>::make::Made as b::U<u8>>::go"),
            "<<a::V as a::T>::make::Made as b::U>::go"
        );
        assert_eq!(without_generics("a::{closure_env#0}<u8>"), "a::{closure_env#0}");
        assert_eq!(last_part("<a::V<f64> as a::T>::sum::<u8>"), "sum");
    }
}
