//! The panel and hierarchy that counts and a series file (`unique_id,level,topic,district`) describe.
//!
//! Only the series of the deepest level (topic_x_district, else topic, else district) are read as cells; every
//! other series is their sum, so that its forecast adds up. Days without a row are missing, not zero.
use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};
use weisu_models::{
    calendar::{Calendar, Event, Status},
    hierarchy::{CellPath, Hierarchy, Level},
    series::Panel,
};

use super::{
    panel::PanelFile,
    table::{Table, TableError, parse_date},
};

/// Why a panel and a series file do not make a hierarchy.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// A file cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A cell of the hierarchy has no counts.
    #[error("{} lists series {id:?}, but the panel has no row for it; add its counts or remove it there", series.display())]
    NoCounts {
        /// The series file.
        series: PathBuf,
        /// The series.
        id: String,
    },
    /// A series names a topic or district that no cell has.
    #[error("{}: series {id:?} has no cell below it; add its cells or remove it", series.display())]
    NoCells {
        /// The series file.
        series: PathBuf,
        /// The series.
        id: String,
    },
}

/// A panel with the names of its published series.
#[derive(Debug)]
pub struct Named {
    /// Cells by day.
    pub panel: Panel,
    /// Nodes over the cells.
    pub hierarchy: Hierarchy,
    /// Series to publish: id and node, in the order of the series file.
    pub series: Vec<(String, usize)>,
    /// Names of the topics with keys 1, 2, …; empty for series that stand alone.
    pub topics: Vec<String>,
    /// Names of the districts with keys 1, 2, ….
    pub districts: Vec<String>,
}

/// Each series as a panel of its own.
pub fn alone(file: &PanelFile) -> Vec<Named> {
    let hierarchy = Hierarchy::new(&[CellPath { topic: Vec::new(), district: Vec::new() }]);
    let row = |k: usize| file.counts.slice(ndarray::s![k..=k, ..]).to_owned();
    file.ids
        .iter()
        .enumerate()
        .map(|(k, id)| Named {
            panel: Panel { start: file.start, counts: row(k) },
            hierarchy: hierarchy.clone(),
            series: vec![(id.clone(), 0)],
            topics: Vec::new(),
            districts: Vec::new(),
        })
        .collect()
}

/// The panel that a series file (`unique_id,level,topic,district`) describes.
///
/// # Errors
/// For unknown levels, cells without counts, and series without cells.
pub fn with_series(file: &PanelFile, path: &Path) -> Result<Named, SeriesError> {
    let listed = read_series(path)?;
    let deepest = deepest(&listed);
    let mut keys = Keys::default();
    let cells: Vec<&Listed> = listed.iter().filter(|s| s.level == deepest).collect();
    let paths: Vec<CellPath> = cells.iter().map(|cell| keys.path(cell)).collect();
    let hierarchy = Hierarchy::new(&paths);
    let position: FxHashMap<&str, usize> =
        file.ids.iter().enumerate().map(|(k, id)| (id.as_str(), k)).collect();
    let mut counts = ndarray::Array2::zeros((cells.len(), file.periods()));
    for (cell, mut row) in cells.iter().zip(counts.rows_mut()) {
        let at = position
            .get(cell.id.as_str())
            .ok_or_else(|| SeriesError::NoCounts { series: path.into(), id: cell.id.clone() })?;
        row.assign(&file.counts.row(*at));
    }
    let nodes: FxHashMap<(Level, u32, u32), usize> =
        hierarchy.nodes.iter().enumerate().map(|(k, n)| ((n.level, n.topic, n.district), k)).collect();
    let series = listed
        .iter()
        .map(|one| match nodes.get(&(one.level, keys.topic(one), keys.district(one))) {
            Some(node) => Ok((one.id.clone(), *node)),
            None => Err(SeriesError::NoCells { series: path.into(), id: one.id.clone() }),
        })
        .collect::<Result<_, _>>()?;
    let panel = Panel { start: file.start, counts };
    Ok(Named { panel, hierarchy, series, topics: by_key(&keys.topics), districts: by_key(&keys.districts) })
}

