//! E-mail that is kept in the org: what its records do by themselves (Object Reference: `EmailMessage`,
//! `EmailMessageRelation`). Creating them mails nobody.
//!
//! Nothing keeps two records from having one `MessageIdentifier`: that is the client's business.

use super::api::ApiError;
use super::event_time::Values;
use super::org::{Org, Record};
use super::schema::Object;
use serde_json::Value;

/// `Status` of a message that its writer still works at.
pub(super) const DRAFT: &str = "5";

/// What is no draft any more stays as it is, but for whom it is shown to; and a new one may be read.
pub(super) fn may_change(record: &Record, given: &Values) -> Result<(), ApiError> {
    if record.text("Status") == Some(DRAFT) {
        return Ok(());
    }
    let allowed = |field: &str, value: &Value| match field {
        "IsExternallyVisible" => true,
        "Status" => record.text("Status") == Some("0") && value == "1",
        field => field.ends_with("__c"),
    };
    if given.iter().all(|(field, value)| allowed(field, value) || record.get(field) == value) {
        return Ok(());
    }
    Err(ApiError::bad("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"))
}

impl Org {
    /// Everything about a message that is no draft stands among the activities too, as a task that is done.
    pub(super) fn message_kept(&mut self, message: &str, values: &Values, by: &str) {
        let text = |field: &str| values.get(field).and_then(Value::as_str).unwrap_or_default();
        let (Some(tasks), false) = (self.schema.object("Task"), text("Status") == DRAFT) else { return };
        let mut task = Values::from([
            ("Subject", cut(&format!("Email: {}", text("Subject")), 255).into()),
            ("Status", "Completed".into()),
            ("TaskSubtype", "Email".into()),
            ("OwnerId", by.into()),
            ("Description", cut(text("TextBody"), 32_000).into()),
        ]);
        if let Some(about) = values.get("RelatedToId").filter(|about| !about.is_null()) {
            task.insert("WhatId", about.clone());
        }
        if let Some(day) = text("MessageDate").get(..10) {
            task.insert("ActivityDate", day.into());
        }
        let task = self.insert(&tasks, task, by);
        self.put("EmailMessage", message, "ActivityId", task.into());
    }

    /// Somebody stands with a message: their address is taken down, and a contact or lead owns its activity.
    pub(super) fn relation_made(&mut self, relation: &str, values: &Values) {
        let text = |field: &str| values.get(field).and_then(Value::as_str).unwrap_or_default();
        let (message, person) = (text("EmailMessageId"), text("RelationId"));
        let Some(object) = self.schema.of_id(person) else { return };
        self.put("EmailMessageRelation", relation, "RelationObjectType", object.name.into());
        let address = self.any(&object, person).and_then(|p| p.text("Email")).map(str::to_owned);
        if let Some(address) = address.filter(|_| text("RelationAddress").is_empty()) {
            self.put("EmailMessageRelation", relation, "RelationAddress", address.into());
        }
        let outside = matches!(object.name, "Contact" | "Lead");
        let find = |org: &Self, name: &str, id: &str| org.any(&org.schema.object(name)?, id).cloned();
        let task = find(self, "EmailMessage", message).and_then(|m| m.text("ActivityId").map(str::to_owned));
        if let Some(task) = task.filter(|task| {
            outside && find(self, "Task", task).is_some_and(|task| task.get("WhoId").is_null())
        }) {
            self.put("Task", &task, "WhoId", person.into());
        }
    }

    /// With a message go its relations, its task, and its files' links.
    pub(super) fn message_gone(&mut self, message: &str, by: &str) -> Result<(), ApiError> {
        let mut gone: Vec<(Object, String)> = Vec::new();
        if let Some(relations) = self.schema.object("EmailMessageRelation") {
            let of = |r: &Record| r.deleted_at.is_none() && r.text("EmailMessageId") == Some(message);
            gone.extend(self.rows(&relations).filter(|(_, r)| of(r)).map(|(id, _)| (relations, id.clone())));
        }
        gone.extend(self.links("LinkedEntityId", message));
        let messages = self.schema.object("EmailMessage");
        let task = messages.and_then(|m| self.any(&m, message)).and_then(|m| m.text("ActivityId"));
        if let (Some(tasks), Some(task)) = (self.schema.object("Task"), task)
            && self.live(&tasks, task).is_ok()
        {
            gone.push((tasks, task.to_owned()));
        }
        for (object, id) in gone {
            self.delete(&object, &id, by)?;
        }
        Ok(())
    }
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
