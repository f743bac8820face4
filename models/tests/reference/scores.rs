//! Scores of a whole backtest against those of `score_forecast.py`, to nine digits.
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use chrono::{Days, Months, NaiveDate};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;
use weisu_models::{
    evaluation::{Accuracy, Band, Board, Relative, Row, reference, seasonal_scales},
    forecast::NodeForecast,
    hierarchy::Level,
};

use crate::support::city;

/// Scores every file and prints them; what is not a number is null.
const PYTHON: &str = "
import sys, json
sys.path.insert(0, sys.argv[1])
import score_forecast as s
known = lambda x: None if x != x else float(x)
rows = lambda t: {str(i): {k: known(v) for k, v in r.items() if not isinstance(v, str)} for i, r in t.iterrows()}
folder, files = sys.argv[2], sys.argv[3:]
name = lambda f: f.split('/')[-1].split('.csv')[0]
levels = {name(f): rows(s.score(folder, s.load(f))[0]) for f in files}
print(json.dumps({'levels': levels, 'all': rows(s.table(folder, files, base=name(files[0])))}))
";

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    if !path.exists() {
        println!("skipped: {} is not here", path.display());
    }
    path.exists().then_some(path)
}

/// The folder of the script, where it and what it needs are at hand.
fn script() -> Option<PathBuf> {
    let folder = shared("score/score_forecast.py")?.parent()?.to_owned();
    let ready = Command::new("python3").args(["-c", "import numpy, pandas"]).output();
    let ready = ready.is_ok_and(|out| out.status.success());
    if !ready {
        println!("skipped: python3 with numpy and pandas is not here");
    }
    ready.then_some(folder)
}