/// Names in the order of their keys, which are numbered from 1.
fn by_key(keys: &FxHashMap<String, u32>) -> Vec<String> {
    let mut names: Vec<(&u32, &String)> = keys.iter().map(|(name, key)| (key, name)).collect();
    names.sort_unstable();
    names.into_iter().map(|(_, name)| name.clone()).collect()
}

/// A row of the series file.
#[derive(Debug)]
struct Listed {
    id: String,
    level: Level,
    topic: String,
    district: String,
}

fn read_series(path: &Path) -> Result<Vec<Listed>, SeriesError> {
    let mut table = Table::open(path, ["unique_id", "level", "topic", "district"])?;
    let mut out: Vec<Listed> = Vec::new();
    let mut seen = FxHashSet::default();
    while let Some([id, level, topic, district]) = table.next_row()? {
        let (topic_depth, district_depth) = match level {
            "total" => (0, 0),
            "topic" => (1, 0),
            "district" => (0, 1),
            "topic_x_district" => (1, 1),
            _ => {
                let problem = "is not a level; use total, topic, district or topic_x_district";
                return Err(table.value_error(1, problem).into());
            }
        };
        let listed = Listed {
            id: id.to_owned(),
            level: Level { topic: topic_depth, district: district_depth },
            topic: if topic_depth == 0 { String::new() } else { topic.to_owned() },
            district: if district_depth == 0 { String::new() } else { district.to_owned() },
        };
        let nameless = [(topic_depth, topic, 2), (district_depth, district, 3)]
            .into_iter()
            .find(|(depth, name, _)| *depth > 0 && name.is_empty());
        if let Some((.., column)) = nameless {
            return Err(table.value_error(column, "is empty, but this level needs it").into());
        }
        if !seen.insert((listed.level, listed.topic.clone(), listed.district.clone())) {
            return Err(table.value_error(0, "repeats a level, topic and district given above").into());
        }
        out.push(listed);
    }
    if out.is_empty() { Err(table.empty().into()) } else { Ok(out) }
}

/// The level whose series are the cells.
fn deepest(listed: &[Listed]) -> Level {
    let order = [(1, 1), (1, 0), (0, 1)].map(|(topic, district)| Level { topic, district });
    let has = |level: &Level| listed.iter().any(|s| s.level == *level);
    order.into_iter().find(has).unwrap_or(Level { topic: 0, district: 0 })
}

/// Numbers for topic and district names, in order of appearance, from 1.
#[derive(Default)]
struct Keys {
    topics: FxHashMap<String, u32>,
    districts: FxHashMap<String, u32>,
}

impl Keys {
    fn path(&mut self, cell: &Listed) -> CellPath {
        let mut key = |depth: u8, name: &str, of: fn(&mut Self) -> &mut FxHashMap<String, u32>| {
            let known = of(self);
            let next = known.len() as u32 + 1;
            (depth > 0).then(|| *known.entry(name.to_owned()).or_insert(next)).into_iter().collect()
        };
        let topic = key(cell.level.topic, &cell.topic, |keys| &mut keys.topics);
        let district = key(cell.level.district, &cell.district, |keys| &mut keys.districts);
        CellPath { topic, district }
    }

    /// Key of a listed series' topic; 0 above the topics, and a key nobody has for an unknown one.
    fn topic(&self, one: &Listed) -> u32 {
        if one.level.topic == 0 { 0 } else { self.topics.get(&one.topic).copied().unwrap_or(u32::MAX) }
    }

    fn district(&self, one: &Listed) -> u32 {
        if one.level.district == 0 {
            0
        } else {
            self.districts.get(&one.district).copied().unwrap_or(u32::MAX)
        }
    }
}

/// Reads a holiday file with columns `ds,name` as announced days off.
///
/// # Errors
/// With file, line and column for the first value that cannot be used.
pub fn read_holidays(path: &Path) -> Result<Calendar, TableError> {
    let mut table = Table::open(path, ["ds", "name"])?;
    let mut calendar = Calendar::new();
    while let Some([ds, name]) = table.next_row()? {
        let event = Event { name: name.trim().to_owned(), off: true, status: Status::Announced };
        let date = parse_date(ds).map_err(|problem| table.value_error(0, problem))?;
        calendar.insert(date, event);
    }
    Ok(calendar)
}
