//! stub
use crate::tabular::Plan;
use crate::{RowError, RowReader};
use tidemill_model::Batch;
pub(crate) fn survey_types(_plan: &mut Plan, chunk: &[u8], _: bool, _: bool) -> usize {
    chunk.len()
}
/// stub
pub struct NdjsonReader;
impl NdjsonReader {
    /// stub
    pub fn new(_: &Plan, _: bool) -> Self {
        Self
    }
}
impl RowReader for NdjsonReader {
    fn read(&mut self, chunk: &[u8], _: bool, _: &mut Batch, _: &mut Vec<RowError>) -> usize {
        chunk.len()
    }
}
