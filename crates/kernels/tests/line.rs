//! The battery of `scan`: line protocol.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{Fenced, each_isa, random};
use proptest::prelude::*;
use tidemill_kernels::scan::LineScanner;

/// The grammar, section by section; and whether the text ends in a string.
fn naive(text: &[u8]) -> (Vec<u32>, bool) {
    let (mut found, mut at) = (Vec::new(), 0);
    'lines: while at < text.len() {
        loop {
            match text[at..] {
                [b' ', ..] => found.push(at as u32),
                [b'\t', ..] => {}
                [0xEF, 0xBB, 0xBF, ..] => at += 2,
                _ => break,
            }
            at += 1;
        }
        if text.get(at) == Some(&b'#') {
            at += text[at..].iter().take_while(|byte| **byte != b'\n').count();
        }
        let mut in_fields = false;
        loop {
            match text[at..] {
                [] => return (found, false),
                [b'\n', ..] => {
                    found.push(at as u32);
                    at += 1;
                    continue 'lines;
                }
                [b'\\', b',' | b'=' | b' ', ..] => at += 2,
                [b'=', b'"', ..] if in_fields => {
                    found.push(at as u32);
                    at += 2;
                    loop {
                        match text[at.min(text.len())..] {
                            [] => return (found, true),
                            [b'"', ..] => break,
                            [b'\\', ..] => at += 2,
                            _ => at += 1,
                        }
                    }
                    at += 1;
                }
                [b',' | b'=' | b' ', ..] => {
                    found.push(at as u32);
                    in_fields |= text[at] == b' ';
                    at += 1;
                }
                _ => at += 1,
            }
        }
    }
    (found, false)
}

/// Scans `text` in one piece and cut at `cut`.
fn check(text: &[u8], cut: usize) {
    let (expected, inside) = naive(text);
    let is_newline = |offset: &u32| text[*offset as usize] == b'\n';
    let ends: Vec<u32> = expected.iter().copied().filter(is_newline).collect();
    let (head, tail) = text.split_at(cut.min(text.len()));
    each_isa(|isa| {
        let shown = || format!("{isa:?} {cut} {}", text.escape_ascii());
        let mut scanner = LineScanner::new();
        let mut found = vec![77];
        scanner.scan(text, &mut found);
        assert_eq!(found[1..], expected, "{}", shown());
        assert_eq!(scanner.inside_string(), inside, "{}", shown());

        let mut scanner = LineScanner::new();
        let mut found = Vec::new();
        scanner.scan(head, &mut found);
        let in_head = found.len();
        scanner.scan(tail, &mut found);
        found[in_head..].iter_mut().for_each(|offset| *offset += head.len() as u32);
        assert_eq!(found, expected, "{}", shown());

        let mut scanner = LineScanner::new();
        let mut found = Vec::new();
        scanner.line_ends(head, &mut found);
        let in_head = found.len();
        scanner.line_ends(tail, &mut found);
        found[in_head..].iter_mut().for_each(|offset| *offset += head.len() as u32);
        assert_eq!(found, ends, "{}", shown());
    });
}

#[test]
fn separators_as_the_grammar_has_them() {
    for (text, expected) in [
        ("m,a=b f=1 9\n", vec![1, 3, 5, 7, 9, 11]),
        (r"m\,\ x,a\=1=b\ c f=1", vec![6, 11, 16, 18]),
        (r"a\\,b=1 f=2", vec![5, 7, 9]),
        (r#"m f="a,b= \"c\\",g=2"#, vec![1, 3, 16, 18]),
        ("m f=\"a\nb\" 1\n", vec![1, 3, 9, 11]),
        (r#"m,a="b c="d" 1"#, vec![1, 3, 6, 8, 12]),
        (r#"m,a="b f=1"#, vec![1, 3, 6, 8]),
        ("# a=\"b, c\nm f=1", vec![9, 11, 13]),
        (" \t # m, a\n", vec![0, 2, 9]),
        ("\u{feff}# a b\n\u{feff} m=x f=1", vec![8, 12, 14, 16, 18]),
        (r#"m "a"=1,\"="x y""#, vec![1, 5, 7, 10]),
        ("a\\\nb f=\\\"", vec![2, 4, 6]),
    ] {
        assert_eq!(naive(text.as_bytes()).0, expected, "{text}");
        (0..=text.len()).for_each(|cut| check(text.as_bytes(), cut));
    }
}

/// What a state machine may get wrong, moved over all borders of pieces and blocks.
#[test]
fn escapes_and_strings_across_every_border() {
    for middle in [
        r#"="\\\\\\\"x, \\" "#,
        r#"="\\",g="\"\\\"",h=1 "#,
        r"\\\,\ \=\\ ",
        "=\"\n#\" 1\n# \"x=\" \\\n",
        "=1\n\u{feff}\t # x=\"\n  \t\u{feff}#\n\u{feff}m ",
        "\\",
        "=",
        "=\"",
        "=\"\\",
    ] {
        for before in 0..130 {
            let text = format!("m f{}{middle}f=\"a b\",c=2 3\nn x=4", "x".repeat(before));
            check(text.as_bytes(), before + 4 + before % (middle.len() + 1));
            let text = format!("{}m x=1\nk,t=1 f{middle}", " ".repeat(before));
            check(text.as_bytes(), 64);
        }
    }
}

#[test]
fn runs_of_backslashes_of_every_length() {
    for run in 0..140 {
        let backslashes = "\\".repeat(run);
        check(format!("m f=\"{backslashes}\" g=\"x y\"").as_bytes(), run);
        check(format!("m,{backslashes},{backslashes}=a{backslashes} f=1").as_bytes(), run / 2);
    }
}

const CHARACTERS: &[u8] = b"ab,= \n\"\\#\t=\"\xEF\xBB\xBF";

/// Texts that are plain for the most part, or of nothing but special characters.
fn text(len: usize, random: &mut impl FnMut() -> u64) -> Vec<u8> {
    let special = [0, 2, 30, 100][random() as usize % 4];
    let mut one = || match random() % 100 < special {
        true => CHARACTERS[random() as usize % CHARACTERS.len()],
        false => b"abcdefg,= \n"[random() as usize % 11],
    };
    (0..len).map(|_| one()).collect()
}

#[test]
fn every_length_up_to_an_unreadable_page() {
    let mut random = random(1);
    let mut memory = Fenced::new(300);
    for len in (0..=300).chain(0..=300).chain(0..=300) {
        let text = text(len, &mut random);
        memory.at_both_ends(&text, |text| check(text, random() as usize % (len + 1)));
    }
}

proptest! {
    #[test]
    fn any_text(text in prop::collection::vec(prop::sample::select(CHARACTERS.to_vec()), 0..500), cut in 0usize..500) {
        check(&text, cut);
    }

    #[test]
    fn strings_and_tags(
        lines in prop::collection::vec(r#"[ \t]?[#m]?[a\\]{0,5}(,[t\\"]{1,9}=[v\\" ,=]{1,9}){0,3} (f="([^"\\]|\\"|\\\\){0,40}",)?g=1( [0-9]{1,19})?"#, 1..12),
        cut in 0usize..900,
    ) {
        check(lines.join("\n").as_bytes(), cut);
    }
}
