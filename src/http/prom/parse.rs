//! PromQL text to the part of it that is served here.
//!
//! The grammar is that of `promql-parser`. Its tree is walked once and turned into a [`Plan`] that cannot hold what
//! [`super::evaluate`] cannot do. The parser recurses as deep as a text is nested and its dropping does so too, so it
//! runs on a thread with a stack that the longest text allowed cannot fill; a plan is never deeper than [`DEPTH`].
use std::time::Duration;

use promql_parser::{
    label::{Matcher, Matchers},
    parser::{
        AggregateExpr, BinModifier, BinaryExpr, Call, Expr, LabelModifier, Offset, VectorMatchCardinality,
        VectorSelector,
    },
};

use super::series::QueryError;

/// Longest text of a query, bytes.
const LENGTH: usize = 8192;
/// Deepest nesting of a plan.
const DEPTH: usize = 64;
/// Stack of the parsing thread, bytes: more than a kilobyte for each byte of the longest text.
const STACK: usize = 64 << 20;

/// Series wanted by a query, shifted in time.
#[derive(Debug, Clone)]
pub struct Selector {
    /// All of them hold; the metric's name is a label among others.
    pub matchers: Vec<Matcher>,
    /// Looks so many ms back.
    pub offset: i64,
}

/// What becomes of labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labelled {
    /// Only these stay.
    By(Vec<String>),
    /// These go.
    Without(Vec<String>),
}

/// An aggregation over series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Sum.
    Sum,
    /// Mean.
    Avg,
    /// Least.
    Min,
    /// Greatest.
    Max,
    /// Number of series.
    Count,
    /// The k greatest, as they are.
    Top,
    /// The k least, as they are.
    Bottom,
}

/// A function of each value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Each {
    /// |x|
    Abs,
    /// Up to a whole number.
    Ceil,
    /// Down to a whole number.
    Floor,
    /// To a multiple of the argument, or a whole number.
    Round,
    /// At least the first argument and at most the second.
    Clamp,
    /// At least the argument.
    ClampMin,
    /// At most the argument.
    ClampMax,
}

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// x + y
    Add,
    /// x - y
    Sub,
    /// x * y
    Mul,
    /// x / y
    Div,
    /// Remainder with the sign of x.
    Mod,
    /// x to the power of y
    Pow,
    /// x == y
    Eq,
    /// x != y
    Ne,
    /// x > y
    Gt,
    /// x < y
    Lt,
    /// x >= y
    Ge,
    /// x <= y
    Le,
    /// All of the left and what only the right has.
    Or,
}

impl Op {
    /// Whether it compares.
    pub fn compares(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Gt | Self::Lt | Self::Ge | Self::Le)
    }
}

/// What is to be computed.
#[derive(Debug, Clone)]
pub enum Plan {
    /// A number.
    Number(f64),
    /// The instant itself, seconds since the epoch.
    Time,
    /// The series of a selector, by its place in [`Query::selectors`].
    Select(usize),
    /// A scalar as a vector without labels.
    Vector(Box<Plan>),
    /// -x
    Minus(Box<Plan>),
    /// A function of each value with scalar arguments.
    Each(Each, Box<Plan>, Vec<Plan>),
    /// An aggregation; the number of series to keep is with [`Over::Top`] and [`Over::Bottom`] only.
    Over(Over, Box<Plan>, Labelled, Option<Box<Plan>>),
    /// Two sides, matched one to one on labels when both are vectors.
    Binary {
        /// What is done with them.
        op: Op,
        /// x
        left: Box<Plan>,
        /// y
        right: Box<Plan>,
        /// Labels that must agree.
        on: Labelled,
        /// A comparison gives 0 or 1 rather than keeping x where it holds.
        as_number: bool,
    },
}

impl Plan {
    /// Whether its value is one number an instant.
    pub fn is_scalar(&self) -> bool {
        match self {
            Self::Number(_) | Self::Time => true,
            Self::Minus(of) => of.is_scalar(),
            Self::Binary { left, right, .. } => left.is_scalar() && right.is_scalar(),
            Self::Select(_) | Self::Vector(_) | Self::Each(..) | Self::Over(..) => false,
        }
    }
}

/// A query that can be evaluated.
#[derive(Debug, Clone)]
pub struct Query {
    /// What is to be computed.
    pub plan: Plan,
    /// From which series.
    pub selectors: Vec<Selector>,
}

