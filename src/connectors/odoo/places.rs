//! Countries and their states, by id and by what people call them.

use std::collections::BTreeMap;

/// A country.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Country {
    /// As shown in the CRM.
    pub name: String,
    /// ISO 3166-1 alpha-2 code.
    pub code: String,
}

/// A state, province or region of a country.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// As shown in the CRM.
    pub name: String,
    /// Its code within the country.
    pub code: String,
    /// The country's id.
    pub country: Option<i64>,
}

/// The countries and states that the CRM knows. Read once for a session: they hardly ever change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Countries by id.
    pub countries: BTreeMap<i64, Country>,
    /// States by id.
    pub states: BTreeMap<i64, State>,
}

impl Places {
    /// A country's name.
    pub fn country_name(&self, id: i64) -> Option<&str> {
        self.countries.get(&id).map(|c| c.name.as_str())
    }

    /// A state's name.
    pub fn state_name(&self, id: i64) -> Option<&str> {
        self.states.get(&id).map(|s| s.name.as_str())
    }

    /// The country with this name or code. `None` if there is none.
    pub fn country(&self, written: &str) -> Option<i64> {
        let wanted = written.trim().to_lowercase();
        let by = |what: fn(&Country) -> &str| {
            self.countries
                .iter()
                .find(|(_, c)| !wanted.is_empty() && what(c).to_lowercase() == wanted)
                .map(|(id, _)| *id)
        };
        by(|c| &c.name).or_else(|| by(|c| &c.code))
    }

    /// The one state with this name or code, in the country if that is known. `None` if there is none, or several.
    pub fn state(&self, written: &str, country: Option<i64>) -> Option<i64> {
        let wanted = written.trim().to_lowercase();
        let by = |what: fn(&State) -> &str| {
            let mut found = self.states.iter().filter(|(_, s)| {
                !wanted.is_empty()
                    && what(s).to_lowercase() == wanted
                    && (country.is_none() || s.country == country)
            });
            match (found.next(), found.next()) {
                (Some((id, _)), None) => Some(*id),
                _ => None,
            }
        };
        by(|s| &s.name).or_else(|| by(|s| &s.code))
    }

    /// Two countries and three states.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn for_tests() -> Self {
        let country = |name: &str, code: &str| Country { name: name.into(), code: code.into() };
        let state = |name: &str, code: &str, country| State {
            name: name.into(),
            code: code.into(),
            country: Some(country),
        };
        Self {
            countries: [(1, country("Germany", "DE")), (2, country("United States", "US"))].into(),
            states: [
                (1, state("Bavaria", "BY", 1)),
                (2, state("California", "CA", 2)),
                (3, state("Texas", "TX", 2)),
            ]
            .into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_name_and_by_code() {
        let places = Places::for_tests();
        assert_eq!(places.country("germany"), Some(1));
        assert_eq!(places.country("us"), Some(2));
        assert_eq!(places.country(""), None);
        assert_eq!(places.state("TX", None), Some(3));
        assert_eq!(places.state("Texas", Some(1)), None);
    }
}
