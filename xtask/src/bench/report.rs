//! What was measured: medians with their spread, ratios to the floor, as a table for people and as JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::Command;

use serde_json::{Value, json};

use super::error::{During, Result};
use super::target::{Kind, Place};

/// The columns.
const COLUMNS: [&str; 3] = ["floor", "group", "reaper"];

/// A line of the report: its key, what people read, the unit, and what is aimed at.
struct Metric(&'static str, &'static str, &'static str, &'static str);

const METRICS: &[Metric] = &[
    Metric("sends_1", "sends, 1 caller", "/s", ""),
    Metric("sends_1_p50", "  p50", "ms", ""),
    Metric("sends_1_p99", "  p99", "ms", ""),
    Metric("sends_16", "sends, 16 callers", "/s", "group 0.85x, reaper 0.5x"),
    Metric("sends_16_p50", "  p50", "ms", ""),
    Metric("sends_16_p99", "  p99", "ms", ""),
    Metric("sends_64", "sends, 64 callers", "/s", "group 0.85x, reaper 0.5x"),
    Metric("sends_64_p50", "  p50", "ms", ""),
    Metric("sends_64_p99", "  p99", "ms", ""),
    Metric("delay_p50", "write to reader at 1,000/s, p50", "us", ""),
    Metric("delay_p99", "write to reader at 1,000/s, p99", "us", "200 us"),
    Metric("lines_s", "100,000 lines streamed", "s", ""),
    Metric("bytes_s", "10 MB streamed", "s", "1.5x"),
    Metric("many_s", "20 streams of 5,000 lines", "s", "all whole"),
    Metric("many_events", "  events of each", "", ""),
    Metric("get_10k", "GetTask, 10 k stored *", "/s", "0.7x"),
    Metric("get_100k", "GetTask, 100 k stored *", "/s", "0.7x"),
    Metric("list_10k", "ListTasks, 10 k stored *", "/s", "0.5x"),
    Metric("list_100k", "ListTasks, 100 k stored *", "/s", "0.5x"),
    Metric("stored_kb", "memory of a stored task *", "kB", ""),
    Metric("binding_rpc", "GetTask by JSON-RPC 1.0 *", "/s", ""),
    Metric("binding_rest", "GetTask by HTTP+JSON 1.0 *", "/s", ""),
    Metric("binding_grpc", "GetTask by gRPC 1.0 *", "/s", ""),
    Metric("binding_rpc_03", "GetTask by JSON-RPC 0.3 *", "/s", ""),
    Metric("binding_rest_03", "GetTask by HTTP+JSON 0.3 *", "/s", ""),
    Metric("lines_rest_s", "100,000 lines by HTTP+JSON", "s", ""),
    Metric("lines_grpc_s", "100,000 lines by gRPC", "s", ""),
    Metric("large_ms", "GetTask of 4 MB", "ms", ""),
    Metric("large_mb_s", "  throughput", "MB/s", ""),
    Metric("reader_1000", "memory of a reader, 1,000 readers", "kB", "14 kB"),
    Metric("reader_4000", "memory of a reader, 4,000 readers", "kB", "14 kB"),
    Metric("flood_mib", "flood unread: memory beyond the output kept", "MiB", "32 MiB"),
    Metric("flood_s", "  until FAILED, output_limit", "s", ""),
    Metric("idle_mb", "memory when idle", "MB", "10 MB"),
    Metric("helpers_mb", "  of helper processes (PSS)", "MB", ""),
    Metric("start_ms", "start to first card", "ms", "15 ms"),
    Metric("binary_mb", "size of the program", "MB", ""),
];

/// All that was measured so far.
pub(super) struct Report {
    machine: Value,
    /// By key and column.
    samples: BTreeMap<(&'static str, usize), Vec<f64>>,
    notes: Vec<String>,
}

impl Report {
    /// Nothing yet, on this machine.
    pub(super) fn new(place: &Place) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let cpu_info = read("/proc/cpuinfo");
        let cpu = cpu_info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let machine = json!({
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
            "cpu": cpu.map(|(_, name)| name),
            "kernel": read("/proc/sys/kernel/osrelease"),
            "rustc": rustc(),
            "server": place.server,
        });
        Self { machine, samples: BTreeMap::new(), notes: Vec::new() }
    }

    /// Adds a sample. The built-in agent's server stands in the first column after the floor: its tier does not matter.
    pub(super) fn add(&mut self, key: &'static str, kind: Kind, value: f64) {
        let column = match kind {
            Kind::Floor => 0,
            Kind::Inhouse("reaper") => 2,
            Kind::Inhouse(_) | Kind::Demo => 1,
        };
        self.samples.entry((key, column)).or_default().push(value);
    }

