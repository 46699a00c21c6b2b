use crate::reduce::Moments;

pub(super) mod blocks;
mod float;
mod integer;

pub(crate) use float::*;
pub(crate) use integer::*;
