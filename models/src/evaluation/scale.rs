//! What errors are measured against: how much a series changes by itself.

/// Days after which the same weekday comes again.
pub const WEEK: usize = 7;

/// Scales of one series at one origin: mean absolute and mean squared change from season to season.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Mean absolute change.
    pub absolute: f64,
    /// Mean squared change.
    pub squared: f64,
}

/// Scales of daily counts from week to week at ascending `origins`; see [`seasonal_scales`].
pub fn scales(y: &[f32], origins: &[usize]) -> Vec<Option<Scale>> {
    seasonal_scales(y, WEEK, origins)
}

/// Scales at ascending `origins` (positions in `y`), from counts `season` periods apart up to and including each;
/// `None` where they are zero or unknown.
pub fn seasonal_scales(y: &[f32], season: usize, origins: &[usize]) -> Vec<Option<Scale>> {
    let first = y.iter().position(|v| *v > 0.0).unwrap_or(y.len());
    let (mut absolute, mut squared, mut n) = (0.0, 0.0, 0_usize);
    let mut t = first + season;
    let mut out = Vec::with_capacity(origins.len());
    for origin in origins {
        while t <= *origin && t < y.len() {
            let change = f64::from(y[t]) - f64::from(y[t - season]);
            if !change.is_nan() {
                absolute += change.abs();
                squared += change * change;
                n += 1;
            }
            t += 1;
        }
        let scale = Scale { absolute: absolute / n as f64, squared: squared / n as f64 };
        out.push((absolute > 0.0).then_some(scale));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_start_at_the_first_ticket_and_stop_at_the_origin() {
        let mut y = vec![0.0_f32; 3];
        y.extend([5.0; 7]);
        y.extend([7.0, 5.0, f32::NAN]);
        y.extend([100.0; 5]);
        let scales = scales(&y, &[2, 11, 12]);
        assert_eq!(scales[0], None);
        assert_eq!(scales[1], Some(Scale { absolute: 1.0, squared: 2.0 }));
        assert_eq!(scales[2], scales[1]);
    }
}
