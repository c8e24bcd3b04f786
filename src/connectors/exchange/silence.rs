//! The last look at everything that leaves: no request may make Exchange mail anybody.
//!
//! The builders in [`request`](super::request) already put `SendToNone` into every write. This check does not trust
//! them: it reads the finished bytes.

use super::xml::Read as _;
use riva_core::fault::{Fault, FaultKind};

/// Operations that change nothing.
const READS: [&str; 7] =
    ["ResolveNames", "GetFolder", "FindFolder", "SyncFolderItems", "GetItem", "GetAttachment", "FindItem"];
/// Elements by which a message would be sent, or answered, or by which invitees would be put into an item.
const NEVER: [&str; 12] = [
    "Message",
    "MeetingRequest",
    "MeetingResponse",
    "MeetingCancellation",
    "AcceptItem",
    "DeclineItem",
    "TentativelyAcceptItem",
    "CancelCalendarItem",
    "RequiredAttendees",
    "OptionalAttendees",
    "Resources",
    "ToRecipients",
];

/// Whether a finished request mails nobody; says whether it is a read.
pub(super) fn check(request: &[u8]) -> Result<bool, Fault> {
    let refused = |why: &str| {
        Fault::new(FaultKind::UnexpectedAnswer, format!("a request was not sent, because {why}"))
            .remedy("This is a defect of Riva. Nothing was written; please report it.")
    };
    let text = std::str::from_utf8(request).map_err(|_| refused("it is not text"))?;
    let doc = roxmltree::Document::parse(text).map_err(|_| refused("it is not well-formed"))?;
    let operation = doc
        .root_element()
        .one("Body")
        .and_then(|body| body.elements().next())
        .ok_or_else(|| refused("it holds no operation"))?;
    let name = operation.tag_name().name();
    if READS.contains(&name) {
        return Ok(true);
    }
    let must = |attribute: &str, value: &str| operation.attribute(attribute) == Some(value);
    let silent = match name {
        "CreateItem" => {
            must("SendMeetingInvitations", "SendToNone") && must("MessageDisposition", "SaveOnly")
        }
        "UpdateItem" => {
            must("SendMeetingInvitationsOrCancellations", "SendToNone")
                && must("MessageDisposition", "SaveOnly")
        }
        // Folders: nobody hears of them.
        "CreateFolder" | "UpdateFolder" => true,
        // To a folder that we have made or found by its name, never to one that sends.
        "MoveItem" => operation.one("ToFolderId").and_then(|to| to.one("FolderId")).is_some(),
        "DeleteItem" => {
            must("SendMeetingCancellations", "SendToNone") && must("DeleteType", "MoveToDeletedItems")
        }
        _ => return Err(refused("its operation is not one that Riva uses")),
    };
    if !silent {
        return Err(refused("it could mail people, or delete for good"));
    }
    if operation.descendants().any(|n| n.is_element() && NEVER.contains(&n.tag_name().name())) {
        return Err(refused("it would invite or mail people"));
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::super::request::{self, Folder};
    use super::super::soap::{ServerVersion, envelope};
    use super::super::xml::Node;
    use super::*;

    fn sent(operation: Node) -> Vec<u8> {
        envelope(ServerVersion::Exchange2010Sp2, None, operation)
    }

    fn calendar() -> Folder {
        Folder::Default { id: "calendar", mailbox: None }
    }

    #[test]
    fn what_the_builders_make_may_leave() {
        let event = || Node::new("t:CalendarItem").child(Node::text("t:Subject", "x"));
        assert_eq!(check(&sent(request::get_folder(&[calendar()]))), Ok(true));
        assert_eq!(check(&sent(request::get_attachment("a"))), Ok(true));
        assert_eq!(check(&sent(request::create_items(&calendar(), vec![event()]))), Ok(false));
        assert_eq!(check(&sent(request::delete_items(&[("a".into(), "b".into())]))), Ok(false));
        assert_eq!(check(&sent(request::update_items(Vec::new()))), Ok(false));
        assert_eq!(check(&sent(request::create_folder(&calendar(), "CRM", "IPF.Note"))), Ok(false));
        let aside = Folder::Of("f".into());
        assert_eq!(check(&sent(request::move_items(&aside, &[("a".into(), "b".into())]))), Ok(false));
        assert_eq!(check(&sent(request::create_record_folder(&calendar(), "A", "1 A"))), Ok(false));
        assert_eq!(check(&sent(request::rename_record_folder("f", "A", "1 A"))), Ok(false));
    }

    #[test]
    fn nothing_that_could_mail_anybody_may_leave() {
        let create = |attribute: &'static str, value: &str| {
            let mut node = request::create_items(&calendar(), vec![Node::new("t:CalendarItem")]);
            node.attributes.retain(|(name, _)| *name != attribute);
            if value.is_empty() { node } else { node.with(attribute, value) }
        };
        let attendee = Node::new("t:CalendarItem").child(Node::new("t:RequiredAttendees"));
        let mut for_good = request::delete_items(&[("a".into(), "b".into())]);
        for_good.attributes[0].1 = "HardDelete".to_owned();
        for operation in [
            create("SendMeetingInvitations", ""),
            create("SendMeetingInvitations", "SendToAllAndSaveCopy"),
            create("MessageDisposition", "SendOnly"),
            request::create_items(&calendar(), vec![attendee]),
            request::create_items(&calendar(), vec![Node::new("t:Message")]),
            request::create_items(&calendar(), vec![Node::new("t:AcceptItem")]),
            for_good,
            request::move_items(
                &Folder::Default { id: "outbox", mailbox: None },
                &[("a".into(), "b".into())],
            ),
            Node::new("m:SendItem"),
            Node::new("m:EmptyFolder"),
            Node::new("m:CreateAttachment"),
            Node::new("m:DeleteAttachment"),
        ] {
            let name = operation.name;
            assert!(check(&sent(operation)).is_err(), "{name}");
        }
        assert!(check(b"not xml").is_err());
    }
}
