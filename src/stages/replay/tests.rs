use ndarray::Array2;
use weisu_models::{
    calendar::Calendar,
    hierarchy::{CellPath, Hierarchy},
    series::Panel,
};

use super::*;
use crate::{stages::Silent, store::alarms::Kind};

const DAYS: usize = 520;
/// First day of the burst.
const BURST: usize = 480;

/// Two topics in two districts with a weekly rhythm; topic b of district d bursts for four days.
fn history() -> History {
    let cells = [(1, 3), (1, 4), (2, 3), (2, 4)].map(|(t, d)| CellPath { topic: vec![t], district: vec![d] });
    let hierarchy = Hierarchy::new(&cells);
    let mut counts = Array2::from_shape_fn((4, DAYS), |(i, t)| ((t * 7 + i * 3) % 5 + 4 + t % 7) as f32);
    counts.slice_mut(ndarray::s![3, BURST..BURST + 4]).fill(60.0);
    let keys = known::keys(&hierarchy);
    let names = |names: [&str; 2]| (1..).zip(names).map(|(id, name)| (id, 0, name.to_owned())).collect();
    let (topics, districts): (Vec<_>, Vec<(i32, i32, String)>) = (names(["a", "b"]), names(["c", "d"]));
    let districts = districts.into_iter().map(|(id, parent, name)| (id + 2, parent, name));
    let mut config = Config::default();
    config.forecast.origins = 2;
    History {
        city: CityPanel { panel: Panel { start: "2023-01-02".parse().unwrap(), counts }, hierarchy, keys },
        names: Names::new(topics, districts),
        calendar: Calendar::new(),
        config,
        neighbourhood: None,
    }
}

fn day(history: &History, t: usize) -> Day {
    Day::from(history.city.panel.date(t))
}

fn request(history: &History, from: usize, to: usize) -> Request {
    Request { from: day(history, from), to: day(history, to), labels: None, forecast_every: 7 }
}

fn episodes(history: &History, request: &Request) -> Vec<Episode> {
    run(history, request, &Silent).unwrap().episodes.into_iter().map(|told| told.episode).collect()
}

fn burst(history: &History) -> Label {
    Label {
        topic: vec!["b".to_owned()],
        district: vec!["d".to_owned()],
        from: history.city.panel.date(BURST),
        to: history.city.panel.date(BURST + 3),
        label: "pipe".to_owned(),
        line: 2,
    }
}

#[test]
fn a_burst_is_one_episode_told_on_its_first_day() {
    let history = history();
    let labels = Some(vec![burst(&history)]);
    let report = run(&history, &Request { labels, ..request(&history, 450, 510) }, &Silent).unwrap();
    let spikes: Vec<&Episode> =
        report.episodes.iter().map(|t| &t.episode).filter(|e| e.kind == Kind::Spike).collect();
    let of_cell = spikes.iter().find(|e| e.topic == ["b"] && e.district == ["d"]).unwrap();
    assert_eq!((of_cell.told, of_cell.open), (history.city.panel.date(BURST), false));
    assert!(of_cell.last >= history.city.panel.date(BURST + 2) && of_cell.peak_score > 1.0, "{of_cell:?}");
    let labelled = report.labelled.unwrap();
    assert_eq!((labelled.recall.yes, labelled.recall.of), (1, 1));
    assert_eq!(labelled.rises[0].delay, Some(0));
    assert!(labelled.precision.yes >= 1 && report.load.most_a_day <= report.load.budget_a_day);
}

#[test]
fn later_counts_change_nothing_of_earlier_days() {
    let history = history();
    let until = BURST + 1;
    let before = episodes(&history, &request(&history, 455, until));
    assert!(!before.is_empty());
    let mut changed = self::history();
    changed.city.panel.counts.slice_mut(ndarray::s![.., until + 1..]).mapv_inplace(|y| 9.0 * y + 50.0);
    assert_eq!(before, episodes(&changed, &request(&changed, 455, until)));
    // And a longer replay tells the same of them, but for how they went on.
    let longer = episodes(&changed, &request(&changed, 455, until + 5));
    let told = |all: &[Episode]| all.iter().map(|e| (e.told, e.kind, e.node)).collect::<Vec<_>>();
    let within: Vec<Episode> =
        longer.into_iter().filter(|e| e.told <= changed.city.panel.date(until)).collect();
    assert_eq!(told(&before), told(&within));
}

#[test]
fn a_cell_without_tickets_yet_is_not_there_and_changes_nothing() {
    let whole = history();
    let mut silent = history();
    silent.city.panel.counts.slice_mut(ndarray::s![0, ..BURST + 6]).fill(0.0);
    let mut known = known::Known::new(&silent);
    let on = known.on(day(&silent, BURST));
    assert_eq!((on.panel.cells(), on.panel.days()), (3, BURST + 1));
    assert!(on.keys.iter().all(|key| (key.topic, key.district) != (1, 3)));
    let later = known.on(day(&silent, BURST + 6));
    assert_eq!(later.hierarchy, whole.city.hierarchy);
    assert_eq!(later.keys, whole.city.keys);
}

#[test]
fn the_window_of_a_replayed_day_is_that_of_the_configuration() {
    let mut history = history();
    history.config.forecast.history_days = 100;
    let on = known::Known::new(&history).on(day(&history, 300));
    assert_eq!((on.panel.days(), on.panel.start), (100, history.city.panel.date(201)));
    assert_eq!(on.panel.cell(2).to_vec(), history.city.panel.counts.slice(ndarray::s![2, 201..301]).to_vec());
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let history = history();
    let error = |request: &Request| run(&history, request, &Silent).unwrap_err().to_string();
    assert!(error(&request(&history, 30, 20)).contains("choose days in order"));
    let late = Request { to: day(&history, 519).plus(1), ..request(&history, 500, 510) };
    assert!(error(&late).contains("the history has the days 2023-01-02 to 2024-06-04"), "{}", error(&late));
    let labels = Some(vec![Label { topic: vec!["x".to_owned()], ..burst(&history) }]);
    let unknown = Request { labels, ..request(&history, 500, 510) };
    assert!(error(&unknown).contains("labels, line 2: no topic is called \"x\""), "{}", error(&unknown));
}
