//! Through awc itself, against a scripted server on a real loopback socket.

use std::cell::RefCell;
use std::net::Ipv4Addr;

use awc::error::{PayloadError, SendRequestError};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

use super::super::connect_failure::connect_failure;
use super::super::stream_fault::{StreamFault, payload_fault, stream_fault};
use super::super::tls::client_config;
use super::*;

const INTERIMS: &str =
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";

fn reply(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// What the server does for one request.
enum Step {
    /// One write.
    Send(String),
    /// Each byte in a write of its own.
    Drip(String),
    /// Orderly end of the connection.
    Close,
    /// End by a TCP reset.
    Reset,
    /// Leave the request without an answer.
    Silence,
}
use Step::{Close, Drip, Reset, Send, Silence};

/// What the server saw.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Accepted,
    Closed,
}

struct Upstream {
    port: u16,
    seen: mpsc::UnboundedReceiver<Seen>,
}

impl Upstream {
    /// Answers every request by `script`, which is given its path.
    async fn start(script: impl Fn(&str) -> Vec<Step> + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (report, seen) = mpsc::unbounded_channel();
        let script = Rc::new(script);
        actix_rt::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tcp.set_nodelay(true).unwrap();
                report.send(Seen::Accepted).ok();
                let (script, report) = (Rc::clone(&script), report.clone());
                actix_rt::spawn(async move {
                    serve(tcp, &*script).await;
                    report.send(Seen::Closed).ok();
                });
            }
        });
        Self { port, seen }
    }

    fn transport(&self) -> Transport {
        Transport::try_new(spec("127.0.0.1", self.port)).unwrap()
    }

    /// Waits until the server has seen a connection close.
    async fn closed(&mut self) {
        while self.seen.recv().await.unwrap() != Seen::Closed {}
    }

    fn accepted(&mut self) -> usize {
        std::iter::from_fn(|| self.seen.try_recv().ok())
            .filter(|seen| *seen == Seen::Accepted)
            .count()
    }
}

