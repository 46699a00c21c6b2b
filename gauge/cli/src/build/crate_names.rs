//! Crates that Rust source names: paths that begin with them, `use`, `extern crate`, paths in attributes, examples
//! in documentation.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What a source names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Names that paths begin with.
    pub code: BTreeSet<String>,
    /// Those of items under `#[cfg(test)]` and of examples in documentation.
    pub tests: BTreeSet<String>,
    /// Files that it takes in as text.
    pub texts: BTreeSet<String>,
}

/// Reads a source; `None` if it cannot be cut into tokens.
pub fn of_source(text: &str) -> Option<Names> {
    let tokens = flat(text.parse().ok()?);
    let mut names = Names::default();
    let mut docs = String::new();
    let tests = test_items(&tokens);
    attributes(&tokens, &mut names, &mut docs);
    let mut index = 0;
    while index < tokens.len() {
        let is_test = tests.iter().any(|range| range.contains(&index));
        let into = if is_test { &mut names.tests } else { &mut names.code };
        index = root(&tokens, index, into);
    }
    for window in tokens.windows(4) {
        if let [Token::Name(name), Token::Sign('!'), Token::Open(_), Token::Text(file)] = window
            && name == "include_str"
        {
            names.texts.insert(file.clone());
        }
    }
    names.tests.extend(of_document(&docs));
    Some(names)
}

/// The names in the Rust examples of a text in Markdown.
pub fn of_document(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    // Within a fence: the example, or nothing of a text in another language.
    let mut fence: Option<Option<String>> = None;
    for line in text.lines() {
        let line = line.trim_start();
        if let Some(head) = line.strip_prefix("```") {
            fence = match fence.take() {
                Some(example) => {
                    if let Some(found) = example.as_deref().and_then(of_source) {
                        names.extend(found.code);
                        names.extend(found.tests);
                    }
                    None
                }
                None => Some(is_rust(head).then(String::new)),
            };
        } else if let Some(Some(code)) = &mut fence {
            // Lines that documentation hides.
            let line = line.strip_prefix("# ").unwrap_or(line);
            code.push_str(if line == "#" { "" } else { line });
            code.push('\n');
        }
    }
    names
}

fn is_rust(head: &str) -> bool {
    let known = [
        "rust",
        "no_run",
        "should_panic",
        "compile_fail",
        "edition2018",
        "edition2021",
        "edition2024",
    ];
    head.trim().split([',', ' ']).filter(|word| !word.is_empty()).all(|word| known.contains(&word))
}

/// What matters of a token.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    /// `::`
    Path,
    Sign(char),
    Open(Delimiter),
    Close(Delimiter),
    Text(String),
    Other,
}

fn flat(stream: TokenStream) -> Vec<Token> {
    fn push(stream: TokenStream, tokens: &mut Vec<Token>) {
        for tree in stream {
            match tree {
                TokenTree::Group(group) => {
                    tokens.push(Token::Open(group.delimiter()));
                    push(group.stream(), tokens);
                    tokens.push(Token::Close(group.delimiter()));
                }
                TokenTree::Ident(name) => {
                    let name = name.to_string();
                    tokens.push(Token::Name(name.strip_prefix("r#").unwrap_or(&name).to_owned()));
                }
                TokenTree::Punct(sign)
                    if sign.as_char() == ':' && tokens.last() == Some(&Token::Sign(':')) =>
                {
                    tokens.pop();
                    tokens.push(Token::Path);
                }
                TokenTree::Punct(sign) => tokens.push(Token::Sign(sign.as_char())),
                TokenTree::Literal(literal) => tokens.push(text(&literal.to_string())),
            }
        }
    }
    let mut tokens = Vec::new();
    push(stream, &mut tokens);
    tokens
}

fn text(literal: &str) -> Token {
    if let Some(raw) = literal.strip_prefix('r') {
        let raw = raw.trim_matches('#');
        if let Some(raw) = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
            return Token::Text(raw.to_owned());
        }
    }
    match literal.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(text) => {
            let pairs =
                [("\\n", "\n"), ("\\t", "\t"), ("\\\"", "\""), ("\\'", "'"), ("\\\\", "\\")];
            let text =
                pairs.into_iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
            Token::Text(text)
        }
        None => Token::Other,
    }
}

