//! The same into a real OpenERP 7, which `tests/servers/email_test.sh` starts; people work there by `tests/servers/desk`.

use super::attachments::attached;
use super::{AMELIE, DROP, House, KENJI, id_in};
use crate::desk::Desk;
use crate::tenant::Tenant;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{Duration, Utc};
use riva_api::Agent as _;
use riva_core::admin::ChangeEntry;
use riva_core::documents::EmailPolicy;
use riva_core::history::{Order, UndoSpan};
use riva_core::item::Module;
use riva_core::license::sign;
use riva_core::ports::{SecretKey, SecretKind, SecretStore as _};
use riva_core::secrets::FileSecrets;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration as Wait, Instant};

/// On which records each message is in the log, by its id.
type Log = BTreeMap<String, Vec<String>>;

/// A house whose CRM is OpenERP. Several may share the server: each has a word of its own in its messages and addresses.
struct Firm {
    house: House,
    desk: Desk,
    word: &'static str,
}

impl Firm {
    /// OpenERP knows Ann, and somebody outside the company follows her. `None` where no OpenERP runs.
    async fn new(word: &'static str, policy: EmailPolicy) -> Option<Self> {
        let Ok(line) = std::env::var("RIVA_OPENERP") else {
            println!("not run: OpenERP is not there; tests/servers/email_test.sh starts it");
            return None;
        };
        let mut desk = Desk::open("python3", &[&line]);
        {
            // Both tests hire the same people.
            static HIRING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
            let _one_after_the_other = HIRING.lock().await;
            for user in [AMELIE, KENJI] {
                desk.tell(&json!({ "do": "hire", "address": user })).await;
            }
        }
        let tenant = Tenant::new(true).await;
        connect(&tenant, &serde_json::from_str(&line).unwrap());
        make(&mut desk, "contact", "Ann", &address(word, "ann")).await;
        desk.tell(&json!({ "do": "follow", "side": "crm", "address": address(word, "ann") })).await;
        Some(Self { house: House { tenant }.open("openerp", policy).await, desk, word })
    }

    fn mail(&self, user: &str, folder: &str, id: &str, from: &str, more: Value) -> String {
        self.mail_of(user, folder, id, Utc::now(), from, more)
    }

    fn mail_of(
        &self,
        user: &str,
        folder: &str,
        id: &str,
        at: chrono::DateTime<Utc>,
        from: &str,
        mut more: Value,
    ) -> String {
        if more.get("From").is_none() {
            more["From"] = json!([address(self.word, from)]);
        }
        self.house.mail(user, folder, &format!("{}-{id}", self.word), at, more)
    }

    async fn log(&mut self) -> Log {
        let rows = self.desk.tell(&json!({ "do": "log", "side": "crm" })).await;
        let mut log = Log::new();
        for row in rows.as_array().unwrap() {
            let id = id_in(&row["message_id"]);
            if let Some(id) = id.strip_prefix(&format!("{}-", self.word)) {
                log.entry(id.to_owned()).or_default().push(row["record_name"].as_str().unwrap().to_owned());
            }
        }
        log
    }

    /// Mails that wait or were sent, and people who were told of something in the log.
    async fn told(&mut self) -> Value {
        self.desk.tell(&json!({ "do": "told", "side": "crm" })).await
    }

    async fn cycles(&self, how_many: usize) {
        for _ in 0..how_many {
            self.house.tenant.a_cycle_each().await;
        }
    }
}

/// An address by which one house's CRM alone knows somebody.
fn address(word: &str, name: &str) -> String {
    format!("{name}@{word}.example")
}

/// A contact or a lead.
async fn make(desk: &mut Desk, kind: &str, name: &str, address: &str) {
    let thing = json!({ "name": name, "address": address, "extra": "", "note": "" });
    desk.tell(&json!({ "do": "make", "side": "crm", "kind": kind, "address": AMELIE, "thing": thing })).await;
}

