//! What every scan must keep.
use ndarray::{Array2, Axis};
use proptest::prelude::*;
use weisu_models::hotspot::space::{
    Places, ZoneLimits, Zones,
    scan::{Data, Found, Settings, Spans, scan},
};

const SETTINGS: Settings = Settings { replicates: 99, seed: 7, min_cases: 2, clusters: 5 };

/// Places and counts of a small city with an expectation, most cells of few cases.
fn cities() -> impl Strategy<Value = (Vec<(f64, f64)>, Array2<f64>, Array2<f64>)> {
    (2_usize..12, 3_usize..12).prop_flat_map(|(districts, periods)| {
        let count = prop_oneof![4 => 0_u32..3, 1 => 0_u32..30];
        let cells = districts * periods;
        let places = prop::collection::vec((-10.0..10.0, -10.0..10.0), districts);
        let counts = prop::collection::vec(count.prop_map(f64::from), cells);
        let expected = prop::collection::vec(0.1..5.0, cells);
        (places, counts, expected).prop_map(move |(places, counts, expected)| {
            let table = |cells| Array2::from_shape_vec((districts, periods), cells).unwrap();
            (places, table(counts), table(expected))
        })
    })
}

fn all(counts: &Array2<f64>, expected: &Array2<f64>) -> [Data; 4] {
    let (y, b) = (&counts, &expected);
    [
        Data::permutation(y).unwrap(),
        Data::poisson(y, b).unwrap(),
        Data::expectation_poisson(y, b).unwrap(),
        Data::expectation_negative_binomial(y, b, &vec![2.0; counts.nrows()]).unwrap(),
    ]
}

fn run(places: &[(f64, f64)], data: &Data, spans: &Spans) -> Found {
    let places = Places::on_plane(places).unwrap();
    let zones = Zones::circles(&places, &data.cases(), ZoneLimits::default()).unwrap();
    scan(data, &zones, spans, &SETTINGS).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn permuted_districts_permute_the_result(
        (places, counts, expected) in cities(), order in prop::collection::vec(any::<u32>(), 12)
    ) {
        let mut places_of: Vec<usize> = (0..places.len()).collect();
        places_of.sort_by_key(|i| order[*i]);
        let moved: Vec<(f64, f64)> = places_of.iter().map(|i| places[*i]).collect();
        let (y, b) = (counts.select(Axis(0), &places_of), expected.select(Axis(0), &places_of));
        let spans = Spans::prospective(counts.ncols(), 1, counts.ncols().min(4)).unwrap();
        for (data, turned) in all(&counts, &expected).iter().zip(&all(&y, &b)) {
            let (first, second) = (run(&places, data, &spans), run(&moved, turned, &spans));
            prop_assert_eq!(first.clusters.is_empty(), second.clusters.is_empty());
            let (Some(a), Some(b)) = (first.clusters.first(), second.clusters.first()) else { continue };
            prop_assert!((a.score - b.score).abs() < 1e-9 * (1.0 + a.score));
            // Of two windows with the same score either may come first.
            if first.clusters.get(1).is_none_or(|next| next.score < a.score - 1e-9) {
                let mut back: Vec<usize> = b.districts.iter().map(|i| places_of[*i]).collect();
                let mut districts = a.districts.clone();
                back.sort_unstable();
                districts.sort_unstable();
                prop_assert!(back == districts || (a.observed, a.first) != (b.observed, b.first)
                    || (a.expected - b.expected).abs() < 1e-9, "{:?} {:?}", a, b);
            }
        }
    }

    #[test]
    fn scaled_expectations_given_the_total_change_nothing((places, counts, expected) in cities()) {
        let spans = Spans::retrospective(counts.ncols(), 1, 2).unwrap();
        let [_, plain, ..] = all(&counts, &expected);
        // A power of two scales without rounding.
        let [_, scaled, ..] = all(&counts, &(&expected * 1024.0));
        prop_assert_eq!(run(&places, &plain, &spans), run(&places, &scaled, &spans));
    }

    #[test]
    fn reports_are_sound_on_any_number_of_threads((places, counts, expected) in cities()) {
        let spans = Spans::prospective(counts.ncols(), 1, 3).unwrap();
        let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        for data in all(&counts, &expected) {
            let [one, three] = [1, 3].map(|n| pool(n).install(|| run(&places, &data, &spans)));
            prop_assert_eq!(&one, &three);
            prop_assert_eq!(one.maxima.len(), SETTINGS.replicates);
            let mut taken = vec![];
            for (k, cluster) in one.clusters.iter().enumerate() {
                prop_assert!(cluster.score > 0.0 && cluster.score.is_finite(), "{:?}", cluster);
                prop_assert!(cluster.observed as f64 > cluster.expected * 0.2, "{:?}", cluster);
                prop_assert!((0.01..=1.0).contains(&cluster.p_value), "{:?}", cluster);
                prop_assert!(k == 0 || one.clusters[k - 1].score >= cluster.score);
                prop_assert!(cluster.districts.iter().all(|d| !taken.contains(d)));
                taken.extend(cluster.districts.iter().copied());
            }
        }
    }

    #[test]
    fn a_planted_cluster_has_the_least_p_value(seed in 0_usize..20, size in 1_usize..4) {
        let places: Vec<(f64, f64)> = (0..20).map(|i| (f64::from(i * i % 23), f64::from(i * 7 % 20))).collect();
        let mut counts = Array2::from_shape_fn((20, 14), |(i, t)| ((i * 31 + t * 17 + seed) % 5) as f64);
        let expected = Array2::from_elem((20, 14), 2.0);
        let near = Places::on_plane(&places).unwrap();
        let mut planted: Vec<usize> = (0..20).collect();
        planted.sort_by(|a, b| near.distance(seed, *a).total_cmp(&near.distance(seed, *b)));
        planted.truncate(size);
        planted.iter().for_each(|d| (11..14).for_each(|t| counts[(*d, t)] += 25.0));
        planted.sort_unstable();
        let spans = Spans::prospective(14, 1, 7).unwrap();
        for data in all(&counts, &expected) {
            let found = run(&places, &data, &spans);
            let mut districts = found.clusters[0].districts.clone();
            districts.sort_unstable();
            prop_assert_eq!(&districts, &planted);
            prop_assert_eq!((found.clusters[0].first, found.clusters[0].p_value), (11, 0.01));
        }
    }
}

#[test]
fn nothing_is_found_in_nothing() {
    let places = [(0.0, 0.0), (1.0, 0.0), (5.0, 5.0)];
    let spans = Spans::prospective(4, 1, 2).unwrap();
    let (none, expected) = (Array2::zeros((3, 4)), Array2::from_elem((3, 4), 1.0));
    for data in all(&none, &expected) {
        assert!(run(&places, &data, &spans).clusters.is_empty());
    }
    let flat = Array2::from_elem((3, 4), 2.0);
    assert!(run(&places, &Data::permutation(&flat).unwrap(), &spans).clusters.is_empty());
    let other = Spans::prospective(5, 1, 2).unwrap();
    let zones = Zones::nested(3, &[vec![0]]).unwrap();
    assert!(scan(&Data::permutation(&flat).unwrap(), &zones, &other, &SETTINGS).is_err());
    let nowhere =
        scan(&Data::permutation(&flat).unwrap(), &Zones::nested(3, &[]).unwrap(), &spans, &SETTINGS);
    assert!(nowhere.unwrap().clusters.is_empty());
}
