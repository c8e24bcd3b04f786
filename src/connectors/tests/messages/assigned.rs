//! The sub-folders of `Assign To`: each carries its record, whatever it is called and whoever asks.

use super::*;
use riva_core::item::Assigned;
use riva_core::ports::{FolderTag, RecordFolder};

const ASSIGN: &str = "CRM/Assign To";

fn assign_alone() -> MessageFolders {
    MessageFolders { inbox: false, sent: false, master: None, assign: Some("CRM".into()), ..folders() }
}

fn tag(record: &str, given: &str) -> FolderTag {
    FolderTag { record: record.into(), given: given.into() }
}

async fn all(side: &dyn SilentWriter) -> Vec<RecordFolder> {
    side.message_source().unwrap().assign_to("CRM").await.unwrap().unwrap().folders
}

#[tokio::test]
async fn a_message_tells_of_which_record_its_folder_is() {
    let house = House::open().await;
    let side = house.mailbox(GRACE).await;
    let source = side.message_source().unwrap();
    assert_eq!(source.assign_to("CRM").await.unwrap(), None, "nobody has made it yet");
    let made = source.make_folders(&assign_alone()).await.unwrap();
    assert_eq!(made, ["CRM".to_owned(), ASSIGN.to_owned()]);
    let id = source.assign_to("CRM").await.unwrap().unwrap().id;
    // More than one page of them, and none twice.
    for n in 0..230 {
        assert!(source.make_record_folder(&id, &tag(&format!("r{n}"), &format!("Deal {n}"))).await.unwrap());
    }
    assert!(!source.make_record_folder(&id, &tag("other", "DEAL 7")).await.unwrap(), "the name is taken");
    let folders = all(&*side).await;
    assert_eq!(folders.len(), 230);
    let seventh = folders.iter().find(|folder| folder.name == "Deal 7").unwrap();
    assert_eq!(seventh.tag, Some(tag("r7", "Deal 7")));

    // Empty folders are not asked one by one.
    let asked = || house.sandbox.control().counters().requests.get("SyncFolderItems").copied().unwrap_or(0);
    let (changes, cursor) = told(&*side, &assign_alone(), None).await.unwrap();
    assert_eq!((changes, asked()), (Vec::new(), 0));
    let old = "2019-05-01T00:00:00Z";
    let dropped = house.message(&format!("{ASSIGN}/Deal 7"), old, "1", &json!({}));
    let (changes, cursor) = told(&*side, &assign_alone(), Some(&cursor)).await.unwrap();
    assert_eq!((seen(&changes), asked()), (vec![dropped.clone()], 1));
    // Renamed, it is the same folder; to a mailbox that is opened anew, too.
    assert!(source.rename_record_folder(&seventh.id, &tag("r7", "Seven / two")).await.unwrap());
    assert!(!source.rename_record_folder(&seventh.id, &tag("r7", "Deal 8")).await.unwrap(), "it is taken");
    let anew = house.mailbox(GRACE).await;
    let item = read(&*anew, &dropped).await;
    assert_eq!(item.mail_folder(), Some(MailFolder::Assigned));
    assert_eq!(item.assigned(), Some(Assigned { record: "r7".into(), name: "Seven / two".into() }));
    let renamed = all(&*side).await.into_iter().find(|folder| folder.id == seventh.id).unwrap();
    assert_eq!(renamed.tag, Some(tag("r7", "Seven / two")));
    // What is taken out is told once; then the folder is empty again.
    let away = house.moved(&dropped, "inbox");
    let (changes, cursor) = told(&*side, &assign_alone(), Some(&cursor)).await.unwrap();
    assert_eq!((gone(&changes), asked()), (vec![dropped], 2));
    assert_eq!(told(&*side, &assign_alone(), Some(&cursor)).await.unwrap().0, []);
    assert_eq!(asked(), 2);
    assert_eq!(read(&*side, &away).await.assigned(), None);
    assert_eq!(house.sandbox.control().counters().requests.get("DeleteFolder"), None);
}
