use super::*;

const LEADS: usize = 28;

fn plan() -> Plan {
    Plan::rolling(1200, &crate::forecast::Params::default())
}

/// Samples of many series whose counts are the forecast times a factor that the recent level tells.
fn samples(plan: &Plan, strength: f32) -> Vec<Sample> {
    let mut out = Vec::new();
    for series in 0..30 {
        for origin in 0..plan.origins.len() {
            for lead in (1..=LEADS).step_by(3) {
                let level = ((series * 7 + origin * 3) % 11) as f32 / 10.0 - 0.5;
                let noise = ((series * 13 + origin * 5 + lead) % 9) as f32 / 40.0 - 0.1;
                let mut x = [0.0; WIDTH];
                (x[0], x[12]) = (lead as f32, level);
                let class = if series < 15 { Class::Topic } else { Class::Cell };
                out.push(Sample { x, origin, class, mean: 10.0, y: 10.0 * (strength * level + noise).exp() });
            }
        }
    }
    out
}

#[test]
fn what_recent_levels_tell_is_learned_and_narrows_the_band() {
    let plan = plan();
    let boost = Boost::fit(&samples(&plan, 1.0), &plan, 14).unwrap();
    assert_eq!(boost.power(), 1.0);
    assert!(boost.gain() > 0.3, "{}", boost.gain());
    assert!(boost.dispersion(Class::Topic) < 1.0);
    assert_eq!(boost.dispersion(Class::Total), 1.0, "nothing is known of a class without samples");
    let mut x = [0.0; WIDTH];
    (x[0], x[12]) = (5.0, 0.5);
    let up = boost.booster.predict(&x);
    x[12] = -0.5;
    let down = boost.booster.predict(&x);
    assert!(up > 0.3 && down < -0.3, "{up} {down}");
}

#[test]
fn where_nothing_can_be_learned_nothing_is_applied() {
    let plan = plan();
    let mut noise = samples(&plan, 0.0);
    // A lesson that holds until the origins it is checked on, and is wrong there.
    for s in &mut noise {
        let sign = if s.origin < plan.origins.len() - 2 * CHECKED { 1.0 } else { -1.0 };
        s.y = 10.0 * (sign * s.x[12]).exp();
    }
    assert_eq!(Boost::fit(&noise, &plan, 14), None);
    assert_eq!(Boost::fit(&noise[..MIN_SAMPLES - 1], &plan, 14), None);
}

#[test]
fn the_same_samples_give_the_same_ensemble_in_any_number_of_threads() {
    let plan = plan();
    let samples = samples(&plan, 1.0);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| serde_json::to_string(&Boost::fit(&samples, &plan, 14)).unwrap())
    };
    assert_eq!(on(1), on(2));
    let back: Option<Boost> = serde_json::from_str(&on(1)).unwrap();
    assert_eq!(back, Boost::fit(&samples, &plan, 14), "it is stored as text and read again");
}
