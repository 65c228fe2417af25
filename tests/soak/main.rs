//! Everything goes wrong for a while, and every single reply is checked.
//!
//! The service runs on simulated upstreams. Many callers on kept connections ask for customers
//! whose ids say how each upstream is to behave; meanwhile whole upstreams fail, tokens are
//! revoked, connections are closed and actors panic. A second simulator without any fault tells
//! what the right answer to each request would have been.
//!
//! `SOAK_SECONDS`: how long (8). `scripts/soak SECONDS` is the same with more time.
//!
//! | file | idea |
//! | --- | --- |
//! | `faults.rs` | how an upstream may treat one request, and what may come of it |
//! | `trouble.rs` | what befalls a whole upstream, the token endpoint or the actors for a while |
//! | `caller.rs` | sends one request after the other |
//! | `verdict.rs` | is this reply right? |
//! | `process.rs` | memory, threads and file descriptors of this process |
//! | `report.rs` | the numbers of a run, and their table |

#![expect(clippy::disallowed_methods, reason = "a soak takes real time")]

mod caller;
#[path = "../api/client.rs"]
#[allow(dead_code, reason = "shared with tests/api, which uses all of it")]
mod client;
mod faults;
#[path = "../api/harness.rs"]
#[allow(dead_code, reason = "shared with tests/api, which uses all of it")]
mod harness;
#[path = "../api/panics.rs"]
#[allow(dead_code, reason = "shared with tests/api, which uses all of it")]
mod panics;
mod process;
mod report;
mod trouble;
mod verdict;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tributary::simulator::{Options, Simulator};

use caller::Caller;
use harness::{TestApp, eventually};
use process::Process;
use report::{Counts, Leaks, MAX_KEPT_CONNECTIONS, Report};
use trouble::Trouble;

/// As in the program, so that the memory that is measured is the program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The sources of the action, in their order.
pub const SOURCES: [&str; 3] = ["genesys", "crm", "orders"];
/// The action's deadline.
pub const DEADLINE: Duration = Duration::from_millis(500);
/// Callers at a time; each waits for its reply, then for a moment.
const CALLERS: usize = 16;

/// Short times everywhere, so that much happens in a short run.
const OVERRIDES: &str = r#"
[credentials.genesys]
timeout = "300ms"
[sources.genesys]
timeout = "250ms"
connect_timeout = "100ms"
max_connections = 64
fallback = { fallback = "genesys" }
[sources.genesys.retry]
base = "10ms"
cap = "100ms"
[sources.genesys.breaker]
window = "2s"
open_for = "300ms"
max_open_for = "1s"
[sources.crm]
timeout = "250ms"
connect_timeout = "100ms"
max_connections = 64
[sources.crm.retry]
base = "10ms"
cap = "100ms"
[sources.crm.breaker]
window = "2s"
open_for = "300ms"
max_open_for = "1s"
[sources.crm.rate_limit]
requests = 2000
per = "1s"
burst = 200
key = "{externalApiKey}"
max_wait = "50ms"
[sources.orders]
timeout = "250ms"
connect_timeout = "100ms"
max_connections = 64
fallback = []
[sources.orders.retry]
base = "10ms"
cap = "100ms"
[sources.orders.breaker]
window = "2s"
open_for = "300ms"
max_open_for = "1s"
[actions.customer_profile]
deadline = "500ms"
"#;

#[test]
fn whatever_the_upstreams_do_every_reply_is_right_and_nothing_is_left_behind() {
    let seconds = std::env::var("SOAK_SECONDS").unwrap_or_else(|_| "8".to_owned());
    let seconds = seconds.parse().expect("SOAK_SECONDS is a whole number of seconds");
    let report = soak(Duration::from_secs(seconds));
    println!("{report}");
    report.assert_good();
}

