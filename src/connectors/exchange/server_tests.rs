//! What answers mean that a healthy Exchange does not give.

use super::system::Exchange;
use crate::http::{Auth, HttpOptions};
use riva_core::documents::{AccessMethod, AuthMethod, Connection, SystemKind};
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::ids::{EmailAddress, Marker, PairId};
use riva_core::item::{Field, FileListed, Item, Module};
use riva_core::ports::{Directory as _, Draft, Fetched, MailSystem as _, SilentWriter};
use std::sync::Arc;
use std::time::Duration;
use wiremock::matchers::{body_string_contains, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn house() -> (MockServer, Exchange) {
    let server = MockServer::start().await;
    let connection = Connection {
        name: "c".into(),
        system: SystemKind::ExchangeEws,
        display_name: None,
        address: format!("{}/EWS/Exchange.asmx", server.uri()).parse().unwrap(),
        account: "svc@example.com".into(),
        auth: AuthMethod::Password,
        access: Some(AccessMethod::Impersonation),
        ca_file: None,
        max_concurrent: None,
        picklists: riva_core::documents::Picklists::default(),
        options: std::collections::BTreeMap::new(),
        created: None,
        modified: None,
    };
    let auth = Auth::Basic { user: "svc@example.com".into(), password: "hunter2".into() };
    let mut options = HttpOptions::of(&connection, std::path::Path::new("/"), auth);
    options.retry_base = Duration::from_millis(1);
    let exchange = Exchange::with(&connection, options).unwrap();
    (server, exchange)
}

async fn says(server: &MockServer, template: ResponseTemplate) {
    Mock::given(method("POST")).respond_with(template).mount(server).await;
}

fn xml(status: u16, body: &str) -> ResponseTemplate {
    let envelope = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" \
         xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" \
         xmlns:e=\"http://schemas.microsoft.com/exchange/services/2006/errors\"><s:Body>{body}</s:Body></s:Envelope>"
    );
    ResponseTemplate::new(status).set_body_raw(envelope, "text/xml; charset=utf-8")
}

fn soap_fault(code: &str, more: &str) -> String {
    format!(
        "<s:Fault><faultcode>a:{code}</faultcode><faultstring>Why.</faultstring><detail>\
         <e:ResponseCode>{code}</e:ResponseCode><e:Message>Why.</e:Message>{more}</detail></s:Fault>"
    )
}

async fn name_fault(template: ResponseTemplate) -> Fault {
    let (server, exchange) = house().await;
    says(&server, template).await;
    let fault = exchange.check_name("ann").await.unwrap_err();
    assert!(!format!("{fault:?}").contains("hunter2"));
    fault
}

async fn mailbox(exchange: &Exchange) -> Arc<dyn SilentWriter> {
    exchange.open(&EmailAddress::new("ann@example.com")).await.unwrap()
}

fn drafts(many: u128) -> Vec<Draft> {
    let item = |n: u128| {
        let mut item = Item::new(Module::Contacts);
        item.set_text(Field::DisplayName, format!("Contact {n}"));
        item
    };
    (0..many)
        .map(|n| Draft {
            marker: Marker { pair: PairId(uuid::Uuid::from_u128(n)), generation: 1 },
            item: item(n),
        })
        .collect()
}

#[tokio::test]
async fn answers_that_are_not_exchange_say_what_they_are() {
    let page = ResponseTemplate::new(200).set_body_raw("<html><body>Sign in</body></html>", "text/html");
    for (template, kind, words) in [
        (ResponseTemplate::new(404), FaultKind::UnexpectedAnswer, "nothing (404)"),
        (ResponseTemplate::new(403), FaultKind::GivenCredentials, "not allowed to use Exchange Web Services"),
        (
            ResponseTemplate::new(302).insert_header("location", "/owa/auth/logon.aspx?url=x"),
            FaultKind::UnexpectedAnswer,
            "/owa/auth/logon.aspx",
        ),
        (page, FaultKind::UnexpectedAnswer, "not from Exchange Web Services"),
        (ResponseTemplate::new(504), FaultKind::SystemNotAvailable, "504"),
    ] {
        let fault = name_fault(template).await;
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.detail.contains(words), "{fault}");
    }
}

#[tokio::test]
async fn a_server_that_offers_ntlm_alone_is_said_to_do_so() {
    let fault = name_fault(ResponseTemplate::new(401).insert_header("www-authenticate", "NTLM")).await;
    assert_eq!(fault.kind, FaultKind::GivenCredentials);
    assert!(fault.detail.contains("offers NTLM only"), "{fault}");
}

