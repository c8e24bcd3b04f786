//! A record of what goes over the wire, for tests and for support.

use super::message::{Request, Response};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Environment variable that names a folder into which the bodies of all requests and responses are written, each to
/// a file of its own (`PID-000001-request.xml`, `PID-000001-response.xml`). Off by default. **The files hold customer
/// content.** Headers, and bodies that hold a login or a token, are never written.
pub const WIRE_LOG: &str = "RIVA_WIRE_LOG";

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Writes bodies to a folder.
pub(super) struct WireLog(PathBuf);

impl WireLog {
    pub(super) fn to(folder: Option<&PathBuf>) -> Option<Self> {
        let folder = folder?;
        if let Err(error) = std::fs::create_dir_all(folder) {
            tracing::warn!(%error, "the wire log cannot be written, its folder cannot be made");
            return None;
        }
        Some(Self(folder.clone()))
    }

    /// Writes a request's body; the number goes with its response.
    pub(super) fn request(&self, request: &Request) -> u64 {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let kind = request.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
        self.write(number, "request", kind, request.secret, &request.body);
        number
    }

    /// Writes a response's body.
    pub(super) fn response(&self, number: u64, response: &Response, secret: bool) {
        self.write(
            number,
            "response",
            response.header("content-type").unwrap_or_default(),
            secret,
            &response.body,
        );
    }

    fn write(&self, number: u64, side: &str, content_type: &str, secret: bool, body: &[u8]) {
        if body.is_empty() {
            return;
        }
        let kind = ["xml", "json"].into_iter().find(|k| content_type.contains(k)).unwrap_or("txt");
        let file = self.0.join(format!("{}-{number:06}-{side}.{kind}", std::process::id()));
        let body: &[u8] = if secret { b"withheld: holds a secret" } else { body };
        if let Err(error) = std::fs::write(file, body) {
            tracing::warn!(%error, "the wire log cannot be written");
        }
    }
}
