//! Extended (MAPI) properties on items.

use super::fault::Refusal;
use super::xml::Element;

/// A named or tagged property and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extended {
    pub(super) key: Key,
    /// One value, or several for the array types.
    pub(super) values: Vec<String>,
}

/// Which property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: Name,
    /// A word of `MapiPropertyTypeType`.
    pub(super) kind: String,
}

/// How the property is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    Tag(u32),
    /// Property set (GUID in lower case) and name.
    Named(String, String),
    /// Property set and id.
    Id(String, i64),
}

const KINDS: &[&str] = &[
    "ApplicationTime",
    "Binary",
    "Boolean",
    "CLSID",
    "Currency",
    "Double",
    "Float",
    "Integer",
    "Long",
    "Short",
    "SystemTime",
    "String",
];

/// The property sets with names (types.xsd, `DistinguishedPropertySetType`; GUIDs: [MS-OXPROPS] 1.3.2).
const SETS: &[(&str, &str)] = &[
    ("Meeting", "6ed8da90-450b-101b-98da-00aa003f1305"),
    ("Appointment", "00062002-0000-0000-c000-000000000046"),
    ("Common", "00062008-0000-0000-c000-000000000046"),
    ("PublicStrings", "00020329-0000-0000-c000-000000000046"),
    ("Address", "00062004-0000-0000-c000-000000000046"),
    ("InternetHeaders", "00020386-0000-0000-c000-000000000046"),
    ("CalendarAssistant", "11000e07-b51b-40d6-af21-caa85edab1d0"),
    ("UnifiedMessaging", "4442858e-a9e3-4e80-b900-317a210cc15b"),
    ("Task", "00062003-0000-0000-c000-000000000046"),
    ("Sharing", "00062040-0000-0000-c000-000000000046"),
];

fn invalid(path: &Element) -> Refusal {
    Refusal::new("ErrorInvalidExtendedProperty", "The extended property attribute combination is invalid.")
        .at(path.clone())
}

impl Key {
    /// From `ExtendedFieldURI`.
    pub(super) fn from_path(path: &Element) -> Result<Self, Refusal> {
        let kind = path.attribute("PropertyType").unwrap_or_default();
        if !KINDS.contains(&kind.strip_suffix("Array").unwrap_or(kind)) {
            return Err(invalid(path));
        }
        let set = match (path.attribute("DistinguishedPropertySetId"), path.attribute("PropertySetId")) {
            (Some(word), None) => {
                Some(SETS.iter().find(|(w, _)| *w == word).ok_or_else(|| invalid(path))?.1.to_owned())
            }
            (None, Some(guid)) => {
                Some(uuid::Uuid::try_parse(guid).map_err(|_| invalid(path))?.hyphenated().to_string())
            }
            (None, None) => None,
            (Some(_), Some(_)) => return Err(invalid(path)),
        };
        let name = match (
            set,
            path.attribute("PropertyTag"),
            path.attribute("PropertyName"),
            path.attribute("PropertyId"),
        ) {
            (None, Some(tag), None, None) => {
                let number = match tag.strip_prefix("0x").or_else(|| tag.strip_prefix("0X")) {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => tag.parse(),
                };
                // Tags from 0x8000 on belong to named properties.
                Name::Tag(number.ok().filter(|n| *n < 0x8000).ok_or_else(|| invalid(path))?)
            }
            (Some(set), None, Some(name), None) => Name::Named(set, name.to_owned()),
            (Some(set), None, None, Some(id)) => Name::Id(set, id.parse().map_err(|_| invalid(path))?),
            _ => return Err(invalid(path)),
        };
        Ok(Self { name, kind: kind.to_owned() })
    }

    /// As `ExtendedFieldURI`. Exchange answers with the named set where there is one.
    pub(super) fn path(&self) -> Element {
        let path = Element::t("ExtendedFieldURI");
        let in_set = |path: Element, set: &str| match SETS.iter().find(|(_, guid)| *guid == set) {
            Some((word, _)) => path.attr("DistinguishedPropertySetId", *word),
            None => path.attr("PropertySetId", set),
        };
        let path = match &self.name {
            Name::Tag(tag) => path.attr("PropertyTag", format!("{tag:#x}")),
            Name::Named(set, name) => in_set(path, set).attr("PropertyName", name.clone()),
            Name::Id(set, id) => in_set(path, set).attr("PropertyId", id.to_string()),
        };
        path.attr("PropertyType", self.kind.clone())
    }

