//! `tributary demo`: the service on top of simulated upstreams, and the course of one request.

mod demo_faults;
use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::ask::{Answer, Question, ask};
use super::pretty::pretty;
use super::terminal::{Page, escaped};
use super::{EXIT_UNAVAILABLE, EXIT_USAGE, report, say, say_course};
use crate::app::faults::{Fault, Faults as _};
use crate::app::{self, Running, StartError};
use crate::cli::demo::demo_faults::{DemoFaults, FaultArgs};
use crate::settings::{Layer, Problems, Settings};
use crate::simulator::{Latency, Options, Simulator};
use crate::{signals, telemetry};

/// The configuration that is shipped; the demo changes only where things are.
const SHIPPED: &str = include_str!("../../../config/default.toml");
/// The ports the service takes if they are free.
const PREFERRED_PORTS: [u16; 2] = [8080, 9090];
const PATH: &str = "/v1/actions/customer_profile";
const BODY: &str = r#"{"customerId":"c-1001","externalApiKey":"demo-key"}"#;
const REQUEST_ID: &str = "demo-1";
/// Longer than the action's deadline.
const PATIENCE: Duration = Duration::from_secs(10);
/// Larger than what the simulated upstreams say together, bytes.
const LONGEST: usize = 1 << 20;

/// What the demo is to do.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End after the first aggregate
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    faults: FaultArgs,
}

/// Runs the command: status 0 if a whole aggregate came, else 1; 2 for a fault that is not known,
/// 69 if nothing could be started.
pub fn run(args: &DemoArgs) -> ExitCode {
    let _log = telemetry::logging::start("warn");
    let latency = Latency::Lognormal { median: Duration::from_millis(35), sigma: 0.5 };
    let simulator = match Simulator::start(Options { latency, ..Options::default() }) {
        Ok(simulator) => simulator,
        Err(error) => return unavailable(&error),
    };
    // Whoever tries a load on the demo is not to meet Genesys Cloud's 300 requests a minute.
    simulator.users_settings().announce_rate_limit(1_000_000);
    let faults = DemoFaults::new(&simulator);
    if let Err(problems) = faults.replace(&args.faults.list()) {
        for problem in &problems {
            eprintln!("{problem}");
        }
        return ExitCode::from(EXIT_USAGE);
    }
    match settings(&simulator) {
        Ok(settings) => {
            let serving = serve(args, settings, &simulator, Arc::new(faults));
            actix::System::new().block_on(serving)
        }
        Err(problems) => report(&problems),
    }
}

async fn serve(
    args: &DemoArgs,
    settings: Settings,
    simulator: &Simulator,
    faults: Arc<DemoFaults>,
) -> ExitCode {
    let running = match start(settings, &faults) {
        Ok(running) => running,
        Err(error) => return unavailable(&error),
    };
    introduce(&running, simulator, &faults.active());
    let status = match ask(running.address, &question()).await {
        Ok(reply) => {
            show(&reply, &running);
            ExitCode::from(u8::from(reply.status != 200 || !reply.is_complete()))
        }
        Err(error) => {
            eprintln!("no reply from the service: {error}");
            ExitCode::FAILURE
        }
    };
    if !args.once {
        let mut stops = signals::stops();
        say(format_args!("\nTry it yourself:\n\n  {}\n", curl(running.address)));
        say(format_args!(
            "Other customers: any id; those that begin with `missing` are not found."
        ));
        say(format_args!("A flat reply:    the same with /v1/actions/customer_card"));
        say(format_args!(
            "For operators:   http://{}/console shows this and every further request, live",
            running.admin_address
        ));
        say(format_args!(
            "Faults:          as with `tributary demo --slow crm --fail orders`, while it runs:\n\n  {}\n",
            fault_curl(running.admin_address)
        ));
        say(format_args!("Ctrl-C ends the demo."));
        stops.next().await;
    }
    running.stop().await;
    status
}

/// Starts the service; on ports that the system picks if one that was free is taken by now.
fn start(settings: Settings, faults: &Arc<DemoFaults>) -> Result<Running, StartError> {
    let mut elsewhere = settings.clone();
    elsewhere.server.listen.set_port(0);
    elsewhere.server.admin_listen.set_port(0);
    let start = |settings: Settings| {
        let same = settings.clone();
        let load = Box::new(move || Ok(same.clone()));
        app::start_with_faults(settings, load, Some(Arc::clone(faults) as _))
    };
    start(settings).or_else(|_| start(elsewhere))
}

/// The shipped configuration with the upstreams replaced by the simulated ones, and with fewer
/// connections: nothing is to be said of a machine's limit of open files.
fn settings(simulator: &Simulator) -> Result<Settings, Problems> {
    let [listen, admin] = PREFERRED_PORTS.map(free_port);
    let overrides = format!(
        r#"
[server]
listen = "127.0.0.1:{listen}"
admin_listen = "127.0.0.1:{admin}"
max_connections = 500
[credentials.genesys]
token_url = "{oauth}/oauth/token"
client_id = "demo-client"
client_secret = "demo-secret"
[sources.genesys]
url = "{users}/api/v2/users/{{customerId}}"
[sources.crm]
url = "{crm}/v2/accounts"
[sources.orders]
url = "{orders}/v1/orders"
"#,
        oauth = simulator.oauth().base_url(),
        users = simulator.users().base_url(),
        crm = simulator.crm().base_url(),
        orders = simulator.orders().base_url(),
    );
    let layer = |name: &str, text: &str| Layer { name: name.to_owned(), text: text.to_owned() };
    Settings::from_layers(&[layer("config/default.toml", SHIPPED), layer("demo", &overrides)])
}

/// The port, or 0 (any) if something listens there already.
fn free_port(preferred: u16) -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, preferred)).map_or(0, |_| preferred)
}

fn introduce(running: &Running, simulator: &Simulator, faults: &[Fault]) {
    say(format_args!("Tributary on http://{} in front of simulated upstreams:\n", running.address));
    for (name, upstream) in [
        ("OAuth", simulator.oauth()),
        ("Genesys Cloud users", simulator.users()),
        ("CRM", simulator.crm()),
        ("orders", simulator.orders()),
    ] {
        say(format_args!("  {name:20} {}", upstream.base_url()));
    }
    if !faults.is_empty() {
        let each = faults.iter().map(|Fault { source, fault }| format!("{source} ({fault})"));
        say(format_args!("\nFaults: {}", each.collect::<Vec<_>>().join(", ")));
    }
    say(format_args!("\nPOST {PATH}\n{BODY}\n"));
}

fn question() -> Question {
    Question {
        path: PATH.to_owned(),
        body: BODY.to_owned(),
        headers: vec![("x-request-id", REQUEST_ID.to_owned())],
        patience: PATIENCE,
        longest: LONGEST,
    }
}

fn show(reply: &Answer, running: &Running) {
    let page = Page::of_stdout();
    say(format_args!("{}\n", escaped(&pretty(&reply.text(), page.columns))));
    if let Some(kept) = running.recent.find(REQUEST_ID) {
        say_course(&kept.record, page);
    }
}

fn curl(address: SocketAddr) -> String {
    format!(
        "curl -s http://{address}{PATH} -H 'content-type: application/json' \\\n       -d '{BODY}'"
    )
}

fn fault_curl(admin: SocketAddr) -> String {
    let body = r#"{"faults": [{"source": "crm", "fault": "hang"}]}"#;
    format!(
        "curl -s http://{admin}/v1/demo/faults -H 'content-type: application/json' \\\n       -d '{body}'"
    )
}

fn unavailable(error: &dyn Display) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(EXIT_UNAVAILABLE)
}
