//! Reads or makes a series in an Exchange mailbox with Riva's own connector, for outside clients to compare with what they
//! see: `exchange_series read|write URL CA ACCOUNT PASSWORD USER SUBJECT`. `read` prints the item as JSON; `write` makes a
//! series of five Mondays from 2027-06-07, 09:00 in Berlin, of which the second has another subject (`SUBJECT, too`), the
//! third is on the day after, and the fourth is cancelled.

use chrono::{Duration, NaiveDate};
use riva_connectors::exchange;
use riva_core::documents::{AccessMethod, AuthMethod, Connection, SystemKind};
use riva_core::ids::{EmailAddress, Marker, PairId};
use riva_core::item::{
    Ends, Field, Frequency, Item, Module, Override, Recurrence, RecurrenceId, Rule, Value, When,
};
use riva_core::ports::{Draft, Fetched, SecretError, SecretKey, SecretStore, SilentWriter};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

struct OneSecret(String);

impl SecretStore for OneSecret {
    fn get(&self, _: &SecretKey) -> Result<Option<SecretString>, SecretError> {
        Ok(Some(self.0.clone().into()))
    }
    fn set(&self, _: &SecretKey, _: &SecretString) -> Result<(), SecretError> {
        Ok(())
    }
    fn remove(&self, _: &SecretKey) -> Result<(), SecretError> {
        Ok(())
    }
    fn place(&self) -> String {
        "the command line".to_owned()
    }
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, url, ca, account, password, user, subject] = arguments.as_slice() else {
        return Err("exchange_series read|write URL CA ACCOUNT PASSWORD USER SUBJECT".into());
    };
    let connection = Connection {
        name: "judge".into(),
        system: SystemKind::ExchangeEws,
        display_name: None,
        address: url.parse()?,
        account: account.clone(),
        auth: AuthMethod::Password,
        access: Some(AccessMethod::Impersonation),
        ca_file: Some(ca.into()),
        max_concurrent: None,
        picklists: riva_core::documents::Picklists::default(),
        options: BTreeMap::new(),
        created: None,
        modified: None,
    };
    let secrets: Arc<dyn SecretStore> = Arc::new(OneSecret(password.clone()));
    let system = exchange::system(&connection, &secrets, Path::new("/"))?;
    let side = system.open(&EmailAddress::new(user.as_str())).await?;
    if mode == "write" {
        return write(&*side, subject).await;
    }
    let mut next = None;
    loop {
        let page = side.list(Module::Calendar, None, next.as_ref()).await?;
        let ids: Vec<_> = page.items.into_iter().map(|listed| listed.id).collect();
        for found in side.fetch(Module::Calendar, &ids).await? {
            if let Fetched::Present { item, .. } = found
                && item.title() == *subject
            {
                println!("{}", serde_json::to_string(&item)?);
                return Ok(());
            }
        }
        next = page.next;
        if next.is_none() {
            return Err(format!("there is no {subject}").into());
        }
    }
}

async fn write(side: &dyn SilentWriter, subject: &str) -> Outcome<()> {
    let first = NaiveDate::from_ymd_opt(2027, 6, 7).and_then(|d| d.and_hms_opt(9, 0, 0)).ok_or("no date")?;
    let monday = |n: i64| RecurrenceId::Wall(first + Duration::weeks(n));
    let from =
        |start| When::Timed { start, end: start + Duration::hours(1), zone: chrono_tz::Europe::Berlin };
    let changed = |field, value| Override::Changed([(field, value)].into());
    let mut rule = Rule::every(1, Frequency::Weekly);
    rule.ends = Ends::After(5);
    let overrides = BTreeMap::from([
        (monday(1), changed(Field::Summary, Value::text(format!("{subject}, too")))),
        (monday(2), changed(Field::When, Value::When(from(first + Duration::days(15))))),
        (monday(3), Override::Cancelled),
    ]);
    let mut item = Item::new(Module::Calendar);
    item.set_text(Field::Summary, subject);
    item.set(Field::When, Value::When(from(first)));
    item.set(Field::Recurrence, Value::Recurrence(Recurrence { rules: vec![rule], ..Recurrence::default() }));
    item.set(Field::Overrides, Value::Overrides(overrides));
    let marker = Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 };
    let answers = side.create(Module::Calendar, &[Draft { marker, item }]).await?;
    for answer in answers {
        answer?;
    }
    Ok(())
}
