//! The one way out.

use super::breaker::Breaker;
use super::fault::{
    check_scheme, connect_fault, is_loopback, lost_answer, retry_after, shown_url, unavailable,
};
use super::limits::Limits;
use super::message::{Kind, Request, Response, Scope};
use super::options::{Auth, HttpOptions};
use super::tls::Tls;
use super::wire_log::WireLog;
use base64::Engine as _;
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderValue};
use riva_core::fault::{CallError, Fault, FaultKind};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

/// Sends requests for one connection.
pub struct HttpClient {
    inner: reqwest::Client,
    options: HttpOptions,
    tls: Tls,
    limits: Limits,
    breaker: Breaker,
    wire_log: Option<WireLog>,
    /// One refresh of the token at a time; counts them.
    refresh: Mutex<()>,
    refreshed: AtomicU64,
    /// Held by the first request until the login is known to work, so that a wrong password is tried once only.
    first_login: Mutex<()>,
    login_works: AtomicBool,
    refused: StdMutex<Option<(Instant, Fault)>>,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient").field("base", &shown_url(&self.options.base)).finish_non_exhaustive()
    }
}

/// What one try brought.
enum Tried {
    Answer(Response),
    /// The server, or the way to it, is down. `sent` is false if the request certainly did not reach it.
    Unavailable {
        fault: Fault,
        sent: bool,
    },
    Refused(Response),
    /// The server asks to be left alone. `sent` is false if it says that it has carried nothing out.
    Throttled {
        hint: Option<Duration>,
        sent: bool,
    },
    /// It came, but is longer than we take.
    TooLong(Fault),
}