/// Reads heads of requests (there are no bodies) and answers them until the other side closes.
async fn serve(mut tcp: TcpStream, script: &dyn Fn(&str) -> Vec<Step>) {
    while let Some(path) = read_request(&mut tcp).await {
        for step in script(&path) {
            match step {
                Send(text) => tcp.write_all(text.as_bytes()).await.unwrap_or(()),
                Drip(text) => {
                    for byte in text.bytes() {
                        tcp.write_all(&[byte]).await.unwrap_or(());
                        tokio::task::yield_now().await;
                    }
                }
                Close => return,
                Reset => {
                    socket2::SockRef::from(&tcp).set_linger(Some(Duration::ZERO)).unwrap();
                    return;
                }
                Silence => {}
            }
        }
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    head.split(' ').nth(1).map(str::to_owned)
}

fn spec(host: &str, port: u16) -> TransportSpec {
    TransportSpec {
        host: host.to_owned(),
        port,
        connect_timeout: Duration::from_secs(5),
        tls: None,
        max_connections: 20,
        max_idle_connections: 10,
    }
}

#[derive(Debug)]
enum Failure {
    Head(SendRequestError),
    Body(PayloadError),
}

impl Failure {
    fn fault(&self) -> Option<&StreamFault> {
        match self {
            Self::Head(error) => stream_fault(error),
            Self::Body(error) => payload_fault(error),
        }
    }
}

async fn get(client: &awc::Client, path: &str) -> (ExchangeLog, Result<(u16, Bytes), Failure>) {
    let exchange = ExchangeLog::new();
    let result = exchange
        .scope(async {
            let request = client.get(format!("http://source.test{path}"));
            let mut response = request.send().await.map_err(Failure::Head)?;
            let body = response.body().await.map_err(Failure::Body)?;
            Ok((response.status().as_u16(), body))
        })
        .await;
    (exchange, result)
}

async fn body(client: &awc::Client, path: &str) -> Bytes {
    get(client, path).await.1.unwrap().1
}

/// The fault of a request whose only answer is `steps`, and how many connections are open then.
async fn fault_of(steps: fn() -> Vec<Step>) -> StreamFault {
    let server = Upstream::start(move |_| steps()).await;
    let transport = server.transport();
    let (exchange, result) = get(&new_client(&transport), "/").await;
    let failure = result.unwrap_err();
    assert_eq!(transport.open_connections(), 0, "{failure:?}");
    assert!(exchange.sent());
    failure.fault().unwrap_or_else(|| panic!("{failure:?}")).clone()
}

#[actix_rt::test]
async fn interim_replies_never_swap_the_answers_of_two_customers() {
    let mut server = Upstream::start(|path| {
        vec![Send(format!("{INTERIMS}{}", reply(&format!("answer to {path}"))))]
    })
    .await;
    let client = new_client(&server.transport());
    for call in 0..1000 {
        let (alice, bob) = (format!("/alice/{call}"), format!("/bob/{call}"));
        assert_eq!(body(&client, &alice).await, format!("answer to {alice}"));
        assert_eq!(body(&client, &bob).await, format!("answer to {bob}"));
    }
    assert_eq!(server.accepted(), 1, "the connection was kept");
}

#[actix_rt::test]
async fn concurrent_calls_get_their_own_answers_over_kept_connections() {
    let mut server = Upstream::start(|path| {
        vec![Send(INTERIMS.to_owned()), Send(reply(&format!("answer to {path}")))]
    })
    .await;
    let client = new_client(&server.transport());
    let callers: Vec<_> = (0..8)
        .map(|caller| {
            let client = client.clone();
            actix_rt::spawn(async move {
                for call in 0..50 {
                    let path = format!("/{caller}/{call}");
                    assert_eq!(body(&client, &path).await, format!("answer to {path}"));
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(server.accepted() <= 8);
}

#[actix_rt::test]
async fn heads_that_drip_in_byte_by_byte_are_put_together() {
    let server = Upstream::start(|path| {
        vec![Drip(format!("{INTERIMS}{}", reply(&format!("answer to {path}"))))]
    })
    .await;
    let client = new_client(&server.transport());
    for path in ["/a", "/b", "/c"] {
        assert_eq!(body(&client, path).await, format!("answer to {path}"));
    }
}

#[actix_rt::test]
async fn large_heads_and_bodies_pass_whole() {
    let server = Upstream::start(|_| {
        let header = "h".repeat(60_000);
        let body = "b".repeat(300_000);
        let head =
            format!("HTTP/1.1 200 OK\r\nX: {header}\r\nContent-Length: {}\r\n\r\n", body.len());
        vec![Send(format!("{INTERIMS}{head}{body}"))]
    })
    .await;
    let client = new_client(&server.transport());
    for _ in 0..3 {
        assert_eq!(body(&client, "/").await.len(), 300_000);
    }
}

#[actix_rt::test]
async fn chunked_replies_keep_the_connection() {
    let mut server = Upstream::start(|path| {
        let chunk = format!("{:x}\r\n{path}\r\n", path.len());
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        vec![Send(format!("{head}{chunk}")), Drip("0\r\nX: y\r\n\r\n".to_owned())]
    })
    .await;
    let client = new_client(&server.transport());
    for path in ["/a", "/bb", "/ccc"] {
        assert_eq!(body(&client, path).await, path);
    }
    assert_eq!(server.accepted(), 1);
}

#[actix_rt::test]
async fn a_short_body_is_an_error_that_says_how_short() {
    let fault = fault_of(|| {
        vec![Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\"".to_owned()), Close]
    });
    let fault = fault.await;
    assert_eq!(fault, StreamFault::BodyCutShort { received: 4, expected: 10 });
    assert_eq!(fault.to_string(), "connection closed after 4 of 10 body bytes");
}

#[actix_rt::test]
async fn a_cut_chunked_body_is_an_error() {
    let fault = fault_of(|| {
        let cut = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
        vec![Send(cut.to_owned()), Close]
    });
    assert_eq!(fault.await, StreamFault::ChunkedBodyCutShort);
}

#[actix_rt::test]
async fn no_reply_at_all_is_told_from_half_a_head() {
    assert_eq!(fault_of(|| vec![Close]).await, StreamFault::ClosedBeforeReply);
    let half = fault_of(|| vec![Send("HTTP/1.1 200 OK\r\nCont".to_owned()), Close]);
    assert_eq!(half.await, StreamFault::HeadCutShort);
}

#[actix_rt::test]
async fn ambiguous_framing_is_an_error() {
    let fault = fault_of(|| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n";
        vec![Send(format!("{head}0\r\n\r\n"))]
    });
    assert!(matches!(fault.await, StreamFault::AmbiguousFraming(_)));
}

#[actix_rt::test]
async fn an_endless_head_and_endless_interims_are_errors() {
    let head = fault_of(|| vec![Send(format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(200_000)))]);
    assert!(matches!(head.await, StreamFault::HeadTooLarge { .. }));
    let interims = fault_of(|| vec![Send(INTERIMS.repeat(17)), Send(reply("x"))]);
    assert_eq!(interims.await, StreamFault::TooManyInterimResponses { limit: 32 });
    let switch = fault_of(|| vec![Send("HTTP/1.1 101 Switching Protocols\r\n\r\n".to_owned())]);
    assert_eq!(switch.await, StreamFault::UnaskedUpgrade);
}

#[actix_rt::test]
async fn a_close_delimited_reply_is_read_to_its_end() {
    for version in ["1.0", "1.1"] {
        let mut server = Upstream::start(move |_| {
            let head = format!("HTTP/{version} 200 OK\r\nServer: x\r\n\r\n");
            vec![Send(head), Send("{\"whole\":".to_owned()), Send("true}".to_owned()), Close]
        })
        .await;
        let transport = server.transport();
        let client = new_client(&transport);
        for _ in 0..2 {
            assert_eq!(body(&client, "/").await, "{\"whole\":true}");
            assert_eq!(transport.open_connections(), 0);
        }
        assert_eq!(server.accepted(), 2);
    }
}

#[actix_rt::test]
async fn a_close_delimited_reply_that_breaks_is_an_error() {
    // The reset is held back until the client has the beginning of the body.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (go_on, wait) = oneshot::channel::<()>();
    actix_rt::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        read_request(&mut tcp).await;
        tcp.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf").await.unwrap();
        wait.await.unwrap();
        socket2::SockRef::from(&tcp).set_linger(Some(Duration::ZERO)).unwrap();
    });
    let transport = Transport::try_new(spec("127.0.0.1", port)).unwrap();
    let mut response = new_client(&transport).get("http://source.test/").send().await.unwrap();
    go_on.send(()).unwrap();
    assert!(response.body().await.is_err());
    assert_eq!(transport.open_connections(), 0);
}

#[actix_rt::test]
async fn an_http_1_0_reply_with_length_zero_does_not_hang() {
    let server = Upstream::start(|_| {
        let head = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n";
        vec![Send(head.to_owned())]
    })
    .await;
    let transport = server.transport();
    let client = new_client(&transport);
    assert_eq!(body(&client, "/").await, "");
    assert_eq!(transport.idle_connections(), 1);
    drop(client);
    assert_eq!(transport.open_connections(), 0, "a dropped client closes its connections");
}

#[actix_rt::test]
async fn a_304_or_204_with_a_length_does_not_hang() {
    for status in [304, 204] {
        let server = Upstream::start(move |_| {
            vec![Send(format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n"))]
        })
        .await;
        let transport = server.transport();
        let (_, result) = get(&new_client(&transport), "/").await;
        assert_eq!(result.unwrap(), (status, Bytes::new()));
        assert_eq!(transport.open_connections(), 0);
    }
}

#[actix_rt::test]
async fn a_204_without_a_length_keeps_the_connection() {
    let mut server = Upstream::start(|_| vec![Send("HTTP/1.1 204 X\r\n\r\n".to_owned())]).await;
    let client = new_client(&server.transport());
    for _ in 0..3 {
        assert_eq!(get(&client, "/").await.1.unwrap(), (204, Bytes::new()));
    }
    assert_eq!(server.accepted(), 1);
}

#[actix_rt::test]
async fn bytes_behind_the_end_are_dropped_with_their_connection() {
    for head in
        ["Content-Length: 2\r\n\r\nok", "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"]
    {
        let mut server = Upstream::start(move |path| match path {
            "/first" => {
                vec![Send(format!("HTTP/1.1 200 OK\r\n{head}{}", reply("somebody else's")))]
            }
            _ => vec![Send(reply("mine"))],
        })
        .await;
        let transport = server.transport();
        let client = new_client(&transport);
        assert_eq!(body(&client, "/first").await, "ok");
        assert_eq!(transport.open_connections(), 0);
        assert_eq!(body(&client, "/second").await, "mine");
        assert_eq!(server.accepted(), 2);
    }
}

#[actix_rt::test]
async fn an_unsolicited_reply_on_an_idle_connection_reaches_nobody() {
    // Sent at once behind the reply, so that no poll of the runtime need have seen it.
    let server = Upstream::start(|path| match path {
        "/first" => vec![Send(reply("first")), Send(reply("somebody else's"))],
        _ => vec![Send(reply(path))],
    })
    .await;
    let transport = server.transport();
    let client = new_client(&transport);
    for _ in 0..200 {
        assert_eq!(body(&client, "/first").await, "first");
        loop {
            let (exchange, result) = get(&client, "/second").await;
            match result {
                Ok((_, body)) => break assert_eq!(body, "/second"),
                Err(failure) => {
                    assert_eq!(failure.fault(), Some(&StreamFault::UnsolicitedBytes));
                    assert!(!exchange.sent());
                }
            }
        }
    }
}

#[actix_rt::test]
async fn the_last_look_finds_what_the_runtime_has_not_seen() {
    let (mut peer, mut stream, _) = stream_pair().await;
    // Written without giving the runtime a chance to notice.
    let waker = std::task::Waker::noop();
    let mut cx = std::task::Context::from_waker(waker);
    let written = Pin::new(&mut peer).poll_write(&mut cx, b"HTTP/1.1 200 OK\r\n\r\n");
    assert!(written.is_ready());
    let exchange = ExchangeLog::new();
    let error = exchange.scope(stream.write_all(b"GET / HTTP/1.1\r\n\r\n")).await.unwrap_err();
    let fault: &StreamFault = error.get_ref().unwrap().downcast_ref().unwrap();
    assert_eq!(fault, &StreamFault::UnsolicitedBytes);
    assert!(!exchange.sent());
}

#[actix_rt::test]
async fn the_last_look_finds_a_connection_closed_meanwhile() {
    let (peer, mut stream, connections) = stream_pair().await;
    drop(peer);
    let exchange = ExchangeLog::new();
    let error = exchange.scope(stream.write_all(b"GET / HTTP/1.1\r\n\r\n")).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(!exchange.sent());
    assert_eq!(connections.open(), 0);
}

#[actix_rt::test]
async fn a_second_exchange_cannot_write_into_the_first() {
    let (_peer, mut stream, _) = stream_pair().await;
    let (first, second) = (ExchangeLog::new(), ExchangeLog::new());
    first.scope(stream.write_all(b"POST / HTTP/1.1\r\n")).await.unwrap();
    first.scope(stream.write_all(b"\r\n")).await.unwrap();
    assert!(first.sent());
    let error = second.scope(stream.write_all(b"GET / HTTP/1.1\r\n\r\n")).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    assert!(!second.sent());
}

async fn stream_pair() -> (TcpStream, GuardedStream, Rc<Pool>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tcp, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let connections = Pool::new(10);
    let connection = Connection::open(Socket::Plain(tcp.unwrap()), &connections);
    (accepted.unwrap().0, GuardedStream::new(connection), connections)
}

#[actix_rt::test]
async fn a_server_that_closes_after_each_reply_costs_no_request() {
    let mut server = Upstream::start(|path| vec![Send(reply(path)), Close]).await;
    let transport = server.transport();
    let client = new_client(&transport);
    for path in ["/a", "/b", "/c"] {
        assert_eq!(body(&client, path).await, path);
        server.closed().await;
    }
    assert!(transport.open_connections() <= 1);
}

#[actix_rt::test]
async fn connection_close_is_obeyed() {
    let mut server = Upstream::start(|_| {
        vec![Send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok".to_owned())]
    })
    .await;
    let transport = server.transport();
    assert_eq!(body(&new_client(&transport), "/").await, "ok");
    assert_eq!(transport.open_connections(), 0);
    server.closed().await;
}

#[actix_rt::test]
async fn an_exchange_tells_of_its_connection() {
    let server = Upstream::start(|_| vec![Send(reply("x"))]).await;
    let client = new_client(&server.transport());
    let (first, _) = get(&client, "/").await;
    let (second, _) = get(&client, "/").await;
    assert!(first.sent() && second.sent());
    assert!(!first.reused() && second.reused());
    assert!(first.connect().is_some() && first.connect_started().is_some());
    assert!(second.connect().is_none() && second.connect_started().is_none());
}

#[actix_rt::test]
async fn finish_can_retire_a_connection_that_is_idle_already() {
    let mut server = Upstream::start(|_| vec![Send(reply("x"))]).await;
    let transport = server.transport();
    let client = new_client(&transport);
    let (exchange, _) = get(&client, "/").await;
    assert_eq!(transport.open_connections(), 1);
    exchange.finish(false);
    assert_eq!(transport.open_connections(), 0);
    server.closed().await;
    let (exchange, result) = get(&client, "/").await;
    assert_eq!(result.unwrap().1, "x");
    exchange.finish(true);
    assert_eq!(transport.idle_connections(), 1);
}

#[actix_rt::test]
async fn finish_spares_the_exchange_that_came_after() {
    // Too long for one read, so that the reply is under way when its head has been read.
    let long = "x".repeat(300_000);
    let text = reply(&long);
    let server = Upstream::start(move |_| vec![Send(text.clone())]).await;
    let transport = server.transport();
    let client = new_client(&transport);
    let (first, _) = get(&client, "/first").await;
    let second = ExchangeLog::new();
    let mut response = second.scope(client.get("http://source.test/second").send()).await.unwrap();
    first.finish(false);
    assert_eq!(transport.open_connections(), 1);
    assert_eq!(response.body().await.unwrap(), long);
    assert_eq!(transport.open_connections(), 0, "it ends with the reply under way at the latest");
}

#[actix_rt::test]
async fn idle_connections_above_the_limit_are_closed_before_long() {
    // Every request waits until all have come, so that there are eight connections at once.
    let waiting: Rc<RefCell<Vec<oneshot::Sender<()>>>> = Rc::default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    actix_rt::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let waiting = Rc::clone(&waiting);
            actix_rt::spawn(async move {
                read_request(&mut tcp).await;
                let (go_on, wait) = oneshot::channel();
                waiting.borrow_mut().push(go_on);
                if waiting.borrow().len() == 8 {
                    waiting.take().into_iter().for_each(|go_on| go_on.send(()).unwrap());
                }
                wait.await.unwrap();
                tcp.write_all(reply("x").as_bytes()).await.unwrap();
                tcp.read_u8().await.ok();
            });
        }
    });
    let spec = TransportSpec { max_idle_connections: 3, ..spec("127.0.0.1", port) };
    let transport = Transport::try_new(spec).unwrap();
    let client = new_client(&transport);
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            actix_rt::spawn(async move { body(&client, "/").await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), "x");
    }
    assert_eq!(transport.open_connections(), 8, "one after the other might still need them");
    let few = async {
        while transport.open_connections() > 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), few).await.expect("the surplus is closed");
    assert_eq!((transport.open_connections(), transport.idle_connections()), (3, 3));
}

