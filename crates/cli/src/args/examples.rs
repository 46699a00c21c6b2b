//! The end of every command's help.

pub(super) const TIDEMILL: &str = "\
Examples:
  tidemill analyze samples/host.lp
  tidemill import samples/host.lp
  tidemill query \"SELECT cpu, avg(usage_user) FROM cpu GROUP BY cpu\"";

pub(super) const ANALYZE: &str = "\
Examples:
  tidemill analyze samples/host.lp
  tidemill analyze --html report.html 'data/*.csv'
  tidemill analyze --json --time when --tags site,sensor readings.csv
  zcat old.lp.gz | tidemill analyze -";

pub(super) const IMPORT: &str = "\
Examples:
  tidemill import samples/host.lp
  tidemill import --store metrics --rejects bad.lp 'logs/*.lp.gz'
  tidemill import --tags site,sensor --tz Europe/Berlin readings.csv
  tail -f metrics.lp | tidemill import --commit-every 1s -

A file becomes part of the store as a whole or not at all; running an import again gives the
same rows. Exit code 1 says that rows were refused or a file could not be read.";

pub(super) const QUERY: &str = "\
Examples:
  tidemill query \"SELECT cpu, avg(usage_user) FROM cpu GROUP BY cpu\"
  tidemill query \"SELECT date_bin(INTERVAL '1 minute', time) AS minute, max(load1) FROM load GROUP BY minute ORDER BY minute\"
  tidemill query --format parquet --output cpu.parquet \"SELECT * FROM cpu WHERE time >= '2026-11-21T12:00:00Z'\"
  tidemill query --format ndjson \"SELECT * FROM mem\" | jq .used_percent";

pub(super) const SHELL: &str = "\
Examples:
  tidemill shell
  tidemill shell --store metrics
  echo 'SELECT count(*) FROM cpu;' | tidemill shell

A statement ends with a semicolon. \\d lists tables, \\d TABLE its columns, \\timing shows how long
answers take, \\q quits.";

pub(super) const PARSE: &str = "\
Examples:
  tidemill parse samples/host.lp | head -3
  tidemill parse --format csv --time when readings.csv
  zcat old.lp.gz | tidemill parse -

Good rows go to standard output, bad ones to standard error as FILE:LINE:COLUMN: reason.";

pub(super) const INSPECT: &str = "\
Examples:
  tidemill inspect
  tidemill inspect --store metrics --json";

pub(super) const CHECK: &str = "\
Examples:
  tidemill check
  tidemill check --store metrics && echo sound
  tidemill check /mnt/old-disk/metrics

Every file is read on its own, so that all damage is listed and not only the first; another process
may be writing meanwhile. Exit code 1 says that something is damaged.";

pub(super) const REPAIR: &str = "\
Examples:
  tidemill repair metrics metrics-repaired
  tidemill repair /mnt/old-disk/metrics metrics && tidemill check metrics

The damaged store is only read. Exit code 1 says that something was left, which is listed.";

pub(super) const BACKUP: &str = "\
Examples:
  tidemill backup backups/2026-11-21
  tidemill backup --store metrics /mnt/backups/metrics && tidemill check /mnt/backups/metrics

All that was acknowledged before is in the copy, and writers need not wait. The copy is a store: open
it where it is, or copy it back. An interrupted backup is no store; remove what is there.";

pub(super) const COMPACT: &str = "\
Examples:
  tidemill compact
  tidemill compact --store metrics --memory 384MB
  tidemill compact --small

--small is for what is kept long and read seldom. Numbers are coded by their entropy where that pays. What
can be answered from stored statistics takes as long as before, the rest longer. It goes on where it
was interrupted. What is small stays so; rows that come later are written as always, until the next time.";

pub(super) const DELETE: &str = "\
Examples:
  tidemill delete cpu --where \"time < '2026-01-01'\"
  tidemill delete cpu --where \"hostname = 'host_3' AND time BETWEEN '2026-03-01' AND '2026-03-02'\"
  tidemill delete cpu --where \"region LIKE 'eu-%'\" --dry-run

All of the rows go at once, or none if it is interrupted, and the disk gets their space back. Names of
tables, tags and fields stay known.";

pub(super) const RETENTION: &str = "\
Examples:
  tidemill retention cpu
  tidemill retention cpu --keep 30d
  tidemill retention cpu --forever

A row is too old when it is older than that before the table's latest row, or before now if that
is earlier. Whole segments go as new rows come in; `tidemill compact` removes the rest.";

pub(super) const EXPORT: &str = "\
Examples:
  tidemill export cpu --format lp --output cpu.lp
  tidemill export cpu --format csv | gzip > cpu.csv.gz
  tidemill export \"SELECT time, load1 FROM load\" --format parquet --output load.parquet

Line protocol is written from a table and keeps tags, fields and types: imported again it gives
the same rows. A statement has no tags any more, so it is written as csv, ndjson or parquet.";

pub(super) const GENERATE: &str = "\
Examples:
  tidemill generate tsbs-cpu --scale 100 --hours 72 --interval 10s --seed 123 --output cpu.lp
  tidemill generate tsbs-devops --scale 10 --hours 1 | tidemill import -
  tidemill generate tsbs-iot --table readings --format csv --output readings.csv";

pub(super) const RECORD: &str = "\
Examples:
  tidemill record --for 60s --store metrics
  tidemill record --interval 1s --output host.lp
  tidemill record | tidemill import -";
