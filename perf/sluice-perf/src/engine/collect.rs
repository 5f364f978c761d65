//! Puts the samples of all jobs together: totals, the time series, what an observer is shown.

use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::engine::update::Sample;
use crate::engine::{JobProgress, Phase};
use crate::report::{JobReport, JobResult, Outcome};
use crate::spec::JobSpec;
use crate::stats::{Counters, Rates, Tally};

/// Time per entry of the series.
const SERIES_SPAN: Duration = Duration::from_secs(1);
/// A span that is this much shorter than an entry still makes one: samples come a little early or late.
const SLACK: Duration = Duration::from_millis(50);

/// A tally and the time it was taken over.
#[derive(Default)]
struct Span {
    tally: Tally,
    time: Duration,
}

impl Span {
    fn add(&mut self, sample: &Sample) {
        self.tally.merge(&sample.tally);
        self.time += Duration::from_nanos(sample.span_ns);
    }

    /// The rates so far, and back to nothing.
    fn take(&mut self) -> Rates {
        let rates = Rates::of(&self.tally, self.time);
        self.tally.clear();
        self.time = Duration::ZERO;
        rates
    }
}

/// What is known of one job.
pub(crate) struct Collected {
    spares: Sender<Box<Tally>>,
    phase: Phase,
    total: Span,
    /// Since the last entry of the series.
    entry: Span,
    /// Since the observer was last called.
    recent: Span,
    series: Vec<Rates>,
    counters: Counters,
    wrong: Vec<String>,
    pub(crate) outcome: Option<Outcome>,
}

impl Collected {
    /// Nothing yet; `spares` takes tallies back to the job.
    pub(crate) fn new(spares: Sender<Box<Tally>>) -> Self {
        Self {
            spares,
            phase: Phase::Connecting,
            total: Span::default(),
            entry: Span::default(),
            recent: Span::default(),
            series: Vec::new(),
            counters: Counters::default(),
            wrong: Vec::new(),
            outcome: None,
        }
    }

    /// Takes a sample in.
    pub(crate) fn add(&mut self, mut sample: Sample) {
        self.phase = sample.phase;
        self.counters = sample.counters;
        self.wrong.append(&mut sample.wrong);
        self.recent.add(&sample);
        if sample.phase == Phase::Measuring {
            self.total.add(&sample);
            self.entry.add(&sample);
            if self.entry.time + SLACK >= SERIES_SPAN {
                self.series.push(self.entry.take());
            }
        }
        sample.tally.clear();
        // A job that is over needs no tally.
        let _ = self.spares.send(sample.tally);
    }

    /// The job is over.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        self.phase = Phase::Done;
        self.outcome = Some(outcome);
    }

    /// What an observer sees.
    pub(crate) fn progress(&mut self, job: &JobSpec) -> JobProgress {
        JobProgress {
            name: job.name.clone(),
            app: job.app.clone(),
            phase: self.phase,
            rates: self.recent.take(),
            counters: self.counters,
        }
    }

    /// The result; a job without an outcome ended with its thread.
    pub(crate) fn report(mut self, job: &JobSpec) -> JobReport {
        if self.series.is_empty() && !self.entry.time.is_zero() {
            self.series.push(self.entry.take());
        }
        let outcome = self.outcome.unwrap_or_else(|| Outcome::Failed("its thread ended".to_owned()));
        let (span, total) = (self.total.time, self.total.tally);
        let Self { counters, wrong: wrong_blocks, series, .. } = self;
        JobReport::of(job, JobResult { outcome, span, total, counters, wrong_blocks, series })
    }
}
