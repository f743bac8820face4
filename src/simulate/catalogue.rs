//! What the simulated city is made of: its topics with their habits, and its districts. All names are invented.
use crate::config::Lang;

/// A text in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text(pub &'static str, pub &'static str);

impl Text {
    /// The text in `lang`.
    pub(super) fn of(self, lang: Lang) -> &'static str {
        match lang {
            Lang::Zh => self.0,
            Lang::En => self.1,
        }
    }
}

/// How a topic moves with working days: factors on a weekend, a holiday, and the first workday after a long one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    pub weekend: f64,
    pub holiday: f64,
    pub rebound: f64,
    /// Share of the day's calls in each hour, in arbitrary units.
    pub hours: &'static [u8; 24],
}

const BY_DAY: [u8; 24] = [1, 1, 0, 0, 0, 1, 3, 8, 18, 26, 25, 18, 11, 13, 21, 22, 18, 13, 9, 7, 6, 5, 3, 2];
const BY_EVENING: [u8; 24] =
    [6, 4, 2, 1, 1, 2, 4, 8, 12, 13, 12, 10, 9, 9, 10, 11, 11, 12, 14, 17, 21, 22, 17, 11];
/// Matters of offices: quiet when offices are closed, a queue afterwards.
const OFFICE: Rhythm = Rhythm { weekend: 0.45, holiday: 0.25, rebound: 1.35, hours: &BY_DAY };
/// Matters of the home: noticed as much on a Sunday.
const HOME: Rhythm = Rhythm { weekend: 1.05, holiday: 0.70, rebound: 1.10, hours: &BY_EVENING };
/// Matters of the street.
const STREET: Rhythm = Rhythm { weekend: 0.82, holiday: 0.60, rebound: 1.15, hours: &BY_DAY };
/// Matters of free time: more on days off.
const LEISURE: Rhythm = Rhythm { weekend: 1.30, holiday: 1.25, rebound: 0.92, hours: &BY_EVENING };

/// A yearly bump: day of the year of its centre, width in days, height over the level of 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bump(pub f64, pub f64, pub f64);

/// What the heating season does to a topic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heating {
    /// Level outside the season, as a share of the level inside.
    pub outside: f64,
    /// Height of the pulse when heating is turned on, over the level of 1.
    pub pulse: f64,
}

/// A topic and its habits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Topic {
    pub top: Text,
    pub name: Text,
    /// Third level, where the city has one.
    pub third: &'static [Text],
    /// Weight among the topics.
    pub weight: f64,
    pub rhythm: Rhythm,
    pub bumps: &'static [Bump],
    pub heating: Option<Heating>,
    /// Share of repeat callers.
    pub repeat: f64,
    /// Slow trend, log per year.
    pub trend: f64,
    /// Factor on the day of a storm; 1 for topics that no storm moves.
    pub storm: f64,
    /// Days until a ticket is closed, on average.
    pub closed_after: f64,
}

const fn topic(top: Text, name: Text, weight: f64, rhythm: Rhythm) -> Topic {
    Topic {
        top,
        name,
        third: &[],
        weight,
        rhythm,
        bumps: &[],
        heating: None,
        repeat: 0.10,
        trend: 0.03,
        storm: 1.0,
        closed_after: 4.0,
    }
}

impl Topic {
    const fn bumps(mut self, bumps: &'static [Bump]) -> Self {
        self.bumps = bumps;
        self
    }
    const fn heated(mut self, outside: f64, pulse: f64) -> Self {
        self.heating = Some(Heating { outside, pulse });
        self
    }
    const fn repeats(mut self, share: f64) -> Self {
        self.repeat = share;
        self
    }
    const fn trend(mut self, per_year: f64) -> Self {
        self.trend = per_year;
        self
    }
    const fn storm(mut self, factor: f64) -> Self {
        self.storm = factor;
        self
    }
    const fn closed_after(mut self, days: f64) -> Self {
        self.closed_after = days;
        self
    }
    const fn third(mut self, names: &'static [Text]) -> Self {
        self.third = names;
        self
    }
}

