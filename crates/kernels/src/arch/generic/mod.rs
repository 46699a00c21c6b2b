pub(crate) mod base64;
pub(crate) mod bitpack;
pub(crate) mod delta;
pub(crate) mod reduce;
pub(crate) mod scan;
