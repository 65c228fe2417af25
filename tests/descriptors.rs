//! The real program with few file descriptors: who gets them, and what is said of it.
#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

#[allow(dead_code, reason = "a part of it is for other tests")]
#[path = "api/client.rs"]
mod client;
mod program;

use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};
use tributary::simulator::{Behaviour, Options, Reply, Simulator};

use client::{Connection, JSON};
use program::{Service, eventually};

/// Far less than any timeout after which a connection would end by itself.
const PROMPT: Duration = Duration::from_secs(3);

fn simulator() -> Simulator {
    Simulator::start(Options::default()).expect("loopback has ports")
}

fn open(address: SocketAddr) -> Connection {
    Connection::open(address).expect("the system accepts it")
}

fn ask(connection: &mut Connection) -> client::Reply {
    let body = json!({"customerId": "c-1", "externalApiKey": "key-1"}).to_string();
    let path = "/v1/actions/customer_profile";
    connection.send("POST", path, &[JSON], body.as_bytes()).expect("a reply")
}

fn get(connection: &mut Connection, path: &str) -> client::Reply {
    connection.send("GET", path, &[], b"").expect("a reply")
}

/// The soft and the hard limit of open files, as the system tells them.
fn limits(service: &Service) -> [String; 2] {
    let file = format!("/proc/{}/limits", service.process.id());
    let limits = std::fs::read_to_string(file).expect("this is Linux");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let mut numbers = line.expect("it is there").split_whitespace().map(str::to_owned);
    [(); 2].map(|()| numbers.next().expect("a number"))
}

/// Lets the service open no further file, until it is lifted.
struct Shortage {
    process: Pid,
    before: Rlimit,
}

impl Shortage {
    fn of(service: &Service) -> Self {
        let id = service.process.id();
        let process = Pid::from_raw(id.try_into().expect("a process id")).expect("not 0");
        let is_free =
            |number: &u64| std::fs::symlink_metadata(format!("/proc/{id}/fd/{number}")).is_err();
        // A new descriptor gets the lowest number that is free.
        let lowest = (0..1_000_000).find(is_free);
        let Rlimit { maximum, .. } = rustix::process::getrlimit(Resource::Nofile);
        let low = Rlimit { current: lowest, maximum };
        let before = prlimit(Some(process), Resource::Nofile, low);
        Self { process, before: before.expect("it is our child") }
    }

    fn lift(self) {
        prlimit(Some(self.process), Resource::Nofile, self.before).expect("it is our child");
    }
}

#[test]
fn a_crowd_that_rests_leaves_descriptors_for_new_callers_operators_and_upstreams() {
    let sim = simulator();
    sim.users_settings().announce_rate_limit(u32::MAX);
    let service = Service::start_after("ulimit -n 256", &sim, "");
    assert_eq!(limits(&service), ["256", "256"]);
    let crowd: Vec<Connection> = (0..300)
        .map(|number| {
            let mut connection = open(service.address);
            let reply = ask(&mut connection);
            assert!(reply.took < PROMPT, "caller {number} waited {:?}", reply.took);
            assert_eq!(reply.json()["complete"], true, "caller {number}: {}", reply.text());
            connection
        })
        .collect();
    for _ in 0..10 {
        let reply = ask(&mut open(service.address));
        assert!(reply.took < PROMPT, "{:?}", reply.took);
        assert_eq!(reply.json()["complete"], true, "{}", reply.text());
        let alive = get(&mut open(service.admin), "/livez");
        assert!(alive.status == 200 && alive.took < PROMPT, "{:?}", alive.took);
    }
    drop(crowd);
    let told: Vec<Value> =
        service.log_lines().into_iter().filter(|line| line["level"] == "WARN").collect();
    let [short, closed] = told.as_slice() else { panic!("{told:#?}") };
    assert_eq!((&short["limit"], &short["max_connections"]), (&json!(256), &json!(10_000)));
    assert!(
        short["callers"].as_u64().is_some_and(|callers| (50..200).contains(&callers)),
        "{short}"
    );
    assert_eq!(
        (&closed["listener"], &closed["connections"]),
        (&json!("public"), &short["callers"])
    );
}

#[test]
fn connections_to_upstreams_that_rest_leave_descriptors_for_callers_and_operators() {
    let sim = simulator();
    sim.users_settings().announce_rate_limit(u32::MAX);
    for upstream in [sim.users(), sim.crm(), sim.orders()] {
        upstream.set_behaviour(Behaviour::Delay(Duration::from_millis(200)));
    }
    let many = ["genesys", "crm", "orders"].map(|source| {
        format!("[sources.{source}]\nmax_connections = 60\nmax_idle_connections = 60\n")
    });
    let service = Service::start_after("ulimit -n 256", &sim, &many.concat());
    let crowd: Vec<Connection> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..60)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = open(service.address);
                    ask(&mut connection);
                    connection
                })
            })
            .collect();
        asking.into_iter().map(|caller| caller.join().expect("no panic")).collect()
    });
    for _ in 0..10 {
        let alive = get(&mut open(service.admin), "/livez");
        assert!(alive.status == 200 && alive.took < PROMPT, "{:?}", alive.took);
        let reply = ask(&mut open(service.address));
        assert!(reply.took < PROMPT, "{:?}", reply.took);
        assert_eq!(reply.json()["complete"], true, "{}", reply.text());
    }
    drop(crowd);
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_one_and_nothing_is_said_if_that_is_enough() {
    let sim = simulator();
    let few = "[server]\nmax_connections = 100\nworkers = 2";
    let service = Service::start_after("ulimit -Sn 256 && ulimit -Hn 2000", &sim, few);
    assert_eq!(limits(&service), ["2000", "2000"]);
    assert!(!service.log().contains("WARN"), "{}", service.log());
}

