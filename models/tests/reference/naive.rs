//! The seasonal naive forecast against statsforecast.
use weisu_models::forecast::seasonal_naive;

use super::table;

#[test]
fn matches_statsforecast() {
    let (Some(series), Some(rows)) = (table::daily(), table::rows("sf_forecasts.csv")) else { return };
    let mut checked = 0;
    for row in rows.iter().filter(|row| &row[1] == "sf_SeasonalNaive") {
        let Some(daily) = series.get(&row[0]) else { continue };
        let (lead, want): (usize, f32) = (row[2].parse().unwrap(), row[3].parse().unwrap());
        assert_eq!(seasonal_naive::forecast(&daily.y, lead)[lead - 1], want, "{row:?}");
        checked += 1;
    }
    assert!(checked >= 28, "only {checked} forecasts compared");
}
