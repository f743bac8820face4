//! Every metric of the daemon, declared once with its help text.
//!
//! Health, freshness and quality of the upper levels only: no topic, district or horizon is ever a label, so the
//! number of time series does not grow with the city, and a forecast curve never goes through a scrape
//! (Prometheus drops samples more than ten minutes ahead). Ages are computed when scraped, counters are moved by
//! the stages as they work. The label of a prediction band is `band`, because `quantile` is reserved.
use std::sync::Arc;

use prometheus::{
    Encoder, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

/// The state of the store that gauges show; read anew for each scrape.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// The store answered.
    pub store_up: bool,
    /// Seconds since the end of the last closed local day.
    pub data_age: Option<f64>,
    /// Seconds since the newest forecast was finished.
    pub forecast_age: Option<f64>,
    /// End of the newest successful run per stage, seconds since the epoch.
    pub last_success: Vec<(String, f64)>,
    /// Forecast series per model.
    pub series: Vec<(String, i64)>,
    /// Series that got another model than was tried first, per reason.
    pub fallbacks: Vec<(String, i64)>,
    /// Share of days inside a band at the upper levels, per band (`80`, `95`).
    pub coverage: Vec<(&'static str, f64)>,
    /// 1 - loss / loss of the seasonal naive at the upper levels.
    pub skill: Option<f64>,
    /// Alerts that are not over, per kind and severity.
    pub alerts: Vec<(String, String, i64)>,
    /// Deliveries waiting to be sent.
    pub outbox_pending: i64,
    /// Deliveries given up on, to be replayed by hand.
    pub outbox_dead: i64,
    /// Alerts that wait for a digest or for quiet hours to end.
    pub outbox_held: i64,
    /// Alerts that are not over and that nobody gets.
    pub unrouted: i64,
}

#[derive(Debug)]
struct Inner {
    registry: Registry,
    accepted: IntCounter,
    rejected: IntCounterVec,
    duplicate: IntCounter,
    replaced: IntCounter,
    ingest_rejected: IntCounter,
    run_seconds: HistogramVec,
    runs: IntCounterVec,
    alarms: IntCounterVec,
    alerts: IntCounterVec,
    deliveries: IntCounterVec,
    last_success: GaugeVec,
    store_up: IntGauge,
    data_age: Gauge,
    forecast_age: Gauge,
    series: IntGaugeVec,
    fallbacks: IntGaugeVec,
    coverage: GaugeVec,
    skill: Gauge,
    open_alerts: IntGaugeVec,
    outbox_pending: IntGauge,
    outbox_held: IntGauge,
    unrouted: IntGauge,
    outbox_dead: IntGauge,
}

/// Handle to the metrics; clones share one registry.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Inner>);

/// Declares metrics and adds them to a registry.
struct Declare(Registry);

impl Declare {
    fn add<M: prometheus::core::Collector + Clone + 'static>(
        &self,
        metric: prometheus::Result<M>,
    ) -> prometheus::Result<M> {
        let metric = metric?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.add(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        self.add(Gauge::new(name, help))
    }

    fn int_gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.add(IntGauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
        self.add(GaugeVec::new(Opts::new(name, help), labels))
    }

    fn int_gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels))
    }
}

impl Metrics {
    /// A registry with every metric declared.
    ///
    /// # Errors
    /// When two metrics share a name, which a test keeps from happening.
    pub fn new() -> prometheus::Result<Self> {
        let d = Declare(Registry::new());
        d.int_gauges("weisu_build_info", "Always 1; the version of the running program.", &["version"])?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        let run_seconds = HistogramOpts::new("weisu_run_duration_seconds", "Duration of a run of a stage.")
            .buckets(vec![0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0]);
        let inner = Inner {
            accepted: d.counter("weisu_tickets_accepted_total", "Tickets taken in for the first time.")?,
            rejected: d.counters("weisu_tickets_rejected_total", "Rows that are not tickets, by reason.", &["reason"])?,
            duplicate: d.counter("weisu_tickets_duplicate_total", "Tickets already known in this or a newer version.")?,
            replaced: d.counter("weisu_tickets_replaced_total", "Tickets whose newer version took the older's place.")?,
            ingest_rejected: d.counter("weisu_ingest_refused_total", "Ingests stopped because too many rows were rejected; nothing was committed.")?,
            run_seconds: d.add(HistogramVec::new(run_seconds, &["stage"]))?,
            runs: d.counters("weisu_runs_total", "Runs by stage and how they ended.", &["stage", "status"])?,
            alarms: d.counters("weisu_alarms_total", "What detectors raised.", &["kind", "severity"])?,
            alerts: d.counters("weisu_alerts_total", "Alerts opened for people.", &["kind", "severity"])?,
            deliveries: d.counters("weisu_deliveries_total", "Delivery attempts by outcome.", &["outcome"])?,
            last_success: d.gauges("weisu_run_last_success_timestamp_seconds", "End of the newest successful run, seconds since the epoch.", &["stage"])?,
            store_up: d.int_gauge("weisu_store_up", "1 if the store answered this scrape.")?,
            data_age: d.gauge("weisu_data_age_seconds", "Time since the end of the last closed local day.")?,
            forecast_age: d.gauge("weisu_forecast_age_seconds", "Time since the newest forecast was finished.")?,
            series: d.int_gauges("weisu_series", "Series of the newest fit, by model.", &["model"])?,
            fallbacks: d.int_gauges("weisu_series_fallbacks", "Series that did not get the model tried first, by reason.", &["reason"])?,
            coverage: d.gauges("weisu_forecast_coverage_ratio", "Share of days inside the band in the backtest, city total and first level; it should be near the band.", &["band"])?,
            skill: d.gauge("weisu_forecast_skill_ratio", "1 - quantile loss / loss of the seasonal naive, city total and first level; above 0 is better than naive.")?,
            open_alerts: d.int_gauges("weisu_alerts_open", "Alerts that are not over.", &["kind", "severity"])?,
            outbox_pending: d.int_gauge("weisu_outbox_pending", "Deliveries waiting to be sent.")?,
            outbox_dead: d.int_gauge("weisu_outbox_dead", "Deliveries given up on, to be replayed by hand.")?,
            outbox_held: d.int_gauge("weisu_outbox_held", "Deliveries that wait for a digest or for quiet hours to end.")?,
            unrouted: d.int_gauge("weisu_alerts_unrouted", "Alerts that are not over and that nobody gets.")?,
            registry: d.0,
        };
        for outcome in ["delivered", "retry", "dead"] {
            inner.deliveries.with_label_values(&[outcome]);
        }
        inner.data_age.set(f64::NAN);
        inner.forecast_age.set(f64::NAN);
        inner.skill.set(f64::NAN);
        Ok(Self(Arc::new(inner)))
    }

