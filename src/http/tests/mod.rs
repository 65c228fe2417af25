//! Through awc itself, against a scripted server on a real loopback socket.

mod connecting;
mod connections;
mod handshakes;
mod replies;

use std::cell::Cell;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use awc::error::{PayloadError, SendRequestError};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::connect::{Transport, TransportSpec, new_client};
use super::connect_failure::{ConnectFailure, connect_failure};
use super::exchange_log::ExchangeLog;
use super::stream_fault::{StreamFault, payload_fault, stream_fault};

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

struct Upstream {
    port: u16,
    /// Connections taken so far.
    accepted: Rc<Cell<usize>>,
    /// Those of them that are open.
    open: Rc<Cell<usize>>,
}

impl Upstream {
    /// Answers every request by `script`, which is given its path.
    async fn start(script: impl Fn(&str) -> Vec<Step> + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, accepted: Rc::default(), open: Rc::default() };
        let (accepted, open) = (Rc::clone(&server.accepted), Rc::clone(&server.open));
        let script = Rc::new(script);
        actix_rt::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tcp.set_nodelay(true).unwrap();
                accepted.set(accepted.get() + 1);
                open.set(open.get() + 1);
                let (script, open) = (Rc::clone(&script), Rc::clone(&open));
                actix_rt::spawn(async move {
                    serve(tcp, &*script).await;
                    open.set(open.get() - 1);
                });
            }
        });
        server
    }

    fn transport(&self) -> Transport {
        Transport::try_new(spec("127.0.0.1", self.port)).unwrap()
    }

    /// How many connections the server has taken.
    fn accepted(&self) -> usize {
        self.accepted.get()
    }

    /// Waits until the server sees so many open connections.
    async fn has_open(&self, count: usize) {
        until_equal(&self.open, count).await;
    }
}

/// Waits until what the server sees is so much.
async fn until_equal(seen: &Cell<usize>, count: usize) {
    let equal = async {
        while seen.get() != count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(5), equal).await;
    in_time.unwrap_or_else(|_| panic!("{} instead of {count}", seen.get()));
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

async fn failure_of(spec: TransportSpec) -> ConnectFailure {
    let transport = Transport::try_new(spec).unwrap();
    let (exchange, result) = get(&new_client(&transport), "/").await;
    let Err(Failure::Head(error)) = result else { panic!("{result:?}") };
    assert!(!exchange.sent());
    assert!(exchange.connect().is_some());
    connect_failure(&error).unwrap_or_else(|| panic!("{error:?}")).clone()
}
