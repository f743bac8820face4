//! Properties of the default detector that hold for every series.
use chrono::NaiveDate;
use proptest::prelude::*;
use weisu_models::calendar::{Calendar, Region};
use weisu_models::hotspot::{Detector, Frequency, Judgement, Memory, Method};

const ALPHA: f64 = 0.005;

fn start() -> NaiveDate {
    NaiveDate::from_ymd_opt(2022, 1, 3).unwrap()
}

fn detectors() -> [Detector; 3] {
    let weekly = Detector::new(Frequency::Weekly, ALPHA).unwrap();
    [weekly, weekly.with_memory(Memory::Drifting), Detector::new(Frequency::Daily, ALPHA).unwrap()]
}

fn judge(detector: &Detector, series: &[f32], from: usize) -> Vec<Option<Judgement>> {
    detector.judge(series, start(), &Calendar::for_region(Region::China, 2021, 2026), from)
}

fn assert_sound(j: &Judgement) {
    assert!(j.expected.is_finite() && j.expected >= 0.0, "{j:?}");
    assert!(j.upper.is_finite() && j.upper > j.expected, "{j:?}");
    assert!((0.0..=1.0).contains(&j.p_value), "{j:?}");
    assert!(j.score.is_finite(), "{j:?}");
    assert_eq!(j.score > 1.0, j.p_value < ALPHA, "the score and the p-value tell the same: {j:?}");
}

/// Counts of all sizes with missing periods.
fn series(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<f32>> {
    let count = prop_oneof![
        6 => (0_u32..4).prop_map(|y| y as f32),
        3 => (0_u32..300).prop_map(|y| y as f32),
        1 => Just(f32::NAN),
        1 => (0_u32..3_000_000).prop_map(|y| y as f32),
    ];
    prop::collection::vec(count, len)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_series_is_judged_soundly(series in series(0..520), from in 0_usize..500) {
        for detector in detectors() {
            let judged = judge(&detector, &series, from);
            prop_assert_eq!(judged.len(), series.len().saturating_sub(from));
            for (t, judgement) in (from..).zip(&judged) {
                let known_before = series[..t].iter().any(|y| !y.is_nan());
                prop_assert_eq!(judgement.is_some(), known_before && !series[t].is_nan(), "period {}", t);
                judgement.iter().for_each(assert_sound);
            }
        }
    }

    #[test]
    fn the_future_changes_no_earlier_judgement(
        series in series(430..520), cut in 420_usize..430, extra in 1_u32..1000
    ) {
        for detector in detectors() {
            let mut changed = series.clone();
            changed[cut..].iter_mut().for_each(|y| *y += extra as f32);
            let (before, after) = (judge(&detector, &series, 410), judge(&detector, &changed, 410));
            prop_assert_eq!(&before[..cut - 410], &after[..cut - 410]);
            prop_assert_eq!(&before[..cut - 410], &judge(&detector, &series[..cut], 410)[..]);
        }
    }

    #[test]
    fn a_higher_count_is_never_less_surprising(series in series(100..460), more in 1_u32..50) {
        for detector in detectors() {
            let last = series.len() - 1;
            let mut higher = series.clone();
            higher[last] += more as f32;
            let judged = [&series, &higher].map(|series| judge(&detector, series, last)[0]);
            if let [Some(low), Some(high)] = judged {
                prop_assert!(high.p_value <= low.p_value && high.score >= low.score, "{low:?} {high:?}");
                prop_assert_eq!((low.expected, low.upper), (high.expected, high.upper));
            }
        }
    }
}

#[test]
fn degenerate_series_are_judged_without_alarm() {
    for detector in detectors() {
        for series in [vec![], vec![5.0], vec![0.0; 700], vec![7.0; 700], vec![0.0; 3], vec![7.0; 40]] {
            for judgement in judge(&detector, &series, 0).iter().flatten() {
                assert_sound(judgement);
                assert!(judgement.p_value >= ALPHA, "{judgement:?}");
            }
        }
        assert!(judge(&detector, &[f32::NAN; 600], 500).iter().all(Option::is_none));
    }
}

#[test]
fn the_tier_follows_from_the_known_periods() {
    let [weekly, _, daily] = detectors();
    for (detector, needed, weeks) in [(weekly, 78, Method::EarsC2), (daily, 60, Method::EssenceEwma)] {
        let judged = judge(&detector, &vec![4.0; needed + 1], 0);
        let method = |t: usize| judged[t].map(|j| j.method);
        assert_eq!(
            [0, 1, 8, 9, 29, 30, needed - 1, needed].map(method),
            [
                None,
                Some(Method::Prior),
                Some(Method::Prior),
                Some(Method::EarsC2),
                Some(Method::EarsC2),
                Some(weeks),
                Some(weeks),
                Some(Method::RobustGlm)
            ]
        );
    }
}

#[test]
fn a_panel_is_judged_as_its_series_in_any_number_of_threads() {
    let all: Vec<Vec<f32>> =
        (0..40).map(|i| (0..200).map(|t| ((t * 7 + i * 13) % (5 + i)) as f32).collect()).collect();
    let detector = Detector::new(Frequency::Weekly, ALPHA).unwrap();
    let prepared = detector.prepare(start(), 200, &Calendar::new());
    let alone: Vec<_> = all.iter().map(|series| prepared.judge(series, 150)).collect();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| prepared.judge_panel(40, |i| all[i].clone(), 150)), alone);
    }
}

#[test]
fn holidays_are_expected_to_be_quiet() {
    // Workdays 40, weekends 10, holidays 10: a calendar knows that 1 October 2025, a Wednesday, is one.
    let calendar = Calendar::for_region(Region::China, 2021, 2026);
    let day = |t: usize| start() + chrono::Days::new(t as u64);
    let national = (NaiveDate::from_ymd_opt(2025, 10, 1).unwrap() - start()).num_days() as usize;
    let series: Vec<f32> =
        (0..=national).map(|t| if calendar.is_workday(day(t)) { 40.0 } else { 10.0 }).collect();
    let detector = Detector::new(Frequency::Daily, ALPHA).unwrap();
    let expected =
        |calendar: &Calendar| detector.judge(&series, start(), calendar, national)[0].unwrap().expected;
    assert!((8.0..13.0).contains(&expected(&calendar)), "{}", expected(&calendar));
    assert!(expected(&Calendar::new()) > 25.0);
}

#[test]
fn injected_outbreaks_alarm_and_noise_rarely_does() {
    use rand::SeedableRng;
    use rand_distr::Distribution;
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
    for (detector, len) in detectors().into_iter().zip([300, 300, 800]) {
        let (mut judged, mut alarms, mut found) = (0, 0, 0);
        for _ in 0..40 {
            let poisson = rand_distr::Poisson::new(6.0).unwrap();
            let mut series: Vec<f32> = (0..len).map(|_| poisson.sample(&mut rng) as f32).collect();
            let quiet = judge(&detector, &series, len - 60);
            judged += quiet.len();
            alarms += quiet.iter().flatten().filter(|j| j.p_value < ALPHA).count();
            series[len - 1] = 22.0;
            found += usize::from(judge(&detector, &series, len - 1)[0].unwrap().p_value < ALPHA);
        }
        assert!(found >= 38, "{found} of 40 outbreaks of six standard deviations");
        let share = alarms as f64 / judged as f64;
        assert!((0.001..0.009).contains(&share), "{share} of quiet periods alarm at a nominal 0.005");
    }
}
