use std::collections::HashMap;

use tidemill_store::{SeriesIndex, TableView};

use super::plan::AggregatePlan;
use crate::error::{Error, ErrorKind};

/// A series of a plan and the tag group it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) group: u32,
    pub(super) series: u32,
}

/// The series of a plan, ordered by group and id; groups are numbered in the order of the answer.
#[derive(Debug)]
pub(super) struct Grouping {
    pub(super) members: Vec<Member>,
    /// For each group tag its code by group.
    pub(super) codes: Vec<Vec<u32>>,
}

impl Grouping {
    pub(super) fn new(view: &TableView, plan: &AggregatePlan) -> Result<Self, Error> {
        if !plan.series.is_sorted_by(|a, b| a < b) {
            return Err(ErrorKind::Plan("order of series").into());
        }
        if plan.series.last().is_some_and(|series| *series >= view.series_count()) {
            return Err(ErrorKind::Plan("series").into());
        }
        let member = |&series: &u32| Member { group: 0, series };
        let mut members: Vec<Member> = plan.series.iter().map(member).collect();
        if plan.group_tags.is_empty() {
            return Ok(Self { members, codes: Vec::new() });
        }
        let index = view.series_index();
        // Tag by tag: equal so far means equal in `group`; each tag splits groups by its values.
        for tag in &plan.group_tags {
            let ranks = ranks(&index, *tag, &plan.series);
            let codes = index.tag_codes(*tag);
            let key = |member: &Member| (member.group, ranks[&codes.of(member.series)]);
            members.sort_by_key(|member| (key(member), member.series));
            let mut next = 0;
            let keys: Vec<_> = members.iter().map(key).collect();
            for (place, member) in members.iter_mut().enumerate() {
                next += u32::from(place > 0 && keys[place] != keys[place - 1]);
                member.group = next;
            }
        }
        let firsts = || members.chunk_by(|a, b| a.group == b.group).map(|members| members[0]);
        let codes = |tag: &usize| {
            let codes = index.tag_codes(*tag);
            firsts().map(|member| codes.of(member.series)).collect()
        };
        let codes = plan.group_tags.iter().map(codes).collect();
        Ok(Self { members, codes })
    }
}

/// The ranks of the tag's codes among these series: by value, series without the tag last.
fn ranks(index: &SeriesIndex, tag: usize, series: &[u32]) -> HashMap<u32, u32> {
    let codes = index.tag_codes(tag);
    let mut used: Vec<u32> = series.iter().map(|series| codes.of(*series)).collect();
    used.sort_unstable();
    used.dedup();
    used.sort_by_key(|code| index.tag_value(tag, *code).map_or((true, ""), |value| (false, value)));
    used.into_iter().zip(0..).collect()
}
