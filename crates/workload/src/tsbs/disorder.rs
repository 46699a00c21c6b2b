use crate::Random;

/// Points in a batch.
pub(super) const SLOTS: usize = 10;

const BATCH_LOST_CHANCE: f64 = 0.01;
const BATCH_LATE_CHANCE: f64 = 0.05;
const BATCH_RELEASE_CHANCE: f64 = 0.5;
const POINT_LOST_CHANCE: f64 = 0.1;
const POINT_LATE_CHANCE: f64 = 0.3;
const POINT_RELEASE_CHANCE: f64 = 0.5;
const FIELD_MISSING_CHANCE: f64 = 0.1;
const TAG_MISSING_CHANCE: f64 = 0.01;
/// The fields of the widest table and the tags of a truck, among which a missing one is drawn.
const FIELDS: u64 = 7;
const TAGS: u64 = 8;

/// What happens to the next batch of points on its way.
#[derive(Clone, Debug)]
pub(super) enum Disorder {
    /// It is lost.
    Lost,
    /// It waits; a batch that was late comes instead.
    LateBatch,
    /// Its points meet these fates, and it is perhaps late as a whole.
    Slots { is_late: bool, slots: [Slot; SLOTS] },
}

/// What happens to a point.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    /// It is one that was late before, not a new one.
    pub(super) takes_late: bool,
    pub(super) is_lost: bool,
    pub(super) is_late: bool,
    pub(super) missing_field: Option<u8>,
    pub(super) missing_tag: Option<u8>,
}

impl Disorder {
    /// Draws a fate; `waiting` is how many batches and how many points are late so far.
    pub(super) fn draw(waiting: [usize; 2], random: &mut Random) -> Self {
        let [late_batches, mut late_points] = waiting;
        if random.chance(BATCH_LOST_CHANCE) {
            return Self::Lost;
        }
        let is_late = random.chance(BATCH_LATE_CHANCE);
        if late_batches > 0 && random.chance(BATCH_RELEASE_CHANCE) {
            return Self::LateBatch;
        }
        let mut slots = [Slot::default(); SLOTS];
        for slot in &mut slots {
            slot.takes_late = late_points > 0 && random.chance(POINT_RELEASE_CHANCE);
            late_points -= usize::from(slot.takes_late);
            slot.is_lost = random.chance(POINT_LOST_CHANCE);
            if slot.is_lost {
                continue;
            }
            if random.chance(FIELD_MISSING_CHANCE) {
                slot.missing_field = Some(random.below(FIELDS) as u8);
            }
            if random.chance(TAG_MISSING_CHANCE) {
                slot.missing_tag = Some(random.below(TAGS) as u8);
            }
            slot.is_late = random.chance(POINT_LATE_CHANCE);
        }
        Self::Slots { is_late, slots }
    }
}
