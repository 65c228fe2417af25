//! The service and its simulated upstreams, started for one test on ports that the system picks.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tributary::app;
use tributary::settings::{Layer, Problems, Settings};
use tributary::simulator::{Options, Simulator};

use crate::client::{self, Reply};
use crate::panics;

/// The action that the shipped configuration has.
pub const PROFILE: &str = "/v1/actions/customer_profile";

/// A running service and its upstreams; both end when this is dropped.
pub struct TestApp {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub sim: Simulator,
    overrides: Arc<Mutex<String>>,
    stop: UnboundedSender<Stop>,
    thread: Option<JoinHandle<()>>,
}

/// Tells the service to stop.
struct Stop;

impl TestApp {
    /// The shipped configuration on top of the simulator.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// The same with a layer of TOML on top.
    pub fn start_with(overrides: &str) -> Self {
        Self::start_on(Simulator::start(Options::default()).expect("loopback has ports"), overrides)
    }

    /// The same on top of a simulator that runs already.
    pub fn start_on(sim: Simulator, overrides: &str) -> Self {
        let settings = settings(&sim, overrides);
        let base = simulated(&sim);
        let overrides = Arc::new(Mutex::new(overrides.to_owned()));
        let latest = Arc::clone(&overrides);
        let load = move || load(&base, &latest.lock().expect("no test panics with it"));
        let (address_to, address_of) = mpsc::channel();
        let (stop, mut inbox) = unbounded_channel();
        let thread = std::thread::spawn(move || {
            actix::System::new().block_on(async move {
                let running = app::start(settings, Box::new(load))
                    .expect("the test's configuration can start");
                address_to.send((running.address, running.admin_address)).expect("the test waits");
                let _told: Option<Stop> = inbox.recv().await;
                running.stop().await;
            });
        });
        let (address, admin) = address_of.recv().expect("the service starts");
        Self { address, admin, sim, overrides, stop, thread: Some(thread) }
    }

    /// Asks for a customer's profile.
    pub fn profile(&self, customer: &str) -> Reply {
        self.post(PROFILE, &json!({"customerId": customer, "externalApiKey": "key-1"}))
    }

    /// Sends JSON to the public port.
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_with(path, &[], body.to_string().as_bytes())
    }

    /// Sends a body with more headers to the public port.
    pub fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        let reply = client::send(self.address, "POST", path, &all, body);
        with_reply_headers(reply.expect("there is always a reply"))
    }

    /// Asks the operators' port.
    pub fn admin_get(&self, path: &str) -> Reply {
        let reply = client::send(self.admin, "GET", path, &[], b"");
        with_reply_headers(reply.expect("there is always a reply"))
    }

    /// The value of one series of `/metrics`.
    #[track_caller]
    pub fn metric(&self, series: &str) -> f64 {
        value_of(&self.admin_get("/metrics").text(), series)
    }

    /// The layer on top.
    pub fn overrides(&self) -> String {
        self.overrides.lock().expect("no test panics with it").clone()
    }

    /// Replaces the layer on top, and tells the service to take its configuration anew.
    pub fn reload(&self, overrides: &str) -> Reply {
        self.replace(overrides);
        self.admin_post("/v1/reload", &[])
    }

    /// Replaces the layer on top, for the next reload.
    pub fn replace(&self, overrides: &str) {
        overrides.clone_into(&mut self.overrides.lock().expect("no test panics with it"));
    }

    /// Sends an empty request with these headers to the operators' port.
    pub fn admin_post(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let reply = client::send(self.admin, "POST", path, headers, b"");
        with_reply_headers(reply.expect("there is always a reply"))
    }

    /// How many requests the sources' upstreams have received, those for tokens left out.
    pub fn upstream_hits(&self) -> usize {
        let sources = [self.sim.users(), self.sim.crm(), self.sim.orders()];
        sources.iter().map(|upstream| upstream.hits()).sum()
    }

    /// How many calls to the sources are under way, as the operators see it.
    pub fn in_flight(&self) -> u64 {
        let reply = self.admin_get("/v1/sources").json();
        let sources = reply["sources"].as_array().expect("a list").iter();
        sources.map(|source| source["in_flight"].as_u64().expect("a number")).sum()
    }

    /// So many next fetches of a source of the shipped configuration panic. A request has two: the
    /// second one in a new actor.
    pub fn next_fetches_panic(&self, times: usize, source: &str) {
        let upstream = match source {
            "genesys" => self.sim.users(),
            "crm" => self.sim.crm(),
            "orders" => self.sim.orders(),
            other => panic!("{other} is no shipped source"),
        };
        let base = upstream.base_url();
        panics::next_fetches(times, source, base.trim_start_matches("http://"));
    }

    /// Tells the service to stop, without waiting until it has.
    pub fn begin_stop(&self) {
        self.stop.send(Stop).expect("it runs");
    }

    /// Waits until the service has stopped.
    pub fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = self.stop.send(Stop);
            thread.join().expect("the service ends without a panic");
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let _ = self.stop.send(Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The shipped configuration, its upstreams replaced by the simulated ones.
pub fn settings(sim: &Simulator, overrides: &str) -> Settings {
    load(&simulated(sim), overrides).unwrap_or_else(|problems| panic!("{problems}"))
}

fn load(base: &str, overrides: &str) -> Result<Settings, Problems> {
    let layer = |name: &str, text: &str| Layer { name: name.to_owned(), text: text.to_owned() };
    let shipped = include_str!("../../config/default.toml");
    let layers = [layer("default.toml", shipped), layer("base", base), layer("test", overrides)];
    Settings::from_layers(&layers)
}

/// Where the simulated upstreams are.
fn simulated(sim: &Simulator) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
workers = 2
shutdown_grace = "5s"
[credentials.genesys]
token_url = "{}/oauth/token"
client_id = "demo-client"
client_secret = "demo-secret"
[sources.genesys]
url = "{}/api/v2/users/{{customerId}}"
[sources.crm]
url = "{}/v2/accounts"
[sources.orders]
url = "{}/v1/orders"
"#,
        sim.oauth().base_url(),
        sim.users().base_url(),
        sim.crm().base_url(),
        sim.orders().base_url(),
    )
}