const HEAT: Text = Text("供热服务", "Heating");
const CLEAN: Text = Text("环境卫生", "Sanitation");
const NOISE: Text = Text("噪声扰民", "Noise");
const WORKS: Text = Text("市政设施", "Roads and utilities");
const GREEN: Text = Text("园林绿化", "Parks and trees");
const MOVE: Text = Text("交通出行", "Traffic");
const SERVE: Text = Text("教育医疗", "Schools and health");
const HOUSE: Text = Text("住房物业", "Housing");

const SUMMER: &[Bump] = &[Bump(200.0, 34.0, 2.2)];

/// Eight top topics of five topics each. Days of the year in bumps: 91 = 1 April, 152 = 1 June, 244 = 1 September.
pub(super) const TOPICS: [Topic; 40] = [
    topic(HEAT, Text("室温不达标", "Room not warm"), 42.0, HOME)
        .heated(0.02, 4.5)
        .bumps(&[Bump(15.0, 22.0, 0.5)])
        .repeats(0.20)
        .third(&[Text("全天不热", "Cold all day"), Text("夜间不热", "Cold at night")]),
    topic(HEAT, Text("供热设施故障", "Heating equipment broken"), 18.0, HOME).heated(0.08, 3.0).repeats(0.15),
    topic(HEAT, Text("供热管网漏水", "Heating pipe leak"), 9.0, STREET).heated(0.10, 1.6),
    topic(HEAT, Text("供热收费", "Heating fees"), 10.0, OFFICE)
        .heated(0.35, 0.8)
        .bumps(&[Bump(300.0, 14.0, 2.0)])
        .repeats(0.08),
    topic(HEAT, Text("供热开通报停", "Heating start and stop"), 8.0, OFFICE)
        .bumps(&[Bump(305.0, 16.0, 5.0)])
        .repeats(0.08),
    topic(CLEAN, Text("垃圾清运", "Waste not collected"), 40.0, STREET).bumps(&[Bump(200.0, 50.0, 0.4)]),
    topic(CLEAN, Text("垃圾分类", "Waste sorting"), 18.0, HOME).trend(-0.10),
    topic(CLEAN, Text("蚊虫滋生", "Mosquitoes"), 12.0, HOME).bumps(&[Bump(205.0, 30.0, 9.0)]).repeats(0.09),
    topic(CLEAN, Text("道路保洁", "Street cleaning"), 22.0, STREET).bumps(&[Bump(325.0, 16.0, 0.8)]),
    topic(CLEAN, Text("异味恶臭", "Bad smell"), 16.0, HOME).bumps(&[Bump(200.0, 40.0, 0.9)]).repeats(0.16),
    topic(NOISE, Text("施工噪声", "Construction noise"), 45.0, HOME)
        .bumps(&[Bump(160.0, 40.0, 0.7), Bump(285.0, 25.0, 0.4)])
        .repeats(0.20)
        .closed_after(2.0),
    topic(NOISE, Text("夜市餐饮噪声", "Restaurant and night market noise"), 22.0, LEISURE)
        .bumps(SUMMER)
        .repeats(0.18),
    topic(NOISE, Text("广场舞噪声", "Square dance noise"), 12.0, LEISURE)
        .bumps(&[Bump(145.0, 30.0, 1.2), Bump(255.0, 25.0, 0.9)])
        .repeats(0.15),
    topic(NOISE, Text("邻里噪声", "Neighbour noise"), 26.0, LEISURE).repeats(0.17).trend(0.08),
    topic(NOISE, Text("交通噪声", "Traffic noise"), 11.0, HOME).bumps(&[Bump(190.0, 45.0, 0.4)]),
    topic(WORKS, Text("道路积水", "Street flooding"), 10.0, STREET)
        .bumps(&[Bump(205.0, 26.0, 5.0)])
        .storm(9.0)
        .closed_after(1.0),
    topic(WORKS, Text("路面破损", "Road damage"), 34.0, STREET)
        .bumps(&[Bump(75.0, 20.0, 0.6), Bump(215.0, 25.0, 0.4)])
        .closed_after(9.0),
    topic(WORKS, Text("路灯故障", "Street light out"), 24.0, STREET).bumps(&[Bump(340.0, 45.0, 0.5)]),
    topic(WORKS, Text("停水与水质", "Water supply"), 30.0, HOME)
        .bumps(&[Bump(185.0, 35.0, 0.6)])
        .closed_after(1.5),
    topic(WORKS, Text("井盖缺损", "Manhole covers"), 14.0, STREET).storm(2.0),
    topic(GREEN, Text("树木倒伏", "Fallen trees"), 7.0, STREET)
        .bumps(&[Bump(200.0, 30.0, 2.0)])
        .storm(10.0)
        .closed_after(2.0),
    topic(GREEN, Text("杨柳飞絮", "Tree catkins"), 7.0, STREET)
        .bumps(&[Bump(110.0, 9.0, 14.0)])
        .repeats(0.08),
    topic(GREEN, Text("绿地养护", "Green space upkeep"), 20.0, STREET).bumps(&[Bump(150.0, 45.0, 0.8)]),
    topic(GREEN, Text("公园管理", "Park management"), 14.0, LEISURE)
        .bumps(&[Bump(105.0, 20.0, 0.9), Bump(285.0, 16.0, 0.7)]),
    topic(GREEN, Text("树木修剪", "Tree pruning"), 15.0, OFFICE).bumps(&[Bump(165.0, 30.0, 1.3)]),
    topic(MOVE, Text("违法停车", "Illegal parking"), 70.0, STREET).trend(0.10).repeats(0.14),
    topic(MOVE, Text("公交服务", "Bus service"), 26.0, STREET).bumps(&[Bump(245.0, 12.0, 0.6)]),
    topic(MOVE, Text("共享单车", "Shared bicycles"), 24.0, STREET).bumps(&[Bump(130.0, 40.0, 0.6)]),
    topic(MOVE, Text("信号灯与标线", "Signals and markings"), 18.0, STREET).closed_after(7.0),
    topic(MOVE, Text("出租网约车", "Taxis and ride hailing"), 20.0, LEISURE).trend(0.06),
    topic(SERVE, Text("入学政策", "School enrolment"), 16.0, OFFICE)
        .bumps(&[Bump(165.0, 16.0, 3.0), Bump(238.0, 10.0, 4.5)])
        .repeats(0.12),
    topic(SERVE, Text("校外培训退费", "Tutoring refunds"), 22.0, OFFICE)
        .bumps(&[Bump(45.0, 20.0, 0.8), Bump(240.0, 20.0, 0.9)])
        .repeats(0.20)
        .closed_after(12.0),
    topic(SERVE, Text("校园周边秩序", "Around schools"), 14.0, OFFICE)
        .bumps(&[Bump(62.0, 12.0, 1.0), Bump(250.0, 12.0, 1.8)]),
    topic(SERVE, Text("医院服务", "Hospital service"), 28.0, OFFICE).bumps(&[Bump(5.0, 30.0, 0.5)]),
    topic(SERVE, Text("医保报销", "Health insurance"), 24.0, OFFICE)
        .bumps(&[Bump(8.0, 15.0, 1.1)])
        .repeats(0.10),
    topic(HOUSE, Text("物业服务", "Property management"), 62.0, HOME)
        .repeats(0.18)
        .trend(0.07)
        .closed_after(8.0),
    topic(HOUSE, Text("电梯故障", "Lift broken"), 24.0, HOME).bumps(&[Bump(200.0, 35.0, 0.5)]).repeats(0.14),
    topic(HOUSE, Text("房屋漏雨", "Roof leaks"), 12.0, HOME)
        .bumps(&[Bump(205.0, 28.0, 3.0)])
        .storm(5.0)
        .repeats(0.17)
        .closed_after(14.0),
    topic(HOUSE, Text("违规装修", "Illegal building work"), 20.0, OFFICE).trend(-0.04).closed_after(15.0),
    topic(HOUSE, Text("物业收费", "Property fees"), 20.0, OFFICE).bumps(&[Bump(5.0, 20.0, 0.8)]),
];

