use crate::reduce::{Moments, Number};

mod float;
mod integer;
mod tree;

pub(crate) use float::*;
pub(crate) use integer::*;
