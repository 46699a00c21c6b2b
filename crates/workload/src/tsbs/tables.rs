//! The nine tables of the devops use case, as data.

use super::measurement::{DISK_BYTES, Fields, GIB, Measurement, OwnTags};
use super::walk::Walk;

const PERCENT: Walk = Walk::bounded(0.0, 1.0, 100.0).starting_below(100.0);
const COUNTER_5: Walk = Walk::counter(5.0);
const COUNTER_50: Walk = Walk::counter(50.0);
const COUNTER_100: Walk = Walk::counter(100.0);
const TO_100: Walk = Walk::bounded(5.0, 1.0, 100.0);
const TO_1000: Walk = Walk::bounded(5.0, 1.0, 1000.0);
const TO_10000: Walk = Walk::bounded(50.0, 1.0, 10_000.0);
const REDIS_MEMORY: Walk =
    Walk::bounded(50.0, 1.0, (16 * GIB) as f64).starting_at((8 * GIB) as f64);
const MEMORY_SHARE: Walk = Walk::bounded(0.0, 1.0 / 64.0, 1.0).starting_below(1.0);

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
    walks: &[(
        "free",
        Walk::bounded(50.0, 1.0, DISK_BYTES as f64).starting_at((DISK_BYTES / 2) as f64),
    )],
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
