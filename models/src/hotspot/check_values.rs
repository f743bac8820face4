//! The detector against the check values of the study it follows (weekly design, two harmonics), on the simulated
//! benchmark of Noufaily et al. 2013.
use std::collections::BTreeMap;
use std::io::Read;

use super::{design, evidence};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/reference/noufaily/");

/// Week of the first fit; the check values start there.
const START_UP: usize = 572;

struct Check {
    scenario: u32,
    rep: u32,
    week: usize,
    y: f32,
    mean: f64,
    relative_variance: f64,
    phi: f64,
    inverse_mean: f64,
    previous: f64,
    one: f64,
    p: f64,
}

const fn check(id: (u32, u32, usize, f32), glm: [f64; 4], evidence: [f64; 3]) -> Check {
    let [mean, relative_variance, phi, inverse_mean] = glm;
    let [previous, one, p] = evidence;
    let (scenario, rep, week, y) = id;
    Check { scenario, rep, week, y, mean, relative_variance, phi, inverse_mean, previous, one, p }
}

const CHECKS: [Check; 14] = [
    check((1, 9, 583, 5.0), [1.1277, 0.01643, 1.2599, 0.9553], [0.8100, 0.01101, 0.009247]),
    check((5, 10, 597, 5.0), [2.2294, 0.01098, 1.4900, 0.596], [2.5370, 0.08673, 0.008646]),
    check((8, 6, 610, 1.0), [0.1316, 0.1872, 1.7449, 8.904], [2.5207, 0.05536, 0.005058]),
    check((8, 4, 582, 4.0), [0.18518, 0.1137, 1.5359, 7.515], [-0.1610, 0.003643, 0.005433]),
    check((16, 8, 614, 54.0), [27.577, 0.000922, 1.0512, 0.1006], [0.1643, 5.703e-06, 9.769e-06]),
    check((18, 4, 611, 52.0), [32.297, 0.0007715, 1.0000, 0.1124], [0.1225, 0.0008008, 0.001199]),
    check((21, 5, 610, 4.0), [0.61181, 0.05276, 4.1182, 0.8324], [2.0134, 0.04367, 0.008517]),
    check((19, 10, 602, 16.0), [1.5251, 0.03464, 4.1482, 0.6388], [0.9562, 0.00389, 0.003149]),
    check((28, 6, 580, 49.0), [21.109, 0.00254, 3.1336, 0.0618], [-0.4221, 0.003351, 0.005291]),
    check((28, 10, 584, 49.0), [20.914, 0.002488, 3.0088, 0.06223], [3.9578, 0.002644, 5.512e-05]),
    check((32, 1, 600, 59.0), [40.171, 0.0003745, 1.1355, 0.02351], [-1.3064, 0.00483, 0.008227]),
    check((35, 6, 579, 103.0), [75.076, 0.0002474, 1.0510, 0.01799], [-0.9246, 0.001213, 0.002084]),
    check((37, 7, 607, 216.0), [149.1, 0.000109, 1.1878, 0.006697], [4.2675, 1.771e-06, 3.042e-08]),
    check((37, 3, 590, 191.0), [146.06, 0.0001253, 1.3255, 0.006769], [-2.1102, 0.001175, 0.00209]),
];

/// Counts by (scenario, rep) of a wide table with columns scenario, rep, w1, w2, ….
fn wide(name: &str) -> Option<BTreeMap<(u32, u32), Vec<f32>>> {
    let file = std::fs::File::open(format!("{DATA}{name}")).ok()?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        let counts = row.iter().skip(2).map(|count| count.parse().unwrap()).collect();
        ((row[0].parse().unwrap(), row[1].parse().unwrap()), counts)
    });
    Some(rows.collect())
}

fn assert_close(got: f64, want: f64, what: &str, check: &Check) {
    // The table is rounded to four digits.
    let tolerance = 6e-4 * want.abs();
    let Check { scenario, rep, week, .. } = check;
    assert!((got - want).abs() <= tolerance, "{what} of s{scenario}r{rep} week {week}: {got}, table {want}");
}

#[test]
fn reproduces_the_check_values() {
    let (Some(baseline), Some(outbreaks)) = (wide("baseline_counts.csv.gz"), wide("outbreak_counts.csv.gz"))
    else {
        println!("skipped: no {DATA}");
        return;
    };
    let glm = design::weekly(624);
    for check in &CHECKS {
        let key = (check.scenario, check.rep);
        let y: Vec<f32> = baseline[&key].iter().zip(&outbreaks[&key]).map(|(a, b)| a + b).collect();
        assert_eq!(y[check.week - 1], check.y);
        let mut fitted = glm.fit(&y[..START_UP - 1], &[]);
        let mut previous = 0.0;
        for t in START_UP - 1..check.week - 1 {
            previous = evidence::score(glm.predict(&fitted, t).tail().mid_p(y[t] as u64));
            glm.update(&mut fitted, &y[..=t]);
        }
        let expected = glm.predict(&fitted, check.week - 1);
        let one = expected.tail().mid_p(check.y as u64);
        assert_close(expected.mean, check.mean, "mean", check);
        assert_close(expected.relative_variance, check.relative_variance, "relative variance", check);
        assert_close(expected.phi, check.phi, "phi", check);
        assert_close(expected.inverse_mean, check.inverse_mean, "mean of 1/mean", check);
        assert_close(previous, check.previous, "score of the week before", check);
        assert_close(one, check.one, "one-week p", check);
        assert_close(evidence::joined(one, previous), check.p, "p", check);
    }
}
