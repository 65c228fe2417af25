//! `tributary health`: whether a running service answers, for a container's health check.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use super::{ConfigArgs, report, say};

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs the command: status 0 if the service of this configuration answers on its admin address,
/// 1 if not, 78 for a wrong configuration.
pub fn run(args: &ConfigArgs) -> ExitCode {
    let settings = match args.load() {
        Ok(settings) => settings,
        Err(problems) => return report(&problems),
    };
    let address = reachable(settings.server.admin_listen);
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

async fn ask(address: SocketAddr) -> Result<u16, awc::error::SendRequestError> {
    let client = awc::Client::builder().timeout(PATIENCE).disable_redirects().finish();
    let response = client.get(format!("http://{address}/livez")).send().await?;
    Ok(response.status().as_u16())
}

/// Where a service that listens on `address` is reached from the same host.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
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
        assert_eq!(reached("10.0.0.1:9090"), "10.0.0.1:9090");
    }
}
