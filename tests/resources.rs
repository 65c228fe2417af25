//! What the real program needs while it is treated badly: memory, files, threads.
#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

mod program;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use tributary::simulator::{Behaviour, Options, Reply, Simulator, Upstream};

use program::{Service, eventually};

/// `max_response` of all sources.
const MAX_RESPONSE_KIB: u64 = 2 * 1024;

/// Nothing ends a call before its caller does.
const PATIENT: &str = r#"
[server]
workers = 2
[sources.genesys]
timeout = "50s"
[sources.crm]
timeout = "50s"
retry = { max_attempts = 1 }
breaker = { min_requests = 1000000 }
[sources.orders]
timeout = "50s"
[actions.customer_profile]
deadline = "60s"
"#;

/// The program on top of simulated upstreams.
struct Program {
    service: Service,
    sim: Simulator,
}

impl Program {
    fn start() -> Self {
        let sim = Simulator::start(Options::default()).expect("loopback has ports");
        let service = Service::start_with(&sim, PATIENT, "off");
        eventually("there is a token", || sim.oauth_settings().issued() == 1);
        Self { service, sim }
    }

    fn sources(&self) -> [&Upstream; 3] {
        [self.sim.users(), self.sim.crm(), self.sim.orders()]
    }

    /// Begins a request without waiting for its reply.
    fn begin(&self) -> TcpStream {
        let body = r#"{"customerId":"c-1","externalApiKey":"key-1"}"#;
        let mut stream = TcpStream::connect(self.service.address).expect("a connection");
        let head = "POST /v1/actions/customer_profile HTTP/1.1\r\nhost: localhost\r\n\
                    content-type: application/json\r\nconnection: close\r\n";
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
        let mut stream = TcpStream::connect(self.service.admin).expect("a connection");
        let request = b"GET /v1/sources HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
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
        let file = format!("/proc/{}/status", self.service.process.id());
        let status = std::fs::read_to_string(file).expect("this is Linux");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()).map(str::parse);
        number.expect("it is there").expect("a number")
    }

    /// Makes `VmHWM`, the most memory so far, begin anew.
    fn forget_peak(&self) {
        let file = format!("/proc/{}/clear_refs", self.service.process.id());
        std::fs::write(file, "5").expect("it is our own child");
    }

    fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.service.process.id());
        std::fs::read_dir(folder).expect("this is Linux").count()
    }
}

#[test]
fn ten_thousand_callers_that_go_leave_nothing_behind() {
    let program = Program::start();
    assert!(program.ask().contains("\"complete\":true"));
    for upstream in program.sources() {
        upstream.set_behaviour(Behaviour::Hang);
    }
    let rounds = |count: usize| {
        for _ in 0..count {
            let callers: Vec<_> = (0..50).map(|_| program.begin()).collect();
            eventually("all are under way", || program.in_flight() == 150);
            drop(callers);
            eventually("nothing is under way", || program.in_flight() == 0);
        }
        let quiet = |upstream: &&Upstream| upstream.open_connections() == 0;
        eventually("no connection is left", || program.sources().iter().all(quiet));
    };
    rounds(40);
    let (files, threads) = (program.descriptors(), program.status("Threads"));
    let before = program.status("VmRSS");
    rounds(200);
    let after = program.status("VmRSS");
    println!("10000 cancelled: {before} KiB before, {after} KiB after, {files} files");
    eventually("no file is left", || program.descriptors() <= files + 2);
    assert_eq!(program.status("Threads"), threads);
    // A task of a request takes some KiB: ten thousand of them would be seen.
    assert!(after < before + 10 * 1024, "{before} KiB before, {after} KiB after");

    for upstream in program.sources() {
        upstream.reset_behaviour();
    }
    assert!(program.ask().contains("\"complete\":true"), "the slots are free");
}

#[test]
fn a_reply_without_measure_takes_less_than_four_times_max_response() {
    let program = Program::start();
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
        program.sim.crm().reset_behaviour();
        (0..5).for_each(|_| assert!(program.ask().contains("\"complete\":true")));
        program.forget_peak();
        let before = program.status("VmRSS");
        program.sim.crm().set_behaviour(behaviour);
        let reply = program.ask();
        // The largest is given up for the aggregate's own limit, a little smaller.
        assert!(reply.contains("\"outcome\":\"bad_payload\""), "{name}: {}", reply.len());
        let grown = program.status("VmHWM").saturating_sub(before);
        println!("{name}: memory grew by {grown} KiB at most");
        assert!(grown < 4 * MAX_RESPONSE_KIB, "{name}: {grown} KiB");
    }
}
