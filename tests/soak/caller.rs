//! Sends one request after the other on a kept connection, and has every reply judged.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tributary::simulator::{Simulator, Upstream};

use crate::client::Connection;
use crate::faults::{self, FAULTS, Fault};
use crate::harness::PROFILE;
use crate::report::Counts;
use crate::trouble::Trouble;
use crate::verdict::{self, Asked, RightAnswers};
use crate::{DEADLINE, SOURCES};

/// How many right answers a caller remembers.
const REMEMBERED: usize = 100;
/// The first few wrong replies are told in full.
const TOLD: usize = 3;

/// One caller.
pub struct Caller<'a> {
    address: SocketAddr,
    connection: Option<Connection>,
    truth: Truth,
    trouble: &'a Trouble<'a>,
    key: String,
    random: fastrand::Rng,
    counts: Counts,
}

impl<'a> Caller<'a> {
    pub fn new(
        number: usize,
        address: SocketAddr,
        truth: &Simulator,
        trouble: &'a Trouble<'a>,
    ) -> Self {
        let seed = u64::try_from(number).unwrap_or_default();
        Self {
            address,
            connection: None,
            truth: Truth::new(truth),
            trouble,
            key: format!("secret-key-{number}"),
            random: fastrand::Rng::with_seed(seed),
            counts: Counts::default(),
        }
    }

    /// Calls until it is told to stop.
    pub fn run(mut self, stop: &AtomicBool) -> Counts {
        while !stop.load(Ordering::Relaxed) {
            let asked = self.next_request();
            if self.random.u32(..100) < 2 {
                self.go_away(&asked);
            } else {
                self.ask(&asked);
            }
            std::thread::sleep(Duration::from_millis(self.random.u64(..40)));
        }
        self.counts
    }

    fn next_request(&mut self) -> Asked {
        let faults = SOURCES.map(|_| self.maybe_a_fault());
        let prefix = if self.random.u32(..100) < 5 { "missing" } else { "c" };
        let customer = faults::customer(prefix, self.random.u64(..20), faults);
        let is_hurried = self.random.u32(..100) < 10;
        let hurry = is_hurried.then(|| Duration::from_millis(self.random.u64(50..400)));
        Asked { customer, key: self.key.clone(), faults, hurry }
    }

    fn maybe_a_fault(&mut self) -> Option<&'static Fault> {
        let chosen = (self.random.u32(..100) < 20).then(|| self.random.usize(..FAULTS.len()));
        chosen.and_then(|index| FAULTS.get(index))
    }

    fn ask(&mut self, asked: &Asked) {
        let from = Instant::now();
        let reply = self.send(asked);
        let to = Instant::now();
        self.counts.requests += 1;
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                self.connection = None;
                self.counts.unanswered += 1;
                eprintln!("no reply for {}: {error}", asked.customer);
                return;
            }
        };
        let crashed = |source: &str| self.trouble.crashed(source, from, to);
        match verdict::judge(asked, &reply, &mut self.truth, &crashed) {
            Ok(seen) => {
                let deadline = asked.hurry.unwrap_or(DEADLINE).min(DEADLINE);
                self.counts.right(&seen, reply.took, deadline);
            }
            Err(problem) => {
                self.counts.wrong += 1;
                if self.counts.wrong <= TOLD {
                    eprintln!("WRONG: {problem}\n  {}\n  {}", asked.customer, reply.text());
                }
            }
        }
    }

    fn send(&mut self, asked: &Asked) -> std::io::Result<crate::client::Reply> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.address)?,
        };
        let connection = self.connection.insert(connection);
        let hurry = asked.hurry.map(|time| time.as_millis().to_string());
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(hurry.as_deref().map(|time| ("x-request-timeout-ms", time)));
        connection.send("POST", PROFILE, &headers, &body(asked))
    }

    /// Sends a request and does not wait for the reply.
    fn go_away(&mut self, asked: &Asked) {
        let body = body(asked);
        let head = format!(
            "POST {PROFILE} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let sent = TcpStream::connect(self.address).and_then(|mut stream| {
            stream.write_all(&[head.as_bytes(), &body].concat())?;
            std::thread::sleep(Duration::from_millis(self.random.u64(..10)));
            Ok(())
        });
        self.counts.went_away += u64::from(sent.is_ok());
    }
}

fn body(asked: &Asked) -> Vec<u8> {
    let body = json!({"customerId": asked.customer, "externalApiKey": asked.key});
    body.to_string().into_bytes()
}

/// The right answers, from upstreams that have no faults.
struct Truth {
    /// Of users, CRM and orders.
    addresses: [SocketAddr; 3],
    connections: [Option<Connection>; 3],
    known: HashMap<(usize, String), Vec<u8>>,
}

impl Truth {
    fn new(sim: &Simulator) -> Self {
        let addresses = [sim.users(), sim.crm(), sim.orders()].map(Upstream::addr);
        Self { addresses, connections: [None, None, None], known: HashMap::new() }
    }

    fn fetch(&mut self, source: usize, customer: &str) -> Vec<u8> {
        let connection = self.connections[source].get_or_insert_with(|| {
            Connection::open(self.addresses[source]).expect("the truth is always there")
        });
        let order = json!({"customerId": customer, "status": ["ACTIVE", "PENDING"], "limit": 5})
            .to_string();
        let include = "preferences%2Csubscriptions";
        let (method, path, header, body) = match source {
            0 => ("GET", format!("/api/v2/users/{customer}"), ("x-none", "1"), String::new()),
            1 => {
                let path = format!("/v2/accounts?id={customer}&include={include}");
                ("GET", path, ("x-api-key", "k"), String::new())
            }
            _ => ("POST", "/v1/orders".to_owned(), ("authorization", "Bearer k"), order),
        };
        let reply = connection.send(method, &path, &[header], body.as_bytes());
        let reply = reply.expect("the truth always answers");
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.body
    }
}

impl RightAnswers for Truth {
    fn of(&mut self, source: usize, customer: &str) -> Vec<u8> {
        let key = (source, customer.to_owned());
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let answer = self.fetch(source, customer);
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(key, answer.clone());
        answer
    }
}
