//! The text of each file under `/proc` to lines of one table. Pure functions: text in, lines out.
//! What a kernel does not show, or shows in a way that is not understood, is left out.

use super::line::Sample;

/// Processor time since boot in ticks of 10 ms, by what it was spent on, in the order of the
/// fields of `/proc/stat`. Time of guests is part of `user` and `nice`.
type Ticks = [i64; 8];

const CPU_FIELDS: [&str; 8] = [
    "usage_user",
    "usage_nice",
    "usage_system",
    "usage_idle",
    "usage_iowait",
    "usage_irq",
    "usage_softirq",
    "usage_steal",
];

/// The processor times of the sample before, by name (`total`, `cpu0`, …).
#[derive(Clone, Debug, Default)]
pub(crate) struct CpuTimes(Vec<(String, Ticks)>);

/// `/proc/stat` → `cpu`: how the time since the last call was spent, in percent. The first call
/// for a processor only notes where its counters stand.
pub(crate) fn cpu(stat: &str, before: &mut CpuTimes, sample: &mut Sample<'_>) {
    for (name, rest) in stat.lines().filter_map(|line| line.split_once(' ')) {
        let name = match name {
            "cpu" => "total",
            name if name.starts_with("cpu") => name,
            _ => continue,
        };
        let mut ticks = Ticks::default();
        let mut numbers = rest.split_ascii_whitespace().map_while(int);
        ticks.iter_mut().zip(&mut numbers).for_each(|(tick, number)| *tick = number);
        let Some((_, last)) = before.0.iter_mut().find(|(known, _)| known == name) else {
            before.0.push((name.to_owned(), ticks));
            continue;
        };
        let mut spent = Ticks::default();
        for (spent, (now, then)) in spent.iter_mut().zip(ticks.iter().zip(last.iter())) {
            // The kernel lets iowait and idle run backwards at times.
            *spent = now.saturating_sub(*then).max(0);
        }
        *last = ticks;
        let total: i64 = spent.iter().sum();
        if total > 0 {
            let mut line = sample.line("cpu", Some(("cpu", name)));
            for (field, spent) in CPU_FIELDS.iter().zip(spent) {
                line.float(field, 100.0 * spent as f64 / total as f64);
            }
            line.end();
        }
    }
}

/// `/proc/stat` → `softirq`: software interrupts since boot by kind, without the kinds that never
/// occurred.
pub(crate) fn softirq(stat: &str, sample: &mut Sample<'_>) {
    const KINDS: [&str; 10] = [
        "hi", "timer", "net_tx", "net_rx", "block", "irq_poll", "tasklet", "sched", "hrtimer",
        "rcu",
    ];
    let Some(counts) = stat.lines().find_map(|line| line.strip_prefix("softirq ")) else { return };
    let counts = counts.split_ascii_whitespace().map_while(int).skip(1);
    for (kind, count) in KINDS.iter().zip(counts).filter(|(_, count)| *count > 0) {
        let mut line = sample.line("softirq", Some(("kind", kind)));
        line.int("count", count);
        line.end();
    }
}

/// `/proc/meminfo` → `mem`, in bytes.
pub(crate) fn mem(meminfo: &str, sample: &mut Sample<'_>) {
    let bytes = |key: &str| Some(value_of(meminfo, key)?.saturating_mul(1024));
    let (total, available) = (bytes("MemTotal:"), bytes("MemAvailable:"));
    let used = total.zip(available).map(|(total, available)| total - available);
    let swap = bytes("SwapTotal:").filter(|total| *total > 0);
    let mut line = sample.line("mem", None);
    line.int_if("total", total);
    line.int_if("used", used);
    line.int_if("free", bytes("MemFree:"));
    line.int_if("available", available);
    line.int_if("buffers", bytes("Buffers:"));
    line.int_if("cached", bytes("Cached:"));
    line.int_if("dirty", bytes("Dirty:"));
    line.int_if("writeback", bytes("Writeback:"));
    line.int_if("anonymous", bytes("AnonPages:"));
    line.int_if("mapped", bytes("Mapped:"));
    line.int_if("slab", bytes("Slab:"));
    line.int_if("page_tables", bytes("PageTables:"));
    line.int_if("swap_total", swap);
    line.int_if("swap_used", swap.zip(bytes("SwapFree:")).map(|(total, free)| total - free));
    if let (Some(used), Some(total)) = (used, total.filter(|total| *total > 0)) {
        line.float("used_percent", 100.0 * used as f64 / total as f64);
    }
    line.end();
}

