//! Parquet: the mapped columns only, every type as the text a CSV of it would have.
use std::{fs::File, path::Path};

use arrow_array::{Array, RecordBatch, StringArray, cast::AsArray};
use arrow_schema::DataType;
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
};

use super::{
    IngestError, Mapping,
    row::{Layout, Next, Row, Rows},
};

/// Reads a Parquet file row by row.
pub struct Reader {
    batches: ParquetRecordBatchReader,
    path: String,
    /// Mapped columns of the current batch as text, in layout order.
    columns: Vec<StringArray>,
    at: usize,
    rows: usize,
    line: u64,
    /// Position of each layout column among the projected ones.
    projected: Vec<usize>,
    layout: Layout,
}

impl Reader {
    /// Opens a file.
    pub fn open(path: &Path, mapping: &Mapping) -> Result<Self, IngestError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|source| IngestError::Io { path: name.clone(), source })?;
        let container = |why: String| IngestError::Container { path: name.clone(), kind: "Parquet", why };
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| container(e.to_string()))?;
        let header: Vec<String> = builder.schema().fields().iter().map(|f| f.name().clone()).collect();
        let layout = Layout::new(&name, &header, mapping)?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), layout.columns.iter().copied());
        let batches = builder
            .with_projection(mask)
            .with_batch_size(8192)
            .build()
            .map_err(|e| container(e.to_string()))?;
        let mut kept = layout.columns.clone();
        kept.sort_unstable();
        kept.dedup();
        let projected = layout.columns.iter().map(|c| kept.partition_point(|k| k < c)).collect();
        Ok(Self { batches, path: name, columns: Vec::new(), at: 0, rows: 0, line: 0, projected, layout })
    }

    fn load(&mut self, batch: &RecordBatch) -> Result<(), IngestError> {
        let as_text = |i: &usize| -> Result<StringArray, arrow_schema::ArrowError> {
            Ok(arrow_cast::cast(batch.column(*i), &DataType::Utf8)?.as_string::<i32>().clone())
        };
        self.columns = self.projected.iter().map(as_text).collect::<Result<_, _>>().map_err(|e| {
            IngestError::Container { path: self.path.clone(), kind: "Parquet", why: e.to_string() }
        })?;
        (self.at, self.rows) = (0, batch.num_rows());
        Ok(())
    }
}

impl Rows for Reader {
    fn next(&mut self, row: &mut Row) -> Result<Next, IngestError> {
        while self.at == self.rows {
            match self.batches.next() {
                None => return Ok(Next::End),
                Some(Ok(batch)) => self.load(&batch)?,
                Some(Err(e)) => {
                    return Err(IngestError::Container {
                        path: self.path.clone(),
                        kind: "Parquet",
                        why: e.to_string(),
                    });
                }
            }
        }
        self.line += 1;
        row.clear(self.line);
        for column in &self.columns {
            row.push(if column.is_null(self.at) { "" } else { column.value(self.at) });
        }
        self.at += 1;
        Ok(Next::Row)
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }
}
