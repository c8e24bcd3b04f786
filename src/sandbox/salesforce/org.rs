//! The org's records and what may be done to them.

use super::api::ApiError;
use super::email;
use super::event_time::{self, Values};
use super::ids;
use super::objects::{CLOSED_BY_ITS_OWN_WORD, LOST, WON};
use super::schema::{Field, Kind, Object, Schema};
use super::values::{accept, stamp};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One record, in use or in the recycle bin.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Kept values by field; a field that is not there is null.
    pub values: Values,
    /// When it went to the recycle bin.
    pub deleted_at: Option<DateTime<Utc>>,
}

impl Record {
    /// A field's value.
    pub fn get(&self, field: &str) -> &Value {
        self.values.get(field).unwrap_or(&Value::Null)
    }

    /// A field's text.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.get(field).as_str()
    }

    /// A field is true.
    pub fn is(&self, field: &str) -> bool {
        self.get(field) == &Value::Bool(true)
    }
}

/// What an upsert or a look-up by a field found.
pub enum Found {
    /// Nobody.
    None,
    /// This one.
    One(String),
    /// Several: the caller must decide.
    Many(Vec<String>),
}

/// All records of an org.
pub struct Org {
    /// Objects and fields.
    pub schema: Schema,
    /// The org's own id.
    pub id: String,
    /// The integration user's id.
    pub integration_user: String,
    /// Events may be longer than a day.
    pub multi_day_events: bool,
    /// Mails that the org would have sent, one line each.
    pub mails: Vec<String>,
    /// Bytes that all files together may have; `None`: as many as they like.
    pub file_storage: Option<u64>,
    tables: BTreeMap<&'static str, BTreeMap<String, Record>>,
    serial: u64,
    started: DateTime<Utc>,
    last_stamp: DateTime<Utc>,
}

impl Org {
    /// An org without records.
    pub fn new(schema: Schema, multi_day_events: bool) -> Self {
        let now = Utc::now();
        Self {
            schema,
            id: ids::make("00D", 7),
            integration_user: String::new(),
            multi_day_events,
            mails: Vec::new(),
            file_storage: None,
            tables: BTreeMap::new(),
            serial: 1000,
            started: now,
            last_stamp: now,
        }
    }

    /// The server's clock: to the second, never backwards.
    pub fn now(&mut self) -> DateTime<Utc> {
        self.last_stamp = self.last_stamp.max(Utc::now()).trunc_subsecs(0);
        self.last_stamp
    }

    /// When the org was set up: nothing was deleted before.
    pub fn started(&self) -> DateTime<Utc> {
        self.started
    }

    /// The records of an object, deleted ones as well, by id.
    pub fn rows(&self, object: &Object) -> impl Iterator<Item = (&String, &Record)> {
        self.tables.get(object.name).into_iter().flatten()
    }

    /// A record that may be in the recycle bin.
    pub fn any(&self, object: &Object, id: &str) -> Option<&Record> {
        self.tables.get(object.name)?.get(id)
    }

    /// A record in use, or the answer that it is gone. The id may have 15 or 18 characters.
    pub fn live(&self, object: &Object, id: &str) -> Result<(String, &Record), ApiError> {
        let id = ids::canonical(id).ok_or_else(ApiError::not_found)?;
        match self.any(object, &id) {
            None => Err(ApiError::not_found()),
            Some(record) if record.deleted_at.is_some() => Err(ApiError::deleted()),
            Some(record) => Ok((id, record)),
        }
    }

    /// Records in use with this value in this field, in any case of letters.
    pub fn find(&self, object: &Object, field: &Field, value: &str) -> Found {
        if field.kind == Kind::Id {
            return self.live(object, value).map_or(Found::None, |(id, _)| Found::One(id));
        }
        let mut found: Vec<String> = self
            .rows(object)
            .filter(|(_, r)| r.deleted_at.is_none())
            .filter(|(_, r)| r.text(field.name).is_some_and(|t| same_text(t, value)))
            .map(|(id, _)| id.clone())
            .collect();
        match found.len() {
            0 => Found::None,
            1 => Found::One(found.remove(0)),
            _ => Found::Many(found),
        }
    }

