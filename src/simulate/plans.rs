//! Contingency plans of the simulated city, for the calendar of seasons to link to.
use std::{fs, io, path::Path};

use crate::config::Lang;

/// File name, text in Chinese, text in English.
const PLANS: [(&str, &str, &str); 3] = [
    ("heating.md", include_str!("plans/heating.zh.md"), include_str!("plans/heating.en.md")),
    ("flooding.md", include_str!("plans/flooding.zh.md"), include_str!("plans/flooding.en.md")),
    ("mosquitoes.md", include_str!("plans/mosquitoes.zh.md"), include_str!("plans/mosquitoes.en.md")),
];

/// Writes the plans into a folder, which is made if need be.
pub fn write(folder: &Path, lang: Lang) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, zh, en) in PLANS {
        fs::write(folder.join(name), if lang == Lang::Zh { zh } else { en })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Plans, simulate::catalogue::TOPICS};

    #[test]
    fn every_plan_can_be_read_and_is_for_a_topic_of_the_city() {
        for lang in [Lang::Zh, Lang::En] {
            let folder = tempfile::tempdir().unwrap();
            write(&folder.path().join("plans"), lang).unwrap();
            let (plans, found) = Plans::read(&folder.path().join("plans"));
            assert_eq!(found, [], "{lang:?}");
            for (name, ..) in PLANS {
                let plan = plans.get(name.trim_end_matches(".md")).unwrap();
                let path = |t: &crate::simulate::catalogue::Topic| {
                    [t.top.of(lang).to_owned(), t.name.of(lang).to_owned()]
                };
                assert!(TOPICS.iter().any(|t| path(t).starts_with(&plan.topic)), "{plan:?}");
                assert!(
                    plan.checklist.len() >= 3 && !plan.owner.is_empty() && plan.html.len() > 60,
                    "{plan:?}"
                );
            }
        }
    }
}
