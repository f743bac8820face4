//! Opening files: compression by name, encoding by content.
use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use encoding_rs::Encoding;
use encoding_rs_io::DecodeReaderBytesBuilder;

use super::IngestError;

/// Bytes of the file on disk, read and in all; shared with whoever draws a progress bar.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<(AtomicU64, AtomicU64)>);

impl Progress {
    /// Bytes read.
    pub fn done(&self) -> u64 {
        self.0.0.load(Relaxed)
    }

    /// Bytes in all.
    pub fn total(&self) -> u64 {
        self.0.1.load(Relaxed)
    }
}

struct Counted<R> {
    inner: R,
    progress: Progress,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.progress.0.0.fetch_add(n as u64, Relaxed);
        Ok(n)
    }
}

/// The name without its compression, and the compression.
pub fn strip_compression(path: &Path) -> (String, Option<&'static str>) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for ending in ["gz", "zst", "zip"] {
        if let Some(stem) = name.to_lowercase().strip_suffix(&format!(".{ending}")) {
            return (stem.to_owned(), Some(ending));
        }
    }
    (name, None)
}

/// Decompressed bytes of a file.
pub fn bytes(path: &Path, progress: &Progress) -> Result<Box<dyn Read + Send>, IngestError> {
    let io = |source| IngestError::Io { path: path.display().to_string(), source };
    let file = File::open(path).map_err(io)?;
    progress.0.1.store(file.metadata().map_err(io)?.len(), Relaxed);
    progress.0.0.store(0, Relaxed);
    let counted =
        |file| BufReader::with_capacity(1 << 18, Counted { inner: file, progress: progress.clone() });
    Ok(match strip_compression(path).1 {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(counted(file))),
        Some("zst") => Box::new(zstd::stream::read::Decoder::with_buffer(counted(file)).map_err(io)?),
        Some("zip") => zip_entry(path, file, progress)?,
        _ => Box::new(counted(file)),
    })
}

/// The largest file inside a zip: exports are published with one table and perhaps a note beside it.
fn zip_entry(path: &Path, file: File, progress: &Progress) -> Result<Box<dyn Read + Send>, IngestError> {
    let container =
        |why: String| IngestError::Container { path: path.display().to_string(), kind: "zip", why };
    let mut archive = zip::ZipArchive::new(file).map_err(|e| container(e.to_string()))?;
    let mut largest: Option<(u64, u64, u64, zip::CompressionMethod)> = None;
    for i in 0..archive.len() {
        let entry = archive.by_index(i).map_err(|e| container(e.to_string()))?;
        if entry.is_file() && largest.is_none_or(|(size, ..)| entry.size() > size) {
            let start = entry.data_start().ok_or_else(|| container("an entry has no data".to_owned()))?;
            largest = Some((entry.size(), start, entry.compressed_size(), entry.compression()));
        }
    }
    let (_, start, length, method) = largest.ok_or_else(|| container("no file in it".to_owned()))?;
    let mut file = archive.into_inner();
    file.seek(SeekFrom::Start(start)).map_err(|e| container(e.to_string()))?;
    let raw =
        BufReader::with_capacity(1 << 18, Counted { inner: file.take(length), progress: progress.clone() });
    match method {
        zip::CompressionMethod::Stored => Ok(Box::new(raw)),
        zip::CompressionMethod::Deflated => Ok(Box::new(flate2::bufread::DeflateDecoder::new(raw))),
        other => Err(container(format!("compression {other} is not supported; use deflate"))),
    }
}

/// Text of a file as UTF-8. UTF-8 is passed through unchecked (fields are checked one by one, so that one bad
/// row costs one row); others are converted, with U+FFFD where they cannot be.
pub fn text(
    path: &Path,
    encoding: &'static Encoding,
    progress: &Progress,
) -> Result<Box<dyn Read + Send>, IngestError> {
    // With an encoding named the decoder would mend what it cannot read, also in UTF-8.
    let decoder = DecodeReaderBytesBuilder::new()
        .encoding((encoding != encoding_rs::UTF_8).then_some(encoding))
        .utf8_passthru(true)
        .strip_bom(true)
        .bom_override(true)
        .build(bytes(path, progress)?);
    Ok(Box::new(decoder))
}

/// The encodings to try for a file, first the likely one.
pub fn candidates(configured: Option<&str>) -> Vec<&'static Encoding> {
    match configured.and_then(|label| Encoding::for_label(label.as_bytes())) {
        Some(encoding) => vec![encoding],
        None => vec![encoding_rs::UTF_8, encoding_rs::GB18030, encoding_rs::WINDOWS_1252],
    }
}
