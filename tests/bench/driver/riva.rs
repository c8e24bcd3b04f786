//! Our side of the duel: connector, engine and store as the agent runs them, one member, cycle after cycle.

use crate::crm::Crm;
use crate::events::events;
use chrono::{TimeDelta, Utc};
use riva_core::activity::{EventSink, SyncEvent};
use riva_core::documents::{AuthMethod, CalendarPolicy, Connection, Policy, PolicyModules, SystemKind};
use riva_core::item::{Field, Item, Module};
use riva_core::ports::{
    Clock as _, CrmSystem as _, MailSystem, QueueStore as _, SecretKey, SecretKind, SecretStore as _,
    SystemClock,
};
use riva_core::queue::MemberSpec;
use riva_core::secrets::{DataKey, MemorySecrets};
use riva_store::SqlStore;
use riva_sync::{CycleContext, FeedContext, RandomIds, Record, StopSignal, run_cycle, run_feed};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the command line says.
pub struct Start<'a> {
    /// The DAV root.
    pub url: &'a str,
    /// The calendar's name.
    pub calendar: &'a str,
    /// Where the state database lies.
    pub state: &'a Path,
    /// Events in the CRM at the start, unless it is empty.
    pub events: usize,
    /// Writes at once that the connection allows.
    pub writers: &'a str,
    /// `series`, `empty`.
    pub how: &'a [&'a str],
}