/// Reads a query.
///
/// # Errors
/// [`QueryError::Bad`] when it is not PromQL, [`QueryError::Refused`] when it is more of it than is served here.
pub fn query(text: &str) -> Result<Query, QueryError> {
    on_a_deep_stack(text, |expr| {
        let mut selectors = Vec::new();
        let plan = plan(expr, &mut selectors, 0)?;
        Ok(Query { plan, selectors })
    })
}

/// Reads a selector, as `match[]` has it.
///
/// # Errors
/// When it is anything else.
pub fn selector(text: &str) -> Result<Selector, QueryError> {
    on_a_deep_stack(text, |expr| match expr {
        Expr::VectorSelector(found) => select(found),
        _ => Err(QueryError::Bad(format!("{text:?} is not a series selector"))),
    })
}

fn on_a_deep_stack<T: Send>(
    text: &str,
    read: impl FnOnce(Expr) -> Result<T, QueryError> + Send,
) -> Result<T, QueryError> {
    if text.len() > LENGTH {
        return Err(QueryError::Bad(format!("the query has {} bytes: write at most {LENGTH}", text.len())));
    }
    let bad = |why: &str| QueryError::Bad(format!("invalid parameter \"query\": {why}"));
    std::thread::scope(|scope| {
        let parsing = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || {
            let expr = promql_parser::parser::parse(text).map_err(|why| bad(&why))?;
            read(expr)
        });
        // The parser panics on a few texts, such as an offset of more seconds than a number holds.
        parsing.map_err(|_| QueryError::Unavailable)?.join().unwrap_or_else(|_| Err(bad("it cannot be read")))
    })
}

fn refused<T>(what: impl Into<String>) -> Result<T, QueryError> {
    Err(QueryError::Refused(what.into()))
}

fn plan(expr: Expr, selectors: &mut Vec<Selector>, depth: usize) -> Result<Plan, QueryError> {
    if depth > DEPTH {
        return Err(QueryError::Bad(format!("the query is nested more than {DEPTH} deep")));
    }
    let mut inner = |expr: Expr| plan(expr, selectors, depth + 1);
    match expr {
        Expr::NumberLiteral(number) => Ok(Plan::Number(number.val)),
        Expr::Paren(paren) => inner(*paren.expr),
        Expr::Unary(unary) => Ok(Plan::Minus(Box::new(inner(*unary.expr)?))),
        Expr::VectorSelector(found) => {
            selectors.push(select(found)?);
            Ok(Plan::Select(selectors.len() - 1))
        }
        Expr::Aggregate(found) => aggregate(found, inner),
        Expr::Binary(found) => binary(found, inner),
        Expr::Call(found) => call(found, inner),
        Expr::StringLiteral(_) => refused("a string"),
        Expr::MatrixSelector(_) => refused("a range in [brackets]"),
        Expr::Subquery(_) => refused("a subquery"),
        Expr::Extension(_) => refused("an extension"),
    }
}

fn select(found: VectorSelector) -> Result<Selector, QueryError> {
    let Matchers { mut matchers, or_matchers } = found.matchers;
    if !or_matchers.is_empty() {
        return refused("or between label matchers");
    }
    if found.at.is_some() {
        return refused("the @ modifier");
    }
    if let Some(name) = found.name {
        matchers.push(Matcher::new_metric_name_matcher(name).map_err(QueryError::Bad)?);
    }
    let millis = |by: Duration| i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
    let offset = match found.offset {
        None => 0,
        Some(Offset::Pos(by)) => millis(by),
        Some(Offset::Neg(by)) => -millis(by),
    };
    Ok(Selector { matchers, offset })
}

fn vector(plan: Plan, of: &str) -> Result<Box<Plan>, QueryError> {
    if plan.is_scalar() {
        return Err(QueryError::Bad(format!("expected type instant vector in {of}, got scalar")));
    }
    Ok(Box::new(plan))
}

fn scalar(plan: Plan, of: &str) -> Result<Plan, QueryError> {
    if !plan.is_scalar() {
        return Err(QueryError::Bad(format!("expected type scalar in {of}, got instant vector")));
    }
    Ok(plan)
}