/// Each once, on one record.
fn on(record: &str, ids: &[&str]) -> Log {
    ids.iter().map(|id| ((*id).to_owned(), vec![record.to_owned()])).collect()
}

/// A connection to OpenERP, and a licence for it.
fn connect(tenant: &Tenant, server: &Value) {
    let text = |key: &str| server[key].as_str().unwrap();
    let connection = format!(
        "system = \"odoo\"\naddress = \"{}\"\naccount = \"{}\"\nauth = {{ method = \"password\" }}\n\n\
         [options]\ndatabase = \"{}\"\n",
        text("url"),
        text("login"),
        text("database")
    );
    std::fs::write(tenant.workspace().join("connections/openerp.toml"), connection).unwrap();
    let key = SecretKey { connection: "openerp".into(), kind: SecretKind::Password };
    FileSecrets::new(&tenant.workspace()).set(&key, &text("password").to_owned().into()).unwrap();
    let license = "[license]\nid = \"openerp\"\nlicensee = \"Tests\"\nmode = \"demo\"\nissued = \"2026-01-01\"\n\
                   expires = \"2999-12-31\"\n\n[license.counts]\nexchange-ews = 8\nodoo = 8\n";
    let issuer = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo/demo-issuer.key");
    let license = sign(license, &std::fs::read_to_string(issuer).unwrap().into()).unwrap();
    std::fs::write(tenant.workspace().join("licenses/openerp.license"), license).unwrap();
    let mut policy = tenant.admin.policy(&"sales-team".into()).unwrap();
    policy.crm = "openerp".into();
    tenant.admin.save_policy(&policy, &ChangeEntry { why: "another CRM".into() }).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn openerp_logs_each_mail_with_somebody_whom_it_knows_once_and_tells_nobody() {
    let policy = EmailPolicy { days_back: 1, ..EmailPolicy::default() };
    let Some(mut firm) = Firm::new("once", policy).await else { return };
    make(&mut firm.desk, "lead", "Lena", &address("once", "lena")).await;
    let told = firm.told().await;
    let old = Utc::now() - Duration::days(2000);

    firm.mail(AMELIE, "inbox", "came", "ann", json!({}));
    firm.mail(AMELIE, "inbox", "asked", "lena", json!({}));
    let went =
        json!({ "From": null, "ToRecipients": ["x@far.example"], "BccRecipients": [address("once", "ann")] });
    firm.mail(AMELIE, "sentitems", "went", "", went);
    firm.mail(AMELIE, "inbox", "stranger", "stranger", json!({}));
    firm.mail(AMELIE, "inbox", "colleague", "", json!({ "From": [KENJI] }));
    firm.mail(AMELIE, "inbox", "private", "ann", json!({ "Sensitivity": "Private" }));
    firm.mail_of(AMELIE, "inbox", "old", old, "ann", json!({}));
    for user in [AMELIE, KENJI] {
        firm.mail(user, "inbox", "both", "ann", json!({ "ToRecipients": [AMELIE, KENJI] }));
    }
    let dropped = firm.mail_of(KENJI, "inbox", "dropped", old, "ann", json!({}));
    firm.house.moved(KENJI, &dropped, DROP);
    firm.mail_of(KENJI, DROP, "waits", old, "new", json!({}));
    let amelie = firm.house.member(AMELIE).await;
    let preview = firm.house.tenant.agent.preview(amelie).await.unwrap();
    assert_eq!(preview.deeds.len(), 4, "{preview:?}");
    assert_eq!(firm.log().await, Log::new());

    let mut wanted = on("Ann Vale", &["came", "went", "both", "dropped"]);
    wanted.extend(on("Lena asks", &["asked"]));
    firm.cycles(1).await;
    firm.cycles(1).await;
    assert_eq!(firm.log().await, wanted);
    let kenji = firm.house.member(KENJI).await;
    let waiting = firm.house.tenant.agent.not_synced(kenji).await.unwrap();
    let waits = waiting.iter().any(|item| {
        item.module == Module::Email && item.reason.starts_with("Nobody in it is known to the CRM")
    });
    assert!(waits, "{waiting:?}");
    // Nothing has changed, and all that is read again is known.
    firm.cycles(2).await;
    firm.house.tenant.stop_agent().await;
    firm.house.tenant.sandbox.control().invalidate_sync_states();
    firm.house.tenant.start_agent().await;
    firm.cycles(2).await;
    assert_eq!(firm.log().await, wanted);
    // The state is lost: what lies in Inbox, Sent Items and the drop folder is asked about, and found in the log.
    firm.house.lose_state().await;
    firm.cycles(2).await;
    firm.mail(AMELIE, "inbox", "later", "ann", json!({}));
    firm.cycles(2).await;
    wanted.extend(on("Ann Vale", &["later"]));
    assert_eq!(firm.log().await, wanted);

    // A person takes one out of the log: it does not come back. Somebody becomes known: what waited for that is logged.
    let rows = firm.desk.tell(&json!({ "do": "log", "side": "crm" })).await;
    let came = rows.as_array().unwrap().iter().find(|row| row["subject"] == "About once-came").unwrap();
    let deletion = json!({ "do": "delete", "side": "crm", "kind": "message", "id": came["id"] });
    firm.desk.tell(&deletion).await;
    wanted.remove("came");
    make(&mut firm.desk, "contact", "New", &address("once", "new")).await;
    let kenji = firm.house.member(KENJI).await;
    firm.house.order(kenji, Order::Retry { pair: None }).await;
    firm.cycles(2).await;
    wanted.extend(on("New Vale", &["waits"]));
    assert_eq!(firm.log().await, wanted);

    // An undo takes out what Riva has logged for the user since, and nothing else; it is not logged again.
    firm.house.order(kenji, Order::Undo { span: UndoSpan::Since(Utc::now() - Duration::hours(1)) }).await;
    firm.cycles(2).await;
    wanted.remove("waits");
    assert_eq!(firm.log().await, wanted);
    assert_eq!(firm.told().await, told, "nobody is told, though somebody follows");
    firm.house.nobody_was_mailed_and_nothing_written();
    firm.house.tenant.stop_agent().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openerp_logs_what_is_dropped_at_an_opportunity_on_it_and_on_whom_it_concerns() {
    let policy = EmailPolicy { assign_to: true, inbox: false, sent: false, ..EmailPolicy::default() };
    let Some(mut firm) = Firm::new("assign", policy).await else { return };
    make(&mut firm.desk, "opportunity", "Olga", &address("assign", "olga")).await;
    firm.cycles(1).await;
    let told = firm.told().await;
    let folder = "CRM/Assign To/Olga asks";
    firm.mail(AMELIE, folder, "stranger", "stranger", json!({}));
    firm.mail(AMELIE, folder, "known", "ann", json!({}));
    let preview = firm.house.tenant.agent.preview(firm.house.member(AMELIE).await).await.unwrap();
    let rule = "assigned by the user to \"Olga asks\", people by matching addresses";
    assert_eq!(preview.deeds.iter().filter(|deed| deed.rule == rule).count(), 2, "{preview:?}");
    firm.cycles(2).await;
    let mut log = firm.log().await;
    for on in log.values_mut() {
        on.sort();
    }
    let wanted = Log::from([
        ("stranger".to_owned(), vec!["Olga asks".to_owned()]),
        ("known".to_owned(), vec!["Ann Vale".to_owned(), "Olga asks".to_owned()]),
    ]);
    assert_eq!(log, wanted);
    // The state is lost: nothing is logged again.
    firm.house.lose_state().await;
    firm.cycles(2).await;
    assert_eq!(firm.log().await.values().map(Vec::len).sum::<usize>(), 3);
    assert_eq!(firm.told().await, told, "nobody is told");
    firm.house.nobody_was_mailed_and_nothing_written();
    firm.house.tenant.stop_agent().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openerp_has_each_mail_once_however_often_the_agent_is_killed() {
    let policy = EmailPolicy { drop_folders: false, ..EmailPolicy::default() };
    let Some(mut firm) = Firm::new("kill", policy).await else { return };
    let told = firm.told().await;
    let (mut wanted, mut in_its_work) = (Log::new(), 0);
    for round in 0..8_usize {
        for n in 0..6 {
            let id = format!("{round}-{n}");
            let users = [AMELIE, KENJI];
            for user in if n % 3 == 0 { &users[..] } else { &users[n % 2..=n % 2] } {
                firm.mail(user, "inbox", &id, "ann", json!({ "ToRecipients": users }));
            }
            wanted.extend(on("Ann Vale", &[&id]));
        }
        let before = firm.log().await.len();
        firm.house.tenant.sync_now().await;
        // In the middle of its work: some are logged, of which it may not know yet.
        let deadline = Instant::now() + Wait::from_secs(20);
        while firm.log().await.len() < before + 1 + round % 4 && Instant::now() < deadline {}
        firm.house.tenant.kill_agent();
        in_its_work += usize::from(firm.log().await.len() < wanted.len());
        firm.house.tenant.start_agent().await;
    }
    firm.house.tenant.settle().await;
    assert_eq!(firm.log().await, wanted);
    assert!(in_its_work > 2, "hardly a kill fell into its work: {in_its_work}");
    println!("{in_its_work} of 8 kills fell into its work");
    assert_eq!(firm.told().await, told);
    firm.house.tenant.stop_agent().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openerp_has_each_file_once_however_often_the_agent_is_killed() {
    let policy = EmailPolicy { drop_folders: false, attachments: true, ..EmailPolicy::default() };
    let Some(mut firm) = Firm::new("files", policy).await else { return };
    make(&mut firm.desk, "lead", "Lena", &address("files", "lena")).await;
    let told = firm.told().await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let mut wanted: BTreeMap<String, Vec<(String, Vec<u8>)>> = BTreeMap::new();
    for round in 0..5_usize {
        for n in 0..4 {
            let id = format!("{round}-{n}");
            let own = format!("Größe {id}");
            let files: [(&str, &[u8]); 2] = [("every byte.bin", &every_byte), ("Größe.txt", own.as_bytes())];
            let to = [AMELIE, KENJI, &address("files", "lena")];
            for user in &[AMELIE, KENJI][..=n % 2] {
                let more = json!({ "ToRecipients": to, "Attachments": attached(&files) });
                firm.mail(user, "inbox", &id, "ann", more);
            }
            let mut files = files.map(|(name, content)| (name.to_owned(), content.to_vec())).to_vec();
            files.sort();
            wanted.insert(id, files);
        }
        let before = firm.log().await.len();
        firm.house.tenant.sync_now().await;
        let deadline = Instant::now() + Wait::from_secs(20);
        while firm.log().await.len() < before + 1 + round % 3 && Instant::now() < deadline {}
        firm.house.tenant.kill_agent();
        firm.house.tenant.start_agent().await;
    }
    firm.house.tenant.settle().await;
    let rows = firm.desk.tell(&json!({ "do": "log", "side": "crm" })).await;
    let mut records: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows.as_array().unwrap() {
        let id = id_in(&row["message_id"]);
        let Some(id) = id.strip_prefix("files-") else { continue };
        let file = |file: &Value| {
            (file[0].as_str().unwrap().to_owned(), STANDARD.decode(file[1].as_str().unwrap()).unwrap())
        };
        let mut files: Vec<_> = row["files"].as_array().unwrap().iter().map(file).collect();
        files.sort();
        assert_eq!(Some(&files), wanted.get(id), "{id}, on {}", row["record_name"]);
        *records.entry(id.to_owned()).or_default() += 1;
    }
    let each_on_both: BTreeMap<String, usize> = wanted.keys().map(|id| (id.clone(), 2)).collect();
    assert_eq!(records, each_on_both, "on Ann and on Lena");
    assert_eq!(firm.told().await, told, "nobody is told of a file");
    firm.house.nobody_was_mailed_and_nothing_written();
    firm.house.tenant.stop_agent().await;
}
