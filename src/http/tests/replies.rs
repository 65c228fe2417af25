//! Which replies are taken, and what the others are taken for.

use tokio::sync::oneshot;

use super::*;

/// The fault of a request whose only answer is `steps`; its connection is closed.
async fn fault_of(steps: fn() -> Vec<Step>) -> StreamFault {
    let server = Upstream::start(move |_| steps()).await;
    let (exchange, result) = get(&new_client(&server.transport()), "/").await;
    let failure = result.unwrap_err();
    server.has_open(0).await;
    assert!(exchange.sent());
    failure.fault().unwrap_or_else(|| panic!("{failure:?}")).clone()
}

#[actix_rt::test]
async fn interim_replies_never_swap_the_answers_of_two_customers() {
    let server = Upstream::start(|path| {
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
    let server = Upstream::start(|path| {
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
    let server = Upstream::start(|path| {
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
        let server = Upstream::start(move |_| {
            let head = format!("HTTP/{version} 200 OK\r\nServer: x\r\n\r\n");
            vec![Send(head), Send("{\"whole\":".to_owned()), Send("true}".to_owned()), Close]
        })
        .await;
        let client = new_client(&server.transport());
        for _ in 0..2 {
            assert_eq!(body(&client, "/").await, "{\"whole\":true}");
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
}

#[actix_rt::test]
async fn an_http_1_0_reply_with_length_zero_does_not_hang() {
    let server = Upstream::start(|_| {
        let head = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n";
        vec![Send(head.to_owned())]
    })
    .await;
    let client = new_client(&server.transport());
    for _ in 0..2 {
        assert_eq!(body(&client, "/").await, "");
    }
    assert_eq!(server.accepted(), 1, "the connection was kept");
    drop(client);
    // A dropped client closes its connections.
    server.has_open(0).await;
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
        server.has_open(0).await;
    }
}

#[actix_rt::test]
async fn a_204_without_a_length_keeps_the_connection() {
    let server = Upstream::start(|_| vec![Send("HTTP/1.1 204 X\r\n\r\n".to_owned())]).await;
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
        let server = Upstream::start(move |path| match path {
            "/first" => {
                vec![Send(format!("HTTP/1.1 200 OK\r\n{head}{}", reply("somebody else's")))]
            }
            _ => vec![Send(reply("mine"))],
        })
        .await;
        let client = new_client(&server.transport());
        assert_eq!(body(&client, "/first").await, "ok");
        server.has_open(0).await;
        assert_eq!(body(&client, "/second").await, "mine");
        assert_eq!(server.accepted(), 2);
    }
}

#[actix_rt::test]
async fn without_an_exchange_in_scope_calls_work_as_well() {
    let server = Upstream::start(|path| vec![Send(INTERIMS.to_owned()), Send(reply(path))]).await;
    let client = new_client(&server.transport());
    for path in ["/a", "/b", "/c"] {
        let mut response = client.get(format!("http://source.test{path}")).send().await.unwrap();
        assert_eq!(response.body().await.unwrap(), path);
    }
    assert_eq!(server.accepted(), 1);
}
