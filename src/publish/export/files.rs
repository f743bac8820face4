//! Files that appear whole or not at all, and the manifest that lists them.
//!
//! A file is written under a hidden name, synced and renamed. `manifest.json` lists every export in the folder with size
//! and SHA-256, by name, so that an export of another month adds to it and a repeated one changes nothing.
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ExportError;

/// Name of the manifest.
pub const MANIFEST: &str = "manifest.json";

/// Everything exported into a folder.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// By file name without its ending.
    pub exports: BTreeMap<String, Entry>,
}

/// One export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Short name of the city.
    pub city: String,
    /// What it is: `forecast`.
    pub kind: String,
    /// The month, `YYYY-MM`.
    pub month: String,
    /// The forecast run.
    pub run: i64,
    /// When that was issued.
    pub issued_at: String,
    /// The last day it knew.
    pub origin: String,
    /// What is counted.
    pub basis: Vec<String>,
    /// Lines.
    pub rows: u64,
    /// Counts from 1 to this less one were taken out; 0 = none.
    pub small_cell: u32,
    /// How many were.
    pub small_cells: u64,
    /// By ending.
    pub files: BTreeMap<String, FileEntry>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name in the folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its checksum.
    pub sha256: String,
}

/// A file on its way; removed again unless it is published.
#[derive(Debug)]
pub struct Draft {
    part: PathBuf,
    target: PathBuf,
}

impl Draft {
    /// Begins a file of `folder`, which is made if need be.
    pub fn begin(folder: &Path, name: &str) -> Result<(Self, BufWriter<File>), ExportError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ExportError::write(path, source)
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let draft = Self { part: folder.join(format!(".{name}.part")), target: folder.join(name) };
        let file = File::create(&draft.part).map_err(failed(&draft.part))?;
        Ok((draft, BufWriter::new(file)))
    }

    /// Puts the finished file in its place.
    pub fn publish(self, out: BufWriter<File>) -> Result<FileEntry, ExportError> {
        let put = || -> io::Result<FileEntry> {
            let file = out.into_inner().map_err(|e| e.into_error())?;
            file.sync_all()?;
            let (bytes, sha256) = checksum(&self.part)?;
            std::fs::rename(&self.part, &self.target)?;
            let name = self.target.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok(FileEntry { name, bytes, sha256 })
        };
        put().map_err(|source| ExportError::write(self.target.clone(), source))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After publishing there is nothing left under this name.
        let _ = std::fs::remove_file(&self.part);
    }
}

fn checksum(path: &Path) -> io::Result<(u64, String)> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
        bytes += n as u64;
    }
    Ok((bytes, hash.finalize().iter().map(|b| format!("{b:02x}")).collect()))
}

/// Adds an export to the manifest of its folder.
pub fn list(folder: &Path, stem: &str, entry: Entry) -> Result<PathBuf, ExportError> {
    let path = folder.join(MANIFEST);
    let mut manifest = match std::fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|_| ExportError::Manifest { path: path.clone() })?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Manifest::default(),
        Err(source) => return Err(ExportError::write(path, source)),
    };
    manifest.exports.insert(stem.to_owned(), entry);
    let (draft, mut out) = Draft::begin(folder, MANIFEST)?;
    let written = serde_json::to_writer_pretty(&mut out, &manifest)
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"));
    written.map_err(|source| ExportError::write(path.clone(), source))?;
    draft.publish(out)?;
    Ok(path)
}
