//! The four connectors, each with a server whose state can be looked at from behind, and a proxy in front of it.

use super::dav_server::{CALENDAR, DavServer};
use super::openerp_server::{CUSTOMERS, OpenErpServer};
use super::proxy::{Behind, Proxy};
use super::wire::{self, Answered, Asked, Listening};
use chrono::{Duration, Utc};
use riva_connectors::{caldav, exchange, odoo, salesforce};
use riva_core::documents::{AccessMethod, AuthMethod, Connection, Picklists, SystemKind};
use riva_core::ids::{Marker, RemoteId, Version};
use riva_core::item::{Attendee, Body, Element, Field, Item, Module, Name, Participation, Value, When};
use riva_core::ports::{
    CrmSystem, CrmUser, MailSystem, RemoteRef, SecretError, SecretKey, SecretKind, SecretStore, SilentWriter,
};
use riva_sandbox::{Company, RunningSandbox, Sandbox, SandboxOptions};
use secrecy::SecretString;
use std::path::Path;
use std::sync::{Arc, Mutex};

const PRIYA: &str = "priya.raman@northwind-demo.example";
const ANN: &str = "ann@example.test";

/// What stands behind the proxy.
enum Server {
    Exchange(RunningSandbox),
    Salesforce(RunningSandbox),
    Dav(Arc<Mutex<DavServer>>, #[allow(dead_code, reason = "it listens as long as it is kept")] Listening),
    OpenErp(
        Arc<Mutex<OpenErpServer>>,
        #[allow(dead_code, reason = "it listens as long as it is kept")] Listening,
    ),
}

/// One connector's server and the proxy in front of it.
pub struct House {
    server: Server,
    url: String,
    pub proxy: Proxy,
    secrets: Vec<(SecretKind, String)>,
    connection: Connection,
}

/// A system that is only just opened: a mailbox, or a user's records of a CRM.
pub struct Side {
    pub side: Arc<dyn SilentWriter>,
    pub crm: Option<Arc<dyn CrmSystem>>,
}

struct Secrets(Vec<(SecretKind, String)>);

impl SecretStore for Secrets {
    fn get(&self, key: &SecretKey) -> Result<Option<SecretString>, SecretError> {
        Ok(self.0.iter().find(|(kind, _)| *kind == key.kind).map(|(_, secret)| secret.clone().into()))
    }
    fn set(&self, _: &SecretKey, _: &SecretString) -> Result<(), SecretError> {
        Ok(())
    }
    fn remove(&self, _: &SecretKey) -> Result<(), SecretError> {
        Ok(())
    }
    fn place(&self) -> String {
        "this test".to_owned()
    }
}

fn connection(system: SystemKind, account: &str, auth: AuthMethod, options: &[(&str, &str)]) -> Connection {
    Connection {
        name: "under-test".into(),
        system,
        display_name: None,
        address: "http://127.0.0.1/".parse().unwrap(),
        account: account.into(),
        auth,
        access: None,
        ca_file: None,
        max_concurrent: None,
        picklists: Picklists::default(),
        options: options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        created: None,
        modified: None,
    }
}

async fn sandbox() -> (RunningSandbox, Company, toml::Table) {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/demo/company.toml");
    let text = std::fs::read_to_string(demo).unwrap();
    let mut company = Company::parse(&text).unwrap();
    company.salesforce.sync_key_field = true;
    let mut options = SandboxOptions::new(company.clone());
    options.tls = false;
    (Sandbox::start(options).await.unwrap(), company, text.parse().unwrap())
}

fn writes_to_exchange(asked: &Asked) -> bool {
    let text = asked.text();
    ["CreateItem", "UpdateItem", "DeleteItem"]
        .iter()
        .any(|operation| text.contains(&format!("<m:{operation}")))
}

fn writes_to_salesforce(asked: &Asked) -> bool {
    asked.path.starts_with("/services/data") && asked.method != "GET"
}

fn writes_to_dav(asked: &Asked) -> bool {
    matches!(asked.method.as_str(), "PUT" | "DELETE")
}

fn writes_to_openerp(asked: &Asked) -> bool {
    let text = asked.text();
    ["load", "write", "create", "unlink"].iter().any(|method| {
        text.contains(&format!("</string></value></param><param><value><string>{method}</string>"))
    })
}

/// As the framework below Exchange says it when something inside has failed.
fn exchange_failure() -> Answered {
    let fault = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault>\
        <faultcode xmlns:a=\"http://schemas.microsoft.com/net/2005/12/windowscommunicationfoundation/dispatcher\">\
        a:InternalServiceFault</faultcode><faultstring>The server was unable to process the request due to an internal \
        error.</faultstring></s:Fault></s:Body></s:Envelope>";
    Answered::new(500, "text/xml", fault)
}

fn salesforce_failure() -> Answered {
    let errors =
        "[{\"message\":\"An internal server error has occurred\",\"errorCode\":\"INTERNAL_SERVER_ERROR\"}]";
    Answered::new(500, "application/json", errors)
}

fn dav_failure() -> Answered {
    Answered::new(500, "application/xml", "<?xml version=\"1.0\"?><d:error xmlns:d=\"DAV:\"/>")
}

/// OpenERP 7 says this of a method that has answered None, when all of it is written and committed.
fn openerp_failure() -> Answered {
    let fault = "<?xml version='1.0'?><methodResponse><fault><value><struct><member><name>faultCode</name><value><string>\
        cannot marshal None unless allow_none is enabled</string></value></member><member><name>faultString</name><value>\
        <string>Traceback (most recent call last):\n  File \"x.py\"\nTypeError: cannot marshal None unless allow_none is \
        enabled\n</string></value></member></struct></value></fault></methodResponse>";
    Answered::new(200, "text/xml", fault)
}

impl House {
    pub async fn exchange() -> Self {
        let (sandbox, _, seed) = sandbox().await;
        let login = |key: &str| seed["exchange"][key].as_str().unwrap().to_owned();
        let url = sandbox.exchange_url().to_owned();
        let behind = Behind { url: url.clone(), writes: writes_to_exchange, failure: exchange_failure };
        let mut connection =
            connection(SystemKind::ExchangeEws, &login("account"), AuthMethod::Password, &[]);
        connection.access = Some(AccessMethod::Impersonation);
        Self {
            url,
            proxy: Proxy::before(behind).await,
            secrets: vec![(SecretKind::Password, login("password"))],
            connection,
            server: Server::Exchange(sandbox),
        }
    }

