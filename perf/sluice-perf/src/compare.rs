//! `sluice-perf compare`: two results, job by job, as ratios.

use std::fmt;

use crate::report::{JobReport, Report};

/// Name, whether more is better, and where it stands in a report.
type Metric = (&'static str, bool, fn(&JobReport) -> f64);

/// What of a job is compared.
const METRICS: [Metric; 5] = [
    ("IOPS", true, |job| job.rates.iops),
    ("bandwidth", true, |job| job.rates.bytes_per_second),
    ("p50", false, |job| job.rates.p50_ns as f64),
    ("p99", false, |job| job.rates.p99_ns as f64),
    ("p99.9", false, |job| job.rates.p999_ns as f64),
];

/// One metric of one job in both results.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    /// Job.
    pub job: String,
    /// Metric.
    pub metric: &'static str,
    /// In the first result.
    pub before: f64,
    /// In the second.
    pub after: f64,
    /// Whether more is better.
    pub more_is_better: bool,
}

impl Ratio {
    /// Second over first; `None` if the first is zero.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        (self.before > 0.0).then(|| self.after / self.before)
    }

    /// By how many percent the second is worse; negative if it is better.
    #[must_use]
    pub fn loss_percent(&self) -> f64 {
        let change = self.ratio().map_or(0.0, |ratio| (ratio - 1.0) * 100.0);
        if self.more_is_better { -change } else { change }
    }
}

/// Two results side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// All metrics of all jobs that are in both, in the order of the first.
    pub ratios: Vec<Ratio>,
    /// Jobs that only one result has.
    pub unmatched: Vec<String>,
    /// Reasons why the ratios may mean little: another machine, other settings.
    pub cautions: Vec<String>,
}

impl Comparison {
    /// Compares by job name.
    #[must_use]
    pub fn of(before: &Report, after: &Report) -> Self {
        let mut comparison = Self { ratios: vec![], unmatched: vec![], cautions: vec![] };
        if before.host != after.host {
            comparison.cautions.push("the results come from different machines or kernels".to_owned());
        }
        for job in &before.jobs {
            match after.jobs.iter().find(|other| other.name == job.name) {
                Some(other) => comparison.add(job, other),
                None => comparison.unmatched.push(job.name.clone()),
            }
        }
        let known = |job: &&JobReport| before.jobs.iter().all(|other| other.name != job.name);
        comparison.unmatched.extend(after.jobs.iter().filter(known).map(|job| job.name.clone()));
        comparison
    }

    fn add(&mut self, before: &JobReport, after: &JobReport) {
        if before.settings != after.settings {
            self.cautions.push(format!("job '{}' ran with different settings", before.name));
        }
        for (metric, more_is_better, figure) in METRICS {
            let (job, before, after) = (before.name.clone(), figure(before), figure(after));
            self.ratios.push(Ratio { job, metric, before, after, more_is_better });
        }
    }

    /// Metrics whose loss exceeds `percent`: throughput and p99. The median moves with throughput at a fixed depth
    /// and p99.9 is too noisy to judge by.
    #[must_use]
    pub fn regressions(&self, percent: f64) -> Vec<&Ratio> {
        let judged = |ratio: &&Ratio| ["IOPS", "p99"].contains(&ratio.metric);
        self.ratios.iter().filter(judged).filter(|ratio| ratio.loss_percent() > percent).collect()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = crate::report::house_table(&["job", "metric", "A", "B", "B / A"]);
        for ratio in &self.ratios {
            let shown = ratio.ratio().map_or_else(|| "-".to_owned(), |r| format!("{r:.3}"));
            table.add_row([
                ratio.job.clone(),
                ratio.metric.to_owned(),
                show(ratio.metric, ratio.before),
                show(ratio.metric, ratio.after),
                shown,
            ]);
        }
        write!(f, "{table}")?;
        for name in &self.unmatched {
            write!(f, "\nonly in one result: job '{name}'")?;
        }
        self.cautions.iter().try_for_each(|caution| write!(f, "\ncaution: {caution}"))
    }
}

fn show(metric: &str, value: f64) -> String {
    match metric {
        "IOPS" => crate::units::show_count(value),
        "bandwidth" => crate::units::show_bandwidth(value),
        _ => crate::units::show_latency(crate::num::floor(value)),
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::report::sample;

    #[test]
    fn equal_results_have_ratio_one() {
        let comparison = Comparison::of(&sample(3), &sample(3));
        assert_eq!(comparison.ratios.len(), METRICS.len());
        assert!(comparison.ratios.iter().all(|r| r.ratio() == Some(1.0) && r.loss_percent().abs() < 1e-9));
        assert!(comparison.regressions(0.0).is_empty() && comparison.cautions.is_empty());
    }

    #[test]
    fn slower_results_are_regressions() {
        let comparison = Comparison::of(&sample(1), &sample(30));
        let worse: Vec<&str> = comparison.regressions(10.0).iter().map(|r| r.metric).collect();
        assert_eq!(worse, ["p99"]);
        assert!(Comparison::of(&sample(30), &sample(1)).regressions(0.0).is_empty());
    }

    #[test]
    fn jobs_are_matched_by_name() {
        let mut other = sample(3);
        other.jobs[0].name = "renamed".to_owned();
        let comparison = Comparison::of(&sample(3), &other);
        assert_eq!(comparison.unmatched, ["database", "renamed"]);
        assert!(comparison.ratios.is_empty());
        assert!(comparison.to_string().contains("renamed"));
    }
}
