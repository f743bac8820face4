//! Mappings of published exports, by name.
use super::Mapping;

const TEXT: &str = include_str!("presets.toml");

/// Names of the presets.
pub const NAMES: [&str; 6] =
    ["new_york_311", "chicago_311", "boston_311", "san_francisco_311", "sao_paulo_156", "china_12345"];

/// The mapping of a preset.
pub fn find(name: &str) -> Option<Mapping> {
    let mut all: std::collections::BTreeMap<String, Mapping> = toml::from_str(TEXT).ok()?;
    all.remove(name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_preset_reads_and_has_no_mistake() {
        for name in super::NAMES {
            let mapping = super::find(name).unwrap_or_else(|| panic!("{name} is missing or malformed"));
            assert_eq!(mapping.mistakes(), vec![], "{name}");
        }
    }
}
