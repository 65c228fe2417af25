//! `tributary serve`: runs until it is told to stop.

use std::process::ExitCode;

use super::{ConfigArgs, EXIT_CERTIFICATE, EXIT_UNAVAILABLE, report};
use crate::app::{self, Running, StartError};
use crate::model::id::Id;
use crate::settings::{ServerTls, Settings};
use crate::{signals, telemetry};

/// Runs the command: status 0 after a stop, 78 (65, 66) for a configuration that cannot be used, 69
/// (65) if the service cannot start.
pub fn run(args: &ConfigArgs) -> ExitCode {
    let _log = telemetry::logging::start("info,actix_server=warn,actix_http=off");
    actix::System::new().block_on(async {
        // From here on, so that one that comes during the start does not kill the process.
        let (mut stops, hangups) = (signals::stops(), signals::hangups());
        let of_thread = args.clone();
        let loaded = tokio::select! {
            // The files may take their time, and the first process of a container has no end by a
            // signal that it does not listen for.
            () = stops.next() => {
                tracing::info!("told to stop before the configuration was read");
                return ExitCode::SUCCESS;
            }
            loaded = app::in_a_thread("load", move || of_thread.load()) => loaded,
        };
        let settings = match loaded {
            Ok(Ok(settings)) => settings,
            Ok(Err(problems)) => return report(&problems),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::from(EXIT_UNAVAILABLE);
            }
        };
        match start(settings, args.clone()) {
            Ok(running) => {
                until_told_to_stop(&running, stops, hangups).await;
                tracing::info!("going down; requests under way are let to end");
                running.stop().await;
                tracing::info!("down");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(match error {
                    StartError::Tls { .. } => EXIT_CERTIFICATE,
                    StartError::Listen { .. }
                    | StartError::Descriptors { .. }
                    | StartError::HttpClient { .. }
                    | StartError::Metrics(_)
                    | StartError::Traces(_)
                    | StartError::Secret { .. } => EXIT_UNAVAILABLE,
                })
            }
        }
    })
}

fn start(settings: Settings, args: ConfigArgs) -> Result<Running, StartError> {
    let scheme = |tls: Option<&ServerTls>| if tls.is_some() { "https" } else { "http" };
    let public = scheme(settings.server.tls.as_ref());
    let admin = scheme(settings.server.admin_tls.as_ref());
    let plan = settings.clone();
    let running = app::start(settings, Box::new(move || args.load()))?;
    tracing::info!(
        address = %format_args!("{public}://{}", running.address),
        admin = %format_args!("{admin}://{}", running.admin_address),
        version = env!("CARGO_PKG_VERSION"),
        config_hash = plan.config_hash,
        "up"
    );
    introduce(&plan);
    for warning in &plan.warnings {
        tracing::warn!(%warning, "the configuration has something that is most likely not meant");
    }
    Ok(running)
}

/// A line for each action and each source.
fn introduce(plan: &Settings) {
    for action in &plan.actions {
        let asks = action.sources.iter().map(Id::as_str).collect::<Vec<_>>().join(", ");
        let within_ms = u64::try_from(action.deadline.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(action = %action.id, asks, within_ms, "an action is served");
    }
    for source in &plan.sources {
        let (method, url) = (source.request.method.as_str(), source.request.shown_url.as_str());
        tracing::info!(source = source.name(), method, url, "a source will be asked");
    }
}

/// Takes the configuration anew at each SIGHUP meanwhile; what came of it is logged.
async fn until_told_to_stop(
    running: &Running,
    mut stops: signals::Stops,
    mut hangups: signals::Listener,
) {
    loop {
        tokio::select! {
            () = stops.next() => return,
            () = hangups.next() => {}
        }
        tokio::select! {
            () = stops.next() => return,
            _ = running.reload() => {}
        }
    }
}
