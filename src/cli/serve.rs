//! `tributary serve`: runs until it is told to stop.

use std::process::ExitCode;

use super::{ConfigArgs, EXIT_UNAVAILABLE, report};
use crate::app::{self, Running, StartError};
use crate::settings::Settings;
use crate::{signals, telemetry};

/// Runs the command: status 0 after a stop, 78 for a wrong configuration, 69 if it cannot start.
pub fn run(args: &ConfigArgs) -> ExitCode {
    let _log = telemetry::logging::start("info,actix_server=warn,actix_http=off");
    let settings = match args.load() {
        Ok(settings) => settings,
        Err(problems) => return report(&problems),
    };
    actix::System::new().block_on(async {
        // From here on, so that one that comes during the start does not end the process.
        let hangups = signals::hangups();
        match start(settings, args.clone()) {
            Ok(running) => {
                until_told_to_stop(&running, hangups).await;
                tracing::info!("going down; requests under way are let to end");
                running.stop().await;
                tracing::info!("down");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(EXIT_UNAVAILABLE)
            }
        }
    })
}

fn start(settings: Settings, args: ConfigArgs) -> Result<Running, StartError> {
    let names = |names: Vec<&str>| names.join(", ");
    let actions = names(settings.actions.iter().map(|action| action.id.as_str()).collect());
    let sources = names(settings.sources.iter().map(|source| source.id.as_str()).collect());
    let running = app::start(settings, Box::new(move || args.load()))?;
    tracing::info!(
        address = %running.address,
        admin = %running.admin_address,
        actions,
        sources,
        version = env!("CARGO_PKG_VERSION"),
        "up"
    );
    Ok(running)
}

/// Takes the configuration anew at each SIGHUP meanwhile; what came of it is logged.
async fn until_told_to_stop(running: &Running, mut hangups: signals::Listener) {
    let mut stop = std::pin::pin!(signals::stop_requested());
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = hangups.next() => drop(running.reload()),
        }
    }
}
