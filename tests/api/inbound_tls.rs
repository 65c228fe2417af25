//! Callers over TLS: whom the service lets in, and how its certificates are replaced.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned, SupportedProtocolVersion, version};
use serde_json::json;

use crate::authority::{Authority, Issued, VALID};
use crate::client;
use crate::harness::{PROFILE, TestApp, assert_problem, eventually};

const HOST: &str = "tributary.example";
const BODY: &str = r#"{"customerId":"c-1","externalApiKey":"key-1"}"#;

pub type Stream = StreamOwned<ClientConnection, TcpStream>;

/// The service's certificate, its authority and the files of its configuration.
pub struct Files {
    pub authority: Authority,
    folder: tempfile::TempDir,
}

impl Files {
    pub fn new() -> Self {
        let files = Self {
            authority: Authority::new("the service's"),
            folder: tempfile::TempDir::new().expect("a folder"),
        };
        files.write(&files.authority.issue(HOST, VALID));
        files
    }

    /// Puts a certificate and its key where the configuration looks for them.
    pub fn write(&self, issued: &Issued) {
        let (chain, key) = issued.pem();
        std::fs::write(self.folder.path().join("chain.pem"), chain).expect("written");
        std::fs::write(self.folder.path().join("key.pem"), key).expect("written");
    }

    pub fn table(&self, more: &str) -> String {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        format!(
            "[server.tls]\ncertificate_file = '{}'\nkey_file = '{}'\n{more}",
            file("chain.pem"),
            file("key.pem")
        )
    }
}

pub fn client(
    authority: &Authority,
    own: Option<&Issued>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("they are known")
        .with_root_certificates(authority.roots());
    let config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let (chain, key) = own.der();
            builder.with_client_auth_cert(chain, key).expect("they fit")
        }
    };
    Arc::new(config)
}

pub fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> Stream {
    let name = ServerName::try_from(HOST).expect("a name");
    let connection = ClientConnection::new(Arc::clone(config), name).expect("a client");
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    StreamOwned::new(connection, stream)
}

fn request(path: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{more}\
         content-length: {length}\r\n\r\n{body}"
    )
}

/// Asks on this connection; the reply up to its last byte.
pub fn ask(stream: &mut Stream, request: &str) -> std::io::Result<String> {
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.to_ascii_lowercase();
        let length = length.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        if length.and_then(|length| length.parse().ok()) == Some(body.len()) {
            return Ok(text);
        }
    }
}

fn profile(stream: &mut Stream) -> std::io::Result<String> {
    ask(stream, &request("/v1/actions/customer_profile", "", BODY))
}

/// Whether a caller with this configuration gets an aggregate.
fn is_let_in(app: &TestApp, config: &Arc<ClientConfig>) -> bool {
    profile(&mut connect(app.address, config)).is_ok_and(|reply| reply.starts_with("HTTP/1.1 200"))
}

pub const BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];

#[test]
fn tls_1_2_and_1_3_carry_several_requests_on_a_connection() {
    let files = Files::new();
    let app = TestApp::start_with(&files.table(""));
    for version in BOTH {
        let mut stream = connect(app.address, &client(&files.authority, None, &[version]));
        for _ in 0..3 {
            let reply = profile(&mut stream).expect("a reply");
            assert!(
                reply.starts_with("HTTP/1.1 200") && reply.contains("\"complete\":true"),
                "{reply}"
            );
        }
        assert_eq!(stream.conn.protocol_version(), Some(version.version));
    }
}

/// How long the reply to a request takes that comes along with the last message of the handshake,
/// and how long the next one on the same connection.
fn first_and_next_reply(app: &TestApp, config: &Arc<ClientConfig>) -> [Duration; 2] {
    // A small reply that no source is asked for.
    const REQUEST: &[u8] = b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n";
    let StreamOwned { mut conn, mut sock } = connect(app.address, config);
    let send = |conn: &mut ClientConnection, sock: &mut TcpStream| {
        let mut bytes = Vec::new();
        while conn.wants_write() {
            conn.write_tls(&mut bytes).expect("memory");
        }
        sock.write_all(&bytes).expect("it is read");
    };
    while conn.is_handshaking() {
        // The last message of all waits for the request.
        send(&mut conn, &mut sock);
        conn.read_tls(&mut sock).expect("the service answers");
        conn.process_new_packets().expect("it is TLS");
    }
    [(); 2].map(|()| {
        conn.writer().write_all(REQUEST).expect("memory");
        let began = Instant::now();
        send(&mut conn, &mut sock);
        let mut text = Vec::new();
        while !text.ends_with(b"}") {
            conn.read_tls(&mut sock).expect("a reply");
            conn.process_new_packets().expect("it is TLS");
            let _ = conn.reader().read_to_end(&mut text);
        }
        began.elapsed()
    })
}

