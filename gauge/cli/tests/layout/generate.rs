//! A crate of types generated at random, which prints what the compiler says of each.

use std::fmt::Write;

/// A generator of numbers: SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

/// A type as it is written, as debug information calls it, and a value of it.
#[derive(Clone)]
struct Known {
    written: String,
    called: String,
    value: String,
    /// Whether a packed struct may have it: nothing in it is `repr(align)`.
    is_plain: bool,
}

/// Types of the library and the language.
const LEAVES: &[(&str, &str, &str)] = &[
    ("u8", "u8", "1"),
    ("u8", "u8", "1"),
    ("u16", "u16", "1"),
    ("u32", "u32", "1"),
    ("u64", "u64", "1"),
    ("u128", "u128", "1"),
    ("i8", "i8", "-1"),
    ("i64", "i64", "-1"),
    ("usize", "usize", "1"),
    ("f32", "f32", "1.0"),
    ("f64", "f64", "1.0"),
    ("bool", "bool", "true"),
    ("char", "char", "'a'"),
    ("()", "()", "()"),
    ("[u8; 3]", "[u8; 3]", "[1; 3]"),
    ("[u16; 5]", "[u16; 5]", "[1; 5]"),
    ("[[u8; 3]; 2]", "[[u8; 3]; 2]", "[[1; 3]; 2]"),
    ("[u64; 0]", "[u64; 0]", "[]"),
    ("&'static str", "&str", "\"a\""),
    ("&'static u8", "&u8", "&1"),
    ("*const u8", "*const u8", "std::ptr::null()"),
    ("fn() -> u8", "fn() -> u8", "one"),
    ("String", "alloc::string::String", "String::new()"),
    ("Box<u32>", "alloc::boxed::Box<u32, alloc::alloc::Global>", "Box::new(1)"),
    ("Option<bool>", "core::option::Option<bool>", "None"),
    ("std::cmp::Ordering", "core::cmp::Ordering", "std::cmp::Ordering::Less"),
];

/// The crate's source, as it grows.
pub(crate) struct Source {
    random: Random,
    types: Vec<Known>,
    definitions: String,
    prints: String,
}

impl Source {
    /// A library of `count` types; its function `print` says what they are.
    pub(crate) fn generate(seed: u64, count: usize) -> String {
        let mut source = Self {
            random: Random(seed),
            types: Vec::new(),
            definitions: String::new(),
            prints: String::new(),
        };
        for number in 0..count {
            source.add(number);
        }
        format!(
            "#![allow(dead_code)]\nuse std::hint::black_box;\nuse std::mem::{{align_of, offset_of, size_of}};\n\
             pub fn one() -> u8 {{ 1 }}\n{}\n{}",
            source.definitions, source.prints
        ) + &format!(
            "pub fn print() {{ {} }}\n",
            (0..count).fold(String::new(), |mut all, number| {
                _ = write!(all, "print_{number}(); ");
                all
            })
        )
    }

    fn add(&mut self, number: usize) {
        let (found, prints) = match self.random.below(10) {
            0..3 => self.structure(number),
            3 => self.tuple(number),
            4..8 => self.data_enum(number),
            8 => self.plain_enum(number),
            _ => self.generic(number),
        };
        let Known { written, called, value, .. } = &found;
        _ = write!(
            self.prints,
            "pub fn keep_{number}(kept: &{written}) {{ black_box(kept); }}\n\
             pub fn print_{number}() {{\n    keep_{number}(&{value});\n    \
             println!(\"type\\t{called}\\t{{}}\\t{{}}\", size_of::<{written}>(), align_of::<{written}>());\n\
             {prints}}}\n"
        );
        self.types.push(found);
    }

    /// A type for a field: of the library, or one that there is already.
    fn field(&mut self, is_packed: bool) -> Known {
        let of_its_own = self.random.below(4) == 0;
        if of_its_own && !self.types.is_empty() {
            let found = self.random.pick(&self.types);
            if found.is_plain || !is_packed {
                return found;
            }
        }
        let (written, called, value) = self.random.pick(LEAVES);
        let [written, called, value] = [written, called, value].map(str::to_owned);
        Known { written, called, value, is_plain: true }
    }

