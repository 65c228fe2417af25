//! The real program behind a real `HAProxy`, which shares its connections among callers: what one of
//! them asks for costs no other a reply. Needs `haproxy`.
#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

#[allow(dead_code, reason = "a part of it is for other tests")]
#[path = "api/client.rs"]
mod client;
mod program;

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;
use tributary::simulator::{Options, Simulator};

use client::Connection;
use program::process::Process;
use program::{Service, path, write};

const PROFILE: &str = "/v1/actions/customer_profile";
const BODY: &[u8] = br#"{"customerId":"c-1","externalApiKey":"key-1"}"#;
/// So many callers, each of whom asks so many times.
const ORDINARY: (usize, usize) = (12, 100);
/// What others would rather speak, as long as the ordinary ones ask.
const UPGRADES: [&str; 3] = ["foo", "websocket", "h2c"];

/// `HAProxy` in front of a service, on a port that the system picked; killed when dropped.
struct Proxy {
    process: Process,
    address: SocketAddr,
    said: PathBuf,
    _folder: TempDir,
}

impl Proxy {
    fn start(service: &Service, reuse: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let address = listener.local_addr().expect("it is bound");
        let folder = TempDir::new().expect("a temporary folder");
        // It takes over the listener, which is its standard input.
        let text = format!(
            "defaults\n  mode http\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n\
             frontend callers\n  bind fd@0\n  default_backend service\n\
             backend service\n  http-reuse {reuse}\n  server tributary {}\n",
            service.address
        );
        let file = write(&folder, "haproxy.cfg", &text);
        let said = folder.path().join("said");
        let to_said = File::create(&said).expect("a temporary file");
        let output = to_said.try_clone().expect("a second handle");
        let mut command = Command::new("haproxy");
        command.args(["-db", "-f", path(&file)]).stdin(Stdio::from(OwnedFd::from(listener)));
        // Debian keeps it where only root looks.
        let search = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{search}:/usr/sbin")).stdout(output).stderr(to_said);
        Self { process: Process::spawn(command), address, said, _folder: folder }
    }

    /// What is wrong with the replies to so many requests with these headers more, one after
    /// another. Where a reply says that the connection ends, the next has one of its own.
    fn ask(&self, requests: usize, more: &[(&str, &str)]) -> Vec<String> {
        let mut connection = None;
        let mut lost = Vec::new();
        for _ in 0..requests {
            let mut open = match connection.take() {
                Some(open) => open,
                None => Connection::open(self.address).expect("it listens"),
            };
            let headers = [&[("content-type", "application/json")], more].concat();
            match open.send("POST", PROFILE, &headers, BODY) {
                Err(error) => lost.push(error.to_string()),
                Ok(reply) => {
                    let says = reply.header("connection").unwrap_or_default().to_ascii_lowercase();
                    if reply.status != 200 || says.contains("upgrade") {
                        lost.push(format!("{} {:?}", reply.status, reply.headers));
                    }
                    connection = (says != "close").then_some(open);
                }
            }
        }
        lost
    }
}

/// Ordinary callers lose nothing while others ask for upgrades on the connections that all share.
fn nobody_loses_a_reply(reuse: &str) {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let service = Service::start(&sim);
    let mut proxy = Proxy::start(&service, reuse);
    let done = AtomicBool::new(false);
    let lost = std::thread::scope(|scope| {
        let (proxy, done) = (&proxy, &done);
        let upgrades = UPGRADES.map(|protocol| {
            scope.spawn(move || {
                let mut asked = (0, Vec::new());
                let headers = [("connection", "Upgrade"), ("upgrade", protocol)];
                while !done.load(Ordering::Relaxed) {
                    asked.0 += 1;
                    asked.1.extend(proxy.ask(1, &headers));
                }
                asked
            })
        });
        let (callers, requests) = ORDINARY;
        let ordinary: Vec<_> =
            (0..callers).map(|_| scope.spawn(move || proxy.ask(requests, &[]))).collect();
        let mut lost: Vec<_> =
            ordinary.into_iter().flat_map(|caller| caller.join().expect("no panic")).collect();
        done.store(true, Ordering::Relaxed);
        for caller in upgrades {
            let (asked, more) = caller.join().expect("no panic");
            assert!(asked > 10, "asked for an upgrade only {asked} times");
            lost.extend(more);
        }
        lost
    });
    let said = std::fs::read_to_string(&proxy.said).expect("what HAProxy said");
    assert!(proxy.process.ended().is_none(), "HAProxy has ended:\n{said}");
    assert!(lost.is_empty(), "{} lost: {lost:#?}\nHAProxy said:\n{said}", lost.len());
}

#[test]
fn with_connections_reused_where_it_is_safe_nobody_loses_a_reply() {
    nobody_loses_a_reply("safe");
}

#[test]
fn with_connections_always_reused_nobody_loses_a_reply() {
    nobody_loses_a_reply("always");
}
