//! When a scan looks: runs of periods, either those that still last or all.

/// Why spans cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("spans of {shortest} to {longest} of {periods} periods")]
pub struct InvalidSpans {
    /// Periods there are.
    pub periods: usize,
    /// Shortest span asked for.
    pub shortest: usize,
    /// Longest span asked for.
    pub longest: usize,
}

/// Checked runs of periods, first and last included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spans {
    periods: usize,
    spans: Vec<(usize, usize)>,
}

impl Spans {
    /// Spans that end with the last period, of `shortest` to `longest` periods: clusters that are alive now.
    pub fn prospective(periods: usize, shortest: usize, longest: usize) -> Result<Self, InvalidSpans> {
        Self::ending(periods, shortest, longest, periods)
    }

    /// All spans of `shortest` to `longest` periods: clusters of the past as well.
    pub fn retrospective(periods: usize, shortest: usize, longest: usize) -> Result<Self, InvalidSpans> {
        Self::ending(periods, shortest, longest, shortest)
    }

    fn ending(
        periods: usize,
        shortest: usize,
        longest: usize,
        first_end: usize,
    ) -> Result<Self, InvalidSpans> {
        if shortest == 0 || longest < shortest || longest > periods {
            return Err(InvalidSpans { periods, shortest, longest });
        }
        let of_end = |end: usize| (shortest..=longest.min(end)).map(move |len| (end - len, end - 1));
        Ok(Self { periods, spans: (first_end..=periods).flat_map(of_end).collect() })
    }

    /// Periods of the series the spans are of.
    pub fn periods(&self) -> usize {
        self.periods
    }

    /// First and last period of each span.
    pub fn as_slice(&self) -> &[(usize, usize)] {
        &self.spans
    }

    /// The first period any span looks at.
    pub(super) fn first(&self) -> usize {
        self.spans.iter().map(|(first, _)| *first).min().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_there_are() {
        let alive = Spans::prospective(5, 1, 3).unwrap();
        assert_eq!(alive.as_slice(), [(4, 4), (3, 4), (2, 4)]);
        assert_eq!(alive.first(), 2);
        let all = Spans::retrospective(3, 1, 2).unwrap();
        assert_eq!(all.as_slice(), [(0, 0), (1, 1), (0, 1), (2, 2), (1, 2)]);
        for (shortest, longest) in [(0, 2), (3, 2), (1, 6)] {
            assert!(Spans::prospective(5, shortest, longest).is_err());
        }
    }
}
