//! Radicale or Xandikos, and OpenERP 7. People work there by `tests/servers/desk`, which has nothing of Riva's.

use super::case::From;
use super::places::{CrmDeed, Place, Record, Span};
use crate::pairs::servers::Servers;
use crate::pairs::{Connected, Pair as _, Person};
use crate::things::Kind;
use async_trait::async_trait;
use chrono::{DateTime, NaiveDateTime, Utc};
use riva_core::ports::SecretStore;
use riva_core::rows::Side;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct Real(pub Servers);

impl Connected for Real {
    fn connection(&self, side: Side) -> String {
        self.0.connection(side)
    }

    fn licensed(&self, side: Side) -> &'static str {
        self.0.licensed(side)
    }

    fn secrets(&self) -> Arc<dyn SecretStore> {
        self.0.secrets()
    }
}

#[async_trait]
impl Place for Real {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn domain(&self) -> &'static str {
        // The scenarios have people of their own.
        match self.0.name() {
            "radicale" => "cases.radicale.test",
            _ => "cases.xandikos.test",
        }
    }

    fn cannot(&self, from: From) -> Option<&'static str> {
        (from == From::Exchange).then_some("it comes from Exchange")
    }

    async fn hire(&self, who: &Person, zone: Option<&str>) {
        self.0.tell(&json!({ "do": "hire", "address": who.address })).await;
        if let Some(zone) = zone {
            self.0.tell(&json!({ "do": "zone", "side": "mail", "address": who.address, "text": zone })).await;
        }
    }

    async fn put(&self, who: &Person, kind: Kind, name: &str, text: Option<String>) {
        let what = json!({
            "do": "put", "side": "mail", "kind": kind.word(), "address": who.address, "name": name, "text": text,
        });
        self.0.tell(&what).await;
    }

    async fn texts(&self, who: &Person, kind: Kind) -> BTreeMap<String, String> {
        let what = json!({ "do": "texts", "side": "mail", "kind": kind.word(), "address": who.address });
        serde_json::from_value(self.0.tell(&what).await).unwrap()
    }

    async fn records(&self, who: &Person, kind: Kind) -> Vec<Record> {
        let what = json!({ "do": "records", "side": "crm", "kind": kind.word(), "address": who.address });
        self.0.tell(&what).await.as_array().unwrap().iter().map(record).collect()
    }

    async fn in_crm(&self, who: &Person, record: &Record, deed: CrmDeed<'_>) {
        let stamp = |at: DateTime<Utc>| at.format("%F %T").to_string();
        let mut what = match deed {
            CrmDeed::Retitle(title) => json!({ "do": "change", "name": title }),
            CrmDeed::Move(start, end) => {
                json!({ "do": "change", "starts": stamp(start), "ends": stamp(end) })
            }
            CrmDeed::Delete => json!({ "do": "delete" }),
        };
        for (key, value) in
            [("side", "crm"), ("kind", "event"), ("address", &*who.address), ("id", &*record.id)]
        {
            what[key] = value.into();
        }
        self.0.tell(&what).await;
    }

    async fn mails(&self) -> u64 {
        self.0.mails().await
    }
}

fn record(shown: &Value) -> Record {
    let text = |key: &str| shown[key].as_str().unwrap_or_default().to_owned();
    let day = |key: &str| text(key).parse().unwrap_or_else(|e| panic!("{key} of {shown}: {e}"));
    let at = |key: &str| {
        let at = NaiveDateTime::parse_from_str(&text(key), "%Y-%m-%d %H:%M:%S");
        at.unwrap_or_else(|e| panic!("{key} of {shown}: {e}")).and_utc()
    };
    let span = if shown["days"] == true {
        Span::Days(day("starts"), day("ends"))
    } else {
        Span::Times(at("starts"), at("ends"))
    };
    // OpenERP 7 hides meetings that are shown as free from all but their owner: the connector does not write it.
    Record { id: text("id"), span, title: text("name"), free: None }
}