    pub async fn salesforce() -> Self {
        let (sandbox, company, _) = sandbox().await;
        let org = &company.salesforce;
        let url = sandbox.salesforce_url().to_owned();
        let behind = Behind { url: url.clone(), writes: writes_to_salesforce, failure: salesforce_failure };
        let auth = AuthMethod::OauthPassword { client_id: org.client_id.clone() };
        let options = [("sync_key_field", "Riva_Sync_Key__c")];
        let password = format!("{}{}", org.password, org.security_token.as_deref().unwrap_or_default());
        Self {
            url,
            proxy: Proxy::before(behind).await,
            secrets: vec![
                (SecretKind::Password, password),
                (SecretKind::ClientSecret, org.client_secret.clone()),
            ],
            connection: connection(SystemKind::Salesforce, &org.account, auth, &options),
            server: Server::Salesforce(sandbox),
        }
    }

    pub async fn caldav() -> Self {
        let server = Arc::new(Mutex::new(DavServer::default()));
        let shared = Arc::clone(&server);
        let listening = wire::serve(move |asked| shared.lock().unwrap().answer(asked)).await;
        let url = listening.url.clone();
        let behind = Behind { url: url.clone(), writes: writes_to_dav, failure: dav_failure };
        let options = [("home", "/dav/{user}/")];
        Self {
            url,
            proxy: Proxy::before(behind).await,
            secrets: vec![(SecretKind::Password, "secret".into())],
            connection: connection(SystemKind::Caldav, "svc", AuthMethod::Password, &options),
            server: Server::Dav(server, listening),
        }
    }

    pub async fn openerp() -> Self {
        let server = Arc::new(Mutex::new(OpenErpServer::default()));
        let shared = Arc::clone(&server);
        let listening = wire::serve(move |asked| shared.lock().unwrap().answer(asked)).await;
        let url = listening.url.clone();
        let behind = Behind { url: url.clone(), writes: writes_to_openerp, failure: openerp_failure };
        Self {
            url,
            proxy: Proxy::before(behind).await,
            secrets: vec![(SecretKind::Password, "secret".into())],
            connection: connection(SystemKind::Odoo, "svc", AuthMethod::Password, &[("database", "db")]),
            server: Server::OpenErp(server, listening),
        }
    }

    /// A connector that has heard of nothing yet, past the proxy.
    pub async fn direct(&self) -> Side {
        self.open(&self.url).await
    }

    /// The same through the proxy.
    pub async fn through_proxy(&self) -> Side {
        self.open(self.proxy.url()).await
    }

    async fn open(&self, url: &str) -> Side {
        let mut connection = self.connection.clone();
        let path = if matches!(self.server, Server::Exchange(_)) { "/EWS/Exchange.asmx" } else { "/" };
        connection.address = format!("{url}{path}").parse().unwrap();
        let secrets: Arc<dyn SecretStore> = Arc::new(Secrets(self.secrets.clone()));
        let here = Path::new(".");
        let mail = async |system: Arc<dyn MailSystem>, user: &str| Side {
            side: system.open(&user.into()).await.unwrap(),
            crm: None,
        };
        let crm = async |crm: Arc<dyn CrmSystem>, user: &str| {
            let user: CrmUser = crm.user(user).await.unwrap();
            Side { side: crm.open(&user).await.unwrap(), crm: Some(crm) }
        };
        match &self.server {
            Server::Exchange(_) => mail(exchange::system(&connection, &secrets, here).unwrap(), PRIYA).await,
            Server::Dav(..) => mail(caldav::system(&connection, &secrets, here).unwrap(), ANN).await,
            Server::Salesforce(_) => {
                crm(salesforce::system(&connection, &secrets, here).unwrap(), PRIYA).await
            }
            Server::OpenErp(..) => crm(odoo::system(&connection, &secrets, here).unwrap(), ANN).await,
        }
    }

