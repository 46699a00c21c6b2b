//! Looking at stores and keeping them in shape.

use crate::support::Place;

const ROWS: &[u8] = b"cpu,host=a,cpu=0 user=1.5,idle=98i 1704067200000000000\n\
cpu,host=b,cpu=0 user=2.5 1704067201000000000\n\
mem,host=a used=7u,ok=true,note=\"x\" 1704067200000000000\n";

fn store() -> Place {
    let place = Place::with(&[("a.lp", ROWS)]);
    assert_eq!(place.run(&["import", "a.lp"]).code, 0);
    place
}

#[test]
fn an_import_tells_what_its_stages_allocate() {
    let place = Place::with(&[("a.lp", ROWS)]);
    let plain = place.run(&["import", "a.lp"]);
    assert!(plain.code == 0 && !plain.stdout.contains("thread seconds"), "{plain:?}");
    let ran = place.run(&["import", "--profile-memory", "a.lp"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let (_, table) = ran.stdout.split_once("thread seconds").unwrap();
    let row = |name: &str| -> Vec<&str> {
        let line = table.lines().find(|line| line.split_whitespace().next() == Some(name));
        line.unwrap_or_else(|| panic!("no {name}: {table}")).split_whitespace().collect()
    };
    let number = |text: &str| -> u64 {
        text.replace(',', "").parse().unwrap_or_else(|_| panic!("{text}: {table}"))
    };
    let calls = |name: &str| number(row(name)[1]);
    // Both tables are sorted, encoded and written; one commit.
    for (name, least) in [("parse", 1), ("resolve", 1), ("sort", 2), ("encode", 2), ("write", 2)] {
        assert!(calls(name) >= least, "{name}: {table}");
    }
    assert_eq!(calls("commit"), 1, "{table}");
    let allocations = |name: &str, column: usize| number(row(name)[column]);
    let stages = ["read", "parse", "resolve", "sort", "encode", "write", "flush", "commit"];
    let sum: u64 = stages.iter().map(|name| allocations(name, 3)).sum();
    let (elsewhere, all) = (allocations("elsewhere", 1), allocations("all", 1));
    assert!(sum > 0 && sum + elsewhere <= all, "{sum} {elsewhere}: {table}");
    assert!(ran.stdout.contains("of it were in use at one time"), "{ran:?}");
}

#[test]
fn inspect_describes_a_store() {
    let place = store();
    let ran = place.run(&["inspect"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    // Sizes depend on encodings, which improve.
    let (_, schemas) = ran.stdout.split_once("\ncpu (").unwrap();
    insta::assert_snapshot!(schemas, @r"
    duplicates: last)
      tags    cpu, host
      fields  user float, idle int

    mem (duplicates: last)
      tags    host
      fields  used uint, ok bool, note text
    ");
}

#[test]
fn inspect_describes_a_store_to_programs() {
    let ran = store().run(&["inspect", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let table = &json["tables"][0];
    assert_eq!(
        (&table["name"], &table["rows"], &table["series"]),
        (&"cpu".into(), &2.into(), &2.into())
    );
    assert_eq!(
        (&table["start"], &table["values"]),
        (&1_704_067_200_000_000_000_i64.into(), &3.into())
    );
    assert_eq!(json["values"], 6);
    assert!(json["bytes_a_value"].as_f64().unwrap() > 0.0);
}

#[test]
fn reading_commands_need_a_store_and_make_none() {
    let place = Place::new();
    for arguments in [
        &["inspect"][..],
        &["check"],
        &["compact"],
        &["export", "m", "--format", "lp"],
        &["backup", "b"],
        &["repair", "tidemill-data", "b"],
    ] {
        let ran = place.run(arguments);
        assert_eq!(ran.code, 1, "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains("tidemill-data"), "{arguments:?}: {ran:?}");
    }
    assert!(!place.path("tidemill-data").exists() && !place.path("b").exists());
}

#[test]
fn damage_is_found_and_named() {
    let place = store();
    assert!(place.run(&["check"]).stdout.contains("all sound"));
    let dir = place.path("tidemill-data");
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let segment =
        files.into_iter().find(|path| path.extension().is_some_and(|e| e == "seg")).unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 4;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let ran = place.run(&["check"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let name = segment.file_name().unwrap().to_str().unwrap();
    assert!(ran.stderr.contains(name), "{ran:?}");
}

/// Flips a bit of the only segment of table `m`.
fn damage(place: &Place, store: &str) -> String {
    let files = std::fs::read_dir(place.path(store)).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "seg")).collect();
    segments.sort();
    let mut bytes = std::fs::read(&segments[0]).unwrap();
    bytes[17] ^= 1;
    std::fs::write(&segments[0], bytes).unwrap();
    segments[0].file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_repair_keeps_what_can_be_read_and_lists_the_rest() {
    let place = Place::with(&[("a.lp", b"m f=1 1\nm f=2 2\n"), ("b.lp", b"n,h=a f=1 1\n")]);
    for file in ["a.lp", "b.lp"] {
        assert_eq!(place.run(&["import", file, "--store", "s"]).code, 0);
    }
    let ran = place.run(&["repair", "s", "same"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stdout.ends_with("3 rows salvaged; nothing was left\n"), "{ran:?}");
    let segment = damage(&place, "s");
    let checked = place.run(&["check", "s"]);
    assert_eq!(checked.code, 1, "{checked:?}");
    let says = "2 rows of `m`, times 1970-01-01";
    assert!(checked.stderr.contains(&segment) && checked.stderr.contains(says), "{checked:?}");
    let ran = place.run(&["repair", "s", "new"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(ran.stderr, checked.stderr, "what check said is left");
    assert!(ran.stdout.starts_with("n: 1 row\n1 row salvaged; 1 problem"), "{ran:?}");
    assert_eq!(place.run(&["check", "new"]).code, 0);
    let ran = place.run(&["repair", "s", "new"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("give a new or an empty one"), "{ran:?}");
    std::fs::remove_file(place.path("s").join("MANIFEST")).unwrap();
    let ran = place.run(&["repair", "s", "third"]);
    assert!(ran.stderr.contains("no manifest") && ran.stdout.contains("n: 1 row"), "{ran:?}");
}

#[test]
fn a_backup_is_a_store() {
    let place = store();
    let ran = place.run(&["backup", "copy"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("2 tables, 2 segments, 3 rows, "), "{ran:?}");
    let ran = place.run(&["check", "copy"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let export = |store| place.run(&["export", "cpu", "--format", "lp", "--store", store]);
    assert_eq!(export("copy").stdout, export("tidemill-data").stdout);
    let ran = place.run(&["backup", "copy"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("give a new or an empty one"), "{ran:?}");
    damage(&place, "tidemill-data");
    let ran = place.run(&["backup", "other"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(!place.path("other").join("MANIFEST").exists(), "{ran:?}");
}

#[test]
fn compaction_drops_what_later_rows_replace() {
    let place = Place::with(&[("a.lp", b"m f=1 1\nm f=2 2\n"), ("b.lp", b"m f=3 2\nm f=4 3\n")]);
    for file in ["a.lp", "b.lp"] {
        assert_eq!(place.run(&["import", file]).code, 0);
    }
    let rows = place.rows("m");
    assert_eq!(rows, ["m f=1 1", "m f=3 2", "m f=4 3"]);
    let ran = place.run(&["compact"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("1 rows dropped"), "{ran:?}");
    assert_eq!(place.rows("m"), rows);
}

#[test]
fn small_segments_are_smaller_and_hold_the_same() {
    let mut walk = 0;
    let row = |row: u64| {
        let mixed = row.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        walk += (i64::from((mixed ^ mixed >> 31).wrapping_mul(mixed).count_ones()) - 32) / 3;
        format!("m i={walk}i,f={} {row}\n", walk as f64 / 4.0)
    };
    let rows: String = (0..20_000).map(row).collect();
    let place = Place::with(&[("a.lp", rows.as_bytes()), ("b.lp", b"m i=5i 30000\n")]);
    assert_eq!(place.run(&["import", "a.lp"]).code, 0);
    let inspect = || -> serde_json::Value {
        serde_json::from_str(&place.run(&["inspect", "--json"]).stdout).unwrap()
    };
    let (before, rows) = (inspect(), place.rows("m"));
    assert_eq!(
        (&before["tables"][0]["segments"], &before["tables"][0]["small_segments"]),
        (&1.into(), &0.into())
    );
    let ran = place.run(&["compact", "--small"]);
    assert!(ran.code == 0 && ran.stdout.contains("1 segments"), "{ran:?}");
    let after = inspect();
    assert_eq!(
        (&after["tables"][0]["segments"], &after["tables"][0]["small_segments"]),
        (&1.into(), &1.into())
    );
    let bytes = |json: &serde_json::Value| json["segments"]["bytes"].as_f64().unwrap();
    assert!(bytes(&after) < bytes(&before) * 0.9, "{before} {after}");
    assert_eq!(place.rows("m"), rows);
    assert!(place.run(&["check"]).stdout.contains("all sound"));
    let ran = place.run(&["compact", "--small"]);
    assert_eq!(ran.stdout.trim_end(), "nothing to merge or to make smaller");
    // What comes later is as always.
    assert_eq!(place.run(&["import", "b.lp"]).code, 0);
    assert_eq!(place.run(&["compact"]).stdout.trim_end(), "nothing to merge");
    assert!(place.run(&["inspect"]).stdout.contains("2 (1 small)"));
}

#[test]
fn a_table_keeps_its_rows_as_long_as_is_said() {
    let place = Place::with(&[("a.lp", b"m f=1 1\nm f=2 2000000000\nm f=3 5000000000\n")]);
    assert_eq!(place.run(&["import", "a.lp"]).code, 0);
    let said = |arguments: &[&str]| {
        let ran = place.run(&[&["retention", "m"], arguments].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.stdout.trim_end().to_owned()
    };
    assert_eq!(said(&[]), "m: rows are kept for ever");
    assert_eq!(said(&["--keep", "3s"]), "m: rows are kept 3s");
    assert_eq!(said(&[]), "m: rows are kept 3s");
    let ran = place.run(&["compact"]);
    assert!(ran.stdout.contains("1 rows dropped"), "{ran:?}");
    assert_eq!(place.rows("m"), ["m f=2 2000000000", "m f=3 5000000000"]);
    assert_eq!(said(&["--forever"]), "m: rows are kept for ever");
    let ran = place.run(&["retention", "n", "--keep", "3s"]);
    assert!(ran.code == 1 && ran.stderr.contains("`n`"), "{ran:?}");
}

#[test]
fn duplicates_follow_the_rule_the_table_was_made_with() {
    for (rule, code, want) in
        [("last", 0, "m f=2 1"), ("keep", 0, "m f=1 1"), ("error", 1, "m f=1 1")]
    {
        let place = Place::with(&[("a.lp", b"m f=1 1\nm f=2 1\n")]);
        let ran = place.run(&["import", "--duplicates", rule, "a.lp"]);
        assert_eq!(ran.code, code, "{rule}: {ran:?}");
        assert_eq!(place.rows("m"), [want], "{rule}");
    }
}

#[test]
fn an_unknown_table_is_named_beside_those_there_are() {
    let ran = store().run(&["export", "cpuu", "--format", "lp"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("cpuu") && ran.stderr.contains("mem"), "{ran:?}");
}

#[test]
fn a_missing_file_makes_no_store() {
    let place = Place::new();
    let ran = place.run(&["import", "nowhere.lp", "--store", "s"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("nowhere.lp") && !place.path("s").exists(), "{ran:?}");
}

#[test]
fn what_cannot_be_read_does_not_hide_the_rest() {
    let place = Place::with(&[("a.lp", ROWS)]);
    assert_eq!(place.run(&["import", "a.lp", "--store", "s"]).code, 0);
    let mut segments =
        std::fs::read_dir(place.path("s")).unwrap().map(|entry| entry.unwrap().path());
    let segment = segments.find(|path| path.extension().is_some_and(|e| e == "seg")).unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let ran = place.run(&["inspect", "--store", "s"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("fields") && ran.stderr.contains("checksum"), "{ran:?}");
}
