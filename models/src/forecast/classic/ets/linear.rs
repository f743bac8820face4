//! The best starting states of an additive form, exactly.
//!
//! For given smoothing parameters the errors of an additive form are affine in the starting states x:
//! e = e_0 - E x. The sum of squares is least where E'E x = E'e_0, so the search for the maximum of the
//! likelihood has only the one to four smoothing parameters left (de Silva, Hyndman and Snyder 2010, *The vector
//! innovations structural time series framework*, section 3, use the same step). The columns of E and e_0
//! run through the filter side by side: one pass, no allocation.
use super::{
    filter::{MAX_PERIOD, States},
    form::{Form, Season, Smoothing, Trend},
};

/// Sum of squares of the best starting states, and those states.
pub(super) struct Best {
    pub squares: f64,
    pub start: States,
}

/// The best starting states of the linear form, with lanes for the columns.
pub(super) fn best(form: Form, by: Smoothing, y: &[f64], m: usize) -> Best {
    match form.states(m) + 1 {
        0..=4 => solve::<4>(form, by, y, m),
        5..=8 => solve::<8>(form, by, y, m),
        9..=12 => solve::<12>(form, by, y, m),
        13..=16 => solve::<16>(form, by, y, m),
        _ => solve::<32>(form, by, y, m),
    }
}

fn solve<const K: usize>(form: Form, by: Smoothing, y: &[f64], m: usize) -> Best {
    let n = form.states(m);
    let mut gram = gram::<K>(form, by, y, m);
    let squares = factor(&mut gram, n);
    // Back substitution of L' x = (last row of L).
    let mut x = gram[n];
    for i in (0..n).rev() {
        for j in i + 1..n {
            x[i] -= gram[j][i] * x[j];
        }
        x[i] = if gram[i][i] > 0.0 { x[i] / gram[i][i] } else { 0.0 };
    }
    Best { squares, start: states(form, &x[..n], m) }
}

/// Inner products of all columns; the starting states' are first, the series' own is last.
fn gram<const K: usize>(form: Form, by: Smoothing, y: &[f64], m: usize) -> [[f64; K]; K] {
    let n = form.states(m);
    let seasonal = form.season() != Season::None;
    let (mut level, mut slope) = ([0.0; K], [0.0; K]);
    let mut season = [[0.0; K]; MAX_PERIOD];
    for k in 0..n {
        let mut unit = [0.0; K];
        unit[k] = 1.0;
        let start = states(form, &unit[..n], m);
        (level[k], slope[k]) = (start.level, start.slope);
        (0..m.min(MAX_PERIOD)).for_each(|j| season[j][k] = start.season[j]);
    }
    let mut gram = [[0.0; K]; K];
    let mut k = 0;
    let trend = form.trend() != Trend::None;
    for value in y {
        if trend {
            for c in 0..K {
                slope[c] *= by.phi;
                level[c] += slope[c];
            }
        }
        let s = &mut season[k];
        k = if !seasonal || k + 1 == m { 0 } else { k + 1 };
        if !value.is_finite() {
            continue;
        }
        // The state columns answer a series of zeros: their error is minus their forecast.
        let mut e = level;
        if seasonal {
            for c in 0..K {
                e[c] += s[c];
            }
        }
        e[n] -= value;
        for c in 0..K {
            level[c] -= by.alpha * e[c];
        }
        if seasonal {
            for c in 0..K {
                s[c] -= by.gamma * e[c];
            }
        }
        if trend {
            for c in 0..K {
                slope[c] -= by.beta * e[c];
            }
        }
        // The last column is e_0 with its sign turned, as is E: the products need no sign but the last row's.
        for (row, factor) in gram.iter_mut().zip(e) {
            for c in 0..K {
                row[c] += factor * e[c];
            }
        }
    }
    gram[n][..n].iter_mut().for_each(|v| *v = -*v);
    gram
}

/// Cholesky factor of the leading `n + 1` rows in the lower triangle. The last pivot, which is returned, is what
/// the other columns leave of the series. A column without content of its own gets a zero pivot.
fn factor<const K: usize>(a: &mut [[f64; K]; K], n: usize) -> f64 {
    for j in 0..n {
        let mut row = a[j];
        let own = row[j];
        let pivot = own - row[..j].iter().map(|v| v * v).sum::<f64>();
        let root = if pivot > 1e-12 * own { pivot.sqrt() } else { 0.0 };
        row[j] = root;
        a[j] = row;
        for below in &mut a[j + 1..=n] {
            let product: f64 = below[..j].iter().zip(&row).map(|(x, y)| x * y).sum();
            below[j] = if root > 0.0 { (below[j] - product) / root } else { 0.0 };
        }
    }
    let explained: f64 = a[n][..n].iter().map(|v| v * v).sum();
    (a[n][n] - explained).max(0.0)
}

/// Level, slope and seasons from the free starting states; the last season makes the sum zero.
fn states(form: Form, free: &[f64], m: usize) -> States {
    let mut rest = free.iter().copied();
    let mut next = || rest.next().unwrap_or(0.0);
    let level = next();
    let slope = if form.trend() == Trend::None { 0.0 } else { next() };
    let mut season = [0.0; MAX_PERIOD];
    if form.season() != Season::None {
        season[..m - 1].iter_mut().for_each(|s| *s = next());
        season[m - 1] = -season[..m - 1].iter().sum::<f64>();
    }
    States { level, slope, season }
}