    /// What is written here: appointments, which can mail people; OpenERP as it stands here has contacts alone.
    pub fn module(&self) -> Module {
        if matches!(self.server, Server::OpenErp(..)) { Module::Contacts } else { Module::Calendar }
    }

    /// An item with a word of its own.
    pub fn item(&self, word: &str) -> Item {
        let mut item = Item::new(self.module());
        if self.module() == Module::Contacts {
            item.set(Field::Name, Value::Name(Name { family: word.into(), ..Name::default() }));
            let tag = (CUSTOMERS.to_owned(), Element::plain(CUSTOMERS));
            item.set(Field::Categories, Value::set([tag].into()));
            return item;
        }
        let start = (Utc::now() + Duration::days(3)).date_naive().and_hms_opt(9, 30, 0).unwrap().and_utc();
        item.set(Field::When, Value::When(When::timed(start, start + Duration::minutes(45), chrono_tz::UTC)));
        item.set_text(Field::Summary, word);
        if matches!(self.server, Server::Dav(..)) {
            // A server that invites by itself would mail both.
            let guest = |address: &str| Element {
                attendee: Some(Attendee { required: true, participation: Participation::NeedsAction }),
                ..Element::plain(address)
            };
            let guests = ["bob@example.test", "eve@example.test"].map(|who| (who.to_owned(), guest(who)));
            item.set(Field::Attendees, Value::set(guests.into()));
            item.set_text(Field::Organizer, ANN);
        }
        item
    }

    /// A change that writes a word.
    pub fn change(&self, word: &str) -> (Field, Value) {
        if self.module() == Module::Contacts {
            (Field::Notes, Value::Body(Body::plain(word)))
        } else {
            let mut item = Item::new(self.module());
            item.set_text(Field::Location, word);
            (Field::Location, item.get(Field::Location).unwrap().clone())
        }
    }

    /// The OpenERP, from behind.
    pub fn openerp_server(&self) -> std::sync::MutexGuard<'_, OpenErpServer> {
        let Server::OpenErp(server, _) = &self.server else { panic!("no OpenERP") };
        server.lock().unwrap()
    }

    /// Everything that stands on the server, each item in one text with all its properties. What lies in a bin does not.
    pub fn standing(&self) -> Vec<String> {
        match &self.server {
            Server::Exchange(sandbox) => {
                let items = sandbox.control().items(PRIYA).unwrap();
                let kept = items.iter().filter(|item| item["folder"] != "deleteditems");
                kept.map(ToString::to_string).collect()
            }
            Server::Salesforce(sandbox) => {
                let all = sandbox.salesforce().dump();
                all.values().flat_map(|objects| objects.values().flatten()).map(ToString::to_string).collect()
            }
            Server::Dav(server, _) => server.lock().unwrap().texts(),
            Server::OpenErp(server, _) => server.lock().unwrap().texts(),
        }
    }

    /// Of a calendar server, that it has a meeting that its user organizes, and to which it has invited two guests. Where it
    /// lies, and its version.
    pub fn invited(&self, word: &str) -> RemoteRef {
        let Server::Dav(server, _) = &self.server else { panic!("no calendar server") };
        let path = format!("{CALENDAR}{word}.ics");
        let text = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\nBEGIN:VEVENT\r\nUID:{word}\r\nDTSTAMP:20260101T000000Z\r\n\
             DTSTART:20270101T090000Z\r\nDTEND:20270101T100000Z\r\nSUMMARY:{word}\r\nORGANIZER:mailto:{ANN}\r\n\
             ATTENDEE:mailto:bob@example.test\r\nATTENDEE:mailto:eve@example.test\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        );
        let version = server.lock().unwrap().put_by_user(&path, text);
        RemoteRef { id: RemoteId::new(path), version: Version::new(version) }
    }

    /// A marker as the server keeps it.
    pub fn spelled(&self, marker: &Marker) -> String {
        match &self.server {
            Server::OpenErp(..) => format!("{}_{}", marker.pair.0.simple(), marker.generation),
            _ => marker.to_string(),
        }
    }

    /// How many mails the server would have sent.
    pub fn mails(&self) -> u64 {
        match &self.server {
            Server::Exchange(sandbox) | Server::Salesforce(sandbox) => sandbox.mails(),
            Server::Dav(server, _) => server.lock().unwrap().mails,
            Server::OpenErp(server, _) => server.lock().unwrap().mails,
        }
    }
}
