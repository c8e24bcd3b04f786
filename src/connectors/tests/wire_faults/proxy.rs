//! A proxy that does one wrong thing to the requests that it is told to.

use super::wire::{self, Answered, Asked, Listening};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// How often a request reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    Never,
    Once,
    Twice,
    /// Once, when [`Proxy::let_go`] says so.
    Late,
}

/// What is sent back.
#[derive(Debug, Clone, Copy)]
pub enum Reply {
    /// What the server has answered.
    Own,
    /// Nothing: the connection is reset.
    Reset,
    /// Nothing, until the client has given up.
    Slow,
    /// A bare status, as a proxy says it.
    Status(u16),
    /// The same with `Retry-After`.
    Later(u16),
    /// A failure in the words of the server's own maker.
    Failure,
    /// The server's answer without its second half, which was promised.
    Short,
    /// The server's answer without its second half, as if that were all.
    Cut,
    /// Bytes that are no UTF-8, as if they were the answer.
    Bytes,
    /// A web page, with 200.
    Page,
    /// Nothing, with 200.
    Empty,
    /// Somewhere else.
    Elsewhere,
    /// The server's answer, changed.
    Changed(fn(String) -> String),
}

/// Something that goes wrong.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub delivered: Delivered,
    pub reply: Reply,
}

/// To which requests it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hits {
    All,
    /// Those that change something.
    Writes,
    /// The one with this number.
    Nth(usize),
}

/// What the proxy has seen since it was last told what to do.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Whether each request was one that changes something.
    pub requests: Vec<bool>,
    /// Requests that change something and have reached the server.
    pub delivered: usize,
}

#[derive(Default)]
struct State {
    fault: Option<(Fault, Hits)>,
    seen: Seen,
}

/// What the proxy has to know of the server behind it.
pub struct Behind {
    pub url: String,
    /// Whether a request changes something.
    pub writes: fn(&Asked) -> bool,
    /// A failure in its own words.
    pub failure: fn() -> Answered,
}

/// One proxy at a time moves the clock.
static CLOCK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A proxy.
pub struct Proxy {
    listening: Listening,
    inner: Arc<Inner>,
}

struct Inner {
    behind: Behind,
    url: Mutex<String>,
    client: reqwest::Client,
    state: Mutex<State>,
    arrived: Notify,
    go: Notify,
}

