//! The endemic-epidemic model against R `hhh4`: fits of three data sets, and forecasts one step ahead with their scores.
use ndarray::{Array2, Axis};
use weisu_models::hotspot::endemic::{Endemic, Places, Settings};
use weisu_models::intervals::NegativeBinomial;

use super::table;
use crate::reference::table::{folder, rows_of};

/// Relative distance up to which coefficients and errors agree: R's search ends there.
const COEFFICIENTS: f64 = 2e-5;

fn number(text: &str) -> f64 {
    text.parse().unwrap()
}

fn rows(file: &str) -> Option<Vec<csv::StringRecord>> {
    rows_of("surveillance", file)
}

fn near(got: f64, want: f64, tolerance: f64, what: &str) -> f64 {
    let off = (got - want).abs() / want.abs().max(1e-2);
    assert!(off <= tolerance, "{what}: {got}, R {want}");
    off
}

/// Compares a fit with R's table of coefficients, the overdispersion last.
fn compare(fitted: &Endemic, file: &str) -> f64 {
    let table = rows(file).unwrap();
    let got = fitted.coefficients().iter().copied().chain(fitted.psi());
    let got: Vec<f64> = got.collect();
    assert_eq!(got.len(), table.len());
    let pairs = got.into_iter().zip(fitted.standard_errors()).zip(&table);
    let off = pairs.map(|((value, error), row)| {
        let name = format!("{file} {}", &row[0]);
        near(value, number(&row[1]), COEFFICIENTS, &name).max(near(
            error,
            number(&row[2]),
            COEFFICIENTS,
            &name,
        ))
    });
    off.fold(0.0, f64::max)
}

const ONE_PLACE: Settings =
    Settings { neighbours: false, trend: false, harmonics: 1, period: 52, overdispersed: true };

fn alone(counts: &Array2<f64>) -> Places<'_> {
    Places { counts: counts.view(), neighbours: &NOBODY, offsets: &[1.0] }
}

static NOBODY: [Vec<usize>; 1] = [Vec::new()];

#[test]
fn measles_in_seventeen_districts_with_neighbours() {
    let file = "hhh4_measlesWeserEms";
    let Some(counts) = rows(&format!("{file}_counts.csv")) else { return };
    let matrix = |rows: &[csv::StringRecord], skip: usize| {
        Array2::from_shape_fn((rows.len(), rows[0].len() - skip), |(i, j)| number(&rows[i][j + skip]))
    };
    let counts = matrix(&counts, 1);
    let adjacency = matrix(&rows(&format!("{file}_adj.csv")).unwrap(), 1);
    let neighbours: Vec<Vec<usize>> = adjacency
        .axis_iter(Axis(0))
        .map(|row| row.iter().enumerate().filter(|(_, order)| **order == 1.0).map(|(j, _)| j).collect())
        .collect();
    let shares = matrix(&rows(&format!("{file}_popfrac.csv")).unwrap(), 0).row(0).to_vec();
    let places = Places { counts: counts.view(), neighbours: &neighbours, offsets: &shares };
    let settings = Settings { neighbours: true, trend: true, ..ONE_PLACE };
    let fitted = Endemic::fit(settings, &places).unwrap();
    let off = compare(&fitted, &format!("{file}_coef.csv"));

    let text =
        std::fs::read_to_string(folder("surveillance").unwrap().join(format!("{file}_fit.txt"))).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!((fitted.log_likelihood() - number(words[1])).abs() < 5e-5, "{}", fitted.log_likelihood());
    assert!((fitted.aic() - number(words[3])).abs() < 5e-4, "{}", fitted.aic());

    let means = rows(&format!("{file}_fitted.csv")).unwrap();
    let mut worst = 0.0_f64;
    for row in &means {
        let t = row[0].parse::<usize>().unwrap() - 1;
        for (got, want) in fitted.expected(&places, t).iter().zip(row.iter().skip(1)) {
            worst = worst.max(near(*got, number(want), COEFFICIENTS, "fitted mean"));
        }
    }
    println!(
        "coefficients and errors within {off:.1e}, {} fitted means within {worst:.1e}",
        17 * means.len()
    );
    assert_eq!(means.len(), 103);
}

/// R's scores of a count under a negative binomial forecast: logarithmic, ranked probability, Dawid-Sebastiani, squared.
fn scores(y: f64, mean: f64, psi: f64) -> [f64; 4] {
    let nb = NegativeBinomial::new(mean, psi);
    let ranked: f64 = (0..2000)
        .map(|k| {
            let below = f64::from(u8::from(y <= f64::from(k)));
            (nb.cdf(k as u64) - below).powi(2)
        })
        .sum();
    let squared = (y - mean).powi(2);
    [-nb.ln_pmf(y as u64), ranked, nb.variance().ln() + squared / nb.variance(), squared]
}

fn one_step_ahead(dataset: &str, unit: &str) {
    let Some(units) = table::units(dataset) else { return };
    let all = Array2::from_shape_vec((units[unit].counts.len(), 1), units[unit].counts.clone()).unwrap();
    let fitted = Endemic::fit(ONE_PLACE, &alone(&all)).unwrap();
    let file = format!("hhh4_{dataset}_coef.csv");
    let off = compare(&fitted, &file);
    let first = &rows(&file).unwrap()[0];
    near(fitted.log_likelihood(), number(&first[3]), 1e-9, "log-likelihood");
    near(fitted.aic(), number(&first[4]), 1e-9, "criterion");

    let ahead = rows(&format!("hhh4_{dataset}_osa_first.csv")).unwrap();
    assert_eq!(ahead.len(), 13);
    // All are forecast by the fit to the periods before the first of them.
    let before = ahead[0][0].parse::<usize>().unwrap() - 1;
    let past = all.slice(ndarray::s![..before, ..]).to_owned();
    let fitted = Endemic::fit(ONE_PLACE, &alone(&past)).unwrap();
    let psi = fitted.psi().unwrap();
    let mut worst = 0.0_f64;
    for row in &ahead {
        let t = row[0].parse::<usize>().unwrap() - 1;
        let (mean, y) = (fitted.expected(&alone(&all), t)[0], number(&row[2]));
        assert_eq!(all[(t, 0)], y);
        worst = worst.max(near(mean, number(&row[1]), COEFFICIENTS, "forecast"));
        // R keeps minus the logarithm of psi.
        worst = worst.max(near(-psi.ln(), number(&row[3]), COEFFICIENTS, "overdispersion"));
        for (k, score) in scores(y, mean, psi).into_iter().enumerate() {
            worst = worst.max(near(score, number(&row[4 + k]), 5.0 * COEFFICIENTS, "score"));
        }
    }
    println!("{dataset}: coefficients and errors within {off:.1e}, forecasts and scores within {worst:.1e}");
}

#[test]
fn meningitis_and_influenza_one_step_ahead() {
    one_step_ahead("influMen", "influenza");
}

#[test]
fn salmonella_agona_one_step_ahead() {
    one_step_ahead("salmonella.agona", "observed1");
}