#[actix_rt::test]
async fn a_connection_idle_for_two_sweeps_is_closed() {
    let mut server = Upstream::start(|_| vec![Send(reply("x"))]).await;
    let transport = server.transport();
    let client = new_client(&transport);
    for _ in 0..3 {
        assert_eq!(body(&client, "/").await, "x");
        transport.0.connections.sweep();
        assert_eq!(transport.open_connections(), 1, "it was used between two sweeps");
    }
    transport.0.connections.sweep();
    assert_eq!(transport.open_connections(), 0);
    server.closed().await;
}

#[actix_rt::test]
async fn a_dropped_exchange_closes_its_connection() {
    let mut server = Upstream::start(|path| match path {
        "/silent" => vec![Silence],
        _ => vec![Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_owned())],
    })
    .await;
    let transport = server.transport();
    let client = new_client(&transport);
    for path in ["/silent", "/half"] {
        let exchange = ExchangeLog::new();
        {
            let call = exchange.scope(async {
                let request = client.get(format!("http://source.test{path}"));
                request.send().await.unwrap().body().await
            });
            let mut call = std::pin::pin!(call);
            while !exchange.sent() {
                let once = std::future::poll_fn(|cx| {
                    std::task::Poll::Ready(call.as_mut().poll(cx).is_pending())
                });
                assert!(once.await);
                tokio::task::yield_now().await;
            }
            assert_eq!(transport.open_connections(), 1);
        }
        assert_eq!((transport.open_connections(), transport.idle_connections()), (0, 0));
        server.closed().await;
    }
}

