use crate::reduce::Moments;

pub(super) mod blocks;
mod element;
mod float;
mod integer;
mod moments;

pub(crate) use element::{LANES_32, Reduce};
pub(crate) use float::*;
pub(crate) use integer::*;
