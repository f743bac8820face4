//! Result files that appear whole or not at all.
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use flate2::{Compression, write::GzEncoder};

/// Writes to a file beside `out` (gzipped when `out` ends in .gz) and moves it there when it is complete.
///
/// # Errors
/// When the file cannot be written, or with the error of `write`; then nothing is left behind.
pub fn write_whole<T>(
    out: &Path,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut name = out.as_os_str().to_owned();
    name.push(".partial");
    let partial = Path::new(&name);
    let written = write_file(out, partial, write);
    if written.is_err() {
        // The first error is the one to report; the partial file may not even exist.
        let _ = std::fs::remove_file(partial);
    }
    written
}

fn write_file<T>(
    out: &Path,
    partial: &Path,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let file = File::create(partial).with_context(|| format!("cannot create {}", partial.display()))?;
    let mut file = BufWriter::new(file);
    let gzipped = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let result = if gzipped {
        let mut encoder = GzEncoder::new(&mut file, Compression::default());
        let result = write(&mut encoder)?;
        encoder.finish()?;
        result
    } else {
        write(&mut file)?
    };
    file.flush().with_context(|| format!("cannot write {}", partial.display()))?;
    std::fs::rename(partial, out).with_context(|| format!("cannot move the result to {}", out.display()))?;
    Ok(result)
}
