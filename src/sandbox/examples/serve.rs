//! Starts a sandbox from a company file: `serve COMPANY.toml [--http] [--dump DIR] [--ca FILE]
//! [--exchange-port N] [--salesforce-port N]`.
//!
//! Prints one line of JSON with the addresses and the path of the CA, and stops when its input is closed, or on
//! SIGTERM or Ctrl+C. For judges and scripts; people use `riva sandbox run`.

use riva_sandbox::{Company, Sandbox, SandboxOptions};
use std::error::Error;
use std::path::PathBuf;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut company = None;
    let mut ca = std::env::temp_dir().join(format!("riva-sandbox-ca-{}.pem", std::process::id()));
    let mut settings = SandboxOptions::new(Company::parse(EMPTY)?);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--http" => settings.tls = false,
            "--dump" => settings.wire_dump = Some(PathBuf::from(value()?)),
            "--ca" => ca = PathBuf::from(value()?),
            "--exchange-port" => settings.exchange_port = value()?.parse()?,
            "--salesforce-port" => settings.salesforce_port = value()?.parse()?,
            file if !file.starts_with('-') && company.is_none() => company = Some(PathBuf::from(file)),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    settings.company = Company::load(&company.ok_or("which company file?")?)?;
    let accounts = (settings.company.exchange.account.clone(), settings.company.salesforce.account.clone());

    let sandbox = Sandbox::start(settings).await?;
    let ca = match sandbox.ca_pem() {
        Some(pem) => {
            std::fs::write(&ca, pem)?;
            Some(ca)
        }
        None => None,
    };
    println!(
        "{}",
        serde_json::json!({
            "exchange": sandbox.exchange_url(),
            "salesforce": sandbox.salesforce_url(),
            "ca": ca,
            "exchange_account": accounts.0,
            "salesforce_account": accounts.1,
        })
    );
    stopped().await?;
    sandbox.stop().await;
    if let Some(ca) = ca {
        std::fs::remove_file(ca)?;
    }
    Ok(())
}

/// A company without people, until the file is read.
const EMPTY: &str = r#"
exchange = { account = "none", password = "none" }
salesforce = { account = "none", password = "none", client_id = "none", client_secret = "none" }
"#;

/// Waits for the end of input, SIGTERM or Ctrl+C.
async fn stopped() -> std::io::Result<()> {
    let (ended, end) = tokio::sync::oneshot::channel();
    // A thread of its own: a read that never returns must not hold up the end of the program.
    std::thread::spawn(move || {
        let read = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        // Nobody listens any more once a signal was faster.
        let _ = ended.send(read.map(|_| ()));
    });
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        end = end => end.unwrap_or(Ok(())),
        _ = terminate.recv() => Ok(()),
        pressed = tokio::signal::ctrl_c() => pressed,
    }
}
