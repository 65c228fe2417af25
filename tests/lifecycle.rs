//! The real program: how it starts, what it says, how it ends.
#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

mod program;

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tributary::simulator::{Behaviour, Options, Simulator};

use program::{
    PATIENCE, Service, ask, configuration, eventually, path, program, request, text, write,
};

/// Runs the program to its end.
fn run(arguments: &[&str]) -> Output {
    program(arguments).output().expect("the program was built")
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"))
}

/// What became of one request: when it was sent, and its status if a reply came.
type Asked = (Instant, Option<String>);

/// Asks again and again on kept connections until the service ends them.
fn load(address: SocketAddr, over: &AtomicBool, asked: &Mutex<Vec<Asked>>) {
    while !over.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(address) else { break };
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        loop {
            let sent = Instant::now();
            let head = ask(&mut stream);
            let status = head.as_ref().and_then(|head| head.split(' ').nth(1)).map(str::to_owned);
            let ended = head.as_ref().is_none_or(|head| head.contains("connection: close"));
            asked.lock().expect("no panic").push((sent, status));
            if ended || over.load(Ordering::Relaxed) {
                break;
            }
        }
    }
}

fn no_request_is_lost(signal: &str) {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    // Some requests are under way when the signal comes, others are not even read.
    sim.orders().script((0..400).map(|n| match n % 4 {
        0 => Behaviour::Delay(Duration::from_millis(300)),
        _ => Behaviour::Normal,
    }));
    let mut service = Service::start(&sim);
    let asked = Mutex::new(Vec::new());
    let over = AtomicBool::new(false);
    let signalled = std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| load(service.address, &over, &asked));
        }
        eventually("requests are answered", || asked.lock().expect("no panic").len() >= 100);
        service.signal(signal);
        // What was sent until now, while the service was being told, counts as well.
        let signalled = Instant::now();
        over.store(true, Ordering::Relaxed);
        signalled
    });
    let (_, code) = service.process.wait();
    assert_eq!(code, Some(0));
    assert!(signalled.elapsed() < Duration::from_secs(10), "{:?}", signalled.elapsed());

    let asked = asked.into_inner().expect("no panic");
    let before: Vec<_> = asked.iter().filter(|(sent, _)| *sent < signalled).collect();
    assert!(before.len() >= 100);
    let lost = before.iter().filter(|(_, status)| status.as_deref() != Some("200"));
    assert_eq!(lost.count(), 0, "of {} requests", before.len());
    // The last of them were under way when the signal came.
    assert!(asked.len() >= 110, "{}", asked.len());
}

#[test]
fn sigterm_under_load_loses_no_request() {
    no_request_is_lost("-TERM");
}

#[test]
fn sigint_under_load_loses_no_request() {
    no_request_is_lost("-INT");
}

#[test]
fn connections_that_rest_do_not_hold_the_end_up() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let mut service = Service::start(&sim);
    let mut silent = Vec::new();
    for _ in 0..5 {
        let mut kept = TcpStream::connect(service.address).expect("a connection");
        kept.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        assert!(ask(&mut kept).expect("a reply").starts_with("http/1.1 200 "));
        silent.push(kept);
        silent.push(TcpStream::connect(service.address).expect("a connection"));
    }
    let took = service.stop();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_request_that_outlasts_the_grace_does_not_hold_the_end_up_for_ever() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.orders().set_behaviour(Behaviour::Hang);
    let patient = "[server]\nshutdown_grace = '1s'\n[actions.customer_profile]\ndeadline = '60s'";
    let mut service = Service::start_with(&sim, patient, "warn");
    let mut stream = TcpStream::connect(service.address).expect("a connection");
    stream.write_all(request("").as_bytes()).expect("it is read");
    eventually("it is asked", || sim.orders().in_progress() > 0);
    let took = service.stop();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn check_shows_the_plan_and_no_secret() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let folder = TempDir::new().expect("a temporary folder");
    let keys = "\n[[server.api_keys]]\nname = \"flow\"\nkey = \"hunter2-key\"\n";
    let text_of = configuration(&sim, 8080, 9090).replace("demo-secret", "hunter2-secret");
    let text_of = text_of.replace("[credentials.genesys]", &format!("{keys}[credentials.genesys]"));
    let file = write(&folder, "tributary.toml", &text_of);
    let output = run(&["check", "--config", path(&file)]);
    let plan = text(&output.stdout);
    assert_eq!(status(&output), 0, "{output:?}");
    for part in [
        "listen          127.0.0.1:8080",
        "flow [redacted]",
        "action customer_profile",
        "source orders",
        "credential genesys",
        "POST",
    ] {
        assert!(plan.contains(part), "{part} is not in\n{plan}");
    }
    let all = format!("{plan}{}", text(&output.stderr));
    for secret in ["hunter2", "demo-client"] {
        assert!(!all.contains(secret), "{secret} is in\n{all}");
    }
}