fn soak(time: Duration) -> Report {
    expect_crashes();
    let truth = Simulator::start(Options::default()).expect("loopback has ports");
    truth.oauth_settings().accept_anyone();
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    // The simulated users API says how much of its quota is left, and the service listens to it.
    sim.users_settings().announce_rate_limit(u32::MAX);
    faults::install(&sim);
    let app = TestApp::start_on(sim, OVERRIDES);
    assert_eq!(app.profile("c-1").status, 200);

    let at_rest = Process::now();
    let connections_at_rest = open_connections(&app.sim);
    let trouble = Trouble::new(&app);
    let stop = AtomicBool::new(false);
    let warm_up = (time / 4).min(Duration::from_secs(20));
    let began = Instant::now();
    let (counts, warm, hot) = std::thread::scope(|scope| {
        let (trouble, truth, app, stop) = (&trouble, &truth, &app, &stop);
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                scope.spawn(move || Caller::new(number, app.address, truth, trouble).run(stop))
            })
            .collect();
        let troubles = scope.spawn(move || trouble.run(stop));
        let warm = watch(app, warm_up);
        let hot = watch(app, time.saturating_sub(warm_up));
        stop.store(true, Ordering::Relaxed);
        troubles.join().expect("trouble ends");
        let callers = callers.into_iter().map(|caller| caller.join().expect("a caller ends"));
        (callers.fold(Counts::default(), Counts::and), warm, hot)
    });
    let took = began.elapsed();
    Report {
        seconds: took.as_secs_f64(),
        callers: CALLERS,
        troubles: trouble.counts(),
        restarts: app.admin_get("/readyz").json()["actor_restarts"].as_u64().unwrap_or_default(),
        counts,
        warm,
        hot,
        leaks: leaks(&app, &at_rest, connections_at_rest),
        recovered_after: recovery(&app),
    }
}

/// Lets the time pass; the process at its end. What the simulator remembers is thrown away all
/// the while: it would look like a leak.
fn watch(app: &TestApp, time: Duration) -> Process {
    let end = Instant::now() + time;
    let mut process = Process::now();
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(500).min(time));
        for upstream in app.sim.upstreams() {
            upstream.clear();
        }
        process = Process::now().with_peak_of(&process);
    }
    process
}

/// What is still there when nobody asks any more. Waits a moment for what is about to end.
fn leaks(app: &TestApp, at_rest: &Process, connections_at_rest: usize) -> Leaks {
    let look = || {
        let sources = app.admin_get("/v1/sources").json();
        let in_flight = |source: &serde_json::Value| source["in_flight"].as_u64();
        let sources = sources["sources"].as_array().cloned().unwrap_or_default();
        let now = Process::now();
        // Both ends of a kept connection to an upstream are in this process. Of one that the
        // upstream has closed, our end is kept until the pool looks through its idle ones.
        let kept = open_connections(&app.sim);
        let expected = at_rest.descriptors + kept + kept.max(MAX_KEPT_CONNECTIONS);
        Leaks {
            in_flight: sources.iter().filter_map(in_flight).sum(),
            in_progress: app.sim.upstreams().iter().map(|it| it.in_progress()).sum(),
            kept_connections: kept,
            threads: now.threads.saturating_sub(at_rest.threads),
            descriptors: (now.descriptors + 2 * connections_at_rest).saturating_sub(expected),
        }
    };
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let leaks = look();
        if leaks.none() || Instant::now() > end {
            return leaks;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn open_connections(sim: &Simulator) -> usize {
    sim.upstreams().iter().map(|upstream| upstream.open_connections()).sum()
}

/// How long it takes until everything is well again.
fn recovery(app: &TestApp) -> Duration {
    let began = Instant::now();
    eventually("a complete reply", || app.profile("c-1").json()["complete"] == true);
    began.elapsed()
}

/// The panics that [`Trouble`] asks for are not worth a line each.
fn expect_crashes() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some(panics::MESSAGE) {
            usual(info);
        }
    }));
}
