//! `tributary check`: what is wrong with the configuration, or what the service would do.

use std::process::ExitCode;

use super::terminal::escaped;
use super::{ConfigArgs, report, say, warn};

/// Runs the command: status 0 and the plan (warnings go to standard error), or 78 and every problem.
pub fn run(args: &ConfigArgs) -> ExitCode {
    match args.load() {
        Ok(settings) => {
            say(format_args!("{}", escaped(&settings.plan())));
            warn(&settings);
            ExitCode::SUCCESS
        }
        Err(problems) => report(&problems),
    }
}
