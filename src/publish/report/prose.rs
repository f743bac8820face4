//! Prose written by rules: the templates `prose_zh.txt` and `prose_en.txt` say which sentence stands when, and every
//! number and name in it is a cell of a table, so that it can be traced and is masked where the cell is.
use std::{collections::BTreeMap, fmt, sync::Arc};

use minijinja::{
    Environment, UndefinedBehavior, Value, context,
    value::{Object, ObjectRepr},
};

use super::{
    cell::Cell,
    table::{Column, Piece, Row, Table},
    words::Words,
};
use crate::config::Lang;

/// Around a cell in rendered text: begin, between anchor and what is shown, end. Names never hold them.
const MARKS: [char; 3] = ['\u{1}', '\u{2}', '\u{3}'];

/// A cell as a sentence has it.
#[derive(Debug)]
struct Shown {
    anchor: String,
    /// Words before the number that stand for its sign.
    before: String,
    shown: String,
    number: Option<f64>,
    is_known: bool,
    is_leap: bool,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [begin, between, end] = MARKS;
        write!(f, "{}{begin}{}{between}{}{end}", self.before, self.anchor, self.shown)
    }
}

impl Object for Shown {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    /// `v`: its number.
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str() == Some("v")).then(|| self.number.map_or(Value::from(0), Value::from))
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.is_known
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// Renders the prose of every section of a report.
pub struct Writer {
    env: Environment<'static>,
    values: Value,
    lang: Lang,
}

impl Writer {
    /// A writer that knows the cells of these tables; `unit` is `month` or `week`.
    pub fn new(
        words: Words,
        unit: &str,
        is_lunar: bool,
        tables: &[&Table],
    ) -> Result<Self, minijinja::Error> {
        let t = map(tables.iter().map(|table| (table.id.to_owned(), rows(words.lang, table))));
        let said = |name: &str| Value::from(words.say("prose", &format!("{unit}_{name}")));
        let names = ["this", "previous", "next", "unit", "year_or_previous"];
        let p = map(names.into_iter().map(|name| (name.to_owned(), said(name))));
        let s = t.get_attr("settings")?;
        let values = context! { t, s, p, month => unit == "month", lunar => is_lunar };
        Ok(Self { env: environment(words)?, values, lang: words.lang })
    }

    /// The paragraphs of a section.
    pub fn section(&self, id: &str) -> Result<Vec<Vec<Piece>>, minijinja::Error> {
        let text = self.env.get_template(id)?.render(&self.values)?;
        let joint = if self.lang == Lang::Zh { "" } else { " " };
        let paragraphs = text.split("\n\n").map(|paragraph| {
            let lines: Vec<&str> = paragraph.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
            lines.join(joint)
        });
        Ok(paragraphs.filter(|p| !p.is_empty()).map(|p| pieces(&p)).collect())
    }
}

/// A template a section, with the filters of the rules.
fn environment(words: Words) -> Result<Environment<'static>, minijinja::Error> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    env.add_filter("rise", move |value: Value, group: Option<&str>| {
        rise(words, &value, group.unwrap_or_default())
    });
    env.add_filter("rising", |rows: Vec<Value>, column: &str| changed(rows, column, 1.0));
    env.add_filter("falling", |rows: Vec<Value>, column: &str| changed(rows, column, -1.0));
    let text = match words.lang {
        Lang::Zh => include_str!("prose_zh.txt"),
        Lang::En => include_str!("prose_en.txt"),
    };
    for section in text.split("=== ").skip(1) {
        let (name, body) = section.split_once('\n').unwrap_or((section, ""));
        env.add_template(name, body)?;
    }
    Ok(env)
}

/// A table for the templates: `rows` in order, and each row by its key.
fn rows(lang: Lang, table: &Table) -> Value {
    let row = |row: &Row| {
        let cells = table.columns.iter().zip(&row.cells);
        let anchored = |(column, cell): (&Column, _)| {
            (column.id.to_owned(), shown(lang, table.anchor(row, column), cell))
        };
        map(cells.map(anchored))
    };
    let all: Vec<Value> = table.rows.iter().map(row).collect();
    let by_key = table.rows.iter().map(|row| row.key.clone()).zip(all.clone());
    map(by_key.chain([("rows".to_owned(), Value::from(all))]))
}

fn map(pairs: impl Iterator<Item = (String, Value)>) -> Value {
    Value::from(pairs.collect::<BTreeMap<_, _>>())
}