/// Looks at one token; the index of the next to look at.
fn root(tokens: &[Token], index: usize, names: &mut BTreeSet<String>) -> usize {
    let Token::Name(name) = &tokens[index] else { return index + 1 };
    let before = index.checked_sub(1).map(|before| &tokens[before]);
    let is_member = matches!(before, Some(Token::Sign('.')));
    match (name.as_str(), tokens.get(index + 1)) {
        ("use", Some(next)) if !is_member && *next != Token::Sign('<') => {
            return use_tree(tokens, index + 1, true, names);
        }
        ("crate", Some(Token::Name(krate)))
            if before == Some(&Token::Name("extern".to_owned())) =>
        {
            names.insert(krate.clone());
        }
        (_, Some(Token::Path)) if !is_member && begins_path(tokens, index) => {
            names.insert(name.clone());
        }
        _ => {}
    }
    index + 1
}

/// Whether the name at `index` begins a path: nothing is before it, or a `::` that begins one itself.
fn begins_path(tokens: &[Token], index: usize) -> bool {
    let before = |back: usize| index.checked_sub(back).map(|at| &tokens[at]);
    if before(1) != Some(&Token::Path) {
        return true;
    }
    match before(2) {
        // `->` and `=>` end nothing.
        Some(Token::Sign('>')) => matches!(before(3), Some(Token::Sign('-' | '='))),
        Some(Token::Close(delimiter)) => *delimiter == Delimiter::Brace,
        Some(Token::Name(_)) => false,
        _ => true,
    }
}

/// A tree of `use` that begins at `index`: its first names, where it `is_root`. Returns the index after it.
fn use_tree(
    tokens: &[Token],
    mut index: usize,
    is_root: bool,
    names: &mut BTreeSet<String>,
) -> usize {
    let mut is_root = is_root;
    loop {
        match tokens.get(index) {
            Some(Token::Path) => index += 1,
            Some(Token::Name(name)) if name == "as" => index += 2,
            Some(Token::Name(name)) => {
                if is_root {
                    names.insert(name.clone());
                }
                is_root = false;
                index += 1;
            }
            Some(Token::Open(Delimiter::Brace)) => {
                index += 1;
                while let Some(token) = tokens.get(index) {
                    match token {
                        Token::Close(_) => {
                            index += 1;
                            break;
                        }
                        Token::Sign(',') => index += 1,
                        _ => {
                            let after = use_tree(tokens, index, is_root, names);
                            index = after.max(index + 1);
                        }
                    }
                }
                return index;
            }
            Some(Token::Sign('*')) => return index + 1,
            _ => return index,
        }
    }
}

/// Where items under `#[cfg(test)]` stand: to the end of a block or to a semicolon.
fn test_items(tokens: &[Token]) -> Vec<std::ops::Range<usize>> {
    let name = |index: usize, name: &str| tokens.get(index) == Some(&Token::Name(name.to_owned()));
    let mut items = Vec::new();
    for index in 0..tokens.len() {
        let is_attribute = tokens[index] == Token::Sign('#') && name(index + 2, "cfg");
        if !is_attribute
            || !name(index + 4, "test")
            || tokens.get(index + 5) != Some(&Token::Close(Delimiter::Parenthesis))
        {
            continue;
        }
        let (mut at, mut depth) = (index + 7, 0);
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                Token::Open(_) => depth += 1,
                Token::Close(Delimiter::Brace) if depth <= 1 => break,
                Token::Close(_) if depth == 0 => break,
                Token::Close(_) => depth -= 1,
                Token::Sign(';') if depth == 0 => break,
                _ => {}
            }
        }
        items.push(index..at);
    }
    items
}

