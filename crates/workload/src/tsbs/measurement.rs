//! The nine tables of the devops use case, as data.

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

const GIB: i64 = 1 << 30;
const DISK_BYTES: i64 = 1 << 40;
const INODE_BYTES: i64 = 4096;

const PERCENT: Walk = Walk::bounded(0.0, 1.0, 100.0).from_below(100.0);
const COUNTER_5: Walk = Walk::counter(5.0);
const COUNTER_50: Walk = Walk::counter(50.0);
const COUNTER_100: Walk = Walk::counter(100.0);
const TO_100: Walk = Walk::bounded(5.0, 1.0, 100.0);
const TO_1000: Walk = Walk::bounded(5.0, 1.0, 1000.0);
const TO_10000: Walk = Walk::bounded(50.0, 1.0, 10_000.0);
const REDIS_MEMORY: Walk = Walk::bounded(50.0, 1.0, (16 * GIB) as f64).from((8 * GIB) as f64);
const MEMORY_SHARE: Walk = Walk::bounded(0.0, 1.0 / 64.0, 1.0).from_below(1.0);

pub(super) static CPU: Measurement = Measurement {
    name: "cpu",
    own_tags: OwnTags::None,
    fields: Fields::Walks,
    walks: &[
        ("usage_user", PERCENT),
        ("usage_system", PERCENT),
        ("usage_idle", PERCENT),
        ("usage_nice", PERCENT),
        ("usage_iowait", PERCENT),
        ("usage_irq", PERCENT),
        ("usage_softirq", PERCENT),
        ("usage_steal", PERCENT),
        ("usage_guest", PERCENT),
        ("usage_guest_nice", PERCENT),
    ],
};

static DISK_IO: Measurement = Measurement {
    name: "diskio",
    own_tags: OwnTags::Serial,
    fields: Fields::Walks,
    walks: &[
        ("reads", COUNTER_50),
        ("writes", COUNTER_50),
        ("read_bytes", COUNTER_100),
        ("write_bytes", COUNTER_100),
        ("read_time", COUNTER_5),
        ("write_time", COUNTER_5),
        ("io_time", COUNTER_5),
    ],
};

static DISK: Measurement = Measurement {
    name: "disk",
    own_tags: OwnTags::Disk,
    fields: Fields::Disk,
    walks: &[("free", Walk::bounded(50.0, 1.0, DISK_BYTES as f64).from((DISK_BYTES / 2) as f64))],
};

static KERNEL: Measurement = Measurement {
    name: "kernel",
    own_tags: OwnTags::None,
    fields: Fields::BootTime,
    walks: &[
        ("interrupts", COUNTER_5),
        ("context_switches", COUNTER_5),
        ("processes_forked", COUNTER_5),
        ("disk_pages_in", COUNTER_5),
        ("disk_pages_out", COUNTER_5),
    ],
};

static MEM: Measurement = Measurement {
    name: "mem",
    own_tags: OwnTags::None,
    fields: Fields::Memory,
    walks: &[("used", MEMORY_SHARE), ("cached", MEMORY_SHARE), ("buffered", MEMORY_SHARE)],
};

static NET: Measurement = Measurement {
    name: "net",
    own_tags: OwnTags::Interface,
    fields: Fields::Walks,
    walks: &[
        ("bytes_sent", COUNTER_50),
        ("bytes_recv", COUNTER_50),
        ("packets_sent", COUNTER_50),
        ("packets_recv", COUNTER_50),
        ("err_in", COUNTER_5),
        ("err_out", COUNTER_5),
        ("drop_in", COUNTER_5),
        ("drop_out", COUNTER_5),
    ],
};

static NGINX: Measurement = Measurement {
    name: "nginx",
    own_tags: OwnTags::Server("nginx"),
    fields: Fields::Walks,
    walks: &[
        ("accepts", COUNTER_5),
        ("active", TO_100),
        ("handled", COUNTER_5),
        ("reading", TO_100),
        ("requests", COUNTER_5),
        ("waiting", TO_100),
        ("writing", TO_100),
    ],
};

static POSTGRESQL: Measurement = Measurement {
    // The original's spelling.
    name: "postgresl",
    own_tags: OwnTags::None,
    fields: Fields::Walks,
    walks: &[
        ("numbackends", TO_1000),
        ("xact_commit", TO_1000),
        ("xact_rollback", TO_1000),
        ("blks_read", TO_1000),
        ("blks_hit", TO_1000),
        ("tup_returned", TO_1000),
        ("tup_fetched", TO_1000),
        ("tup_inserted", TO_1000),
        ("tup_updated", TO_1000),
        ("tup_deleted", TO_1000),
        ("conflicts", TO_1000),
        ("temp_files", TO_1000),
        ("temp_bytes", Walk::bounded(1024.0, 1.0, GIB as f64)),
        ("deadlocks", TO_1000),
        ("blk_read_time", TO_1000),
        ("blk_write_time", TO_1000),
    ],
};

static REDIS: Measurement = Measurement {
    name: "redis",
    own_tags: OwnTags::Server("redis"),
    fields: Fields::Uptime,
    walks: &[
        ("total_connections_received", COUNTER_5),
        ("expired_keys", COUNTER_50),
        ("evicted_keys", COUNTER_50),
        ("keyspace_hits", COUNTER_50),
        ("keyspace_misses", COUNTER_50),
        ("instantaneous_ops_per_sec", Walk::free(1.0)),
        ("instantaneous_input_kbps", Walk::free(1.0)),
        ("instantaneous_output_kbps", Walk::free(1.0)),
        ("connected_clients", TO_10000),
        ("used_memory", REDIS_MEMORY),
        ("used_memory_rss", REDIS_MEMORY),
        ("used_memory_peak", REDIS_MEMORY),
        ("used_memory_lua", REDIS_MEMORY),
        ("rdb_changes_since_last_save", TO_10000),
        ("sync_full", TO_1000),
        ("sync_partial_ok", TO_1000),
        ("sync_partial_err", TO_1000),
        ("pubsub_channels", TO_1000),
        ("pubsub_patterns", TO_1000),
        ("latest_fork_usec", TO_1000),
        ("connected_slaves", TO_1000),
        ("master_repl_offset", TO_1000),
        ("repl_backlog_active", TO_1000),
        ("repl_backlog_size", TO_1000),
        ("repl_backlog_histlen", TO_1000),
        ("mem_fragmentation_ratio", TO_100),
        ("used_cpu_sys", TO_1000),
        ("used_cpu_user", TO_1000),
        ("used_cpu_sys_children", TO_1000),
        ("used_cpu_user_children", TO_1000),
    ],
};

/// The tables in the order in which an epoch writes them.
pub(super) static ALL: [&Measurement; 9] =
    [&CPU, &DISK_IO, &DISK, &KERNEL, &MEM, &NET, &NGINX, &POSTGRESQL, &REDIS];

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
