//! `tributary health`: whether a running service answers, for a container's health check.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{ConfigArgs, say};
use crate::cli::health_probe;
use crate::settings::{Settings, process_environment};

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(2);

/// Arguments of the command.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// The operators' port, an IP address with a port such as 127.0.0.1:9090.
    /// Without it: `TRIBUTARY__SERVER__ADMIN_LISTEN`, else `admin_listen` of the configuration file if
    /// it can be read, else 127.0.0.1:9090
    #[arg(long, value_name = "ADDRESS", verbatim_doc_comment)]
    address: Option<SocketAddr>,

    #[command(flatten)]
    config: ConfigArgs,
}

/// Runs the command: status 0 if a service answers on its admin address, 1 if not.
pub fn run(args: &HealthArgs) -> ExitCode {
    let configured = || Settings::admin_address(&args.config.files(), process_environment());
    let address = reachable(args.address.unwrap_or_else(configured));
    match actix::System::new().block_on(ask(address)) {
        Ok(200) => {
            say(format_args!("alive"));
            ExitCode::SUCCESS
        }
        Ok(status) => {
            eprintln!("http://{address}/livez answered {status}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("http://{address}/livez: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn ask(address: SocketAddr) -> io::Result<u16> {
    let answer = tokio::time::timeout(PATIENCE, health_probe::livez(address)).await;
    answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Where a service that listens on `address` is reached from the same host.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip().to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn a_service_on_every_address_is_asked_on_loopback() {
        let reached = |text: &str| reachable(text.parse().expect("an address")).to_string();
        assert_eq!(reached("0.0.0.0:9090"), "127.0.0.1:9090");
        assert_eq!(reached("[::]:9090"), "[::1]:9090");
        assert_eq!(reached("[::ffff:0.0.0.0]:9090"), "127.0.0.1:9090");
        assert_eq!(reached("10.0.0.1:9090"), "10.0.0.1:9090");
    }
}
