use std::collections::VecDeque;

use tidemill_model::{FieldType, Value};

use super::clock::Clock;
use super::disorder::{Disorder, SLOTS, Slot};
use super::row::{Row, Schema, Table, Tags};
use super::walk::Walk;
use crate::Random;

/// Trucks that report where they are and how they are, over a link that loses and delays.
///
/// Points are made in order, an epoch's readings of all trucks and then its diagnostics, and go
/// through [`Disorder`] ten at a time.
#[derive(Clone, Debug)]
pub(super) struct Iot {
    random: Random,
    clock: Clock,
    trucks: Vec<Truck>,
    /// The load of all trucks: the original draws it from one distribution that they share.
    load: f64,
    /// Points in the order in which they are to be written.
    ready: VecDeque<Point>,
    late_points: VecDeque<Point>,
    /// Whole batches that come late, one after the other, and the length of each.
    late_batches: VecDeque<Point>,
    late_batch_lengths: VecDeque<usize>,
    values: Vec<Value<'static>>,
}

#[derive(Clone, Debug)]
struct Truck {
    /// Load capacity, fuel capacity and nominal consumption: tags that are numbers, which line
    /// protocol can only write as fields.
    capacities: [f64; CAPACITIES],
    readings: [f64; READINGS.len()],
    fuel: f64,
    status: f64,
}

/// A row that waits for its turn.
#[derive(Clone, Copy, Debug)]
struct Point {
    table: usize,
    truck: usize,
    time_ns: i64,
    values: [f64; READINGS.len()],
    missing_fields: u32,
    missing_tag: Option<usize>,
}

const CAPACITIES: usize = 3;
const TEXT_TAGS: usize = 5;
const READINGS_TABLE: usize = 0;

/// A field, its walk and the number its value is a multiple of one over.
const READINGS: [(&str, Walk, f64); 7] = [
    ("latitude", Walk::uniform(-0.005, 0.005, -90.0, 90.0).starting_below(90.0), 100_000.0),
    ("longitude", Walk::uniform(-0.005, 0.005, -180.0, 180.0).starting_below(180.0), 100_000.0),
    ("elevation", Walk::uniform(-10.0, 10.0, 0.0, 5000.0).starting_below(500.0), 1.0),
    ("velocity", Walk::uniform(-10.0, 10.0, 0.0, 100.0), 1.0),
    ("heading", Walk::uniform(-5.0, 5.0, 0.0, 360.0).starting_below(360.0), 1.0),
    ("grade", Walk::uniform(-5.0, 5.0, 0.0, 100.0), 1.0),
    ("fuel_consumption", Walk::uniform(-5.0, 5.0, 0.0, 50.0).starting_at(25.0), 10.0),
];
const DIAGNOSTICS: [&str; 3] = ["fuel_state", "current_load", "status"];
const FUEL: Walk = Walk::uniform(-0.001, 0.0, 0.0, 1.0).starting_at(1.0);
const STATUS: Walk = Walk::bounded(0.0, 1.0, 5.0);
const MAX_LOAD: f64 = 5000.0;
const LOAD_CHANGE_CHANCE: f64 = 0.05;

const MODELS: [(&str, [f64; CAPACITIES]); 3] = [
    ("F-150", [2000.0, 200.0, 15.0]),
    ("G-2000", [5000.0, 300.0, 19.0]),
    ("H-2", [1500.0, 150.0, 12.0]),
];

impl Iot {
    pub(super) const TABLES: usize = 2;

    pub(super) fn new(clock: Clock, seed: u64) -> (Self, Schema) {
        let mut random = Random::new(seed);
        let mut device_tags = Tags::default();
        let mut trucks = Vec::new();
        for truck in 0..clock.devices() {
            let (model, capacities) = random.choose(&MODELS);
            device_tags.push(&[
                ("name", &format!("truck_{truck}")),
                ("fleet", random.choose(&["East", "West", "North", "South"])),
                ("driver", random.choose(&["Derek", "Rodney", "Albert", "Andy", "Seth", "Trish"])),
                ("model", model),
                ("device_version", random.choose(&["v1.0", "v1.5", "v2.0", "v2.3"])),
            ]);
            trucks.push(Truck {
                capacities,
                readings: READINGS.map(|(_, walk, _)| walk.start(&mut random)),
                fuel: FUEL.start(&mut random),
                status: STATUS.start(&mut random),
            });
        }
        let tables = tables(trucks.len());
        let iot = Self {
            random,
            clock,
            trucks,
            load: 0.0,
            ready: VecDeque::new(),
            late_points: VecDeque::new(),
            late_batches: VecDeque::new(),
            late_batch_lengths: VecDeque::new(),
            values: Vec::new(),
        };
        (iot, Schema { tables, device_tags })
    }

