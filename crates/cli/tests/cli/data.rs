//! What goes in comes out.

use crate::support::{Place, sample};

#[test]
fn parse_prints_points_in_order_and_errors_in_their_places() {
    let text = b"cpu,host=a u=1.5,n=-2i,c=3u,ok=true,s=\"x\" 1\nm f= 2\n\n# no\nm,time=t f=9007199254740993i\n";
    let place = Place::with(&[("x.lp", text)]);
    let ran = place.run(&["parse", "x.lp"]);
    let want = concat!(
        r#"{"table":"cpu","tags":{"host":"a"},"fields":{"u":{"f":1.5},"n":{"i":-2},"c":{"u":3},"ok":{"b":true},"s":{"s":"x"}},"time":1}"#,
        "\n",
        r#"{"table":"m","tags":{"time":"t"},"fields":{"f":{"i":9007199254740993}},"time":null}"#,
        "\n",
    );
    assert_eq!(ran.stdout, want);
    assert!(ran.stderr.starts_with("x.lp:2:5: ") && ran.stderr.lines().count() == 1, "{ran:?}");
    assert_eq!(ran.code, 1);
}

#[test]
fn parse_reads_every_text_format_and_standard_input() {
    let json =
        r#"{"table":"t","tags":{"h":"a"},"fields":{"v":{"f":1.5}},"time":1704067200000000000}"#;
    let csv = b"time,h,v\n2024-01-01,a,1.5\n";
    let ndjson = b"{\"time\":\"2024-01-01T00:00:00Z\",\"h\":\"a\",\"v\":1.5}\n";
    let lp = b"t,h=a v=1.5 1704067200\n";
    let place = Place::with(&[("t.csv", csv), ("t.ndjson", ndjson), ("x.lp", lp)]);
    for arguments in [
        &["parse", "t.csv"][..],
        &["parse", "--tags", "h", "t.ndjson"],
        &["parse", "--precision", "s", "x.lp"],
    ] {
        let ran = place.run(arguments);
        assert_eq!((ran.stdout.trim_end(), ran.code), (json, 0), "{arguments:?}: {}", ran.stderr);
    }
    let ran = place.run_with_input(&["parse", "--table", "t", "--tags", "h", "-"], csv);
    assert_eq!((ran.stdout.trim_end(), ran.code), (json, 0), "{}", ran.stderr);
}

#[test]
fn an_export_imported_again_is_the_same() {
    let place = Place::new();
    assert_eq!(place.run(&["import", &sample()]).code, 0);
    let ran = place.run(&["export", "cpu", "--format", "lp", "--output", "cpu.lp"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:?}");
    let again = Place::with(&[("cpu.lp", place.read("cpu.lp").as_bytes())]);
    assert_eq!(again.run(&["import", "cpu.lp"]).code, 0);
    assert_eq!(again.rows("cpu"), place.rows("cpu"));
    assert!(place.rows("cpu").len() > 7000);
}

#[test]
fn an_import_run_again_gives_the_same_rows() {
    let place = Place::with(&[("a.lp", b"m,h=a f=1 1\nm,h=a f=2 2\nm,h=b f=3 1\n")]);
    assert_eq!(place.run(&["import", "a.lp"]).code, 0);
    let rows = place.rows("m");
    let ran = place.run(&["import", "a.lp"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(place.rows("m"), rows);
}

#[test]
fn lines_without_a_time_are_reported() {
    let place = Place::with(&[("a.lp", b"m f=1\nm f=2\n")]);
    let ran = place.run(&["import", "a.lp"]);
    assert!(ran.stdout.contains("2 rows had no time"), "{ran:?}");
    assert_eq!(place.rows("m").len(), 2);
}

#[test]
fn standard_input_and_globs_are_imported() {
    let place = Place::with(&[("a.lp", b"m f=1 1\n"), ("b.lp", b"m f=2 2\n")]);
    assert_eq!(place.run(&["import", "*.lp"]).code, 0);
    assert_eq!(place.run_with_input(&["import", "-"], b"m f=3 3\n").code, 0);
    assert_eq!(place.rows("m"), ["m f=1 1", "m f=2 2", "m f=3 3"]);
}

#[test]
fn what_has_no_form_in_line_protocol_is_said() {
    let place = Place::with(&[("a.csv", b"time,v,w\n2024-01-01,NaN,1.5\n2024-01-02,2.5,2\n")]);
    assert_eq!(place.run(&["import", "a.csv"]).code, 0);
    let ran = place.run(&["export", "a", "--format", "lp"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (1, 2), "{ran:?}");
    assert!(ran.stderr.contains("not finite"), "{ran:?}");
}

#[test]
fn generated_data_depends_on_the_seed_alone() {
    let place = Place::new();
    let run = |seed: &str| {
        let ran =
            place.run(&["generate", "tsbs-cpu", "--scale", "3", "--hours", "0.1", "--seed", seed]);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.stdout
    };
    assert_eq!(run("1"), run("1"));
    assert_ne!(run("1"), run("2"));
    assert_eq!(run("1").lines().count(), 3 * 36);
    let csv =
        ["generate", "tsbs-iot", "--table", "readings", "--format", "csv", "--output", "r.csv"];
    assert_eq!(place.run(&csv).code, 0);
    assert_eq!(place.run(&["import", "r.csv"]).code, 0);
}

#[test]
fn this_machine_can_be_recorded_into_a_store() {
    let place = Place::new();
    let arguments = ["record", "--for", "100ms", "--interval", "10ms", "--host", "here"];
    let ran = place.run(&[&arguments[..], &["--store", "tidemill-data"]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:?}");
    assert!(place.rows("mem").iter().all(|row| row.starts_with("mem,host=here ")));
    let ran = place.run(&arguments);
    assert!(ran.stdout.contains("mem,host=here "), "{ran:?}");
}

#[test]
fn parse_prints_the_rows_of_parquet() {
    let rows = b"cpu,host=a u=1.5,n=2i,ok=true,s=\"x\" 1704067200000000000\ncpu,host=b u=2.5 1704067201000000000\n";
    let place = Place::with(&[("a.lp", rows)]);
    assert_eq!(place.run(&["import", "a.lp"]).code, 0);
    let export = ["export", "cpu", "--format", "parquet", "--output", "cpu.parquet"];
    assert_eq!(place.run(&export).code, 0);
    let ran = place.run(&["parse", "cpu.parquet", "--tags", "host"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let mut lines: Vec<&str> = ran.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            r#"{"table":"cpu","tags":{"host":"a"},"fields":{"u":{"f":1.5},"n":{"i":2},"ok":{"b":true},"s":{"s":"x"}},"time":1704067200000000000}"#,
            r#"{"table":"cpu","tags":{"host":"b"},"fields":{"u":{"f":2.5}},"time":1704067201000000000}"#,
        ]
    );
}
