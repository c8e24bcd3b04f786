//! From what went wrong to what an administrator reads.

use super::tls::Tls;
use riva_core::fault::{Fault, FaultKind};
use std::error::Error;
use std::io;
use std::time::Duration;
use url::{Host, Url};

/// An address fit for logs and faults: without user, password, query and fragment.
pub fn shown_url(url: &Url) -> String {
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

/// Host and port, as in `mail.example.com:443`.
pub(super) fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port_or_known_default().map_or_else(|| host.to_owned(), |p| format!("{host}:{p}"))
}

/// Refuses addresses that are neither https nor on this computer.
pub(super) fn check_scheme(url: &Url) -> Result<(), Fault> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        other => Err(Fault::new(
            FaultKind::SystemNotAvailable,
            format!("the address is {other}, which would send the password in the clear: {}", shown_url(url)),
        )
        .remedy(
            "Use an address that begins with https://. Plain http:// is for servers on this computer alone.",
        )),
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The first error of a type in a chain of sources, inside I/O errors too.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inner.map(|e| e as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

/// The innermost reason in a chain of sources.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

fn says_dns(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.to_string().contains("dns error") {
            return true;
        }
        next = error.source();
    }
    false
}

/// A failure to connect, by reqwest.
pub(super) fn connect_fault(url: &Url, error: &reqwest::Error, limit: Duration, tls: &Tls) -> Fault {
    let place = host_and_port(url);
    if error.is_timeout() {
        return connect_timeout(&place, limit);
    }
    if let Some(error) = find::<rustls::Error>(error) {
        return tls.fault(url.host_str().unwrap_or_default(), error);
    }
    if says_dns(error) {
        return name_not_resolved(url, &innermost(error));
    }
    match find::<io::Error>(error) {
        Some(error) => io_fault(&place, error),
        None => unavailable(format!("no connection could be made ({}), to {place}", innermost(error))),
    }
}

pub(super) fn name_not_resolved(url: &Url, why: &str) -> Fault {
    let host = url.host_str().unwrap_or_default();
    unavailable(format!("the name could not be resolved ({why}): {host}")).remedy(
        "Check the spelling of the host in the address of this connection, and the DNS settings of this computer.",
    )
}

pub(super) fn connect_timeout(place: &str, limit: Duration) -> Fault {
    unavailable(format!("no connection within {} s: {place}", limit.as_secs_f32())).remedy(
        "Check that the server is running, and that no firewall between this computer and the server drops the \
         connection.",
    )
}

pub(super) fn io_fault(place: &str, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => unavailable(format!("the connection was refused: {place}")).remedy(
            "Check that the server is running, and that host and port in the address of this connection are right.",
        ),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            unavailable(format!("there is no way through the network: {place}"))
                .remedy("Check the network, VPN and firewall of this computer.")
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            unavailable(format!("the connection was cut while it was being made: {place}")).remedy(
                "Check that the address leads to the right port (https needs a TLS server), and that no proxy or \
                 firewall cuts the connection.",
            )
        }
        _ => unavailable(format!("no connection could be made ({error}), to {place}")),
    }
}

/// A failure after the request was sent, by reqwest: what happened, in words.
pub(super) fn lost_answer(url: &Url, error: &reqwest::Error) -> String {
    let place = host_and_port(url);
    if error.is_timeout() {
        format!("the answer did not come in time, from {place}")
    } else {
        format!("the connection broke off before the answer came ({}), from {place}", innermost(error))
    }
}

pub(super) fn unavailable(detail: impl Into<String>) -> Fault {
    Fault::new(FaultKind::SystemNotAvailable, detail)
}

/// How long the server wants to be left alone: `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    (at.to_utc() - chrono::Utc::now()).to_std().ok().or(Some(Duration::ZERO))
}
