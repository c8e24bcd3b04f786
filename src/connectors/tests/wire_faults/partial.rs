//! A batch of which only a part is answered (engine design, section 2, P8): what is missing is in doubt, and nothing else is. And
//! a calendar server whose word on what it does by itself was not heard.

use super::cells::{Bench, Class, marker, of_call, of_item};
use super::houses::House;
use super::proxy::{Delivered, Fault, Hits, Reply};
use riva_core::ids::Marker;
use riva_core::item::Item;
use riva_core::ports::{Draft, Patch, Removal};

/// Makes three items in one batch; what is said of each, and how many of them stand and are found.
async fn three(house: House, change: fn(String) -> String) -> Vec<Class> {
    let mut bench = Bench::of(house).await;
    let module = bench.house.module();
    let drafts: Vec<Draft> = (0..3)
        .map(|_| {
            let text = bench.word();
            Draft { marker: marker(), item: bench.house.item(&text) }
        })
        .collect();
    bench.house.proxy.set(Fault { delivered: Delivered::Once, reply: Reply::Changed(change) }, Hits::Writes);
    let answers = bench.tried.side.create(module, &drafts).await.unwrap();
    assert_eq!(bench.house.proxy.mend().delivered, 1, "it is one request");
    let markers: Vec<Marker> = drafts.iter().map(|d| d.marker).collect();
    let found = bench.tried.side.probe(module, &markers).await.unwrap();
    assert!(found.iter().all(|f| f.len() == 1), "all of them stand: {found:?}");
    assert_eq!(bench.house.mails(), 0);
    answers.iter().map(|a| a.as_ref().map_or_else(of_item, |_| "done")).collect()
}

#[tokio::test]
async fn exchange_leaves_in_doubt_what_a_batch_does_not_answer() {
    let last = |text: String| {
        let from = text.rfind("<m:CreateItemResponseMessage").unwrap();
        let to = text.find("</m:ResponseMessages>").unwrap();
        format!("{}{}", &text[..from], &text[to..])
    };
    assert_eq!(three(House::exchange().await, last).await, ["done", "done", "doubt"]);
}

#[tokio::test]
async fn salesforce_leaves_in_doubt_what_a_batch_does_not_answer() {
    let last = |text: String| {
        let mut answers: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        answers.pop();
        serde_json::to_string(&answers).unwrap()
    };
    assert_eq!(three(House::salesforce().await, last).await, ["done", "done", "doubt"]);
    let empty = |text: String| {
        let mut answers: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        answers[1] = serde_json::json!({});
        serde_json::to_string(&answers).unwrap()
    };
    assert_eq!(three(House::salesforce().await, empty).await, ["done", "doubt", "done"]);
}

#[tokio::test]
async fn openerp_leaves_in_doubt_what_a_batch_does_not_answer() {
    // The ids come as one list, in the order of the rows: with one too few, it is not known whose is missing.
    let last = |text: String| {
        let from = text.rfind("<value><int>").unwrap();
        let to = from + text[from..].find("</int></value>").unwrap() + "</int></value>".len();
        format!("{}{}", &text[..from], &text[to..])
    };
    assert_eq!(three(House::openerp().await, last).await, ["doubt"; 3]);
}

#[tokio::test]
async fn a_calendar_server_writes_one_by_one_and_what_is_not_answered_is_in_doubt() {
    let mut bench = Bench::of(House::caldav().await).await;
    let module = bench.house.module();
    let texts = [bench.word(), bench.word(), bench.word()];
    let drafts = texts.clone().map(|text| Draft { marker: marker(), item: bench.house.item(&text) });
    // What it asks once is asked.
    let asked = [Draft { marker: marker(), item: bench.house.item("Asked") }];
    bench.tried.side.create(module, &asked).await.unwrap();
    bench.house.proxy.set(Fault { delivered: Delivered::Once, reply: Reply::Reset }, Hits::Nth(1));
    let answers = bench.tried.side.create(module, &drafts).await.unwrap();
    let said: Vec<Class> = answers.iter().map(|a| a.as_ref().map_or_else(of_item, |_| "done")).collect();
    assert_eq!(said, ["done", "doubt", "done"]);
    assert_eq!(bench.standing(&[&texts[1]]), 1);
}

/// A meeting that the user organizes on a server that invites by itself must not be touched: the guests would be mailed. A proxy's
/// page in place of what the server says of itself is no word on that.
#[tokio::test]
async fn guests_are_not_mailed_when_it_was_not_heard_that_the_server_invites() {
    for reply in [Reply::Status(404), Reply::Status(500), Reply::Page, Reply::Empty, Reply::Elsewhere] {
        let mut bench = Bench::of(House::caldav().await).await;
        let (word, module) = (bench.word(), bench.house.module());
        let at = bench.house.invited(&word);
        let removal = [Removal { id: at.id.clone(), version: at.version.clone() }];
        bench.house.proxy.set(Fault { delivered: Delivered::Never, reply }, Hits::Nth(0));
        let unheard = bench.tried.side.delete(module, &removal).await;
        assert_eq!(unheard.as_ref().map_or_else(of_call, |_| "done"), "odd", "{reply:?}: {unheard:?}");
        bench.house.proxy.mend();
        let patch = Patch {
            id: at.id,
            version: at.version,
            marker: marker(),
            set: [bench.house.change("Elsewhere")].into(),
            base: Item::new(module),
        };
        let written = bench.tried.side.update(module, &[patch]).await.unwrap();
        assert_eq!(written[0].as_ref().map_or_else(of_item, |_| "done"), "notify", "{reply:?}");
        let deleted = bench.tried.side.delete(module, &removal).await.unwrap();
        assert_eq!(deleted[0].as_ref().map_or_else(of_item, |()| "done"), "notify", "{reply:?}");
        assert_eq!(bench.house.mails(), 0, "{reply:?}");
    }
}