#[actix_rt::test]
async fn an_unread_body_costs_the_connection() {
    let mut server = Upstream::start(|_| vec![Send(reply("unread"))]).await;
    let transport = server.transport();
    let exchange = ExchangeLog::new();
    let client = new_client(&transport);
    let response = exchange.scope(client.get("http://source.test/").send()).await.unwrap();
    drop(response);
    assert_eq!(transport.open_connections(), 0);
    server.closed().await;
}

#[actix_rt::test]
async fn a_reset_is_an_error_after_sending() {
    let server = Upstream::start(|_| vec![Reset]).await;
    let transport = server.transport();
    let (exchange, result) = get(&new_client(&transport), "/").await;
    assert!(result.is_err());
    assert!(exchange.sent());
    assert_eq!(transport.open_connections(), 0);
}

#[actix_rt::test]
async fn a_reply_to_head_has_no_body() {
    let mut server =
        Upstream::start(|_| vec![Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_owned())])
            .await;
    let client = new_client(&server.transport());
    for _ in 0..2 {
        let response = client.head("http://source.test/").send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
    }
    assert_eq!(server.accepted(), 1);
}

#[actix_rt::test]
async fn without_an_exchange_in_scope_calls_work_as_well() {
    let mut server =
        Upstream::start(|path| vec![Send(INTERIMS.to_owned()), Send(reply(path))]).await;
    let client = new_client(&server.transport());
    for path in ["/a", "/b", "/c"] {
        let mut response = client.get(format!("http://source.test{path}")).send().await.unwrap();
        assert_eq!(response.body().await.unwrap(), path);
    }
    assert_eq!(server.accepted(), 1);
}

