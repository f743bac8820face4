//! The minimum of a function of one number in an interval, without derivatives.
//!
//! Brent's method (golden sections with parabolic steps), as in Forsythe, Malcolm and Moler (1977), *Computer
//! Methods for Mathematical Computations*, `fmin`. That method never asks for the value at an end of the
//! interval, where a constrained minimum often lies, so both ends are tried when it is done.

const TOLERANCE: f64 = 1e-7;
const MAX_CALLS: usize = 100;

/// A point tried and its value.
#[derive(Clone, Copy)]
struct Tried {
    x: f64,
    f: f64,
}

/// Where `f` is least in `low` ..= `high`, to about 1e-7; maybe a local minimum when there are several.
pub fn bounded(f: impl Fn(f64) -> f64, low: f64, high: f64) -> f64 {
    let inside = between(&f, low, high);
    let ends = [low, high].map(|x| Tried { x, f: f(x) });
    ends.into_iter().fold(inside, |best, end| if end.f < best.f { end } else { best }).x
}

fn between(f: impl Fn(f64) -> f64, low: f64, high: f64) -> Tried {
    let (mut a, mut b) = (low, high);
    let golden = 0.5 * (3.0 - 5.0_f64.sqrt());
    let x = a + golden * (b - a);
    let mut best = Tried { x, f: f(x) };
    let (mut second, mut third) = (best, best);
    let (mut step, mut before) = (0.0_f64, 0.0_f64);
    for _ in 1..MAX_CALLS {
        let middle = 0.5 * (a + b);
        let near = f64::EPSILON.sqrt() * best.x.abs() + TOLERANCE / 3.0;
        if (best.x - middle).abs() <= 2.0 * near - 0.5 * (b - a) {
            break;
        }
        let parabola = (before.abs() > near).then(|| parabola([best, second, third], before, a, b)).flatten();
        if let Some(length) = parabola {
            before = step;
            step = length;
            let x = best.x + step;
            if x - a < 2.0 * near || b - x < 2.0 * near {
                step = near * sign(middle - best.x);
            }
        } else {
            before = if best.x >= middle { a - best.x } else { b - best.x };
            step = golden * before;
        }
        let x = best.x + sign(step) * step.abs().max(near);
        let new = Tried { x, f: f(x) };
        if new.f <= best.f {
            if new.x >= best.x {
                a = best.x;
            } else {
                b = best.x;
            }
            (third, second, best) = (second, best, new);
        } else {
            if new.x < best.x {
                a = new.x;
            } else {
                b = new.x;
            }
            if new.f <= second.f || second.x == best.x {
                (third, second) = (second, new);
            } else if new.f <= third.f || third.x == best.x || third.x == second.x {
                third = new;
            }
        }
    }
    best
}

/// The step to the vertex through three points, if it lies inside and shrinks fast enough.
fn parabola([best, second, third]: [Tried; 3], before: f64, a: f64, b: f64) -> Option<f64> {
    let r = (best.x - second.x) * (best.f - third.f);
    let q = (best.x - third.x) * (best.f - second.f);
    let p = (best.x - third.x) * q - (best.x - second.x) * r;
    let q = 2.0 * (q - r);
    let p = if q > 0.0 { -p } else { p };
    let q = q.abs();
    let inside = p > q * (a - best.x) && p < q * (b - best.x);
    (p.abs() < (0.5 * q * before).abs() && inside).then(|| p / q)
}

/// 1 at zero, too.
fn sign(v: f64) -> f64 {
    if v < 0.0 { -1.0 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_bottom_inside_and_at_an_end() {
        assert!((bounded(|x| (x - 0.3).powi(2), 0.0, 1.0) - 0.3).abs() < 1e-5);
        assert!((bounded(|x| x.cos(), 2.0, 4.0) - std::f64::consts::PI).abs() < 1e-5);
        assert_eq!((bounded(|x| x, 0.1, 0.3), bounded(|x| -x, 0.1, 0.3)), (0.1, 0.3));
    }

    #[test]
    fn ends_on_a_flat_or_undefined_function() {
        assert!((0.0..=1.0).contains(&bounded(|_| 1.0, 0.0, 1.0)));
        assert!((0.0..=1.0).contains(&bounded(|_| f64::NAN, 0.0, 1.0)));
    }
}
