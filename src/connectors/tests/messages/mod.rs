//! Messages of the sandbox's Exchange: what a mailbox tells of them, and the folders that it gets.

mod assigned;
mod files;

use super::House;
use chrono::{DateTime, Utc};
use riva_core::documents::AccessMethod;
use riva_core::fault::CallError;
use riva_core::ids::{Cursor, EmailAddress, RemoteId};
use riva_core::item::{Field, Item, MailFolder, Module, Role, Sensitivity, Value};
use riva_core::ports::{CREATE_NEW_EMAIL, Change, Fetched, MessageFolders, SilentWriter};
use riva_sandbox::exchange::Edit;
use serde_json::{Value as Json, json};

/// Somebody whose Inbox is empty.
const GRACE: &str = "grace.kim@northwind-demo.example";
const HANNAH: &str = "hannah.fischer@northwind-demo.example";
const CUSTOMER: &str = "ann@far.example";
const DROP: &str = "CRM/- Create New Email";

fn folders() -> MessageFolders {
    let from = "2026-11-23T08:15:00.75Z".parse().unwrap();
    MessageFolders { inbox: true, sent: true, master: Some("CRM".into()), assign: None, from }
}

impl House {
    /// A message that lies in a folder since then.
    fn message(&self, folder: &str, at: &str, id: &str, more: &Json) -> RemoteId {
        let mut fields = json!({
            "Subject": format!("Subject of {id}"), "From": [CUSTOMER], "ToRecipients": [GRACE],
            "InternetMessageId": format!("<{id}@far.example>"), "Body": {"html": "<p>Dear <b>Grace</b></p>"},
        });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let edit = Edit::Deliver {
            user: GRACE.into(),
            folder: folder.into(),
            at: Some(at.parse::<DateTime<Utc>>().unwrap()),
            fields: fields.as_object().unwrap().clone(),
        };
        RemoteId::new(self.sandbox.control().edit(edit).unwrap().unwrap())
    }

    fn moved(&self, id: &RemoteId, folder: &str) -> RemoteId {
        let edit = Edit::Move { user: GRACE.into(), id: id.to_string(), folder: folder.into() };
        RemoteId::new(self.sandbox.control().edit(edit).unwrap().unwrap())
    }
}

/// All that is told after a cursor.
async fn told(
    side: &dyn SilentWriter,
    folders: &MessageFolders,
    after: Option<&Cursor>,
) -> Result<(Vec<Change>, Cursor), CallError> {
    let source = side.message_source().unwrap();
    let (mut all, mut cursor) = (Vec::new(), after.cloned());
    for _ in 0..100 {
        let page = source.messages(folders, cursor.as_ref()).await?;
        all.extend(page.changes);
        if !page.more {
            return Ok((all, page.cursor));
        }
        cursor = Some(page.cursor);
    }
    panic!("it does not end");
}

fn seen(changes: &[Change]) -> Vec<RemoteId> {
    let id = |change: &Change| match change {
        Change::Seen { id, .. } => Some(id.clone()),
        Change::Deleted { .. } => None,
    };
    changes.iter().filter_map(id).collect()
}

fn gone(changes: &[Change]) -> Vec<RemoteId> {
    let id = |change: &Change| match change {
        Change::Deleted { id } => Some(id.clone()),
        Change::Seen { .. } => None,
    };
    changes.iter().filter_map(id).collect()
}

async fn read(side: &dyn SilentWriter, id: &RemoteId) -> Item {
    let shown = side.fetch(Module::Email, std::slice::from_ref(id)).await.unwrap().remove(0);
    let Fetched::Present { item, marker: None, .. } = shown else { panic!("{shown:?}") };
    *item
}

