//! What an object of this org looks like to the connection account, from its describe call.

use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A field of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldInfo {
    /// Most characters; 0 where it does not apply.
    pub length: usize,
    /// May be given on create.
    pub createable: bool,
    /// May be changed.
    pub updateable: bool,
    /// The active values of its list, in order; empty where it has none.
    pub picks: Vec<String>,
}

/// An object. Fields that the account may not see are missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "as the describe call has them")]
pub struct Layout {
    /// Fields by name.
    pub fields: BTreeMap<String, FieldInfo>,
    /// Records may be asked for.
    pub queryable: bool,
    /// Records may be made.
    pub createable: bool,
    /// Records may be changed.
    pub updateable: bool,
    /// Records may be deleted.
    pub deletable: bool,
}

impl Layout {
    /// From a describe answer.
    pub fn read(describe: &Json) -> Self {
        let is = |json: &Json, name: &str| json.get(name).and_then(Json::as_bool).unwrap_or(false);
        let fields = describe.get("fields").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        Self {
            fields: fields
                .iter()
                .filter_map(|f| {
                    let length = f.get("length").and_then(Json::as_u64).unwrap_or(0);
                    let picks = f.get("picklistValues").and_then(Json::as_array).map(Vec::as_slice);
                    let picks = picks.unwrap_or_default().iter().filter(|v| is(v, "active"));
                    let info = FieldInfo {
                        length: usize::try_from(length).unwrap_or(usize::MAX),
                        createable: is(f, "createable"),
                        updateable: is(f, "updateable"),
                        picks: picks.filter_map(|v| Some(v.get("value")?.as_str()?.to_owned())).collect(),
                    };
                    Some((f.get("name")?.as_str()?.to_owned(), info))
                })
                .collect(),
            queryable: is(describe, "queryable"),
            createable: is(describe, "createable"),
            updateable: is(describe, "updateable"),
            deletable: is(describe, "deletable"),
        }
    }

    /// Whether a field can be read.
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Whether a field can be given on create.
    pub fn creates(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|f| f.createable)
    }

    /// Whether a field can be written.
    pub fn writes(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|f| f.createable && f.updateable)
    }

    /// A text cut to what a field holds.
    pub fn fit(&self, name: &str, text: &str) -> String {
        let text = text.trim();
        match self.fields.get(name) {
            Some(info) if info.length > 0 => {
                text.chars().take(info.length).collect::<String>().trim_end().to_owned()
            }
            _ => text.to_owned(),
        }
    }

    /// A field's greatest length, if it has one.
    pub fn length(&self, name: &str) -> Option<usize> {
        self.fields.get(name).map(|f| f.length).filter(|n| *n > 0)
    }

    /// The values of a field's list, if it has one.
    pub fn picks(&self, name: &str) -> Option<&[String]> {
        self.fields.get(name).map(|f| f.picks.as_slice()).filter(|p| !p.is_empty())
    }

    /// With these fields, all writable, of these lengths.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn for_tests(fields: &[(&str, usize)]) -> Self {
        let info = |length| FieldInfo { length, createable: true, updateable: true, picks: Vec::new() };
        Self {
            fields: fields.iter().map(|(name, length)| ((*name).to_owned(), info(*length))).collect(),
            queryable: true,
            createable: true,
            updateable: true,
            deletable: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_describe_answer_is_read() {
        let layout = Layout::read(
            &json!({"queryable": true, "createable": true, "updateable": true, "deletable": false, "fields": [
            {"name": "LastName", "length": 80, "createable": true, "updateable": true},
            {"name": "Status", "picklistValues": [{"active": true, "value": "Open"}, {"active": false, "value": "Old"}]},
            {"name": "Name", "length": 121, "createable": false, "updateable": false}]}),
        );
        assert!(layout.queryable && layout.createable && !layout.deletable);
        assert!(layout.writes("LastName") && layout.has("Name") && !layout.writes("Name"));
        assert_eq!(layout.picks("Status"), Some(["Open".to_owned()].as_slice()));
        assert_eq!(layout.picks("LastName"), None);
        assert_eq!(layout.fit("LastName", &"x".repeat(99)).len(), 80);
    }
}
