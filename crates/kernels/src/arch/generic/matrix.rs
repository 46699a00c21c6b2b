//! Multiplication: packed panels, a tile of the product in registers (Goto, van de Geijn: "Anatomy
//! of High-Performance Matrix Multiplication", ACM TOMS 2008). Transposition: squares in registers.

mod multiply;
mod transpose;

pub(crate) use multiply::*;
pub(crate) use transpose::*;