#[test]
fn check_warns_on_standard_error_and_ends_well() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let folder = TempDir::new().expect("a temporary folder");
    let file = write(&folder, "tributary.toml", &configuration(&sim, 8080, 9090));
    let more = "[sources.crm]\nrate_limit = { requests = 5, burst = 9 }";
    let more = write(&folder, "more.toml", more);
    let output = run(&["check", "--config", path(&file), "--config", path(&more)]);
    let told = text(&output.stderr);
    assert_eq!(status(&output), 0, "{told}");
    let key = format!("{}: sources.crm.rate_limit.burst: ", more.display());
    assert!(told.starts_with(&format!("warning: {key}")) && told.lines().count() == 1, "{told}");
    assert!(text(&output.stdout).contains("source crm"), "the plan is there all the same");
}

#[test]
fn check_ends_well_although_nobody_reads_the_plan() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let folder = TempDir::new().expect("a temporary folder");
    let file = write(&folder, "tributary.toml", &configuration(&sim, 8080, 9090));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = program(&["check", "--config", path(&file)])
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .and_then(Child::wait_with_output)
        .expect("the program was built");
    assert_eq!((status(&output), text(&output.stderr)), (0, String::new()));
}

#[test]
fn check_tells_ten_mistakes_at_once() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = write(
        &folder,
        "wrong.toml",
        r#"
[server]
listen = "0.0.0.0:8080"
max_body = "64 bananas"
workers = 0
default_action = "none"
lisen = "127.0.0.1:1"
[credentials.fixed]
kind = "statik"
[sources.crm]
method = "FETCH"
url = "https://{host}/v2"
timeout = "soon"
credential = "missing"
[actions.profile]
sources = ["crm", "orders"]
deadline = "0s"
inputs.orgId = {}
"#,
    );
    for command in ["check", "serve"] {
        let output = run(&[command, "--config", path(&file)]);
        assert_eq!(status(&output), 78, "{output:?}");
        let told = text(&output.stderr);
        for key in [
            "server.listen",
            "server.max_body",
            "server.workers",
            "server.lisen",
            "credentials.fixed.kind",
            "sources.crm.method",
            "sources.crm.url",
            "sources.crm.timeout",
            "actions.profile.deadline",
            "actions.profile.inputs.orgId",
        ] {
            assert!(told.contains(&format!("  {key}: found ")), "{key} is not in\n{told}");
        }
        assert!(told.contains("wrong.toml"), "{told}");
        assert_eq!(text(&output.stdout), "", "no plan of a wrong configuration");
    }
}

/// The hash of the configuration in force, out of a line of the log.
fn config_hash(line: &str) -> String {
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    line["config_hash"].as_str().expect("a text").to_owned()
}

#[test]
fn sighup_takes_the_configuration_anew_and_one_with_a_mistake_is_told_and_left() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let mut service = Service::start_with(&sim, "", "info");
    let file = service.folder.path().join("tributary.toml");
    let before = std::fs::read_to_string(&file).expect("it is there");

    std::fs::write(&file, before.replace("deadline = \"3s\"", "deadline = \"soon\""))
        .expect("a file");
    service.signal("-HUP");
    let line = service.wait_for_log("configuration kept as it was").to_string();
    assert!(line.contains("deadline: found"), "{line}");
    let hash = config_hash(&line);

    std::fs::write(&file, format!("{before}\n[sources.crm.breaker]\nprobes = 2\n"))
        .expect("a file");
    service.signal("-HUP");
    let line = service.wait_for_log("configuration replaced").to_string();
    assert!(line.contains("source crm: breaker.probes changed"), "{line}");
    assert_ne!(config_hash(&line), hash, "another configuration is in force");
    service.stop();
}

#[test]
#[should_panic(expected = "server.workers: found 0; allowed: ")]
fn a_service_that_ends_at_its_start_fails_the_test_with_what_it_said() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    Service::start_with(&sim, "[server]\nworkers = 0", "warn");
}

#[test]
fn a_port_in_use_gives_one_clear_line() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let taken = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let port = taken.local_addr().expect("it is bound").port();
    let folder = TempDir::new().expect("a temporary folder");
    let file = write(&folder, "tributary.toml", &configuration(&sim, port, 0));
    let output = program(&["serve", "--config", path(&file)]).env("RUST_LOG", "warn").output();
    let output = output.expect("the program was built");
    assert_eq!(status(&output), 69, "{output:?}");
    let told = text(&output.stderr);
    assert_eq!(told.lines().count(), 1, "{told}");
    for part in [format!("127.0.0.1:{port}").as_str(), "server.listen", "in use"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

#[test]
fn export_prints_the_file_alone_and_says_what_the_file_cannot() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let folder = TempDir::new().expect("a temporary folder");
    let text_of = configuration(&sim, 0, 0);
    let text_of = text_of.replace("deadline = \"3s\"", "deadline = \"60s\"");
    let file = write(&folder, "a.toml", &text_of);
    let export = |more: &[&str]| {
        let config = ["export", "data-action", "--config", path(&file)];
        run(&[&config, more].concat())
    };
    let url = ["--url", "https://tributary.example.com"];
    // Without a name, it is the default action.
    let output = export(&url);
    assert_eq!(status(&output), 0, "{output:?}");
    let exported: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON alone");
    assert_eq!(exported["name"], "Tributary: customer_profile");
    for part in ["timeout to 60 s", "no time for the way", "`apiKey`", "externalApiKey"] {
        assert!(text(&output.stderr).contains(part), "{output:?}");
    }
    let output = export(&["--action", "nobody", url[0], url[1]]);
    assert_eq!(status(&output), 2);
    assert!(text(&output.stderr).contains("customer_profile, customer_card"), "{output:?}");
    assert_eq!(status(&export(&["--url", "http://tributary.example.com"])), 2);
}

