//! The export as Parquet, the same bytes for the same rows: no clock, no program version that changes with a patch.
use std::{
    io::{self, Write},
    sync::{Arc, OnceLock},
};

use arrow_array::{
    ArrayRef, Date32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray, UInt32Array,
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use chrono::NaiveDate;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};

use super::row::{COLUMNS, Common, Count, Row};
use crate::ticket::Day;

/// Named in the file's footer; it changes only when the layout does.
const CREATED_BY: &str = "weisu export 1";

/// Remembers why writing failed, which the library tells as a text of its own.
struct Watched<W> {
    out: W,
    failed: Arc<OnceLock<io::ErrorKind>>,
}

impl<W> Watched<W> {
    fn seen<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.failed.get_or_init(|| error.kind());
        }
        result
    }
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.seen(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.seen(flushed)
    }
}

/// Writes row groups of Parquet.
pub struct Writer<W: Write + Send> {
    arrow: ArrowWriter<Watched<W>>,
    failed: Arc<OnceLock<io::ErrorKind>>,
    schema: Arc<Schema>,
    common: Common,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file.
    pub fn new(out: W, common: Common) -> Result<Self, ParquetError> {
        let schema = Arc::new(schema());
        let properties = WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let failed = Arc::new(OnceLock::new());
        let out = Watched { out, failed: Arc::clone(&failed) };
        let arrow = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties))
            .map_err(|error| cause(&failed, error))?;
        Ok(Self { arrow, failed, schema, common })
    }

    /// Writes lines.
    pub fn write(&mut self, rows: &[Row]) -> Result<(), ParquetError> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns(&self.common, rows))?;
        self.arrow.write(&batch).map_err(|error| cause(&self.failed, error))
    }

    /// Writes the footer and hands the file back.
    pub fn finish(self) -> Result<W, ParquetError> {
        match self.arrow.into_inner() {
            Ok(watched) => Ok(watched.out),
            Err(error) => Err(cause(&self.failed, error)),
        }
    }
}

/// The error of the disk where there was one, else the library's.
fn cause(failed: &OnceLock<io::ErrorKind>, error: ParquetError) -> ParquetError {
    failed.get().map_or(error, |kind| io::Error::from(*kind).into())
}

fn schema() -> Schema {
    let instant = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let field = |name: &&str| {
        let (kind, nullable) = match *name {
            "run_id" => (DataType::Int64, false),
            "issued_at" | "data_as_of" => (instant.clone(), false),
            "origin" | "target_start" | "target_end" => (DataType::Date32, false),
            "topic_code" | "district_code" => (DataType::Int32, false),
            "grain" | "topic" | "district" | "basis" | "model" => (DataType::Utf8, false),
            "fallback_reason" => (DataType::Utf8, true),
            "last_year" | "lunar_ref" | "previous" => (DataType::UInt32, true),
            "mean" | "q025" | "q10" | "q50" | "q90" | "q975" => (DataType::Float64, false),
            _ => (DataType::Float64, true),
        };
        Field::new(*name, kind, nullable)
    };
    Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>())
}

fn columns(common: &Common, rows: &[Row]) -> Vec<ArrayRef> {
    let n = rows.len();
    let instant =
        |ms: i64| -> ArrayRef { Arc::new(TimestampMillisecondArray::from(vec![ms; n]).with_timezone("UTC")) };
    let date = |of: &dyn Fn(&Row) -> NaiveDate| -> ArrayRef {
        Arc::new(Date32Array::from_iter_values(rows.iter().map(|r| Day::from(of(r)).0)))
    };
    let text = |of: &dyn Fn(&Row) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let code = |of: &dyn Fn(&Row) -> i32| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(rows.iter().map(of)))
    };
    let number = |of: &dyn Fn(&Row) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<Float64Array>())
    };
    let count = |of: &dyn Fn(&Row) -> Count| -> ArrayRef {
        Arc::new(rows.iter().map(|r| of(r).shown()).collect::<UInt32Array>())
    };
    let forecast = |i: usize| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| r.forecast[i])))
    };
    let mut out: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![common.run; n])),
        instant(common.issued_at.timestamp_millis()),
        date(&|_| common.origin),
        date(&|r| r.from),
        date(&|r| r.to),
        text(&|r| r.grain),
        code(&|r| r.topic_code),
        text(&|r| &r.topic),
        code(&|r| r.district_code),
        text(&|r| &r.district),
        text(&|r| r.basis),
    ];
    out.extend((0..6).map(forecast));
    out.extend([
        count(&|r| r.last_year),
        number(&|r| r.changes[0]),
        count(&|r| r.lunar),
        number(&|r| r.changes[1]),
        count(&|r| r.previous),
        number(&|r| r.changes[2]),
        text(&|r| &r.model),
        Arc::new(rows.iter().map(|r| r.fallback.as_deref()).collect::<StringArray>()),
        number(&|r| r.quality[0]),
        number(&|r| r.quality[1]),
        instant(common.data_as_of.timestamp_millis()),
    ]);
    out
}