/// The topic that changes its name half-way, as an index into [`TOPICS`], and what it was called before.
pub(super) const RENAMED: (usize, Text) = (25, Text("机动车乱停放", "Vehicle obstruction"));

/// Topics in which clusters are planted: neither a strong season nor quiet weekends, so that a rise has no other
/// explanation and is seen on whatever day the city ends.
pub(super) const CLUSTERED: [usize; 6] = [5, 9, 13, 18, 35, 36];

/// Districts with their share of the city's tickets, largest first.
pub(super) const DISTRICTS: [(Text, f64); 16] = [
    (Text("临江", "Riverside"), 14.0),
    (Text("望湖", "Lakeview"), 12.0),
    (Text("青石", "Bluestone"), 10.5),
    (Text("云岭", "Cloud Ridge"), 9.0),
    (Text("北苑", "North Park"), 8.0),
    (Text("南桥", "South Bridge"), 7.2),
    (Text("东港", "East Harbour"), 6.5),
    (Text("西坪", "West Terrace"), 5.8),
    (Text("柳溪", "Willow Creek"), 5.2),
    (Text("金穗", "Golden Field"), 4.6),
    (Text("新川", "New Valley"), 4.0),
    (Text("石泉", "Stone Spring"), 3.6),
    (Text("长堤", "Long Bank"), 3.1),
    (Text("松坡", "Pine Slope"), 2.7),
    (Text("梅园", "Plum Garden"), 2.2),
    (Text("雁滩", "Goose Shoal"), 1.6),
];

