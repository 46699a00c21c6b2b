use crate::reduce::Moments;

mod blocks;
mod float;
mod integer;

pub(crate) use float::*;
pub(crate) use integer::*;
