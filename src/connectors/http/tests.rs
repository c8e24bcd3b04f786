use super::*;
use crate::http::breaker::Breaker;
use crate::http::limits::Limits;
use async_trait::async_trait;
use futures_util::FutureExt as _;
use riva_core::fault::{CallError, Fault, FaultKind};
use riva_core::ports::{StepOutcome, StepReport, StepSink, TestStep};
use secrecy::SecretString;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::Url;
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

const PASSWORD: &str = "hunter2-very-secret";

fn options(base: &str) -> HttpOptions {
    let mut options = HttpOptions::new(base.parse().unwrap());
    options.retry_base = Duration::from_millis(1);
    options
}

fn with_password(base: &str) -> HttpOptions {
    let mut options = options(base);
    options.auth = Auth::Basic { user: "svc".into(), password: PASSWORD.into() };
    options
}

fn url(server: &MockServer) -> Url {
    format!("{}/x?token=in-query", server.uri()).parse().unwrap()
}

async fn answering(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(template.clone()).mount(&server).await;
    Mock::given(method("POST")).respond_with(template).mount(&server).await;
    server
}

fn fault(result: Result<Response, CallError>) -> Fault {
    match result {
        Err(CallError::Fault(fault)) => fault,
        other => panic!("not a fault: {other:?}"),
    }
}

/// An address where nothing listens.
fn closed_port() -> Url {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap()
}

async fn count(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

#[tokio::test]
async fn reads_are_tried_again_and_writes_are_not() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(503)).up_to_n_times(2).mount(&server).await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_string("ok"))
        .mount(&server)
        .await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(502)).mount(&server).await;
    let client = HttpClient::new(options(&server.uri())).unwrap();
    let response = client.send(&Scope::of("ann"), Request::get(url(&server))).await.unwrap();
    assert_eq!(response.text(), "ok");
    assert_eq!(count(&server).await, 3);
    let write = Request::post(url(&server), Kind::Write, "text/plain", "x");
    let result = client.send(&Scope::of("ann"), write).await;
    assert!(matches!(result, Err(CallError::InDoubt(_))), "{result:?}");
    assert_eq!(count(&server).await, 4);
}

#[tokio::test]
async fn a_write_to_a_server_that_is_busy_may_have_been_carried_out_unless_it_says_otherwise() {
    for (status, in_doubt) in [(503, true), (429, false)] {
        let server = answering(ResponseTemplate::new(status).insert_header("retry-after", "120")).await;
        let client = HttpClient::new(options(&server.uri())).unwrap();
        let write = Request::post(url(&server), Kind::Write, "text/plain", "x");
        let result = client.send(&Scope::of("ann"), write).await;
        assert_eq!(matches!(result, Err(CallError::InDoubt(_))), in_doubt, "{result:?}");
        // The wish is heeded all the same.
        let next = fault(client.send(&Scope::of("ann"), Request::get(url(&server))).await);
        assert_eq!((next.kind, count(&server).await), (FaultKind::Throttled, 1));
    }
}

#[tokio::test]
async fn a_write_that_was_not_sent_is_not_in_doubt() {
    let base = closed_port();
    let client = HttpClient::new(options(base.as_str())).unwrap();
    let fault =
        fault(client.send(&Scope::of("ann"), Request::post(base, Kind::Write, "text/plain", "x")).await);
    assert_eq!(fault.kind, FaultKind::SystemNotAvailable);
    assert!(fault.detail.contains("refused"), "{fault}");
}

#[tokio::test]
async fn a_write_whose_answer_does_not_come_is_in_doubt() {
    let server = answering(ResponseTemplate::new(200).set_delay(Duration::from_secs(30))).await;
    let mut options = options(&server.uri());
    options.timeout = Duration::from_millis(200);
    let client = HttpClient::new(options).unwrap();
    let result =
        client.send(&Scope::of("ann"), Request::post(url(&server), Kind::Write, "text/plain", "x")).await;
    assert!(matches!(&result, Err(CallError::InDoubt(why)) if why.contains("in time")), "{result:?}");
}

#[tokio::test]
async fn a_refused_login_is_tried_once_and_keeps_the_secret() {
    let server =
        answering(ResponseTemplate::new(401).insert_header("www-authenticate", "Basic realm=\"x\"")).await;
    let client = HttpClient::new(with_password(&server.uri())).unwrap();
    let scope = Scope::of("ann");
    let sends = (0..5).map(|_| client.send(&scope, Request::get(url(&server))));
    for result in futures_util::future::join_all(sends).await {
        let fault = fault(result);
        assert_eq!(fault.kind, FaultKind::GivenCredentials);
        assert!(!format!("{fault:?}").contains(PASSWORD));
        assert!(!format!("{fault:?}").contains("in-query"));
    }
    assert_eq!(count(&server).await, 1, "five users must not try a wrong password five times");
}