#[actix_rt::test]
async fn the_user_agent_names_the_service_and_redirects_are_not_followed() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = oneshot::channel();
    actix_rt::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let length = tcp.read(&mut head).await.unwrap();
        head.truncate(length);
        tell.send(String::from_utf8(head).unwrap()).unwrap();
        let redirect =
            "HTTP/1.1 302 Found\r\nLocation: http://other.test/\r\nContent-Length: 0\r\n\r\n";
        tcp.write_all(redirect.as_bytes()).await.unwrap();
    });
    let transport = Transport::try_new(spec("127.0.0.1", port)).unwrap();
    let (_, result) = get(&new_client(&transport), "/").await;
    assert_eq!(result.unwrap().0, 302);
    let head = told.await.unwrap().to_lowercase();
    assert!(head.contains(&format!("user-agent: tributary/{}\r\n", env!("CARGO_PKG_VERSION"))));
    assert!(head.contains("host: source.test\r\n"), "{head}");
}

async fn failure_of(spec: TransportSpec) -> ConnectFailure {
    let transport = Transport::try_new(spec).unwrap();
    let (exchange, result) = get(&new_client(&transport), "/").await;
    let Err(Failure::Head(error)) = result else { panic!("{result:?}") };
    assert!(!exchange.sent());
    assert!(exchange.connect().is_some());
    assert_eq!(transport.open_connections(), 0);
    connect_failure(&error).unwrap_or_else(|| panic!("{error:?}")).clone()
}

