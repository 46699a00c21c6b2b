use super::{float, int, value_of};
use crate::recorder::line::Sample;

/// `/proc/meminfo` → `mem`, in bytes.
pub(crate) fn mem(meminfo: &str, sample: &mut Sample<'_>) {
    let bytes = |key: &str| Some(value_of(meminfo, key)?.saturating_mul(1024));
    let (total, available) = (bytes("MemTotal:"), bytes("MemAvailable:"));
    let used = total.zip(available).map(|(total, available)| total.saturating_sub(available));
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
    line.int_if(
        "swap_used",
        swap.zip(bytes("SwapFree:")).map(|(total, free)| total.saturating_sub(free)),
    );
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