    fn fields(&mut self, least: usize, is_packed: bool) -> Vec<Known> {
        let count = least + self.random.below(6);
        (0..count).map(|_| self.field(is_packed)).collect()
    }

    fn structure(&mut self, number: usize) -> (Known, String) {
        let reprs = [
            "",
            "",
            "",
            "C",
            "C",
            "C, packed",
            "packed(2)",
            "packed",
            "align(32)",
            "C, align(8)",
            "align(128)",
        ];
        let repr = self.random.pick(&reprs);
        let is_packed = repr.contains("packed");
        let fields = self.fields(0, is_packed);
        let attribute = if repr.is_empty() { String::new() } else { format!("#[repr({repr})] ") };
        let is_tuple = self.random.below(2) == 0;
        let mut name = format!("T{number}");
        let (body, value) = bodies(&fields, is_tuple);
        let end = if is_tuple { ";" } else { "" };
        _ = writeln!(self.definitions, "{attribute}pub struct {name}{body}{end}");
        let prints = offsets(&name, &fields, is_tuple);
        let is_plain = !repr.contains("align") && fields.iter().all(|field| field.is_plain);
        let value = format!("{name}{value}");
        let called = format!("types::{name}");
        if self.random.below(8) == 0 {
            // The type itself is what the option holds.
            let of = Known { written: name.clone(), called, value, is_plain };
            name = format!("Option<{name}>");
            let field = "    println!(\"kind\\tenum\");\n".to_owned();
            let called = format!("core::option::Option<{}>", of.called);
            return (
                Known { written: name, called, value: format!("Some({})", of.value), is_plain },
                field,
            );
        }
        (Known { written: name, called, value, is_plain }, prints)
    }

    fn tuple(&mut self, _: usize) -> (Known, String) {
        let fields = self.fields(2, false);
        let list = |part: fn(&Known) -> &str| {
            let parts: Vec<&str> = fields.iter().map(part).collect();
            format!("({})", parts.join(", "))
        };
        let written = list(|field| &field.written);
        let prints = offsets(&written, &fields, true);
        let is_plain = fields.iter().all(|field| field.is_plain);
        let (called, value) = (list(|field| &field.called), list(|field| &field.value));
        (Known { written, called, value, is_plain }, prints)
    }

    fn data_enum(&mut self, number: usize) -> (Known, String) {
        let repr = self.random.pick(&["", "", "", "C", "u8", "i16", "C, u64"]);
        let attribute = if repr.is_empty() { String::new() } else { format!("#[repr({repr})] ") };
        let name = format!("T{number}");
        let mut prints = "    println!(\"kind\\tenum\");\n".to_owned();
        let mut body = String::new();
        let mut some = String::new();
        let mut is_plain = true;
        for variant in 0..1 + self.random.below(5) {
            // Variants without data make room for a niche in one that has some.
            let fields = match self.random.below(3) {
                0 => Vec::new(),
                _ => self.fields(1, false),
            };
            is_plain &= fields.iter().all(|field| field.is_plain);
            let is_tuple = self.random.below(2) == 0;
            let (types, value) = bodies(&fields, is_tuple);
            _ = write!(body, "V{variant}{}, ", types.replace("pub ", ""));
            _ = writeln!(prints, "    {{ let whole = {name}::V{variant}{value};");
            let names: Vec<String> = (0..fields.len()).map(|at| format!("f{at}")).collect();
            let pattern = match is_tuple {
                true => format!("({})", names.join(", ")),
                false => format!("{{{}}}", names.join(", ")),
            };
            _ = writeln!(prints, "    #[allow(irrefutable_let_patterns)]");
            _ = writeln!(prints, "    if let {name}::V{variant}{pattern} = &whole {{");
            for (at, field) in names.iter().enumerate() {
                let shown = if is_tuple { at.to_string() } else { field.clone() };
                _ = writeln!(
                    prints,
                    "        println!(\"field\\tV{variant}\\t{shown}\\t{{}}\\t{{}}\", \
                     &raw const *{field} as *const u8 as usize - &raw const whole as usize, size_of_val({field}));"
                );
            }
            _ = writeln!(prints, "    }} }}");
            some = format!("{name}::V{variant}{value}");
        }
        _ = writeln!(self.definitions, "{attribute}pub enum {name} {{ {body}}}");
        let called = format!("types::{name}");
        (Known { written: name, called, value: some, is_plain }, prints)
    }