    /// Adds a line below the table.
    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Writes the table to standard output and everything to `report.json`.
    pub(super) fn publish(&self, place: &Place) -> Result<()> {
        let path = place.folder.join("report.json");
        let text = format!("{:#}\n", self.json());
        fs::write(&path, text).during(format!("write {}", path.display()))?;
        std::io::stdout().write_all(self.table().as_bytes()).during("write the table")?;
        eprintln!("written to {}", path.display());
        Ok(())
    }

    fn summary(&self, key: &'static str, column: usize) -> Option<Summary> {
        self.samples.get(&(key, column)).map(|samples| Summary::of(samples))
    }

    fn json(&self) -> Value {
        let metrics: Vec<Value> = METRICS
            .iter()
            .map(|Metric(key, label, unit, aim)| {
                let columns = COLUMNS.iter().enumerate().filter_map(|(at, name)| {
                    let Summary { median, least, most } = self.summary(key, at)?;
                    let samples = &self.samples[&(*key, at)];
                    let value = json!({"median": median, "min": least, "max": most, "ratio": self.ratio(key, at), "samples": samples});
                    Some(((*name).to_owned(), value))
                });
                let targets: serde_json::Map<String, Value> = columns.collect();
                json!({"key": key, "label": label.trim(), "unit": unit, "aim": aim, "targets": targets})
            })
            .collect();
        json!({"machine": self.machine, "metrics": metrics, "notes": self.notes})
    }

    /// To the floor, round by round where there are as many: what disturbs a round disturbs both of its sides.
    fn ratio(&self, key: &'static str, column: usize) -> Option<f64> {
        let (ours, floor) = (self.samples.get(&(key, column))?, self.samples.get(&(key, 0))?);
        let ratio = if ours.len() == floor.len() {
            let ratios: Vec<f64> = ours.iter().zip(floor).map(|(ours, floor)| ours / floor).collect();
            Summary::of(&ratios).median
        } else {
            Summary::of(ours).median / Summary::of(floor).median
        };
        (column > 0 && ratio.is_finite()).then_some(ratio)
    }

    fn table(&self) -> String {
        let machine = |key: &str| self.machine[key].as_str().unwrap_or("unknown").to_owned();
        let (cores, cpu) = (&self.machine["cores"], machine("cpu"));
        let mut out = format!("{cores} cores ({cpu}), Linux {}, {}\n\n", machine("kernel"), machine("rustc"));
        let row = |out: &mut String, label: &str, unit: &str, cells: [String; 5], aim: &str| {
            let [floor, group, reaper, of_group, of_reaper] = cells;
            let line =
                format!("{label:<44}{unit:>5} {floor:>14}{group:>14}{reaper:>14} {of_group:>8}{of_reaper:>9}  {aim}");
            let _ = writeln!(out, "{}", line.trim_end());
        };
        let heads = ["floor", "group", "reaper", "group", "reaper"].map(str::to_owned);
        row(&mut out, "median ±half the spread; ratio by round", "", heads, "aim");
        for Metric(key, label, unit, aim) in METRICS {
            let cell = |column| self.summary(key, column).map_or_else(String::new, |summary| summary.cell());
            let ratio = |column| self.ratio(key, column).map_or_else(String::new, |ratio| format!("{ratio:.2}x"));
            let cells = [cell(0), cell(1), cell(2), ratio(1), ratio(2)];
            if cells.iter().any(|cell| !cell.is_empty()) {
                row(&mut out, label, unit, cells, aim);
            }
        }
        out.push_str("\n* with the built-in agent, which needs no tier; the floor answers as many bytes\n");
        self.notes.iter().for_each(|note| {
            let _ = writeln!(out, "! {note}");
        });
        out
    }
}

struct Summary {
    median: f64,
    least: f64,
    most: f64,
}

impl Summary {
    fn of(samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Self { median: f64::midpoint(low, high), least: sorted[0], most: sorted[sorted.len() - 1] }
    }

    /// Three digits that mean something, and half the spread in percent.
    fn cell(&self) -> String {
        let number = match self.median {
            median if median >= 100.0 => format!("{median:.0}"),
            median if median >= 10.0 => format!("{median:.1}"),
            median => format!("{median:.3}"),
        };
        let spread = (self.most - self.least) / 2.0 / self.median * 100.0;
        if spread.is_finite() && self.most > self.least { format!("{number} ±{spread:.0}%") } else { number }
    }
}

#[expect(clippy::disallowed_methods, reason = "the compiler says its version")]
fn rustc() -> String {
    let version = Command::new("rustc").arg("--version").output().map(|output| output.stdout);
    String::from_utf8_lossy(&version.unwrap_or_default()).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_has_the_median_and_half_the_spread() {
        for (samples, cell) in [
            (&[2.0][..], "2.000"),
            (&[30.0, 10.0, 20.0], "20.0 ±50%"),
            (&[100.0, 300.0], "200 ±50%"),
            (&[0.0, 0.0], "0.000"),
        ] {
            assert_eq!(Summary::of(samples).cell(), cell);
        }
    }
}
