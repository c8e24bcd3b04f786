//! Against the sandbox's organisation, which was written from the vendor's documents and not from our client.

mod files;
mod messages;
mod picklists;

use super::*;
use crate::crm_contract::{Secrets, Steps, connection, contact, event, hold};
use riva_core::documents::SystemKind;
use riva_core::ids::{Marker, PairId, RemoteId};
use riva_core::item::{Field, Item, Value};
use riva_core::ports::{Change, Draft, Fetched, Patch, StepOutcome};
use riva_sandbox::salesforce::control::Edit;
use riva_sandbox::seed::SalesforceOrg;
use riva_sandbox::{Company, RunningSandbox, Sandbox, SandboxOptions};
use std::path::PathBuf;

const PRIYA: &str = "priya.raman@northwind-demo.example";
const SYNC_KEY: (&str, &str) = ("sync_key_field", "Riva_Sync_Key__c");

struct House {
    sandbox: RunningSandbox,
    company: Company,
}

impl House {
    /// The demo's company over plain HTTP; with or without the external id field.
    async fn open(sync_key: bool) -> Self {
        Self::with(|org| org.sync_key_field = sync_key).await
    }

    async fn with(change: impl FnOnce(&mut SalesforceOrg)) -> Self {
        let demo: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/demo/company.toml");
        let mut company = Company::parse(&std::fs::read_to_string(demo).unwrap()).unwrap();
        change(&mut company.salesforce);
        let mut options = SandboxOptions::new(company.clone());
        options.tls = false;
        Self { sandbox: Sandbox::start(options).await.unwrap(), company }
    }

    fn org(&self) -> &riva_sandbox::salesforce::Salesforce {
        self.sandbox.salesforce()
    }

    fn password(&self) -> String {
        let org = &self.company.salesforce;
        format!("{}{}", org.password, org.security_token.as_deref().unwrap_or_default())
    }

    fn crm(&self, password: &str, options: &[(&str, &str)]) -> Arc<dyn CrmSystem> {
        self.crm_where(password, options, |_| {})
    }

    /// The same, with a document that says more.
    fn crm_where(
        &self,
        password: &str,
        options: &[(&str, &str)],
        change: impl FnOnce(&mut Connection),
    ) -> Arc<dyn CrmSystem> {
        let org = &self.company.salesforce;
        let auth = AuthMethod::OauthPassword { client_id: org.client_id.clone() };
        let mut connection =
            connection(SystemKind::Salesforce, self.sandbox.salesforce_url(), &org.account, auth, options);
        change(&mut connection);
        let key = |kind| SecretKey { connection: connection.name.clone(), kind };
        let secrets = Secrets::with([
            (key(SecretKind::Password), password.to_owned()),
            (key(SecretKind::ClientSecret), org.client_secret.clone()),
        ]);
        system(&connection, &secrets, Path::new(".")).unwrap()
    }

    fn crm_by_key(&self, private_key_pem: String) -> Arc<dyn CrmSystem> {
        let org = &self.company.salesforce;
        let auth = AuthMethod::OauthJwt { client_id: org.client_id.clone() };
        let connection =
            connection(SystemKind::Salesforce, self.sandbox.salesforce_url(), &org.account, auth, &[]);
        let key = SecretKey { connection: connection.name.clone(), kind: SecretKind::PrivateKey };
        system(&connection, &Secrets::with([(key, private_key_pem)]), Path::new(".")).unwrap()
    }

    /// Another user than Priya who is active and alone with the address.
    async fn other(&self, crm: &dyn CrmSystem) -> String {
        for person in self.company.people.iter().map(|p| p.address.clone()).filter(|a| a != PRIYA) {
            if crm.user(&person).await.is_ok() {
                return person;
            }
        }
        panic!("nobody else is in the CRM");
    }
}

fn draft(item: Item) -> Draft {
    Draft { marker: Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 }, item }
}

