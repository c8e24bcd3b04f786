//! No secret is in anything that the run has left, said or answered.

use crate::tenant::{Tenant, USERS};
use riva_core::ports::{StepReport, StepSink, TestStep};

struct Quiet;

impl StepSink for Quiet {
    fn started(&self, _step: TestStep) {}
    fn ended(&self, _report: StepReport) {}
}

/// Every secret of the company, by value. They open nothing but the sandbox.
fn all() -> Vec<String> {
    let company = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo/company.toml"));
    let of = |line: &str| {
        let (key, value) = line.split_once(" = ")?;
        let secret = ["password", "client_secret", "security_token"].contains(&key.trim());
        secret.then(|| value.trim_matches('"').to_owned())
    };
    company.unwrap().lines().filter_map(of).collect()
}

/// Looks into every file of the run and into the Debug form of what is refused when the passwords are not right any more.
pub async fn are_nowhere(tenant: &Tenant) {
    let mut said = tenant.every_file();
    let sandbox = &tenant.sandbox;
    sandbox.control().set_password(&tenant.company.exchange.account, "another-one").unwrap();
    sandbox.salesforce().change_password("another-one", None);
    for connection in ["exchange", "salesforce"] {
        let report = tenant.admin.test_connection(&connection.into(), Some(USERS[0]), &Quiet).await.unwrap();
        assert!(!report.passed(), "{connection}");
        said.push((format!("the test of {connection}"), format!("{report:?}").into_bytes()));
        let connection = tenant.admin.connection(&connection.into()).unwrap();
        said.push(("a connection".into(), format!("{connection:?}").into_bytes()));
    }
    said.extend(tenant.every_file());
    let secrets = all();
    assert!(secrets.len() > 20);
    for (name, bytes) in &said {
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret lies in {name}");
        }
    }
}
