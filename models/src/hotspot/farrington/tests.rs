use super::*;

fn weekly(change: impl Fn(Settings) -> Settings) -> Farrington {
    Farrington::new(change(Settings::flexible(Step::Week))).unwrap()
}

fn counts(n: usize) -> Vec<f64> {
    (0..n).map(|t| 6.0 + ((t * 7) % 5) as f64 + if t % 52 < 10 { 9.0 } else { 0.0 }).collect()
}

#[test]
fn dates_of_whole_years_of_weeks_say_the_same_as_the_index() {
    // 364 days are 52 weeks, so over one year the nearest weekday is the same week.
    let start: NaiveDate = "2019-01-07".parse().unwrap();
    let dates: Vec<NaiveDate> = start.iter_weeks().take(320).collect();
    let y = counts(320);
    let flexible = weekly(|s| Settings { years: 1, ..s });
    for t in [150, 200, 319] {
        let by_index = flexible.judge(&Series::new(&y), t).unwrap();
        let by_date = flexible.judge(&Series::new(&y).with_dates(&dates), t).unwrap();
        assert!((by_index.expected - by_date.expected).abs() < 1e-12);
        assert_eq!(by_index.upper, by_date.upper);
    }
}

#[test]
fn the_guard_keeps_the_newest_weeks_out() {
    let mut y = counts(320);
    let clean = weekly(|s| s).judge(&Series::new(&y), 319).unwrap();
    y[319 - 26..319].fill(500.0);
    assert_eq!(weekly(|s| s).judge(&Series::new(&y), 319).unwrap(), clean);
    y[319 - 27] = 500.0;
    assert_ne!(weekly(|s| s).judge(&Series::new(&y), 319).unwrap(), clean);
}

#[test]
fn a_past_outbreak_loses_its_weight() {
    let mut y = counts(320);
    y[319 - 52] = 300.0;
    let expected = |reweight_above| {
        let flexible = weekly(|s| Settings { reweight_above, trend: None, ..s });
        flexible.judge(&Series::new(&y), 319).unwrap().expected
    };
    let (all_alike, weighed) = (expected(None), expected(Some(2.58)));
    assert!(all_alike > 20.0 && weighed < 17.0, "{all_alike} {weighed}");
}

#[test]
fn counts_grow_with_the_population() {
    let y = counts(320);
    let mut population = vec![1000.0; 320];
    let judge = |population: &[f64]| {
        let series = Series::new(&y).with_population(population);
        weekly(|s| Settings { trend: None, ..s }).judge(&series, 319).unwrap().expected
    };
    let before = judge(&population);
    population[319] = 3000.0;
    assert!((judge(&population) / before - 3.0).abs() < 1e-9);
}

#[test]
fn a_trend_is_kept_unless_it_leads_beyond_all_counts() {
    let rising = |rate: f64| (0..320).map(|t| (3.0 + rate * f64::from(t)).exp().round()).collect::<Vec<_>>();
    let judge = |y: &[f64]| weekly(|s| s).judge(&Series::new(y), 319).unwrap();
    assert!((judge(&rising(-0.002)).trend.unwrap() + 0.002).abs() < 1e-4);
    assert_eq!(judge(&rising(0.01)).trend, None);
    let two_years = weekly(|s| Settings { years: 2, ..s });
    assert_eq!(two_years.judge(&Series::new(&rising(-0.002)), 319).unwrap().trend, None);
}

#[test]
fn few_cases_are_no_alarm() {
    let mut y = vec![0.0; 320];
    y[319] = 4.0;
    let verdict = weekly(|s| s).judge(&Series::new(&y), 319).unwrap();
    assert!(verdict.suppressed && !verdict.alarm && verdict.score > 1.0, "{verdict:?}");
    y[316] = 1.0;
    assert!(weekly(|s| s).judge(&Series::new(&y), 319).unwrap().alarm);
}

#[test]
fn a_series_without_hold_has_a_reason_and_never_a_panic() {
    let judge = |y: &[f64], t: usize| weekly(|s| s).judge(&Series::new(y), t);
    assert_eq!(judge(&[], 0), Err(NotJudged::Missing));
    assert_eq!(judge(&[1.0; 100], 99), Err(NotJudged::TooShort));
    assert_eq!(judge(&[-1.0; 320], 319), Err(NotJudged::Missing));
    let mut y = counts(320);
    y[319] = f64::NAN;
    assert_eq!(judge(&y, 319), Err(NotJudged::Missing));
    y.fill(f64::NAN);
    y[319] = 3.0;
    assert_eq!(judge(&y, 319), Err(NotJudged::TooShort));
    y[319 - 52] = 3.0;
    assert_eq!(judge(&y, 319), Err(NotJudged::NoFit));
    for constant in [0.0, 1.0, 1e5] {
        let verdict = judge(&vec![constant; 320], 319).unwrap();
        assert!((verdict.expected - constant).abs() < 1e-6 * constant.max(1.0) && !verdict.alarm);
    }
    let y = counts(320);
    assert_eq!(weekly(|s| s).judge(&Series::new(&y).with_population(&[1.0]), 319), Err(NotJudged::Irregular));
    assert_eq!(
        weekly(|s| s).judge(&Series::new(&y).with_population(&[0.0; 320]), 319),
        Err(NotJudged::Irregular)
    );
}

#[test]
fn missing_weeks_are_left_out() {
    let mut y = counts(320);
    for t in (0..319).step_by(9) {
        y[t] = f64::NAN;
    }
    let verdict = weekly(|s| s).judge(&Series::new(&y), 319).unwrap();
    assert!((verdict.expected - 17.0).abs() < 9.0, "{verdict:?}");
}

#[test]
fn the_original_uses_what_windows_there_are() {
    let y = counts(130);
    let original = Farrington::new(Settings::original(Step::Week)).unwrap();
    let verdict = original.judge(&Series::new(&y), 129).unwrap();
    let window: Vec<f64> = y[129 - 55..=129 - 49].iter().chain(&y[129 - 107..=129 - 101]).copied().collect();
    let mean = window.iter().sum::<f64>() / window.len() as f64;
    assert!((verdict.expected - mean).abs() < 0.2 * mean && verdict.trend.is_none());
    assert_eq!(original.judge(&Series::new(&y[..40]), 39), Err(NotJudged::TooShort));
}

#[test]
fn settings_out_of_range_are_refused() {
    let refused = |change: fn(&mut Settings)| {
        let mut settings = Settings::flexible(Step::Week);
        change(&mut settings);
        Farrington::new(settings).unwrap_err()
    };
    assert_eq!(refused(|s| s.years = 0), InvalidFarrington::Years(0));
    assert_eq!(refused(|s| s.half_window = 26), InvalidFarrington::Window(53));
    assert_eq!(refused(|s| s.blocks = 47), InvalidFarrington::Blocks(47));
    assert_eq!(refused(|s| s.guard = 52), InvalidFarrington::Guard(52));
    assert_eq!(refused(|s| s.alpha = 0.5), InvalidFarrington::Alpha(0.5));
    assert_eq!(refused(|s| s.trend = Some(-0.1)), InvalidFarrington::Threshold(-0.1));
    assert_eq!(refused(|s| s.few_periods = 0), InvalidFarrington::FewPeriods);
    assert_eq!(refused(|s| s.edition = Edition::Original), InvalidFarrington::NotOriginal);
}
