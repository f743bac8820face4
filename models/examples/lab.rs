use chrono::{Days, NaiveDate};
use ndarray::Array2;
use rayon::prelude::*;
use std::{collections::HashMap, fs::File, io::Write};
use weisu_models::{
    calendar::{Calendar, Event, Status},
    forecast::{Horizon, Params, fit, forecast},
    hierarchy::{CellPath, Hierarchy, Level},
    series::Panel,
};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let dir = &a[1];
    let out = &a[2];
    let panel = csv::Reader::from_reader(flate2::read::MultiGzDecoder::new(
        File::open(format!("{dir}/panel.csv.gz")).unwrap(),
    ))
    .into_records()
    .map(|r| {
        let r = r.unwrap();
        (r[0].to_owned(), r[1].parse::<NaiveDate>().unwrap(), r[2].parse::<f32>().unwrap_or(f32::NAN))
    })
    .collect::<Vec<_>>();
    let start = panel.iter().map(|p| p.1).min().unwrap();
    let end = panel.iter().map(|p| p.1).max().unwrap();
    let n = (end - start).num_days() as usize + 1;
    let series: Vec<(String, String, String, String)> = csv::Reader::from_path(format!("{dir}/series.csv"))
        .unwrap()
        .into_records()
        .map(|r| {
            let r = r.unwrap();
            (r[0].into(), r[1].into(), r[2].into(), r[3].into())
        })
        .collect();
    let mut calendar = Calendar::new();
    for r in csv::Reader::from_path(format!("{dir}/holidays.csv")).unwrap().into_records() {
        let r = r.unwrap();
        calendar.insert(
            r[0].parse().unwrap(),
            Event { name: r[1].to_owned(), off: true, status: Status::Announced },
        );
    }
    let mut keys: HashMap<String, u32> = HashMap::new();
    let mut key = |s: &str| {
        let k = keys.len() as u32 + 1;
        *keys.entry(s.to_owned()).or_insert(k)
    };
    let has_cells = series.iter().any(|s| s.1 == "topic_x_district");
    let deepest = if has_cells {
        "topic_x_district"
    } else if series.iter().any(|s| s.1 == "topic") {
        "topic"
    } else {
        "district"
    };
    let cells: Vec<&(String, String, String, String)> = series.iter().filter(|s| s.1 == deepest).collect();
    let paths: Vec<CellPath> = cells
        .iter()
        .map(|c| CellPath {
            topic: if deepest != "district" { vec![key(&format!("t{}", c.2))] } else { vec![] },
            district: if deepest != "topic" { vec![key(&format!("d{}", c.3))] } else { vec![] },
        })
        .collect();
    let hierarchy = Hierarchy::new(&paths);
    let pos: HashMap<&str, usize> = cells.iter().enumerate().map(|(i, c)| (c.0.as_str(), i)).collect();
    let mut counts = Array2::from_elem((cells.len(), n), f32::NAN);
    for (id, d, y) in &panel {
        if let Some(i) = pos.get(id.as_str()) {
            counts[(*i, (*d - start).num_days() as usize)] = *y;
        }
    }
    let whole = Panel { start, counts };
    let nodes: HashMap<(Level, u32, u32), usize> =
        hierarchy.nodes.iter().enumerate().map(|(k, n)| ((n.level, n.topic, n.district), k)).collect();
    let publish: Vec<(String, usize)> = series
        .iter()
        .map(|s| {
            let (t, d) = match s.1.as_str() {
                "total" => (0, 0),
                "topic" => (1, 0),
                "district" => (0, 1),
                _ => (1, 1),
            };
            let lv = Level { topic: t, district: d };
            (
                s.0.clone(),
                nodes[&(
                    lv,
                    if t == 1 { key(&format!("t{}", s.2)) } else { 0 },
                    if d == 1 { key(&format!("d{}", s.3)) } else { 0 },
                )],
            )
        })
        .collect();
    let cuts: Vec<NaiveDate> = csv::Reader::from_path(format!("{dir}/folds.csv"))
        .unwrap()
        .into_records()
        .map(|r| r.unwrap()[0].parse().unwrap())
        .collect();
    let started = std::time::Instant::now();
    let all: Vec<String> = cuts
        .par_iter()
        .map(|c| {
            let p = whole.until(*c);
            let fits = fit(&p, &hierarchy, &calendar, &Params::default(), &|_| ());
            let f = forecast(&p, &hierarchy, &calendar, &fits, Horizon { days: 28, months: 0 }, &|_| ());
            let mut s = String::new();
            for (id, k) in &publish {
                for (h, (m, q)) in f.daily[*k].mean.iter().zip(&f.daily[*k].quantiles).enumerate() {
                    use std::fmt::Write;
                    writeln!(
                        s,
                        "{id},{c},{},{m},{},{},{},{},{}",
                        *c + Days::new(h as u64 + 1),
                        q[0],
                        q[1],
                        q[2],
                        q[3],
                        q[4]
                    )
                    .unwrap();
                }
            }
            s
        })
        .collect();
    let mut w = std::io::BufWriter::new(File::create(out).unwrap());
    writeln!(w, "unique_id,cutoff,ds,mean,q0.025,q0.1,q0.5,q0.9,q0.975").unwrap();
    for s in all {
        w.write_all(s.as_bytes()).unwrap();
    }
    eprintln!("{:.1} s", started.elapsed().as_secs_f64());
}
