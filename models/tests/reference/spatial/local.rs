//! Getis-Ord and Moran against esda.
use std::collections::BTreeMap;

use weisu_models::hotspot::space::{Neighbours, Own, getis_ord, moran};

use super::fixtures::{check, number, rows, whole};

const CELLS: usize = 80;

fn neighbours() -> Option<BTreeMap<String, Neighbours>> {
    let mut weights: BTreeMap<String, Vec<(usize, usize, f64)>> = BTreeMap::new();
    for row in &rows("gistar_weights.csv")? {
        let weight = (whole(row, 1), whole(row, 2), number(row, 3));
        weights.entry(row[0].to_owned()).or_default().push(weight);
    }
    Some(weights.into_iter().map(|(name, w)| (name, Neighbours::from_weights(CELLS, &w).unwrap())).collect())
}

fn values(rows: &[csv::StringRecord]) -> Vec<f64> {
    let mut values = vec![f64::NAN; CELLS];
    rows.iter().for_each(|row| values[whole(row, 3)] = number(row, 4));
    values
}

#[test]
fn local_scores_are_those_of_esda() {
    let (Some(neighbours), Some(rows)) = (neighbours(), rows("gistar_slice.csv")) else { return };
    let values = values(&rows);
    for row in &rows {
        let (i, list, star) = (whole(row, 3), neighbours[&row[0]].clone(), &row[1] == "gi_star");
        let cardinality = list.of(i).len() as f64;
        let standardised = &row[2] == "R";
        // esda standardises with the district itself counted in.
        let own = match (star, standardised) {
            (false, _) => Own::Left,
            (true, false) => Own::Weighing(1.0),
            (true, true) => Own::Weighing(1.0 / cardinality),
        };
        let list = if standardised { list.row_standardised() } else { list };
        let local = getis_ord(&values, &list, own).unwrap()[i].unwrap();
        let scale = if star && standardised { cardinality / (cardinality + 1.0) } else { 1.0 };
        check(local.g * scale, number(row, 5), 1e-12, row);
        check(local.expected * scale, number(row, 6), 1e-12, row);
        let counted = |j: usize| star || j != i;
        let (z, variance) = if standardised {
            // The variance of esda under row standardisation is that of a single value.
            let others: Vec<f64> = (0..CELLS).filter(|j| counted(*j)).map(|j| values[j]).collect();
            let (n, sum) = (others.len() as f64, others.iter().sum::<f64>());
            let variance = others.iter().map(|x| (x - sum / n).powi(2)).sum::<f64>() / n / (sum * sum);
            (local.z * local.variance.sqrt() * scale / variance.sqrt(), variance)
        } else {
            (local.z, local.variance)
        };
        check(variance, number(row, 7), 1e-12, row);
        check(z, number(row, 8), 1e-9, row);
    }
    println!("{} local statistics", rows.len());
    assert_eq!(rows.len(), 1280);
}

#[test]
fn morans_i_is_that_of_esda() {
    let (Some(neighbours), Some(slice)) = (neighbours(), rows("gistar_slice.csv")) else { return };
    let values = values(&slice);
    let rows = rows("moran_global.csv").unwrap();
    for row in &rows {
        let list = &neighbours[&row[0]];
        let list = if &row[1] == "R" { list.row_standardised() } else { list.clone() };
        let found = moran(&values, &list).unwrap().unwrap();
        let (normal, randomised) = (found.normal, found.randomised);
        let got = [
            found.i,
            found.expected,
            normal.variance,
            normal.z,
            normal.p,
            randomised.variance,
            randomised.z,
            randomised.p,
        ];
        for (k, got) in got.into_iter().enumerate() {
            check(got, number(row, k + 2), 1e-9 * number(row, k + 2).abs(), row);
        }
    }
    assert_eq!(rows.len(), 4);
}
