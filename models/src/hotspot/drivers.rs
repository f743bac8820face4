//! What drives an excess: the child cells that contribute most of it.

/// Count and expectation of a child cell in the period of the alarm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Count.
    pub observed: f64,
    /// Expected count.
    pub expected: f64,
}

/// The contribution of one child cell.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Driver {
    /// Position of the child among those given.
    pub child: usize,
    /// Count.
    pub observed: f64,
    /// Count above expectation.
    pub excess: f64,
    /// Share of the excess of all children that are above expectation, in (0, 1].
    pub share: f64,
}

/// The `top` children by excess, largest first; equal excess keeps the order of the children.
///
/// Shares are of the children above expectation only: children below it would push the shares of the others past
/// one. A child whose expectation or count is not finite has no excess.
///
/// ```
/// use weisu_models::hotspot::drivers::{Part, drivers};
/// let parts = [Part { observed: 4.0, expected: 3.0 }, Part { observed: 9.0, expected: 6.0 }, Part { observed: 0.0, expected: 2.0 }];
/// let top = drivers(&parts, 5);
/// assert_eq!((top.len(), top[0].child, top[0].share), (2, 1, 0.75));
/// ```
pub fn drivers(parts: &[Part], top: usize) -> Vec<Driver> {
    let above = |(child, part): (usize, &Part)| {
        let excess = part.observed - part.expected;
        let driver = Driver { child, observed: part.observed, excess, share: 0.0 };
        (excess.is_finite() && excess > 0.0).then_some(driver)
    };
    let mut found: Vec<Driver> = parts.iter().enumerate().filter_map(above).collect();
    let total: f64 = found.iter().map(|driver| driver.excess).sum();
    found.sort_by(|a, b| b.excess.total_cmp(&a.excess));
    found.truncate(top);
    found.iter_mut().for_each(|driver| driver.share = driver.excess / total);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_keep_their_order_and_nothing_above_expectation_gives_nothing() {
        let parts = [(2.0, 1.0), (5.0, 4.0), (1.0, 3.0), (f64::NAN, 1.0)]
            .map(|(observed, expected)| Part { observed, expected });
        let found = drivers(&parts, 10);
        assert_eq!(found.iter().map(|driver| driver.child).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(found[0].share, 0.5);
        assert_eq!(drivers(&parts[2..], 3), []);
        assert_eq!(drivers(&parts, 1)[0].share, 0.5, "the share is of the whole excess, not of the top");
    }
}
