//! Arithmetic and comparison of scalars and vectors.
use std::collections::BTreeMap;

use super::{
    evaluate::{Line, Value, distinct, map, signature},
    parse::{Labelled, Op},
    series::{Labels, NAME, QueryError},
};

/// `left op right`. Vectors are matched one to one on the labels that `on` leaves. A comparison keeps the vector's
/// (the left one's) value where it holds, or gives 0 and 1 with `as_number`.
///
/// # Errors
/// When a line has more than one partner, or lines can no longer be told apart.
pub fn binary(
    op: Op,
    left: Value,
    right: Value,
    on: &Labelled,
    as_number: bool,
) -> Result<Value, QueryError> {
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => {
            let values = left.into_iter().zip(right).map(|(x, y)| number(op, x, y));
            Ok(Value::Scalar(values.collect()))
        }
        (Value::Vector(lines), Value::Scalar(scalar)) => {
            with_scalar(op, lines, as_number, |v, at| (v, scalar[at])).map(Value::Vector)
        }
        (Value::Scalar(scalar), Value::Vector(lines)) => {
            with_scalar(op, lines, as_number, |v, at| (scalar[at], v)).map(Value::Vector)
        }
        (Value::Vector(left), Value::Vector(right)) if op == Op::Or => Ok(Value::Vector(or(left, right, on))),
        (Value::Vector(left), Value::Vector(right)) => {
            with_vector(op, left, right, on, as_number).map(Value::Vector)
        }
    }
}

/// The number that an operator gives; 1 or 0 for a comparison.
fn number(op: Op, x: f64, y: f64) -> f64 {
    match op {
        Op::Add => x + y,
        Op::Sub => x - y,
        Op::Mul => x * y,
        Op::Div => x / y,
        Op::Mod => x % y,
        Op::Pow => x.powf(y),
        Op::Or => x,
        Op::Eq => f64::from(u8::from(x == y)),
        Op::Ne => f64::from(u8::from(x != y)),
        Op::Gt => f64::from(u8::from(x > y)),
        Op::Lt => f64::from(u8::from(x < y)),
        Op::Ge => f64::from(u8::from(x >= y)),
        Op::Le => f64::from(u8::from(x <= y)),
    }
}

fn with_scalar(
    op: Op,
    mut lines: Vec<Line>,
    as_number: bool,
    sides: impl Fn(f64, usize) -> (f64, f64),
) -> Result<Vec<Line>, QueryError> {
    if !op.compares() || as_number {
        return map(lines, |v, at| {
            let (x, y) = sides(v, at);
            number(op, x, y)
        });
    }
    for line in &mut lines {
        for (at, value) in line.values.iter_mut().enumerate() {
            *value = value.filter(|v| {
                let (x, y) = sides(*v, at);
                number(op, x, y) != 0.0
            });
        }
    }
    Ok(some(lines))
}

fn with_vector(
    op: Op,
    left: Vec<Line>,
    right: Vec<Line>,
    on: &Labelled,
    as_number: bool,
) -> Result<Vec<Line>, QueryError> {
    let (left, mut right) = (partners(left, on, "left")?, partners(right, on, "right")?);
    let keeps = op.compares() && !as_number;
    let mut out = Vec::new();
    for (signature, line) in left {
        let Some(partner) = right.remove(&signature) else { continue };
        let pairs = line.values.iter().zip(&partner.values);
        let values = pairs.map(|(x, y)| {
            let (x, y) = ((*x)?, (*y)?);
            let value = number(op, x, y);
            if keeps { (value != 0.0).then_some(x) } else { Some(value) }
        });
        let values = values.collect();
        // A comparison keeps the left side's name, except with `on`, where only the matched labels stay.
        let mut labels = signature;
        if let (true, Labelled::Without(_), Some(name)) = (keeps, on, line.labels.get(NAME)) {
            labels.insert(NAME, name.clone());
        }
        out.push(Line { labels, values });
    }
    distinct(some(out))
}

/// Lines by what they are matched on.
fn partners(lines: Vec<Line>, on: &Labelled, side: &str) -> Result<BTreeMap<Labels, Line>, QueryError> {
    let mut by = BTreeMap::new();
    for line in lines {
        let signature = signature(&line.labels, on);
        if by.insert(signature, line).is_some() {
            return Err(QueryError::Execution(format!(
                "found duplicate series for the match group on the {side} side of the operation; \
                 many-to-many matching not allowed: matching labels must be unique on one side"
            )));
        }
    }
    Ok(by)
}

/// All of the left; of the right what has no partner at that instant.
fn or(mut left: Vec<Line>, right: Vec<Line>, on: &Labelled) -> Vec<Line> {
    let mut taken: BTreeMap<Labels, Vec<bool>> = BTreeMap::new();
    for line in &left {
        let taken =
            taken.entry(signature(&line.labels, on)).or_insert_with(|| vec![false; line.values.len()]);
        taken.iter_mut().zip(&line.values).for_each(|(taken, value)| *taken |= value.is_some());
    }
    for mut line in right {
        if let Some(taken) = taken.get(&signature(&line.labels, on)) {
            let values = line.values.iter_mut().zip(taken);
            values.filter(|(_, taken)| **taken).for_each(|(value, _)| *value = None);
        }
        match left.iter_mut().find(|l| l.labels == line.labels) {
            Some(same) => same.values.iter_mut().zip(line.values).for_each(|(a, b)| *a = a.or(b)),
            None => left.push(line),
        }
    }
    some(left)
}

fn some(mut lines: Vec<Line>) -> Vec<Line> {
    lines.retain(|line| line.values.iter().any(Option::is_some));
    lines
}
