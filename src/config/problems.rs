//! Collecting every mistake of a configuration file instead of stopping at the first.
use std::path::{Path, PathBuf};

use garde::Validate;
use serde::de::DeserializeOwned;

/// One mistake: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Line of the key, where it is in the file.
    pub line: Option<usize>,
    /// The key, with dots and indices.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    /// A mistake at `key`.
    pub fn at(key: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { line: None, key: key.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

/// All mistakes of one file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    /// The file.
    pub path: PathBuf,
    /// Its mistakes, by line.
    pub found: Vec<Problem>,
}

impl Problems {
    pub(super) fn one(path: &Path, problem: Problem) -> Self {
        Self { path: path.to_owned(), found: vec![problem] }
    }
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n = self.found.len();
        write!(f, "{n} mistake{} in the configuration", if n == 1 { "" } else { "s" })?;
        for p in &self.found {
            write!(f, "\n  {}", self.path.display())?;
            if let Some(line) = p.line {
                write!(f, ":{line}")?;
            }
            if !p.key.is_empty() {
                write!(f, ": {}", p.key)?;
            }
            write!(f, ": {}\n    -> {}", p.problem, p.remedy)?;
        }
        Ok(())
    }
}

/// Reads `text` into `T`, noting syntax errors, unknown keys, wrong types, values out of range and whatever
/// `semantic` adds.
pub(super) fn read<T>(
    text: &str,
    path: &Path,
    semantic: impl Fn(&T, &mut Vec<Problem>),
) -> Result<T, Problems>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    let mut table: toml::Value = match toml::from_str::<toml::Table>(text) {
        Ok(table) => toml::Value::Table(table),
        Err(error) => return Err(Problems::one(path, syntax(text, &error))),
    };
    let mut found = Vec::new();
    let mut aside = Aside::default();
    let value: T = loop {
        let mut unknown = Vec::new();
        let mut track = serde_path_to_error::Track::new();
        let result = {
            let tracked = serde_path_to_error::Deserializer::new(table.clone(), &mut track);
            serde_ignored::deserialize(tracked, |key| unknown.push(key.to_string()))
        };
        match result {
            Ok(value) => {
                found.extend(
                    unknown.into_iter().map(|key| unknown_key(&aside.original(&key.replace(".?", "")))),
                );
                break value;
            }
            Err(error) => {
                let key = track.path().to_string();
                let message = error.to_string();
                let message = message.lines().next().unwrap_or_default().trim();
                found.push(wrong_type(&aside.original(&key), message));
                // Set the key aside so that the rest is looked at too; a key that cannot be set aside ends it.
                if !remove(&mut table, &key) {
                    return Err(finish(text, path, found));
                }
                aside.add(&key);
            }
        }
    };
    let mut later = Vec::new();
    if let Err(report) = value.validate() {
        later.extend(report.iter().map(|(key, error)| out_of_range(&key.to_string(), &error.to_string())));
    }
    semantic(&value, &mut later);
    later.iter_mut().for_each(|problem| problem.key = aside.original(&problem.key));
    // What is said of a key that was set aside is said of its default.
    found.extend(later.into_iter().filter(|problem| !aside.concerns(&problem.key)));
    if found.is_empty() { Ok(value) } else { Err(finish(text, path, found)) }
}

fn finish(text: &str, path: &Path, mut found: Vec<Problem>) -> Problems {
    for problem in &mut found {
        problem.line = line_of(text, &problem.key);
    }
    found.sort_by(|a, b| (a.line.unwrap_or(usize::MAX), &a.key).cmp(&(b.line.unwrap_or(usize::MAX), &b.key)));
    Problems { path: path.to_owned(), found }
}

/// Mistakes found later in the settings of the file at `path`, each with the line of its key.
pub(super) fn located(path: &Path, found: Vec<Problem>) -> Problems {
    finish(&std::fs::read_to_string(path).unwrap_or_default(), path, found)
}

fn syntax(text: &str, error: &toml::de::Error) -> Problem {
    Problem {
        line: error.span().map(|span| line_at(text, span.start)),
        key: String::new(),
        problem: format!("not valid TOML: {}", error.message()),
        remedy:
            "mend this line; keys are `name = value`, texts stand in double quotes, sections in [brackets]"
                .to_owned(),
    }
}

/// `problem` and `remedy` are told apart by the arrow that the checks in this folder put between them.
fn out_of_range(key: &str, message: &str) -> Problem {
    if let Some((problem, remedy)) = message.split_once(" -> ") {
        return Problem::at(key, problem, remedy);
    }
    let unit = if message.starts_with("length") { " characters" } else { "" };
    let remedy = match message.rsplit_once(" than ") {
        Some((low, bound)) if low.ends_with("lower") => format!("write {bound} or more{unit}"),
        Some((_, bound)) => format!("write {bound} or less{unit}"),
        None => "see the example configuration in systemd/".to_owned(),
    };
    Problem::at(key, message, remedy)
}

