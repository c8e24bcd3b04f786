//! Ids and change keys as Exchange makes them: opaque, base64, case-sensitive, new after every move.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

/// What an id points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Folder(u32),
    Item(u64),
    /// The n-th occurrence (from 1) of a series.
    Occurrence(u64, u32),
    /// One of the files that hang on an item, by its number.
    Attachment(u64, u32),
}

const PREFIX: [u8; 4] = [0x00, 0x03, 0x24, 0x00];
/// Names mailboxes: the GUID is the same in every run.
const MAILBOXES: Uuid = Uuid::from_u128(0x5d2c_8a31_77be_4c1b_9c0e_2f60_19ad_54e7);

/// The GUID of a mailbox.
pub(super) fn mailbox_guid(address: &str) -> Uuid {
    Uuid::new_v5(&MAILBOXES, address.to_lowercase().as_bytes())
}

/// The id of something in a mailbox.
pub(super) fn encode(mailbox: Uuid, target: Target) -> String {
    let mut bytes = PREFIX.to_vec();
    bytes.extend(mailbox.hyphenated().to_string().bytes());
    match target {
        Target::Folder(n) => {
            bytes.extend([0x00, 0x2E]);
            bytes.extend(n.to_be_bytes());
        }
        Target::Item(n) => {
            bytes.extend([0x00, 0x46]);
            bytes.extend(n.to_be_bytes());
        }
        Target::Occurrence(n, index) => {
            bytes.extend([0x01, 0x46]);
            bytes.extend(n.to_be_bytes());
            bytes.extend(index.to_be_bytes());
        }
        Target::Attachment(n, number) => {
            bytes.extend([0x02, 0x46]);
            bytes.extend(n.to_be_bytes());
            bytes.extend(number.to_be_bytes());
        }
    }
    STANDARD.encode(bytes)
}

/// The reverse of [`encode`].
pub(super) fn decode(id: &str) -> Option<(Uuid, Target)> {
    let bytes = STANDARD.decode(id).ok()?;
    let rest = bytes.strip_prefix(&PREFIX)?;
    let (guid, rest) = rest.split_at_checked(36)?;
    let guid = Uuid::try_parse_ascii(guid).ok()?;
    let (kind, rest) = rest.split_at_checked(2)?;
    let target = match kind {
        [0x00, 0x2E] => Target::Folder(u32::from_be_bytes(rest.try_into().ok()?)),
        [0x00, 0x46] => Target::Item(u64::from_be_bytes(rest.try_into().ok()?)),
        [kind @ (0x01 | 0x02), 0x46] => {
            let (number, index) = rest.split_at_checked(8)?;
            let number = u64::from_be_bytes(number.try_into().ok()?);
            let index = u32::from_be_bytes(index.try_into().ok()?);
            if *kind == 0x01 { Target::Occurrence(number, index) } else { Target::Attachment(number, index) }
        }
        _ => return None,
    };
    Some((guid, target))
}

/// The change key of something at a certain change of its mailbox; `kind` is the first byte, as Exchange has it.
pub(super) fn change_key(kind: u8, mailbox: Uuid, change: u64) -> String {
    let mut bytes = vec![kind, 0, 0, 0, 0x16, 0, 0, 0];
    bytes.extend(mailbox.as_bytes());
    bytes.extend(change.to_be_bytes());
    STANDARD.encode(bytes)
}

/// The change that a change key stands for, if it is one of this mailbox.
pub(super) fn change_of(key: &str, mailbox: Uuid) -> Option<u64> {
    let bytes = STANDARD.decode(key).ok()?;
    let rest = bytes.get(8..)?.strip_prefix(mailbox.as_bytes().as_slice())?;
    Some(u64::from_be_bytes(rest.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_read_back(number: u64, index: u32, which in 0..4) {
            let mailbox = mailbox_guid("a@b");
            let target = match which {
                0 => Target::Folder(index),
                1 => Target::Item(number),
                2 => Target::Occurrence(number, index),
                _ => Target::Attachment(number, index),
            };
            prop_assert_eq!(decode(&encode(mailbox, target)), Some((mailbox, target)));
            prop_assert_eq!(change_of(&change_key(0x10, mailbox, number), mailbox), Some(number));
        }

        #[test]
        fn anything_else_is_no_id(text in ".*") {
            prop_assert_eq!(decode(&text), None);
        }
    }
}
