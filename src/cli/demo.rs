//! `tributary demo`: the service on top of simulated upstreams, and the course of one request.

use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::pretty::pretty;
use super::{EXIT_UNAVAILABLE, report, say, waterfall};
use crate::app::{self, Running};
use crate::settings::{Layer, Problems, Settings};
use crate::simulator::{Latency, Options, Simulator};
use crate::{signals, telemetry};

/// The configuration that is shipped; the demo changes only where things are.
const SHIPPED: &str = include_str!("../../config/default.toml");
/// The ports the service takes if they are free.
const PREFERRED_PORTS: [u16; 2] = [8080, 9090];
const PATH: &str = "/v1/actions/customer_profile";
const BODY: &str = r#"{"customerId":"c-1001","externalApiKey":"demo-key"}"#;
const REQUEST_ID: &str = "demo-1";

/// What the demo is to do.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End after the first aggregate
    #[arg(long)]
    once: bool,
}

/// Runs the command: status 0 if a whole aggregate came, else 1; 69 if nothing could be started.
pub fn run(args: &DemoArgs) -> ExitCode {
    let _log = telemetry::logging::start("warn");
    let latency = Latency::Lognormal { median: Duration::from_millis(35), sigma: 0.5 };
    let simulator = match Simulator::start(Options { latency, ..Options::default() }) {
        Ok(simulator) => simulator,
        Err(error) => return unavailable(&error),
    };
    // Whoever tries a load on the demo is not to meet Genesys Cloud's 300 requests a minute.
    simulator.users_settings().set_rate_limit(1_000_000, false);
    match settings(&simulator) {
        Ok(settings) => actix::System::new().block_on(serve(settings, &simulator, args.once)),
        Err(problems) => report(&problems),
    }
}

async fn serve(settings: Settings, simulator: &Simulator, once: bool) -> ExitCode {
    let same = settings.clone();
    let running = match app::start(settings, Box::new(move || Ok(same.clone()))) {
        Ok(running) => running,
        Err(error) => return unavailable(&error),
    };
    introduce(&running, simulator);
    let status = match ask(running.address).await {
        Ok((status, reply)) => {
            show(&reply, &running);
            ExitCode::from(u8::from(status != 200 || !is_complete(&reply)))
        }
        Err(error) => {
            eprintln!("no reply from the service: {error}");
            ExitCode::FAILURE
        }
    };
    if !once {
        say(format_args!("\nTry it yourself:\n\n  {}\n", curl(running.address)));
        say(format_args!(
            "Other customers: any id; those that begin with `missing` are not found."
        ));
        say(format_args!("A flat reply:    the same with /v1/actions/customer_card"));
        say(format_args!(
            "For operators:   http://{}/readyz, /metrics, /v1/sources, /v1/credentials",
            running.admin_address
        ));
        say(format_args!("Ctrl-C ends the demo."));
        signals::stop_requested().await;
    }
    running.stop().await;
    status
}

/// The shipped configuration with the upstreams replaced by the simulated ones.
fn settings(simulator: &Simulator) -> Result<Settings, Problems> {
    let [listen, admin] = PREFERRED_PORTS.map(free_port);
    let overrides = format!(
        r#"
[server]
listen = "127.0.0.1:{listen}"
admin_listen = "127.0.0.1:{admin}"
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

fn introduce(running: &Running, simulator: &Simulator) {
    say(format_args!("Tributary on http://{} in front of simulated upstreams:\n", running.address));
    for (name, upstream) in [
        ("OAuth", simulator.oauth()),
        ("Genesys Cloud users", simulator.users()),
        ("CRM", simulator.crm()),
        ("orders", simulator.orders()),
    ] {
        say(format_args!("  {name:20} {}", upstream.base_url()));
    }
    say(format_args!("\nPOST {PATH}\n{BODY}\n"));
}

async fn ask(address: SocketAddr) -> Result<(u16, Vec<u8>), awc::error::SendRequestError> {
    let request = awc::Client::new()
        .post(format!("http://{address}{PATH}"))
        .insert_header(("content-type", "application/json"))
        .insert_header(("x-request-id", REQUEST_ID));
    let mut response = request.send_body(BODY).await?;
    let body = response.body().await.unwrap_or_default();
    Ok((response.status().as_u16(), body.to_vec()))
}

/// Whether the aggregate says that every source had an answer.
fn is_complete(reply: &[u8]) -> bool {
    let aggregate: Option<serde_json::Value> = serde_json::from_slice(reply).ok();
    aggregate.is_some_and(|aggregate| aggregate["complete"] == true)
}

fn show(reply: &[u8], running: &Running) {
    say(format_args!("{}\n", pretty(&String::from_utf8_lossy(reply))));
    if let Some(record) = running.recent.find(REQUEST_ID) {
        say(format_args!("Where the time went (request {}):\n", record.request_id));
        say(format_args!("{}", waterfall::draw(&record).trim_end()));
    }
}

fn curl(address: SocketAddr) -> String {
    format!(
        "curl -s http://{address}{PATH} -H 'content-type: application/json' \\\n       -d '{BODY}'"
    )
}

fn unavailable(error: &dyn Display) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(EXIT_UNAVAILABLE)
}

#[cfg(test)]
mod tests {
    use super::is_complete;

    #[test]
    fn only_a_reply_that_says_so_is_a_whole_aggregate() {
        assert!(is_complete(br#"{"complete":true}"#));
        for reply in [&br#"{"complete":false}"#[..], b"{}", b"[]", b"", b"not JSON"] {
            assert!(!is_complete(reply), "{}", String::from_utf8_lossy(reply));
        }
    }
}
