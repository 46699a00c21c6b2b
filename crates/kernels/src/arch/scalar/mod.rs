pub(crate) mod bitpack;
