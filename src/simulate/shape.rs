//! How many tickets a topic can expect on a day: season, working days, slow trend.
use chrono::{Datelike, Days, NaiveDate};
use weisu_models::calendar::Calendar;

use super::catalogue::{Bump, Heating, Topic};

/// Days over which the pulse at the beginning of heating decays to a third.
const PULSE_DECAY: f64 = 7.0;

/// Yearly course of a topic around 1: bumps, and the heating season with its onset pulse.
pub(super) fn season(topic: &Topic, calendar: &Calendar, date: NaiveDate) -> f64 {
    let day = f64::from(date.ordinal());
    let bumps: f64 = topic.bumps.iter().map(|bump| bump_on(*bump, day)).sum();
    let heating = topic.heating.map_or(1.0, |heating| heating_on(heating, calendar, date));
    heating * (1.0 + bumps)
}

fn bump_on(Bump(centre, width, height): Bump, day: f64) -> f64 {
    let away = (day - centre).abs();
    let away = away.min(365.25 - away);
    height * (-0.5 * (away / width).powi(2)).exp()
}

fn heating_on(heating: Heating, calendar: &Calendar, date: NaiveDate) -> f64 {
    match onset(calendar, date) {
        Some(first) => {
            let day = (date - first).num_days() as f64;
            1.0 + heating.pulse * (-day / PULSE_DECAY).exp()
        }
        // Trial runs begin four days before the season.
        None if onset(calendar, date + Days::new(4)).is_some() => 0.4_f64.max(heating.outside),
        None => heating.outside,
    }
}

/// First day of the heating season that `date` is in.
pub(super) fn onset(calendar: &Calendar, date: NaiveDate) -> Option<NaiveDate> {
    calendar.seasons(date).find(|season| season.name == "heating").map(|season| season.from)
}

/// Factor of the working day, day off, or first workday after three or more days off.
pub(super) fn rhythm(topic: &Topic, calendar: &Calendar, date: NaiveDate) -> f64 {
    let rhythm = topic.rhythm;
    if calendar.is_workday(date) {
        let rested = (1..=3).all(|back| !calendar.is_workday(date - Days::new(back)));
        if rested { rhythm.rebound } else { 1.0 }
    } else if calendar.holiday(date).is_some() {
        rhythm.holiday
    } else {
        rhythm.weekend
    }
}

/// Expected tickets of a topic on a date, before scaling, with `years` since the city's first day.
pub(super) fn level(topic: &Topic, calendar: &Calendar, date: NaiveDate, years: f64) -> f64 {
    topic.weight * (topic.trend * years).exp() * season(topic, calendar, date) * rhythm(topic, calendar, date)
}
