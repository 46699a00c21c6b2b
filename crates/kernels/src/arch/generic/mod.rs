pub(crate) mod bitpack;
pub(crate) mod bitstream;
pub(crate) mod delta;
pub(crate) mod elementwise;
pub(crate) mod reduce;
pub(crate) mod scan;
pub(crate) mod sieve;
pub(crate) mod text;