    fn plain_enum(&mut self, number: usize) -> (Known, String) {
        let name = format!("T{number}");
        let (repr, values): (&str, &[&str]) = match self.random.below(4) {
            0 => ("", &["", "", ""]),
            1 => ("", &[" = -200", " = 7", " = 300"]),
            2 => ("#[repr(u8)] ", &[" = 255", " = 0"]),
            _ => ("#[repr(i64)] ", &[" = -1", " = 0x7fff_ffff_ffff"]),
        };
        let variants = values.iter().enumerate().map(|(at, value)| format!("V{at}{value}, "));
        let variants: String = variants.collect();
        _ = writeln!(self.definitions, "{repr}pub enum {name} {{ {variants}}}");
        let mut prints = "    println!(\"kind\\tenum\");\n".to_owned();
        for at in 0..values.len() {
            _ = writeln!(prints, "    println!(\"value\\tV{at}\\t{{}}\", {name}::V{at} as i64);");
        }
        let (called, value) = (format!("types::{name}"), format!("{name}::V0"));
        (Known { written: name, called, value, is_plain: true }, prints)
    }

    fn generic(&mut self, number: usize) -> (Known, String) {
        let (a, b) = (self.field(false), self.field(false));
        let name = format!("T{number}");
        let own = self.field(false);
        _ = writeln!(
            self.definitions,
            "pub struct {name}<A, B> {{ pub f0: A, pub f1: {}, pub f2: B, pub f3: A }}",
            own.written
        );
        let fields = [a.clone(), own, b.clone(), a.clone()];
        let (_, value) = bodies(&fields, false);
        let written = format!("{name}<{}, {}>", a.written, b.written);
        let called = format!("types::{name}<{}, {}>", a.called, b.called);
        let prints = offsets(&written, &fields, false);
        let is_plain = fields.iter().all(|field| field.is_plain);
        (Known { written, called, value: format!("{name}{value}"), is_plain }, prints)
    }
}

/// The fields of a struct or variant, and values for them.
fn bodies(fields: &[Known], is_tuple: bool) -> (String, String) {
    let list = |part: &dyn Fn(usize, &Known) -> String| {
        let parts: Vec<String> = fields.iter().enumerate().map(|(at, f)| part(at, f)).collect();
        parts.join(", ")
    };
    if is_tuple {
        let types = list(&|_, field| format!("pub {}", field.written));
        return (format!("({types})"), format!("({})", list(&|_, field| field.value.clone())));
    }
    let types = list(&|at, field| format!("pub f{at}: {}", field.written));
    let values = list(&|at, field| format!("f{at}: {}", field.value));
    (format!(" {{ {types} }}"), format!(" {{ {values} }}"))
}

/// Prints offset and size of each field.
fn offsets(written: &str, fields: &[Known], is_tuple: bool) -> String {
    let mut prints = "    println!(\"kind\\tstruct\");\n".to_owned();
    for (at, field) in fields.iter().enumerate() {
        let name = if is_tuple { at.to_string() } else { format!("f{at}") };
        _ = writeln!(
            prints,
            "    println!(\"field\\t\\t{name}\\t{{}}\\t{{}}\", offset_of!({written}, {name}), size_of::<{}>());",
            field.written
        );
    }
    prints
}
