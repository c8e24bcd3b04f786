//! Radicale or Xandikos, and OpenERP 7. People work there by `tests/servers/desk`, which has nothing of Riva's.

use super::desk::Desk;
use super::{Connected, Hand, Pair, Person};
use crate::story::Need;
use crate::things::{Kind, Thing};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDateTime, Utc};
use riva_core::ports::{SecretKey, SecretKind, SecretStore};
use riva_core::rows::Side;
use riva_core::secrets::MemorySecrets;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Mutex;

/// People who work at the same time.
const DESKS: usize = 3;

/// Which mail system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dav {
    Radicale,
    Xandikos,
}

pub struct Servers {
    dav: Dav,
    mail: Value,
    crm: Value,
    desks: Vec<Mutex<Desk>>,
    next: AtomicUsize,
}

impl Servers {
    /// What `tests/servers/scenarios_test.sh` has started, if it has.
    pub fn running(dav: Dav) -> Option<Self> {
        let variable = match dav {
            Dav::Radicale => "RIVA_RADICALE",
            Dav::Xandikos => "RIVA_XANDIKOS",
        };
        let [Ok(mail), Ok(crm), Ok(python)] =
            [variable, "RIVA_OPENERP", "RIVA_SCENARIO_PYTHON"].map(std::env::var)
        else {
            println!(
                "not run: {dav:?} and OpenERP are not there; tests/servers/scenarios_test.sh starts them"
            );
            return None;
        };
        let desk = || Mutex::new(Desk::open(&python, &[&crm, &mail]));
        let read = |line: &str| serde_json::from_str(line).unwrap();
        let (mail, crm, desks) = (read(&mail), read(&crm), (0..DESKS).map(|_| desk()).collect());
        Some(Self { dav, mail, crm, desks, next: AtomicUsize::new(0) })
    }

    pub async fn tell(&self, what: &Value) -> Value {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % DESKS;
        self.desks[turn].lock().await.tell(what).await
    }

    fn text<'a>(of: &'a Value, key: &str) -> &'a str {
        of[key].as_str().unwrap_or_else(|| panic!("{key} in {of}"))
    }
}

impl Connected for Servers {
    fn connection(&self, side: Side) -> String {
        match side {
            Side::Mail => format!(
                "system = \"caldav\"\naddress = \"{}\"\naccount = \"{}\"\nauth = {{ method = \"password\" }}\n\n\
                 [options]\nhome = \"{}\"\n",
                Self::text(&self.mail, "url"),
                Self::text(&self.mail, "account"),
                Self::text(&self.mail, "home"),
            ),
            Side::Crm => format!(
                "system = \"odoo\"\naddress = \"{}\"\naccount = \"{}\"\nauth = {{ method = \"password\" }}\n\n\
                 [options]\ndatabase = \"{}\"\n",
                Self::text(&self.crm, "url"),
                Self::text(&self.crm, "login"),
                Self::text(&self.crm, "database"),
            ),
        }
    }

    fn licensed(&self, side: Side) -> &'static str {
        match side {
            Side::Mail => "caldav",
            Side::Crm => "odoo",
        }
    }

    fn secrets(&self) -> Arc<dyn SecretStore> {
        let secrets = MemorySecrets::default();
        for (connection, server) in [("mail", &self.mail), ("crm", &self.crm)] {
            let key = SecretKey { connection: connection.into(), kind: SecretKind::Password };
            secrets.set(&key, &Self::text(server, "password").to_owned().into()).unwrap();
        }
        Arc::new(secrets)
    }
}

#[async_trait]
impl Pair for Servers {
    fn name(&self) -> &'static str {
        match self.dav {
            Dav::Radicale => "radicale",
            Dav::Xandikos => "xandikos",
        }
    }

    fn domain(&self) -> &'static str {
        // Both are synced with one OpenERP.
        match self.dav {
            Dav::Radicale => "radicale.test",
            Dav::Xandikos => "xandikos.test",
        }
    }

    fn lacks(&self, _: Kind) -> Option<&'static str> {
        None
    }

    fn cannot(&self, need: Need, kind: Kind) -> Option<&'static str> {
        match (self.dav, need, kind) {
            (Dav::Radicale, Need::OtherUid | Need::TwoOfOneUid, _) => {
                Some("Radicale refuses it (RFC 4791, no-uid-conflict)")
            }
            (Dav::Xandikos, Need::TwoOfOneUid, Kind::Event | Kind::Task) => {
                Some("Xandikos refuses it (RFC 4791, no-uid-conflict)")
            }
            (Dav::Xandikos, Need::OtherUid | Need::TwoOfOneUid, _) => None,
        }
    }

    async fn hire(&self, who: &Person) {
        self.tell(&json!({ "do": "hire", "address": who.address })).await;
    }

    async fn deed(&self, who: &Person, kind: Kind, side: Side, hand: Hand) {
        let thing = |thing: &Thing| {
            json!({
                "name": thing.name, "address": thing.address(&who.story), "day": thing.day().to_string(),
                "extra": thing.extra, "note": thing.note,
            })
        };
        let mut what = match hand {
            Hand::Make { thing: new, uid_of } => {
                json!({ "do": "make", "thing": thing(&new), "uid_of": uid_of })
            }
            Hand::Save { id, thing: now } => json!({ "do": "save", "id": id, "thing": thing(&now) }),
            Hand::Delete { id } => json!({ "do": "delete", "id": id }),
            Hand::Move { id } => json!({ "do": "move", "id": id }),
            Hand::OtherUid { id } => json!({ "do": "other-uid", "id": id }),
        };
        what["side"] = side.as_str().into();
        what["kind"] = kind.word().into();
        what["address"] = who.address.as_str().into();
        self.tell(&what).await;
    }

    async fn shows(&self, who: &Person, kind: Kind, side: Side) -> Vec<(String, Thing)> {
        let what = json!({
            "do": "show", "side": side.as_str(), "kind": kind.word(), "address": who.address,
        });
        let shown = self.tell(&what).await;
        let one = |item: &Value| (item[0].as_str().unwrap().to_owned(), thing(kind, &item[1]));
        shown.as_array().unwrap().iter().map(one).collect()
    }

    async fn mails(&self) -> u64 {
        self.tell(&json!({ "do": "mails" })).await.as_u64().unwrap()
    }
}

fn thing(kind: Kind, shown: &Value) -> Thing {
    let text = |key: &str| shown[key].as_str().unwrap_or_default().to_owned();
    let at = |key: &str| -> DateTime<Utc> {
        NaiveDateTime::parse_from_str(&text(key), "%Y-%m-%d %H:%M:%S").unwrap().and_utc()
    };
    let known_by = match kind {
        Kind::Contact => Thing::known_by_address(&text("address")),
        Kind::Event => Thing::known_by_hours(at("starts"), at("ends")),
        Kind::Task => text("due").parse().map_or('?', Thing::known_by_day),
    };
    Thing { name: text("name"), known_by, extra: text("extra"), note: text("note") }
}