#[tokio::test]
async fn soap_faults_are_told_apart() {
    for (code, kind) in [
        ("ErrorImpersonateUserDenied", FaultKind::NoAccessToUser),
        ("ErrorNonExistentMailbox", FaultKind::UserNotFound),
        ("ErrorMailboxStoreUnavailable", FaultKind::SystemNotAvailable),
        ("ErrorInvalidServerVersion", FaultKind::UnexpectedAnswer),
    ] {
        assert_eq!(name_fault(xml(500, &soap_fault(code, ""))).await.kind, kind, "{code}");
    }
    let busy = soap_fault(
        "ErrorServerBusy",
        "<t:MessageXml><t:Value Name=\"BackOffMilliseconds\">297749</t:Value></t:MessageXml>",
    );
    let fault = name_fault(xml(500, &busy)).await;
    assert_eq!((fault.kind, fault.retry_after), (FaultKind::Throttled, Some(Duration::from_millis(297_749))));
}

#[tokio::test]
async fn a_write_that_the_server_gave_up_on_is_in_doubt() {
    for template in [
        xml(500, &soap_fault("ErrorTimeoutExpired", "")),
        xml(500, &soap_fault("ErrorInternalServerError", "")),
        ResponseTemplate::new(200).set_body_string("cut o"),
        ResponseTemplate::new(502),
    ] {
        let (server, exchange) = house().await;
        says(&server, template).await;
        let result = mailbox(&exchange).await.create(Module::Contacts, &drafts(1)).await;
        assert!(matches!(result, Err(CallError::InDoubt(_))), "{result:?}");
        assert_eq!(server.received_requests().await.unwrap().len(), 1, "a write is sent once");
    }
}

#[tokio::test]
async fn each_item_of_a_batch_has_its_own_end() {
    let (server, exchange) = house().await;
    let ok = "<m:CreateItemResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>\
              <m:Items><t:Contact><t:ItemId Id=\"A\" ChangeKey=\"1\"/></t:Contact></m:Items></m:CreateItemResponseMessage>";
    let error = |code: &str| {
        format!(
            "<m:CreateItemResponseMessage ResponseClass=\"Error\"><m:MessageText>Why.</m:MessageText>\
             <m:ResponseCode>{code}</m:ResponseCode><m:Items/></m:CreateItemResponseMessage>"
        )
    };
    let body = format!(
        "<m:CreateItemResponse><m:ResponseMessages>{ok}{}{}</m:ResponseMessages></m:CreateItemResponse>",
        error("ErrorInvalidPropertySet"),
        error("ErrorBatchProcessingStopped").replace("\"Error\"", "\"Warning\""),
    );
    says(&server, xml(200, &body)).await;
    let results = mailbox(&exchange).await.create(Module::Contacts, &drafts(4)).await.unwrap();
    assert_eq!(results[0].as_ref().unwrap().at.id.as_str(), "A");
    assert!(matches!(results[1], Err(ItemError::Invalid { .. })), "{results:?}");
    assert!(matches!(results[2], Err(ItemError::NotNow(_))), "{results:?}");
    assert!(matches!(results[3], Err(ItemError::InDoubt(_))), "no answer is no proof that nothing was done");
}

#[tokio::test]
async fn a_later_batch_that_fails_does_not_take_the_first_with_it() {
    let (server, exchange) = house().await;
    let ok = "<m:CreateItemResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>\
              <m:Items><t:Contact><t:ItemId Id=\"A\" ChangeKey=\"1\"/></t:Contact></m:Items></m:CreateItemResponseMessage>";
    let all = format!(
        "<m:CreateItemResponse><m:ResponseMessages>{}</m:ResponseMessages></m:CreateItemResponse>",
        ok.repeat(10)
    );
    Mock::given(body_string_contains("Contact 0<")).respond_with(xml(200, &all)).mount(&server).await;
    says(&server, ResponseTemplate::new(502)).await;
    let results = mailbox(&exchange).await.create(Module::Contacts, &drafts(22)).await.unwrap();
    assert!(results[..10].iter().all(Result::is_ok));
    assert!(results[10..20].iter().all(|r| matches!(r, Err(ItemError::InDoubt(_)))));
    assert!(results[20..].iter().all(|r| matches!(r, Err(ItemError::NotNow(_)))));
}

