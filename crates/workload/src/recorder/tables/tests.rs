use super::*;
use crate::recorder::line::Sample;
use proptest::prelude::*;

fn lines(write: impl FnOnce(&mut Sample<'_>)) -> String {
    let mut out = Vec::new();
    write(&mut Sample { host: "h", time_ns: 7, out: &mut out });
    String::from_utf8(out).unwrap()
}

#[test]
fn processor_time_is_that_since_the_sample_before() {
    let mut before = CpuTimes::default();
    let mut check = |stat: &str, expected: &str| {
        assert_eq!(lines(|sample| cpu(stat, &mut before, sample)), expected, "{stat}");
    };
    check("cpu  100 0 50 1000 5 0 0 0 0 0\ncpu0 100 0 50 1000 5 0 0 0 0 0\nctxt 5\n", "");
    // Half user, a quarter idle, a quarter waiting; the second processor is new.
    check(
        "cpu  110 0 50 1005 10 0 0 0 0 0\ncpu0 101 0 50 1002 5 0 0 0 3 0\ncpu1 9 0 0 3\n",
        "cpu,host=h,cpu=total usage_user=50.00,usage_nice=0.00,usage_system=0.00,\
         usage_idle=25.00,usage_iowait=25.00,usage_irq=0.00,usage_softirq=0.00,\
         usage_steal=0.00 7\n\
         cpu,host=h,cpu=cpu0 usage_user=33.33,usage_nice=0.00,usage_system=0.00,\
         usage_idle=66.67,usage_iowait=0.00,usage_irq=0.00,usage_softirq=0.00,\
         usage_steal=0.00 7\n",
    );
    // The kernel takes back some of the waiting: that counts as none.
    check(
        "cpu  120 0 50 1005 4 0 0 0 0 0\n",
        "cpu,host=h,cpu=total usage_user=100.00,usage_nice=0.00,usage_system=0.00,\
         usage_idle=0.00,usage_iowait=0.00,usage_irq=0.00,usage_softirq=0.00,\
         usage_steal=0.00 7\n",
    );
    // No time has passed.
    check("cpu  120 0 50 1005 4 0 0 0 0 0\n", "");
    check("no such file", "");
}

/// Every function on the same text; most find nothing in it.
fn all(text: &str) -> String {
    let mut before = CpuTimes::default();
    lines(|sample| {
        cpu("cpu  0 0 0 0", &mut before, sample);
        cpu(text, &mut before, sample);
        softirq(text, sample);
        mem(text, sample);
        mem_zone(text, sample);
        load(text, text, sample);
        disk_io(text, sample);
        net(text, sample);
        net_protocol(text, sample);
        sockets(text, sample);
        vmstat(text, text, sample);
        pressure("io", text, sample);
    })
}

const FILES: [&str; 8] = [
    include_str!("../../../tests/proc/stat"),
    include_str!("../../../tests/proc/meminfo"),
    include_str!("../../../tests/proc/buddyinfo"),
    include_str!("../../../tests/proc/diskstats"),
    include_str!("../../../tests/proc/net/dev"),
    include_str!("../../../tests/proc/net/snmp"),
    include_str!("../../../tests/proc/net/sockstat"),
    include_str!("../../../tests/proc/pressure/io"),
];

proptest! {
    #[test]
    fn any_text_gives_whole_lines_or_none(
        file in 0..FILES.len(),
        range in (0.0..1.0, 0..30usize),
        junk in "[ \t\n,:=/0-9a-z\u{e9}-]{0,12}|9223372036854775807|-9223372036854775808",
    ) {
        let mut text = FILES[file].to_owned();
        let start = (range.0 * text.len() as f64) as usize;
        text.replace_range(start..text.len().min(start + range.1), &junk);
        for line in all(&text).lines() {
            let words: Vec<_> = line.split(' ').collect();
            prop_assert_eq!(words.len(), 3, "{}", line);
            prop_assert_eq!(words[2], "7");
            let fields = words[1].split(',').filter_map(|field| field.split_once('='));
            prop_assert_eq!(fields.count(), words[1].split(',').count(), "{}", line);
            let tags = words[0].split(',').skip(1).filter_map(|tag| tag.split_once('='));
            for (_, value) in tags {
                prop_assert!(!value.is_empty(), "{}", line);
            }
        }
    }
}
