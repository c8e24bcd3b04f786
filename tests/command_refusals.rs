//! What the command says when the systems refuse: the right words, exit 1, and nothing lost. What it says of broken
//! documents and licences stands in `command_documents.rs`; what the Manager shows in `window/refusals.rs`.

#![allow(clippy::unwrap_used, missing_docs, dead_code)] // A test that panics is a failed test; the tenant is shared.

#[path = "window/tenant.rs"]
mod tenant;

use riva_core::ports::{SecretKey, SecretKind, SecretStore as _};
use riva_core::secrets::FileSecrets;
use riva_sandbox::exchange::Down;
use std::process::{Command, Output};
use tenant::{POLICY, Tenant, address};

const NOT_AVAILABLE: &str = "Cannot Connect to the Target System - System Not Available";
const CREDENTIALS: &str = "Cannot Connect to the Target System with Given Credentials";

fn riva(tenant: &Tenant, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_riva"))
        .arg("--workspace")
        .arg(tenant.path(""))
        .args(words)
        .env("RIVA_SECRETS", "file")
        .output()
        .unwrap()
}

/// The command must fail, and say all of these.
#[track_caller]
fn refused(tenant: &Tenant, words: &[&str], says: &[&str]) {
    let output = riva(tenant, words);
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
    // A table may break lines: only the words count.
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in says {
        assert!(flat.contains(wanted), "{words:?} does not say {wanted:?}: {said}");
    }
}

fn test_of<'a>(connection: &'a str, user: &'a str) -> [&'a str; 5] {
    ["connection", "test", connection, "--user", user]
}

#[test]
fn each_user_who_cannot_sync_is_refused_with_the_reason() {
    let tenant = Tenant::new();
    let (nora, peter, viktor) = (address("nora.lindqvist"), address("peter.novak"), address("viktor.petrov"));
    refused(&tenant, &test_of("exchange", &nora), &["Mailbox Never Opened", "log in to the mailbox once"]);
    refused(&tenant, &test_of("exchange", &peter), &["No Access To User", "ApplicationImpersonation"]);
    refused(&tenant, &test_of("exchange", &viktor), &["User Not Found"]);
    let (zoe, fatima) = (address("zoe.martin"), address("fatima.al-sayed"));
    let unmatched = "Unable to match a user to impersonate by email address";
    refused(&tenant, &test_of("salesforce", &zoe), &["User Not Active", unmatched, "inactive"]);
    refused(&tenant, &test_of("salesforce", &fatima), &["User Not Found", unmatched]);
    refused(
        &tenant,
        &test_of("salesforce", &address("david.jones")),
        &["Several Users Found", unmatched, "2"],
    );
    // Somebody who can be synced is not refused by the same connections.
    assert!(riva(&tenant, &test_of("exchange", &address("priya.raman"))).status.success());
    assert!(riva(&tenant, &test_of("salesforce", &address("priya.raman"))).status.success());
}

#[test]
fn a_server_that_is_down_is_told_apart_from_a_refused_login() {
    let tenant = Tenant::new();
    let before = tenant.read("connections/exchange.toml");
    tenant.sandbox().control().set_down(Some(Down::Unavailable));
    refused(&tenant, &["connection", "test", "exchange"], &[NOT_AVAILABLE]);
    tenant.sandbox().control().set_down(None);

    let secrets = FileSecrets::new(&tenant.path(""));
    for connection in ["exchange", "salesforce"] {
        let key = SecretKey { connection: connection.into(), kind: SecretKind::Password };
        let right = secrets.get(&key).unwrap().unwrap();
        secrets.set(&key, &"not-the-password".into()).unwrap();
        refused(&tenant, &["connection", "test", connection], &[CREDENTIALS, "password"]);
        secrets.set(&key, &right).unwrap();
        let output = riva(&tenant, &["connection", "test", connection]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    assert_eq!(tenant.read("connections/exchange.toml"), before, "a test changes no document");
}

#[test]
fn a_certificate_that_is_not_trusted_is_named() {
    let tenant = Tenant::new();
    for connection in ["exchange", "salesforce"] {
        tenant.edit(&format!("connections/{connection}.toml"), "ca_file", "# ca_file");
        refused(
            &tenant,
            &["connection", "test", connection],
            &[NOT_AVAILABLE, "certificate", "Riva sandbox CA"],
        );
    }
}

#[test]
fn a_user_who_cannot_be_matched_is_not_added() {
    let tenant = Tenant::new();
    let before = tenant.read("policies/sales-team.toml");
    let zoe = address("zoe.martin");
    for (who, says) in [("nobody.at.all", "nobody.at.all"), (zoe.as_str(), "inactive"), ("Amelie", "already")]
    {
        refused(&tenant, &["policy", "add-user", POLICY, who], &[says]);
    }
    assert_eq!(tenant.read("policies/sales-team.toml"), before, "nothing was saved");
}