#[tokio::test]
async fn a_busy_mailbox_makes_no_item_look_gone() {
    let (server, exchange) = house().await;
    let folder = "<m:GetFolderResponse><m:ResponseMessages><m:GetFolderResponseMessage ResponseClass=\"Success\">\
                  <m:ResponseCode>NoError</m:ResponseCode><m:Folders><t:Folder><t:FolderId Id=\"BIN\"/></t:Folder></m:Folders>\
                  </m:GetFolderResponseMessage></m:ResponseMessages></m:GetFolderResponse>";
    Mock::given(body_string_contains("m:GetFolder")).respond_with(xml(200, folder)).mount(&server).await;
    let message = |class: &str, code: &str, items: &str| {
        format!(
            "<m:GetItemResponseMessage ResponseClass=\"{class}\"><m:ResponseCode>{code}</m:ResponseCode>\
             <m:Items>{items}</m:Items></m:GetItemResponseMessage>"
        )
    };
    let answer = |inner: String| {
        xml(
            200,
            &format!(
                "<m:GetItemResponse><m:ResponseMessages>{inner}</m:ResponseMessages></m:GetItemResponse>"
            ),
        )
    };
    let binned = "<t:Contact><t:ItemId Id=\"B\" ChangeKey=\"2\"/><t:ParentFolderId Id=\"BIN\"/></t:Contact>";
    let list = "<t:DistributionList><t:ItemId Id=\"C\" ChangeKey=\"2\"/></t:DistributionList>";
    Mock::given(body_string_contains("Id=\"three\""))
        .respond_with(answer(
            message("Error", "ErrorItemNotFound", "")
                + &message("Success", "NoError", binned)
                + &message("Success", "NoError", list),
        ))
        .mount(&server)
        .await;
    says(&server, answer(message("Error", "ErrorMailboxStoreUnavailable", ""))).await;
    let side = mailbox(&exchange).await;
    let found = side.fetch(Module::Contacts, &["three".into(), "B".into(), "C".into()]).await.unwrap();
    assert_eq!(found[..2], [Fetched::Gone, Fetched::Gone]);
    assert!(matches!(found[2], Fetched::Unreadable { .. }));
    let error = side.fetch(Module::Contacts, &["one".into()]).await.unwrap_err();
    assert!(matches!(error, CallError::Fault(f) if f.kind == FaultKind::SystemNotAvailable));
}

#[tokio::test]
async fn each_end_of_a_file_says_what_to_do_with_it() {
    let answer = |operation: &str, inside: &str| {
        let body = format!(
            "<m:{operation}Response><m:ResponseMessages>{inside}</m:ResponseMessages></m:{operation}Response>"
        );
        xml(200, &body)
    };
    let message = |class: &str, code: &str, more: &str| {
        format!(
            "<m:ResponseMessage ResponseClass=\"{class}\"><m:MessageText>Why.</m:MessageText>\
             <m:ResponseCode>{code}</m:ResponseCode>{more}</m:ResponseMessage>"
        )
    };
    let listed = "<m:Items><t:Message><t:ItemId Id=\"M\" ChangeKey=\"1\"/><t:ParentFolderId Id=\"IN\"/><t:Attachments>\
                  <t:FileAttachment><t:AttachmentId Id=\"A\"/><t:Name>a.txt</t:Name><t:Size>9</t:Size></t:FileAttachment>\
                  </t:Attachments></t:Message></m:Items>";
    let bin = "<m:Folders><t:Folder><t:FolderId Id=\"BIN\"/></t:Folder></m:Folders>";
    let key = FileListed::all([("a.txt".to_owned(), 9)]).remove(0).key;
    let asked = async |found: &str, file: &str| {
        let (server, exchange) = house().await;
        for (operation, inside) in [
            ("GetFolder", message("Success", "NoError", bin)),
            ("GetItem", found.to_owned()),
            ("GetAttachment", file.to_owned()),
        ] {
            let template = answer(operation, &inside);
            Mock::given(body_string_contains(format!("m:{operation}")))
                .respond_with(template)
                .mount(&server)
                .await;
        }
        let side = mailbox(&exchange).await;
        side.file_source().unwrap().file(Module::Email, &"M".into(), &key).await
    };
    let there = message("Success", "NoError", listed);
    let error = |code: &str| message("Error", code, "<m:Attachments/>");
    let content = "<m:Attachments><t:FileAttachment><t:Name>a.txt</t:Name><t:Content>aGVsbG8=</t:Content>\
                   </t:FileAttachment></m:Attachments>";
    let file = asked(&there, &message("Success", "NoError", content)).await.unwrap().unwrap();
    assert_eq!(file.content, b"hello");

    for code in ["ErrorInvalidAttachmentId", "ErrorItemNotFound"] {
        let ended = asked(&there, &error(code)).await.unwrap();
        assert_eq!(ended, Err(ItemError::Gone), "it went while we looked: {code}");
    }
    for code in ["ErrorCannotOpenFileAttachment", "ErrorVirusDetected"] {
        let ended = asked(&there, &error(code)).await.unwrap();
        assert_eq!(ended, Err(ItemError::Invalid { reason: format!("[{code}] Why.") }));
    }
    let ended = asked(&there, &error("ErrorAccessDenied")).await.unwrap();
    assert!(matches!(ended, Err(ItemError::Forbidden { .. })), "{ended:?}");
    // Nothing was written: there is nothing to be in doubt of.
    let ended = asked(&there, &error("ErrorTimeoutExpired")).await.unwrap();
    assert!(matches!(ended, Err(ItemError::NotNow(_))), "{ended:?}");
    for (found, file) in [
        (error("ErrorMailboxStoreUnavailable"), error("NoError")),
        (there.clone(), error("ErrorMailboxStoreUnavailable")),
        (String::new(), String::new()),
        (there, String::new()),
    ] {
        let failed = asked(&found, &file).await;
        assert!(matches!(failed, Err(CallError::Fault(_))), "no file is to blame: {failed:?}");
    }
}
