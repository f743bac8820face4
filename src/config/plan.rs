//! `publish.plans`: contingency plans (预案), one Markdown file each, that the calendar of seasons links to.
//!
//! A file begins with TOML between two lines of `+++`: the topic it is for, if wanted a district, who leads (主办), who
//! helps (协办), and the check-list. What follows is for people. It is shown as HTML that holds no markup of the file's
//! own, no image, and links to http, https and mailto addresses only.
use std::path::{Path, PathBuf};

use pulldown_cmark::{CowStr, Event, MetadataBlockKind, Options, Parser, Tag, TagEnd, html};
use serde::Deserialize;

use super::Problem;

/// Largest file that is read as a plan.
const MOST_BYTES: u64 = 256 * 1024;
/// Files of a folder at most.
const MOST_FILES: usize = 1000;
/// Schemes that a link of a plan may lead to.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

/// One plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its file name without ending, in addresses.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Names from the top-level topic down that it is for, with all below.
    pub topic: Vec<String>,
    /// Names from the top-level district down; empty = every district.
    pub district: Vec<String>,
    /// 主办
    pub owner: String,
    /// 协办
    pub co_owners: Vec<String>,
    /// What is to be done, in order.
    pub checklist: Vec<String>,
    /// The text as HTML, sanitised.
    pub html: String,
}

/// What stands between the two lines of `+++`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Front {
    title: Option<String>,
    topic: Names,
    #[serde(default)]
    district: Names,
    owner: String,
    #[serde(default)]
    co_owners: Vec<String>,
    #[serde(default)]
    checklist: Vec<String>,
}

/// One name, or several from the top down.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Names {
    #[default]
    None,
    One(String),
    Path(Vec<String>),
}

impl Names {
    fn path(self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::One(name) => vec![name],
            Self::Path(names) => names,
        }
    }
}

/// The plans of a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plans(Vec<Plan>);

impl Plans {
    /// Reads every `.md` file of a folder, by name, and what is wrong with those that are no plan.
    pub fn read(folder: &Path) -> (Self, Vec<Problem>) {
        let (mut plans, mut found) = (Vec::new(), Vec::new());
        let files = match files(folder) {
            Ok(files) => files,
            Err(error) => {
                let remedy = "name a readable folder, or take publish.plans out";
                found.push(Problem::at("publish.plans", format!("{}: {error}", folder.display()), remedy));
                return (Self::default(), found);
            }
        };
        for path in files {
            match read(&path) {
                Ok(plan) => plans.push(plan),
                Err((problem, remedy)) => {
                    let problem = format!("{}: {problem}", path.display());
                    found.push(Problem::at("publish.plans", problem, remedy));
                }
            }
        }
        (Self(plans), found)
    }

    /// The plans of a folder; what is wrong with a file that is no plan goes to the log.
    pub fn logged(folder: &Path) -> Self {
        let (plans, found) = Self::read(folder);
        for problem in found {
            tracing::warn!("{}: {} ({})", problem.key, problem.problem, problem.remedy);
        }
        plans
    }

    /// The plan by its name.
    pub fn get(&self, name: &str) -> Option<&Plan> {
        self.0.iter().find(|plan| plan.name == name)
    }

    /// The plan for a topic in a district (empty = the whole city): the one that says most of it; of equals the first.
    pub fn of(&self, topic: &[String], district: &[String]) -> Option<&Plan> {
        let fits = |plan: &&Plan| topic.starts_with(&plan.topic) && district.starts_with(&plan.district);
        let exact = |plan: &&Plan| (plan.topic.len(), plan.district.len());
        self.0.iter().rev().filter(fits).max_by_key(exact)
    }
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("md")))
        .collect();
    files.sort();
    files.truncate(MOST_FILES);
    Ok(files)
}

