//! What Odoo answers, for the fuzz target.

use super::categories;
use super::contact;
use super::event::{self, Shape};
use super::layout::Layout;
use super::lead;
use super::places::Places;
use super::tables::Table;
use super::task;
use super::text::{html_to_text, text_to_html};
use super::xmlrpc::{Answer, Value, read_answer};
use std::collections::BTreeMap;

/// Reads an answer and its rows as partners, leads and events.
///
/// # Panics
/// If what is written of them is not readable.
pub fn answer(body: &str) {
    let _ = text_to_html(&html_to_text(body));
    let Ok(Answer::Result(value)) = read_answer(body) else { return };
    let rows = match value {
        Value::List(rows) => rows,
        one => vec![one],
    };
    let places = Places::for_tests();
    for row in rows {
        for html in [false, true] {
            let notes: &[&str] = if html { &["comment", "description"] } else { &[] };
            let columns = Layout::for_tests(&contact::WANTED, notes);
            let item = contact::project(&row, &columns, &places);
            let again = contact::project(
                &over(&row, contact::map(&item.fields, &columns, &places)),
                &columns,
                &places,
            );
            assert_eq!(item.fields.len(), again.fields.len());
            let tags = BTreeMap::from([(1, "Region / North".to_owned())]);
            let _ = categories::project(&row, Table::Partners, "category_id", &tags);
            let columns = Layout::for_tests(&lead::WANTED, notes);
            let item = lead::project(&row, &columns, &places);
            let again =
                lead::project(&over(&row, lead::map(&item.fields, &columns, &places)), &columns, &places);
            assert_eq!(item.fields.len(), again.fields.len());
            let shape = task::Shape { layout: Layout::for_tests(&task::WANTED, notes), seven: !html };
            if let Ok(item) = task::project(&row, &shape, &[], chrono_tz::Europe::Berlin) {
                let written = task::map(&item.fields, &shape, chrono_tz::Europe::Berlin, |_| None);
                let again = task::project(&over(&row, written), &shape, &[], chrono_tz::Europe::Berlin);
                assert!(again.is_ok(), "{again:?} of {item:?}");
            }
            let shape = Shape { seven: !html, html_body: html, privacy: "class" };
            let zone = chrono_tz::Europe::Berlin;
            let Ok(item) = event::project(&row, &shape, zone) else { continue };
            let again = event::project(&over(&row, event::map(&item.fields, &shape, zone)), &shape, zone);
            assert!(again.is_ok(), "{again:?} of {item:?}");
        }
    }
}

fn over(row: &Value, written: BTreeMap<String, Value>) -> Value {
    let mut members = match row {
        Value::Map(members) => members.clone(),
        _ => BTreeMap::new(),
    };
    members.extend(written);
    Value::Map(members)
}