/// Text in attributes: documentation, and paths such as that of `#[serde(with = "…")]`.
fn attributes(tokens: &[Token], names: &mut Names, docs: &mut String) {
    // Brackets that are open within an attribute, its own among them.
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate() {
        let before = |back: usize| index.checked_sub(back).map(|at| &tokens[at]);
        let text = match token {
            Token::Open(Delimiter::Bracket) if depth == 0 => {
                let is_inner = before(1) == Some(&Token::Sign('!'));
                depth =
                    usize::from(before(if is_inner { 2 } else { 1 }) == Some(&Token::Sign('#')));
                continue;
            }
            Token::Open(_) if depth > 0 => {
                depth += 1;
                continue;
            }
            Token::Close(_) if depth > 0 => {
                depth -= 1;
                continue;
            }
            Token::Text(text) if depth > 0 => text,
            _ => continue,
        };
        let (Some(Token::Name(key)), Some(Token::Sign('='))) = (before(2), before(1)) else {
            continue;
        };
        if key == "doc" {
            docs.push_str(text.strip_prefix(' ').unwrap_or(text));
            docs.push('\n');
        } else if let Ok(stream) = text.parse::<TokenStream>() {
            let inner = flat(stream);
            let is_path = inner.iter().all(|token| matches!(token, Token::Name(_) | Token::Path));
            let first = inner.iter().find_map(|token| match token {
                Token::Name(name) => Some(name),
                _ => None,
            });
            let is_crate =
                inner.contains(&Token::Path) || ["with", "crate"].contains(&key.as_str());
            if let Some(first) = first.filter(|_| is_path && is_crate) {
                names.code.insert(first.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, code: &[&str], tests: &[&str]) {
        let names = of_source(source).unwrap();
        let sorted = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>();
        assert_eq!(
            (sorted(&names.code), sorted(&names.tests)),
            (
                code.iter().map(|s| (*s).to_owned()).collect(),
                tests.iter().map(|s| (*s).to_owned()).collect()
            ),
            "{source}"
        );
    }

    #[test]
    fn crates_are_what_paths_begin_with() {
        check("use a::b; use c; use d as e; use ::f::g;", &["a", "c", "d", "f"], &[]);
        check("use {a, b::{c, d}, e::*};", &["a", "b", "e"], &[]);
        check("use std::{time, fmt::{self, log}};", &["std"], &[]);
        check("extern crate a; pub use b as _;", &["a", "b"], &[]);
        check(
            "fn f(x: a::B) -> ::c::D { e::f!(g::h()); x.i::<j::K>() }",
            &["a", "c", "e", "g", "j"],
            &[],
        );
        check("fn f() { std::log::x(); let time = 1; <A as B>::c::d(); }", &["std"], &[]);
        check("macro_rules! m { ($x:ident) => { $crate::a!(); b::c!($x) } }", &["b", "crate"], &[]);
        check("#[derive(a::B)] #[c::d] struct S;", &["a", "c"], &[]);
        check("// a::b\n/* c::d */ const X: &str = \"e::f use g;\";", &[], &[]);
        check("fn f() -> impl Sized + use<'_> { r#a::b() }", &["a"], &[]);
    }

    #[test]
    fn attributes_name_crates_by_path() {
        check("#[serde(with = \"a\")] #[serde(default = \"b::c\")] struct S;", &["a", "b"], &[]);
        check("fn f() { let path = \"a::b\"; let with = [\"c\"]; }", &[], &[]);
        check("#[cfg(feature = \"a\")] #[serde(rename = \"b\")] struct S;", &[], &[]);
    }

    #[test]
    fn tests_and_examples_stand_apart() {
        check(
            "use a::b; #[cfg(test)] mod tests { use c::d; mod e { fn f() { g::h() } } } use i::j;",
            &["a", "i"],
            &["c", "g"],
        );
        check("#[cfg(test)] use a::b; fn f() { c::d() }", &["c"], &["a"]);
        check("#[cfg(not(test))] use a::b;", &["a"], &[]);
        let example = "/// Text, a::b.\n/// ```\n/// # use c::d;\n/// e::f(\"g::h\");\n/// ```\n/// ```console\n/// i::j\n/// ```\nfn f() {}";
        check(example, &[], &["c", "e"]);
    }

    #[test]
    fn texts_that_are_taken_in_are_found() {
        let names = of_source("#[doc = include_str!(\"../README.md\")] struct S;").unwrap();
        assert!(names.texts.contains("../README.md"));
        assert_eq!(
            of_document("```rust\nuse a::b;\n```\n```sh\nc::d\n```\n")
                .into_iter()
                .collect::<Vec<_>>(),
            ["a"]
        );
        assert_eq!(of_source("fn f( {"), None);
    }
}
