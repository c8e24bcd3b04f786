//! Requests as raw XML over HTTP, replies looked at as XML.

mod a_series;
mod any_request;
mod attachments;
mod messages;

use super::*;
use crate::control::Control;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use base64::Engine as _;
use tower::ServiceExt as _;

const COMPANY: &str = r#"
name = "Northwind"
exchange = { account = "svc@northwind.example", password = "svc-pw" }
salesforce = { account = "a", password = "b", client_id = "c", client_secret = "d" }

[[person]]
name = "Ann Lee"
given = "Ann"
family = "Lee"
address = "ann@northwind.example"
password = "ann-pw"
zone = "Europe/Berlin"
full_access = true

[[person.contact]]
given = "Carl"
family = "Ek"
company = "Ek AB"
emails = ["carl@ek.example"]
phones = { work = "+46 8 1" }
address = { street = "Gatan 1", city = "Malmö", country = "Sweden" }
notes = "Likes tea"

[[person.event]]
subject = "Review"
day = 1
start = "10:00"
minutes = 60
attendees = ["carl@ek.example"]

[[person.event]]
subject = "Holiday"
day = 3
minutes = 1440
all_day = true

[[person.event]]
subject = "Weekly"
day = 0
start = "09:00"
weekly_count = 4

[[person]]
name = "Anton Berg"
given = "Anton"
family = "Berg"
address = "anton@northwind.example"
password = "anton-pw"
impersonation = false

[[person]]
name = "New Hire"
given = "New"
family = "Hire"
address = "new@northwind.example"
password = "new-pw"
opened = false

[[person]]
name = "Guest"
given = "Gus"
family = "Guest"
address = "guest@northwind.example"
password = "x"
mailbox = false
"#;

struct Client {
    router: Router,
    control: Control,
    login: &'static str,
    password: &'static str,
    acting: Option<&'static str>,
}

impl Client {
    fn service(acting: &'static str) -> Self {
        let company = Company::parse(COMPANY).unwrap();
        let exchange = Exchange::new(&company, NaiveDate::from_ymd_opt(2026, 11, 23).unwrap());
        Self {
            router: exchange.router("http://127.0.0.1:1"),
            control: Control::new(&exchange),
            login: "svc@northwind.example",
            password: "svc-pw",
            acting: Some(acting),
        }
    }

    async fn raw(&self, body: &str) -> (StatusCode, String) {
        let credentials =
            base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", self.login, self.password));
        let acting = self.acting.map_or(String::new(), |a| {
            format!("<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>{a}</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>")
        });
        let envelope = format!(
            r#"<?xml version="1.0"?><s:Envelope xmlns:s="{}" xmlns:t="{}" xmlns:m="{}"><s:Header><t:RequestServerVersion Version="Exchange2013"/>{acting}</s:Header><s:Body>{body}</s:Body></s:Envelope>"#,
            xml::SOAP,
            xml::TYPES,
            xml::MESSAGES
        );
        let request = Request::post("/EWS/Exchange.asmx")
            .header(header::CONTENT_TYPE, "text/xml; charset=utf-8")
            .header(header::AUTHORIZATION, format!("Basic {credentials}"))
            .body(Body::from(envelope))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let kind = response.headers().get(header::CONTENT_TYPE).cloned();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        if status.is_success() && bytes.is_ok() {
            assert_eq!(kind.unwrap(), "text/xml; charset=utf-8");
        }
        (status, bytes.map_or_else(|e| e.to_string(), |b| String::from_utf8(b.to_vec()).unwrap()))
    }

    /// The text of a successful reply.
    async fn ask(&self, body: &str) -> String {
        let (status, text) = self.raw(body).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        text
    }

    async fn create_contact(&self, inside: &str) -> (String, String) {
        let reply = self
            .ask(&format!("<m:CreateItem><m:Items><t:Contact>{inside}</t:Contact></m:Items></m:CreateItem>"))
            .await;
        assert_eq!(code(&reply), "NoError", "{reply}");
        (attribute(&reply, "Id"), attribute(&reply, "ChangeKey"))
    }

