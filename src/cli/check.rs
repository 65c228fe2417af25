//! `tributary check`: what is wrong with the configuration, or what the service would do.

use std::process::ExitCode;

use clap::Args;

use super::terminal::escaped;
use super::{ConfigArgs, report, say, warn};

/// What is checked, and what is shown.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Show the value of every key instead, defaults included, and where it comes from
    #[arg(long)]
    keys: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Runs the command: status 0 and the plan (warnings go to standard error), or 78 and every problem.
pub fn run(args: &CheckArgs) -> ExitCode {
    match args.config.load() {
        Ok(settings) => {
            let shown = if args.keys { settings.values() } else { settings.plan() };
            say(format_args!("{}", escaped(&shown)));
            warn(&settings);
            ExitCode::SUCCESS
        }
        Err(problems) => report(&problems),
    }
}
