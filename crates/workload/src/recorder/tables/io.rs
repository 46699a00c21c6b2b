use super::int;
use crate::recorder::line::Sample;

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
        if read.count() < counters.len() || virtual_disk || counters[0] == 0 && counters[4] == 0 {
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
        if read < 12 || rx_packets == 0 && tx_packets == 0 {
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
    let ip = [("InReceives", "received"), ("OutRequests", "sent"), ("InDiscards", "drops")];
    let tcp = [
        ("InSegs", "received"),
        ("OutSegs", "sent"),
        ("RetransSegs", "retransmitted"),
        ("ActiveOpens", "opened"),
        ("PassiveOpens", "accepted"),
        ("CurrEstab", "established"),
    ];
    let udp = [("InDatagrams", "received"), ("OutDatagrams", "sent"), ("InErrors", "errors")];
    one_protocol(snmp, "Ip:", "ip", &ip, sample);
    one_protocol(snmp, "Tcp:", "tcp", &tcp, sample);
    one_protocol(snmp, "Udp:", "udp", &udp, sample);
}

/// `fields` are the kernel's names and ours.
fn one_protocol(
    snmp: &str,
    prefix: &str,
    protocol: &str,
    fields: &[(&str, &str)],
    sample: &mut Sample<'_>,
) {
    // A line of names and, below it, a line of values.
    let mut rows = snmp.lines().filter_map(|line| line.strip_prefix(prefix));
    let (Some(names), Some(values)) = (rows.next(), rows.next()) else { return };
    let value = |name: &str| {
        let index = names.split_ascii_whitespace().position(|n| n == name)?;
        values.split_ascii_whitespace().nth(index).and_then(int)
    };
    if fields.iter().all(|(name, _)| value(name).unwrap_or(0) == 0) {
        return;
    }
    let mut line = sample.line("net_protocol", Some(("protocol", protocol)));
    for (name, field) in fields {
        line.int_if(field, value(name));
    }
    line.end();
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