impl HttpClient {
    /// Makes a client; nothing is sent yet.
    pub fn new(options: HttpOptions) -> Result<Self, Fault> {
        check_scheme(&options.base)?;
        let tls = Tls::new(options.ca_file.as_deref())?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured((*tls.config).clone())
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .user_agent(concat!("Riva/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&options.base) {
            builder = builder.no_proxy();
        }
        let inner = builder
            .build()
            .map_err(|e| unavailable(format!("the HTTP client cannot be made: {}", e.without_url())))?;
        Ok(Self {
            inner,
            limits: Limits::new(&options),
            breaker: Breaker::new(options.breaker_threshold, options.breaker_wait),
            wire_log: WireLog::to(options.wire_log.as_ref()),
            tls,
            options,
            refresh: Mutex::default(),
            refreshed: AtomicU64::new(0),
            first_login: Mutex::default(),
            login_works: AtomicBool::new(false),
            refused: StdMutex::default(),
        })
    }

    /// The connection's address.
    pub fn base(&self) -> &Url {
        &self.options.base
    }

    /// How this client behaves.
    pub fn options(&self) -> &HttpOptions {
        &self.options
    }

    /// The system asked, in its own way, to leave this scope alone for a while. Returns the fault for it.
    pub fn back_off(&self, scope: &Scope, wait: Option<Duration>) -> Fault {
        let wait = self.limits.block(scope, wait);
        let whom = if scope.as_str().is_empty() { "this connection" } else { scope.as_str() };
        Fault::new(
            FaultKind::Throttled,
            format!("the system asked to slow down for {} s, for {whom}", wait.as_secs_f32()),
        )
        .retry_after(wait)
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// Never answers with 401, 429, 502, 503 or 504: these are faults, or `InDoubt` where a write may have been done.
    pub async fn send(&self, scope: &Scope, request: Request) -> Result<Response, CallError> {
        check_scheme(&request.url)?;
        self.same_origin(&request.url)?;
        let mut attempts = 0;
        let mut renewed = false;
        self.breaker.admit()?;
        loop {
            self.still_refused()?;
            let slot = self.limits.admit(scope).await?;
            let gate = self.login_gate().await;
            self.still_refused()?;
            attempts += 1;
            let known = self.refreshed.load(Ordering::Acquire);
            let tried = self.try_once(&request).await?;
            drop(slot);
            match tried {
                Tried::Answer(response) => {
                    self.login_works.store(true, Ordering::Release);
                    drop(gate);
                    self.breaker.succeeded();
                    self.limits.succeeded(scope);
                    return Ok(response);
                }
                Tried::Refused(response) => {
                    self.breaker.succeeded();
                    if !renewed && self.renew(known).await? {
                        renewed = true;
                        continue;
                    }
                    return Err(self.refuse(&request.url, &response).into());
                }
                Tried::TooLong(fault) if request.kind == Kind::Write => {
                    return Err(CallError::InDoubt(fault.detail));
                }
                Tried::TooLong(fault) => return Err(fault.into()),
                Tried::Throttled { hint, sent } => {
                    self.breaker.succeeded();
                    let fault = self.back_off(scope, hint);
                    let in_doubt = sent && request.kind == Kind::Write;
                    return Err(if in_doubt { CallError::InDoubt(fault.detail) } else { fault.into() });
                }
                Tried::Unavailable { fault, sent } => {
                    let in_doubt = sent && request.kind == Kind::Write;
                    if in_doubt || attempts >= self.options.read_attempts {
                        self.breaker.failed(&fault);
                        return Err(if in_doubt { CallError::InDoubt(fault.detail) } else { fault.into() });
                    }
                    drop(gate);
                    tokio::time::sleep(jitter(
                        self.options.retry_base.saturating_mul(1 << (attempts - 1).min(10)),
                    ))
                    .await;
                }
            }
        }
    }

    /// The password goes to the connection's own origin alone.
    fn same_origin(&self, url: &Url) -> Result<(), Fault> {
        if matches!(self.options.auth, Auth::Basic { .. }) && url.origin() != self.options.base.origin() {
            return Err(Fault::new(
                FaultKind::UnexpectedAnswer,
                format!(
                    "the system leads to another host, where the password is not sent: {}",
                    shown_url(url)
                ),
            )
            .remedy("If that host is right, use it in the address of this connection."));
        }
        Ok(())
    }

    async fn login_gate(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let needed = matches!(self.options.auth, Auth::Basic { .. });
        if !needed || self.login_works.load(Ordering::Acquire) {
            return None;
        }
        let gate = self.first_login.lock().await;
        (!self.login_works.load(Ordering::Acquire)).then_some(gate)
    }

    fn still_refused(&self) -> Result<(), Fault> {
        match &*self.refused.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((until, fault)) if Instant::now() < *until => Err(fault.clone()),
            _ => Ok(()),
        }
    }

    /// Remembers that the login was refused.
    fn refuse(&self, url: &Url, response: &Response) -> Fault {
        let offered = response
            .headers
            .get_all(http::header::WWW_AUTHENTICATE)
            .iter()
            .filter_map(|v| v.to_str().ok()?.split_whitespace().next())
            .collect::<Vec<_>>();
        let mut fault = match &self.options.auth {
            Auth::None => Fault::new(
                FaultKind::GivenCredentials,
                format!("a login is wanted (401), by {}", shown_url(url)),
            ),
            Auth::Basic { user, .. } => Fault::new(
                FaultKind::GivenCredentials,
                format!("user name or password are refused (401), for {user} at {}", shown_url(url)),
            ),
            Auth::Bearer(_) => Fault::new(
                FaultKind::GivenCredentials,
                format!("the access token is refused even after renewal (401), by {}", shown_url(url)),
            ),
        };
        let basic = offered.iter().any(|s| s.trim_matches(',').eq_ignore_ascii_case("basic"));
        if matches!(self.options.auth, Auth::Basic { .. }) && !offered.is_empty() && !basic {
            fault.detail =
                format!("{}; the server offers {} only, not Basic", fault.detail, offered.join(", "));
            fault = fault.remedy(
                "Enable Basic authentication (over TLS) on the server's web service, or use another address that \
                 offers it.",
            );
        }
        self.login_works.store(false, Ordering::Release);
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now() + self.options.refusal_pause, fault.clone()));
        fault
    }

    /// Renews the token, unless another request has in the meantime. False if there is nothing to renew.
    async fn renew(&self, known: u64) -> Result<bool, Fault> {
        let Auth::Bearer(source) = &self.options.auth else { return Ok(false) };
        let _one_at_a_time = self.refresh.lock().await;
        if self.refreshed.load(Ordering::Acquire) == known {
            source.token(true).await?;
            self.refreshed.fetch_add(1, Ordering::AcqRel);
        }
        Ok(true)
    }

    async fn authorization(&self) -> Result<Option<HeaderValue>, Fault> {
        let text: SecretString = match &self.options.auth {
            Auth::None => return Ok(None),
            Auth::Basic { user, password } => {
                let pair = SecretString::from(format!("{user}:{}", password.expose_secret()));
                let encoded = base64::engine::general_purpose::STANDARD.encode(pair.expose_secret());
                format!("Basic {encoded}").into()
            }
            Auth::Bearer(source) => {
                // One at a time: the first call may have to fetch the token.
                let _one_at_a_time = self.refresh.lock().await;
                format!("Bearer {}", source.token(false).await?.expose_secret()).into()
            }
        };
        let mut value = HeaderValue::from_str(text.expose_secret()).map_err(|_| {
            Fault::new(
                FaultKind::GivenCredentials,
                "user name, password or token hold a character that cannot be sent",
            )
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    async fn try_once(&self, request: &Request) -> Result<Tried, Fault> {
        let mut outgoing =
            self.inner.request(request.method.clone(), request.url.clone()).headers(request.headers.clone());
        if !request.body.is_empty() {
            outgoing = outgoing.body(request.body.clone());
        }
        if let Some(value) = self.authorization().await? {
            outgoing = outgoing.header(AUTHORIZATION, value);
        }
        let number = self.wire_log.as_ref().map(|log| log.request(request));
        let start = Instant::now();
        let result = self.exchange(request, outgoing).await;
        let took = start.elapsed();
        let url = shown_url(&request.url);
        let result = match result {
            Ok(response) => {
                tracing::debug!(method = %request.method, url, status = response.status.as_u16(), ?took, "HTTP");
                if let (Some(log), Some(number)) = (&self.wire_log, number) {
                    log.response(number, &response, request.secret);
                }
                response
            }
            Err(tried) => {
                if let Tried::Unavailable { fault, .. } = &tried {
                    tracing::debug!(method = %request.method, url, error = fault.detail, ?took, "HTTP");
                }
                return Ok(tried);
            }
        };
        Ok(sort(&request.url, result))
    }

    async fn exchange(
        &self,
        request: &Request,
        outgoing: reqwest::RequestBuilder,
    ) -> Result<Response, Tried> {
        let unavailable = |error: &reqwest::Error| {
            let fault = if error.is_connect() {
                connect_fault(&request.url, error, self.options.connect_timeout, &self.tls)
            } else {
                unavailable(lost_answer(&request.url, error))
            };
            // A request that could not even be built was not sent either.
            Tried::Unavailable { fault, sent: !error.is_connect() && !error.is_builder() }
        };
        let mut incoming = outgoing.send().await.map_err(|e| unavailable(&e))?;
        let mut response =
            Response { status: incoming.status(), headers: incoming.headers().clone(), body: Vec::new() };
        while let Some(chunk) = incoming.chunk().await.map_err(|e| unavailable(&e))? {
            if response.body.len() + chunk.len() > self.options.max_body {
                let fault = Fault::new(
                    FaultKind::UnexpectedAnswer,
                    format!(
                        "the answer is longer than {} MiB, from {}",
                        self.options.max_body >> 20,
                        shown_url(&request.url)
                    ),
                );
                return Err(Tried::TooLong(fault));
            }
            response.body.extend_from_slice(&chunk);
        }
        Ok(response)
    }
}

/// Sorts answers by their status.
fn sort(url: &Url, response: Response) -> Tried {
    let hint = retry_after(&response.headers);
    match response.status {
        StatusCode::UNAUTHORIZED => Tried::Refused(response),
        StatusCode::TOO_MANY_REQUESTS => Tried::Throttled { hint, sent: false },
        // 503 with a hint is a busy server (RFC 9110, section 15.6.4); but caches (Varnish among them) say the same when
        // they have passed the request on, and the server behind them did not answer in time.
        StatusCode::SERVICE_UNAVAILABLE if hint.is_some() => Tried::Throttled { hint, sent: true },
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            let status = response.status;
            let reason = status.canonical_reason().unwrap_or_default();
            let fault = unavailable(format!("the server answers {} {reason}, at {}", status.as_u16(), shown_url(url)))
                .remedy(
                    "Open the system's web page from this computer. If it does not work either, contact the \
                     system's administrator or host; otherwise look at proxies and load balancers in between.",
                );
            Tried::Unavailable { fault, sent: true }
        }
        _ => Tried::Answer(response),
    }
}

/// A random time up to this one ("full jitter"), so that many clients do not come back at once.
fn jitter(most: Duration) -> Duration {
    let random = u16::from_be_bytes([uuid::Uuid::new_v4().as_bytes()[0], uuid::Uuid::new_v4().as_bytes()[0]]);
    most.mul_f64(f64::from(random) / f64::from(u16::MAX))
}
