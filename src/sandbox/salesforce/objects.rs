//! The org's objects, field by field (Object Reference for the Salesforce Platform, the part that a sync needs).

use super::schema::{Field, Kind, Object, Relation};

const OWNER: Relation = Relation { name: "Owner", to: &["User"] };
const CREATED_BY: Relation = Relation { name: "CreatedBy", to: &["User"] };
const MODIFIED_BY: Relation = Relation { name: "LastModifiedBy", to: &["User"] };
const ACCOUNT_OF: Relation = Relation { name: "Account", to: &["Account"] };
const MASTER_CONTACT: Relation = Relation { name: "MasterRecord", to: &["Contact"] };
const MASTER_LEAD: Relation = Relation { name: "MasterRecord", to: &["Lead"] };
const REPORTS_TO: Relation = Relation { name: "ReportsTo", to: &["Contact"] };
const WHO: Relation = Relation { name: "Who", to: &["Contact", "Lead"] };
const WHAT: Relation = Relation { name: "What", to: &["Account", "Case", "Opportunity"] };
const MANAGER: Relation = Relation { name: "Manager", to: &["User"] };
const PROFILE: Relation = Relation { name: "Profile", to: &["Profile"] };
const PARENT: Relation = Relation { name: "Parent", to: &["Account"] };
const EVENT_OF: Relation = Relation { name: "Event", to: &["Event"] };
const INVITED: Relation = Relation { name: "Relation", to: &["Contact", "Lead", "User"] };
const TASK_OF: Relation = Relation { name: "RecurrenceActivity", to: &["Task"] };
const ACTIVITY: Relation = Relation { name: "Activity", to: &["Task"] };
const ABOUT: Relation = Relation { name: "RelatedTo", to: &["Account", "Case", "Opportunity"] };
const CONTACT_OF: Relation = Relation { name: "Contact", to: &["Contact"] };
const MESSAGE_OF: Relation = Relation { name: "EmailMessage", to: &["EmailMessage"] };
const REPLIED_TO: Relation = Relation { name: "ReplyToEmailMessage", to: &["EmailMessage"] };
const DOCUMENT_OF: Relation = Relation { name: "ContentDocument", to: &["ContentDocument"] };
const LATEST: Relation = Relation { name: "LatestPublishedVersion", to: &["ContentVersion"] };
/// Where a file may hang.
const PLACES: &[&str] = &["EmailMessage", "Account", "Contact", "Event", "Lead", "Task", "User"];
const LINKED: Relation = Relation { name: "LinkedEntity", to: PLACES };
const FIRST_PLACE: Relation = Relation { name: "FirstPublishLocation", to: PLACES };
const CONVERTED: Relation = Relation { name: "ConvertedContact", to: &["Contact"] };

