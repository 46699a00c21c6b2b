//! Finding types by the name that people write.

use super::Type;
use crate::image::without_generics;

/// The types of that name: the whole path or its end from a `::` on; without generic arguments, all that
/// differ in those. The strictest reading that finds any decides.
pub fn find<'a>(types: &'a [Type], name: &str) -> Vec<&'a Type> {
    let name = plain(name);
    let is_end = |whole: &str, end: &str| {
        let rest = whole.strip_suffix(end);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
    };
    let matching = |fits: &dyn Fn(&Type) -> bool| -> Vec<&'a Type> {
        types.iter().filter(|found| fits(found)).collect()
    };
    let stages: [&dyn Fn(&Type) -> bool; 3] = [
        &|found| plain(&found.name) == name,
        &|found| is_end(&plain(&found.name), &name),
        &|found| is_end(&without_generics(&found.name), &name),
    ];
    stages.into_iter().map(matching).find(|found| !found.is_empty()).unwrap_or_default()
}

/// Names that are like it, the nearest first.
pub fn near(types: &[Type], name: &str) -> Vec<String> {
    let wanted = last(&without_generics(name)).to_lowercase();
    let mut near: Vec<(f64, &str)> = types
        .iter()
        .map(|found| {
            let own = without_generics(&found.name);
            (strsim::jaro_winkler(&last(&own).to_lowercase(), &wanted), found.name.as_str())
        })
        .filter(|(likeness, _)| *likeness > 0.85)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.dedup();
    near.into_iter().take(8).map(|(_, name)| name.to_owned()).collect()
}

/// Without blanks, which people put where the compiler has none.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_whitespace()).collect()
}

fn last(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Shape;

    #[test]
    fn a_type_is_found_by_path_end_and_without_arguments() {
        let names =
            ["a::Pair<a::b::Item, u8>", "a::Pair<u8, u8>", "a::b::Item", "c::Item", "(u8, u32)"];
        let types: Vec<Type> = names
            .iter()
            .map(|name| {
                let shape = Shape::Struct(Vec::new());
                Type { name: (*name).to_owned(), krate: None, size: 0, align: None, shape }
            })
            .collect();
        let found = |name: &str| -> Vec<&str> {
            find(&types, name).into_iter().map(|found| found.name.as_str()).collect()
        };
        assert_eq!(found("a::b::Item"), ["a::b::Item"]);
        assert_eq!(found("Item"), ["a::b::Item", "c::Item"]);
        assert_eq!(found("Pair<u8,u8>"), ["a::Pair<u8, u8>"]);
        assert_eq!(found("Pair"), names[..2]);
        assert_eq!(found("( u8, u32 )"), ["(u8, u32)"]);
        assert_eq!(found("air"), Vec::<&str>::new());
        assert_eq!(near(&types, "x::Itm"), ["a::b::Item", "c::Item"]);
    }
}