/// `/proc/buddyinfo` → `mem_zone`: free runs of 2ⁿ pages by zone and n.
pub(crate) fn mem_zone(buddyinfo: &str, sample: &mut Sample<'_>) {
    const ORDERS: [&str; 11] = [
        "free_0", "free_1", "free_2", "free_3", "free_4", "free_5", "free_6", "free_7", "free_8",
        "free_9", "free_10",
    ];
    for (node, rest) in buddyinfo.lines().filter_map(|line| line.split_once(", zone")) {
        let mut words = rest.split_ascii_whitespace();
        let Some(zone) = words.next() else { continue };
        let node = node.trim_start_matches("Node").trim();
        let name = format!("{node}:{zone}");
        let mut line = sample.line("mem_zone", Some(("zone", &name)));
        for (order, count) in ORDERS.iter().zip(words.map_while(int)) {
            line.int(order, count);
        }
        line.end();
    }
}

/// `/proc/loadavg` and the waiting processes of `/proc/stat` → `load`.
pub(crate) fn load(loadavg: &str, stat: &str, sample: &mut Sample<'_>) {
    let mut words = loadavg.split_ascii_whitespace();
    let mut line = sample.line("load", None);
    for name in ["load1", "load5", "load15"] {
        if let Some(load) = words.next().and_then(float) {
            line.float(name, load);
        }
    }
    if let Some((running, threads)) = words.next().and_then(|word| word.split_once('/')) {
        line.int_if("running", int(running));
        line.int_if("threads", int(threads));
    }
    line.int_if("blocked", value_of(stat, "procs_blocked"));
    line.end();
}

/// `/proc/diskstats` → `disk_io`: counters since boot of every disk and partition that was ever
/// used, loop and memory disks aside.
pub(crate) fn disk_io(diskstats: &str, sample: &mut Sample<'_>) {
    // Documentation/admin-guide/iostats.rst: sectors are of 512 bytes on every device.
    const FIELDS: [(usize, i64, &str); 9] = [
        (0, 1, "reads"),
        (4, 1, "writes"),
        (2, 512, "read_bytes"),
        (6, 512, "written_bytes"),
        (3, 1, "read_time_ms"),
        (7, 1, "write_time_ms"),
        (9, 1, "io_time_ms"),
        (10, 1, "weighted_io_time_ms"),
        (8, 1, "in_flight"),
    ];
    for text in diskstats.lines() {
        let mut words = text.split_ascii_whitespace().skip(2);
        let Some(device) = words.next() else { continue };
        let mut counters = [0; 11];
        let read = counters.iter_mut().zip(words.map_while(int)).map(|(to, from)| *to = from);
        let virtual_disk = ["loop", "ram", "zram"].iter().any(|kind| device.starts_with(kind));
        if read.count() < counters.len() || virtual_disk || counters[0] + counters[4] == 0 {
            continue;
        }
        let mut line = sample.line("disk_io", Some(("device", device)));
        for (index, unit, name) in FIELDS {
            line.int(name, counters[index].saturating_mul(unit));
        }
        line.end();
    }
}

/// `/proc/net/dev` → `net`: counters since boot of every interface that was ever used.
pub(crate) fn net(dev: &str, sample: &mut Sample<'_>) {
    for (interface, rest) in dev.lines().filter_map(|line| line.split_once(':')) {
        let mut counters = [0; 16];
        let numbers = rest.split_ascii_whitespace().map_while(int);
        let read = counters.iter_mut().zip(numbers).map(|(to, from)| *to = from).count();
        let [rx_bytes, rx_packets, rx_errors, rx_drops, _, _, _, _, tx @ ..] = counters;
        let [tx_bytes, tx_packets, tx_errors, tx_drops, ..] = tx;
        if read < 12 || rx_packets + tx_packets == 0 {
            continue;
        }
        let mut line = sample.line("net", Some(("interface", interface.trim())));
        line.int("rx_bytes", rx_bytes);
        line.int("tx_bytes", tx_bytes);
        line.int("rx_packets", rx_packets);
        line.int("tx_packets", tx_packets);
        line.int("errors", rx_errors.saturating_add(tx_errors));
        line.int("drops", rx_drops.saturating_add(tx_drops));
        line.end();
    }
}