#[tokio::test]
async fn messages_are_read_with_their_people_text_and_folder() {
    let house = House::open().await;
    let side = house.mailbox(GRACE).await;
    let source = side.message_source().unwrap();
    assert_eq!(source.make_folders(&folders()).await.unwrap(), ["CRM".to_owned(), DROP.to_owned()]);
    assert_eq!(source.make_folders(&folders()).await.unwrap(), [""; 0], "they are there");

    let more = json!({"ToRecipients": [GRACE, "Bo@Far.example"], "CcRecipients": ["cc@far.example"]});
    let came = house.message("inbox", "2026-11-23T08:15:00Z", "came", &more);
    let sent = json!({
        "From": null, "ToRecipients": [CUSTOMER], "BccRecipients": ["unseen@far.example"], "Sensitivity": "Private",
    });
    let sent = house.message("sentitems", "2026-11-23T08:20:00Z", "sent", &sent);
    let old = house.message("inbox", "2019-05-01T00:00:00Z", "old", &json!({}));
    let dropped = house.moved(&house.message("inbox", "2019-05-01T00:00:00Z", "dropped", &json!({})), DROP);
    let (changes, cursor) = told(&*side, &folders(), None).await.unwrap();
    let mut all = seen(&changes);
    all.sort();
    let mut wanted = vec![came.clone(), sent.clone(), dropped.clone()];
    wanted.sort();
    assert_eq!(all, wanted, "what came in before is left out, but where it was dropped by hand");
    assert!(!all.contains(&old));

    let item = read(&*side, &came).await;
    assert_eq!(item.uid.as_deref(), Some("<came@far.example>"));
    assert_eq!(item.mail_folder(), Some(MailFolder::Inbox));
    assert_eq!(item.text(Field::Summary), Some("Subject of came"));
    assert_eq!(item.get(Field::SentAt), Some(&Value::Number(1_795_421_700)));
    let people = |role| item.addresses(role).map(|(address, _)| address.to_string()).collect::<Vec<_>>();
    assert_eq!(people(Role::From), [CUSTOMER]);
    assert_eq!(people(Role::To), ["bo@far.example", GRACE]);
    assert_eq!(people(Role::Cc), ["cc@far.example"]);
    let Some(Value::Body(body)) = item.get(Field::Body) else { panic!("{item:?}") };
    assert_eq!(body.text.trim(), "Dear Grace");
    let item = read(&*side, &sent).await;
    assert_eq!(item.mail_folder(), Some(MailFolder::Sent));
    assert_eq!(item.addresses(Role::From).next().unwrap().0.as_str(), GRACE);
    assert_eq!(item.addresses(Role::Bcc).next().unwrap().0.as_str(), "unseen@far.example");
    assert_eq!(item.get(Field::Sensitivity), Some(&Value::Sensitivity(Sensitivity::Private)));
    assert_eq!(read(&*side, &dropped).await.mail_folder(), Some(MailFolder::Drop));

    // From here on what happens alone is told.
    assert_eq!(told(&*side, &folders(), Some(&cursor)).await.unwrap().0, []);
    let now_dropped = house.moved(&came, DROP);
    let next = house.message("inbox", "2026-11-24T08:15:00Z", "next", &json!({}));
    let (changes, _) = told(&*side, &folders(), Some(&cursor)).await.unwrap();
    assert_eq!((seen(&changes), gone(&changes)), (vec![next, now_dropped], vec![came]));
    let counters = house.sandbox.control().counters();
    for never in ["CreateItem", "UpdateItem", "DeleteItem", "MoveItem"] {
        assert_eq!(counters.requests.get(never), None, "a mailbox's messages are read alone");
    }
    assert_eq!((counters.requests["CreateFolder"], counters.total_mails()), (2, 0));
}

#[tokio::test]
async fn folders_are_read_as_the_policy_says() {
    let house = House::open().await;
    let side = house.mailbox(GRACE).await;
    let inbox = house.message("inbox", "2026-11-23T08:15:00Z", "1", &json!({}));
    let sent = house.message("sentitems", "2026-11-23T08:15:00Z", "2", &json!({"From": null}));
    let only = |inbox, sent| MessageFolders { inbox, sent, master: None, ..folders() };
    assert_eq!(side.message_source().unwrap().make_folders(&only(true, true)).await.unwrap(), [""; 0]);
    let (changes, cursor) = told(&*side, &only(true, false), None).await.unwrap();
    assert_eq!(seen(&changes), [inbox]);
    let (changes, _) = told(&*side, &only(false, true), Some(&cursor)).await.unwrap();
    assert_eq!(seen(&changes), [sent]);
    // Drop folders that nobody has made yet are empty.
    let drop = MessageFolders { inbox: false, sent: false, ..folders() };
    assert_eq!(told(&*side, &drop, None).await.unwrap().0, []);
}

