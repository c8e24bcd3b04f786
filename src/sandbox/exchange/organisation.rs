//! The organisation: accounts, who may act for whom, mailboxes, and what it would have mailed.

use super::fault::Refusal;
use super::ids::{self, Target};
use super::mailbox::{Folder, Item, Mailbox};
use super::series;
use super::xml::Element;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use std::collections::BTreeMap;

/// Somebody in the directory.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) given: String,
    pub(super) family: String,
    pub(super) address: String,
    /// Sign-in name, where it is not the address.
    pub(super) login: String,
    pub(super) password: String,
    pub(super) title: String,
    pub(super) department: String,
    pub(super) phone: String,
    pub(super) zone: Tz,
    /// Position in [`Organisation::mailboxes`].
    pub(super) mailbox: Option<usize>,
    /// The connection account: it alone impersonates and has delegate access.
    pub(super) service: bool,
    /// The connection account may impersonate this one.
    pub(super) impersonation: bool,
    /// The connection account has Full Access to this one's mailbox.
    pub(super) full_access: bool,
}

/// A message that a real server would have put on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// `invitation`, `update`, `cancellation`, `response` or `message`.
    pub kind: &'static str,
    /// Sender's address.
    pub from: String,
    /// Recipient's address; one entry for each recipient.
    pub to: String,
    /// Subject of the item.
    pub subject: String,
}

/// How the server misbehaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    pub(crate) down: Option<Down>,
    /// Requests still to be answered with ErrorServerBusy, and the back-off that is told.
    pub(crate) throttle: Option<(u32, u64)>,
    /// Replies still to be lost after the work is done; for one operation only, if named.
    pub(crate) lose: Option<(u32, Option<String>)>,
    /// Items whose writing is still to be refused, and the code.
    pub(crate) refuse: Option<(u32, &'static str)>,
    pub(crate) latency_ms: u64,
    /// Concurrent requests of one mailbox.
    pub(crate) max_concurrency: Option<u32>,
    /// Largest page of FindItem and SyncFolderItems.
    pub(crate) page_size: Option<usize>,
}

/// How the server is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Down {
    /// HTTP 503.
    Unavailable,
    /// The connection is closed without a reply.
    Closed,
}

/// Everything, behind one lock.
#[derive(Debug)]
pub(crate) struct Organisation {
    pub(super) accounts: Vec<Account>,
    pub(super) mailboxes: Vec<Mailbox>,
    pub(super) outbox: Vec<Mail>,
    /// Requests by operation.
    pub(super) requests: BTreeMap<String, u64>,
    /// Requests that are being answered, by the mailbox that they work for.
    pub(super) in_flight: BTreeMap<String, u32>,
    /// The most that there were at a time for one mailbox.
    pub(super) peak_concurrency: u32,
    /// Part of every sync state: raised to make all of them invalid.
    pub(super) generation: u32,
    pub(crate) faults: Faults,
}

/// For whom a request works.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// Who signed in.
    pub(super) account: usize,
    /// As whom they act: themselves, or the impersonated one.
    pub(super) acting: usize,
    /// `RequestServerVersion` as a number: 2007 … 2016.
    pub(super) version: u32,
    /// Wall times without an offset are in this zone (`TimeZoneContext`).
    pub(super) zone: Tz,
}

/// Codes with which writing an item can be made to fail.
pub(crate) const REFUSALS: &[&str] = &[
    "ErrorInternalServerTransientError",
    "ErrorTimeoutExpired",
    "ErrorMailboxStoreUnavailable",
    "ErrorQuotaExceeded",
    "ErrorItemCorrupt",
    "ErrorAccessDenied",
    "ErrorIrresolvableConflict",
];

impl Faults {
    /// Refuses the writing of an item, if one is to be refused.
    pub(super) fn refuse_write(&mut self) -> Result<(), Refusal> {
        let Some((left, code)) = self.refuse else { return Ok(()) };
        self.refuse = (left > 1).then_some((left - 1, code));
        Err(Refusal::new(code, "The sandbox refuses this on purpose."))
    }
}

impl Organisation {
    /// Who signs in with this name and password.
    pub(super) fn sign_in(&self, login: &str, password: &str) -> Option<usize> {
        let alias = login.rsplit_once('\\').map(|(_, alias)| alias);
        self.accounts.iter().position(|a| {
            let named = a.login.eq_ignore_ascii_case(login)
                || a.address.eq_ignore_ascii_case(login)
                || alias.is_some_and(|alias| a.alias().eq_ignore_ascii_case(alias));
            named && a.password == password
        })
    }

