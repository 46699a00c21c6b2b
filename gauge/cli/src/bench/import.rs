//! Results of other tools as rows: criterion's folder, gungraun's (iai-callgrind's) JSON summaries.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::runner::criterion_samples;
use crate::result::{Metric, Row};
use crate::stats::median;

/// The rows in `path`: a folder of criterion's (`target/criterion`), a folder with gungraun's
/// `summary.json` files at any depth (`--save-summary`), or one such file.
///
/// # Errors
/// When there is neither.
pub fn rows(path: &Path) -> Result<Vec<Row>> {
    if path.is_file() {
        return summary(path);
    }
    let mut rows: Vec<Row> = criterion_samples(path)?
        .into_iter()
        .map(|(name, samples)| {
            let mut row = Row::new(name, Metric::Time);
            row.value = Some(median(&samples));
            row.note = "median of one process's samples".to_owned();
            // They are of one process: no samples in our sense, which are one a process.
            row.details.insert("from".to_owned(), json!("criterion"));
            row.details.insert("samples_of_one_process".to_owned(), json!(samples));
            row
        })
        .collect();
    for file in summaries(path)? {
        rows.extend(summary(&file)?);
    }
    if rows.is_empty() {
        let wanted = "criterion's new/benchmark.json nor gungraun's summary.json";
        bail!("{}: neither {wanted} stands there", path.display());
    }
    Ok(rows)
}

fn summaries(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name() == "summary.json" {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn summary(path: &Path) -> Result<Vec<Row>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let read = || -> Result<Vec<Row>> { summary_rows(&serde_json::from_str(&text)?) };
    read().with_context(|| format!("{} is no summary of gungraun's", path.display()))
}

/// What we have a metric for: the tool, its metric's name, ours.
const METRICS: [(&str, &str, Metric); 5] = [
    ("callgrind", "Ir", Metric::Instructions),
    ("callgrind", "EstimatedCycles", Metric::Cycles),
    ("dhat", "TotalBlocks", Metric::Allocations),
    ("dhat", "TotalBytes", Metric::AllocatedBytes),
    ("dhat", "AtTGmaxBytes", Metric::PeakBytes),
];

/// A summary of version 6 or 7 (the schemas stand in gungraun's repository, `gungraun-summary/schemas`).
fn summary_rows(summary: &Value) -> Result<Vec<Row>> {
    let version = summary["version"].as_str().context("it has no version")?;
    let module = summary["module_path"].as_str().context("it has no module_path")?;
    let name = match summary["id"].as_str() {
        Some(id) => format!("{module}::{id}"),
        None => module.to_owned(),
    };
    let mut rows = Vec::new();
    for profile in summary["profiles"].as_array().context("it has no profiles")? {
        let tool = profile["tool"].as_str().unwrap_or_default().to_lowercase();
        for (of, metric, ours) in METRICS {
            let value = match version {
                "6" => version_6(&profile["summaries"]["total"]["summary"], metric),
                "7" => profile["data"]["total"]["metrics"][metric]["values"]["new"].as_f64(),
                other => bail!("its version is {other}; 6 and 7 are read"),
            };
            if of == tool
                && let Some(value) = value
            {
                let mut row = Row::new(&name, ours);
                row.value = Some(value);
                row.details.insert("from".to_owned(), json!(format!("gungraun, {of}")));
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

/// `{"Callgrind": {"Ir": {"metrics": {"Left": {"Int": 5}}}}}`, or `"Both": [new, old]`.
fn version_6(tools: &Value, metric: &str) -> Option<f64> {
    let metrics = &tools.as_object()?.values().next()?[metric]["metrics"];
    let new = metrics.get("Left").or_else(|| metrics.get("Both")?.get(0))?;
    new.as_object()?.values().next()?.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(summary: &str, expected: &[(Metric, f64)]) {
        let rows = summary_rows(&serde_json::from_str(summary).unwrap()).unwrap();
        let found: Vec<_> = rows.iter().map(|row| (row.metric, row.value.unwrap())).collect();
        assert_eq!(found, expected);
        assert!(rows.iter().all(|row| row.name == "my_bench::group::sort::large"));
    }

    #[test]
    fn summaries_of_both_versions_are_read() {
        check(
            r#"{"version": "6", "module_path": "my_bench::group::sort", "id": "large", "profiles": [
                {"tool": "Callgrind", "summaries": {"parts": [], "total": {"regressions": [], "summary": {"Callgrind": {
                    "Ir": {"diffs": null, "metrics": {"Both": [{"Int": 1234}, {"Int": 1200}]}},
                    "EstimatedCycles": {"metrics": {"Left": {"Int": 2000}}},
                    "Dr": {"metrics": {"Right": {"Int": 7}}}}}}}},
                {"tool": "DHAT", "summaries": {"total": {"summary": {"Dhat": {
                    "TotalBytes": {"metrics": {"Left": {"Int": 640}}}}}}}}]}"#,
            &[
                (Metric::Instructions, 1234.0),
                (Metric::Cycles, 2000.0),
                (Metric::AllocatedBytes, 640.0),
            ],
        );
        check(
            r#"{"version": "7", "module_path": "my_bench::group::sort", "id": "large", "profiles": [
                {"tool": "Callgrind", "data": {"parts": [], "total": {"regressions": [], "metrics": {
                    "Ir": {"values": {"new": 1234, "old": 1200}}, "EstimatedCycles": {"values": {"old": 5}}}}}}]}"#,
            &[(Metric::Instructions, 1234.0)],
        );
    }

    #[test]
    fn another_version_is_refused_rather_than_read_wrongly() {
        let summary = json!({"version": "8", "module_path": "a", "profiles": [{"tool": "DHAT"}]});
        assert!(summary_rows(&summary).unwrap_err().to_string().contains("version is 8"));
    }

    #[test]
    fn a_folder_is_searched_for_both() {
        let folder = tempfile::tempdir().unwrap();
        assert!(rows(folder.path()).is_err());
        let new = folder.path().join("sum/new");
        std::fs::create_dir_all(&new).unwrap();
        std::fs::write(new.join("benchmark.json"), r#"{"full_id":"sum"}"#).unwrap();
        std::fs::write(new.join("sample.json"), r#"{"iters":[1,2,1],"times":[5,20,7]}"#).unwrap();
        let text = r#"{"version":"7","module_path":"m","profiles":[{"tool":"callgrind",
            "data":{"total":{"metrics":{"Ir":{"values":{"new":9}}}}}}]}"#;
        std::fs::write(folder.path().join("summary.json"), text).unwrap();
        let rows = rows(folder.path()).unwrap();
        let found: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.value)).collect();
        assert_eq!(found, [("sum", Some(7.0)), ("m", Some(9.0))]);
        assert!(rows[0].samples.is_empty(), "samples of one process are none of ours");
    }
}
