//! The crate that a symbol belongs to.
//!
//! A generic function belongs to the crate that wrote it, whatever types it is compiled for: that is where
//! its size can be changed.

use crate::image::Name;

/// The crate that wrote a function; none for what is not Rust: C, assembly, the linker's.
pub fn owner(name: &Name) -> Option<String> {
    let mangled = name.mangled.as_str();
    if let Some(path) = mangled.strip_prefix("_R").or_else(|| mangled.strip_prefix("__R")) {
        // The path of a provided method of a trait begins with a type of any length.
        return of_path(path).or_else(|| of_demangled(&name.demangled));
    }
    // In the older form the crate of an implementation does not stand.
    mangled.starts_with("_ZN").then(|| of_demangled(&name.demangled)).flatten()
}

/// The crate that a mangled path (RFC 2603) is rooted in.
fn of_path(mut path: &str) -> Option<String> {
    loop {
        let mut rest = path.chars();
        let tag = rest.next()?;
        path = rest.as_str();
        match tag {
            // Nested: a namespace, the outer path, a name.
            'N' => path = path.get(1..)?,
            // With arguments: the path, the arguments.
            'I' => {}
            // An implementation: where it stands, the type, perhaps the trait.
            'M' | 'X' => path = without_disambiguator(path)?,
            'C' => {
                let path = without_disambiguator(path)?;
                let digits = path.bytes().take_while(u8::is_ascii_digit).count();
                let (length, name) = path.split_at_checked(digits)?;
                // A name that begins with a digit or `_` has a `_` before it.
                let name = name.strip_prefix('_').unwrap_or(name);
                return name.get(..length.parse().ok()?).map(str::to_owned);
            }
            _ => return None,
        }
    }
}

fn without_disambiguator(path: &str) -> Option<&str> {
    match path.strip_prefix('s') {
        Some(rest) => rest.split_once('_').map(|(_, path)| path),
        None => Some(path),
    }
}

/// The crate at the head of a demangled path. Of `<Type as Trait>::method` that of the type, or of
/// the trait where the type is of the language.
fn of_demangled(name: &str) -> Option<String> {
    match name.strip_prefix('<') {
        None => head(name),
        Some(rest) => {
            let of_trait = split_as(rest);
            // A provided method is the trait's; an implemented one cannot be told from it.
            let of_type = of_trait.map_or(rest, |(of_type, _)| of_type).trim_start_matches('&');
            let of_type = of_type.strip_prefix("mut ").unwrap_or(of_type);
            let is_path = of_type.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '<');
            let own = if is_path { of_demangled(of_type) } else { None };
            own.or_else(|| head(of_trait?.1))
        }
    }
}

/// The two sides of the outermost ` as `.
fn split_as(inside: &str) -> Option<(&str, &str)> {
    let mut depth = 0_i32;
    for (at, letter) in inside.char_indices() {
        match letter {
            '<' | '(' | '[' => depth += 1,
            '>' if inside[..at].ends_with('-') => {}
            '>' | ')' | ']' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return None;
        }
        if depth == 0 && inside[at..].starts_with(" as ") {
            return Some((&inside[..at], &inside[at + 4..]));
        }
    }
    None
}

/// The first name of a path of at least two.
fn head(path: &str) -> Option<String> {
    let (head, _) = path.split_once("::")?;
    let is_name = head.chars().all(|c| c.is_alphanumeric() || c == '_') && !head.is_empty();
    is_name.then(|| head.to_owned())
}

/// The one crate, beside the owner and the standard library, whose types a function was compiled for;
/// none where there are several.
pub fn compiled_for(demangled: &str, owner: &str) -> Option<String> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut found: Option<&str> = None;
    for (at, _) in demangled.match_indices("::") {
        let before = &demangled[..at];
        let start = before.rfind(|c| !is_name(c)).map_or(0, |last| last + 1);
        let name = &before[start..];
        // Whose trait it is says nothing of what it is compiled for.
        let is_inner = before[..start].ends_with("::") || before[..start].ends_with(" as ");
        let is_known = ["std", "core", "alloc", owner].contains(&name);
        if is_inner || name.is_empty() || is_known {
            continue;
        }
        match found {
            Some(other) if other != name => return None,
            _ => found = Some(name),
        }
    }
    found.map(str::to_owned)
}

/// The crate of named data, by its demangled name.
pub fn owner_of_data(demangled: &str) -> Option<String> {
    of_demangled(demangled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_its_writers() {
        for (mangled, expected) in [
            ("_RNvCs6xxl1lAjzDf_1a2a1", Some("a")),
            // <a::V as b::T>::f, the implementation in a
            ("_RNvXCs1_1aNtB2_1VNtCs2_1b1T1f", Some("a")),
            // b::sum::<a::V>
            ("_RINvCs2_1b3sumNtCs1_1a1VE", Some("b")),
            // a closure in an inherent method
            ("_RNCNvMs_Cs1_1aNtB4_1V1f0B4_", Some("a")),
            ("_RNvCsfLfy6EI15iL_7___rustc12___rust_alloc", Some("__rustc")),
            ("_ZN4core3fmt5write17h0123456789abcdefE", Some("core")),
            (
                "_ZN58_$LT$alloc..string..String$u20$as$u20$core..fmt..Write$GT$9write_str17h0123456789abcdefE",
                Some("alloc"),
            ),
            (
                "_ZN42_$LT$$RF$T$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE",
                Some("core"),
            ),
            ("_ZN41_$LT$$RF$mut$u20$a..R$u20$as$u20$b..D$GT$1f17h0123456789abcdefE", Some("a")),
            ("memcpy", None),
            ("_start", None),
        ] {
            assert_eq!(owner(&Name::new(mangled)).as_deref(), expected, "{mangled}");
        }
    }

    #[test]
    fn a_provided_method_of_a_language_type_is_the_traits() {
        // <u8 as b::T>::f
        let name = Name::new("_RNvYhNtCs2_1b1T1f");
        assert_eq!(name.demangled, "<u8 as b::T>::f");
        assert_eq!(owner(&name).as_deref(), Some("b"));
    }

    #[test]
    fn what_it_is_compiled_for_is_told_where_it_is_one_crate() {
        let of = |name: &str| compiled_for(name, "core");
        assert_eq!(of("core::ptr::drop_in_place::<a::V>").as_deref(), Some("a"));
        assert_eq!(
            of("core::ptr::drop_in_place::<alloc::vec::Vec<a::b::V>>").as_deref(),
            Some("a")
        );
        assert_eq!(of("core::ptr::drop_in_place::<(a::V, b::V)>"), None);
        assert_eq!(of("core::fmt::write"), None);
        assert_eq!(of("<u8 as a::T>::make"), None);
        assert_eq!(of("<u8 as a::T<b::V>>::make").as_deref(), Some("b"));
    }
}