    /// The account with this address or sign-in name.
    pub(super) fn account(&self, address: &str) -> Option<usize> {
        self.accounts
            .iter()
            .position(|a| a.address.eq_ignore_ascii_case(address) || a.login.eq_ignore_ascii_case(address))
    }

    /// The mailbox of an account, by the account's address.
    pub(super) fn mailbox_of(&self, address: &str) -> Option<usize> {
        self.accounts[self.account(address)?].mailbox
    }

    /// Checks that the signed-in account may act as another (ExchangeImpersonation).
    pub(super) fn impersonate(&self, account: usize, address: &str) -> Result<usize, Refusal> {
        let denied = || {
            Refusal::new(
                "ErrorImpersonateUserDenied",
                "The account does not have permission to impersonate the requested user.",
            )
        };
        let Some(target) = self.account(address) else {
            return Err(Refusal::no_mailbox());
        };
        if target == account {
            return Ok(target);
        }
        if !self.accounts[account].service || !self.accounts[target].impersonation {
            return Err(denied());
        }
        if self.accounts[target].mailbox.is_none() {
            return Err(Refusal::no_mailbox());
        }
        Ok(target)
    }

    /// Whether the caller may read and write a mailbox: as its owner, or as a delegate with Full Access.
    pub(super) fn may_open(&self, caller: &Caller, mailbox: usize) -> bool {
        let acting = &self.accounts[caller.acting];
        if acting.mailbox == Some(mailbox) {
            return true;
        }
        let owner = self.accounts.iter().find(|a| a.mailbox == Some(mailbox));
        caller.acting == caller.account && acting.service && owner.is_some_and(|o| o.full_access)
    }

    /// The mailbox of an element's `Mailbox` child, or the caller's own.
    fn mailbox_named(&self, caller: &Caller, element: &Element) -> Result<usize, Refusal> {
        match element.child("Mailbox").and_then(|m| m.child_text("EmailAddress")) {
            Some(address) => self.mailbox_of(address).ok_or_else(Refusal::no_mailbox),
            None => self.accounts[caller.acting].mailbox.ok_or_else(Refusal::no_mailbox),
        }
    }

    /// Finds the folder of `FolderId` or `DistinguishedFolderId`.
    pub(super) fn find_folder(&self, caller: &Caller, id: &Element) -> Result<(usize, u32), Refusal> {
        match &*id.name {
            "DistinguishedFolderId" => {
                let mailbox = self.mailbox_named(caller, id)?;
                if !self.may_open(caller, mailbox) {
                    return Err(Refusal::folder_not_found());
                }
                let name = id.attribute("Id").unwrap_or_default();
                let number = self.mailboxes[mailbox].distinguished(name).ok_or_else(|| {
                    let mut shown = name.to_owned();
                    if let Some(first) = shown.get_mut(0..1) {
                        first.make_ascii_uppercase();
                    }
                    let mut refusal = Refusal::item_not_found();
                    refusal.text = format!("{}, Default folder {shown} not found.", refusal.text);
                    if self.mailboxes[mailbox].opened { Refusal::folder_not_found() } else { refusal }
                })?;
                Ok((mailbox, number))
            }
            "FolderId" => {
                let Some((guid, Target::Folder(number))) =
                    ids::decode(id.attribute("Id").unwrap_or_default())
                else {
                    return Err(malformed());
                };
                let mailbox = self.mailbox_by_guid(guid).ok_or_else(Refusal::folder_not_found)?;
                if !self.may_open(caller, mailbox) || !self.mailboxes[mailbox].folders.contains_key(&number) {
                    return Err(Refusal::folder_not_found());
                }
                Ok((mailbox, number))
            }
            _ => Err(Refusal::new("ErrorInvalidRequest", "The request is invalid.")),
        }
    }

    /// Finds the folder inside an element such as `SyncFolderId` or `ToFolderId`.
    pub(super) fn find_target_folder(
        &self,
        caller: &Caller,
        parent: &Element,
    ) -> Result<(usize, u32), Refusal> {
        match parent.children.first() {
            Some(id) => self.find_folder(caller, id),
            None => Err(Refusal::folder_not_found()),
        }
    }