#[actix_rt::test]
async fn a_refused_connection_says_so() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let failure = failure_of(spec("127.0.0.1", address.port())).await;
    assert_eq!(failure, ConnectFailure::Tcp { address, reason: "connection refused".to_owned() });
}

#[actix_rt::test]
async fn every_address_is_tried_and_remembered() {
    let server = Upstream::start(|_| vec![]).await;
    let good = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let bad = listener.local_addr().unwrap();
    drop(listener);
    let deadline = Instant::now() + Duration::from_secs(5);
    assert_eq!(connect_to_any(&[bad, good], deadline).await.unwrap().peer_addr().unwrap(), good);
    let failure = connect_to_any(&[bad, bad], deadline).await.unwrap_err();
    let text = format!("cannot connect to {bad}: connection refused; {bad}: connection refused");
    assert_eq!(failure.to_string(), text);
}

#[actix_rt::test]
async fn an_unknown_host_is_a_dns_failure() {
    let failure = failure_of(spec("nowhere.invalid", 80)).await;
    assert!(matches!(failure, ConnectFailure::Dns { host, .. } if host == "nowhere.invalid"));
}

#[actix_rt::test]
async fn localhost_is_resolved() {
    let server = Upstream::start(|path| vec![Send(reply(path))]).await;
    let transport = Transport::try_new(spec("localhost", server.port)).unwrap();
    assert_eq!(body(&new_client(&transport), "/a").await, "/a");
}

