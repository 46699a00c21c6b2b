//! What a process tells: a line for people, a file of JSON for `cargo gauge`.

use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;

use crate::group::Throughput;
use crate::measure::{QUANTILES, Reading};

/// By these bytes `cargo gauge` knows an executable that understands `--gauge-out`, without running it.
pub static MARKER: [u8; 22] = *b"gauge-bench protocol 1";

/// The marker is in every executable that reads its arguments.
pub(crate) fn keep_marker() {
    black_box(&MARKER);
}

pub(crate) fn tell(
    name: &str,
    throughput: Option<Throughput>,
    reading: &Reading,
    out: Option<&Path>,
) {
    let Some(path) = out else { return println!("{}", line(name, throughput, reading)) };
    if let Err(error) = std::fs::write(path, json(name, throughput, reading)) {
        eprintln!("error: {}: {error}", path.display());
        std::process::exit(1);
    }
}

fn line(name: &str, throughput: Option<Throughput>, reading: &Reading) -> String {
    let [minimum, _, low, median, _] = reading.nanoseconds;
    let mut line =
        format!("{name:40} {:>10} (least {}, median {})", time(low), time(minimum), time(median));
    let (elements, bytes) = amounts(throughput);
    if let Some(bytes) = bytes {
        let _ = write!(line, ", {:.2} GB/s", bytes / low);
    }
    if let Some(elements) = elements {
        let _ = write!(line, ", {:.1} M/s", elements / low * 1e3);
    }
    if let Some((requests, bytes)) = reading.allocations {
        let _ = write!(line, ", {requests} allocations of {bytes} B");
    }
    line
}

/// Nanoseconds, as people read them.
fn time(nanoseconds: f64) -> String {
    let units = [("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];
    let (unit, scale) =
        units.into_iter().rev().find(|(_, scale)| nanoseconds >= *scale).unwrap_or(units[0]);
    format!("{:.2} {unit}", nanoseconds / scale)
}

/// Elements and bytes of an iteration.
fn amounts(throughput: Option<Throughput>) -> (Option<f64>, Option<f64>) {
    match throughput {
        None => (None, None),
        Some(Throughput::Bits(bits)) => (None, Some(bits as f64 / 8.0)),
        Some(Throughput::Bytes(bytes) | Throughput::BytesDecimal(bytes)) => {
            (None, Some(bytes as f64))
        }
        Some(Throughput::Elements(elements)) => (Some(elements as f64), None),
        Some(Throughput::ElementsAndBytes { elements, bytes }) => {
            (Some(elements as f64), Some(bytes as f64))
        }
    }
}

fn json(name: &str, throughput: Option<Throughput>, reading: &Reading) -> String {
    let quantiles = |values: &[f64]| {
        let pairs = QUANTILES.iter().zip(values);
        let fields: Vec<String> =
            pairs.map(|((name, _), value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    };
    let optional = |value: Option<f64>| value.map_or("null".to_owned(), |value| value.to_string());
    let (elements, bytes) = amounts(throughput);
    format!(
        "{{\"protocol\":1,\"name\":{},\"iterations\":{},\"batches\":{},\"nanoseconds\":{},\
         \"cycles\":{},\"allocations\":{},\"allocated_bytes\":{},\"elements\":{},\"bytes\":{}}}\n",
        string(name),
        reading.iterations,
        reading.batches,
        quantiles(&reading.nanoseconds),
        quantiles(&reading.cycles),
        optional(reading.allocations.map(|all| all.0)),
        optional(reading.allocations.map(|all| all.1)),
        optional(elements),
        optional(bytes),
    )
}

fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        Reading {
            iterations: 10,
            batches: 3,
            nanoseconds: [1.0, 1.5, 2.0, 3.0, 4.0],
            cycles: [2.0, 3.0, 4.0, 6.0, 8.0],
            allocations: None,
        }
    }

    #[test]
    fn what_is_not_counted_is_null_and_not_zero() {
        let text = json("a\"b", Some(Throughput::Elements(8)), &reading());
        let expected = "{\"protocol\":1,\"name\":\"a\\\"b\",\"iterations\":10,\"batches\":3,\
            \"nanoseconds\":{\"minimum\":1,\"p05\":1.5,\"p25\":2,\"median\":3,\"p75\":4},\
            \"cycles\":{\"minimum\":2,\"p05\":3,\"p25\":4,\"median\":6,\"p75\":8},\
            \"allocations\":null,\"allocated_bytes\":null,\"elements\":8,\"bytes\":null}\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_line_has_units() {
        let mut reading = reading();
        reading.nanoseconds = [900.0, 1e3, 1.2e3, 2.5e6, 3e9];
        reading.allocations = Some((2.0, 64.0));
        let text = line("sum", Some(Throughput::Bytes(2400)), &reading);
        let expected =
            "1.20 µs (least 900.00 ns, median 2.50 ms), 2.00 GB/s, 2 allocations of 64 B";
        assert!(text.ends_with(expected), "{text}");
    }
}