    /// Counts what became of the tickets of an ingest.
    pub fn tickets(&self, accepted: u64, replaced: u64, duplicate: u64) {
        self.0.accepted.inc_by(accepted);
        self.0.replaced.inc_by(replaced);
        self.0.duplicate.inc_by(duplicate);
    }

    /// Counts rejected rows; `reason` is one of the reader's fixed reasons.
    pub fn rejected(&self, reason: &str, n: u64) {
        self.0.rejected.with_label_values(&[reason]).inc_by(n);
    }

    /// Counts an ingest that was stopped because too many rows were rejected.
    pub fn ingest_refused(&self) {
        self.0.ingest_rejected.inc();
    }

    /// Notes the end of a run; `status` is `ok`, `failed` or `skipped`.
    pub fn run(&self, stage: &str, status: &str, seconds: f64) {
        self.0.runs.with_label_values(&[stage, status]).inc();
        if status != "skipped" {
            self.0.run_seconds.with_label_values(&[stage]).observe(seconds);
        }
    }

    /// Counts what a detector raised.
    pub fn alarm(&self, kind: &str, severity: &str) {
        self.0.alarms.with_label_values(&[kind, severity]).inc();
    }

    /// Counts an alert opened for people.
    pub fn alert(&self, kind: &str, severity: &str) {
        self.0.alerts.with_label_values(&[kind, severity]).inc();
    }

    /// Counts a delivery attempt; `outcome` is `delivered`, `retry` or `dead`.
    pub fn delivery(&self, outcome: &str) {
        self.0.deliveries.with_label_values(&[outcome]).inc();
    }

    /// Puts the state of the store into the gauges. Labels that are gone disappear.
    pub fn show(&self, now: &Snapshot) {
        let m = &*self.0;
        m.store_up.set(i64::from(now.store_up));
        if !now.store_up {
            return;
        }
        m.data_age.set(now.data_age.unwrap_or(f64::NAN));
        m.forecast_age.set(now.forecast_age.unwrap_or(f64::NAN));
        m.skill.set(now.skill.unwrap_or(f64::NAN));
        m.outbox_pending.set(now.outbox_pending);
        m.outbox_dead.set(now.outbox_dead);
        m.outbox_held.set(now.outbox_held);
        m.unrouted.set(now.unrouted);
        m.last_success.reset();
        now.last_success.iter().for_each(|(stage, at)| m.last_success.with_label_values(&[stage]).set(*at));
        m.series.reset();
        now.series.iter().for_each(|(model, n)| m.series.with_label_values(&[model]).set(*n));
        m.fallbacks.reset();
        now.fallbacks.iter().for_each(|(reason, n)| m.fallbacks.with_label_values(&[reason]).set(*n));
        m.coverage.reset();
        now.coverage.iter().for_each(|(band, share)| m.coverage.with_label_values(&[band]).set(*share));
        m.open_alerts.reset();
        now.alerts.iter().for_each(|(k, s, n)| m.open_alerts.with_label_values(&[k, s]).set(*n));
    }

    /// The text that Prometheus scrapes.
    ///
    /// # Errors
    /// When a metric cannot be written as text.
    pub fn text(&self) -> prometheus::Result<String> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.0.registry.gather(), &mut out)?;
        String::from_utf8(out).map_err(|e| prometheus::Error::Msg(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_can_be_declared_and_gone_labels_disappear() {
        let metrics = Metrics::new().unwrap();
        let series = vec![("mstl".to_owned(), 4)];
        metrics.show(&Snapshot { store_up: true, series, ..Snapshot::default() });
        assert!(metrics.text().unwrap().contains("weisu_series{model=\"mstl\"} 4"));
        metrics.show(&Snapshot { store_up: true, ..Snapshot::default() });
        assert!(!metrics.text().unwrap().contains("weisu_series{"));
    }

    #[test]
    fn a_dead_store_keeps_the_last_state_and_says_so() {
        let metrics = Metrics::new().unwrap();
        metrics.show(&Snapshot { store_up: true, outbox_dead: 3, ..Snapshot::default() });
        metrics.show(&Snapshot::default());
        let text = metrics.text().unwrap();
        assert!(text.contains("weisu_store_up 0") && text.contains("weisu_outbox_dead 3"));
    }
}