    async fn get(&self, id: &str) -> String {
        self.ask(&format!(r#"<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape><m:ItemIds><t:ItemId Id="{id}"/></m:ItemIds></m:GetItem>"#)).await
    }

    async fn sync(&self, folder: &str, state: &str, most: u32) -> String {
        self.ask(&format!(r#"<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:SyncFolderId><t:DistinguishedFolderId Id="{folder}"/></m:SyncFolderId><m:SyncState>{state}</m:SyncState><m:MaxChangesReturned>{most}</m:MaxChangesReturned></m:SyncFolderItems>"#)).await
    }
}

fn text(reply: &str, element: &str) -> String {
    let document = roxmltree::Document::parse(reply).unwrap();
    let ours = |n: &roxmltree::Node<'_, '_>| n.tag_name().namespace() != Some(xml::SOAP);
    let node = document.descendants().find(|n| n.tag_name().name() == element && ours(n));
    node.unwrap_or_else(|| panic!("no {element} in {reply}")).text().unwrap_or_default().to_owned()
}

fn code(reply: &str) -> String {
    text(reply, "ResponseCode")
}

fn attribute(reply: &str, name: &str) -> String {
    let document = roxmltree::Document::parse(reply).unwrap();
    let node = document.descendants().find(|n| n.tag_name().name() == "ItemId").unwrap();
    node.attribute(name).unwrap().to_owned()
}

fn count(reply: &str, element: &str) -> usize {
    roxmltree::Document::parse(reply)
        .unwrap()
        .descendants()
        .filter(|n| n.tag_name().name() == element)
        .count()
}

const EVENT: &str = r#"<m:CreateItem SendMeetingInvitations="WORD"><m:Items><t:CalendarItem><t:Subject>Demo</t:Subject><t:Start>2026-12-01T10:00:00</t:Start><t:End>2026-12-01T11:00:00</t:End><t:RequiredAttendees><t:Attendee><t:Mailbox><t:EmailAddress>x@y.example</t:EmailAddress></t:Mailbox></t:Attendee></t:RequiredAttendees></t:CalendarItem></m:Items></m:CreateItem>"#;

#[tokio::test]
async fn a_contact_lives_and_dies() {
    let ann = Client::service("ann@northwind.example");
    let first = ann.sync("contacts", "", 512).await;
    assert_eq!(count(&first, "Create"), 1);
    let (id, key) = ann
        .create_contact(r#"<t:Body BodyType="Text">a&#xD;
b</t:Body><t:ExtendedProperty><t:ExtendedFieldURI PropertySetId="C11FF724-AA03-4555-9952-8FA248A11C3E" PropertyName="Marker" PropertyType="String"/><t:Value>m-1</t:Value></t:ExtendedProperty><t:GivenName>Bo</t:GivenName><t:EmailAddresses><t:Entry Key="EmailAddress1">bo@x.example</t:Entry></t:EmailAddresses><t:Surname>Ö &amp; Co</t:Surname>"#)
        .await;
    let found = ann.ask(r#"<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:ExtendedFieldURI PropertySetId="c11ff724-aa03-4555-9952-8fa248a11c3e" PropertyName="Marker" PropertyType="String"/></t:AdditionalProperties></m:ItemShape><m:Restriction><t:Or><t:IsEqualTo><t:ExtendedFieldURI PropertySetId="c11ff724-aa03-4555-9952-8fa248a11c3e" PropertyName="Marker" PropertyType="String"/><t:FieldURIOrConstant><t:Constant Value="m-1"/></t:FieldURIOrConstant></t:IsEqualTo></t:Or></m:Restriction><m:ParentFolderIds><t:DistinguishedFolderId Id="contacts"/></m:ParentFolderIds></m:FindItem>"#).await;
    assert_eq!(attribute(&found, "Id"), id);
    assert_eq!(text(&found, "Value"), "m-1");

    let change = |key: &str| {
        format!(
            r#"<m:UpdateItem ConflictResolution="NeverOverwrite"><m:ItemChanges><t:ItemChange><t:ItemId Id="{id}" ChangeKey="{key}"/><t:Updates><t:SetItemField><t:FieldURI FieldURI="contacts:GivenName"/><t:Contact><t:GivenName>Boo</t:GivenName></t:Contact></t:SetItemField><t:DeleteItemField><t:IndexedFieldURI FieldURI="contacts:EmailAddress" FieldIndex="EmailAddress1"/></t:DeleteItemField></t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>"#
        )
    };
    let updated = ann.ask(&change(&key)).await;
    assert_eq!(code(&updated), "NoError");
    assert_ne!(attribute(&updated, "ChangeKey"), key);
    assert_eq!(code(&ann.ask(&change(&key)).await), "ErrorIrresolvableConflict");
    let got = ann.get(&id).await;
    assert_eq!(text(&got, "GivenName"), "Boo");
    assert_eq!(text(&got, "Body"), "a\r\nb");
    assert_eq!(count(&got, "EmailAddresses"), 0);

    let second = ann.sync("contacts", &text(&first, "SyncState"), 512).await;
    assert_eq!((count(&second, "Create"), count(&second, "Update")), (1, 0));
    let deleted = ann.ask(&format!(r#"<m:DeleteItem DeleteType="MoveToDeletedItems"><m:ItemIds><t:ItemId Id="{id}" ChangeKey="{key}"/></m:ItemIds></m:DeleteItem>"#)).await;
    assert_eq!(code(&deleted), "NoError");
    assert_eq!(code(&ann.get(&id).await), "ErrorItemNotFound");
    let third = ann.sync("contacts", &text(&second, "SyncState"), 512).await;
    assert_eq!(count(&third, "Delete"), 1);
    let bin = ann.sync("deleteditems", "", 512).await;
    assert_ne!(attribute(&bin, "Id"), id);
}

#[tokio::test]
async fn a_first_sync_in_pages_misses_nothing_that_changes_meanwhile() {
    let ann = Client::service("ann@northwind.example");
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(ann.create_contact(&format!("<t:GivenName>N{n}</t:GivenName>")).await.0);
    }
    let mut state = String::new();
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..20 {
        let page = ann.sync("contacts", &state, 2).await;
        let document = roxmltree::Document::parse(&page).unwrap();
        for change in
            document.descendants().filter(|n| matches!(n.tag_name().name(), "Create" | "Update" | "Delete"))
        {
            let id = change
                .descendants()
                .find(|n| n.tag_name().name() == "ItemId")
                .unwrap()
                .attribute("Id")
                .unwrap();
            match change.tag_name().name() {
                "Create" => assert!(seen.insert(id.to_owned())),
                "Update" => assert!(seen.contains(id)),
                _ => assert!(seen.remove(id)),
            }
        }
        state = text(&page, "SyncState");
        if round == 0 {
            // One that is not told yet changes, one that is told goes, one is new.
            let edit = |json| ann.control.edit(serde_json::from_value(json).unwrap()).unwrap();
            edit(
                serde_json::json!({"do": "update", "user": "ann@northwind.example", "id": ids[4], "fields": {"GivenName": "X"}}),
            );
            edit(serde_json::json!({"do": "delete", "user": "ann@northwind.example", "id": ids[0]}));
            edit(
                serde_json::json!({"do": "create", "user": "ann@northwind.example", "class": "Contact", "fields": {"GivenName": "Y"}}),
            );
        } else if text(&page, "IncludesLastItemInRange") == "true" {
            break;
        }
    }
    assert_eq!(seen.len(), 6, "one from the company file, four left of five, one new");
    assert!(!seen.contains(&ids[0]));
    let quiet = ann.sync("contacts", &state, 512).await;
    assert_eq!(count(&quiet, "ItemId"), 0);
    ann.control.invalidate_sync_states();
    assert_eq!(code(&ann.sync("contacts", &state, 512).await), "ErrorInvalidSyncStateData");
}

#[tokio::test]
async fn who_may_act_for_whom() {
    let get = r#"<m:GetFolder><m:FolderShape><t:BaseShape>AllProperties</t:BaseShape></m:FolderShape><m:FolderIds><t:DistinguishedFolderId Id="calendar"/></m:FolderIds></m:GetFolder>"#;
    let ok = Client::service("ann@northwind.example").ask(get).await;
    assert_eq!(text(&ok, "DisplayName"), "Calendar");
    assert_eq!(count(&ok, "EffectiveRights"), 1);
    for (who, fault) in [
        ("anton@northwind.example", "ErrorImpersonateUserDenied"),
        ("nobody@northwind.example", "ErrorNonExistentMailbox"),
        ("guest@northwind.example", "ErrorNonExistentMailbox"),
    ] {
        let (status, reply) = Client::service(who).raw(get).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(code(&reply), fault);
    }
    let new = Client::service("new@northwind.example").ask(get).await;
    assert_eq!(code(&new), "ErrorItemNotFound");

    let mut delegate = Client::service("x");
    delegate.acting = None;
    let of = |who: &str| {
        format!(
            r#"<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:FolderIds><t:DistinguishedFolderId Id="calendar"><t:Mailbox><t:EmailAddress>{who}</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId></m:FolderIds></m:GetFolder>"#
        )
    };
    assert_eq!(code(&delegate.ask(&of("ann@northwind.example")).await), "NoError");
    assert_eq!(code(&delegate.ask(&of("anton@northwind.example")).await), "ErrorFolderNotFound");
    assert_eq!(code(&delegate.ask(&of("nobody@northwind.example")).await), "ErrorNonExistentMailbox");

    delegate.password = "wrong";
    assert_eq!(delegate.raw(get).await.0, StatusCode::UNAUTHORIZED);
    (delegate.login, delegate.password) = ("NORTHWIND\\anton", "anton-pw");
    assert_eq!(code(&delegate.ask(get).await), "NoError");
    delegate.control.set_password("anton@northwind.example", "other").unwrap();
    assert_eq!(delegate.raw(get).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn mails_are_counted_only_when_they_would_go_out() {
    let ann = Client::service("ann@northwind.example");
    let silent = ann.ask(&EVENT.replace("WORD", "SendToNone")).await;
    assert_eq!(code(&silent), "NoError");
    assert_eq!(ann.control.counters().total_mails(), 0);
    ann.ask(&EVENT.replace("WORD", "SendToAllAndSaveCopy")).await;
    let (id, key) = (attribute(&silent, "Id"), attribute(&silent, "ChangeKey"));
    ann.ask(&format!(r#"<m:UpdateItem ConflictResolution="AutoResolve" SendMeetingInvitationsOrCancellations="SendToAllAndSaveCopy"><m:ItemChanges><t:ItemChange><t:ItemId Id="{id}" ChangeKey="{key}"/><t:Updates><t:SetItemField><t:FieldURI FieldURI="item:Subject"/><t:CalendarItem><t:Subject>Other</t:Subject></t:CalendarItem></t:SetItemField></t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>"#)).await;
    ann.ask(&format!(r#"<m:DeleteItem DeleteType="HardDelete" SendMeetingCancellations="SendOnlyToAll"><m:ItemIds><t:ItemId Id="{id}"/></m:ItemIds></m:DeleteItem>"#)).await;
    let mails = ann.control.counters().mails;
    assert_eq!(
        mails.into_iter().collect::<Vec<_>>(),
        [("cancellation".to_owned(), 1), ("invitation".to_owned(), 1), ("update".to_owned(), 1)]
    );
}

#[tokio::test]
async fn what_the_calendar_refuses() {
    let ann = Client::service("ann@northwind.example");
    let create = |inside: &str| {
        format!(
            r#"<m:CreateItem SendMeetingInvitations="SendToNone"><m:Items><t:CalendarItem>{inside}</t:CalendarItem></m:Items></m:CreateItem>"#
        )
    };
    let backwards =
        ann.ask(&create("<t:Start>2026-12-01T10:00:00Z</t:Start><t:End>2026-12-01T09:00:00Z</t:End>")).await;
    assert_eq!(code(&backwards), "ErrorCalendarEndDateIsEarlierThanStartDate");
    let organizer = ann.ask(&create("<t:IsMeeting>true</t:IsMeeting>")).await;
    assert_eq!(code(&organizer), "ErrorInvalidPropertySet");
    let attribute = ann.ask(&EVENT.replace(" SendMeetingInvitations=\"WORD\"", "")).await;
    assert_eq!(code(&attribute), "ErrorSendMeetingInvitationsRequired");
    let (status, order) =
        ann.raw(&create("<t:Location>x</t:Location><t:Start>2026-12-01T10:00:00Z</t:Start>")).await;
    assert_eq!((status, code(&order).as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "ErrorSchemaValidation"));
    let zone = ann.ask(&create(r#"<t:StartTimeZone Id="Nowhere Standard Time"/>"#)).await;
    assert_eq!(code(&zone), "ErrorTimeZone");
    let long = "x".repeat(256);
    let subject = ann.ask(&create(&format!("<t:Subject>{long}</t:Subject>"))).await;
    assert_eq!(code(&subject), "ErrorPropertyValidationFailure");
}

#[tokio::test]
async fn whole_days_are_instants_of_midnight_in_their_zone() {
    let ann = Client::service("ann@northwind.example");
    let view = ann.ask(r#"<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape><m:CalendarView StartDate="2026-11-23T00:00:00Z" EndDate="2026-12-08T00:00:00Z"/><m:ParentFolderIds><t:DistinguishedFolderId Id="calendar"/></m:ParentFolderIds></m:FindItem>"#).await;
    let document = roxmltree::Document::parse(&view).unwrap();
    let shown: Vec<_> = document
        .descendants()
        .filter(|n| n.tag_name().name() == "CalendarItem")
        .map(|n| {
            let field = |name: &str| {
                n.children().find(|c| c.tag_name().name() == name).unwrap().text().unwrap().to_owned()
            };
            (field("Subject"), field("Start"), field("CalendarItemType"))
        })
        .collect();
    let expect = [
        ("Weekly", "2026-11-23T08:00:00Z", "Occurrence"),
        ("Review", "2026-11-24T09:00:00Z", "Single"),
        ("Holiday", "2026-11-25T23:00:00Z", "Single"),
        ("Weekly", "2026-11-30T08:00:00Z", "Occurrence"),
        ("Weekly", "2026-12-07T08:00:00Z", "Occurrence"),
    ];
    let expect = expect.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(shown, expect);
}

#[tokio::test]
async fn names_are_resolved() {
    let ann = Client::service("ann@northwind.example");
    let ask = |who: &str| {
        format!(
            r#"<m:ResolveNames ReturnFullContactData="true"><m:UnresolvedEntry>{who}</m:UnresolvedEntry></m:ResolveNames>"#
        )
    };
    assert_eq!(text(&ann.ask(&ask("ann@northwind.example")).await, "Name"), "Ann Lee");
    assert_eq!(code(&ann.ask(&ask("zed")).await), "ErrorNameResolutionNoResults");
    let several = ann.ask(&ask("an")).await;
    assert_eq!(code(&several), "ErrorNameResolutionMultipleResults");
    assert_eq!(count(&several, "Resolution"), 2);
    assert_eq!(text(&ann.ask(&ask("guest")).await, "MailboxType"), "Contact");
}

#[tokio::test]
async fn faults_come_and_go() {
    let ann = Client::service("ann@northwind.example");
    let ask = r#"<m:ResolveNames ReturnFullContactData="false"><m:UnresolvedEntry>ann</m:UnresolvedEntry></m:ResolveNames>"#;
    ann.control.throttle(1, 4200);
    let (status, busy) = ann.raw(ask).await;
    assert_eq!((status, code(&busy).as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "ErrorServerBusy"));
    assert_eq!(text(&busy, "Value"), "4200");
    ann.ask(ask).await;
    ann.control.set_down(Some(Down::Unavailable));
    assert_eq!(ann.raw(ask).await.0, StatusCode::SERVICE_UNAVAILABLE);
    ann.control.set_down(None);
    ann.control.lose_replies(1, Some("CreateItem"));
    ann.ask(ask).await;
    let (_, lost) = ann.raw("<m:CreateItem><m:Items><t:Contact><t:GivenName>Lost</t:GivenName></t:Contact></m:Items></m:CreateItem>").await;
    assert!(lost.contains("lost"), "{lost}");
    let there = ann.control.items("ann@northwind.example").unwrap();
    assert!(there.iter().any(|i| i["fields"]["GivenName"] == "Lost"), "the work was done");
    ann.control.set_page_size(Some(1));
    assert_eq!(count(&ann.sync("calendar", "", 512).await, "Create"), 1);
}

#[tokio::test]
async fn concurrent_requests_of_a_mailbox_are_limited() {
    let ann = Client::service("ann@northwind.example");
    ann.control.set_latency(20);
    ann.control.set_max_concurrency(Some(2));
    let ask = r#"<m:ResolveNames ReturnFullContactData="false"><m:UnresolvedEntry>ann</m:UnresolvedEntry></m:ResolveNames>"#;
    let (a, b, c) = tokio::join!(ann.raw(ask), ann.raw(ask), ann.raw(ask));
    assert_eq!((a.0, b.0), (StatusCode::OK, StatusCode::OK));
    assert_eq!(code(&c.1), "ErrorExceededConnectionCount");
    assert_eq!(ann.control.counters().peak_concurrency, 2);
    ann.ask(ask).await;
}

#[tokio::test]
async fn one_item_of_a_batch_can_be_refused() {
    let ann = Client::service("ann@northwind.example");
    ann.control.refuse_items(1, "ErrorQuotaExceeded").unwrap();
    assert!(ann.control.refuse_items(1, "ErrorOfMyOwn").is_err());
    let reply = ann.ask("<m:CreateItem><m:Items><t:Contact><t:GivenName>A</t:GivenName></t:Contact><t:Contact><t:GivenName>B</t:GivenName></t:Contact></m:Items></m:CreateItem>").await;
    assert_eq!(code(&reply), "ErrorQuotaExceeded");
    assert_eq!(count(&reply, "CreateItemResponseMessage"), 2);
    assert_eq!(count(&reply, "Contact"), 1);
}

#[tokio::test]
async fn an_event_is_found_by_its_global_object_id() {
    let ann = Client::service("ann@northwind.example");
    let made = ann.ask(r#"<m:CreateItem SendMeetingInvitations="SendToNone"><m:Items><t:CalendarItem><t:Subject>U</t:Subject><t:UID>abc@x.example</t:UID></t:CalendarItem></m:Items></m:CreateItem>"#).await;
    let path =
        r#"<t:ExtendedFieldURI DistinguishedPropertySetId="Meeting" PropertyId="3" PropertyType="Binary"/>"#;
    let find = |id: &str| {
        format!(
            r#"<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>{path}</t:AdditionalProperties></m:ItemShape><m:Restriction><t:IsEqualTo>{path}<t:FieldURIOrConstant><t:Constant Value="{id}"/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction><m:ParentFolderIds><t:DistinguishedFolderId Id="calendar"/></m:ParentFolderIds></m:FindItem>"#
        )
    };
    // [MS-OXOCAL] 2.2.1.27: class, date, creation time, zeros, size, `vCal-Uid`, 1, the UID, 0.
    let mut bytes = vec![4, 0, 0, 0, 0x82, 0, 0xE0, 0, 0x74, 0xC5, 0xB7, 0x10, 0x1A, 0x82, 0xE0, 8];
    bytes.extend([0; 20]);
    bytes.extend([26, 0, 0, 0]);
    bytes.extend(b"vCal-Uid\x01\0\0\0abc@x.example\0");
    let found = ann.ask(&find(&base64::engine::general_purpose::STANDARD.encode(bytes))).await;
    assert_eq!(attribute(&found, "Id"), attribute(&made, "Id"));
}

#[tokio::test]
async fn autodiscover_tells_the_url() {
    let ann = Client::service("ann@northwind.example");
    let ask = async |address: &str, schema: &str| {
        let body = format!(
            r#"<?xml version="1.0"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>{schema}</AcceptableResponseSchema></Request></Autodiscover>"#
        );
        let credentials = base64::engine::general_purpose::STANDARD.encode("svc@northwind.example:svc-pw");
        let request = Request::post("/autodiscover/autodiscover.xml")
            .header(header::CONTENT_TYPE, "text/xml")
            .header(header::AUTHORIZATION, format!("Basic {credentials}"))
            .body(Body::from(body))
            .unwrap();
        let response = ann.router.clone().oneshot(request).await.unwrap();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    let schema = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
    let found = ask("ann@northwind.example", schema).await;
    assert_eq!(text(&found, "EwsUrl"), "http://127.0.0.1:1/EWS/Exchange.asmx");
    assert_eq!(text(&ask("nobody@x.example", schema).await, "ErrorCode"), "500");
    assert_eq!(text(&ask("ann@northwind.example", "other").await, "ErrorCode"), "601");
}

/// A real listener, as the sandbox serves it: connections that are cut are seen as such by a client.
#[tokio::test]
async fn on_the_wire_replies_get_lost_and_servers_go_down() {
    let company = Company::parse(COMPANY).unwrap();
    let exchange = Exchange::new(&company, NaiveDate::from_ymd_opt(2026, 11, 23).unwrap());
    let bound = crate::serve::Bound::new(0, None).await.unwrap();
    let url = bound.url();
    let serving = bound.serve(exchange.router(&url));
    let control = Control::new(&exchange);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let create = |name: &str| {
        let body = format!(
            r#"<s:Envelope xmlns:s="{}" xmlns:t="{}" xmlns:m="{}"><s:Body><m:CreateItem><m:Items><t:Contact><t:GivenName>{name}</t:GivenName></t:Contact></m:Items></m:CreateItem></s:Body></s:Envelope>"#,
            xml::SOAP,
            xml::TYPES,
            xml::MESSAGES
        );
        client
            .post(format!("{url}/ews/exchange.asmx"))
            .basic_auth("ann@northwind.example", Some("ann-pw"))
            .header(header::CONTENT_TYPE, "text/xml; charset=utf-8")
            .body(body)
            .send()
    };
    let there = |name: &str| {
        let items = control.items("ann@northwind.example").unwrap();
        items.iter().filter(|i| i["fields"]["GivenName"] == name).count()
    };
    assert_eq!(create("First").await.unwrap().status().as_u16(), 200);
    control.lose_replies(1, None);
    let lost = create("Second").await;
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!(there("Second"), 1, "the work was done, once");
    assert_eq!(create("Third").await.unwrap().status().as_u16(), 200);
    control.set_down(Some(Down::Closed));
    assert!(create("Fourth").await.is_err());
    control.set_down(Some(Down::Unavailable));
    assert_eq!(create("Fourth").await.unwrap().status().as_u16(), 503);
    control.set_down(None);
    assert_eq!(there("Fourth"), 0);
    let get = client.get(format!("{url}/EWS/Exchange.asmx"));
    assert_eq!(get.try_clone().unwrap().send().await.unwrap().status().as_u16(), 401);
    let signed_in = get.basic_auth("ann@northwind.example", Some("ann-pw")).send().await.unwrap();
    assert_eq!(signed_in.status().as_u16(), 200);
    let counters: serde_json::Value =
        client.get(format!("{url}/_sandbox/exchange/counters")).send().await.unwrap().json().await.unwrap();
    assert_eq!(counters["requests"]["CreateItem"], 3);
    drop(client);
    serving.stop().await;
}