/// CPU time of this process until now: user and system, of all threads.
pub fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.cast_unsigned(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

struct Nobody;

impl EventSink for Nobody {
    fn emit(&self, event: SyncEvent) {
        if let SyncEvent::Line { level, text, .. } = event
            && level != riva_core::activity::Level::Info
        {
            eprintln!("{text}");
        }
    }
}

impl StopSignal for Nobody {
    fn stopped(&self) -> bool {
        false
    }
}

struct Duelist {
    store: SqlStore,
    mail: Arc<dyn MailSystem>,
    crm: Crm,
    policy: Policy,
}

/// Does what stdin says, a line at a time: `cycle`, `edit FIRST EVERY PREFIX`, `dump FILE`.
pub async fn run(start: Start<'_>) -> Result<(), String> {
    let duelist = Arc::new(Duelist::prepare(&start).await?);
    println!("{}", serde_json::json!({ "cpu": cpu().as_secs_f64() }));
    // The main thread may wait for its next command: the runtime has its own.
    for line in std::io::stdin().lines() {
        let line = line.map_err(|e| e.to_string())?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words.as_slice() {
            ["cycle"] => {
                // A task, as with the agent.
                let duelist = Arc::clone(&duelist);
                tokio::spawn(async move { duelist.until_done().await }).await.map_err(|e| e.to_string())??
            }
            ["edit", first, every, prefix] => {
                let number = |text: &str| text.parse().map_err(|_| format!("{text} is no number"));
                duelist.crm.edit(number(first)?, number(every)?, prefix);
                serde_json::json!({})
            }
            ["dump", file] => {
                let items: BTreeMap<String, Vec<String>> = duelist
                    .crm
                    .items()
                    .iter()
                    .map(|i| (i.uid.clone().unwrap_or_default(), shown(i)))
                    .collect();
                std::fs::write(file, serde_json::to_string(&items).unwrap_or_default())
                    .map_err(|e| e.to_string())?;
                serde_json::json!({ "items": duelist.crm.items().len() })
            }
            _ => return Err(format!("{line}?")),
        };
        println!("{answer}");
    }
    duelist.store.close().await;
    Ok(())
}

/// An event as it is compared: subject, place, start, end, text, people.
fn shown(item: &Item) -> Vec<String> {
    let (start, end) = item.when().map(riva_core::item::When::utc).unwrap_or_default();
    let body = match item.get(Field::Body) {
        Some(riva_core::item::Value::Body(body)) => body.canonical(),
        _ => String::new(),
    };
    let people = item.set_elements(Field::Attendees).map(|e| e.keys().cloned().collect::<Vec<_>>().join(" "));
    let stamp = "%Y%m%dT%H%M%SZ";
    vec![
        item.text(Field::Summary).unwrap_or_default().to_owned(),
        item.text(Field::Location).unwrap_or_default().to_owned(),
        start.format(stamp).to_string(),
        end.format(stamp).to_string(),
        body,
        people.unwrap_or_default(),
    ]
}

impl Duelist {
    async fn prepare(start: &Start<'_>) -> Result<Self, String> {
        let mut options = BTreeMap::from([
            ("home".to_owned(), "/u/".to_owned()),
            ("calendar".to_owned(), start.calendar.to_owned()),
        ]);
        if start.writers != "1" {
            options.insert("writers".to_owned(), start.writers.to_owned());
        }
        let connection = Connection {
            name: "mail".into(),
            system: SystemKind::Caldav,
            display_name: None,
            address: start.url.parse().map_err(|e| format!("{}: {e}", start.url))?,
            account: "u".into(),
            auth: AuthMethod::Password,
            access: None,
            ca_file: None,
            max_concurrent: None,
            picklists: riva_core::documents::Picklists::default(),
            options,
            created: None,
            modified: None,
        };
        let secrets = MemorySecrets::default();
        let key = SecretKey { connection: "mail".into(), kind: SecretKind::Password };
        secrets.set(&key, &"p".to_owned().into()).map_err(|e| e.what)?;
        let sealed = DataKey::of(&secrets).map_err(|e| e.what)?;
        let systems = riva_connectors::registry(Arc::new(secrets), start.state);
        let mail = systems.mail(&connection).map_err(|e| e.to_string())?;
        let store =
            SqlStore::open(&start.state.join("riva.db")).await.map_err(|e| e.to_string())?.with_key(sealed);
        let spec = MemberSpec {
            policy: "duel".into(),
            address: "u@example.org".into(),
            mail: "mail".into(),
            crm: "crm".into(),
            enabled: true,
        };
        store.set_members(&[spec], Utc::now()).await.map_err(|e| e.to_string())?;
        // What the calendar can hold does not depend on what is in it.
        let open = mail.open(&"u@example.org".into()).await.map_err(|e| e.to_string())?;
        let crm = Crm::like(open.capabilities());
        if !start.how.contains(&"empty") {
            for event in events(start.events, start.how.contains(&"series")) {
                crm.add(event.item()?);
            }
        }
        let calendar = CalendarPolicy { days_back: 3650, days_ahead: 3650, ..CalendarPolicy::default() };
        let policy = Policy {
            name: "duel".into(),
            enabled: true,
            mail: "mail".into(),
            crm: "crm".into(),
            schedule: riva_core::documents::Schedule::default(),
            modules: PolicyModules { calendar: Some(calendar), ..PolicyModules::default() },
            safety: riva_core::documents::Safety::default(),
            first_sync: riva_core::documents::FirstSync::default(),
            no_permission: riva_core::documents::NoPermission::default(),
            created: None,
            modified: None,
            users: Vec::new(),
        };
        Ok(Self { store, mail, crm, policy })
    }

    /// Cycles until nothing is left to do: all that the agent does for it, but for its log.
    async fn until_done(&self) -> Result<serde_json::Value, String> {
        let (begun, before) = (Instant::now(), cpu());
        let (mut writes, mut cycles) = (0, 0);
        loop {
            cycles += 1;
            let (wrote, more) = self.cycle().await?;
            writes += wrote;
            if !more {
                break;
            }
        }
        let (wall, cpu) = (begun.elapsed().as_secs_f64(), cpu().saturating_sub(before).as_secs_f64());
        Ok(serde_json::json!({ "wall": wall, "cpu": cpu, "writes": writes, "cycles": cycles }))
    }

    async fn cycle(&self) -> Result<(u32, bool), String> {
        let text = |e: &dyn std::fmt::Display| e.to_string();
        let now = SystemClock.now();
        let claimed = self
            .store
            .claim("duel", now, now + TimeDelta::seconds(90), 1)
            .await
            .map_err(|e| text(&e))?
            .pop()
            .ok_or("the member is not due")?;
        let (member, fence) = (&claimed.member, claimed.fence);
        self.store.update_state(member.id, fence, &member.state).await.map_err(|e| text(&e))?;
        let mail = self.mail.open(&member.address).await.map_err(|e| text(&e))?;
        let user = Crm::user();
        let feed = FeedContext {
            connection: &member.crm,
            crm: &self.crm,
            members: &[(member.id, user.id.clone())],
            modules: &[Module::Calendar],
            store: &self.store,
            stop: &Nobody,
        };
        run_feed(&feed).await.map_err(|e| text(&e))?;
        let crm = self.crm.open(&user).await.map_err(|e| text(&e))?;
        let context = CycleContext {
            member,
            fence,
            policy: &self.policy,
            mail,
            crm,
            store: &self.store,
            clock: &SystemClock,
            ids: &RandomIds,
            events: &Nobody,
            stop: &Nobody,
            // As the agent's defaults have it: what stood there before a write is kept, sealed, so that it can be undone.
            record: Record { before: true, ..Record::default() },
        };
        let outcome = run_cycle(&context).await;
        let ended = SystemClock.now();
        self.store.release(member.id, fence, &member.state, ended).await.map_err(|e| text(&e))?;
        match outcome.fault {
            Some(fault) => Err(fault.to_string()),
            None => Ok((outcome.writes, outcome.more_work)),
        }
    }
}
