//! What a type's layout costs, and what would be smaller.

use super::{Field, Shape, Tag, Type, Variant};

/// Bytes of a cache line.
pub const LINE: u64 = 64;
/// The least gain that boxing a variant is proposed for: an allocation costs more than the
/// line it saves.
const MIN_BOXING_GAIN: u64 = LINE;

/// What a layout costs. All figures are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// What no field uses: in an enum, what is used in no variant. That of fields is their types' own.
    pub padding: u64,
    /// Where that lies, the end included: offset and size.
    pub holes: Vec<(u64, u64)>,
    /// The part of it at the end.
    pub tail: u64,
    /// By how much an enum's largest variant reaches beyond the next.
    pub slack: u64,
    /// Its variants, in their order: the first byte behind each one's data, and what it leaves unused.
    pub variants: Vec<(u64, u64)>,
    /// Cache lines it touches when it begins one.
    pub lines: u64,
    /// The most it touches wherever its alignment lets it begin.
    pub worst_lines: Option<u64>,
    /// Fields that lie on two lines although they would fit one, when the type begins a line.
    pub straddling: Vec<String>,
    /// What would be smaller.
    pub advice: Advice,
}

/// What can be done about a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// Nothing is gained by another order: why.
    Nothing(&'static str),
    /// It cannot be told: why.
    Unknown(&'static str),
    /// Fields lie as they are declared, and in this order they take less.
    Reorder {
        /// The variant whose fields they are.
        variant: Option<String>,
        /// The fields' names.
        order: Vec<String>,
        /// The type's size then.
        size: u64,
    },
    /// A variant's data in a box makes the type smaller.
    Box {
        /// The variant.
        variant: String,
        /// The most that the type takes then.
        size: u64,
    },
}

impl Analysis {
    /// Looks at a type.
    pub fn of(found: &Type) -> Self {
        let (used, variants, slack) = match &found.shape {
            Shape::Struct(fields) | Shape::Union(fields) => (spans(fields), Vec::new(), 0),
            Shape::Enum { tag, variants } => of_enum(found, tag.as_ref(), variants),
        };
        let holes = holes(used, found.size);
        let padding = holes.iter().map(|(_, size)| size).sum();
        let last = holes.last().filter(|(at, size)| at + size == found.size);
        let tail = last.map_or(0, |(_, size)| *size);
        let span = found.align.map(|align| match found.size {
            0 => 0,
            size => (size + LINE - align.min(LINE)).div_ceil(LINE),
        });
        Self {
            padding,
            tail,
            slack,
            variants,
            lines: found.size.div_ceil(LINE),
            worst_lines: span,
            straddling: straddling(&found.shape),
            advice: advice(found, &holes),
            holes,
        }
    }

    /// The variants that reach farthest and next farthest: their indices.
    pub fn largest(&self) -> Option<(usize, usize)> {
        let mut order: Vec<usize> = (0..self.variants.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(self.variants.get(*at).map(|(end, _)| *end)));
        match order[..] {
            [largest, next, ..] => Some((largest, next)),
            _ => None,
        }
    }

    /// What the table is sorted by: bytes that nothing uses, and what the largest variant costs the others.
    pub fn wasted(&self) -> u64 {
        self.padding + self.slack
    }
}

/// The bytes that fields cover.
fn spans(fields: &[Field]) -> Vec<(u64, u64)> {
    fields.iter().map(|field| (field.offset, field.end())).collect()
}

fn tag_span(tag: Option<&Tag>) -> Option<(u64, u64)> {
    tag.map(|tag| (tag.offset, tag.offset + tag.size.unwrap_or(0)))
}

/// Bytes that any variant uses; of each variant its end and what it leaves unused; the slack.
type OfEnum = (Vec<(u64, u64)>, Vec<(u64, u64)>, u64);

fn of_enum(found: &Type, tag: Option<&Tag>, variants: &[Variant]) -> OfEnum {
    let mut used = Vec::new();
    let mut ends = Vec::new();
    for variant in variants {
        let mut spans = spans(&variant.fields);
        spans.extend(tag_span(tag));
        let end = spans.iter().map(|(_, end)| *end).max().unwrap_or(0);
        used.extend(spans.iter().copied());
        let unused = holes(spans, found.size).iter().map(|(_, size)| size).sum();
        ends.push((end, unused));
    }
    let mut sorted: Vec<u64> = ends.iter().map(|(end, _)| *end).collect();
    sorted.sort_unstable();
    let slack = match sorted[..] {
        [.., next, largest] => largest - next,
        _ => 0,
    };
    used.extend(tag_span(tag));
    (used, ends, slack)
}

/// What lies between and behind the spans, up to `size`: offset and size.
fn holes(mut spans: Vec<(u64, u64)>, size: u64) -> Vec<(u64, u64)> {
    spans.sort_unstable();
    let mut holes = Vec::new();
    let mut end = 0;
    for (from, to) in spans {
        if from > end {
            holes.push((end, from - end));
        }
        end = end.max(to);
    }
    if size > end {
        holes.push((end, size - end));
    }
    holes
}

fn straddling(shape: &Shape) -> Vec<String> {
    let is_over = |field: &&Field| {
        let size = field.size.unwrap_or(0);
        (1..=LINE).contains(&size) && field.offset / LINE != (field.end() - 1) / LINE
    };
    match shape {
        Shape::Struct(fields) | Shape::Union(fields) => {
            fields.iter().filter(is_over).map(|field| field.name.clone()).collect()
        }
        Shape::Enum { variants, .. } => variants
            .iter()
            .flat_map(|variant| {
                let over = variant.fields.iter().filter(is_over);
                over.map(|field| format!("{}.{}", variant.name, field.name))
            })
            .collect(),
    }
}

fn advice(found: &Type, holes: &[(u64, u64)]) -> Advice {
    let Some(align) = found.align else { return Advice::Unknown("its alignment is not known") };
    match &found.shape {
        Shape::Union(_) => Advice::Nothing("a union is as large as its largest field"),
        Shape::Struct(fields) => of_struct(found.size, align, fields, holes),
        Shape::Enum { variants, .. } if holes.is_empty() && variants.len() < 2 => {
            Advice::Nothing("no byte is lost")
        }
        Shape::Enum { tag, variants } => {
            let reorder = tag.as_ref().filter(|tag| !tag.is_niche);
            reorder
                .and_then(|tag| reorder_variant(found.size, align, tag, variants))
                .or_else(|| box_variant(found.size, tag.as_ref(), variants))
                .unwrap_or(Advice::Nothing("neither another order nor a box makes it smaller"))
        }
    }
}

fn of_struct(size: u64, align: u64, fields: &[Field], holes: &[(u64, u64)]) -> Advice {
    if fields.iter().any(|field| field.size.is_none() || field.align.is_none()) {
        return Advice::Unknown("a field's size is not known: it may be unsized");
    }
    if holes.is_empty() {
        return Advice::Nothing("no byte is lost");
    }
    let most = fields.iter().filter_map(|field| field.align).max().unwrap_or(1);
    // In the order of their alignments there are no holes: a size is a multiple of its alignment.
    let least = fields.iter().filter_map(|field| field.size).sum::<u64>().next_multiple_of(align);
    if least < size {
        let order = by_alignment(fields, true).iter().map(|field| field.name.clone()).collect();
        return Advice::Reorder { variant: None, order, size: least };
    }
    Advice::Nothing(if align > most {
        "it is aligned to more than its fields want: repr(align)"
    } else {
        "no order is smaller: a size is a multiple of the alignment"
    })
}

fn by_alignment(fields: &[Field], largest_first: bool) -> Vec<&Field> {
    let mut order: Vec<&Field> = fields.iter().collect();
    order.sort_by_key(|field| field.align);
    if largest_first {
        order.sort_by_key(|field| std::cmp::Reverse(field.align));
    }
    order
}

/// The compiler orders the fields of variants itself, but those of `repr(C)` and `repr(u8)`.
fn reorder_variant(size: u64, align: u64, tag: &Tag, variants: &[Variant]) -> Option<Advice> {
    let all = || variants.iter().flat_map(|variant| &variant.fields);
    if all().any(|field| field.size.is_none() || field.align.is_none()) {
        return None;
    }
    let base = all().map(|field| field.offset).min()?.max(tag.offset + tag.size?);
    let ends = variants.iter().map(|variant| best_order(base, &variant.fields).0);
    let end = ends.max()?.next_multiple_of(align);
    let largest = variants.iter().max_by_key(|v| v.fields.iter().map(Field::end).max())?;
    let (_, order) = best_order(base, &largest.fields);
    let order = order.iter().map(|field| field.name.clone()).collect();
    (end < size).then(|| Advice::Reorder { variant: Some(largest.name.clone()), order, size: end })
}

/// The better of two orders from `base` on, with its end: what wants to be aligned most first, or last.
fn best_order(base: u64, fields: &[Field]) -> (u64, Vec<&Field>) {
    let placed = |largest_first| {
        let order = by_alignment(fields, largest_first);
        let end = order.iter().fold(base, |end, field| {
            end.next_multiple_of(field.align.unwrap_or(1)) + field.size.unwrap_or(0)
        });
        (end, order)
    };
    let (first, second) = (placed(true), placed(false));
    if second.0 < first.0 { second } else { first }
}

fn box_variant(size: u64, tag: Option<&Tag>, variants: &[Variant]) -> Option<Advice> {
    let end = |variant: &&Variant| variant.fields.iter().map(Field::end).max().unwrap_or(0);
    let largest = variants.iter().max_by_key(end).filter(|_| variants.len() > 1)?;
    let others = || variants.iter().filter(|variant| variant.name != largest.name);
    let rest = others().flat_map(|variant| &variant.fields);
    if rest.clone().any(|field| field.size.is_none() || field.align.is_none()) {
        return None;
    }
    let align = rest.filter_map(|field| field.align).max().unwrap_or(1).max(8);
    // A tag may take a word before the fields where it lay in the niche of what is boxed.
    let before = if tag.is_some_and(|tag| tag.is_niche) { 8 } else { 0 };
    let most = others().map(|variant| before + end(&variant)).max()?.max(16);
    let boxed = most.next_multiple_of(align);
    (boxed + MIN_BOXING_GAIN <= size)
        .then(|| Advice::Box { variant: largest.name.clone(), size: boxed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, offset: u64, size: u64, align: u64) -> Field {
        Field {
            name: name.to_owned(),
            type_name: "?".to_owned(),
            offset,
            size: Some(size),
            align: Some(align),
        }
    }

    fn structure(size: u64, align: u64, fields: &[Field]) -> Type {
        let shape = Shape::Struct(fields.to_vec());
        Type { name: "T".to_owned(), krate: None, size, align: Some(align), shape }
    }

    fn enumeration(size: u64, tag: Option<Tag>, variants: &[(&str, &[Field])]) -> Type {
        let variants = variants.iter().zip(0..).map(|((name, fields), value)| Variant {
            name: (*name).to_owned(),
            discriminant: Some(value),
            fields: fields.to_vec(),
        });
        let shape = Shape::Enum { tag, variants: variants.collect() };
        Type { name: "E".to_owned(), krate: None, size, align: Some(8), shape }
    }

    fn tag(size: u64) -> Option<Tag> {
        Some(Tag { offset: 0, size: Some(size), is_signed: false, is_niche: false })
    }

    #[test]
    fn a_declared_order_with_holes_has_a_better_one() {
        let fields = [field("a", 0, 1, 1), field("b", 4, 4, 4), field("c", 8, 1, 1)];
        let found = Analysis::of(&structure(12, 4, &fields));
        assert_eq!((found.padding, found.tail), (6, 3));
        assert_eq!(found.holes, [(1, 3), (9, 3)]);
        let order = ["b", "a", "c"].map(str::to_owned).to_vec();
        assert_eq!(found.advice, Advice::Reorder { variant: None, order, size: 8 });
    }

    #[test]
    fn what_cannot_be_better_is_said_to_be_so() {
        let nothing = |found: Type, part: &str| {
            let Advice::Nothing(why) = Analysis::of(&found).advice else { panic!("{found:?}") };
            assert!(why.contains(part), "{why}");
        };
        nothing(structure(8, 8, &[field("a", 0, 8, 8)]), "no byte");
        nothing(structure(16, 8, &[field("a", 8, 1, 1), field("b", 0, 8, 8)]), "no order");
        nothing(structure(64, 64, &[field("a", 0, 1, 1)]), "repr(align)");
        // Packed: fields lie where they want no place.
        nothing(structure(5, 1, &[field("a", 0, 1, 1), field("b", 1, 4, 4)]), "no byte");
        let mut unsized_end = structure(8, 8, &[field("a", 0, 8, 8), field("b", 8, 0, 1)]);
        let Shape::Struct(fields) = &mut unsized_end.shape else { panic!() };
        fields[1].size = None;
        assert!(matches!(Analysis::of(&unsized_end).advice, Advice::Unknown(_)));
    }

    #[test]
    fn a_large_variant_is_to_be_boxed() {
        let large = [field("0", 8, 200, 8)];
        let small = [field("0", 8, 8, 8)];
        let found =
            enumeration(208, tag(1), &[("Large", &large), ("Small", &small), ("None", &[])]);
        let found = Analysis::of(&found);
        assert_eq!(found.variants, [(208, 7), (16, 199), (1, 207)]);
        assert_eq!((found.slack, found.padding, found.tail), (192, 7, 0));
        assert_eq!(found.advice, Advice::Box { variant: "Large".to_owned(), size: 16 });
        let even = enumeration(16, tag(1), &[("A", &small), ("B", &small)]);
        assert!(matches!(Analysis::of(&even).advice, Advice::Nothing(_)));
    }

    #[test]
    fn fields_of_a_variant_that_are_not_reordered_have_a_better_order() {
        let fields = [field("a", 8, 1, 1), field("b", 16, 8, 8), field("c", 24, 1, 1)];
        let found = enumeration(32, tag(4), &[("V", &fields), ("W", &[])]);
        let order = ["b", "a", "c"].map(str::to_owned).to_vec();
        let expected = Advice::Reorder { variant: Some("V".to_owned()), order, size: 24 };
        assert_eq!(Analysis::of(&found).advice, expected);
    }

    #[test]
    fn lines_are_counted_where_it_begins_one_and_where_it_does_not() {
        let fields = [field("a", 0, 60, 4), field("b", 60, 8, 4), field("c", 68, 60, 4)];
        let found = Analysis::of(&structure(128, 4, &fields));
        assert_eq!((found.lines, found.worst_lines), (2, Some(3)));
        assert_eq!(found.straddling, ["b"]);
        let aligned = Analysis::of(&structure(128, 64, &[field("a", 0, 128, 8)]));
        assert_eq!((aligned.lines, aligned.worst_lines), (2, Some(2)));
        let empty = Analysis::of(&structure(0, 1, &[]));
        assert_eq!((empty.lines, empty.worst_lines), (0, Some(0)));
    }
}
