pub(crate) mod bitpack;
pub(crate) mod delta;
pub(crate) mod image;
pub(crate) mod matrix;
pub(crate) mod reduce;
pub(crate) mod scan;
