//! Which connections are kept, and which are closed.

use std::cell::RefCell;
use std::pin::Pin;

use tokio::io::AsyncWrite as _;
use tokio::sync::oneshot;

use super::*;
use crate::http::connection::Connection;
use crate::http::guard::stream::GuardedStream;
use crate::http::persistence::Persistence;
use crate::http::pool::Pool;
use crate::http::socket::Socket;

async fn stream_pair() -> (TcpStream, GuardedStream, Rc<Pool>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tcp, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let connections = Pool::new(10);
    let connection = Connection::open(Socket::Plain(tcp.unwrap()), &connections);
    (accepted.unwrap().0, GuardedStream::new(connection), connections)
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

#[actix_rt::test]
async fn a_server_that_closes_after_each_reply_costs_no_request() {
    let server = Upstream::start(|path| vec![Send(reply(path)), Close]).await;
    let client = new_client(&server.transport());
    for path in ["/a", "/b", "/c"] {
        assert_eq!(body(&client, path).await, path);
        server.has_open(0).await;
    }
}

#[actix_rt::test]
async fn connection_close_is_obeyed() {
    let server = Upstream::start(|_| {
        vec![Send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok".to_owned())]
    })
    .await;
    assert_eq!(body(&new_client(&server.transport()), "/").await, "ok");
    server.has_open(0).await;
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
    let server = Upstream::start(|_| vec![Send(reply("x"))]).await;
    let client = new_client(&server.transport());
    let (exchange, _) = get(&client, "/").await;
    server.has_open(1).await;
    exchange.finish(Persistence::Close);
    server.has_open(0).await;
    let (exchange, result) = get(&client, "/").await;
    assert_eq!(result.unwrap().1, "x");
    exchange.finish(Persistence::KeepAlive);
    assert_eq!(get(&client, "/").await.1.unwrap().1, "x");
    assert_eq!(server.accepted(), 2, "the second connection was kept");
}

#[actix_rt::test]
async fn finish_spares_the_exchange_that_came_after() {
    // Too long for one read, so that the reply is under way when its head has been read.
    let long = "x".repeat(300_000);
    let text = reply(&long);
    let server = Upstream::start(move |_| vec![Send(text.clone())]).await;
    let client = new_client(&server.transport());
    let (first, _) = get(&client, "/first").await;
    let second = ExchangeLog::new();
    let mut response = second.scope(client.get("http://source.test/second").send()).await.unwrap();
    first.finish(Persistence::Close);
    server.has_open(1).await;
    assert_eq!(response.body().await.unwrap(), long);
    // It ends with the reply under way at the latest.
    server.has_open(0).await;
}

#[actix_rt::test]
async fn idle_connections_above_the_limit_are_closed_before_long() {
    // Every request waits until all have come, so that there are eight connections at once.
    let waiting: Rc<RefCell<Vec<oneshot::Sender<()>>>> = Rc::default();
    let open = Rc::new(Cell::new(0_usize));
    let seen = Rc::clone(&open);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    actix_rt::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let (waiting, open) = (Rc::clone(&waiting), Rc::clone(&open));
            actix_rt::spawn(async move {
                open.set(open.get() + 1);
                read_request(&mut tcp).await;
                let (go_on, wait) = oneshot::channel();
                waiting.borrow_mut().push(go_on);
                if waiting.borrow().len() == 8 {
                    waiting.take().into_iter().for_each(|go_on| go_on.send(()).unwrap());
                }
                wait.await.unwrap();
                tcp.write_all(reply("x").as_bytes()).await.unwrap();
                tcp.read_u8().await.ok();
                open.set(open.get() - 1);
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
    assert_eq!(seen.get(), 8, "one after the other might still need them");
    until_equal(&seen, 3).await;
}

#[actix_rt::test]
async fn a_connection_idle_for_two_sweeps_is_closed() {
    let server = Upstream::start(|_| vec![Send(reply("x"))]).await;
    let transport = server.transport();
    let client = new_client(&transport);
    for _ in 0..3 {
        assert_eq!(body(&client, "/").await, "x");
        transport.0.connections.sweep();
    }
    transport.0.connections.sweep();
    assert_eq!(server.accepted(), 1, "it was used between two sweeps");
    server.has_open(0).await;
}

#[actix_rt::test]
async fn a_dropped_exchange_closes_its_connection() {
    let server = Upstream::start(|path| match path {
        "/silent" => vec![Silence],
        _ => vec![Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_owned())],
    })
    .await;
    let client = new_client(&server.transport());
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
            server.has_open(1).await;
        }
        server.has_open(0).await;
    }
}

#[actix_rt::test]
async fn an_unread_body_costs_the_connection() {
    let server = Upstream::start(|_| vec![Send(reply("unread"))]).await;
    let exchange = ExchangeLog::new();
    let client = new_client(&server.transport());
    let response = exchange.scope(client.get("http://source.test/").send()).await.unwrap();
    drop(response);
    server.has_open(0).await;
}

#[actix_rt::test]
async fn a_reset_is_an_error_after_sending() {
    let server = Upstream::start(|_| vec![Reset]).await;
    let (exchange, result) = get(&new_client(&server.transport()), "/").await;
    assert!(result.is_err());
    assert!(exchange.sent());
}
