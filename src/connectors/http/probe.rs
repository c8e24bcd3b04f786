//! The first steps of a connection test, each on its own: resolve the name, connect, agree on TLS.

use super::fault::{check_scheme, connect_timeout, host_and_port, io_fault, name_not_resolved};
use super::tls::{Certificate, Tls};
use riva_core::fault::{Fault, FaultKind};
use riva_core::ports::{StepOutcome, StepReport, StepSink, TestStep};
use rustls::pki_types::ServerName;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use url::Url;

/// How long each of these steps may take.
const LIMIT: Duration = Duration::from_secs(15);

/// Runs one step of a test and reports it. What `work` returns beside its value is what was seen.
pub async fn run_step<T>(
    step: TestStep,
    steps: &dyn StepSink,
    work: impl Future<Output = Result<(T, String), Fault>>,
) -> Result<T, Fault> {
    steps.started(step);
    let start = Instant::now();
    let result = work.await;
    let took = start.elapsed();
    match result {
        Ok((value, detail)) => {
            steps.ended(StepReport { step, outcome: StepOutcome::Passed { detail }, took });
            Ok(value)
        }
        Err(fault) => {
            steps.ended(StepReport { step, outcome: StepOutcome::Failed { fault: fault.clone() }, took });
            Err(fault)
        }
    }
}

/// Resolves the name, connects, and agrees on TLS (left out for plain HTTP on this computer), reporting each.
/// Connects directly: a proxy of this computer is not used.
pub async fn probe_endpoint(url: &Url, ca_file: Option<&Path>, steps: &dyn StepSink) -> Result<(), Fault> {
    check_scheme(url)?;
    let addresses = run_step(TestStep::ResolveName, steps, resolve(url)).await?;
    let stream = run_step(TestStep::Connect, steps, connect(url, addresses)).await?;
    if url.scheme() == "https" {
        run_step(TestStep::Tls, steps, agree_on_tls(url, ca_file, stream)).await?;
    }
    Ok(())
}

async fn resolve(url: &Url) -> Result<(Vec<SocketAddr>, String), Fault> {
    // `Url::host_str` brackets IPv6 addresses, as `lookup_host` wants them.
    let place = host_and_port(url);
    let found = timeout(LIMIT, tokio::net::lookup_host(place))
        .await
        .map_err(|_| name_not_resolved(url, "no answer from DNS"))?
        .map_err(|e| name_not_resolved(url, &e.to_string()))?;
    let addresses: Vec<_> = found.collect();
    if addresses.is_empty() {
        return Err(name_not_resolved(url, "it has no address"));
    }
    let seen = addresses.iter().map(|a| a.ip().to_string()).collect::<Vec<_>>().join(", ");
    Ok((addresses, seen))
}

async fn connect(url: &Url, addresses: Vec<SocketAddr>) -> Result<(TcpStream, String), Fault> {
    let place = host_and_port(url);
    let stream = timeout(LIMIT, TcpStream::connect(addresses.as_slice()))
        .await
        .map_err(|_| connect_timeout(&place, LIMIT))?
        .map_err(|e| io_fault(&place, &e))?;
    let seen = stream.peer_addr().map_or_else(|_| place.clone(), |a| a.to_string());
    Ok((stream, seen))
}

async fn agree_on_tls(url: &Url, ca_file: Option<&Path>, stream: TcpStream) -> Result<((), String), Fault> {
    let tls = Tls::new(ca_file)?;
    let host = url.host_str().unwrap_or_default();
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|_| {
        Fault::new(FaultKind::SystemNotAvailable, format!("the address has no valid host name: {host}"))
    })?;
    let place = host_and_port(url);
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(&tls.config));
    let stream = timeout(LIMIT, connector.connect(name, stream))
        .await
        .map_err(|_| connect_timeout(&place, LIMIT))?
        .map_err(|e| match e.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => tls.fault(host, error),
            None => io_fault(&place, &e),
        })?;
    let (_, session) = stream.get_ref();
    let version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let certificate = session.peer_certificates().and_then(|c| c.first()).and_then(|c| Certificate::read(c));
    let seen = certificate.map_or_else(
        || version.to_owned(),
        |c| format!("{version}, certificate issued by \"{}\", valid until {}", c.issuer, c.expires),
    );
    Ok(((), seen))
}
