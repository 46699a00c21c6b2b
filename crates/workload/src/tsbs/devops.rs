use tidemill_model::Value;

use super::clock::Clock;
use super::host::host_tags;
use super::measurement::Measurement;
use super::row::{Row, Schema, Table};
use crate::Random;

/// Hosts that report some measurements: the use cases cpu-only and devops.
///
/// Within an epoch come all hosts of the first table, then all of the second, and so on. The
/// first epoch shows the state everything begins with.
#[derive(Clone, Debug)]
pub(super) struct Devops {
    random: Random,
    clock: Clock,
    sources: Vec<Source>,
    values: Vec<Value<'static>>,
}

/// One measurement of all hosts.
#[derive(Clone, Debug)]
struct Source {
    measurement: &'static Measurement,
    /// Host by host, one state a walk.
    states: Vec<f64>,
    /// One a host.
    constants: Vec<i64>,
}

impl Devops {
    pub(super) fn new(
        measurements: &[&'static Measurement],
        clock: Clock,
        seed: u64,
    ) -> (Self, Schema) {
        let mut random = Random::new(seed);
        let hosts = clock.devices();
        let device_tags = host_tags(hosts, &mut random);
        let mut tables = Vec::new();
        let mut sources = Vec::new();
        for &measurement in measurements {
            tables.push(Table {
                name: measurement.name,
                fields: measurement.field_types(),
                own_tags: measurement.own_tags.draw(hosts, &mut random),
            });
            let mut source = Source { measurement, states: Vec::new(), constants: Vec::new() };
            for _ in 0..hosts {
                source.constants.push(measurement.constant(&mut random));
                let walks = measurement.walks.iter();
                source.states.extend(walks.map(|(_, walk)| walk.start(&mut random)));
            }
            sources.push(source);
        }
        let devops = Self { random, clock, sources, values: Vec::new() };
        (devops, Schema { tables, device_tags })
    }

    #[inline]
    pub(super) fn next_row(&mut self) -> Option<Row<'_>> {
        let tick = self.clock.next()?;
        let Source { measurement, states, constants } = &mut self.sources[tick.table];
        let walks = measurement.walks;
        let states = &mut states[tick.device * walks.len()..][..walks.len()];
        if tick.epoch > 0 {
            for (state, (_, walk)) in states.iter_mut().zip(walks) {
                *state = walk.next(*state, &mut self.random);
            }
        }
        let uptime_s = (tick.time_ns - self.clock.start_ns()) / 1_000_000_000;
        measurement.values(states, constants[tick.device], uptime_s, &mut self.values);
        Some(Row {
            table: tick.table,
            device: tick.device,
            time_ns: tick.time_ns,
            values: &self.values,
            missing_fields: 0,
            missing_tag: None,
        })
    }
}