fn labelled(modifier: Option<LabelModifier>, otherwise: Labelled) -> Labelled {
    match modifier {
        None => otherwise,
        Some(LabelModifier::Include(labels)) => Labelled::By(labels.labels),
        Some(LabelModifier::Exclude(labels)) => Labelled::Without(labels.labels),
    }
}

fn aggregate(
    found: AggregateExpr,
    mut inner: impl FnMut(Expr) -> Result<Plan, QueryError>,
) -> Result<Plan, QueryError> {
    let name = found.op.to_string();
    let over = match name.as_str() {
        "sum" => Over::Sum,
        "avg" => Over::Avg,
        "min" => Over::Min,
        "max" => Over::Max,
        "count" => Over::Count,
        "topk" => Over::Top,
        "bottomk" => Over::Bottom,
        other => return refused(other),
    };
    let of = vector(inner(*found.expr)?, &name)?;
    let keep = match found.param {
        Some(param) => Some(Box::new(scalar(inner(*param)?, &name)?)),
        None => None,
    };
    Ok(Plan::Over(over, of, labelled(found.modifier, Labelled::By(Vec::new())), keep))
}

fn binary(
    found: BinaryExpr,
    mut inner: impl FnMut(Expr) -> Result<Plan, QueryError>,
) -> Result<Plan, QueryError> {
    let op = match found.op.to_string().as_str() {
        "+" => Op::Add,
        "-" => Op::Sub,
        "*" => Op::Mul,
        "/" => Op::Div,
        "%" => Op::Mod,
        "^" => Op::Pow,
        "==" => Op::Eq,
        "!=" => Op::Ne,
        ">" => Op::Gt,
        "<" => Op::Lt,
        ">=" => Op::Ge,
        "<=" => Op::Le,
        "or" => Op::Or,
        other => return refused(other),
    };
    let (on, as_number) = matching(found.modifier)?;
    let (left, right) = (Box::new(inner(*found.lhs)?), Box::new(inner(*found.rhs)?));
    let scalars = (left.is_scalar(), right.is_scalar());
    if op.compares() && scalars == (true, true) && !as_number {
        return Err(QueryError::Bad("comparisons between scalars must use BOOL modifier".to_owned()));
    }
    if op == Op::Or && scalars != (false, false) {
        return Err(QueryError::Bad("or not allowed in binary scalar expression".to_owned()));
    }
    Ok(Plan::Binary { op, left, right, on, as_number })
}

fn matching(modifier: Option<BinModifier>) -> Result<(Labelled, bool), QueryError> {
    let every = Labelled::Without(Vec::new());
    let Some(modifier) = modifier else { return Ok((every, false)) };
    match modifier.card {
        VectorMatchCardinality::ManyToOne(_) => return refused("group_left"),
        VectorMatchCardinality::OneToMany(_) => return refused("group_right"),
        VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => {}
    }
    if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
        return refused("fill");
    }
    Ok((labelled(modifier.matching, every), modifier.return_bool))
}

fn call(found: Call, mut inner: impl FnMut(Expr) -> Result<Plan, QueryError>) -> Result<Plan, QueryError> {
    let name = found.func.name;
    let each = match name {
        "time" => return Ok(Plan::Time),
        "vector" => None,
        "abs" => Some((Each::Abs, 0..=0)),
        "ceil" => Some((Each::Ceil, 0..=0)),
        "floor" => Some((Each::Floor, 0..=0)),
        "round" => Some((Each::Round, 0..=1)),
        "clamp" => Some((Each::Clamp, 2..=2)),
        "clamp_min" => Some((Each::ClampMin, 1..=1)),
        "clamp_max" => Some((Each::ClampMax, 1..=1)),
        other => return refused(format!("the function {other}")),
    };
    let mut args = found.args.args.into_iter();
    let first = args.next().ok_or_else(|| QueryError::Bad(format!("{name} wants an argument")))?;
    let Some((each, count)) = each else {
        return Ok(Plan::Vector(Box::new(scalar(inner(*first)?, name)?)));
    };
    let of = vector(inner(*first)?, name)?;
    let rest: Vec<Plan> = args.map(|arg| scalar(inner(*arg)?, name)).collect::<Result<_, _>>()?;
    if !count.contains(&rest.len()) {
        return Err(QueryError::Bad(format!("wrong number of arguments for {name}")));
    }
    Ok(Plan::Each(each, of, rest))
}