#[test]
fn a_limit_that_a_reload_makes_too_low_is_told() {
    let sim = simulator();
    let few = "[server]\nmax_connections = 100\nworkers = 2";
    let service = Service::start_after("ulimit -n 700", &sim, few);
    assert!(!service.log().contains("WARN"), "{}", service.log());
    let more = format!("{few}\n[sources.crm]\nmax_connections = 2000");
    std::fs::write(service.folder.path().join("more.toml"), more).expect("a file");
    service.signal("-HUP");
    service.wait_for_log("configuration replaced");
    let told = service.log_lines().into_iter().find(|line| line["level"] == "WARN");
    let told = told.unwrap_or_else(|| panic!("{}", service.log()));
    assert_eq!(told["limit"], 700);
    // Callers keep theirs: most of the rest is for upstreams.
    assert_eq!(told["callers"], 100, "{told}");
}

#[test]
fn with_too_few_for_any_connection_the_start_gives_one_clear_line() {
    let sim = simulator();
    let (serve, _folder) = Service::command_after("ulimit -n 65", &sim, "[server]\nworkers = 2");
    let output = { serve }.output().expect("a shell");
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    let told = program::text(&output.stderr);
    let expected = "the process may open 65 files, and needs 68 at least with 2 workers: ";
    assert!(told.starts_with(expected) && told.lines().count() == 1, "{told}");
    // One worker less is enough.
    let few = Service::start_after("ulimit -n 65", &sim, "[server]\nworkers = 1");
    assert_eq!(ask(&mut open(few.address)).status, 200);
    assert_eq!(get(&mut open(few.admin), "/livez").status, 200);
}

#[test]
fn a_shortage_of_ours_is_told_as_one_and_is_no_failure_of_a_source() {
    let sim = simulator();
    // One upstream by a name that has to be looked up, and breakers that open soon.
    let by_name = sim.crm().base_url().replace("127.0.0.1", "localhost");
    let soon = "breaker = { min_requests = 2, open_for = '60s' }";
    let overrides = format!(
        "[sources.genesys]\n{soon}\n[sources.orders]\n{soon}\n[sources.crm]\n{soon}\n\
         url = '{by_name}/v2/accounts'\n"
    );
    let service = Service::start_with(&sim, &overrides, "info");
    eventually("there is a token", || sim.oauth_settings().issued() == 1);
    let (mut caller, mut operator) = (open(service.address), open(service.admin));
    assert_eq!(get(&mut operator, "/livez").status, 200);
    assert_eq!(get(&mut caller, "/nothing").status, 404, "it is accepted");

    let shortage = Shortage::of(&service);
    for _ in 0..10 {
        let reply = ask(&mut caller);
        for source in ["genesys", "crm", "orders"] {
            let source = reply.source(source);
            assert_eq!(
                (&source["outcome"], &source["status"]),
                (&json!("overloaded"), &json!(503))
            );
            assert_eq!(source["attempts"], 1, "no storm of retries: {source}");
            let error = source["error"].as_str().expect("a sentence");
            assert!(
                error.ends_with("this process may open no further file (ulimit -n)"),
                "{error}"
            );
        }
    }
    let sources = get(&mut operator, "/v1/sources").json();
    for source in sources["sources"].as_array().expect("a list") {
        assert_eq!(source["breaker"]["state"], "closed", "{source}");
        assert_eq!(source["breaker"]["failures"], 0, "{source}");
    }
    shortage.lift();
    assert_eq!(ask(&mut caller).json()["complete"], true, "at once");
    let told = service.log_lines();
    let told = told.iter().filter(|line| line.to_string().contains("no connection to an upstream"));
    assert_eq!(told.count(), 1, "{}", service.log());
}

#[test]
fn a_token_that_cannot_be_asked_for_is_a_shortage_of_ours_as_well() {
    let sim = simulator();
    let failed = Reply::status(500).with_header("connection", "close");
    sim.oauth().set_behaviour(Behaviour::from(failed));
    let service = Service::start(&sim);
    let mut caller = open(service.address);
    assert_eq!(ask(&mut caller).outcome("genesys"), "auth_failed", "so far it is the endpoint's");
    eventually("no token is being asked for", || sim.oauth().open_connections() == 0);

    let shortage = Shortage::of(&service);
    sim.oauth().reset_behaviour();
    let reply = ask(&mut caller);
    let genesys = reply.source("genesys");
    assert_eq!((&genesys["outcome"], &genesys["status"]), (&json!("overloaded"), &json!(503)));
    let error = genesys["error"].as_str().expect("a sentence");
    assert!(error.contains("the token endpoint was not asked: "), "{error}");
    assert_eq!(reply.outcome("crm"), "ok", "on a kept connection");
    shortage.lift();
    eventually("there is a token", || ask(&mut caller).json()["complete"] == true);
}
