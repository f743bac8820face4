//! Series of zeros with few cases, on one of which (measles, district 03401) R's `glrnb` ends with an error: here every week
//! has a result and names its tier.
use weisu_models::{
    calendar::Calendar,
    hotspot::{
        Detector, Frequency, Method,
        classic::glr::{Counts, Glr},
    },
};

use crate::reference::table::rows_of;

#[test]
fn every_week_of_every_district_is_judged() {
    let Some(rows) = rows_of("surveillance", "hhh4_measlesWeserEms_counts.csv") else { return };
    let start = chrono::NaiveDate::from_ymd_opt(2001, 1, 1).unwrap();
    let detector = Detector::new(Frequency::Weekly, 0.005).unwrap();
    for district in 1..rows[0].len() {
        let counts: Vec<f64> = rows.iter().map(|row| row[district].parse().unwrap()).collect();
        let series: Vec<f32> = counts.iter().map(|y| *y as f32).collect();
        let judged = detector.judge(&series, start, &Calendar::new(), 1);
        let tiers: Vec<Method> = judged.iter().map(|j| j.unwrap().method).collect();
        assert_eq!(
            [0, 7, 8, 76, 77, 102].map(|t| tiers[t]),
            [
                Method::Prior,
                Method::Prior,
                Method::EarsC2,
                Method::EarsC2,
                Method::RobustGlm,
                Method::RobustGlm
            ],
            "district {district}"
        );
        for j in judged.iter().flatten() {
            assert!([j.expected, j.upper, j.p_value, j.score].iter().all(|v| v.is_finite()), "{j:?}");
            assert_eq!(j.score > 1.0, j.p_value < 0.005, "{j:?}");
        }
        let chart = Glr { threshold: 5.0, counts: Counts::NegativeBinomial, period: 52 };
        let signals = chart.monitor(&counts, 78);
        assert!(
            signals.iter().all(|s| s.is_some_and(|s| s.value >= 0.0 && !s.value.is_nan())),
            "{signals:?}"
        );
    }
}