    pub(super) fn next_row(&mut self) -> Option<Row<'_>> {
        while self.ready.is_empty() && self.next_batch() {}
        let point = self.ready.pop_front()?;
        self.values.clear();
        self.values.extend(self.trucks[point.truck].capacities.map(Value::Float));
        if point.table == READINGS_TABLE {
            self.values.extend(point.values.map(Value::Float));
        } else {
            let [fuel, load, status, ..] = point.values;
            let status = Value::Int(status as i64);
            self.values.extend([Value::Float(fuel), Value::Float(load), status]);
        }
        Some(Row {
            table: point.table,
            device: point.truck,
            time_ns: point.time_ns,
            values: &self.values,
            missing_fields: point.missing_fields,
            missing_tag: point.missing_tag,
        })
    }

    /// Makes points ready, or lets some pass without; whether anything is left to come.
    fn next_batch(&mut self) -> bool {
        if self.clock.is_finished() {
            return self.release_late_batch() || self.release_late_points();
        }
        let waiting = [self.late_batch_lengths.len(), self.late_points.len()];
        match Disorder::draw(waiting, &mut self.random) {
            Disorder::Lost => (0..SLOTS).for_each(|_| _ = self.next_point()),
            Disorder::LateBatch => _ = self.release_late_batch(),
            Disorder::Slots { is_late, slots } => {
                let before = self.ready.len();
                self.fill_slots(&slots);
                if is_late {
                    let late = self.ready.drain(before..);
                    self.late_batch_lengths.push_back(late.len());
                    self.late_batches.extend(late);
                }
            }
        }
        true
    }

    fn release_late_batch(&mut self) -> bool {
        let Some(length) = self.late_batch_lengths.pop_front() else { return false };
        self.ready.extend(self.late_batches.drain(..length));
        true
    }

    fn release_late_points(&mut self) -> bool {
        let length = SLOTS.min(self.late_points.len());
        self.ready.extend(self.late_points.drain(..length));
        length > 0
    }

    /// Takes points until each slot has one or there are none left; a slot whose point is lost
    /// or late takes another, under the next slot's rules.
    fn fill_slots(&mut self, slots: &[Slot; SLOTS]) {
        let mut rules = slots.iter();
        for slot in slots {
            let mut point = loop {
                let rule = rules.next();
                let late =
                    rule.filter(|rule| rule.takes_late).and_then(|_| self.late_points.pop_front());
                let Some(point) = late.or_else(|| self.next_point()) else { return };
                match rule {
                    Some(rule) if rule.is_lost => {}
                    Some(rule) if rule.is_late => self.late_points.push_back(point),
                    _ => break point,
                }
            };
            if let Some(field) = slot.missing_field.map(usize::from) {
                let fields =
                    if point.table == READINGS_TABLE { READINGS.len() } else { DIAGNOSTICS.len() };
                point.missing_fields |= 1 << (CAPACITIES + field % fields);
            }
            match slot.missing_tag.map(usize::from) {
                Some(tag) if tag < TEXT_TAGS => point.missing_tag = Some(tag),
                Some(tag) => point.missing_fields |= 1 << (tag - TEXT_TAGS),
                None => {}
            }
            self.ready.push_back(point);
        }
    }

    /// The next point in order.
    fn next_point(&mut self) -> Option<Point> {
        let tick = self.clock.next()?;
        if tick.epoch > 0 && tick.table == READINGS_TABLE && tick.device == 0 {
            self.advance();
        }
        let truck = &self.trucks[tick.device];
        let mut values = [0.0; READINGS.len()];
        if tick.table == READINGS_TABLE {
            for (value, (state, (_, _, scale))) in
                values.iter_mut().zip(truck.readings.iter().zip(READINGS))
            {
                *value = truncate(*state, scale);
            }
        } else {
            values[0] = truncate(truck.fuel, 10.0);
            values[1] = truncate(self.load, 1.0);
            values[2] = truncate(truck.status, 1.0);
        }
        Some(Point {
            table: tick.table,
            truck: tick.device,
            time_ns: tick.time_ns,
            values,
            missing_fields: 0,
            missing_tag: None,
        })
    }

    /// Moves all trucks on by one epoch.
    fn advance(&mut self) {
        for truck in &mut self.trucks {
            for (state, (_, walk, _)) in truck.readings.iter_mut().zip(&READINGS) {
                *state = walk.next(*state, &mut self.random);
            }
            truck.fuel = FUEL.next(truck.fuel, &mut self.random);
            if truck.fuel == 0.0 {
                truck.fuel = 1.0;
            }
            if self.random.chance(LOAD_CHANGE_CHANCE) {
                self.load = self.random.between(0.0, MAX_LOAD);
            }
            truck.status = STATUS.next(truck.status, &mut self.random);
        }
    }
}

fn tables(trucks: usize) -> Vec<Table> {
    use FieldType::{Float, Int};
    let mut own_tags = Tags::default();
    (0..trucks).for_each(|_| own_tags.push(&[]));
    let capacities =
        [("load_capacity", Float), ("fuel_capacity", Float), ("nominal_fuel_consumption", Float)];
    let table = |name, fields: Vec<_>| Table {
        name,
        fields: capacities.into_iter().chain(fields).collect(),
        own_tags: own_tags.clone(),
    };
    let diagnostics = DIAGNOSTICS.into_iter().zip([Float, Float, Int]);
    vec![
        table("readings", READINGS.map(|(name, _, _)| (name, Float)).to_vec()),
        table("diagnostics", diagnostics.collect()),
    ]
}

/// `value` cut to a multiple of `1 / scale`; never a negative zero.
fn truncate(value: f64, scale: f64) -> f64 {
    (value * scale) as i64 as f64 / scale
}
