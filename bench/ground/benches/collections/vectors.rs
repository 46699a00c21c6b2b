use arrayvec::ArrayVec;
use smallvec::SmallVec;
use thin_vec::ThinVec;
use tidemill_ground::{Strategy, Work, compare, random, size};
use tinyvec::TinyVec;

/// Vectors of 0 to 8 values, of which 8 have their place, as the `(tag, code)` pairs of a series;
/// and of 0 to 32, most of which have not.
pub fn run() {
    for (name, most) in [("0 to 8", 9), ("0 to 32", 33)] {
        let mut random = random(8);
        let lengths: Vec<u32> = (0..size(4096, 100)).map(|_| (random() % most) as u32).collect();
        println!(
            "bytes of an empty vector: SmallVec {}, TinyVec {}, ThinVec {}, Vec {}",
            size_of::<SmallVec<[(u32, u32); 8]>>(),
            size_of::<TinyVec<[(u32, u32); 8]>>(),
            size_of::<ThinVec<(u32, u32)>>(),
            size_of::<Vec<(u32, u32)>>(),
        );
        let mut strategies: Vec<Strategy<'_>> = vec![
            ("smallvec", fill::<SmallVec<[(u32, u32); 8]>>(&lengths)),
            ("tinyvec", fill::<TinyVec<[(u32, u32); 8]>>(&lengths)),
            ("thin-vec", fill::<ThinVec<(u32, u32)>>(&lengths)),
            ("Vec", fill::<Vec<(u32, u32)>>(&lengths)),
            ("arrayvec of 32", fill::<ArrayVec<(u32, u32), 32>>(&lengths)),
        ];
        compare(
            &format!("make, fill, read and drop vectors of {name} pairs"),
            Work::Items(lengths.len() as u64),
            &mut strategies,
        );
    }
}

fn fill<'a, V>(lengths: &'a [u32]) -> Box<dyn FnMut() -> u64 + 'a>
where
    V: Default + Extend<(u32, u32)> + std::ops::Deref<Target: AsPairs> + 'a,
{
    Box::new(move || {
        let sum = |length: &u32| {
            let mut vector = V::default();
            // One after the other, as parsers find them.
            (0..*length).for_each(|index| vector.extend([(index, index ^ 5)]));
            vector.as_pairs().iter().map(|pair| u64::from(pair.0 ^ pair.1)).sum::<u64>()
        };
        lengths.iter().map(sum).sum()
    })
}

trait AsPairs {
    fn as_pairs(&self) -> &[(u32, u32)];
}

impl AsPairs for [(u32, u32)] {
    fn as_pairs(&self) -> &[(u32, u32)] {
        self
    }
}