#[tokio::test]
async fn the_password_goes_to_its_own_host_alone() {
    let server = answering(ResponseTemplate::new(200)).await;
    let other = answering(ResponseTemplate::new(200)).await;
    let client = HttpClient::new(with_password(&server.uri())).unwrap();
    let fault = fault(client.send(&Scope::of("ann"), Request::get(url(&other))).await);
    assert_eq!(fault.kind, FaultKind::UnexpectedAnswer);
    assert_eq!(count(&other).await, 0);
}

#[tokio::test]
async fn retry_after_silences_the_scope_and_no_other() {
    let server = answering(ResponseTemplate::new(429).insert_header("retry-after", "120")).await;
    let client = HttpClient::new(options(&server.uri())).unwrap();
    let first = fault(client.send(&Scope::of("ann"), Request::get(url(&server))).await);
    assert_eq!((first.kind, first.retry_after), (FaultKind::Throttled, Some(Duration::from_mins(2))));
    let second = fault(client.send(&Scope::of("ann"), Request::get(url(&server))).await);
    assert_eq!(second.kind, FaultKind::Throttled);
    assert!(second.retry_after.unwrap() > Duration::from_secs(100));
    assert_eq!(count(&server).await, 1);
    fault(client.send(&Scope::of("bob"), Request::get(url(&server))).await);
    assert_eq!(count(&server).await, 2);
    client.back_off(&Scope::connection(), Some(Duration::from_mins(1)));
    fault(client.send(&Scope::of("carl"), Request::get(url(&server))).await);
    assert_eq!(count(&server).await, 2, "while the connection waits, so does everybody");
}

struct Tokens(AtomicU32);

