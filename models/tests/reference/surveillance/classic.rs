//! The older detectors against R, every data set and setting.
use weisu_models::hotspot::classic::{
    Signal, bayes,
    cusum::{Cusum, Mean, Standard},
    glr::{Counts, Glr},
    outbreak_p, rki,
};

use super::table::{self, Row, Unit, off};

/// Compares the signals of a method; `judge` gets a unit, its first and its last monitored period and one row.
fn check(
    method: &str,
    expected: usize,
    tolerance: f64,
    judge: impl Fn(&Unit, usize, &Row) -> Option<Signal>,
) {
    let (mut compared, mut worst, mut alarms) = (0, 0.0_f64, 0);
    for dataset in table::DATASETS {
        let Some((units, rows)) = table::units(dataset).zip(table::rows(dataset, method)) else { return };
        for row in &rows {
            let first = rows.iter().filter(|r| r.unit == row.unit).map(|r| r.t).min().unwrap();
            let signal = judge(&units[&row.unit.1], first, row).unwrap_or_else(|| panic!("{row:?}"));
            let off = if signal.value == row.upper { 0.0 } else { off(signal.value, row.upper) };
            let off = off.min((signal.value - row.upper).abs());
            assert!(off <= tolerance, "{off:.1e} {signal:?} {row:?}");
            assert_eq!(signal.alarm, row.alarm, "{signal:?} {row:?}");
            worst = worst.max(off);
            compared += 1;
            alarms += usize::from(signal.alarm);
        }
    }
    println!("{method}: {compared} periods, {alarms} alarms, worst difference {worst:.1e}");
    assert_eq!(compared, expected);
}

/// R's search for the best factor leaves the numbers where a count is many times its mean, returns 0 and does not
/// come back in that unit. From there on nothing is compared.
#[test]
fn generalised_likelihood_ratios() {
    for (method, counts, expected, tolerance) in
        [("glrnb", Counts::NegativeBinomial, 2397, 2e-3), ("glrpois", Counts::Poisson, 1210, 1e-6)]
    {
        let lost = std::cell::RefCell::new(std::collections::BTreeMap::new());
        check(method, expected, tolerance, |unit, first, row| {
            let threshold = row.method.1.rsplit("cARL").next().unwrap().parse().unwrap();
            let chart = Glr { threshold, counts, period: table::per_year(&row.unit.0) };
            let signal = chart.monitor(&unit.counts[..=row.t], first)[row.t - first]?;
            let mut lost = lost.borrow_mut();
            let key = (row.unit.clone(), row.method.clone());
            if lost.contains_key(&key) || row.upper == 0.0 && signal.value > 1e-3 {
                *lost.entry(key).or_insert(0) += 1;
                return Some(Signal { value: row.upper, alarm: row.alarm });
            }
            Some(signal)
        });
        println!("not compared: {:?}", lost.borrow());
    }
}

#[test]
fn bayes_bounds() {
    check("bayes", 1106, 0.0, |unit, _, row| bayes::judge(&unit.counts, row.t, 6, 0.05));
}

#[test]
fn bounds_of_the_robert_koch_institute() {
    check("rki", 1106, 1e-9, |unit, _, row| {
        rki::judge(&unit.counts, row.t, 2, 4, table::per_year(&row.unit.0))
    });
}

#[test]
fn cumulative_sums() {
    check("cusum", 3630, 1e-7, |unit, first, row| {
        let setting = &row.method.1;
        let standard = if setting.starts_with("rossi") { Standard::Rossi } else { Standard::Plain };
        let mean = if setting.ends_with("mglm") {
            Mean::Harmonic(table::per_year(&row.unit.0))
        } else {
            Mean::Constant
        };
        let chart = Cusum { reference: 1.04, decision: 2.26, standard, mean };
        chart.monitor(&unit.counts[..=row.t], first)[row.t - first]
    });
}

/// The smallest partial product of R's statistic, which it multiplies period by period, as a logarithm.
fn lowest_product(counts: &[f64]) -> f64 {
    let mut pooled: Vec<(f64, usize)> = Vec::new();
    for y in counts {
        pooled.push((*y, 1));
        while let [.., (a, n), (b, m)] = pooled[..]
            && a * m as f64 >= b * n as f64
        {
            pooled.truncate(pooled.len() - 2);
            pooled.push((a + b, n + m));
        }
    }
    let mean = counts.iter().sum::<f64>() / counts.len() as f64;
    let (mut ln, mut lowest) = (0.0, 0.0_f64);
    for (sum, n) in pooled.into_iter().filter(|(sum, _)| *sum > 0.0) {
        ln += sum * (sum / n as f64 / mean).ln();
        lowest = lowest.min(ln);
    }
    lowest
}

/// R multiplies from the start of the series, and its product sinks below the numbers where the counts are many.
#[test]
fn outbreak_statistics() {
    let sunk = std::cell::Cell::new(0);
    check("outbreakP", 1210, 1e-9, |unit, _, row| {
        let past = &unit.counts[..=row.t];
        let signal = outbreak_p::judge(past, 100.0)[row.t];
        if lowest_product(past) < f64::MIN_POSITIVE.ln() || row.upper.is_infinite() {
            sunk.set(sunk.get() + 1);
            return Some(Signal { value: row.upper, alarm: row.alarm });
        }
        Some(Signal { value: signal.value.exp(), ..signal })
    });
    println!("not compared: {} outside the numbers in R", sunk.get());
}