fn python(script: &Path, folder: &Path, files: &[PathBuf]) -> Value {
    let out = Command::new("python3")
        .args(["-c", PYTHON])
        .args([script, folder])
        .args(files)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

const LEVELS: [(&str, Level); 4] = [
    ("total", Level { topic: 0, district: 0 }),
    ("topic", Level { topic: 1, district: 0 }),
    ("district", Level { topic: 0, district: 1 }),
    ("topic_x_district", Level { topic: 1, district: 1 }),
];

fn level(name: &str) -> Level {
    LEVELS.iter().find(|(n, _)| *n == name).unwrap().1
}

fn close(what: &str, ours: Option<f64>, theirs: &Value) {
    match (ours, theirs.as_f64()) {
        (Some(a), Some(b)) => assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{what}: {a} is not {b}"),
        (a, b) => assert_eq!(a, b, "{what}"),
    }
}

fn same_level(what: &str, ours: &Accuracy, theirs: &Value) {
    assert_eq!(ours.n as f64, theirs["n"].as_f64().unwrap(), "{what}");
    for (name, value) in [
        ("MASE", ours.mase),
        ("RMSSE", ours.rmsse),
        ("SQL", ours.sql),
        ("WQL", ours.wql),
        ("MSIS", ours.msis),
        ("cov80", ours.coverage_80),
        ("cov95", ours.coverage_95),
        ("bias", ours.bias),
    ] {
        close(&format!("{what} {name}"), value, &theirs[name]);
    }
}

/// The rows of one band against the script's answer for one file; how many levels were compared.
fn same(what: &str, rows: &[Row], theirs: &Value, file: &str) -> usize {
    for row in rows {
        let (accuracy, relative) = (row.accuracy, row.relative);
        let Some(at) = row.level else {
            let all = &theirs["all"][file];
            let Relative { rel_mase, rel_rmsse, rel_wql, rel_all, .. } = relative;
            for (name, value) in [
                ("relMASE", rel_mase),
                ("relRMSSE", rel_rmsse),
                ("relWQL", rel_wql),
                ("relALL", rel_all),
                ("MASE", accuracy.mase),
                ("RMSSE", accuracy.rmsse),
                ("SQL", accuracy.sql),
                ("WQL", accuracy.wql),
                ("MSIS", accuracy.msis),
                ("cov80", accuracy.coverage_80),
                ("cov95", accuracy.coverage_95),
                ("bias", accuracy.bias),
                ("incoh", row.incoherence),
            ] {
                close(&format!("{what} {file} all {name}"), value, &all[name]);
            }
            continue;
        };
        let name = LEVELS.iter().find(|(_, l)| *l == at).unwrap().0;
        same_level(&format!("{what} {file} {name}"), &accuracy, &theirs["levels"][file][name]);
    }
    rows.len() - 1
}

/// A series of a small world: its level, its counts, and per origin and method a forecast.
struct Series {
    id: String,
    level: &'static str,
    y: Vec<f32>,
    made: BTreeMap<(usize, &'static str), NodeForecast>,
}

/// Counts by period with forecasts from `origins`; `season` periods make a season.
struct World {
    monthly: bool,
    season: usize,
    horizon: usize,
    origins: Vec<usize>,
    series: Vec<Series>,
}

impl World {
    /// Three topics in two districts, one cell silent until the last origin; means that do not add up.
    fn new(monthly: bool) -> Self {
        let (periods, season, horizon, origins) =
            if monthly { (60, 12, 12, vec![40, 47]) } else { (200, 7, 30, vec![100, 130, 169]) };
        let city = city(3, 2, periods, 11);
        let mut panel = city.panel;
        panel.counts.slice_mut(ndarray::s![0, ..=origins[origins.len() - 1]]).fill(0.0);
        let mut rng = StdRng::seed_from_u64(5);
        let mut series = Vec::new();
        for (k, node) in city.hierarchy.nodes.iter().enumerate() {
            let name = LEVELS.iter().find(|(_, l)| *l == node.level).unwrap().0;
            let y = city.hierarchy.series(&panel, k);
            let made = origins.iter().flat_map(|o| {
                let scale = seasonal_scales(&y, season, &[*o])[0];
                let naive = reference::seasonal_naive(&y[..=*o], season, 0, horizon, scale);
                let guess = guess(&y[o + 1..=o + horizon], &mut rng);
                [((*o, "naive"), naive), ((*o, "guess"), guess)]
            });
            let made = made.collect();
            series.push(Series { id: format!("s{k}"), level: name, y, made });
        }
        Self { monthly, season, horizon, origins, series }
    }

    fn board(&self, method: &'static str) -> Board {
        let bands = if self.monthly { Band::months(self.horizon) } else { Band::days(self.horizon) };
        let mut board = Board::new(bands);
        for origin in &self.origins {
            let mut cells = vec![0.0; self.horizon];
            for one in &self.series {
                let scale = seasonal_scales(&one.y, self.season, &[*origin])[0];
                let came: Vec<f64> =
                    one.y[origin + 1..=origin + self.horizon].iter().map(|n| f64::from(*n)).collect();
                let made = &one.made[&(*origin, method)];
                board.push(level(one.level), &came, made, scale);
                if one.level == "topic_x_district" {
                    cells.iter_mut().zip(&made.mean).for_each(|(sum, mean)| *sum += mean);
                }
            }
            board.push_sums(&self.series[0].made[&(*origin, method)].mean, &cells);
        }
        board
    }

    fn date(&self, t: usize) -> NaiveDate {
        let start: NaiveDate = "2020-01-01".parse().unwrap();
        if self.monthly { start + Months::new(t as u32) } else { start + Days::new(t as u64) }
    }

    /// Writes what the script reads to score `band` alone: its origins are set just before the band.
    fn write(&self, folder: &Path, band: Band) -> Vec<PathBuf> {
        let cutoff = |origin: usize| self.date(origin + band.first - 1);
        let (mut panel, mut series) = ("unique_id,ds,y\n".to_owned(), "unique_id,level\n".to_owned());
        let mut scales = "unique_id,cutoff,mase_scale,rmsse_scale\n".to_owned();
        for one in &self.series {
            series += &format!("{},{}\n", one.id, one.level);
            for (t, n) in one.y.iter().enumerate() {
                panel += &format!("{},{},{n}\n", one.id, self.date(t));
            }
            for (origin, scale) in
                self.origins.iter().zip(seasonal_scales(&one.y, self.season, &self.origins))
            {
                let (absolute, squared) = scale.map_or((0.0, 0.0), |s| (s.absolute, s.squared));
                scales += &format!("{},{},{absolute},{squared}\n", one.id, cutoff(*origin));
            }
        }
        let leads = band.last - band.first + 1;
        let folds: String = self.origins.iter().map(|o| format!("{},{leads}\n", cutoff(*o))).collect();
        fs::create_dir_all(folder).unwrap();
        let file = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        let mut zip = flate2::write::GzEncoder::new(
            fs::File::create(folder.join("panel.csv.gz")).unwrap(),
            flate2::Compression::fast(),
        );
        std::io::Write::write_all(&mut zip, panel.as_bytes()).unwrap();
        zip.finish().unwrap();
        file("series.csv", &series);
        file("scales.csv", &scales);
        file("folds.csv", &format!("cutoff,h\n{folds}"));
        if self.monthly {
            file("MONTHLY", "");
        }
        ["naive", "guess"].map(|method| self.write_forecasts(folder, band, method)).to_vec()
    }

    fn write_forecasts(&self, folder: &Path, band: Band, method: &'static str) -> PathBuf {
        let mut text = "unique_id,cutoff,ds,mean,q0.025,q0.1,q0.5,q0.9,q0.975\n".to_owned();
        for one in &self.series {
            for origin in &self.origins {
                let made = &one.made[&(*origin, method)];
                for lead in band.first..=band.last {
                    let [a, b, c, d, e] = made.quantiles[lead - 1];
                    let (cutoff, ds) = (self.date(origin + band.first - 1), self.date(origin + lead));
                    text +=
                        &format!("{},{cutoff},{ds},{},{a},{b},{c},{d},{e}\n", one.id, made.mean[lead - 1]);
                }
            }
        }
        let path = folder.join(format!("{method}.csv"));
        fs::write(&path, text).unwrap();
        path
    }
}

/// Forecasts near what came, with bands that hold it sometimes.
fn guess(came: &[f32], rng: &mut StdRng) -> NodeForecast {
    let period = |y: &f32| {
        let mean = f64::from(*y) * rng.random_range(0.5..1.5) + rng.random_range(0.0..2.0);
        let width = rng.random_range(0.2..1.0) * (mean + 1.0);
        let q = [-2.0, -1.3, 0.1, 1.3, 2.0].map(|z: f64| (mean + z * width / 2.0).max(0.0).round());
        (mean, q)
    };
    let (mean, quantiles) = came.iter().map(period).unzip();
    NodeForecast { mean, quantiles }
}

#[test]
fn every_band_of_days_and_months_is_scored_as_the_script_does() {
    let Some(script) = script() else { return };
    for (monthly, bands) in [(false, 6), (true, 5)] {
        let world = World::new(monthly);
        let (naive, guess) = (world.board("naive"), world.board("guess"));
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("scores-{monthly}"));
        let all = if monthly { Band::months(world.horizon) } else { Band::days(world.horizon) };
        assert_eq!(all.len(), bands);
        for band in all {
            let folder = scratch.join(band.to_string());
            let files = world.write(&folder, band);
            let theirs = python(&script, &folder, &files);
            for (name, board) in [("naive", &naive), ("guess", &guess)] {
                let mut rows = board.rows(&naive);
                rows.retain(|row| row.band == band);
                assert_eq!(same(&format!("months {monthly} band {band}"), &rows, &theirs, name), 4);
            }
        }
        fs::remove_dir_all(scratch).unwrap();
    }
}

/// A column of a table by its header.
fn table(path: &Path) -> Vec<BTreeMap<String, String>> {
    let file = fs::File::open(path).unwrap();
    let plain: Box<dyn std::io::Read> = if path.extension().is_some_and(|e| e == "gz") {
        Box::new(flate2::read::GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    csv::Reader::from_reader(plain).deserialize().map(Result::unwrap).collect()
}

/// The published panel: its scales, its seasonal naive and the scores of that are ours.
#[test]
fn the_panel_of_a_city_has_the_same_scales_naive_and_scores() {
    let (Some(folder), Some(script)) = (shared("data/panel_dev"), script()) else { return };
    let file = folder.join("preds/SeasonalNaive.csv.gz");
    let mut y: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    let mut start = NaiveDate::MAX;
    for row in table(&folder.join("panel.csv.gz")) {
        start = start.min(row["ds"].parse().unwrap());
        y.entry(row["unique_id"].clone()).or_default().push(row["y"].parse().unwrap());
    }
    let folds: Vec<NaiveDate> =
        table(&folder.join("folds.csv")).iter().map(|r| r["cutoff"].parse().unwrap()).collect();
    let at = |cutoff: &NaiveDate| (*cutoff - start).num_days() as usize;
    let given: BTreeMap<(String, String), (f64, f64)> = table(&folder.join("scales.csv"))
        .into_iter()
        .map(|r| {
            (
                (r["unique_id"].clone(), r["cutoff"].clone()),
                (r["mase_scale"].parse().unwrap(), r["rmsse_scale"].parse().unwrap()),
            )
        })
        .collect();
    let mut published: BTreeMap<(String, String), NodeForecast> = BTreeMap::new();
    for row in table(&file) {
        let number = |name: &str| -> f64 { row[name].parse().unwrap() };
        let made = published
            .entry((row["unique_id"].clone(), row["cutoff"].clone()))
            .or_insert(NodeForecast { mean: Vec::new(), quantiles: Vec::new() });
        made.mean.push(number("mean"));
        made.quantiles.push(["q0.025", "q0.1", "q0.5", "q0.9", "q0.975"].map(number));
    }
    let (mut board, mut compared) = (Board::new(Band::days(28)), 0);
    for row in table(&folder.join("series.csv")) {
        let y = &y[&row["unique_id"]];
        for cutoff in &folds {
            let key = (row["unique_id"].clone(), cutoff.to_string());
            let scale = seasonal_scales(y, 7, &[at(cutoff)])[0];
            let (absolute, squared) = scale.map_or((0.0, 0.0), |s| (s.absolute, s.squared));
            assert!(
                (absolute - given[&key].0).abs() < 1e-9 && (squared - given[&key].1).abs() < 1e-7,
                "{key:?}"
            );
            let known = &y[..=at(cutoff)];
            // The published bands rest on three years.
            let recent = &known[known.len() - 3 * 365..];
            let recent_scale = seasonal_scales(recent, 7, &[recent.len() - 1])[0];
            let ours = reference::seasonal_naive(known, 7, 0, 28, recent_scale);
            assert_eq!(ours.mean, published[&key].mean, "{key:?}");
            if recent[0] > 0.0 {
                compared += same_quantiles(&ours, &published[&key]);
            }
            let came: Vec<f64> = y[at(cutoff) + 1..=at(cutoff) + 28].iter().map(|n| f64::from(*n)).collect();
            board.push(level(&row["level"]), &came, &published[&key], scale);
        }
    }
    assert!(compared > 1000, "only {compared} quantiles compared");
    let mut rows = board.rows(&board);
    rows.retain(|row| row.band.whole);
    let theirs = python(&script, &folder, &[file]);
    for row in &mut rows {
        row.incoherence = theirs["all"]["SeasonalNaive"]["incoh"].as_f64();
    }
    assert_eq!(same("city", &rows, &theirs, "SeasonalNaive"), 4);
}

/// Equal up to the rounding of the file; how many.
fn same_quantiles(ours: &NodeForecast, theirs: &NodeForecast) -> usize {
    let pairs = ours.quantiles.iter().flatten().zip(theirs.quantiles.iter().flatten());
    pairs.inspect(|(a, b)| assert!((*a - *b).abs() < 1e-3, "{a} is not {b}")).count()
}
