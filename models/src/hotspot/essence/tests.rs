use super::*;

fn start() -> NaiveDate {
    "2024-01-01".parse().unwrap()
}

#[test]
fn a_weekday_is_held_against_itself_and_the_switch_takes_the_regression() {
    let mut days: Vec<f64> = (0..70).map(|t| if t % 7 < 5 { 40.0 } else { 8.0 } + f64::from(t % 3)).collect();
    let verdict = Essence::default().switch(&days, start())[69].unwrap();
    assert!(verdict.explained.unwrap() > 0.9 && (verdict.expected - 9.0).abs() < 2.0, "{verdict:?}");
    assert_eq!(verdict.level(), Level::Normal);
    days[69] = 30.0;
    assert_eq!(Essence::default().switch(&days, start())[69].unwrap().level(), Level::Alert);
    // Without weekdays a Sunday of 30 is one of the lower days.
    assert_eq!(Essence::default().ewma(&days)[69].unwrap().level(), Level::Normal);
}

#[test]
fn one_burst_does_not_carry_the_averages_away() {
    let mut days = vec![5.0; 60];
    days[50] = 5000.0;
    let verdicts = Essence::default().ewma(&days);
    assert_eq!(verdicts[50].unwrap().level(), Level::Alert);
    assert_eq!(verdicts[52].unwrap().level(), Level::Normal);
}

#[test]
fn the_guard_and_the_days_of_the_first_baseline() {
    let days: Vec<f64> = (0..40).map(|t| f64::from(t % 5)).collect();
    for guard in [0, 2, 5] {
        let essence = Essence::new(28, guard, 0.4, 0.9).unwrap();
        let first = |verdicts: &[Option<Verdict>]| verdicts.iter().position(Option::is_some);
        assert_eq!(first(&essence.ewma(&days)), Some(11 + guard));
        assert_eq!(first(&essence.regression(&days, start())), Some(11 + guard));
    }
}

#[test]
fn short_constant_empty_and_missing_days() {
    let essence = Essence::default();
    for days in [vec![], vec![1.0], vec![f64::NAN; 50], vec![0.0; 13]] {
        assert!(essence.switch(&days, start()).iter().all(Option::is_none));
    }
    for constant in [0.0, 7.0] {
        let days = vec![constant; 50];
        for verdicts in [essence.ewma(&days), essence.regression(&days, start())] {
            let verdict = verdicts[49].unwrap();
            assert!((verdict.expected - constant).abs() < 1e-9 && verdict.level() == Level::Normal);
        }
    }
    let mut holed = vec![4.0; 60];
    holed[0] = f64::NAN;
    holed[40..44].fill(f64::NAN);
    let verdicts = essence.switch(&holed, start());
    assert!(verdicts[42].is_none() && (verdicts[59].unwrap().expected - 4.0).abs() < 1e-9);
}

#[test]
fn settings_out_of_range_are_refused() {
    assert_eq!(Essence::new(30, 2, 0.4, 0.9), Err(InvalidEssence::Baseline(30)));
    assert_eq!(Essence::new(7, 2, 0.4, 0.9), Err(InvalidEssence::Baseline(7)));
    assert_eq!(Essence::new(28, 2, 0.4, 1.0), Err(InvalidEssence::Weight(1.0)));
}