    pub(super) fn folder(&self, (mailbox, number): (usize, u32)) -> Option<&Folder> {
        self.mailboxes[mailbox].folders.get(&number)
    }

    pub(super) fn mailbox_by_guid(&self, guid: uuid::Uuid) -> Option<usize> {
        self.mailboxes.iter().position(|m| m.guid == guid)
    }

    /// Finds the item (and, for an occurrence, its index) that an `ItemId` names.
    pub(super) fn find_item(
        &self,
        caller: &Caller,
        id: &Element,
    ) -> Result<(usize, u64, Option<u32>), Refusal> {
        let text = match &*id.name {
            "OccurrenceItemId" => id.attribute("RecurringMasterId"),
            "RecurringMasterItemId" => id.attribute("OccurrenceId"),
            _ => id.attribute("Id"),
        };
        let text = text.unwrap_or_default();
        if text.is_empty() {
            return Err(Refusal::new("ErrorInvalidIdEmpty", "Id must be non-empty."));
        }
        let (guid, target) = ids::decode(text).ok_or_else(malformed)?;
        let (number, occurrence) = match target {
            Target::Item(number) => (number, None),
            Target::Occurrence(number, index) => (number, Some(index)),
            Target::Attachment(..) => {
                return Err(Refusal::new(
                    "ErrorInvalidIdNotAnItemAttachmentId",
                    "The Id is not that of an item attachment.",
                ));
            }
            Target::Folder(_) => {
                return Err(Refusal::new(
                    "ErrorCannotUseFolderIdForItemId",
                    "A folder id was used for an item id.",
                ));
            }
        };
        let mailbox = self.mailbox_by_guid(guid).ok_or_else(Refusal::item_not_found)?;
        if !self.may_open(caller, mailbox) || !self.mailboxes[mailbox].items.contains_key(&number) {
            return Err(Refusal::item_not_found());
        }
        match (&*id.name, occurrence) {
            ("OccurrenceItemId", None) if series::is_series(&self.mailboxes[mailbox].items[&number]) => {
                let index = id.attribute("InstanceIndex").and_then(|i| i.trim().parse().ok());
                Ok((mailbox, number, Some(index.unwrap_or_default())))
            }
            ("OccurrenceItemId", _) => Err(Refusal::new(
                "ErrorCalendarCannotUseIdForOccurrenceId",
                "The Id is not that of a recurring master.",
            )),
            ("RecurringMasterItemId", Some(_)) => Ok((mailbox, number, None)),
            ("RecurringMasterItemId", None) => Err(Refusal::new(
                "ErrorCalendarCannotUseIdForRecurringMasterId",
                "The Id is not that of an occurrence.",
            )),
            _ => Ok((mailbox, number, occurrence)),
        }
    }

    pub(super) fn item(&self, mailbox: usize, number: u64) -> Result<&Item, Refusal> {
        self.mailboxes[mailbox].items.get(&number).ok_or_else(Refusal::item_not_found)
    }

    /// Notes mails that would leave the server, one for each recipient.
    pub(super) fn would_mail(&mut self, kind: &'static str, from: &str, to: &[String], subject: &str) {
        for to in to {
            self.outbox.push(Mail {
                kind,
                from: from.to_owned(),
                to: to.clone(),
                subject: subject.to_owned(),
            });
        }
    }

    /// The directory entry's mailbox as `EmailAddressType` children.
    pub(super) fn mailbox_element(&self, name: &'static str, address: &str) -> Element {
        let account = self.account(address).map(|n| &self.accounts[n]);
        let shown = account.map_or(address, |a| a.name.as_str());
        Element::t(name)
            .with(Element::t("Name").text(shown))
            .with(Element::t("EmailAddress").text(address))
            .with(Element::t("RoutingType").text("SMTP"))
            .with(Element::t("MailboxType").text(match account {
                Some(a) if a.mailbox.is_some() => "Mailbox",
                Some(_) => "Contact",
                None => "OneOff",
            }))
    }
}

impl Account {
    /// The part of the address before the `@`.
    pub(super) fn alias(&self) -> &str {
        self.address.split_once('@').map_or(self.address.as_str(), |(alias, _)| alias)
    }
}

/// The refusal for an id that cannot be read.
pub(super) fn malformed() -> Refusal {
    Refusal::new("ErrorInvalidIdMalformed", "Id is malformed.")
}

/// A moment, for items that the sandbox makes itself.
pub(super) fn now() -> DateTime<Utc> {
    Utc::now()
}
