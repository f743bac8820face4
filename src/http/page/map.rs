//! The map of the districts: where the topic looked at rises, in tiers rather than ranks.
use minijinja::context;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::{
    Text,
    rises::{Rises, Tier},
};
use crate::{
    http::{
        board::Base,
        outlines::{Outline, Outlines},
        outlook::Rise,
    },
    store::TreeNode,
};

/// Width of half a Chinese letter on the map, in units of the drawing.
const LETTER: f64 = 11.0;
/// Height that a name and its change take.
const LINES: f64 = 50.0;
/// Districts that are not on the map, named at most.
const NAMED: usize = 5;

/// The drawing.
#[derive(Debug, Serialize)]
pub(super) struct Map {
    width: f64,
    height: f64,
    shapes: Vec<Shape>,
    tiers: Vec<&'static str>,
    missing: Option<String>,
}

/// A district of it.
#[derive(Debug, Serialize)]
struct Shape {
    path: String,
    /// Key of the district; none where nothing is forecast for it.
    district: Option<i32>,
    tier: &'static str,
    title: String,
    /// Its name, where there is room.
    label: Option<String>,
    change: String,
    x: f64,
    y: f64,
}

/// Draws it; none where the map is not of the level that is compared.
pub(super) fn view(text: &Text, outlines: &Outlines, base: &Base, rises: &Rises) -> Option<Map> {
    let tree: Vec<TreeNode> = base.districts.nodes().cloned().collect();
    let matched = outlines.matched(&tree);
    if matched.depth != 1 {
        return None;
    }
    let pairs = outlines.places.iter().zip(&matched.districts);
    let shapes: Vec<Shape> = pairs
        .filter_map(|(outline, district)| {
            let rise = district.and_then(|id| rises.by_district.iter().find(|r| r.id == id));
            Some(shape(text, outline.as_ref()?, rise))
        })
        .collect();
    let tiers = Tier::ALL.map(Tier::name).into_iter().filter(|tier| shapes.iter().any(|s| s.tier == *tier));
    let names = matched.missing.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    Some(Map {
        width: outlines.size.0,
        height: outlines.size.1,
        tiers: tiers.collect(),
        missing: (!names.is_empty()).then(|| text.say("map_missing", context! { names })),
        shapes,
    })
}

fn shape(text: &Text, outline: &Outline, rise: Option<&Rise>) -> Shape {
    let name = rise.map_or(&outline.name, |r| &r.name);
    let tier = rise.map_or(Tier::Unknown, Tier::of).name();
    let change = rise.and_then(|r| r.change_norm).map_or_else(String::new, |c| text.change(c));
    let fits = name.width() as f64 * LETTER <= outline.room.0 && LINES <= outline.room.1;
    Shape {
        path: outline.path.clone(),
        district: rise.map(|r| r.id),
        tier,
        title: match rise {
            Some(r) => text.say(
                "map_title",
                context! {
                    name, n => text.count(r.expected), low => text.count(r.band_80.lower),
                    high => text.count(r.band_80.upper), change => change.clone(), tier => text.word("tier", tier),
                },
            ),
            None => name.clone(),
        },
        label: fits.then(|| name.clone()),
        change,
        x: outline.inside.0,
        y: outline.inside.1,
    }
}
