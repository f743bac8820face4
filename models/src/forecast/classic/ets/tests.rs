//! Small series by hand.
use super::*;

fn weekly(n: usize) -> Vec<f64> {
    (0..n).map(|t| if t % 7 < 5 { 30.0 } else { 12.0 } + ((t * 37) % 11) as f64 / 5.0).collect()
}

#[test]
fn the_fifteen_forms_forecast_a_weekly_pattern() {
    let y = weekly(140);
    assert_eq!(Form::all().count(), 15);
    for form in Form::all() {
        let moments = Ets::new(7, form).unwrap().fit(&y).unwrap().forecast(14);
        assert!(moments.variance.iter().all(|v| *v > 0.0 && v.is_finite()), "{form}");
        assert!(moments.variance[7] > moments.variance[0] * 0.99, "{form}");
        if form.season() != Season::None {
            for (lead, mean) in moments.mean.iter().enumerate() {
                let want = if lead % 7 < 5 { 31.0 } else { 13.0 };
                assert!((mean - want).abs() < 2.5, "{form} {lead}: {mean}");
            }
        }
    }
}

#[test]
fn the_linear_start_is_the_best_of_its_neighbours() {
    let y = weekly(60);
    let by = Smoothing { alpha: 0.2, beta: 0.05, gamma: 0.1, phi: 0.9 };
    let best = linear::best(Form::AADA, by, &y, 7);
    let squares = |start| filter::pass(Form::AADA, by, start, &y, 7).unwrap().squares;
    assert!((squares(best.start) - best.squares).abs() < 1e-8 * best.squares);
    for step in [-0.01, 0.01] {
        let mut near = best.start;
        near.level += step;
        assert!(squares(near) > best.squares);
        let mut near = best.start;
        near.slope += step;
        assert!(squares(near) > best.squares);
        let mut near = best.start;
        near.season[2] += step;
        near.season[6] -= step;
        assert!(squares(near) > best.squares);
    }
}

#[test]
fn missing_values_are_passed_over() {
    let mut y = weekly(140);
    let full = Ets::new(7, Form::ANA).unwrap().fit(&y).unwrap().forecast(7);
    y[139] = f64::NAN;
    y[50] = f64::NAN;
    let gaps = Ets::new(7, Form::ANA).unwrap().fit(&y).unwrap().forecast(7);
    for (a, b) in full.mean.iter().zip(&gaps.mean) {
        assert!((a - b).abs() < 1.0, "{a} {b}");
    }
}

#[test]
fn awkward_series_give_an_error_or_a_number() {
    for y in [vec![0.0; 40], vec![5.0; 40], vec![f64::NAN; 40], vec![], vec![1.0; 3]] {
        for form in Form::all() {
            if let Ok(fit) = Ets::new(7, form).unwrap().fit(&y) {
                let moments = fit.forecast(9);
                assert!(moments.mean.iter().all(|v| (v - y[0]).abs() < 1e-3), "{form} {moments:?}");
                assert!(moments.variance.iter().all(|v| v.abs() < 1e-3), "{form} {moments:?}");
            }
        }
    }
    assert_eq!(Ets::new(1, Form::ANA), Err(ClassicError::Period { period: 1 }));
    assert_eq!(Ets::new(25, Form::ANA), Err(ClassicError::Period { period: 25 }));
    let multiplicative = Form::new(Error::Multiplicative, Trend::None, Season::None).unwrap();
    let ets = Ets::new(1, multiplicative).unwrap();
    assert_eq!(ets.fit(&[1.0, 0.0, 2.0, 3.0, 1.0, 2.0, 1.0]), Err(ClassicError::NotPositive));
    assert!(matches!(auto(&[1.0; 3], 7), Err(ClassicError::TooShort { known: 3, .. })));
    assert!(Form::new(Error::Additive, Trend::None, Season::Multiplicative).is_none());
    assert_eq!(Form::AADA.to_string(), "ETS(A,Ad,A)");
}

#[test]
fn the_criterion_prefers_the_season_where_there_is_one() {
    assert_eq!(auto(&weekly(140), 7).unwrap().form().trend(), Trend::None);
    assert_ne!(auto(&weekly(140), 7).unwrap().form().season(), Season::None);
    let flat: Vec<f64> = (0..140).map(|t| 20.0 + f64::from((t * 37) % 11)).collect();
    assert_eq!(auto(&flat, 7).unwrap().form().season(), Season::None);
}