#[test]
fn the_first_reply_on_a_connection_comes_as_soon_as_the_next_one() {
    let files = Files::new();
    let app = TestApp::start_with(&files.table(""));
    for version in BOTH {
        let config = client(&files.authority, None, &[version]);
        let took: Vec<_> = (0..21).map(|_| first_and_next_reply(&app, &config)).collect();
        let median = |which: usize| {
            let mut of: Vec<_> = took.iter().map(|both| both[which]).collect();
            of.sort_unstable();
            of[of.len() / 2]
        };
        // A delayed acknowledgement would cost 40 ms; a busy machine may delay single ones.
        let (first, next) = (median(0), median(1));
        assert!(first < next + Duration::from_millis(20), "{version:?}: {first:?}, {next:?}");
    }
}

#[test]
fn large_bodies_pass_in_both_directions() {
    let files = Files::new();
    let app = TestApp::start_with(&format!("[server]\nmax_body = \"2MiB\"\n{}", files.table("")));
    let large = json!({"data": "y".repeat(1_000_000)});
    app.sim.crm().set_behaviour(tributary::simulator::Behaviour::json(200, &large));
    let mut stream = connect(app.address, &client(&files.authority, None, &BOTH));
    let body = json!({"customerId": "c-1", "externalApiKey": "k", "more": "x".repeat(1_000_000)});
    let reply = ask(&mut stream, &request("/v1/actions/customer_profile", "", &body.to_string()));
    let reply = reply.expect("a reply");
    assert!(reply.starts_with("HTTP/1.1 200") && reply.len() > 1_000_000, "{}", reply.len());
}

#[test]
fn the_http_layers_own_errors_are_json_over_tls_too() {
    let files = Files::new();
    let app = TestApp::start_with(&files.table(""));
    let config = client(&files.authority, None, &BOTH);
    let too_large = format!("x-large: {}\r\n", "y".repeat(200_000));
    for (bad, status) in [
        ("NONSENSE\r\n\r\n".to_owned(), "400"),
        (request("/v1/actions/customer_profile", &too_large, BODY), "431"),
    ] {
        let mut stream = connect(app.address, &config);
        let reply = ask(&mut stream, &bad).expect("a reply");
        assert!(reply.starts_with(&format!("HTTP/1.1 {status}")), "{reply}");
        assert!(reply.contains("application/problem+json"), "{reply}");
        assert_eq!(stream.read(&mut [0; 8]).expect("it is ended in order"), 0);
        for _ in 0..16 {
            stream.write_all(&[b'x'; 8 * 1024]).expect("it is still read");
        }
        stream.conn.send_close_notify();
        stream.flush().expect("it is still read");
    }
}

#[test]
fn plain_text_on_the_tls_port_gets_no_answer_and_hurts_nobody() {
    let files = Files::new();
    let app = TestApp::start_with(&files.table(""));
    let plain = request("/v1/actions/customer_profile", "", BODY);
    let received = client::send_raw(app.address, plain.as_bytes()).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&received).contains("HTTP/"), "{received:?}");
    assert_eq!(app.upstream_hits(), 0);
    assert!(is_let_in(&app, &client(&files.authority, None, &BOTH)));
    assert_eq!(app.admin_get("/livez").status, 200, "operators are spoken to in plain text");
}

#[test]
fn with_an_authority_for_callers_only_those_with_its_certificate_are_let_in() {
    let files = Files::new();
    let (callers, strangers) = (Authority::new("callers"), Authority::new("strangers"));
    let ca = callers.file();
    let app =
        TestApp::start_with(&files.table(&format!("client_ca_file = '{}'\n", ca.path().display())));
    let good = callers.issue("flow.example", VALID);
    let expired = callers.issue("flow.example", 2000..2001);
    let other = strangers.issue("flow.example", VALID);
    for version in BOTH {
        let with = |own| client(&files.authority, own, &[version]);
        assert!(is_let_in(&app, &with(Some(&good))));
        for (what, own) in [("none", None), ("expired", Some(&expired)), ("other", Some(&other))] {
            assert!(!is_let_in(&app, &with(own)), "{what}");
        }
    }
    assert_eq!(app.sim.users().hits(), 2, "nobody else got through");
}

#[test]
fn a_caller_that_never_shakes_hands_is_let_go_and_keeps_nobody_out() {
    let files = Files::new();
    let app = TestApp::start_with(&format!("[server]\nmax_connections = 4\n{}", files.table("")));
    let began = Instant::now();
    let mut silent: Vec<_> =
        (0..2).map(|_| TcpStream::connect(app.address).expect("it listens")).collect();
    // The first bytes of a handshake, and then nothing.
    silent[1].write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).expect("sent");
    assert!(is_let_in(&app, &client(&files.authority, None, &BOTH)));
    for stream in &mut silent {
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(15), "let go after the head's time: {took:?}");
}

#[test]
fn callers_who_never_shake_hands_make_room_for_one_who_does() {
    let files = Files::new();
    let limit = "[server]\nworkers = 1\nmax_connections = 2\n";
    let app = TestApp::start_with(&format!("{limit}{}", files.table("")));
    let connect = |_| TcpStream::connect(app.address).expect("it listens");
    let silent: Vec<_> = (0..20).map(connect).collect();
    let began = Instant::now();
    assert!(is_let_in(&app, &client(&files.authority, None, &BOTH)));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "before the time of a handshake is over: {took:?}");
    drop(silent);
}

