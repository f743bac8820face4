//! Neighbours by a list: CSV with the columns `a,b`, a pair a line.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{Mistake, Of, Place, folded};

/// A read list, with the line of each pair.
#[derive(Debug)]
pub(super) struct List {
    path: PathBuf,
    pairs: Vec<(u64, [String; 2])>,
}

/// Reads a list.
pub(super) fn read(path: &Path) -> Result<List, Vec<Mistake>> {
    let wrong = |problem: String, remedy: &str| mistake(path, &problem, remedy.to_owned());
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(|error| {
        vec![wrong(format!("cannot be read: {error}"), "name an existing, readable CSV file")]
    })?;
    let header: Vec<String> = match reader.headers() {
        Ok(header) => header.iter().map(|name| name.trim_start_matches('\u{feff}').to_lowercase()).collect(),
        Err(error) => return Err(vec![wrong(error.to_string(), "write UTF-8 with the first line a,b")]),
    };
    let column = |name: &str| header.iter().position(|h| h == name);
    let (Some(a), Some(b)) = (column("a"), column("b")) else {
        let problem = format!("line 1: expected columns a,b, found {}", header.join(","));
        return Err(vec![wrong(
            problem,
            "write a,b as the first line and a pair of neighbours in each other one",
        )]);
    };
    let (mut pairs, mut found) = (Vec::new(), Vec::new());
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                let cell = |i: usize| record.get(i).unwrap_or_default().to_owned();
                match [cell(a), cell(b)] {
                    [a, b] if a.is_empty() || b.is_empty() => {
                        found.push(wrong(
                            format!("line {line}: a neighbour is missing"),
                            "write a name in both columns",
                        ));
                    }
                    [a, b] if folded(&a) == folded(&b) => {
                        found.push(wrong(
                            format!("line {line}: {a:?} is no neighbour of itself"),
                            "remove the line",
                        ));
                    }
                    pair => pairs.push((line, pair)),
                }
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                found.push(wrong(format!("line {line}: {error}"), "mend this line"));
            }
        }
    }
    if pairs.is_empty() && found.is_empty() {
        found.push(wrong("holds no pair of neighbours".to_owned(), "write a pair in each line"));
    }
    if found.is_empty() { Ok(List { path: path.to_owned(), pairs }) } else { Err(found) }
}

impl List {
    /// A place for each name of the list, in alphabetical order: what there is without a map.
    pub(super) fn places(&self) -> Vec<Place> {
        let names: BTreeMap<String, &String> =
            self.pairs.iter().flat_map(|(_, pair)| pair).map(|name| (folded(name), name)).collect();
        let place =
            |name: &String| Place { name: name.clone(), codes: Vec::new(), centroid: None, outline: None };
        names.into_values().map(place).collect()
    }

    /// The pairs by position among `places`; a name that is none of them is a mistake.
    pub(super) fn among(&self, places: &[Place]) -> Result<Vec<(usize, usize)>, Vec<Mistake>> {
        let mut at: BTreeMap<String, usize> = BTreeMap::new();
        for (i, place) in places.iter().enumerate() {
            at.insert(folded(&place.name), i);
            for code in &place.codes {
                at.entry(folded(code)).or_insert(i);
            }
        }
        let (mut pairs, mut found) = (Vec::new(), Vec::new());
        for (line, names) in &self.pairs {
            match [&names[0], &names[1]].map(|name| at.get(&folded(name)).copied()) {
                [Some(a), Some(b)] => pairs.push((a.min(b), a.max(b))),
                known => {
                    let unknown =
                        names.iter().zip(known).filter(|(_, at)| at.is_none()).map(|(name, _)| name);
                    let names: Vec<String> = unknown.map(|name| format!("{name:?}")).collect();
                    let problem = format!("line {line}: {} not on the map", names.join(" and "));
                    found.push(mistake(
                        &self.path,
                        &problem,
                        "write the names as city.map has them".to_owned(),
                    ));
                }
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        if found.is_empty() { Ok(pairs) } else { Err(found) }
    }
}

fn mistake(path: &Path, problem: &str, remedy: String) -> Mistake {
    Mistake { of: Of::Adjacency, problem: format!("{}: {problem}", path.display()), remedy }
}