#[test]
fn health_tells_whether_the_service_answers() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let mut service = Service::start(&sim);
    let file = service.folder.path().join("tributary.toml");
    let admin = service.admin.to_string();
    let health = || {
        let mut command = program(&["health", "--config", path(&file)]);
        command.env("TRIBUTARY__SERVER__ADMIN_LISTEN", &admin);
        command.output().expect("the program was built")
    };
    let output = health();
    assert_eq!((status(&output), text(&output.stdout).as_str()), (0, "alive\n"), "{output:?}");
    service.stop();
    let output = health();
    assert_eq!(status(&output), 1, "{output:?}");
    assert!(text(&output.stderr).contains("/livez"), "{output:?}");
}

#[test]
fn a_missing_file_is_named() {
    let output = run(&["check", "--config", "/nowhere/at-all.toml"]);
    assert_eq!(status(&output), 66, "{output:?}");
    let told = text(&output.stderr);
    assert!(told.contains("/nowhere/at-all.toml"), "{told}");
    assert!(told.lines().count() <= 3, "and nothing that follows from it: {told}");

    let mut default = program(&["check"]);
    let folder = TempDir::new().expect("a temporary folder");
    let output = default.current_dir(folder.path()).output().expect("the program was built");
    assert_eq!(status(&output), 66, "{output:?}");
    assert!(text(&output.stderr).contains("config/default.toml"), "{output:?}");
}

#[test]
fn demo_once_prints_an_aggregate_and_where_its_time_went() {
    let output = run(&["demo", "--once"]);
    let told = text(&output.stdout);
    assert_eq!(status(&output), 0, "{told}{}", text(&output.stderr));
    for part in ["\"customerId\": \"c-1001\"", "\"complete\": true", "\"outcome\": \"ok\""] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    let (_, waterfall) = told.split_once("Where the time went").expect("a waterfall");
    for source in ["genesys", "crm", "orders"] {
        assert!(waterfall.lines().any(|line| line.starts_with(source)), "{source}: {waterfall}");
    }
    assert!(waterfall.contains("deadline 3"), "{waterfall}");
}

#[test]
fn help_lists_the_commands_and_where_to_start() {
    let output = run(&["--help"]);
    assert_eq!(status(&output), 0);
    let told = text(&output.stdout);
    for part in ["serve", "check", "demo", "tributary demo", "--config", "RUST_LOG"] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    // Without a command there is help as well, but it is a mistake.
    let output = run(&[]);
    assert_eq!(status(&output), 2);
    assert!(text(&output.stderr).contains("serve"), "{output:?}");
    assert_eq!(status(&run(&["serv"])), 2);
}

#[test]
fn a_certificate_that_cannot_be_used_gives_one_clear_line() {
    let folder = TempDir::new().expect("a temporary folder");
    let pem = write(&folder, "nonsense.pem", "nonsense");
    let missing = folder.path().join("missing.pem");
    let serve = |chain: &std::path::Path, key: &std::path::Path| {
        let (chain, key) = (path(chain), path(key));
        let tls = format!(
            "{}\n[server.tls]\ncertificate_file = '{chain}'\nkey_file = '{key}'\n",
            configuration(&Simulator::start(Options::default()).expect("loopback has ports"), 0, 0)
        );
        let file = write(&folder, "tributary.toml", &tls);
        let output = run(&["serve", "--config", path(&file)]);
        let told = text(&output.stderr);
        assert!(told.contains("server.tls.certificate_file"), "{told}");
        status(&output)
    };
    assert_eq!(serve(&pem, &pem), 65);
    assert_eq!(serve(&missing, &missing), 66);
    assert_eq!(serve(&missing, &pem), 78, "two kinds of trouble");
}

#[test]
fn the_start_tells_where_it_listens_and_what_it_asks() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let mut service = Service::start_with(&sim, "", "tributary=info");
    let address = format!("http://{}", service.address);
    service.stop();
    let log = service.log();
    let crm = format!("\"url\":\"{}/v2/accounts", sim.crm().base_url());
    let action = "\"asks\":\"genesys, crm, orders\",\"within_ms\":3000";
    for line in [&address, action, &crm] {
        assert!(log.contains(line), "{line} in {log}");
    }
    assert!(log.lines().count() < 20, "a few lines: {log}");
}

#[test]
fn a_stop_is_a_graceful_one_as_soon_as_the_service_says_that_it_is_up() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    for _ in 0..20 {
        Service::start(&sim).stop();
    }
}