/// What is wrong, and the remedy.
type Wrong = (String, &'static str);

fn read(path: &Path) -> Result<Plan, Wrong> {
    let name = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_owned();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) {
        let problem = format!("{name:?} cannot be part of an address");
        return Err((problem, "name the file with letters, digits, _ and -; the title may be anything"));
    }
    let size = std::fs::metadata(path).map_or(0, |m| m.len());
    if size > MOST_BYTES {
        return Err((format!("is {size} bytes"), "keep a plan below 256 KiB"));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|e| (format!("cannot be read: {e}"), "make it a readable UTF-8 file"))?;
    parse(name, text.trim_start_matches('\u{feff}'))
}

fn parse(name: String, text: &str) -> Result<Plan, Wrong> {
    const REMEDY: &str =
        "begin the file with +++, lines such as topic = [\"Heating\"] and owner = \"…\", and +++ again";
    let options = Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH;
    let mut events = Parser::new_ext(text, options).peekable();
    let start = Event::Start(Tag::MetadataBlock(MetadataBlockKind::PlusesStyle));
    if events.peek() != Some(&start) {
        return Err(("does not begin with +++".to_owned(), REMEDY));
    }
    let end = Event::End(TagEnd::MetadataBlock(MetadataBlockKind::PlusesStyle));
    let front: String = events
        .by_ref()
        .skip(1)
        .take_while(|event| *event != end)
        .filter_map(|event| if let Event::Text(text) = event { Some(text.into_string()) } else { None })
        .collect();
    let front: Front = toml::from_str(&front).map_err(|e| {
        // The first line of the file is the +++.
        let line = e.span().map_or(2, |span| front[..span.start].matches('\n').count() + 2);
        (format!("line {line}: {}", e.message()), REMEDY)
    })?;
    // Messages name them on a line.
    let is_no_line = |name: &String| name.trim().is_empty() || name.contains(char::is_control);
    if front.title.iter().chain([&front.owner]).chain(&front.co_owners).any(is_no_line) {
        return Err(("title, owner and co_owners are not one line each".to_owned(), REMEDY));
    }
    let topic = front.topic.path();
    if topic.is_empty() {
        return Err(("topic is empty".to_owned(), REMEDY));
    }
    let body: Vec<Event> = safe(events);
    let heading = first_heading(&body);
    let mut html = String::new();
    html::push_html(&mut html, body.into_iter());
    Ok(Plan {
        title: front.title.or(heading).unwrap_or_else(|| name.clone()),
        name,
        topic,
        district: front.district.path(),
        owner: front.owner,
        co_owners: front.co_owners,
        checklist: front.checklist,
        html,
    })
}

/// Events without markup of the file's own, images, or links to anything but pages and mail.
fn safe<'a>(events: impl Iterator<Item = Event<'a>>) -> Vec<Event<'a>> {
    let one = |event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::HtmlBlock | Tag::Image { .. }) | Event::End(TagEnd::HtmlBlock | TagEnd::Image) => {
            None
        }
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let lower = dest_url.trim().to_ascii_lowercase();
            let allowed = SCHEMES.iter().any(|scheme| lower.starts_with(scheme));
            let dest_url = if allowed { dest_url } else { CowStr::Borrowed("#") };
            Some(Event::Start(Tag::Link { link_type, dest_url, title, id }))
        }
        other => Some(other),
    };
    events.filter_map(one).collect()
}