const fn text(name: &'static str, length: usize) -> Field {
    Field::new(name, Kind::Text(length))
}
const fn area(name: &'static str, length: usize) -> Field {
    Field::new(name, Kind::TextArea(length))
}
const fn to(name: &'static str, relation: &'static Relation) -> Field {
    Field::new(name, Kind::Reference(relation))
}
const fn yes_no(name: &'static str) -> Field {
    Field::new(name, Kind::Boolean)
}
const fn pick(name: &'static str, values: &'static [&'static str]) -> Field {
    Field::new(name, Kind::Picklist { values, strict: false })
}
const fn strict(name: &'static str, values: &'static [&'static str]) -> Field {
    Field::new(name, Kind::Picklist { values, strict: true })
}
const fn date_time(name: &'static str) -> Field {
    Field::new(name, Kind::DateTime)
}
const fn date(name: &'static str) -> Field {
    Field::new(name, Kind::Date)
}
const fn phone(name: &'static str) -> Field {
    Field::new(name, Kind::Phone)
}

/// What every object has.
pub const COMMON: &[Field] = &[
    Field::new("Id", Kind::Id).read_only().defaulted().id_lookup(),
    yes_no("IsDeleted").read_only(),
    date_time("CreatedDate").read_only().defaulted(),
    to("CreatedById", &CREATED_BY).read_only().defaulted(),
    date_time("LastModifiedDate").read_only().defaulted(),
    to("LastModifiedById", &MODIFIED_BY).read_only().defaulted(),
    date_time("SystemModstamp").read_only().defaulted(),
];

const SALUTATIONS: &[&str] = &["Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx."];
const SOURCES: &[&str] = &["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"];

const CONTACT: &[Field] = &[
    to("MasterRecordId", &MASTER_CONTACT).read_only(),
    to("AccountId", &ACCOUNT_OF),
    text("LastName", 80).required(),
    text("FirstName", 40),
    pick("Salutation", SALUTATIONS),
    text("Name", 121).read_only().defaulted(),
    area("OtherStreet", 255),
    text("OtherCity", 40),
    text("OtherState", 80),
    text("OtherPostalCode", 20),
    text("OtherCountry", 80),
    area("MailingStreet", 255),
    text("MailingCity", 40),
    text("MailingState", 80),
    text("MailingPostalCode", 20),
    text("MailingCountry", 80),
    phone("Phone"),
    phone("Fax"),
    phone("MobilePhone"),
    phone("HomePhone"),
    phone("OtherPhone"),
    phone("AssistantPhone"),
    to("ReportsToId", &REPORTS_TO),
    Field::new("Email", Kind::Email).id_lookup(),
    text("Title", 128),
    text("Department", 80),
    text("AssistantName", 40),
    pick("LeadSource", SOURCES),
    date("Birthdate"),
    area("Description", 32_000),
    to("OwnerId", &OWNER).defaulted(),
    yes_no("HasOptedOutOfEmail"),
    yes_no("HasOptedOutOfFax"),
    yes_no("DoNotCall"),
    date("LastActivityDate").read_only(),
    text("EmailBouncedReason", 255),
    yes_no("IsEmailBounced").read_only(),
    text(SYNC_KEY, 80).external_id(),
];

/// The word of this org's own for a task that is closed without being done.
pub const CLOSED_BY_ITS_OWN_WORD: &str = "Abgelehnt";

/// The unique external id that an administrator has added for the sync, on Contact, Event and Task.
pub const SYNC_KEY: &str = "Riva_Sync_Key__c";

const EVENT: &[Field] = &[
    to("WhoId", &WHO),
    to("WhatId", &WHAT),
    text("Subject", 255),
    text("Location", 255),
    yes_no("IsAllDayEvent"),
    date_time("ActivityDateTime"),
    date("ActivityDate"),
    Field::new("DurationInMinutes", Kind::Int),
    date_time("StartDateTime"),
    date_time("EndDateTime"),
    date("EndDate").read_only(),
    area("Description", 32_000),
    to("AccountId", &ACCOUNT_OF).read_only(),
    to("OwnerId", &OWNER).defaulted(),
    pick("Type", &["Email", "Meeting", "Other", "Call"]),
    yes_no("IsPrivate"),
    strict("ShowAs", &["Busy", "OutOfOffice", "Free"]).defaulted(),
    yes_no("IsChild").read_only(),
    yes_no("IsGroupEvent").read_only(),
    strict("GroupEventType", &["0", "1", "2"]).read_only(),
    yes_no("IsArchived").read_only(),
    yes_no("IsRecurrence").read_only(),
    date_time("ReminderDateTime"),
    yes_no("IsReminderSet"),
    strict("EventSubtype", &["Event"]).read_only().defaulted(),
    text(SYNC_KEY, 80).external_id(),
];

const ACCOUNT: &[Field] = &[
    text("Name", 255).required(),
    to("ParentId", &PARENT),
    phone("Phone"),
    Field::new("Website", Kind::Url),
    area("BillingStreet", 255),
    text("BillingCity", 40),
    text("BillingState", 80),
    text("BillingPostalCode", 20),
    text("BillingCountry", 80),
    area("Description", 32_000),
    to("OwnerId", &OWNER).defaulted(),
];

const LEAD: &[Field] = &[
    to("MasterRecordId", &MASTER_LEAD).read_only(),
    text("LastName", 80).required(),
    text("FirstName", 40),
    pick("Salutation", SALUTATIONS),
    text("Name", 121).read_only().defaulted(),
    text("Title", 128),
    text("Company", 255).required(),
    area("Street", 255),
    text("City", 40),
    text("State", 80),
    text("PostalCode", 20),
    text("Country", 80),
    phone("Phone"),
    phone("MobilePhone"),
    phone("Fax"),
    Field::new("Website", Kind::Url),
    Field::new("Email", Kind::Email).id_lookup(),
    pick("LeadSource", SOURCES),
    pick(
        "Status",
        &["Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted"],
    )
    .defaulted(),
    area("Description", 32_000),
    yes_no("IsConverted").read_only(),
    date("ConvertedDate").read_only(),
    to("ConvertedAccountId", &ACCOUNT_OF).read_only(),
    to("ConvertedContactId", &CONVERTED).read_only(),
    to("OwnerId", &OWNER).defaulted(),
];

const TASK: &[Field] = &[
    to("WhoId", &WHO),
    to("WhatId", &WHAT),
    text("Subject", 255),
    date("ActivityDate"),
    // The last ones are words of this org's own administrator.
    pick(
        "Status",
        &[
            "Not Started",
            "In Progress",
            "Completed",
            "Waiting on someone else",
            "Deferred",
            "In Prüfung",
            CLOSED_BY_ITS_OWN_WORD,
        ],
    )
    .defaulted(),
    pick("Priority", &["High", "Normal", "Low", "Urgent"]).defaulted(),
    yes_no("IsHighPriority").read_only(),
    yes_no("IsClosed").read_only(),
    area("Description", 32_000),
    to("AccountId", &ACCOUNT_OF).read_only(),
    to("OwnerId", &OWNER).defaulted(),
    strict("TaskSubtype", &["Task", "Email", "ListEmail", "Call"]).defaulted().create_only(),
    yes_no("IsReminderSet"),
    date_time("ReminderDateTime"),
    yes_no("IsArchived").read_only(),
    yes_no("IsRecurrence").read_only(),
    to("RecurrenceActivityId", &TASK_OF).read_only(),
    text(SYNC_KEY, 80).external_id(),
];

const USER: &[Field] = &[
    text("Username", 80).required(),
    text("LastName", 80).required(),
    text("FirstName", 40),
    text("Name", 121).read_only().defaulted(),
    Field::new("Email", Kind::Email).required(),
    text("Alias", 8).required(),
    text("Title", 80),
    text("Department", 80),
    text("CompanyName", 80),
    phone("Phone"),
    yes_no("IsActive"),
    strict("UserType", &["Standard", "PowerPartner", "CsnOnly", "Guest"]).read_only().defaulted(),
    strict("TimeZoneSidKey", &[]).defaulted(),
    strict("LocaleSidKey", &["en_GB", "en_US"]).defaulted(),
    to("ProfileId", &PROFILE),
    to("ManagerId", &MANAGER),
    text("FederationIdentifier", 512),
];

const EVENT_RELATION: &[Field] = &[
    to("EventId", &EVENT_OF).required(),
    to("RelationId", &INVITED).required(),
    strict("Status", &["New", "Declined", "Accepted"]),
    yes_no("IsInvitee"),
    yes_no("IsParent"),
    yes_no("IsWhat").read_only(),
];

const EMAIL_MESSAGE: &[Field] = &[
    to("ActivityId", &ACTIVITY).read_only(),
    to("RelatedToId", &ABOUT),
    to("ReplyToEmailMessageId", &REPLIED_TO).create_only(),
    area("TextBody", 32_000),
    area("HtmlBody", 131_072),
    area("Headers", 32_000),
    text("Subject", 3000),
    text("FromName", 1000),
    text("FromAddress", 1000),
    text("ToAddress", 4000),
    text("CcAddress", 4000),
    text("BccAddress", 4000),
    yes_no("Incoming").create_only(),
    yes_no("HasAttachment").read_only(),
    // New, Read, Replied, Sent, Forwarded, Draft.
    strict("Status", &["0", "1", "2", "3", "4", "5"]).required(),
    date_time("MessageDate"),
    text("MessageIdentifier", 765),
    text("ThreadIdentifier", 765),
    yes_no("IsExternallyVisible"),
    yes_no("IsClientManaged").create_only(),
];

const EMAIL_MESSAGE_RELATION: &[Field] = &[
    to("EmailMessageId", &MESSAGE_OF).required().create_only(),
    to("RelationId", &INVITED).create_only(),
    strict("RelationType", &["ToAddress", "CcAddress", "BccAddress", "FromAddress", "OtherAddress"])
        .required()
        .create_only(),
    text("RelationAddress", 255).create_only(),
    strict("RelationObjectType", &["Contact", "Lead", "User"]).read_only(),
];

/// The stage of an opportunity that was won.
pub const WON: &str = "Closed Won";
/// The stage of an opportunity that was lost.
pub const LOST: &str = "Closed Lost";
const STAGES: &[&str] = &["Prospecting", "Proposal/Price Quote", WON, LOST];

const OPPORTUNITY: &[Field] = &[
    to("AccountId", &ACCOUNT_OF),
    text("Name", 120).required(),
    area("Description", 32_000),
    pick("StageName", STAGES).required(),
    date("CloseDate").required(),
    pick("LeadSource", SOURCES),
    yes_no("IsClosed").read_only(),
    yes_no("IsWon").read_only(),
    to("OwnerId", &OWNER).defaulted(),
];

const CASE: &[Field] = &[
    text("CaseNumber", 30).read_only().defaulted(),
    to("ContactId", &CONTACT_OF),
    to("AccountId", &ACCOUNT_OF),
    pick("Status", &["New", "Working", "Escalated", "Closed"]).defaulted(),
    pick("Origin", &["Phone", "Email", "Web"]),
    text("Subject", 255),
    area("Description", 32_000),
    yes_no("IsClosed").read_only(),
    to("OwnerId", &OWNER).defaulted(),
];

/// What there is with Enhanced Email alone.
pub const OF_ENHANCED_EMAIL: [&str; 2] = ["EmailMessage", "EmailMessageRelation"];

const CONTENT_VERSION: &[Field] = &[
    to("ContentDocumentId", &DOCUMENT_OF).read_only(),
    yes_no("IsLatest").read_only(),
    text("VersionNumber", 20).read_only(),
    text("Title", 255).defaulted(),
    area("Description", 1000),
    text("PathOnClient", 500).required().create_only(),
    text("FileExtension", 40).read_only(),
    Field::new("ContentSize", Kind::Int).read_only(),
    Field::new("VersionData", Kind::Base64).required().create_only(),
    to("FirstPublishLocationId", &FIRST_PLACE).create_only(),
    to("OwnerId", &OWNER).defaulted(),
];

const CONTENT_DOCUMENT: &[Field] = &[
    text("Title", 255).required(),
    text("FileExtension", 40).read_only(),
    Field::new("ContentSize", Kind::Int).read_only(),
    to("LatestPublishedVersionId", &LATEST).read_only(),
    to("OwnerId", &OWNER).defaulted(),
];

const CONTENT_DOCUMENT_LINK: &[Field] = &[
    to("LinkedEntityId", &LINKED).required().create_only(),
    to("ContentDocumentId", &DOCUMENT_OF).required().create_only(),
    // Viewer, collaborator, inferred from what it hangs on.
    strict("ShareType", &["V", "C", "I"]).defaulted(),
    strict("Visibility", &["AllUsers", "InternalUsers", "SharedUsers"]).defaulted(),
];

/// What there is in an org with files alone.
pub const OF_FILES: [&str; 3] = ["ContentVersion", "ContentDocument", "ContentDocumentLink"];

const ORGANIZATION: &[Field] = &[
    text("Name", 80).required(),
    text("OrganizationType", 40),
    text("InstanceName", 5).read_only(),
    yes_no("IsSandbox").read_only(),
    strict("TimeZoneSidKey", &[]),
    text("NamespacePrefix", 15).read_only(),
];

const PROFILE_FIELDS: &[Field] = &[text("Name", 255).required()];

const fn rows(
    name: &'static str,
    plural: &'static str,
    prefix: &'static str,
    own_fields: &'static [Field],
) -> Object {
    Object { name, plural, prefix, own_fields, writable: true, createable: true, replicateable: true }
}
const fn fixed(
    name: &'static str,
    plural: &'static str,
    prefix: &'static str,
    own_fields: &'static [Field],
) -> Object {
    Object { name, plural, prefix, own_fields, writable: false, createable: false, replicateable: false }
}

/// Every object.
pub const ALL: &[Object] = &[
    rows("Account", "Accounts", "001", ACCOUNT),
    rows("Contact", "Contacts", "003", CONTACT),
    fixed("User", "Users", "005", USER),
    rows("Opportunity", "Opportunities", "006", OPPORTUNITY),
    rows("Lead", "Leads", "00Q", LEAD),
    rows("Task", "Tasks", "00T", TASK),
    rows("Event", "Events", "00U", EVENT),
    rows("Case", "Cases", "500", CASE),
    rows("EventRelation", "Event Relations", "0RE", EVENT_RELATION),
    rows("EmailMessage", "Email Messages", "02s", EMAIL_MESSAGE),
    rows("EmailMessageRelation", "Email Message Relations", "0CC", EMAIL_MESSAGE_RELATION),
    rows("ContentVersion", "Content Versions", "068", CONTENT_VERSION),
    Object { createable: false, ..rows("ContentDocument", "Content Documents", "069", CONTENT_DOCUMENT) },
    rows("ContentDocumentLink", "Content Document Links", "06A", CONTENT_DOCUMENT_LINK),
    fixed("Organization", "Organizations", "00D", ORGANIZATION),
    fixed("Profile", "Profiles", "00e", PROFILE_FIELDS),
];