impl Proxy {
    pub async fn before(behind: Behind) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        let inner = Arc::new(Inner {
            behind,
            url: Mutex::default(),
            client,
            state: Mutex::default(),
            arrived: Notify::new(),
            go: Notify::new(),
        });
        let shared = Arc::clone(&inner);
        let listening = wire::listen(move |stream| {
            let inner = Arc::clone(&shared);
            async move { inner.one(stream).await }
        })
        .await;
        inner.url.lock().unwrap().clone_from(&listening.url);
        Self { listening, inner }
    }

    pub fn url(&self) -> &str {
        &self.listening.url
    }

    /// From now on this goes wrong.
    pub fn set(&self, fault: Fault, hits: Hits) {
        *self.inner.state() = State { fault: Some((fault, hits)), seen: Seen::default() };
    }

    /// From now on nothing goes wrong. What was seen before.
    pub fn mend(&self) -> Seen {
        std::mem::take(&mut *self.inner.state()).seen
    }

    /// Waits until a request has arrived that is held back.
    pub async fn arrived(&self) {
        self.inner.arrived.notified().await;
    }

    /// Lets the request go on that is held back.
    pub fn let_go(&self) {
        self.inner.go.notify_one();
    }

    /// Lets time pass at once.
    pub async fn pass(&self, time: Duration) {
        pass(time).await;
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn one(self: Arc<Self>, mut stream: TcpStream) {
        let Ok(asked) = wire::read(&mut stream).await else { return };
        let writes = (self.behind.writes)(&asked);
        let fault = {
            let mut state = self.state();
            let number = state.seen.requests.len();
            state.seen.requests.push(writes);
            state.fault.and_then(|(fault, hits)| {
                let hit = match hits {
                    Hits::All => true,
                    Hits::Writes => writes,
                    Hits::Nth(n) => n == number,
                };
                hit.then_some(fault)
            })
        };
        let fault = fault.unwrap_or(Fault { delivered: Delivered::Once, reply: Reply::Own });
        if fault.delivered == Delivered::Late {
            self.arrived.notify_one();
            self.go.notified().await;
        }
        let mut own = Answered::bare(200);
        let times = match fault.delivered {
            Delivered::Never => 0,
            Delivered::Once | Delivered::Late => 1,
            Delivered::Twice => 2,
        };
        for _ in 0..times {
            self.state().seen.delivered += usize::from(writes);
            own = self.pass_on(&asked).await;
        }
        let shown = |status: u16| Answered::new(status, "text/html", format!("<html>{status}</html>"));
        let half = own.body.len() / 2;
        match fault.reply {
            Reply::Own => return wire::write(&mut stream, &own, 0).await,
            Reply::Reset => {
                // Resets the connection instead of ending it.
                stream.set_zero_linger().unwrap();
                drop(stream);
            }
            Reply::Slow => {
                pass(Duration::from_mins(3)).await;
                // The client hangs up.
                let _ = wire::read(&mut stream).await;
            }
            Reply::Status(status) => wire::write(&mut stream, &shown(status), 0).await,
            Reply::Later(status) => {
                wire::write(&mut stream, &shown(status).with("retry-after", "7"), 0).await;
            }
            Reply::Failure => wire::write(&mut stream, &(self.behind.failure)(), 0).await,
            Reply::Short => {
                own.body.truncate(half);
                wire::write(&mut stream, &own, half.max(1)).await;
            }
            Reply::Cut => {
                own.body.truncate(half);
                wire::write(&mut stream, &own, 0).await;
            }
            Reply::Bytes => {
                own.body = b"\xff\xfe<\xc3\x28>\xe2\x82".to_vec();
                own.status = 200;
                wire::write(&mut stream, &own, 0).await;
            }
            Reply::Page => {
                let page = "<!DOCTYPE html><html><body><form>Sign in<br></form></body></html>";
                wire::write(&mut stream, &Answered::new(200, "text/html; charset=utf-8", page), 0).await;
            }
            Reply::Empty => wire::write(&mut stream, &Answered::bare(200), 0).await,
            Reply::Elsewhere => {
                let away = Answered::bare(302).with("location", "https://login.example.test/?back=x");
                wire::write(&mut stream, &away, 0).await;
            }
            Reply::Changed(change) => {
                own.body = change(String::from_utf8_lossy(&own.body).into_owned()).into_bytes();
                wire::write(&mut stream, &own, 0).await;
            }
        }
        // A client that waits before it tries again has begun to by now; if it has not, it waits as long as it would.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        pass(Duration::from_secs(2)).await;
    }

    async fn pass_on(&self, asked: &Asked) -> Answered {
        let url = format!("{}{}", self.behind.url, asked.path);
        let method = reqwest::Method::from_bytes(asked.method.as_bytes()).unwrap();
        let mut request = self.client.request(method, url).body(asked.body.clone());
        for (name, value) in &asked.headers {
            if !["host", "connection", "content-length"].contains(&name.as_str()) {
                request = request.header(name, value);
            }
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let told = response.headers().iter().filter(|(name, _)| {
            !["content-length", "transfer-encoding", "connection"].contains(&name.as_str())
        });
        let headers = told.map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect();
        let body = response.bytes().await.unwrap().to_vec();
        // A server that names itself must lead back to here.
        let body = match String::from_utf8(body) {
            Ok(text) => text.replace(&self.behind.url, &self.url.lock().unwrap()).into_bytes(),
            Err(other) => other.into_bytes(),
        };
        Answered { status, headers, body }
    }
}

/// Lets time pass at once.
async fn pass(time: Duration) {
    let _one_at_a_time = CLOCK.lock().await;
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
