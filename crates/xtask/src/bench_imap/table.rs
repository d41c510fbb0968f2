//! The table of docs/benchmarks.md.

use std::collections::BTreeMap;
use std::fmt::Write;

use mailferry_mailbed::compare::Report;

use super::measure::Measure;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Pass {
    Full,
    Unchanged,
    Changed,
    BigFull,
    BigUnchanged,
    BigChanged,
}

const PASSES: [Pass; 6] = [Pass::Full, Pass::Unchanged, Pass::Changed, Pass::BigFull, Pass::BigUnchanged, Pass::BigChanged];

pub(super) struct Row {
    title: &'static str,
    measured: BTreeMap<Pass, Vec<Measure>>,
    losses: BTreeMap<&'static str, usize>,
    compared: usize,
}

impl Row {
    pub fn new(title: &'static str) -> Self {
        Row { title, measured: BTreeMap::new(), losses: BTreeMap::new(), compared: 0 }
    }

    pub fn add(&mut self, pass: Pass, measure: Measure) {
        self.measured.entry(pass).or_default().push(measure);
    }

    pub fn found(&mut self, report: &Report) {
        self.compared += report.compared;
        report.counts().into_iter().for_each(|(what, count)| *self.losses.entry(what).or_default() += count);
    }

    fn cell(&self, pass: Pass) -> String {
        let Some(all) = self.measured.get(&pass) else { return String::new() };
        let median = |value: fn(&Measure) -> f64| {
            let mut values: Vec<f64> = all.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let figures = [median(|one| one.wall_s), median(|one| one.client_cpu_s), median(|one| one.servers_cpu_s)];
        let [wall, client, servers] = figures.map(|seconds| if seconds < 10.0 { format!("{seconds:.2}") } else { format!("{seconds:.1}") });
        format!("{wall} / {client} / {servers} / {:.0}", median(|one| one.peak_mb))
    }

    fn differences(&self) -> String {
        let told: Vec<String> = self.losses.iter().map(|(what, count)| format!("{count} {what}")).collect();
        match (self.compared, told.is_empty()) {
            (0, _) => String::new(),
            (_, true) => "none".into(),
            (_, false) => told.join(", "),
        }
    }
}

pub(super) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "wall s / client CPU s / servers' CPU s / peak MB\n\n\
         | | full | unchanged | changed | large folder, full | unchanged | changed | differences at the end |\n|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let cells: Vec<String> = PASSES.into_iter().map(|pass| row.cell(pass)).collect();
        let _ = writeln!(text, "| {} | {} | {} |", row.title, cells.join(" | "), row.differences());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_holds_the_medians_of_its_runs_and_a_pass_not_run_is_empty() {
        let mut row = Row::new("raw");
        for wall_s in [9.0, 1.0, 2.0] {
            row.add(Pass::Full, Measure { wall_s, client_cpu_s: wall_s * 10.0, servers_cpu_s: 0.5, peak_mb: 9.4 });
        }
        assert_eq!(markdown(&[row]).lines().last(), Some("| raw | 2.00 / 20.0 / 0.50 / 9 |  |  |  |  |  |  |"));
    }
}