fn wrong_type(key: &str, message: &str) -> Problem {
    if let Some((problem, remedy)) = message.split_once(" -> ") {
        return Problem::at(key, problem, remedy);
    }
    let (problem, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let remedy = match expected {
        "a string" | "path string" => "write a text in double quotes".to_owned(),
        "a boolean" => "write true or false".to_owned(),
        "a sequence" => "write a list in [brackets]".to_owned(),
        "a map" => "write a section of keys".to_owned(),
        "usize" | "u64" | "u32" => "write a whole number of 0 or more, without quotes".to_owned(),
        "i64" => "write a whole number, without quotes".to_owned(),
        "a character" => "write one character in double quotes".to_owned(),
        "f64" => "write a number, without quotes".to_owned(),
        choice if problem.starts_with("unknown variant") => format!("write {choice}").replace('`', "\""),
        section if section.starts_with("struct ") => "write a section of keys".to_owned(),
        _ if message.contains("socket address") => {
            "write an address and a port, such as \"127.0.0.1:8080\"".to_owned()
        }
        _ => "write a value of the expected kind; `weisu check-config --print` shows one".to_owned(),
    };
    Problem::at(key, if remedy.contains("expected kind") { message } else { problem }, remedy)
}

fn unknown_key(key: &str) -> Problem {
    Problem::at(
        key,
        "unknown key",
        "remove it or mend its spelling; `weisu check-config --print` lists every key",
    )
}

/// Takes the value at `path` out of the tree.
fn remove(value: &mut toml::Value, path: &str) -> bool {
    let steps = steps(path);
    let Some((last, parents)) = steps.split_last() else { return false };
    let mut at = value;
    for step in parents {
        let next = match step {
            Step::Key(key) => at.get_mut(key.as_str()),
            Step::Index(i) => at.get_mut(*i),
        };
        match next {
            Some(next) => at = next,
            None => return false,
        }
    }
    match (last, at) {
        (Step::Key(key), toml::Value::Table(table)) => table.remove(key).is_some(),
        (Step::Index(i), toml::Value::Array(items)) if *i < items.len() => {
            items.remove(*i);
            true
        }
        _ => false,
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// Keys that were set aside, as the file has them, in the order of their removal.
#[derive(Debug, Default)]
struct Aside(Vec<Vec<Step>>);

impl Aside {
    fn add(&mut self, key: &str) {
        let original = self.lifted(key);
        self.0.push(original);
    }

    /// A key of the remaining tree as the file has it: items behind one that was taken out of a list move up.
    fn original(&self, key: &str) -> String {
        let mut out = String::new();
        for step in self.lifted(key) {
            match step {
                Step::Index(i) => out += &format!("[{i}]"),
                Step::Key(name) if out.is_empty() => out = name,
                Step::Key(name) => out += &format!(".{name}"),
            }
        }
        out
    }

    fn lifted(&self, key: &str) -> Vec<Step> {
        let mut path: Vec<Step> = Vec::new();
        for step in steps(key) {
            path.push(match step {
                Step::Index(mut i) => {
                    let mut gone: Vec<usize> = self
                        .0
                        .iter()
                        .filter_map(|aside| match aside.split_last() {
                            Some((Step::Index(i), list)) if list == path => Some(*i),
                            _ => None,
                        })
                        .collect();
                    gone.sort_unstable();
                    for taken in gone {
                        i += usize::from(taken <= i);
                    }
                    Step::Index(i)
                }
                name => name,
            });
        }
        path
    }

    /// Whether a key was set aside itself, holds one that was, or was inside one.
    fn concerns(&self, key: &str) -> bool {
        let key = steps(key);
        self.0.iter().any(|aside| aside.starts_with(&key) || key.starts_with(aside))
    }
}

/// Splits `source[0].columns.id` and `source.0.columns.id` alike.
fn steps(path: &str) -> Vec<Step> {
    path.split(['.', '[', ']'])
        .filter(|s| !s.is_empty())
        .map(|s| s.parse().map_or_else(|_| Step::Key(s.to_owned()), Step::Index))
        .collect()
}

/// The line of the deepest part of `key` that the file has.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let document = toml_edit::Document::parse(text).ok()?;
    let mut item = document.as_item();
    let mut line = None;
    for step in steps(key) {
        let next = match &step {
            Step::Key(name) => {
                let table = item.as_table_like()?;
                let found = table.get_key_value(name);
                if let Some((key, _)) = found {
                    line = key.span().map(|s| line_at(text, s.start)).or(line);
                }
                found.map(|(_, item)| item)
            }
            Step::Index(i) => {
                let found = item.get(*i);
                if let Some(span) = found.and_then(toml_edit::Item::span) {
                    line = Some(line_at(text, span.start));
                }
                found
            }
        };
        match next {
            Some(next) => item = next,
            None => break,
        }
    }
    line
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}
