//! Requests of any shape are answered: with a reply or a fault, in well-formed XML.

use super::*;
use proptest::prelude::*;

/// Elements that operations look at, in any order and depth.
fn element() -> impl Strategy<Value = String> {
    let names = [
        "ItemShape",
        "BaseShape",
        "ItemIds",
        "ItemId",
        "Items",
        "Contact",
        "CalendarItem",
        "Task",
        "Start",
        "End",
        "Recurrence",
        "DailyRecurrence",
        "NumberedRecurrence",
        "Interval",
        "StartDate",
        "NumberOfOccurrences",
        "Restriction",
        "IsEqualTo",
        "Not",
        "FieldURI",
        "FieldURIOrConstant",
        "Constant",
        "ParentFolderIds",
        "DistinguishedFolderId",
        "CalendarView",
        "SyncState",
        "MaxChangesReturned",
        "ItemChanges",
        "ItemChange",
        "Updates",
        "SetItemField",
        "DeleteItemField",
        "EmailAddresses",
        "Entry",
        "Body",
        "IsAllDayEvent",
        "Attachments",
        "FileAttachment",
        "Content",
        "AttachmentIds",
        "AttachmentId",
        "ParentItemId",
    ];
    let attributes = [
        "",
        "Id=\"calendar\"",
        "Id=\"contacts\"",
        "FieldURI=\"calendar:Start\"",
        "FieldURI=\"item:Body\"",
        "Key=\"EmailAddress1\"",
        "BodyType=\"HTML\"",
        "StartDate=\"2026-01-01T00:00:00Z\" EndDate=\"4400-01-01T00:00:00Z\"",
        "Value=\"x\"",
    ];
    let texts =
        ["", "IdOnly", "AllProperties", "1", "999", "true", "4500-12-31T23:59:59Z", "1601-01-01", "x"];
    let name = proptest::sample::select(names.to_vec());
    let attribute = proptest::sample::select(attributes.to_vec());
    let text = proptest::sample::select(texts.to_vec());
    let leaf =
        (name.clone(), attribute.clone(), text).prop_map(|(n, a, t)| format!("<t:{n} {a}>{t}</t:{n}>"));
    leaf.prop_recursive(5, 40, 5, move |inner| {
        (name.clone(), attribute.clone(), proptest::collection::vec(inner, 0..5), any::<bool>()).prop_map(
            |(n, a, c, m)| {
                let p = if m { 'm' } else { 't' };
                format!("<{p}:{n} {a}>{}</{p}:{n}>", c.concat())
            },
        )
    })
}

proptest! {
    #[test]
    fn is_answered(
        operation in proptest::sample::select(vec![
            "GetItem", "CreateItem", "UpdateItem", "DeleteItem", "FindItem", "SyncFolderItems", "GetFolder", "FindFolder",
            "GetAttachment", "CreateAttachment", "DeleteAttachment",
        ]),
        children in proptest::collection::vec(element(), 0..5),
    ) {
        let ann = Client::service("ann@northwind.example");
        let body = format!(
            r#"<m:{operation} Traversal="Shallow" DeleteType="HardDelete" ConflictResolution="AlwaysOverwrite" SendMeetingInvitations="SendToNone">{}</m:{operation}>"#,
            children.concat()
        );
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (status, reply) = runtime.block_on(ann.raw(&body));
        prop_assert!(status == StatusCode::OK || status == StatusCode::INTERNAL_SERVER_ERROR);
        prop_assert!(roxmltree::Document::parse(&reply).is_ok());
    }
}