#[tokio::test]
async fn small_pages_and_lost_places_miss_nothing() {
    let house = House::open().await;
    let side = house.mailbox(GRACE).await;
    side.message_source().unwrap().make_folders(&folders()).await.unwrap();
    let mut all = Vec::new();
    for n in 0..7 {
        all.push(house.message("inbox", "2026-11-23T08:15:00Z", &format!("in{n}"), &json!({})));
        all.push(house.message(DROP, "2020-11-23T08:15:00Z", &format!("drop{n}"), &json!({})));
    }
    all.push(house.message("sentitems", "2026-11-23T08:15:00Z", "sent", &json!({})));
    all.sort();
    house.sandbox.control().set_page_size(Some(2));
    let sorted = |changes: &[Change]| {
        let mut ids = seen(changes);
        ids.sort();
        ids
    };
    let (changes, cursor) = told(&*side, &folders(), None).await.unwrap();
    assert_eq!(sorted(&changes), all);

    house.sandbox.control().invalidate_sync_states();
    for lost in [&cursor, &Cursor::new("of another version")] {
        let lost = told(&*side, &folders(), Some(lost)).await;
        assert!(matches!(lost, Err(CallError::CursorLost(_))), "{lost:?}");
    }
    assert_eq!(sorted(&told(&*side, &folders(), None).await.unwrap().0), all);
}

#[tokio::test]
async fn with_full_access_it_is_that_mailbox_all_the_same() {
    let house = House::open().await;
    let system = house.system(&house.password, |c| c.access = Some(AccessMethod::DelegateFullAccess));
    let side = system.open(&EmailAddress::new(HANNAH)).await.unwrap();
    let made = side.message_source().unwrap().make_folders(&folders()).await.unwrap();
    assert_eq!(made, ["CRM".to_owned(), DROP.to_owned()]);
    let at = Some("2020-01-01T00:00:00Z".parse().unwrap());
    let fields = json!({"Subject": "Hers", "From": [CUSTOMER]}).as_object().unwrap().clone();
    let edit = Edit::Deliver { user: HANNAH.into(), folder: DROP.into(), at, fields };
    let id = RemoteId::new(house.sandbox.control().edit(edit).unwrap().unwrap());
    assert_eq!(seen(&told(&*side, &folders(), None).await.unwrap().0), std::slice::from_ref(&id));
    assert_eq!(read(&*side, &id).await.mail_folder(), Some(MailFolder::Drop));
}

#[tokio::test]
async fn a_drop_folder_that_its_user_deletes_is_made_again() {
    let house = House::open().await;
    let side = house.mailbox(GRACE).await;
    let source = side.message_source().unwrap();
    source.make_folders(&folders()).await.unwrap();
    let first = house.message(DROP, "2020-11-23T08:15:00Z", "first", &json!({}));
    let (changes, cursor) = told(&*side, &folders(), None).await.unwrap();
    assert_eq!(seen(&changes), [first]);
    house.sandbox.control().delete_folder(GRACE, DROP).unwrap();
    assert_eq!(told(&*side, &folders(), Some(&cursor)).await.unwrap().0, [], "no fault");
    assert_eq!(source.make_folders(&folders()).await.unwrap(), [format!("CRM/{CREATE_NEW_EMAIL}")]);
    let second = house.message(DROP, "2020-11-23T08:15:00Z", "second", &json!({}));
    assert_eq!(seen(&told(&*side, &folders(), Some(&cursor)).await.unwrap().0), [second]);
}
