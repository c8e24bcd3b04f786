//! The control API: HTTP with JSON on a Unix domain socket, or on a port of this computer where there is none or the
//! settings name one. Every request carries the token.

use crate::AgentFault;
use crate::service::Service;
use crate::{past, preview};
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use riva_api::{
    API_VERSION, Accept, Address, AgentFile, AgentStatus, QueueRow, Refusal, Selection, Woken, new_token,
};
use riva_core::activity::{ActivityLine, ActivityQuery};
use riva_core::ids::MemberId;
use riva_core::not_synced::NotSynced;
use riva_core::ports::{ActivityStore as _, StoreError};
use secrecy::{ExposeSecret as _, SecretString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Most lines in one answer.
const MOST_LINES: usize = 5000;
/// A socket's path may be so long on every Unix (`sun_path` has 104 bytes on some, with a NUL).
#[cfg(unix)]
const LONGEST_SOCKET: usize = 100;

/// The API that is being served.
pub(crate) struct Served {
    workspace: PathBuf,
    file: AgentFile,
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    /// Answers what is under way, and takes the address away.
    pub async fn close(self) {
        self.file.remove(&self.workspace);
        self.end.cancel();
        if let Err(e) = self.task.await {
            tracing::error!("the control API ended badly: {e}");
        }
        if let Address::Socket(path) = &self.file.address {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Fills the queue, listens, and writes down where.
pub(crate) async fn serve(service: &Arc<Service>) -> Result<Served, AgentFault> {
    service.fill_queue().await?;
    let token = new_token();
    let router = router(Arc::clone(service), token.clone());
    let end = CancellationToken::new();
    let (address, task) = listen(service, router, &end).await?;
    let file = AgentFile {
        api: API_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        address,
        token_file: PathBuf::from("state/agent.token"),
    };
    let doing = format!("write {}", AgentFile::path(&service.workspace).display());
    file.write(&service.workspace, &token).map_err(AgentFault::io(doing))?;
    Ok(Served { workspace: service.workspace.clone(), file, end, task })
}

async fn listen(
    service: &Arc<Service>,
    router: Router,
    end: &CancellationToken,
) -> Result<(Address, JoinHandle<()>), AgentFault> {
    let wanted = service.documents().settings.api.listen.clone();
    let doing = format!("listen on {wanted} (`api.listen` in riva.toml)");
    let port: SocketAddr = wanted.parse().map_err(|_| {
        let why = "an address with a port is wanted, such as 127.0.0.1:0";
        AgentFault::Io { doing: doing.clone(), source: std::io::Error::other(why) }
    })?;
    if !port.ip().is_loopback() {
        let why = "the control API is for this computer alone: name a loopback address";
        return Err(AgentFault::Io { doing, source: std::io::Error::other(why) });
    }
    #[cfg(unix)]
    if port.port() == 0
        && let Some(path) = socket_path(&service.workspace)
    {
        let listener =
            unix_listener(&path).map_err(AgentFault::io(format!("listen on {}", path.display())))?;
        let end = end.clone();
        let serve = axum::serve(listener, router).with_graceful_shutdown(end.cancelled_owned());
        return Ok((Address::Socket(path), tokio::spawn(async move { ended(serve.await) })));
    }
    let listener = TcpListener::bind(port).await.map_err(AgentFault::io(doing.clone()))?;
    let at = listener.local_addr().map_err(AgentFault::io(doing))?;
    let serve = axum::serve(listener, router).with_graceful_shutdown(end.clone().cancelled_owned());
    Ok((Address::Url(format!("http://{at}")), tokio::spawn(async move { ended(serve.await) })))
}

fn ended(how: std::io::Result<()>) {
    if let Err(e) = how {
        tracing::error!("the control API ended: {e}");
    }
}

#[cfg(unix)]
fn socket_path(workspace: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(workspace).ok()?.join("state/agent.sock");
    (path.as_os_str().len() <= LONGEST_SOCKET).then_some(path)
}

#[cfg(unix)]
fn unix_listener(path: &Path) -> std::io::Result<tokio::net::UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    // We hold the agent's lock: whatever lies there is left from an agent that was killed.
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = tokio::net::UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn router(service: Arc<Service>, token: SecretString) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/queue", get(queue))
        .route("/v1/activity", get(activity))
        .route("/v1/not-synced", get(not_synced))
        .route("/v1/holds", get(past::holds))
        .route("/v1/hold-details", get(preview::hold_details))
        .route("/v1/decide", post(past::decide))
        .route("/v1/order", get(past::order).post(past::give_order))
        .route("/v1/explain", get(past::explain))
        .route("/v1/preview", post(preview::next_cycle))
        .route("/v1/preview-newcomer", post(preview::newcomer))
        .route("/v1/preview-undo", post(preview::undo))
        .route("/v1/sync", post(sync_now))
        .route("/v1/reload", post(reload))
        .route("/v1/accept", post(accept))
        .route("/v1/stop", post(stop))
        .with_state(service)
        .layer(from_fn_with_state(Arc::new(token), with_token))
}

async fn with_token(State(token): State<Arc<SecretString>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
    let given = given.strip_prefix(b"Bearer ").unwrap_or_default();
    if same(given, token.expose_secret().as_bytes()) {
        return next.run(request).await;
    }
    refuse(StatusCode::UNAUTHORIZED, "this is not the token of this agent")
}

/// Takes as long whether the first byte differs or the last.
fn same(given: &[u8], wanted: &[u8]) -> bool {
    given.len() == wanted.len() && given.iter().zip(wanted).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

pub(crate) fn refuse(status: StatusCode, error: impl Into<String>) -> Response {
    (status, Json(Refusal { error: error.into() })).into_response()
}

/// A failure of the agent's own.
pub(crate) struct Failed(String);

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<AgentFault> for Failed {
    fn from(error: AgentFault) -> Self {
        Self(error.to_string())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        refuse(StatusCode::INTERNAL_SERVER_ERROR, self.0)
    }
}

async fn status(State(service): State<Arc<Service>>) -> Result<Json<AgentStatus>, Failed> {
    Ok(Json(service.status().await?))
}

async fn queue(State(service): State<Arc<Service>>) -> Result<Json<Vec<QueueRow>>, Failed> {
    Ok(Json(service.queue().await?))
}

async fn activity(
    State(service): State<Arc<Service>>,
    Query(mut query): Query<ActivityQuery>,
) -> Result<Json<Vec<ActivityLine>>, Failed> {
    query.limit = query.limit.min(MOST_LINES);
    Ok(Json(service.store.read(&query).await?))
}

#[derive(serde::Deserialize)]
struct OfMember {
    member: MemberId,
}

async fn not_synced(
    State(service): State<Arc<Service>>,
    Query(of): Query<OfMember>,
) -> Result<Json<Vec<NotSynced>>, Failed> {
    let policy = match service.member(of.member).await? {
        Some(member) => service.policy(&member.policy).map(|(policy, ..)| policy),
        None => None,
    };
    let modules = policy.as_ref().map(|policy| &policy.modules);
    Ok(Json(crate::not_synced::not_synced(service.store.as_ref(), of.member, modules).await?))
}

async fn sync_now(
    State(service): State<Arc<Service>>,
    Json(which): Json<Selection>,
) -> Result<Json<Woken>, Failed> {
    Ok(Json(Woken { woken: service.sync_now(&which).await? }))
}

async fn reload(State(service): State<Arc<Service>>) -> Result<Json<AgentStatus>, Failed> {
    service.reload().await?;
    Ok(Json(service.status().await?))
}

async fn accept(State(service): State<Arc<Service>>, Json(what): Json<Accept>) -> Result<Response, Failed> {
    Ok(match service.accept_database(&what.connection, what.catch_up).await? {
        Some(woken) => Json(Woken { woken }).into_response(),
        None => refuse(
            StatusCode::NOT_FOUND,
            format!("it knows no connection {:?}; if it is new, restart the agent", what.connection.as_str()),
        ),
    })
}

async fn stop(State(service): State<Arc<Service>>) -> Json<serde_json::Value> {
    tracing::info!("the agent was asked to stop");
    service.shutdown.cancel();
    Json(serde_json::Value::Null)
}
