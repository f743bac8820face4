//! Every file of results of other people's software, and the test that reads it: none is forgotten.
use std::collections::BTreeSet;

use super::{surveillance::table::DATASETS, table::folder};

/// Folder, beginning of the file's name, file of the test below this folder.
const READ_BY: [(&str, &str, &str); 34] = [
    ("essence", "essence_daily.csv", "essence.rs"),
    ("surveillance", "hhh4_measlesWeserEms_", "surveillance/endemic.rs"),
    ("surveillance", "hhh4_influMen_", "surveillance/endemic.rs"),
    ("surveillance", "hhh4_salmonella.agona_", "surveillance/endemic.rs"),
    ("surveillance", "nowcast_husO104Hosp_", "nowcast.rs"),
    ("spatial", "ehsa_category.csv", "spatial/emerging.rs"),
    ("spatial", "ehsa_cube.csv", "spatial/emerging.rs"),
    ("spatial", "gistar_slice.csv", "spatial/local.rs"),
    ("spatial", "gistar_weights.csv", "spatial/local.rs"),
    ("spatial", "mk_results.csv", "spatial/trend.rs"),
    ("spatial", "mk_series.csv", "spatial/trend.rs"),
    ("spatial", "moran_global.csv", "spatial/local.rs"),
    ("spatial", "nm_county_year.csv", "spatial/scan_new_mexico.rs"),
    ("spatial", "nm_scan_prospective_top200.csv", "spatial/scan_new_mexico.rs"),
    ("spatial", "nm_scan_retrospective_top500.csv", "spatial/scan_new_mexico.rs"),
    ("spatial", "nyc_satscan_published.csv", "spatial/scan_new_york.rs"),
    ("spatial", "nyc_stp_top300.csv", "spatial/scan_new_york.rs"),
    ("spatial", "satscan_sample", "spatial/scan_new_york.rs"),
    ("spatial", "scanstat_R_nm_baseline.csv", "spatial/scan_new_mexico.rs"),
    ("spatial", "scanstat_R_nm_counts.csv", "spatial/scan_new_mexico.rs"),
    ("spatial", "scanstat_R_nm_eb_negbin.csv", "spatial/scan_new_mexico.rs"),
    ("spatial", "scanstat_R_nm_eb_poisson.csv", "spatial/scan_new_mexico.rs"),
    ("spatial", "scanstat_R_nm_geo.csv", "spatial/scan_new_mexico.rs"),
    ("spatial", "scanstat_R_nm_pb_poisson.csv", "spatial/scan_new_mexico.rs"),
    ("spatial", "scanstat_R_nm_population.csv", "spatial/scan_new_mexico.rs"),
    ("spatial", "scanstat_R_nm_zones.csv", "spatial/scan_new_mexico.rs"),
    ("spatial", "scanstat_R_sim_eb_negbin.csv", "spatial/scan_simulated.rs"),
    ("spatial", "scanstat_R_sim_eb_poisson.csv", "spatial/scan_simulated.rs"),
    ("spatial", "scanstat_R_sim_permutation.csv.gz", "spatial/scan_simulated.rs"),
    ("spatial", "scanstat_R_sim_zones.csv", "spatial/scan_simulated.rs"),
    ("spatial", "sim_scan_all_windows.csv.gz", "spatial/scan_simulated.rs"),
    ("spatial", "sim_scan_baseline.csv", "spatial/scan_simulated.rs"),
    ("spatial", "sim_scan_counts.csv", "spatial/scan_simulated.rs"),
    ("spatial", "sim_scan_xy.csv", "spatial/scan_simulated.rs"),
];

/// Methods of the tables `ref_*.csv` by the beginning of their names.
const METHODS: [(&str, &str); 9] = [
    ("farrington", "farrington.rs"),
    ("earsC", "ears.rs"),
    ("bodaDelay", "boda.rs"),
    ("glrnb", "classic.rs"),
    ("glrpois", "classic.rs"),
    ("cusum", "classic.rs"),
    ("outbreakP", "classic.rs"),
    ("rki", "classic.rs"),
    ("bayes", "classic.rs"),
];

/// What says how the rest was made.
const WORDS: [&str; 2] = ["README.md", "sim_scan_truth.txt"];

fn tests() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference")
}

#[test]
fn every_file_is_read_by_a_test() {
    for name in ["essence", "surveillance", "spatial"] {
        let Some(folder) = folder(name) else { return };
        let files = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
        let files: BTreeSet<String> = files.filter(|file| !WORDS.contains(&file.as_str())).collect();
        let of_dataset = |file: &str| {
            let dataset = file.strip_prefix("data_").or_else(|| file.strip_prefix("ref_"));
            dataset.is_some_and(|d| DATASETS.iter().any(|known| d == format!("{known}.csv")))
        };
        let read = |file: &str| READ_BY.iter().find(|(of, begin, _)| *of == name && file.starts_with(begin));
        for file in &files {
            assert!(of_dataset(file) || read(file).is_some(), "{name}/{file} is read by no test");
        }
        for (_, begin, test) in READ_BY.iter().filter(|(of, ..)| *of == name) {
            assert!(files.iter().any(|file| file.starts_with(begin)), "{name}/{begin} is not there");
            let source = std::fs::read_to_string(tests().join(test)).unwrap();
            assert!(source.contains(begin.trim_end_matches('_')), "{test} does not name {begin}");
        }
    }
}

#[test]
fn every_method_of_r_is_compared() {
    let mut seen = BTreeSet::new();
    for dataset in DATASETS {
        let Some(rows) = super::surveillance::table::rows(dataset, "") else { return };
        seen.extend(rows.into_iter().map(|row| row.method.0));
    }
    for method in &seen {
        let (name, test) = METHODS.iter().find(|(name, _)| method.starts_with(name)).unwrap();
        let source = std::fs::read_to_string(tests().join("surveillance").join(test)).unwrap();
        assert!(source.contains(&format!("\"{name}")), "{test} does not compare {method}");
    }
    assert!(METHODS.iter().all(|(name, _)| seen.iter().any(|m| m.starts_with(name))), "{seen:?}");
}