#[async_trait]
impl TokenSource for Tokens {
    async fn token(&self, force_refresh: bool) -> Result<SecretString, Fault> {
        if force_refresh {
            self.0.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
        Ok(format!("token-{}", self.0.load(Ordering::SeqCst)).into())
    }
}

#[tokio::test]
async fn a_token_is_renewed_once_for_all() {
    let server = MockServer::start().await;
    Mock::given(header("authorization", "Bearer token-1"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    let source = Arc::new(Tokens(AtomicU32::new(0)));
    let mut options = options(&server.uri());
    options.auth = Auth::Bearer(source.clone());
    let client = HttpClient::new(options).unwrap();
    let scope = Scope::of("org");
    let sends = (0..3).map(|_| client.send(&scope, Request::get(url(&server))));
    for result in futures_util::future::join_all(sends).await {
        assert_eq!(result.unwrap().status, 200);
    }
    assert_eq!(source.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_said_to_be_that() {
    let client = HttpClient::new(options("https://mail.nowhere.invalid/")).unwrap();
    let url = client.base().clone();
    let fault = fault(client.send(&Scope::of("ann"), Request::get(url)).await);
    assert_eq!(fault.kind, FaultKind::SystemNotAvailable);
    assert!(fault.detail.contains("name could not be resolved"), "{fault}");
}

#[test]
fn plain_http_is_for_this_computer_alone() {
    let error = HttpClient::new(options("http://mail.example.com/")).unwrap_err();
    assert!(error.remedy.contains("https://"), "{error:?}");
    assert!(HttpClient::new(options("http://localhost:8080/")).is_ok());
    assert!(HttpClient::new(options("http://[::1]:8080/")).is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_breaker_opens_and_waits_longer_each_time() {
    let breaker = Breaker::new(3, Duration::from_secs(30));
    let down = Fault::new(FaultKind::SystemNotAvailable, "the connection was refused");
    for _ in 0..3 {
        assert_eq!(breaker.admit(), Ok(()));
        breaker.failed(&down);
    }
    let refused = breaker.admit().unwrap_err();
    assert!(refused.detail.contains("not tried again yet"), "{refused}");
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(breaker.admit(), Ok(()), "one may probe");
    assert!(breaker.admit().is_err(), "the others wait for it");
    breaker.failed(&down);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert!(breaker.admit().is_err(), "the wait has doubled");
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(breaker.admit(), Ok(()));
    breaker.succeeded();
    assert_eq!(breaker.admit(), Ok(()));
    assert_eq!(breaker.admit(), Ok(()));
}

#[tokio::test]
async fn a_scope_has_its_own_slots() {
    let mut options = options("http://127.0.0.1:1/");
    options.max_concurrent_per_scope = 1;
    options.max_concurrent = 2;
    let limits = Limits::new(&options);
    let (ann, bob, carl) = (Scope::of("ann"), Scope::of("bob"), Scope::of("carl"));
    let first = limits.admit(&ann).await.unwrap_or_else(|_| panic!("free"));
    assert!(limits.admit(&ann).now_or_never().is_none(), "ann's slot is taken");
    let second = limits.admit(&bob).now_or_never();
    assert!(matches!(second, Some(Ok(_))), "bob has his own");
    assert!(limits.admit(&carl).now_or_never().is_none(), "the connection is full");
    drop(first);
    assert!(matches!(limits.admit(&carl).now_or_never(), Some(Ok(_))));
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_trace_and_the_wire_log_hold_no_secret() {
    let server = answering(ResponseTemplate::new(200).set_body_string("<answer/>")).await;
    let folder = tempfile::tempdir().unwrap();
    let mut options = with_password(&server.uri());
    options.wire_log = Some(folder.path().to_owned());
    let client = HttpClient::new(options).unwrap();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // Beside one subscriber alone, what another test's thread comes to first would be taken to interest nobody, here too.
    let _another = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let _guard = tracing::subscriber::set_default(subscriber);
    let scope = Scope::of("ann");
    client.send(&scope, Request::post(url(&server), Kind::Read, "text/xml", "<asked/>")).await.unwrap();
    client
        .send(&scope, Request::post(url(&server), Kind::Read, "text/xml", PASSWORD).secret())
        .await
        .unwrap();
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("/x") && text.contains("status"), "{text}");
    let encoded =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("svc:{PASSWORD}"));
    let mut written = String::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        written.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    assert!(written.contains("<asked/>") && written.contains("<answer/>"), "{written}");
    for secret in [PASSWORD, encoded.as_str(), "in-query"] {
        assert!(!text.contains(secret), "{secret} is in the trace");
        assert!(!written.contains(secret), "{secret} is in the wire log");
    }
}

#[derive(Default)]
struct Steps(Mutex<Vec<StepReport>>);

impl StepSink for Steps {
    fn started(&self, _: TestStep) {}
    fn ended(&self, report: StepReport) {
        self.0.lock().unwrap().push(report);
    }
}

/// A TLS server on loopback that takes connections and says `200` to each, with a certificate of its own authority.
async fn tls_server() -> (Url, String, tokio::task::JoinHandle<()>) {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "House Authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
    let task = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut buffer = [0; 4096];
                while matches!(stream.read(&mut buffer).await, Ok(n) if n > 0) {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                }
            });
        }
    });
    (url, authority_pem, task)
}

#[tokio::test]
async fn an_unknown_authority_is_named_and_can_be_trusted() {
    let (url, pem, server) = tls_server().await;
    let client = HttpClient::new(options(url.as_str())).unwrap();
    let refused = fault(client.send(&Scope::of("ann"), Request::get(url.clone())).await);
    assert_eq!(refused.kind, FaultKind::SystemNotAvailable);
    assert!(
        refused.detail.contains("not trusted") && refused.detail.contains("House Authority"),
        "{refused}"
    );
    let steps = Steps::default();
    assert_eq!(probe_endpoint(&url, None, &steps).await.unwrap_err().detail, refused.detail);

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let mut trusting = options(url.as_str());
    trusting.ca_file = Some(file.path().to_owned());
    let client = HttpClient::new(trusting).unwrap();
    assert_eq!(client.send(&Scope::of("ann"), Request::get(url.clone())).await.unwrap().text(), "ok");
    let steps = Steps::default();
    probe_endpoint(&url, Some(file.path()), &steps).await.unwrap();
    let steps = steps.0.into_inner().unwrap();
    assert_eq!(
        steps.iter().map(|s| s.step).collect::<Vec<_>>(),
        [TestStep::ResolveName, TestStep::Connect, TestStep::Tls]
    );
    let StepOutcome::Passed { detail } = &steps[2].outcome else { panic!("{:?}", steps[2]) };
    assert!(
        detail.starts_with("TLS 1.3, certificate issued by \"House Authority\", valid until 4096-01-01"),
        "{detail}"
    );
    server.abort();
}

#[tokio::test]
async fn a_broken_authority_file_is_said_to_be_that() {
    let mut options = options("https://mail.example.com/");
    options.ca_file = Some("/nowhere/ca.pem".into());
    let error = HttpClient::new(options).unwrap_err();
    assert!(error.remedy.contains("ca_file"), "{error:?}");
}

#[tokio::test]
async fn calls_that_fail_open_the_breaker_and_an_answer_that_is_too_long_is_not_taken() {
    let server = answering(ResponseTemplate::new(503)).await;
    let client = HttpClient::new(options(&server.uri())).unwrap();
    let scope = Scope::of("ann");
    for _ in 0..3 {
        fault(client.send(&scope, Request::get(url(&server))).await);
    }
    assert_eq!(count(&server).await, 9, "three calls, three tries each");
    let refused = fault(client.send(&scope, Request::get(url(&server))).await);
    assert!(refused.detail.contains("not tried again yet"), "{refused}");
    assert_eq!(count(&server).await, 9);

    let server = answering(ResponseTemplate::new(200).set_body_string("x".repeat(2000))).await;
    let mut options = options(&server.uri());
    options.max_body = 1000;
    let client = HttpClient::new(options).unwrap();
    let refused = fault(client.send(&scope, Request::get(url(&server))).await);
    assert_eq!(refused.kind, FaultKind::UnexpectedAnswer);
    let write = client.send(&scope, Request::post(url(&server), Kind::Write, "text/plain", "x")).await;
    assert!(matches!(write, Err(CallError::InDoubt(_))), "{write:?}");
    assert_eq!(count(&server).await, 2);
}