#[actix_rt::test]
async fn a_handshake_that_never_answers_times_out() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let after = Duration::from_millis(60);
    let spec = TransportSpec {
        connect_timeout: after,
        tls: Some(client_config(None).unwrap()),
        ..spec("127.0.0.1", listener.local_addr().unwrap().port())
    };
    let failure = failure_of(spec).await;
    assert_eq!(failure, ConnectFailure::Timeout { after, during: ConnectStep::Handshaking });
}

#[test]
fn a_transport_that_cannot_work_is_refused() {
    let good = spec("[::1]", 80);
    assert!(Transport::try_new(good.clone()).is_ok());
    let refused = |spec| Transport::try_new(spec).err();
    for host in ["", "a b", "a/b", "-"] {
        let spec = TransportSpec { host: host.to_owned(), ..good.clone() };
        assert_eq!(refused(spec), Some(TransportSpecError::Host(host.to_owned())));
    }
    let spec = TransportSpec { port: 0, ..good.clone() };
    assert_eq!(refused(spec), Some(TransportSpecError::Port));
    let spec = TransportSpec { max_connections: 0, ..good.clone() };
    assert_eq!(refused(spec), Some(TransportSpecError::MaxConnections));
    let spec = TransportSpec { connect_timeout: Duration::ZERO, ..good };
    assert_eq!(refused(spec), Some(TransportSpecError::ConnectTimeout));
}