/// A port of loopback that nobody else is given as long as this is there. Connections to it are
/// refused, but for the times in which a simulator listens on it.
pub struct HeldPort(Socket);

impl HeldPort {
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        // A listener may come beside it.
        socket.set_reuse_address(true).expect("an option of sockets");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("loopback has ports");
        Self(socket)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.number())
    }

    /// A simulator whose CRM is on this port.
    pub fn crm(&self) -> Simulator {
        let ports = Some([0, 0, self.number(), 0]);
        Simulator::start(Options { ports, ..Options::default() }).expect("the port is kept free")
    }

    fn number(&self) -> u16 {
        let address = self.0.local_addr().expect("it is bound");
        address.as_socket().expect("it has a port").port()
    }
}

/// The value of one series in the text of `/metrics`.
#[track_caller]
pub fn value_of(metrics: &str, series: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in\n{metrics}")).parse().expect("a number")
}

/// Waits until the condition holds, at most 10 s.
#[track_caller]
pub fn eventually(what: &str, condition: impl FnMut() -> bool) {
    eventually_within(Duration::from_secs(10), what, condition);
}

/// Waits until the condition holds, at most so long.
#[track_caller]
pub fn eventually_within(time: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + time;
    while !condition() {
        assert!(Instant::now() < end, "it did not happen in {time:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The reply, asserted to have the headers that every reply of the service has.
#[track_caller]
pub fn with_reply_headers(reply: Reply) -> Reply {
    for (name, value) in [("x-content-type-options", "nosniff"), ("cache-control", "no-store")] {
        assert_eq!(
            reply.header(name),
            Some(value),
            "{name} in {} {:?}",
            reply.status,
            reply.headers
        );
    }
    reply
}

/// Asserts that a duration is between two numbers of milliseconds.
#[track_caller]
pub fn assert_between(took: Duration, least_ms: u64, most_ms: u64) {
    let (least, most) = (Duration::from_millis(least_ms), Duration::from_millis(most_ms));
    assert!((least..=most).contains(&took), "{took:?} is not within {least:?} to {most:?}");
}

/// Asserts that a reply is a JSON problem (RFC 9457) of this status, and returns it.
#[track_caller]
pub fn assert_problem(reply: &Reply, status: u16) -> Value {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    let problem = reply.json();
    assert_eq!(problem["status"], status, "{problem}");
    for key in ["type", "title", "detail"] {
        let text = problem[key].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "{key} in {problem}");
    }
    problem
}