fn shown(lang: Lang, anchor: String, cell: &Cell) -> Value {
    Value::from_object(Shown {
        anchor,
        before: String::new(),
        shown: cell.shown(lang).chars().filter(|c| !c.is_control()).collect(),
        number: cell.number(),
        is_known: *cell != Cell::Unknown,
        is_leap: matches!(cell, Cell::Leap { .. }),
    })
}

/// A change in words: 上升 12.3%, down 4.0 %; `group` begins the names of other words than those.
fn rise(words: Words, value: &Value, group: &str) -> Result<Value, minijinja::Error> {
    let Some(cell) = value.downcast_object_ref::<Shown>() else {
        let kind = minijinja::ErrorKind::InvalidOperation;
        return Err(minijinja::Error::new(kind, "rise needs a cell with a change"));
    };
    let plain = cell.shown.trim_start_matches(['+', '−', '±']).to_owned();
    let name = match cell.shown.chars().next() {
        _ if cell.is_leap && cell.number.is_some_and(|x| x > 0.0) => "leap_up",
        _ if cell.is_leap => "leap_down",
        Some('+') => "up",
        Some('−') => "down",
        _ => "same",
    };
    Ok(Value::from_object(Shown {
        anchor: cell.anchor.clone(),
        before: words.say("prose", &format!("{group}{name}")),
        shown: plain,
        number: cell.number,
        is_known: cell.is_known,
        is_leap: cell.is_leap,
    }))
}

/// Rows that rise (`sign` 1) or fall (-1) by at least one per cent, the largest change first.
fn changed(rows: Vec<Value>, column: &str, sign: f64) -> Vec<Value> {
    let change = |row: &Value| -> Option<f64> {
        let cell = row.get_attr(column).ok()?;
        cell.downcast_object_ref::<Shown>()?.number.map(|x| x * sign).filter(|x| *x >= 0.01)
    };
    let mut found: Vec<(f64, Value)> =
        rows.into_iter().filter_map(|row| change(&row).map(|x| (x, row))).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().map(|(_, row)| row).collect()
}

/// Words and cells of rendered text.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let [begin, between, end] = MARKS;
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((words, after)) = rest.split_once(begin) {
        if !words.is_empty() {
            out.push(Piece::Words(words.to_owned()));
        }
        let (cell, after) = after.split_once(end).unwrap_or((after, ""));
        let (anchor, shown) = cell.split_once(between).unwrap_or(("", cell));
        out.push(Piece::Cell { anchor: anchor.to_owned(), shown: shown.to_owned() });
        rest = after;
    }
    if !rest.is_empty() {
        out.push(Piece::Words(rest.to_owned()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_falls_into_words_and_cells() {
        let cell = |anchor: &str, shown: &str| Piece::Cell { anchor: anchor.into(), shown: shown.into() };
        let words = |text: &str| Piece::Words(text.into());
        assert_eq!(
            pieces("共 \u{1}t.r.c\u{2}1,234\u{3} 件\u{1}a\u{2}<5\u{3}"),
            [words("共 "), cell("t.r.c", "1,234"), words(" 件"), cell("a", "<5")]
        );
        assert_eq!(pieces("没有"), [words("没有")]);
    }

    #[test]
    fn a_change_becomes_a_word_and_a_number_without_sign() {
        let words = Words { lang: Lang::Zh };
        for (change, wanted) in [(0.123, "上升 "), (-0.05, "下降 "), (0.0, "变化 ")] {
            let value = shown(Lang::Zh, "t.r.c".into(), &Cell::Change(change));
            let risen = rise(words, &value, "").unwrap().to_string();
            assert!(risen.starts_with(wanted) && !risen.contains('+') && !risen.contains('−'), "{risen}");
        }
        let leap = Cell::Leap { from: 3, to: 400, change: 132.3 };
        for (lang, wanted) in [(Lang::Zh, "由 3 到 400"), (Lang::En, "up from 3 to 400")] {
            let value = shown(lang, "t.r.c".into(), &leap);
            let said = rise(Words { lang }, &value, "").unwrap().to_string();
            let said: String = pieces(&said)
                .iter()
                .map(|piece| match piece {
                    Piece::Words(text) | Piece::Cell { shown: text, .. } => text.as_str(),
                })
                .collect();
            assert_eq!(said, wanted);
        }
        assert!(rise(words, &Value::from(3), "").is_err());
    }

    #[test]
    fn every_section_has_prose_in_both_languages() {
        for lang in [Lang::Zh, Lang::En] {
            let env = environment(Words { lang }).unwrap();
            let period = super::super::Period::Month("2024-02".parse().unwrap());
            for section in super::super::sections::of(period) {
                assert!(env.get_template(section).is_ok(), "{section}");
            }
        }
    }
}