/// `/proc/net/snmp` → `net_protocol`: counters since boot of each protocol that was ever used.
pub(crate) fn net_protocol(snmp: &str, sample: &mut Sample<'_>) {
    const FIELDS: [(&str, &str, &[(&str, &str)]); 3] = [
        (
            "Ip:",
            "ip",
            &[("InReceives", "received"), ("OutRequests", "sent"), ("InDiscards", "drops")],
        ),
        (
            "Tcp:",
            "tcp",
            &[
                ("InSegs", "received"),
                ("OutSegs", "sent"),
                ("RetransSegs", "retransmitted"),
                ("ActiveOpens", "opened"),
                ("PassiveOpens", "accepted"),
                ("CurrEstab", "established"),
            ],
        ),
        (
            "Udp:",
            "udp",
            &[("InDatagrams", "received"), ("OutDatagrams", "sent"), ("InErrors", "errors")],
        ),
    ];
    for (prefix, protocol, fields) in FIELDS {
        // A line of names and, below it, a line of values.
        let mut rows = snmp.lines().filter_map(|line| line.strip_prefix(prefix));
        let (Some(names), Some(values)) = (rows.next(), rows.next()) else { continue };
        let value = |name: &str| {
            let index = names.split_ascii_whitespace().position(|n| n == name)?;
            values.split_ascii_whitespace().nth(index).and_then(int)
        };
        if fields.iter().all(|(name, _)| value(name).unwrap_or(0) == 0) {
            continue;
        }
        let mut line = sample.line("net_protocol", Some(("protocol", protocol)));
        for (name, field) in fields {
            line.int_if(field, value(name));
        }
        line.end();
    }
}

/// `/proc/net/sockstat` → `sockets` in use, by protocol.
pub(crate) fn sockets(sockstat: &str, sample: &mut Sample<'_>) {
    const NAMES: [(&str, &str); 4] =
        [("sockets", "all"), ("TCP", "tcp"), ("UDP", "udp"), ("RAW", "raw")];
    for (key, rest) in sockstat.lines().filter_map(|line| line.split_once(':')) {
        let Some((_, protocol)) = NAMES.iter().find(|(name, _)| *name == key) else { continue };
        let mut words = rest.split_ascii_whitespace();
        let mut line = sample.line("sockets", Some(("protocol", protocol)));
        while let (Some(name), Some(value)) = (words.next(), words.next().and_then(int)) {
            let field = match name {
                "inuse" | "used" => "in_use",
                "tw" => "time_wait",
                "alloc" => "allocated",
                "mem" => "memory_pages",
                "orphan" => "orphaned",
                _ => continue,
            };
            line.int(field, value);
        }
        line.end();
    }
}

/// `/proc/vmstat` and the counters of `/proc/stat` → `vmstat`: what happened since boot.
pub(crate) fn vmstat(vmstat: &str, stat: &str, sample: &mut Sample<'_>) {
    let mut line = sample.line("vmstat", None);
    line.int_if("page_faults", value_of(vmstat, "pgfault"));
    line.int_if("major_page_faults", value_of(vmstat, "pgmajfault"));
    line.int_if("pages_in_kib", value_of(vmstat, "pgpgin"));
    line.int_if("pages_out_kib", value_of(vmstat, "pgpgout"));
    line.int_if("pages_freed", value_of(vmstat, "pgfree"));
    line.int_if("context_switches", value_of(stat, "ctxt"));
    line.int_if("interrupts", value_of(stat, "intr"));
    line.int_if("forks", value_of(stat, "processes"));
    line.end();
}

/// `/proc/pressure/<resource>` → `pressure`: the share of time in which some or all tasks waited
/// for the resource, in percent.
pub(crate) fn pressure(resource: &str, text: &str, sample: &mut Sample<'_>) {
    const FIELDS: [(&str, &str, &str); 8] = [
        ("some", "avg10=", "some_avg10"),
        ("some", "avg60=", "some_avg60"),
        ("some", "avg300=", "some_avg300"),
        ("some", "total=", "some_total_us"),
        ("full", "avg10=", "full_avg10"),
        ("full", "avg60=", "full_avg60"),
        ("full", "avg300=", "full_avg300"),
        ("full", "total=", "full_total_us"),
    ];
    let mut line = sample.line("pressure", Some(("resource", resource)));
    for (scope, key, field) in FIELDS {
        let row = text.lines().find_map(|row| row.strip_prefix(scope)).unwrap_or_default();
        let value = row.split_ascii_whitespace().find_map(|word| word.strip_prefix(key));
        if key == "total=" {
            line.int_if(field, value.and_then(int));
        } else if let Some(value) = value.and_then(float) {
            line.float(field, value);
        }
    }
    line.end();
}

/// The first number after `key` where it begins a line.
fn value_of(text: &str, key: &str) -> Option<i64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix([' ', '\t']))?;
    rest.split_ascii_whitespace().next().and_then(int)
}

/// A counter; one beyond `i64` is not read.
fn int(word: &str) -> Option<i64> {
    word.parse().ok()
}

fn float(word: &str) -> Option<f64> {
    word.parse().ok().filter(|value: &f64| value.is_finite())
}
