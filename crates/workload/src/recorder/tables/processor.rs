use super::int;
use crate::recorder::line::Sample;

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
        let total = spent.iter().fold(0i64, |sum, spent| sum.saturating_add(*spent));
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