#[tokio::test]
async fn the_sandbox_org_holds_the_contract_with_and_without_a_sync_key() {
    for sync_key in [true, false] {
        let house = House::open(sync_key).await;
        // Small pages, so that every list has several.
        house.org().set_page_size(Some(7));
        let crm = house.crm(&house.password(), if sync_key { &[SYNC_KEY] } else { &[] });
        let other = house.other(&*crm).await;
        hold(&*crm, PRIYA, &other).await;
        assert_eq!(house.org().mails(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_found_again_and_made_once() {
    let house = House::open(true).await;
    let crm = house.crm(&house.password(), &[SYNC_KEY]);
    let side = crm.open(&crm.user(PRIYA).await.unwrap()).await.unwrap();
    for (module, item) in
        [(Module::Contacts, contact("Lost", "Reply")), (Module::Calendar, event("Lost", 2, false))]
    {
        let drafts = [draft(item)];
        house.org().lose_replies(1);
        let lost = side.create(module, &drafts).await;
        assert!(matches!(lost, Err(CallError::InDoubt(_))), "{lost:?}");
        let found = side.probe(module, &[drafts[0].marker]).await.unwrap();
        assert_eq!(found[0].len(), 1, "{found:?}");
        let again = side.create(module, &drafts).await.unwrap().remove(0).unwrap();
        assert_eq!(again.at.id, found[0][0].id);
    }
}

#[tokio::test]
async fn a_merged_contact_says_what_it_has_become() {
    let house = House::open(true).await;
    let crm = house.crm(&house.password(), &[SYNC_KEY]);
    let side = crm.open(&crm.user(PRIYA).await.unwrap()).await.unwrap();
    let drafts = [draft(contact("Ann", "Old")), draft(contact("Ann", "New"))];
    let made: Vec<RemoteId> = side
        .create(Module::Contacts, &drafts)
        .await
        .unwrap()
        .into_iter()
        .map(|written| written.unwrap().at.id)
        .collect();
    let from = crm.feed(Module::Contacts, None).await.unwrap().cursor;
    let (loser, id) = (made[0].to_string(), made[1].to_string());
    let merge = Edit::Merge { object: "Contact".into(), id, loser };
    house.org().edit(PRIYA, &merge).unwrap();
    assert_eq!(
        side.fetch(Module::Contacts, &made[..1]).await.unwrap(),
        [Fetched::Became { id: made[1].clone() }]
    );
    let changes = crm.feed(Module::Contacts, Some(&from)).await.unwrap().changes;
    let of_loser = changes.iter().find(|c| matches!(&c.change, Change::Seen { id, .. } if *id == made[0]));
    assert!(of_loser.is_some(), "it is seen, not deleted: {changes:?}");
}

#[tokio::test]
async fn a_lead_is_shown_as_a_contact_edited_and_followed_when_it_is_converted() {
    let house = House::open(true).await;
    let crm = house.crm(&house.password(), &[SYNC_KEY]);
    let side = crm.open(&crm.user(PRIYA).await.unwrap()).await.unwrap();
    let from = crm.feed(Module::Contacts, None).await.unwrap().cursor;
    let fields = serde_json::json!({"FirstName": "Lena", "LastName": "Lead", "Company": "Acme", "Email": "lena@acme.example"});
    let made = Edit::Create { object: "Lead".into(), fields: fields.as_object().unwrap().clone() };
    let lead = RemoteId::new(house.org().edit(PRIYA, &made).unwrap());
    let page = crm.feed(Module::Contacts, Some(&from)).await.unwrap();
    assert!(page.changes.iter().any(|c| matches!(&c.change, Change::Seen { id, .. } if *id == lead)));
    let listed = |after: Option<Cursor>| {
        let side = Arc::clone(&side);
        async move { side.list(Module::Contacts, None, after.as_ref()).await.unwrap() }
    };
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = listed(after).await;
        all.extend(page.items.into_iter().map(|i| i.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(all.contains(&lead), "{all:?}");

    let shown = side.fetch(Module::Contacts, std::slice::from_ref(&lead)).await.unwrap().remove(0);
    let Fetched::Present { version, item, .. } = shown else { panic!("{shown:?}") };
    assert!(item.is_lead());
    let patch = Patch {
        id: lead.clone(),
        version,
        marker: draft(contact("x", "y")).marker,
        set: [(Field::Notes, Value::body(riva_core::item::Body::plain("met at the fair")))].into(),
        base: *item,
    };
    let written = side.update(Module::Contacts, &[patch]).await.unwrap().remove(0).unwrap();
    assert!(written.item.unwrap().is_lead());

    let contact = RemoteId::new(house.org().edit(PRIYA, &Edit::Convert { id: lead.to_string() }).unwrap());
    assert_eq!(
        side.fetch(Module::Contacts, std::slice::from_ref(&lead)).await.unwrap(),
        [Fetched::Became { id: contact.clone() }]
    );
    let page = crm.feed(Module::Contacts, Some(&page.cursor)).await.unwrap();
    for wanted in [&lead, &contact] {
        let told = page.changes.iter().any(|c| matches!(&c.change, Change::Seen { id, .. } if id == wanted));
        assert!(told, "{wanted} in {page:?}");
    }
    let shown = side.fetch(Module::Contacts, &[contact]).await.unwrap().remove(0);
    let Fetched::Present { item, .. } = shown else { panic!("{shown:?}") };
    assert_eq!(item.get(Field::Categories), Some(&Value::Blank));
    assert_eq!(item.get(Field::Notes), Some(&Value::body(riva_core::item::Body::plain("met at the fair"))));
}

#[tokio::test]
async fn a_signed_assertion_signs_in() {
    let house = House::open(false).await;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    house.org().register_key(&key.public_key_pem());
    let crm = house.crm_by_key(key.serialize_pem());
    assert_eq!(crm.user(PRIYA).await.unwrap().address.as_str(), PRIYA);
    let stranger = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let fault = house.crm_by_key(stranger.serialize_pem()).user(PRIYA).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::GivenCredentials);
    assert!(fault.remedy.contains("certificate"), "{fault:?}");
    let fault = house.crm_by_key("no key".into()).user(PRIYA).await.unwrap_err();
    assert!(fault.remedy.contains("PEM"), "{fault:?}");
}

#[tokio::test]
async fn a_wrong_password_ends_the_test_at_sign_in_and_shows_no_secret() {
    let house = House::open(false).await;
    let steps = Steps::default();
    let fault = house.crm("hunter2-very-secret", &[]).test(Some(PRIYA), &steps).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::GivenCredentials);
    assert!(fault.detail.contains("invalid_grant") && fault.remedy.contains("security token"), "{fault:?}");
    assert!(!format!("{fault:?}").contains("hunter2"));
    let steps = steps.0.lock().unwrap();
    assert!(
        matches!(steps.last().unwrap(), s if s.step == TestStep::SignIn && matches!(s.outcome, StepOutcome::Failed { .. }))
    );
}

#[tokio::test]
async fn an_expired_token_is_renewed_unseen() {
    let house = House::open(false).await;
    let crm = house.crm(&house.password(), &[]);
    crm.user(PRIYA).await.unwrap();
    assert!(house.org().expire_tokens() > 0);
    crm.user(PRIYA).await.unwrap();
}

#[tokio::test]
async fn an_inactive_user_is_refused_by_name() {
    let house = House::open(false).await;
    let crm = house.crm(&house.password(), &[]);
    house.org().set_user_active(PRIYA, false).unwrap();
    let fault = crm.user(PRIYA).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::UserNotFound);
    assert!(fault.detail.contains("inactive"), "{fault}");
}

#[tokio::test]
async fn polls_stop_at_80_percent_and_writes_at_95() {
    let house = House::open(true).await;
    let crm = house.crm(&house.password(), &[SYNC_KEY]);
    let user = crm.user(PRIYA).await.unwrap();
    let side = crm.open(&user).await.unwrap();
    house.org().set_usage(850, Some(1000));
    // This request learns of it.
    crm.user(PRIYA).await.unwrap();
    let poll = crm.feed(Module::Contacts, None).await;
    assert!(
        matches!(&poll, Err(CallError::Fault(f)) if f.kind == FaultKind::Throttled && f.retry_after.is_some()),
        "{poll:?}"
    );
    assert!(side.create(Module::Contacts, &[draft(contact("Still", "Written"))]).await.unwrap()[0].is_ok());
    house.org().set_usage(960, Some(1000));
    crm.user(PRIYA).await.unwrap();
    let write = side.create(Module::Contacts, &[draft(contact("Not", "Written"))]).await;
    assert!(matches!(&write, Err(CallError::Fault(f)) if f.kind == FaultKind::Throttled), "{write:?}");
    // Used up: Salesforce itself refuses.
    house.org().set_usage(1000, Some(1000));
    let used_up = crm.user(PRIYA).await.unwrap_err();
    assert_eq!(used_up.kind, FaultKind::Throttled);
    assert!(used_up.detail.starts_with("Connection to CRM Server failed: "), "{used_up}");
}

#[tokio::test]
async fn a_missing_sync_key_field_is_named() {
    let house = House::open(false).await;
    let fault = house.crm(&house.password(), &[SYNC_KEY]).test(None, &Steps::default()).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::MissingPermission);
    assert!(fault.detail.contains("Riva_Sync_Key__c"), "{fault}");
}
