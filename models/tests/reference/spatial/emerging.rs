//! The space-time cube and the classes of emerging hot spots.
use ndarray::Array2;
use weisu_models::hotspot::fdr::q_values;
use weisu_models::hotspot::space::{
    Bin, Direction, Neighbours, Test, bins,
    emerging::{Class, Pattern, classes},
    mann_kendall, space_time_gi,
};
use weisu_models::numeric::normal::two_sided;

use super::fixtures::{check, number, rows, whole};

const SIDE: usize = 12;
const CELLS: usize = SIDE * SIDE;
const STEPS: usize = 30;

/// Cells of a square grid that share a side or a corner.
fn queen() -> Neighbours {
    let place = |k: usize| ((k / SIDE) as i64, (k % SIDE) as i64);
    let touch = |a: usize, b: usize| {
        let ((r, c), (s, d)) = (place(a), place(b));
        (r - s).abs().max((c - d).abs()) == 1
    };
    let pairs = (0..CELLS).flat_map(|a| (0..a).map(move |b| (a, b))).filter(|(a, b)| touch(*a, *b));
    Neighbours::from_pairs(CELLS, &pairs.collect::<Vec<_>>()).unwrap()
}

fn column(rows: &[csv::StringRecord], column: usize) -> Array2<f64> {
    let mut cube = Array2::from_elem((CELLS, STEPS), f64::NAN);
    rows.iter().for_each(|row| cube[(whole(row, 0), whole(row, 1))] = number(row, column));
    cube
}

#[test]
fn every_bin_scores_and_tests_the_same() {
    let Some(rows) = rows("ehsa_cube.csv") else { return };
    let scores = space_time_gi(&column(&rows, 2), &queen(), 1).unwrap();
    let p: Vec<f64> = scores.iter().map(|z| two_sided(*z)).collect();
    let q = Array2::from_shape_vec(scores.dim(), q_values(&p)).unwrap();
    let states = bins(&scores, Test::DiscoveryRate(0.05));
    for row in &rows {
        let at = (whole(row, 0), whole(row, 1));
        check(scores[at], number(row, 3), 1e-9, row);
        check(two_sided(scores[at]), number(row, 4), 1e-9, row);
        check(q[at], number(row, 5), 1e-9, row);
        let state = match &row[6] {
            "1" => Bin::Hot,
            "-1" => Bin::Cold,
            _ => Bin::Neither,
        };
        assert_eq!(states[at], state, "{row:?}");
    }
    assert_eq!(rows.len(), CELLS * STEPS);
}

fn name(class: Class) -> String {
    let pattern = |p: Pattern| format!("{p:?}").to_lowercase();
    match class {
        Class::Hot(p) => format!("hot:{}", pattern(p)),
        Class::Cold(p) => format!("cold:{}", pattern(p)),
        Class::None => "no pattern".into(),
    }
}

#[test]
fn every_cell_has_the_same_class() {
    let (Some(cube), Some(rows)) = (rows("ehsa_cube.csv"), rows("ehsa_category.csv")) else { return };
    let scores = space_time_gi(&column(&cube, 2), &queen(), 1).unwrap();
    let states = bins(&scores, Test::DiscoveryRate(0.05));
    let classes = classes(&scores, &states, 0.05);
    for row in &rows {
        let cell = whole(row, 0);
        let trend = mann_kendall(&scores.row(cell).to_vec()).unwrap();
        for (k, got) in [trend.p, trend.z, trend.tau, trend.slope].into_iter().enumerate() {
            check(got, number(row, k + 1), 1e-9, row);
        }
        let direction = match trend.direction(0.05) {
            Some(Direction::Up) => "up",
            Some(Direction::Down) => "down",
            None => "none",
        };
        assert_eq!((direction, &name(classes[cell])[..]), (&row[5], &row[6]), "{row:?}");
    }
    assert_eq!(rows.len(), CELLS);
}