    /// Makes a record from what a client gave. Returns its id.
    pub fn create(
        &mut self,
        object: &Object,
        given: &Map<String, Value>,
        by: &str,
    ) -> Result<String, ApiError> {
        if !object.createable {
            let message = format!("entity type {} does not support create", object.name);
            return Err(ApiError::bad("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message));
        }
        let mut values = accept_all(object, given, true)?;
        if object.field("OwnerId").is_some() && values.get("OwnerId").is_none_or(Value::is_null) {
            values.insert("OwnerId", by.into());
        }
        self.check(object, None, &values)?;
        if object.name == "Event" {
            let times = event_time::settle(&Values::new(), &values, self.multi_day_events)?;
            values.extend(times);
            let account = self.account_of(&values, &Values::new());
            values.insert("AccountId", account);
        }
        let missing: Vec<&str> = object
            .fields()
            .filter(|f| !f.nillable && !f.defaulted && f.create)
            .filter(|f| values.get(f.name).is_none_or(Value::is_null))
            .map(|f| f.name)
            .collect();
        if !missing.is_empty() {
            return Err(required(&missing));
        }
        match object.name {
            "ContentVersion" => return self.file_uploaded(object, values, by),
            "ContentDocumentLink" => self.may_link(&values, "LinkedEntityId")?,
            _ => {}
        }
        let id = self.insert(object, values.clone(), by);
        match object.name {
            "EmailMessage" => self.message_kept(&id, &values, by),
            "EmailMessageRelation" => self.relation_made(&id, &values),
            _ => {}
        }
        Ok(id)
    }

    /// Puts checked values in place as a new record, with everything that the server adds.
    pub fn insert(&mut self, object: &Object, mut values: Values, by: &str) -> String {
        self.serial += 1;
        // Only the org's own record comes with an id.
        let given = values.get("Id").and_then(Value::as_str).map(str::to_owned);
        let id = given.unwrap_or_else(|| ids::make(object.prefix, self.serial));
        let now = stamp(self.now());
        for field in object.fields() {
            let default = match (field.name, field.kind) {
                ("Id", _) => id.clone().into(),
                ("CreatedDate" | "LastModifiedDate" | "SystemModstamp", _) => now.clone().into(),
                ("CreatedById" | "LastModifiedById", _) => by.into(),
                ("ShowAs", _) => "Busy".into(),
                ("EventSubtype", _) => "Event".into(),
                ("Status", _) if object.name == "Lead" => "Open - Not Contacted".into(),
                ("Status", _) if object.name == "Task" => "Not Started".into(),
                ("Status", _) if object.name == "Case" => "New".into(),
                ("CaseNumber", _) => format!("{:08}", self.serial).into(),
                ("Priority", _) => "Normal".into(),
                ("TaskSubtype", _) => "Task".into(),
                ("ShareType", _) => "V".into(),
                ("Visibility", _) => "AllUsers".into(),
                (_, Kind::Boolean) => false.into(),
                _ => continue,
            };
            let entry = values.entry(field.name).or_insert(Value::Null);
            if entry.is_null() {
                *entry = default;
            }
        }
        derive(object, &mut values);
        let record = Record { values, deleted_at: None };
        if object.name == "EventRelation" && record.is("IsInvitee") {
            self.invite(&record);
        }
        self.tables.entry(object.name).or_default().insert(id.clone(), record);
        id
    }

    /// Changes the fields that a client gave, and no other.
    pub fn update(
        &mut self,
        object: &Object,
        id: &str,
        given: &Map<String, Value>,
        by: &str,
    ) -> Result<(), ApiError> {
        let (id, record) = self.live(object, id)?;
        let before = record.values.clone();
        let mut values = accept_all(object, given, false)?;
        self.check(object, Some(&id), &values)?;
        if object.name == "EmailMessage" {
            email::may_change(&Record { values: before.clone(), deleted_at: None }, &values)?;
        }
        if object.name == "Event" {
            let times = event_time::settle(&before, &values, self.multi_day_events)?;
            values.extend(times);
            let account = self.account_of(&values, &before);
            values.insert("AccountId", account);
        }
        let emptied: Vec<&str> = object
            .fields()
            .filter(|f| !f.nillable && values.get(f.name).is_some_and(Value::is_null))
            .map(|f| f.name)
            .collect();
        if !emptied.is_empty() {
            return Err(required(&emptied));
        }
        let moved = ["StartDateTime", "EndDateTime", "Location"]
            .iter()
            .any(|f| values.get(f).is_some_and(|v| before.get(f) != Some(v)));
        if object.name == "Event" && moved {
            self.tell_invitees(&id, "updated");
        }
        values.insert("LastModifiedById", by.into());
        self.overwrite(object, &id, values);
        Ok(())
    }

    /// Puts checked values over a record's, and stamps it.
    fn overwrite(&mut self, object: &Object, id: &str, values: Values) {
        let now = stamp(self.now());
        if let Some(record) = self.tables.get_mut(object.name).and_then(|t| t.get_mut(id)) {
            record.values.extend(values);
            record.values.insert("LastModifiedDate", now.clone().into());
            record.values.insert("SystemModstamp", now.into());
            derive(object, &mut record.values);
        }
    }

    /// Puts one value in place by the server itself: nobody's change.
    pub fn put(&mut self, object: &str, id: &str, field: &'static str, value: Value) {
        if let Some(record) = self.tables.get_mut(object).and_then(|table| table.get_mut(id)) {
            record.values.insert(field, value);
        }
    }

    /// Moves a record to the recycle bin.
    pub fn delete(&mut self, object: &Object, id: &str, by: &str) -> Result<(), ApiError> {
        let (id, _) = self.live(object, id)?;
        if object.name == "Event" {
            self.tell_invitees(&id, "cancelled");
        }
        match object.name {
            "EmailMessage" => self.message_gone(&id, by)?,
            "ContentDocument" => self.file_gone(&id, by)?,
            _ => {}
        }
        self.overwrite(
            object,
            &id,
            Values::from([("IsDeleted", Value::Bool(true)), ("LastModifiedById", by.into())]),
        );
        let now = self.now();
        if let Some(record) = self.tables.get_mut(object.name).and_then(|t| t.get_mut(&id)) {
            record.deleted_at = Some(now);
        }
        Ok(())
    }

    /// Takes a record out of the recycle bin again.
    pub fn undelete(&mut self, object: &Object, id: &str, by: &str) -> Result<(), ApiError> {
        let id = ids::canonical(id).ok_or_else(ApiError::not_found)?;
        self.any(object, &id).filter(|r| r.deleted_at.is_some()).ok_or_else(ApiError::not_found)?;
        if let Some(record) = self.tables.get_mut(object.name).and_then(|t| t.get_mut(&id)) {
            record.deleted_at = None;
        }
        self.overwrite(
            object,
            &id,
            Values::from([("IsDeleted", Value::Bool(false)), ("LastModifiedById", by.into())]),
        );
        Ok(())
    }

    /// Merges two records as a user does: the loser goes to the recycle bin and points at the winner.
    pub fn merge(&mut self, object: &Object, winner: &str, loser: &str, by: &str) -> Result<(), ApiError> {
        let (winner, _) = self.live(object, winner)?;
        let (loser, _) = self.live(object, loser)?;
        if winner == loser || object.field("MasterRecordId").is_none() {
            return Err(ApiError::bad("INVALID_OPERATION", "these records cannot be merged"));
        }
        self.overwrite(object, &loser, Values::from([("MasterRecordId", winner.into())]));
        self.delete(object, &loser, by)
    }

    /// Converts a lead as a user does: it becomes a contact of an account with the company's name, and points at both.
    /// Returns the contact's id.
    pub fn convert(&mut self, lead: &str, by: &str) -> Result<String, ApiError> {
        let (leads, contacts, accounts) =
            (self.schema.known("Lead")?, self.schema.known("Contact")?, self.schema.known("Account")?);
        let (lead, record) = self.live(&leads, lead)?;
        if record.is("IsConverted") {
            return Err(ApiError::bad("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"));
        }
        let lead_values = record.values.clone();
        let value = |field: &str| lead_values.get(field).cloned().unwrap_or(Value::Null);
        let owner = value("OwnerId");
        let account = Values::from([("Name", value("Company")), ("OwnerId", owner.clone())]);
        let account = self.insert(&accounts, account, by);
        let mut contact = Values::from([("AccountId", account.as_str().into()), ("OwnerId", owner)]);
        for (from, to) in [
            ("Salutation", "Salutation"),
            ("FirstName", "FirstName"),
            ("LastName", "LastName"),
            ("Title", "Title"),
            ("Email", "Email"),
            ("Phone", "Phone"),
            ("MobilePhone", "MobilePhone"),
            ("Fax", "Fax"),
            ("Description", "Description"),
            ("Street", "MailingStreet"),
            ("City", "MailingCity"),
            ("State", "MailingState"),
            ("PostalCode", "MailingPostalCode"),
            ("Country", "MailingCountry"),
            ("LeadSource", "LeadSource"),
        ] {
            contact.insert(to, value(from));
        }
        let contact = self.insert(&contacts, contact, by);
        let today = super::values::day(self.now().date_naive());
        let converted = Values::from([
            ("IsConverted", true.into()),
            ("Status", "Closed - Converted".into()),
            ("ConvertedContactId", contact.as_str().into()),
            ("ConvertedAccountId", account.into()),
            ("ConvertedDate", today.into()),
        ]);
        self.overwrite(&leads, &lead, converted);
        Ok(contact)
    }

    /// Everything as it is now, for a later [`Org::restore`].
    pub fn snapshot(&self, object_names: &[&'static str]) -> Vec<(&'static str, BTreeMap<String, Record>)> {
        object_names.iter().map(|name| (*name, self.tables.get(name).cloned().unwrap_or_default())).collect()
    }

    /// Takes back what was done since the snapshot. Mails cannot be taken back.
    pub fn restore(&mut self, snapshot: Vec<(&'static str, BTreeMap<String, Record>)>) {
        self.tables.extend(snapshot);
    }

    /// Checks values against other records: references, owners, unique fields.
    fn check(&self, object: &Object, id: Option<&str>, values: &Values) -> Result<(), ApiError> {
        for (name, value) in values {
            let Some(field) = object.field(name) else { continue };
            let Some(text) = value.as_str() else { continue };
            if let Kind::Reference(relation) = field.kind {
                let target = self.schema.of_id(text).filter(|t| relation.to.contains(&t.name));
                let record = target.as_ref().and_then(|t| self.any(t, text)).ok_or_else(|| {
                    ApiError::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id").about([*name])
                })?;
                if record.deleted_at.is_some() {
                    return Err(ApiError::bad("ENTITY_IS_DELETED", "entity is deleted").about([*name]));
                }
                let kept = id.and_then(|id| self.any(object, id)).is_some_and(|r| r.get(name) == value);
                if *name == "OwnerId" && !kept && !record.is("IsActive") {
                    let message = format!(
                        "operation performed with inactive user [{}] as owner of {}",
                        &text[..15],
                        object.name.to_lowercase()
                    );
                    return Err(ApiError::bad("INACTIVE_OWNER_OR_USER", message).about([*name]));
                }
            }
            if field.external_id
                && let Found::One(other) = self.find(object, field, text)
                && id != Some(other.as_str())
            {
                let message =
                    format!("duplicate value found: {name} duplicates value on record with id: {other}");
                return Err(ApiError::bad("DUPLICATE_VALUE", message).about([*name]));
            }
        }
        Ok(())
    }

    /// The account of an event: that which it is about, else its contact's.
    fn account_of(&self, values: &Values, before: &Values) -> Value {
        let id = |field: &str| values.get(field).or_else(|| before.get(field)).and_then(Value::as_str);
        if let Some(what) = id("WhatId") {
            return what.into();
        }
        let contact =
            self.schema.object("Contact").zip(id("WhoId")).and_then(|(object, who)| self.any(&object, who));
        contact.map_or(Value::Null, |c| c.get("AccountId").clone())
    }

    /// Notes the mail that goes to a new invitee, and marks the event as a meeting.
    fn invite(&mut self, relation: &Record) {
        let event = relation.text("EventId").unwrap_or_default().to_owned();
        self.mails.push(format!(
            "invitation to {} for event {event}",
            relation.text("RelationId").unwrap_or_default()
        ));
        if let Some(record) = self.tables.get_mut("Event").and_then(|t| t.get_mut(&event)) {
            record.values.insert("IsGroupEvent", true.into());
            record.values.insert("GroupEventType", "1".into());
        }
    }

    /// Notes the mails that go to all invitees of an event that lies ahead.
    fn tell_invitees(&mut self, event: &str, what: &str) {
        let horizon = stamp(self.now() - TimeDelta::days(1));
        let ahead = self
            .tables
            .get("Event")
            .and_then(|t| t.get(event))
            .is_some_and(|r| r.text("EndDateTime").is_some_and(|end| end > horizon.as_str()));
        let invitees: Vec<String> = self
            .tables
            .get("EventRelation")
            .into_iter()
            .flatten()
            .filter(|(_, r)| r.deleted_at.is_none() && r.is("IsInvitee") && r.text("EventId") == Some(event))
            .filter_map(|(_, r)| r.text("RelationId").map(str::to_owned))
            .collect();
        if ahead {
            self.mails.extend(invitees.into_iter().map(|to| format!("event {event} {what}: notice to {to}")));
        }
    }
}

/// Equal in any case of letters.
fn same_text(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && a.to_lowercase() == b.to_lowercase())
}

/// Checks names, rights and types of what a client gave for an object.
fn accept_all(object: &Object, given: &Map<String, Value>, creating: bool) -> Result<Values, ApiError> {
    let mut values = Values::new();
    for (name, value) in given {
        if name == "attributes" {
            continue;
        }
        let field = object.field(name).ok_or_else(|| {
            ApiError::bad(
                "INVALID_FIELD",
                format!("No such column '{name}' on sobject of type {}", object.name),
            )
        })?;
        if !(if creating { field.create } else { field.update }) {
            let verb = if creating { "create" } else { "update" };
            let message = format!(
                "Unable to {verb} fields: {}. Please check the security settings of this field and verify that it \
                 is read/write for your profile or permission set.",
                field.name
            );
            return Err(ApiError::bad("INVALID_FIELD_FOR_INSERT_UPDATE", message).about([field.name]));
        }
        values.insert(field.name, accept(field, value)?);
    }
    Ok(values)
}

/// Fills fields that are worked out from others.
fn derive(object: &Object, values: &mut Values) {
    if matches!(object.name, "Contact" | "Lead" | "User") {
        let part = |name: &str| values.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = format!("{} {}", part("FirstName"), part("LastName")).trim().to_owned();
        values.insert("Name", name.into());
    }
    if object.name == "Task" {
        let is = |name: &str, word: &str| values.get(name).and_then(Value::as_str) == Some(word);
        let (high, closed) = (
            is("Priority", "High"),
            ["Completed", CLOSED_BY_ITS_OWN_WORD].iter().any(|word| is("Status", word)),
        );
        values.insert("IsHighPriority", high.into());
        values.insert("IsClosed", closed.into());
    }
    if object.name == "Opportunity" {
        let stage = values.get("StageName").and_then(Value::as_str).unwrap_or_default();
        let (won, lost) = (stage == WON, stage == LOST);
        values.insert("IsWon", won.into());
        values.insert("IsClosed", (won || lost).into());
    }
    if object.name == "Case" {
        let closed = values.get("Status").and_then(Value::as_str) == Some("Closed");
        values.insert("IsClosed", closed.into());
    }
}

fn required(missing: &[&str]) -> ApiError {
    let message = format!("Required fields are missing: [{}]", missing.join(", "));
    ApiError::bad("REQUIRED_FIELD_MISSING", message).about(missing.iter().copied())
}
