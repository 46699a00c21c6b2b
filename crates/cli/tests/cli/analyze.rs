use serde_json::{Value, json};

use crate::support::{Place, sample};

fn json(place: &Place, arguments: &[&str]) -> Value {
    let ran = place.run(&[&["analyze", "--json"], arguments].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn figures_of_a_small_file_are_those_done_by_hand() {
    let text = b"m,h=a v=1,n=9223372036854775807i 0\nm,h=a v=3,n=9223372036854775807i 10\n\
        m,h=a v=2 20\nm,h=b s=\"x\",ok=true 20\n";
    let place = Place::with(&[("a.lp", text)]);
    let report = json(&place, &["a.lp"]);
    assert_eq!((&report["rows"], &report["series"]), (&json!(4), &json!(2)));
    let table = &report["tables"][0];
    assert_eq!(
        (&table["name"], &table["start"], &table["end"]),
        (&json!("m"), &json!(0), &json!(20))
    );
    assert_eq!(table["interval_ns"], 10);
    let field = |name: &str| {
        let fields = table["fields"].as_array().unwrap();
        fields.iter().find(|field| field["name"] == name).unwrap().clone()
    };
    assert_eq!(
        field("v"),
        json!({"name": "v", "type": "float", "count": 3, "missing": 1, "min": 1.0, "max": 3.0,
            "mean": 2.0, "stddev": 1.0, "p50": 2.0, "p95": field("v")["p95"], "p99": field("v")["p99"],
            "first": 1.0, "last": 2.0, "sum": 6.0})
    );
    // A sum beyond 64 bits has all its digits.
    assert_eq!(field("n")["sum"].to_string(), "18446744073709551614");
    assert_eq!((&field("s")["type"], &field("s")["count"]), (&json!("text"), &json!(1)));
    assert_eq!((&field("ok")["last"], &field("ok")["missing"]), (&json!(true), &json!(3)));
    assert!(report["anomalies"].is_array() && report["cost"]["stored_bytes"].is_u64());
}

#[test]
fn late_rows_and_duplicates_are_counted() {
    let place = Place::with(&[("a.lp", b"m v=1 10\nm v=2 5\nm v=3 10\n")]);
    let report = json(&place, &["a.lp"]);
    let table = &report["tables"][0];
    assert_eq!(
        (&table["rows"], &table["late"], &table["duplicates"]),
        (&json!(2), &json!(1), &json!(1))
    );
}

#[test]
fn the_sample_has_a_report_and_a_page() {
    let place = Place::new();
    let ran = place.run(&["analyze", &sample(), "--html", "page.html"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for wanted in ["11 tables", "usage_user", "What stands out", "What it cost", "peak memory", "█"]
    {
        assert!(ran.stdout.contains(wanted), "{wanted}");
    }
    let page = place.read("page.html");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(page.matches("<figure").count() > 80);
    // Nothing from elsewhere.
    for forbidden in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(!place.path("tidemill-data").exists());
}

#[test]
fn names_from_the_data_are_no_markup() {
    let place = Place::with(&[("a.lp", b"<script>,<b>=<i> <u>=1 1\n<script>,<b>=<i> <u>=2 2\n")]);
    assert_eq!(place.run(&["analyze", "a.lp", "--html", "page.html"]).code, 0);
    let page = place.read("page.html");
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(page.contains("&lt;script&gt;") && !page.contains("<u>"));
}

#[test]
fn nothing_to_read_is_said() {
    let place = Place::with(&[("empty.lp", b""), ("bad.lp", b"m v=1 1\nm v= 2\n")]);
    let ran = place.run(&["analyze", "empty.lp"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("empty"), "{ran:?}");
    let ran = place.run(&["analyze", "--json", "bad.lp"]);
    assert_eq!(ran.code, 1);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["rows"], 1);
}