    /// PidLidGlobalObjectId and PidLidCleanGlobalObjectId (set Meeting, 0x0003 and 0x0023).
    pub(super) fn is_global_object_id(&self) -> bool {
        self.kind == "Binary" && matches!(&self.name, Name::Id(set, 0x03 | 0x23) if SETS[0].1 == set)
    }

    fn takes(&self, value: &str) -> bool {
        use base64::Engine as _;
        match self.kind.strip_suffix("Array").unwrap_or(&self.kind) {
            "Boolean" => matches!(value, "true" | "false" | "0" | "1"),
            "Short" => value.parse::<i16>().is_ok(),
            "Integer" => value.parse::<i32>().is_ok(),
            "Long" | "Currency" => value.parse::<i64>().is_ok(),
            "Double" | "Float" | "ApplicationTime" => value.parse::<f64>().is_ok(),
            "SystemTime" => super::time::parse(value, chrono_tz::UTC).is_some(),
            "CLSID" => uuid::Uuid::try_parse(value).is_ok(),
            "Binary" => base64::engine::general_purpose::STANDARD.decode(value).is_ok(),
            _ => true,
        }
    }
}

impl Extended {
    /// From `ExtendedProperty`.
    pub(super) fn from_element(element: &Element) -> Result<Self, Refusal> {
        let Some(path) = element.child("ExtendedFieldURI") else {
            return Err(Refusal::new("ErrorInvalidExtendedProperty", "The extended property has no path."));
        };
        let key = Key::from_path(path)?;
        let bad = || {
            Refusal::new(
                "ErrorInvalidExtendedPropertyValue",
                "The value of the extended property does not fit its type.",
            )
            .at(path.clone())
        };
        let values: Vec<_> =
            match (key.kind.ends_with("Array"), element.child("Value"), element.child("Values")) {
                (false, Some(value), None) => vec![value.text.clone()],
                (true, None, Some(values)) => values.children.iter().map(|v| v.text.clone()).collect(),
                _ => return Err(bad()),
            };
        if !values.iter().all(|v| key.takes(v)) {
            return Err(bad());
        }
        Ok(Self { key, values })
    }

    /// As `ExtendedProperty`.
    pub(super) fn element(&self) -> Element {
        let element = Element::t("ExtendedProperty").with(self.key.path());
        if self.key.kind.ends_with("Array") {
            let values = self.values.iter().map(|v| Element::t("Value").text(v.clone()));
            element.with(Element::t("Values").with_all(values))
        } else {
            element.with(Element::t("Value").text(self.values.first().cloned().unwrap_or_default()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(attributes: &[(&'static str, &str)]) -> Element {
        attributes.iter().fold(Element::t("ExtendedFieldURI"), |e, (n, v)| e.attr(*n, *v))
    }

    #[test]
    fn a_set_by_word_and_by_guid_is_the_same() {
        let word = path(&[
            ("DistinguishedPropertySetId", "PublicStrings"),
            ("PropertyName", "Marker"),
            ("PropertyType", "String"),
        ]);
        let guid = path(&[
            ("PropertySetId", "00020329-0000-0000-C000-000000000046"),
            ("PropertyName", "Marker"),
            ("PropertyType", "String"),
        ]);
        assert_eq!(Key::from_path(&word).unwrap(), Key::from_path(&guid).unwrap());
    }

    #[test]
    fn impossible_combinations_are_refused() {
        let both = path(&[("PropertyTag", "0x3001"), ("PropertyName", "x"), ("PropertyType", "String")]);
        assert_eq!(Key::from_path(&both).unwrap_err().code, "ErrorInvalidExtendedProperty");
        let high = path(&[("PropertyTag", "0x8001"), ("PropertyType", "String")]);
        assert_eq!(Key::from_path(&high).unwrap_err().code, "ErrorInvalidExtendedProperty");
    }

    #[test]
    fn a_value_must_fit_its_type() {
        let path = path(&[("PropertyTag", "0x3001"), ("PropertyType", "Integer")]);
        let element = Element::t("ExtendedProperty").with(path).with(Element::t("Value").text("x"));
        assert_eq!(Extended::from_element(&element).unwrap_err().code, "ErrorInvalidExtendedPropertyValue");
    }
}
