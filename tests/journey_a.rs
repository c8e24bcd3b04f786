//! Journey A through the command: users are added to an existing sync policy, until their initial sync is completed.

#![allow(clippy::unwrap_used)] // A test that panics is a failed test.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Passwords of the demo's company: they open nothing, and must be found nowhere all the same.
fn secrets() -> Vec<String> {
    let company =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo/company.toml")).unwrap();
    let of = |line: &str| {
        let (key, value) = line.split_once(" = ")?;
        ["password", "client_secret"].contains(&key).then(|| value.trim_matches('"').to_owned())
    };
    company.lines().filter_map(of).collect()
}

fn every_file(folder: &Path, all: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            every_file(&path, all);
        } else if path.is_file() {
            all.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn two_users_are_added_and_fully_synced() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path().join("demo");
    let output = Command::new(env!("CARGO_BIN_EXE_riva"))
        .args(["demo", "--headless", "--json", "--folder"])
        .arg(&folder)
        .env_remove("RIVA_SECRETS")
        .env_remove("RIVA_PASSPHRASE")
        .env_remove("CREDENTIALS_DIRECTORY")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["passed"], 8);
    assert_eq!(report["steps"].as_array().unwrap().len(), 8);
    assert_eq!(report["written_by_second_sync"], 0);
    assert_eq!(report["invitations_sent"], 0);
    for user in report["users"].as_array().unwrap() {
        assert_eq!(user["discrepancy"], Value::Null);
        // One that came in and one that was sent; what is private or from a stranger is not logged.
        let email = &user["modules"]["email"];
        assert_eq!(
            (&email["created_crm"], &email["linked"], &email["created_mail"]),
            (&2.into(), &2.into(), &0.into())
        );
        for module in ["contacts", "calendar", "tasks"] {
            let (told, before, after) =
                (&user["modules"][module], &user["before"][module], &user["after"][module]);
            let number = |value: &Value| value.as_u64().unwrap();
            assert!(
                number(&told["created_mail"]) > 0 && number(&told["created_crm"]) > 0,
                "items really move: {told}"
            );
            assert_eq!(number(&after["mail"]), number(&before["mail"]) + number(&told["created_mail"]));
            assert_eq!(number(&after["crm"]), number(&before["crm"]) + number(&told["created_crm"]));
        }
    }

    // No secret in any file, nor in what was said.
    let mut files =
        vec![("the output".to_owned(), said.into_bytes()), ("the errors".to_owned(), output.stderr)];
    every_file(&folder, &mut files);
    let secrets = secrets();
    assert!(secrets.len() > 20);
    for (name, bytes) in &files {
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret lies in {name}");
        }
    }
    // The agent has gone: its lock is free.
    let status = Command::new(env!("CARGO_BIN_EXE_riva"))
        .args(["agent", "status", "--workspace"])
        .arg(&folder)
        .output();
    assert_eq!(status.unwrap().status.code(), Some(1));
}
