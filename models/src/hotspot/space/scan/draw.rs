//! Data as they would be without a cluster, one draw for each replicate.
use ndarray::{Array2, s};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution, Gamma, Poisson};

use super::sweep::Grid;

/// Fills cells (districts x looked-at periods) with a draw; the vector is room to work in.
pub(super) type Draw<'a, T> = Box<dyn Fn(&mut ChaCha8Rng, &mut Vec<u32>, &mut [T]) + Sync + 'a>;

/// Deals the periods out to the cases anew. Only the cases of the periods looked at are dealt, so a long past
/// costs nothing but its copy.
pub(super) fn permuted(counts: &Array2<u32>, grid: Grid<'_>) -> Draw<'static, i32> {
    let (first, width) = (counts.ncols() - grid.width(), grid.width());
    let cases = counts.rows().into_iter().zip(0_u32..);
    let cases: Vec<u32> = cases
        .flat_map(|(row, district)| row.iter().flat_map(move |n| repeat(district, *n)).collect::<Vec<_>>())
        .collect();
    let late = counts.slice(s![.., first..]);
    let late: Vec<u32> =
        late.columns().into_iter().zip(0_u32..).flat_map(|(column, t)| repeat(t, column.sum())).collect();
    Box::new(move |rng, deck, cells| {
        cells.fill(0);
        deck.clone_from(&cases);
        for (k, period) in late.iter().enumerate() {
            let drawn = rng.random_range(k..deck.len());
            deck.swap(k, drawn);
            cells[deck[k] as usize * width + *period as usize] += 1;
        }
    })
}

fn repeat(value: u32, times: u32) -> std::iter::RepeatN<u32> {
    std::iter::repeat_n(value, times as usize)
}

/// Lets all `total` cases fall on the cells in proportion to `expected`, one binomial after another.
pub(super) fn scattered(expected: &Array2<f64>, total: f64, grid: Grid<'_>) -> Draw<'static, i32> {
    let late = late(expected, grid);
    Box::new(move |rng, _, cells| {
        let (mut cases, mut mass) = (total as u64, total);
        for (cell, expected) in cells.iter_mut().zip(&late) {
            let share = if mass > 0.0 { (expected / mass).clamp(0.0, 1.0) } else { 0.0 };
            let fallen = Binomial::new(cases, share).map_or(0, |binomial| binomial.sample(rng));
            *cell = fallen as i32;
            cases -= fallen;
            mass -= expected;
        }
    })
}

/// Poisson counts around the baselines.
pub(super) fn poisson(baseline: &Array2<f64>, grid: Grid<'_>) -> Draw<'static, i32> {
    let cells: Vec<Option<Poisson<f64>>> =
        late(baseline, grid).iter().map(|b| Poisson::new(*b).ok()).collect();
    Box::new(move |rng, _, out| {
        for (out, poisson) in out.iter_mut().zip(&cells) {
            *out = poisson.map_or(0, |poisson| poisson.sample(rng) as i32);
        }
    })
}

/// Negative binomial counts around the baselines, each over `1 + b / size`.
pub(super) fn negative_binomial(baseline: &Array2<f64>, size: &[f64], grid: Grid<'_>) -> Draw<'static, f64> {
    let baselines = late(baseline, grid);
    let sizes = size.iter().flat_map(|size| std::iter::repeat_n(*size, grid.width()));
    let cells: Vec<_> = baselines
        .iter()
        .zip(sizes)
        .map(|(b, size)| (Gamma::new(size, b / size).ok(), 1.0 + b / size))
        .collect();
    Box::new(move |rng, _, out| {
        for (out, (gamma, over)) in out.iter_mut().zip(&cells) {
            let rate = gamma.map_or(0.0, |gamma| gamma.sample(rng));
            *out = Poisson::new(rate).map_or(0.0, |poisson: Poisson<f64>| poisson.sample(rng)) / over;
        }
    })
}

/// The columns that spans look at, district after district.
pub(super) fn late<T: Copy>(cells: &Array2<T>, grid: Grid<'_>) -> Vec<T> {
    cells.slice(s![.., cells.ncols() - grid.width()..]).iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use rand::SeedableRng;

    use super::*;
    use crate::hotspot::space::Zones;
    use crate::hotspot::space::scan::Spans;

    /// Means of cells over many draws.
    fn means<T: Copy + Default + Into<f64>>(draw: &Draw<'_, T>, cells: usize) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut deck, mut out, mut sums) = (vec![], vec![T::default(); cells], vec![0.0; cells]);
        for _ in 0..4000 {
            draw(&mut rng, &mut deck, &mut out);
            sums.iter_mut().zip(&out).for_each(|(sum, y)| *sum += (*y).into() / 4000.0);
        }
        sums
    }

    fn check(got: &[f64], want: &[f64]) {
        assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 0.05 * w.max(1.0)), "{got:?} for {want:?}");
    }

    #[test]
    fn draws_have_the_expectations_of_their_null() {
        let zones = Zones::nested(2, &[vec![0], vec![1]]).unwrap();
        let spans = Spans::prospective(3, 1, 2).unwrap();
        let grid = Grid { zones: &zones, spans: &spans };
        // Districts have 6 and 2 cases, the last two periods 4 and 3 of 8.
        let counts = array![[1, 4, 1], [0, 0, 2]];
        check(&means(&permuted(&counts, grid), 4), &[3.0, 2.25, 1.0, 0.75]);
        let expected = array![[1.0, 2.0, 3.0], [0.0, 5.0, 9.0]];
        let late = [2.0, 3.0, 5.0, 9.0];
        check(&means(&scattered(&expected, 20.0, grid), 4), &late);
        check(&means(&poisson(&expected, grid), 4), &late);
        let over = [2.0 / 1.5, 3.0 / 1.75, 5.0 / 6.0, 9.0 / 10.0];
        check(&means(&negative_binomial(&expected, &[4.0, 1.0], grid), 4), &over);
    }

    #[test]
    fn a_permutation_keeps_districts_and_periods() {
        let zones = Zones::nested(2, &[vec![0], vec![1]]).unwrap();
        let spans = Spans::prospective(3, 1, 3).unwrap();
        let counts = array![[5, 4, 1], [0, 7, 2]];
        let draw = permuted(&counts, Grid { zones: &zones, spans: &spans });
        let (mut deck, mut cells) = (vec![], [0; 6]);
        for seed in 0..20 {
            draw(&mut ChaCha8Rng::seed_from_u64(seed), &mut deck, &mut cells);
            assert_eq!([cells[..3].iter().sum::<i32>(), cells[3..].iter().sum()], [10, 9]);
            assert_eq!([0, 1, 2].map(|t| cells[t] + cells[3 + t]), [5, 11, 3]);
        }
    }
}