#[test]
fn certificates_and_authorities_are_replaced_without_dropping_a_connection() {
    let files = Files::new();
    let app = TestApp::start_with(&files.table(""));
    let old = client(&files.authority, None, &BOTH);
    let mut kept = connect(app.address, &old);
    profile(&mut kept).expect("a reply");

    let next = Authority::new("the next");
    files.write(&next.issue(HOST, VALID));
    let callers = Authority::new("callers");
    let ca = callers.file();
    let table = files.table(&format!("client_ca_file = '{}'\n", ca.path().display()));
    assert_eq!(app.reload(&table).status, 200);

    profile(&mut kept).expect("the connection that was there goes on");
    assert!(!is_let_in(&app, &old), "new ones see the new certificate");
    assert!(!is_let_in(&app, &client(&next, None, &BOTH)), "and have to show their own");
    let own = callers.issue("flow.example", VALID);
    assert!(is_let_in(&app, &client(&next, Some(&own), &BOTH)));
}

#[test]
fn a_connection_without_a_certificate_is_let_in_no_more_once_nothing_else_is_asked_for() {
    let files = Files::new();
    let exposed = "[server]\nlisten = '0.0.0.0:0'\n";
    let key = "[[server.api_keys]]\nname = 'flow'\nkey = 'the-key-of-the-flow'\n";
    let app = TestApp::start_with(&format!("{exposed}{key}{}", files.table("")));
    let mut kept = connect(app.address, &client(&files.authority, None, &BOTH));
    let with_key = request(PROFILE, "x-api-key: the-key-of-the-flow\r\n", BODY);
    assert!(ask(&mut kept, &with_key).expect("a reply").starts_with("HTTP/1.1 200"));

    let callers = Authority::new("callers");
    let ca = callers.file();
    let table = files.table(&format!("client_ca_file = '{}'\n", ca.path().display()));
    let reply = app.reload(&format!("{exposed}{table}")).json();
    let told = ["server.api_keys.flow: gone", "server.tls: client_ca changed"];
    assert_eq!(reply["changes"], json!(told));
    assert!(ask(&mut kept, &with_key).expect("a reply").starts_with("HTTP/1.1 403"));
    let own = callers.issue("flow.example", VALID);
    let with_own = client(&files.authority, Some(&own), &BOTH);
    assert!(is_let_in(&app, &with_own));

    // Nor can the demand for a certificate be dropped, which is all that is left.
    let problem = assert_problem(&app.reload(&format!("{exposed}{}", files.table(""))), 422);
    assert!(problem.to_string().contains("server.listen"), "{problem}");
    assert!(is_let_in(&app, &with_own));
    assert!(!is_let_in(&app, &client(&files.authority, None, &BOTH)));
}

#[test]
fn a_certificate_that_cannot_be_used_leaves_the_old_one_in_force() {
    let files = Files::new();
    let app = TestApp::start_with(&files.table(""));
    std::fs::write(files.folder.path().join("chain.pem"), "nonsense").expect("written");
    let problem = assert_problem(&app.reload(&files.table("")), 422);
    assert!(problem.to_string().contains("server.tls.certificate_file"), "{problem}");
    assert!(is_let_in(&app, &client(&files.authority, None, &BOTH)));
    let problem = assert_problem(&app.reload(""), 422);
    assert!(problem.to_string().contains("server.tls"), "off needs a restart: {problem}");
}

#[test]
fn a_stop_ends_tls_connections_properly() {
    let files = Files::new();
    let mut app = TestApp::start_with(&files.table(""));
    let mut stream = connect(app.address, &client(&files.authority, None, &BOTH));
    profile(&mut stream).expect("a reply");
    app.begin_stop();
    // `Ok(0)` is a close_notify; a connection that is cut off gives an error.
    let mut rest = Vec::new();
    let end = stream.read_to_end(&mut rest);
    assert!(matches!(end, Ok(0)), "{end:?}");
    app.join();
    eventually("nobody listens any more", || TcpStream::connect(app.address).is_err());
}

#[test]
fn a_caller_that_offers_http_2_gets_http_1_1_or_nothing() {
    let files = Files::new();
    let app = TestApp::start_with(&files.table(""));
    for version in BOTH {
        let offering = |protocols: &[&[u8]]| {
            let mut config = ClientConfig::clone(&client(&files.authority, None, &[version]));
            config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
            connect(app.address, &Arc::new(config))
        };
        let mut both = offering(&[b"h2", b"http/1.1"]);
        assert!(profile(&mut both).expect("a reply").starts_with("HTTP/1.1 200"));
        assert_eq!(both.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        let refused = profile(&mut offering(&[b"h2"])).expect_err("no protocol in common");
        assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
    }
    // Nor where a caller does not ask.
    let mut preface = connect(app.address, &client(&files.authority, None, &BOTH));
    let reply = ask(&mut preface, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("a reply");
    assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
}
