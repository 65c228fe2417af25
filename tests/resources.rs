//! What the real program needs while it is treated badly: memory, files, threads.
#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tributary::simulator::{Behaviour, Options, Reply, Simulator, Upstream};

/// `max_response` of all sources.
const MAX_RESPONSE_KIB: u64 = 2 * 1024;

/// The program on top of simulated upstreams; killed when dropped.
struct Service {
    child: Child,
    address: SocketAddr,
    admin: SocketAddr,
    sim: Simulator,
    _folder: TempDir,
}

/// A port that was free a moment ago, below those that the system gives to outgoing connections:
/// none of these takes it before the service does.
fn free_port() -> u16 {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(|| fastrand::u16(20_000..32_000)).find(is_free).expect("there are many")
}

impl Service {
    fn start() -> Self {
        let sim = Simulator::start(Options::default()).expect("loopback has ports");
        let [address, admin] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let folder = TempDir::new().expect("a temporary folder");
        let layer = format!(
            "[server]\nlisten = \"{address}\"\nadmin_listen = \"{admin}\"\nworkers = 2\n\
             [credentials.genesys]\ntoken_url = \"{}/oauth/token\"\n\
             client_id = \"demo-client\"\nclient_secret = \"demo-secret\"\n\
             [sources.genesys]\nurl = \"{}/api/v2/users/{{customerId}}\"\ntimeout = \"50s\"\n\
             [sources.crm]\nurl = \"{}/v2/accounts\"\ntimeout = \"50s\"\n\
             retry = {{ max_attempts = 1 }}\nbreaker = {{ min_requests = 1000000 }}\n\
             [sources.orders]\nurl = \"{}/v1/orders\"\ntimeout = \"50s\"\n\
             [actions.customer_profile]\ndeadline = \"60s\"\n",
            sim.oauth().base_url(),
            sim.users().base_url(),
            sim.crm().base_url(),
            sim.orders().base_url(),
        );
        let file = folder.path().join("layer.toml");
        std::fs::write(&file, layer).expect("a temporary file");
        let child = Command::new(env!("CARGO_BIN_EXE_tributary"))
            .args([
                "serve",
                "--config",
                concat!(env!("CARGO_MANIFEST_DIR"), "/config/default.toml"),
            ])
            .arg("--config")
            .arg(&file)
            .env("RUST_LOG", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program was built");
        let service = Self { child, address, admin, sim, _folder: folder };
        eventually("it is up", || TcpStream::connect(service.address).is_ok());
        eventually("there is a token", || service.sim.oauth_settings().issued() == 1);
        service
    }

    fn sources(&self) -> [&Upstream; 3] {
        [self.sim.users(), self.sim.crm(), self.sim.orders()]
    }

    /// Begins a request without waiting for its reply.
    fn begin(&self) -> TcpStream {
        let body = r#"{"customerId":"c-1","externalApiKey":"key-1"}"#;
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        let head = "POST /v1/actions/customer_profile HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).expect("it is taken");
        stream
    }

    /// A whole reply.
    fn ask(&self) -> String {
        let mut text = String::new();
        self.begin().read_to_string(&mut text).expect("a reply");
        text
    }

    /// Calls under way, as operators see it.
    fn in_flight(&self) -> u64 {
        let mut stream = TcpStream::connect(self.admin).expect("a connection");
        let request = b"GET /v1/sources HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request).expect("it is taken");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("a reply");
        let counts = text.split("\"in_flight\":").skip(1);
        counts
            .map(|rest| {
                let digits = rest.trim_start().chars().take_while(char::is_ascii_digit);
                digits.collect::<String>().parse::<u64>().expect("a number")
            })
            .sum()
    }

    /// A line of the process's status, such as `VmRSS` (KiB).
    fn status(&self, name: &str) -> u64 {
        let file = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(file).expect("this is Linux");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()).map(str::parse);
        number.expect("it is there").expect("a number")
    }

    /// Makes `VmHWM`, the most memory so far, begin anew.
    fn forget_peak(&self) {
        let file = format!("/proc/{}/clear_refs", self.child.id());
        std::fs::write(file, "5").expect("it is our own child");
    }

    fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(folder).expect("this is Linux").count()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < end, "it did not happen in 20 s: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn ten_thousand_callers_that_go_leave_nothing_behind() {
    let service = Service::start();
    assert!(service.ask().contains("\"complete\":true"));
    for upstream in service.sources() {
        upstream.set_behaviour(Behaviour::Hang);
    }
    let rounds = |count: usize| {
        for _ in 0..count {
            let callers: Vec<_> = (0..50).map(|_| service.begin()).collect();
            eventually("all are under way", || service.in_flight() == 150);
            drop(callers);
            eventually("nothing is under way", || service.in_flight() == 0);
        }
        let quiet = |upstream: &&Upstream| upstream.open_connections() == 0;
        eventually("no connection is left", || service.sources().iter().all(quiet));
    };
    rounds(40);
    let (files, threads) = (service.descriptors(), service.status("Threads"));
    let before = service.status("VmRSS");
    rounds(200);
    let after = service.status("VmRSS");
    println!("10000 cancelled: {before} KiB before, {after} KiB after, {files} files");
    eventually("no file is left", || service.descriptors() <= files + 2);
    assert_eq!(service.status("Threads"), threads);
    // A task of a request takes some KiB: ten thousand of them would be seen.
    assert!(after < before + 10 * 1024, "{before} KiB before, {after} KiB after");

    for upstream in service.sources() {
        upstream.reset_behaviour();
    }
    assert!(service.ask().contains("\"complete\":true"), "the slots are free");
}

#[test]
fn a_reply_without_measure_takes_less_than_four_times_max_response() {
    let service = Service::start();
    let json = |bytes: Vec<u8>| {
        Reply::status(200).with_header("content-type", "application/json").with_body(bytes)
    };
    let gzip = include_bytes!("api/fifty_megabytes.json.gz").to_vec();
    let fifty_megabytes = format!("[{}]", "0,".repeat(25_000_000)).into_bytes();
    // As large as is taken, so that the buffers for it are there before it is measured.
    let largest = format!("\"{}\"", "x".repeat(2 * 1024 * 1024 - 2)).into_bytes();
    let gzipped = json(gzip).with_header("content-encoding", "gzip");
    for (name, behaviour) in [
        ("gzip", Behaviour::Reply(gzipped.clone())),
        ("gzip in chunks", Behaviour::Chunked.replying(gzipped)),
        ("with its length", Behaviour::Reply(json(fifty_megabytes.clone()))),
        ("chunked", Behaviour::Chunked.replying(json(fifty_megabytes.clone()))),
        ("without length", Behaviour::NoLength { complete: true }.replying(json(fifty_megabytes))),
        ("as large as may be", Behaviour::Chunked.replying(json(largest))),
    ] {
        service.sim.crm().reset_behaviour();
        (0..5).for_each(|_| assert!(service.ask().contains("\"complete\":true")));
        service.forget_peak();
        let before = service.status("VmRSS");
        service.sim.crm().set_behaviour(behaviour);
        let reply = service.ask();
        // The largest is given up for the aggregate's own limit, a little smaller.
        assert!(reply.contains("\"outcome\":\"bad_payload\""), "{name}: {}", reply.len());
        let grown = service.status("VmHWM").saturating_sub(before);
        println!("{name}: memory grew by {grown} KiB at most");
        assert!(grown < 4 * MAX_RESPONSE_KIB, "{name}: {grown} KiB");
    }
}