fn first_heading(events: &[Event]) -> Option<String> {
    let from = events.iter().position(|e| matches!(e, Event::Start(Tag::Heading { .. })))?;
    let inside = events[from..].iter().take_while(|e| !matches!(e, Event::End(TagEnd::Heading(_))));
    let text: String = inside
        .filter_map(|e| match e {
            Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
            _ => None,
        })
        .collect();
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "+++\ntopic = [\"供热采暖\", \"室温不达标\"]\ndistrict = \"朝阳区\"\nowner = \"区城管委\"\n\
        co_owners = [\"供热集团\"]\nchecklist = [\"巡检换热站\", \"备齐阀门\"]\n+++\n# 供热季预案\n\n- [ ] 摸排老旧管网\n";

    fn paths(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn a_plan_has_its_topic_owner_and_check_list() {
        let plan = parse("heating".to_owned(), GOOD).unwrap();
        assert_eq!((plan.title.as_str(), plan.owner.as_str()), ("供热季预案", "区城管委"));
        assert_eq!((plan.topic, plan.district), (paths(&["供热采暖", "室温不达标"]), paths(&["朝阳区"])));
        assert_eq!(
            (plan.co_owners, plan.checklist),
            (paths(&["供热集团"]), paths(&["巡检换热站", "备齐阀门"]))
        );
        assert!(plan.html.contains("type=\"checkbox\"") && !plan.html.contains("owner"), "{}", plan.html);
    }

    #[test]
    fn nothing_of_the_file_runs_in_a_browser() {
        let bad = "+++\ntopic = \"a\"\nowner = \"b\"\n+++\n<script>alert(1)</script>\n\nx <img src=x onerror=alert(1)> \
                   ![pic](http://a/b.png) [j](javascript:alert(1)) [d](data:text/html,x) [ok](https://a.b/c)\n";
        let html = parse("p".to_owned(), bad).unwrap().html;
        for never in ["<script", "<img", "javascript:", "data:text"] {
            assert!(!html.contains(never), "{never}: {html}");
        }
        assert!(
            html.contains("&lt;script&gt;") && html.contains("https://a.b/c") && html.contains("pic"),
            "{html}"
        );
    }

    #[test]
    fn what_is_no_plan_is_named_with_its_line() {
        for (text, says) in [
            ("# heading only\n", "does not begin with +++"),
            ("---\ntopic: a\n---\n", "does not begin with +++"),
            ("+++\ntopic = \"a\"\n+++\n", "missing field `owner`"),
            ("+++\ntopic = \"a\"\nowner = \"b\"\nowners = 1\n+++\n", "line 4: unknown field `owners`"),
            ("+++\ntopic = []\nowner = \"b\"\n+++\n", "topic is empty"),
            ("+++\ntopic = \"a\"\nowner = \" \"\n+++\n", "not one line each"),
            ("+++\ntopic = \"a\"\nowner = \"b\"\nco_owners = [\"c\\nd\"]\n+++\n", "not one line each"),
        ] {
            let (problem, remedy) = parse("p".to_owned(), text).unwrap_err();
            assert!(problem.contains(says) && !remedy.is_empty(), "{problem}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("good.md"), GOOD).unwrap();
        std::fs::write(folder.path().join("预案.md"), GOOD).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "no plan").unwrap();
        let (plans, found) = Plans::read(folder.path());
        assert!(plans.get("good").is_some() && found.len() == 1, "{found:?}");
        assert!(found[0].problem.contains("cannot be part of an address"), "{found:?}");
        assert_eq!(Plans::read(&folder.path().join("none")).1.len(), 1);
    }

    #[test]
    fn the_plan_that_says_most_is_taken() {
        let plan = |name: &str, topic: &[&str], district: &[&str]| Plan {
            topic: paths(topic),
            district: paths(district),
            ..parse(name.to_owned(), GOOD).unwrap()
        };
        let plans = Plans(vec![
            plan("all", &["供热采暖"], &[]),
            plan("cold", &["供热采暖", "室温不达标"], &[]),
            plan("east", &["供热采暖"], &["东城区"]),
        ]);
        let check = |topic: &[&str], district: &[&str]| {
            plans.of(&paths(topic), &paths(district)).map(|plan| plan.name.clone())
        };
        assert_eq!(check(&["供热采暖"], &[]).as_deref(), Some("all"));
        assert_eq!(check(&["供热采暖", "室温不达标"], &["朝阳区"]).as_deref(), Some("cold"));
        assert_eq!(check(&["供热采暖", "供热收费"], &["东城区", "某街道"]).as_deref(), Some("east"));
        assert_eq!(check(&["城市管理"], &[]), None);
    }
}
