//! A strategy for each level of the kernels.
#![allow(dead_code, reason = "each bench uses a part")]

use tidemill_ground::Strategy;
use tidemill_kernels::Isa;

/// Has the kernels run at `isa`; a comparison once it does.
pub(crate) fn at(isa: Isa) {
    if Isa::active() != isa {
        isa.force().unwrap_or_else(|error| panic!("{error}"));
    }
}

/// A strategy for each level above the naive one.
pub(crate) fn levels<'a, F: FnMut() -> u64 + 'a>(mut make: impl FnMut() -> F) -> Vec<Strategy<'a>> {
    let names = [
        (Isa::Portable, "tidemill, portable"),
        (Isa::Avx2, "tidemill, AVX2 (256 bits)"),
        (Isa::Avx512, "tidemill, AVX-512 (512 bits)"),
    ];
    let available = names.into_iter().filter(|(isa, _)| isa.is_available());
    available
        .map(|(isa, name)| {
            let mut run = make();
            let run = move || {
                at(isa);
                run()
            };
            (name, Box::new(run) as Box<dyn FnMut() -> u64>)
        })
        .collect()
}

pub(crate) fn boxed<'a>(name: &'a str, run: impl FnMut() -> u64 + 'a) -> Strategy<'a> {
    (name, Box::new(run))
}

/// Has the kernels run at the best level there is.
pub(crate) fn best() {
    at(Isa::available().last().unwrap_or(Isa::Portable));
}
