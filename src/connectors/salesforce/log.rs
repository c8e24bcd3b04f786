//! The log of e-mail: whose addresses there are, which messages were logged, and logging.

use super::user::{User, version};
use super::{email, soql};
use async_trait::async_trait;
use http::Method;
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::{EmailAddress, RemoteId};
use riva_core::item::Module;
use riva_core::ports::{ActiveRecords, Draft, MessageLog, Person, PersonKind, RemoteRef};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Characters of texts in one question: the address of a query has its limits.
const QUESTION: usize = 4000;

/// Texts in parts that fit into one question each.
pub(super) fn questions<'t>(texts: impl IntoIterator<Item = &'t str>) -> Vec<Vec<&'t str>> {
    let (mut all, mut room) = (Vec::<Vec<&str>>::new(), 0);
    for text in texts {
        // Between quotes, with a comma.
        let length = text.len() + 3;
        if let Some(part) = all.last_mut().filter(|_| length <= room) {
            part.push(text);
        } else {
            room = QUESTION;
            all.push(vec![text]);
        }
        room = room.saturating_sub(length);
    }
    all
}

/// A Message-ID without the angle brackets: not everybody who logs messages keeps them.
fn bare(message_id: &str) -> &str {
    let id = message_id.trim();
    id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id)
}

#[async_trait]
impl MessageLog for User {
    async fn people(&self, addresses: &BTreeSet<EmailAddress>) -> Result<Vec<Person>, CallError> {
        let all = questions(addresses.iter().map(EmailAddress::as_str));
        let leads =
            self.layouts.lead.as_ref().map(|_| (PersonKind::Lead, "Lead", " AND IsConverted = false"));
        let objects =
            [(PersonKind::Contact, "Contact", ""), (PersonKind::User, "User", " AND IsActive = true")];
        let mut people = Vec::new();
        for (kind, object, only) in objects.into_iter().chain(leads) {
            for some in &all {
                let some = soql::list(some.iter().copied());
                let query = format!("SELECT Id,Email FROM {object} WHERE Email IN {some}{only}");
                let records = self.api.query(&query, false).await?;
                people.extend(records.iter().filter_map(|record| {
                    let text = |name: &str| record.get(name).and_then(Json::as_str);
                    let address = EmailAddress::new(text("Email")?);
                    Some(Person { address, kind, id: RemoteId::new(text("Id")?) })
                }));
            }
        }
        Ok(people)
    }

    /// The recycle bin's among them.
    async fn logged(&self, message_ids: &[String]) -> Result<BTreeMap<String, RemoteRef>, CallError> {
        let wanted: BTreeMap<&str, &String> = message_ids.iter().map(|id| (bare(id), id)).collect();
        let mut found: BTreeMap<String, RemoteRef> = BTreeMap::new();
        let both = wanted.iter().flat_map(|(bare, id)| [*bare, id.as_str()]);
        for some in questions(both) {
            let query = format!(
                "SELECT Id,SystemModstamp,MessageIdentifier FROM EmailMessage WHERE MessageIdentifier IN {} ORDER BY Id",
                soql::list(some)
            );
            for record in self.api.query(&query, true).await? {
                let text = |name: &str| record.get(name).and_then(Json::as_str).unwrap_or_default();
                // Salesforce compares without regard to case; only the very Message-ID counts.
                let Some(id) = wanted.get(bare(text("MessageIdentifier"))) else { continue };
                let version = version(text("SystemModstamp"), self.api.now());
                found.entry((*id).clone()).or_insert(RemoteRef { id: RemoteId::new(text("Id")), version });
            }
        }
        Ok(found)
    }

    async fn active_records(
        &self,
        most: usize,
        known: &BTreeSet<RemoteId>,
    ) -> Result<ActiveRecords, CallError> {
        self.active(most, known).await
    }
}

impl User {
    /// Logs messages, each with its relations in one transaction.
    pub(super) async fn log(&self, drafts: &[Draft]) -> Result<Vec<Result<String, ItemError>>, CallError> {
        let (_, layout) = self.layouts.of(Module::Email)?;
        let mut done = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let data = |resource: &str| self.api.data(resource);
            let body = match email::requests(&draft.item, &self.address, layout, data) {
                Ok(body) => body,
                Err(error) => {
                    done.push(Err(error));
                    continue;
                }
            };
            match self.api.write(Method::POST, "composite", Some(&body)).await {
                Ok(answer) => done.push(email::made(&answer)),
                // What was made before is told.
                Err(error) if done.is_empty() => return Err(error),
                Err(CallError::InDoubt(why)) => {
                    done.push(Err(ItemError::InDoubt(why)));
                    break;
                }
                Err(_) => break,
            }
        }
        done.resize(drafts.len(), Err(ItemError::NotNow("an earlier message could not be logged".into())));
        Ok(done)
    }
}
