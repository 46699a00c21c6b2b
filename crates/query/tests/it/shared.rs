//! Tables of so many series that statements are shared out to threads: the answers are DataFusion's.

use tidemill_model::{Batch, Value};
use tidemill_query::ExecutedBy;

use crate::agree::agree;
use crate::common::{Fixture, Row, SECOND, START, push};

const HOSTS: i64 = 300;

/// A row each 10 s, about, of 300 hosts; every third one is late, and some values are missing.
fn many_series() -> Fixture {
    let fixture = Fixture::empty();
    for part in [false, true] {
        let mut batch = Batch::new();
        for (step, host) in (0..40).flat_map(|step| (0..HOSTS).map(move |host| (step, host))) {
            if ((step + host) % 3 == 0) != part {
                continue;
            }
            let (name, region) = (format!("host_{host}"), format!("r{}", host % 7));
            let x = (step * 7919 + host * 31) % 101;
            let fields = [("x", Value::Int(x)), ("y", Value::Float(x as f64 / 4.0))];
            let fields = if x % 5 == 0 { &fields[..1] } else { &fields[..] };
            let tags = [("host", &*name), ("region", &*region)];
            let time = START + (step * 10 + host % 4) * SECOND;
            push(&mut batch, "many", &Row { tags: &tags, fields, time });
        }
        fixture.write(batch);
        fixture.store.flush().unwrap();
    }
    fixture
}

#[test]
fn what_threads_share_is_what_one_says() {
    let fixture = many_series();
    let (native, alone) = (fixture.engine(true), fixture.engine(false));
    for sql in [
        "SELECT host, avg(x), max(y), count(*) FROM many GROUP BY host",
        "SELECT region, date_bin(INTERVAL '1 minute', time) AS m, sum(x), min(y) FROM many GROUP BY region, m",
        "SELECT count(y), stddev(x) FROM many WHERE time > '2021-01-01T00:01:03Z'",
        "SELECT region, percentile_cont(0.25) WITHIN GROUP (ORDER BY x) FROM many GROUP BY region",
        "SELECT DISTINCT ON (host) host, time, x, y FROM many ORDER BY host, time DESC",
        "SELECT DISTINCT ON (host) host, time, x FROM many WHERE x > 90 ORDER BY host, time DESC",
        "SELECT DISTINCT ON (host) host, time, y FROM many WHERE y IS NOT NULL AND x < 40 ORDER BY host, time DESC",
        "SELECT time, host, x FROM many WHERE y > 20",
    ] {
        let (got, want) = (native.sql(sql).unwrap(), alone.sql(sql).unwrap());
        assert_eq!(got.executed_by(), ExecutedBy::Native, "{sql}");
        assert!(got.rows() > 0, "{sql}");
        agree(&got, &want).unwrap_or_else(|error| panic!("{sql}\n{error}"));
    }
}