/// An authority and the key it signs with.
struct Authority {
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        Self { issuer: rcgen::CertifiedIssuer::self_signed(params, key).unwrap() }
    }

    fn trusted(&self) -> Arc<ClientConfig> {
        client_config(Some(self.issuer.pem().as_bytes())).unwrap()
    }

    fn server_config(&self, name: &str, years: std::ops::Range<i32>) -> Arc<ServerConfig> {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }
}

/// A TLS server that answers by [`serve_tls`].
async fn tls_server(config: Arc<ServerConfig>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    actix_rt::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = TlsAcceptor::from(Arc::clone(&config));
            actix_rt::spawn(async move {
                if let Ok(stream) = acceptor.accept(tcp).await {
                    serve_tls(stream).await;
                }
            });
        }
    });
    port
}

async fn serve_tls(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    while let Some(path) = read_request(&mut stream).await {
        let answer = match path.as_str() {
            "/until-close" | "/cut" => format!("{INTERIMS}HTTP/1.1 200 OK\r\n\r\nsome"),
            _ => format!("{INTERIMS}{}", reply(&path)),
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        match path.as_str() {
            "/until-close" => return stream.shutdown().await.unwrap_or(()),
            "/cut" => return, // the TCP connection ends, the TLS one does not
            _ => {}
        }
    }
}

fn tls_spec(port: u16, tls: Arc<ClientConfig>) -> TransportSpec {
    TransportSpec { tls: Some(tls), ..spec("localhost", port) }
}

#[actix_rt::test]
async fn tls_works_with_a_private_authority_and_keeps_connections() {
    let authority = Authority::new("one");
    let port = tls_server(authority.server_config("localhost", 2020..2090)).await;
    let transport = Transport::try_new(tls_spec(port, authority.trusted())).unwrap();
    let client = new_client(&transport);
    for call in 0..50 {
        let path = format!("/{call}");
        let (exchange, result) = get(&client, &path).await;
        assert_eq!(result.unwrap().1, path);
        assert_eq!(exchange.reused(), call > 0);
    }
    assert_eq!(transport.open_connections(), 1);
}

#[actix_rt::test]
async fn a_close_delimited_body_over_tls_must_end_with_close_notify() {
    let authority = Authority::new("one");
    let port = tls_server(authority.server_config("localhost", 2020..2090)).await;
    let transport = Transport::try_new(tls_spec(port, authority.trusted())).unwrap();
    let client = new_client(&transport);
    assert_eq!(body(&client, "/until-close").await, "some");
    let (_, result) = get(&client, "/cut").await;
    let failure = result.unwrap_err();
    assert_eq!(failure.fault(), Some(&StreamFault::NoCloseNotify), "{failure:?}");
}

async fn tls_failure(name: &str, years: std::ops::Range<i32>, trusted: bool) -> String {
    let authority = Authority::new("one");
    let port = tls_server(authority.server_config(name, years)).await;
    let config = if trusted { authority.trusted() } else { Authority::new("another").trusted() };
    failure_of(tls_spec(port, config)).await.to_string()
}

#[actix_rt::test]
async fn a_refused_certificate_says_why() {
    assert_eq!(
        tls_failure("localhost", 2000..2001, true).await,
        "TLS handshake failed: certificate expired"
    );
    assert_eq!(
        tls_failure("localhost", 2080..2090, true).await,
        "TLS handshake failed: certificate not yet valid (is the clock right?)"
    );
    assert_eq!(
        tls_failure("elsewhere.test", 2020..2090, true).await,
        "TLS handshake failed: certificate not valid for host name localhost"
    );
    assert_eq!(
        tls_failure("localhost", 2020..2090, false).await,
        "TLS handshake failed: certificate from an unknown issuer (a private CA must be configured)"
    );
}

#[actix_rt::test]
async fn a_plain_server_where_tls_is_expected_says_so() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    actix_rt::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        tcp.read_u8().await.ok();
        std::future::pending::<()>().await;
    });
    let failure = failure_of(tls_spec(port, client_config(None).unwrap())).await.to_string();
    assert!(failure.contains("plain HTTP port"), "{failure}");
}
