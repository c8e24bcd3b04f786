//! What Salesforce answers, for the fuzz target.

use super::api::Refusal;
use super::layout::Layout;
use super::words::Words;
use super::{contact, email, event, files, soql, task, token};
use riva_core::item::Item;
use serde_json::{Map, Value as Json};
use url::Url;

/// Reads an answer as description, refusal, and records of each kind.
///
/// # Panics
/// If what is written of a record is not readable.
pub fn answer(body: &[u8]) {
    let Ok(json) = serde_json::from_slice::<Json>(body) else { return };
    let described = Layout::read(&json);
    if let Some(refusal) = Refusal::read(&json) {
        let _ = refusal.item();
    }
    let names: Vec<(String, usize)> = match &json {
        Json::Object(members) => members.keys().map(|name| (name.clone(), 40)).collect(),
        _ => Vec::new(),
    };
    let names: Vec<(&str, usize)> = names.iter().map(|(name, length)| (name.as_str(), *length)).collect();
    let words = Words::default();
    for layout in [described, Layout::for_tests(&names)] {
        check(
            &json,
            |record| Ok(contact::project(record, &layout)),
            |item| contact::map(&item.fields, &layout),
        );
        check(&json, |record| event::project(record, &layout), |item| event::map(&item.fields, &layout));
        check(
            &json,
            |record| task::project(record, &layout, &words),
            |item| task::map(&item.fields, &layout, &words),
        );
        // What is logged is never written again.
        let _ = (email::project(&json), email::made(&json), files::kept(&json));
        let _ = (task::is_task(&json), task::wanted(&layout), contact::parts(&layout));
        let _ = (task::parts(&layout, &words), words.unknown_in(&json));
    }
    if let Some(text) = json.as_str() {
        let _ = soql::read_instant(text);
    }
}

/// Reads an answer to a sign-in.
///
/// # Panics
/// If the token would go where nobody can be asked, or unencrypted.
pub fn sign_in(body: &[u8]) {
    let _ = token::read_refusal(body);
    for login in ["https://login.example/services/oauth2/token", "http://127.0.0.1:1/services/oauth2/token"] {
        let Ok(login) = Url::parse(login) else { return };
        let Some(signed_in) = token::read_reply(body, &login) else { continue };
        assert!(signed_in.instance.has_host(), "{}", signed_in.instance);
        assert!(login.scheme() == "http" || signed_in.instance.scheme() == "https", "{}", signed_in.instance);
        // As each request does.
        let there = signed_in.instance.join("/services/data");
        let there = there.map(|there| there.origin());
        assert!(signed_in.instance.scheme() != "https" || there == Ok(signed_in.instance.origin()));
    }
}

fn check(
    record: &Json,
    project: impl Fn(&Json) -> Result<Item, String>,
    map: impl Fn(&Item) -> Map<String, Json>,
) {
    let Ok(item) = project(record) else { return };
    let mut written = record.as_object().cloned().unwrap_or_default();
    written.extend(map(&item));
    let again = project(&Json::Object(written));
    assert!(again.is_ok(), "{again:?} of {item:?}");
}
