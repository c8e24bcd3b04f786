//! Listeners for the sandbox's servers: HTTP or HTTPS on loopback, connections that can be cut, and a wire dump.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::serve::{IncomingStream, Listener};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a client may take for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a stopping server waits for requests in flight.
const GRACE: Duration = Duration::from_secs(5);
/// The largest body that is dumped; larger ones are refused while dumping.
const DUMP_LIMIT: usize = 64 << 20;

/// A handle on one connection, given to every handler as `ConnectInfo<Cut>`: it can make the reply get lost.
#[derive(Debug, Clone, Default)]
pub struct Cut(Arc<AtomicBool>);

impl Cut {
    /// Breaks the connection: whatever is answered now never reaches the client.
    pub fn cut(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A connection in clear or in TLS that [`Cut`] can break.
pub struct Wire {
    inner: Inner,
    cut: Cut,
}

enum Inner {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    fn check(&self) -> io::Result<()> {
        if self.cut.0.load(Ordering::SeqCst) {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the sandbox lost this reply on purpose",
            ));
        }
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Clear(stream) => Pin::new(stream).poll_read(cx, buf),
            Inner::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        match &mut self.inner {
            Inner::Clear(stream) => Pin::new(stream).poll_write(cx, buf),
            Inner::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        match &mut self.inner {
            Inner::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Inner::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Inner::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Hands over connections whose handshake is done, so that a slow client delays nobody else.
struct Ready {
    address: SocketAddr,
    connections: mpsc::Receiver<(Wire, SocketAddr)>,
}

impl Listener for Ready {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        match self.connections.recv().await {
            Some(connection) => connection,
            // The acceptor has ended because the server is stopping: nothing more comes.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Connected<IncomingStream<'_, Ready>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Ready>) -> Self {
        stream.io().cut.clone()
    }
}

/// A bound port that does not serve yet: its URL must be known before the routes are built.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

impl Bound {
    /// Binds `port` on loopback; 0 takes any free one.
    pub async fn new(port: u16, tls: Option<Arc<rustls::ServerConfig>>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, tls: tls.map(TlsAcceptor::from) })
    }

    /// Where clients find it, without a slash at the end.
    pub fn url(&self) -> String {
        if self.tls.is_some() {
            format!("https://localhost:{}", self.address.port())
        } else {
            format!("http://127.0.0.1:{}", self.address.port())
        }
    }

    /// Serves until stopped.
    pub fn serve(self, router: Router) -> Serving {
        let (stop, stopped) = watch::channel(false);
        let (ready, connections) = mpsc::channel(64);
        let acceptor = tokio::spawn(accept(self.listener, self.tls, ready, stopped.clone()));
        let listener = Ready { address: self.address, connections };
        let service = router.into_make_service_with_connect_info::<Cut>();
        let server = tokio::spawn(async move {
            let served = axum::serve(listener, service).with_graceful_shutdown(when_stopped(stopped)).await;
            if let Err(error) = served {
                tracing::error!(%error, "a sandbox server ended");
            }
        });
        Serving { stop, acceptor, server }
    }
}

async fn when_stopped(mut stopped: watch::Receiver<bool>) {
    // An error means that the handle is gone, which is a stop as well.
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    ready: mpsc::Sender<(Wire, SocketAddr)>,
    stopped: watch::Receiver<bool>,
) {
    let stop = when_stopped(stopped);
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => return,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "the sandbox could not accept a connection");
                // Out of file descriptors, usually: give others time to close theirs.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Small replies must not wait for Nagle; a failure only costs time.
        let _ = stream.set_nodelay(true);
        let (tls, ready) = (tls.clone(), ready.clone());
        tokio::spawn(async move {
            let inner = match tls {
                None => Inner::Clear(stream),
                Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => Inner::Tls(Box::new(stream)),
                    // The client does not trust us, or is not talking TLS: its problem, and often the test's point.
                    Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake with the sandbox failed"),
                    Err(_) => return tracing::debug!("TLS handshake with the sandbox took too long"),
                },
            };
            // A closed channel means that the server is stopping.
            let _ = ready.send((Wire { inner, cut: Cut::default() }, from)).await;
        });
    }
}

/// A server that is running.
pub struct Serving {
    stop: watch::Sender<bool>,
    acceptor: JoinHandle<()>,
    server: JoinHandle<()>,
}

impl Serving {
    /// Stops accepting, lets requests in flight end (for some seconds), and waits until the port is free.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        if tokio::time::timeout(GRACE, &mut self.server).await.is_err() {
            self.server.abort();
        }
        // The acceptor holds the port; it ends at once.
        let _ = (&mut self.acceptor).await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.acceptor.abort();
        self.server.abort();
    }
}

/// Where bodies are written to, for checks against a schema.
#[derive(Debug, Clone)]
struct Dump {
    folder: PathBuf,
    system: &'static str,
    next: Arc<AtomicU64>,
}

/// Adds a wire dump: every body of a request and its reply as `SYSTEM-000001-request.xml`, `SYSTEM-000001-reply.xml`.
/// Headers, forms and sign-in messages are never written, because they carry passwords and tokens.
pub fn with_dump(router: Router, folder: PathBuf, system: &'static str) -> Router {
    router.layer(from_fn_with_state(Dump { folder, system, next: Arc::new(AtomicU64::new(1)) }, dump))
}

async fn dump(State(dump): State<Dump>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if path.contains("oauth") || path.contains("/Soap/u/") || path.starts_with("/_sandbox") {
        return next.run(request).await;
    }
    let number = dump.next.fetch_add(1, Ordering::SeqCst);
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, DUMP_LIMIT).await else {
        return axum::http::StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    dump.write(number, "request", &parts.headers, &body).await;
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, DUMP_LIMIT).await else {
        return axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    dump.write(number, "reply", &parts.headers, &body).await;
    Response::from_parts(parts, Body::from(body))
}

impl Dump {
    async fn write(&self, number: u64, what: &str, headers: &HeaderMap, body: &Bytes) {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let extension = match kind {
            k if k.contains("xml") => "xml",
            k if k.contains("json") => "json",
            _ => return,
        };
        if body.is_empty() {
            return;
        }
        let file = self.folder.join(format!("{}-{number:06}-{what}.{extension}", self.system));
        if let Err(error) = tokio::fs::write(&file, body).await {
            tracing::error!(file = %file.display(), %error, "the wire dump could not be written");
        }
    }
}