/// Streets and townships (街乡镇) of each district, with their share of its tickets.
pub(super) const STREETS: [(Text, f64); 4] = [
    (Text("中心街道", "Centre"), 0.40),
    (Text("新城街道", "New Town"), 0.28),
    (Text("东街道", "East"), 0.20),
    (Text("南镇", "South"), 0.12),
];

/// Name of the city.
pub(super) const CITY: Text = Text("望川市", "Wangchuan");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_eight_top_topics_hold_five_each() {
        for lang in [Lang::Zh, Lang::En] {
            let names: BTreeSet<_> = TOPICS.iter().map(|t| t.name.of(lang)).collect();
            assert_eq!(names.len(), TOPICS.len());
            assert!(!names.contains(RENAMED.1.of(lang)), "the old name is nobody else's");
            let tops: Vec<_> = TOPICS.chunks(5).map(|five| five[0].top.of(lang)).collect();
            assert_eq!(tops.iter().collect::<BTreeSet<_>>().len(), 8);
            assert!(TOPICS.chunks(5).all(|five| five.iter().all(|t| t.top == five[0].top)));
            assert_eq!(DISTRICTS.iter().map(|d| d.0.of(lang)).collect::<BTreeSet<_>>().len(), 16);
        }
    }

    #[test]
    fn repeat_shares_and_cluster_topics_are_as_documented() {
        assert!(TOPICS.iter().all(|t| (0.08..=0.20).contains(&t.repeat)));
        for i in CLUSTERED {
            assert!(TOPICS[i].heating.is_none() && TOPICS[i].bumps.iter().all(|b| b.2 < 1.0));
            assert!(TOPICS[i].rhythm.weekend > 0.8, "{i}");
        }
        assert_eq!(TOPICS[RENAMED.0].name.0, "违法停车");
    }
}
