//! What a DAV server answers, for the fuzz target.

use super::xml;

/// Reads an answer as multistatus and as error, and what it says of collections.
///
/// # Panics
/// If what is written with its text is no XML.
pub fn answer(body: &str) {
    let _ = xml::conditions(body);
    let Ok(base) = url::Url::parse("https://dav.example/user/") else { return };
    let Ok(found) = xml::multistatus(body, &base) else { return };
    for answer in &found.answers {
        let _ =
            (answer.text("d:getetag"), answer.is_a("c:calendar"), answer.paths("c:calendar-home-set", &base));
    }
    let escaped = xml::document("d:sync-collection", &xml::element("d:sync-token", body));
    assert!(
        xml::conditions(&escaped).contains(&"d:sync-token".to_owned()),
        "what is written is no XML: {escaped}"
    );
}
