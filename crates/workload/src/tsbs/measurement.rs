use tidemill_model::{FieldType, Value};

use super::row::Tags;
use super::walk::Walk;
use crate::Random;

/// A table whose fields follow from the states of some walks.
#[derive(Debug)]
pub(super) struct Measurement {
    pub(super) name: &'static str,
    /// The quantities that change; the names are those of the fields where `fields` says so.
    pub(super) walks: &'static [(&'static str, Walk)],
    pub(super) fields: Fields,
    pub(super) own_tags: OwnTags,
}

/// How a table's fields follow from its walks. Walks become integers by truncation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fields {
    /// One field a walk.
    Walks,
    /// `boot_time`, which never changes, then the walks.
    BootTime,
    /// `uptime_in_seconds`, then the walks.
    Uptime,
    /// All from the walk of the free bytes.
    Disk,
    /// All from the walks of used, cached and buffered memory, in shares of the total.
    Memory,
}

/// The tags a table has besides those of the host.
#[derive(Clone, Copy, Debug)]
pub(super) enum OwnTags {
    None,
    Serial,
    Disk,
    Interface,
    Server(&'static str),
}

pub(super) const GIB: i64 = 1 << 30;
pub(super) const DISK_BYTES: i64 = 1 << 40;
const INODE_BYTES: i64 = 4096;

impl Measurement {
    /// The names and types of the fields.
    pub(super) fn field_types(&self) -> Vec<(&'static str, FieldType)> {
        use FieldType::{Float, Int};
        let before: &[(&str, FieldType)] = match self.fields {
            Fields::Walks => &[],
            Fields::BootTime => &[("boot_time", Int)],
            Fields::Uptime => &[("uptime_in_seconds", Int)],
            Fields::Disk => {
                return vec![
                    ("total", Int),
                    ("free", Int),
                    ("used", Int),
                    ("used_percent", Int),
                    ("inodes_total", Int),
                    ("inodes_free", Int),
                    ("inodes_used", Int),
                ];
            }
            Fields::Memory => {
                return vec![
                    ("total", Int),
                    ("available", Int),
                    ("used", Int),
                    ("free", Int),
                    ("cached", Int),
                    ("buffered", Int),
                    ("used_percent", Float),
                    ("available_percent", Float),
                    ("buffered_percent", Float),
                ];
            }
        };
        let walks = self.walks.iter().map(|(name, _)| (*name, Int));
        before.iter().copied().chain(walks).collect()
    }

    /// What never changes about one host: the boot time, or the size of the memory.
    pub(super) fn constant(&self, random: &mut Random) -> i64 {
        match self.fields {
            Fields::BootTime => random.below(240) as i64,
            Fields::Memory => random.choose(&[8, 12, 16]) * GIB,
            Fields::Walks | Fields::Uptime | Fields::Disk => 0,
        }
    }

    /// The values of the fields, in their order.
    #[inline]
    pub(super) fn values(
        &self,
        states: &[f64],
        constant: i64,
        uptime_s: i64,
        out: &mut Vec<Value<'static>>,
    ) {
        out.clear();
        match self.fields {
            Fields::Walks => {}
            Fields::BootTime => out.push(Value::Int(constant)),
            Fields::Uptime => out.push(Value::Int(uptime_s)),
            Fields::Disk => return out.extend(disk_values(states[0])),
            Fields::Memory => return out.extend(memory_values(states, constant)),
        }
        out.extend(states.iter().map(|state| Value::Int(*state as i64)));
    }
}

fn disk_values(free: f64) -> [Value<'static>; 7] {
    let free = free as i64;
    let used = DISK_BYTES - free;
    let used_percent = (100.0 * (used as f64 / DISK_BYTES as f64)) as i64;
    let (inodes, inodes_free) = (DISK_BYTES / INODE_BYTES, free / INODE_BYTES);
    let used_inodes = inodes - inodes_free;
    [DISK_BYTES, free, used, used_percent, inodes, inodes_free, used_inodes].map(Value::Int)
}

fn memory_values(shares: &[f64], total: i64) -> [Value<'static>; 9] {
    let bytes = |index: usize| (shares[index] * total as f64) as i64;
    let percent = |bytes: i64| Value::Float(100.0 * (bytes as f64 / total as f64));
    let (used, cached, buffered) = (bytes(0), bytes(1), bytes(2));
    let available = total - used;
    let [a, b, c, d, e, f] = [total, available, used, available, cached, buffered].map(Value::Int);
    [a, b, c, d, e, f, percent(used), percent(available), percent(buffered)]
}

impl OwnTags {
    /// The tags of `hosts` hosts.
    pub(super) fn draw(self, hosts: usize, random: &mut Random) -> Tags {
        let mut tags = Tags::default();
        for _ in 0..hosts {
            let mut number = |end: u64| random.below(end);
            match self {
                Self::None => tags.push(&[]),
                Self::Serial => {
                    let [a, b, c] = [(); 3].map(|()| number(1000));
                    tags.push(&[("serial", &format!("{a:03}-{b:03}-{c:03}"))]);
                }
                Self::Disk => {
                    let path = format!("/dev/sda{}", number(10));
                    let kind = random.choose(&["ext3", "ext4", "btrfs"]);
                    tags.push(&[("path", &path), ("fstype", kind)]);
                }
                Self::Interface => tags.push(&[("interface", &format!("eth{}", number(4)))]),
                Self::Server(name) => {
                    let server = format!("{name}_{}", number(100_000));
                    let port = (1024 + number(20_000)).to_string();
                    tags.push(&[("port", &port), ("server", &server)]);
                }
            }
        }
        tags
    }
}
