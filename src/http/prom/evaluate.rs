//! A query over series at instants: a pure function.
//!
//! Everything is computed for all instants at once: a vector is a list of lines, each with a value or none per
//! instant, so labels are matched once and not at every step.
use super::{
    aggregate, binary,
    parse::{Each, Labelled, Plan, Query},
    series::{Labels, NAME, QueryError, Series},
};

/// One label set with its values, one an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Labels.
    pub labels: Labels,
    /// A value, or none, for each instant.
    pub values: Vec<Option<f64>>,
}

/// What a query comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One number an instant.
    Scalar(Vec<f64>),
    /// Lines with different labels.
    Vector(Vec<Line>),
}

/// Evaluates a query at instants, ms since the epoch.
///
/// `fetched` holds the series of each of the query's selectors, in their order.
///
/// # Errors
/// When labels that should tell lines apart do not.
pub fn evaluate(query: &Query, fetched: &[Vec<Series>], instants: &[i64]) -> Result<Value, QueryError> {
    Evaluation { query, fetched, instants }.value(&query.plan)
}

struct Evaluation<'a> {
    query: &'a Query,
    fetched: &'a [Vec<Series>],
    instants: &'a [i64],
}

impl Evaluation<'_> {
    fn value(&self, plan: &Plan) -> Result<Value, QueryError> {
        match plan {
            Plan::Number(n) => Ok(Value::Scalar(vec![*n; self.instants.len()])),
            Plan::Time => Ok(Value::Scalar(self.instants.iter().map(|t| *t as f64 / 1000.0).collect())),
            Plan::Select(nth) => Ok(Value::Vector(self.select(*nth))),
            Plan::Vector(of) => {
                let values = self.scalar(of)?.into_iter().map(Some).collect();
                Ok(Value::Vector(vec![Line { labels: Labels::new(), values }]))
            }
            Plan::Minus(of) => match self.value(of)? {
                Value::Scalar(values) => Ok(Value::Scalar(values.into_iter().map(|v| -v).collect())),
                Value::Vector(lines) => map(lines, |v, _| -v).map(Value::Vector),
            },
            Plan::Each(each, of, args) => self.each(*each, of, args).map(Value::Vector),
            Plan::Over(over, of, labels, keep) => {
                let keep = keep.as_ref().map(|k| self.scalar(k)).transpose()?;
                Ok(Value::Vector(aggregate::over(*over, self.vector(of)?, labels, keep.as_deref())))
            }
            Plan::Binary { op, left, right, on, as_number } => {
                binary::binary(*op, self.value(left)?, self.value(right)?, on, *as_number)
            }
        }
    }

    fn scalar(&self, plan: &Plan) -> Result<Vec<f64>, QueryError> {
        match self.value(plan)? {
            Value::Scalar(values) => Ok(values),
            Value::Vector(_) => Err(QueryError::Bad("expected type scalar, got instant vector".to_owned())),
        }
    }

    fn vector(&self, plan: &Plan) -> Result<Vec<Line>, QueryError> {
        match self.value(plan)? {
            Value::Vector(lines) => Ok(lines),
            Value::Scalar(_) => Err(QueryError::Bad("expected type instant vector, got scalar".to_owned())),
        }
    }

    fn select(&self, nth: usize) -> Vec<Line> {
        let offset = self.query.selectors[nth].offset;
        let line = |series: &Series| Line {
            labels: series.labels.clone(),
            values: self.instants.iter().map(|t| series.at(t.saturating_sub(offset))).collect(),
        };
        self.fetched[nth].iter().map(line).filter(|line| line.values.iter().any(Option::is_some)).collect()
    }

    fn each(&self, each: Each, of: &Plan, args: &[Plan]) -> Result<Vec<Line>, QueryError> {
        let args: Vec<Vec<f64>> = args.iter().map(|arg| self.scalar(arg)).collect::<Result<_, _>>()?;
        let arg = |nth: usize, at: usize| args.get(nth).map_or(f64::NAN, |values: &Vec<f64>| values[at]);
        let clamp = |v: f64, low: f64, high: f64| {
            if v.is_nan() || low.is_nan() || high.is_nan() { f64::NAN } else { v.min(high).max(low) }
        };
        let lines = self.vector(of)?;
        match each {
            Each::Abs => map(lines, |v, _| v.abs()),
            Each::Ceil => map(lines, |v, _| v.ceil()),
            Each::Floor => map(lines, |v, _| v.floor()),
            // Ties go up, as in Prometheus; the inverse keeps 0.1 exact where a division would not.
            Each::Round => map(lines, |v, at| {
                let inverse = if args.is_empty() { 1.0 } else { 1.0 / arg(0, at) };
                (v * inverse + 0.5).floor() / inverse
            }),
            Each::Clamp => {
                let mut lines = map(lines, |v, at| clamp(v, arg(0, at), arg(1, at)))?;
                for line in &mut lines {
                    let values = line.values.iter_mut().enumerate();
                    values.filter(|(at, _)| arg(0, *at) > arg(1, *at)).for_each(|(_, v)| *v = None);
                }
                Ok(lines)
            }
            Each::ClampMin => map(lines, |v, at| clamp(v, arg(0, at), f64::INFINITY)),
            Each::ClampMax => map(lines, |v, at| clamp(v, f64::NEG_INFINITY, arg(0, at))),
        }
    }
}

/// A function of every value and its place; the metric's name goes, because it is not that metric any more.
pub fn map(lines: Vec<Line>, of: impl Fn(f64, usize) -> f64) -> Result<Vec<Line>, QueryError> {
    let lines = lines.into_iter().map(|mut line| {
        line.labels.remove(NAME);
        line.values.iter_mut().enumerate().for_each(|(at, value)| *value = value.map(|v| of(v, at)));
        line
    });
    distinct(lines.collect())
}

/// Lines whose labels differ wherever both have a value.
pub fn distinct(mut lines: Vec<Line>) -> Result<Vec<Line>, QueryError> {
    lines.sort_by(|a, b| a.labels.cmp(&b.labels));
    let twice = lines.windows(2).any(|pair| {
        let both = || pair[0].values.iter().zip(&pair[1].values).any(|(a, b)| a.is_some() && b.is_some());
        pair[0].labels == pair[1].labels && both()
    });
    if twice {
        return Err(QueryError::Execution("vector cannot contain metrics with the same labelset".to_owned()));
    }
    Ok(lines.into_iter().fold(Vec::new(), |mut out: Vec<Line>, line| {
        match out.last_mut() {
            Some(last) if last.labels == line.labels => {
                last.values.iter_mut().zip(line.values).for_each(|(a, b)| *a = a.or(b));
            }
            _ => out.push(line),
        }
        out
    }))
}

/// Those labels that tell groups or partners apart; never the name, unless it is asked for.
pub fn signature(labels: &Labels, labelled: &Labelled) -> Labels {
    let stays = |name: &str| match labelled {
        Labelled::By(names) => names.iter().any(|n| n == name),
        Labelled::Without(names) => name != NAME && names.iter().all(|n| n != name),
    };
    labels.iter().filter(|(name, _)| stays(name)).map(|(name, value)| (*name, value.clone())).collect()
}
