//! Starting and stopping a whole sandbox.

use crate::control::Control;
use crate::exchange::Exchange;
use crate::salesforce::Salesforce;
use crate::seed::Company;
use crate::serve::{Bound, Serving, with_dump};
use crate::tls::{Authority, TlsError};
use chrono::{NaiveDate, Utc};
use std::io;
use std::path::PathBuf;

/// What a sandbox is made of.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Who works there.
    pub company: Company,
    /// Port of the Exchange server on loopback; 0 takes any free one.
    pub exchange_port: u16,
    /// Port of the Salesforce server on loopback; 0 takes any free one.
    pub salesforce_port: u16,
    /// HTTPS with a certificate authority of its own; else HTTP.
    pub tls: bool,
    /// Folder for the bodies of all requests and replies.
    pub wire_dump: Option<PathBuf>,
    /// The day that the company's events are counted from.
    pub today: NaiveDate,
}

impl SandboxOptions {
    /// HTTPS on any free ports, today, no wire dump.
    pub fn new(company: Company) -> Self {
        Self {
            company,
            exchange_port: 0,
            salesforce_port: 0,
            tls: true,
            wire_dump: None,
            today: Utc::now().date_naive(),
        }
    }
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A port cannot be had.
    #[error(
        "the sandbox's {system} server cannot listen on port {port}: {source}; choose another port or 0 for any"
    )]
    Port {
        /// Which server.
        system: &'static str,
        /// Which port.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// There is no certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The wire dump's folder cannot be made.
    #[error("the wire dump's folder {path} cannot be made: {source}")]
    Dump {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The way to start one.
#[derive(Debug)]
pub struct Sandbox;

impl Sandbox {
    /// Starts all servers on the runtime that this is called on.
    pub async fn start(options: SandboxOptions) -> Result<RunningSandbox, SandboxError> {
        if let Some(folder) = &options.wire_dump {
            std::fs::create_dir_all(folder)
                .map_err(|source| SandboxError::Dump { path: folder.clone(), source })?;
        }
        let authority = if options.tls { Some(Authority::new()?) } else { None };
        let bind = async |system: &'static str, port: u16| {
            Bound::new(port, authority.as_ref().map(|a| a.server.clone()))
                .await
                .map_err(|source| SandboxError::Port { system, port, source })
        };
        let exchange_port = bind("Exchange", options.exchange_port).await?;
        let salesforce_port = bind("Salesforce", options.salesforce_port).await?;

        let dumped = |router, system| match &options.wire_dump {
            Some(folder) => with_dump(router, folder.clone(), system),
            None => router,
        };
        let (exchange_url, salesforce_url) = (exchange_port.url(), salesforce_port.url());
        let exchange = Exchange::new(&options.company, options.today);
        let salesforce = Salesforce::new(&options.company, options.today);
        let serving = vec![
            exchange_port.serve(dumped(exchange.router(&exchange_url), "exchange")),
            salesforce_port.serve(dumped(salesforce.router(&salesforce_url), "salesforce")),
        ];
        let ca_pem = authority.map(|a| a.ca_pem);
        Ok(RunningSandbox { exchange_url, salesforce_url, ca_pem, exchange, salesforce, serving })
    }
}

/// Servers that are running. Dropping it stops them at once; [`RunningSandbox::stop`] lets requests end.
pub struct RunningSandbox {
    exchange_url: String,
    salesforce_url: String,
    ca_pem: Option<String>,
    exchange: Exchange,
    salesforce: Salesforce,
    serving: Vec<Serving>,
}

impl RunningSandbox {
    /// Where Exchange is: EWS is at `/EWS/Exchange.asmx` below it.
    pub fn exchange_url(&self) -> &str {
        &self.exchange_url
    }

    /// Where Salesforce is: the login address and the instance at once.
    pub fn salesforce_url(&self) -> &str {
        &self.salesforce_url
    }

    /// The certificate authority that clients must trust, PEM; `None` without TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The Exchange organisation.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// The Exchange organisation from behind: faults, counters, changes as a user makes them.
    pub fn control(&self) -> Control {
        Control::new(&self.exchange)
    }

    /// The Salesforce organisation, with what can be asked of it from behind ([`crate::salesforce::control`]).
    pub fn salesforce(&self) -> &Salesforce {
        &self.salesforce
    }

    /// How many mails both organisations would have sent to people.
    pub fn mails(&self) -> u64 {
        // A count of lines in memory always fits.
        let salesforce = u64::try_from(self.salesforce.counters().mails).unwrap_or(u64::MAX);
        self.control().counters().total_mails().saturating_add(salesforce)
    }

    /// Stops all servers and waits until their ports are free.
    pub async fn stop(self) {
        for serving in self.serving {
            serving.stop().await;
        }
    }
}
