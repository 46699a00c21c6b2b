//! What a workload's calls make of a store, and which states some of them would.

use super::digest::Digest;
use super::workload::{Call, Workload};
use crate::common::{Model, Row, Rows, WrittenValues, note_written};

/// More calls than this are not searched for a set that fits.
const MAX_SEARCHED: usize = 16;

/// The calls of a workload as they took effect.
pub(crate) struct History {
    /// What the store holds after so many calls.
    pub(crate) versions: Vec<Digest>,
    written: WrittenValues,
    /// Which call it was, and what it did.
    effects: Vec<(usize, Effect)>,
    empty: Model,
}

/// What a call changed, whatever was there before it.
enum Effect {
    /// The rows that were taken.
    Write(Vec<Row>),
    Other(Call),
}

impl History {
    pub(crate) fn new(workload: &Workload) -> Self {
        let empty = Model::new(workload.options.duplicates);
        let (mut model, mut versions) = (empty.clone(), vec![Digest::default()]);
        let (mut written, mut effects) = (WrittenValues::new(), Vec::new());
        for (index, call) in workload.calls.iter().enumerate() {
            match call {
                // Its files may be back, for a repair that has no manifest.
                Call::Bulk { is_committed: false, .. } => {
                    call.rows().for_each(|rows| note_written(rows, &mut written));
                }
                Call::Write(_) | Call::Bulk { .. } => {
                    let all = call.rows().flatten();
                    let taken = all.filter(|row| model.write(std::slice::from_ref(row)) == 0);
                    let taken: Vec<Row> = taken.cloned().collect();
                    note_written(&taken, &mut written);
                    effects.push((index, Effect::Write(taken)));
                }
                Call::Delete { .. } => {
                    call.apply(&mut model);
                    effects.push((index, Effect::Other(call.clone())));
                }
                _ => {}
            }
            versions.push(Digest::of_model(&model));
        }
        Self { versions, written, effects, empty }
    }

    /// Whether some of the first calls, each whole, in their order, give this.
    pub(crate) fn is_subset(&self, found: Digest, calls: usize) -> bool {
        let effects = self.effects.iter().take_while(|(call, _)| *call < calls);
        let effects: Vec<&Effect> = effects.map(|(_, effect)| effect).collect();
        effects.len() <= MAX_SEARCHED && is_subset(&effects, &self.empty, found)
    }

    /// A value that was never written, if there is one.
    pub(crate) fn invented(&self, rows: &Rows) -> Option<String> {
        let values = rows.iter().flat_map(|(key, fields)| {
            fields.iter().map(|(name, value)| (key.clone(), name.clone(), value.clone()))
        });
        let mut values = values.filter(|value| !self.written.contains(value));
        values.next().map(|value| format!("{value:?}"))
    }
}

fn is_subset(effects: &[&Effect], model: &Model, found: Digest) -> bool {
    let Some((effect, rest)) = effects.split_first() else {
        return Digest::of_model(model) == found;
    };
    let mut with = model.clone();
    match effect {
        Effect::Write(rows) => _ = with.write(rows),
        Effect::Other(call) => _ = call.apply(&mut with),
    }
    is_subset(rest, &with, found) || is_subset(rest, model, found)
}
