//! What a report is made of: sections with prose, tables and charts. A chart draws columns of a table and a number in
//! prose is a cell of one, so the tables say everything.
use super::{cell::Cell, words::Words};

/// A report.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What it is called.
    pub title: String,
    /// City, period and how new the data are.
    pub lead: Vec<Piece>,
    /// Sections in the office's order.
    pub sections: Vec<Section>,
}

/// A section.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Stable name.
    pub id: &'static str,
    /// Heading.
    pub title: String,
    /// Paragraphs.
    pub prose: Vec<Vec<Piece>>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Charts of columns of the tables.
    pub charts: Vec<Chart>,
}

/// A piece of prose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Words without a digit.
    Words(String),
    /// What a cell shows.
    Cell {
        /// [`Table::anchor`] of the cell.
        anchor: String,
        /// Its number or name as the sentence has it; a sign may have become a word.
        shown: String,
    },
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Stable name, also in anchors.
    pub id: &'static str,
    /// Caption.
    pub title: String,
    /// Columns; the first names the row.
    pub columns: Vec<Column>,
    /// Rows.
    pub rows: Vec<Row>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Stable name, also in anchors.
    pub id: &'static str,
    /// Heading.
    pub title: String,
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Stable name within the table, also in anchors.
    pub key: String,
    /// One cell a column.
    pub cells: Vec<Cell>,
}

/// How a chart looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Lines over rows in time.
    Lines,
    /// Upright columns over rows in time.
    Columns,
    /// Level bars, one a row; the second and third column are the ends of an interval.
    Bars,
}

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Caption.
    pub title: String,
    /// Which table.
    pub table: &'static str,
    /// How it looks.
    pub shape: Shape,
    /// Which columns.
    pub columns: Vec<&'static str>,
}

impl Column {
    /// A column; its heading comes from the catalogue.
    pub fn new(words: Words, id: &'static str) -> Self {
        Self { id, title: words.say("column", id) }
    }
}

impl Table {
    /// An empty table; titles come from the catalogue.
    pub fn new(words: Words, id: &'static str, columns: &[&'static str]) -> Self {
        Self {
            id,
            title: words.say("table", id),
            columns: columns.iter().map(|id| Column::new(words, id)).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, key: impl Into<String>, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "{}", self.id);
        self.rows.push(Row { key: key.into(), cells });
    }

    /// Name of a cell within the report.
    pub fn anchor(&self, row: &Row, column: &Column) -> String {
        format!("{}.{}.{}", self.id, row.key, column.id)
    }

    /// Position of a column.
    pub fn column(&self, id: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.id == id)
    }

    /// Numbers of a column, unknown ones as `None`.
    pub fn numbers(&self, id: &str) -> Vec<Option<f64>> {
        let at = self.column(id);
        self.rows.iter().map(|row| at.and_then(|i| row.cells.get(i)).and_then(Cell::number)).collect()
    }

    /// Counts that were taken out.
    pub fn small_cells(&self) -> usize {
        self.rows.iter().flat_map(|row| &row.cells).filter(|cell| matches!(cell, Cell::Below(_))).count()
    }
}

impl Chart {
    /// A chart of columns of a table.
    pub fn new(words: Words, table: &'static str, shape: Shape, columns: &[&'static str]) -> Self {
        Self { title: words.say("chart", table), table, shape, columns: columns.to_vec() }
    }
}

impl Report {
    /// All tables in order.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.sections.iter().flat_map(|section| &section.tables)
    }
}
