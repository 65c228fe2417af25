//! `tributary check`: what is wrong with the configuration, or what the service would do.

use std::process::ExitCode;

use clap::Args;

use super::terminal::escaped;
use super::{ConfigArgs, EXIT_CONFIG, report, say, warn};

/// What is checked, and what is shown.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Show the value of every key instead, defaults included, and where it comes from
    #[arg(long)]
    keys: bool,
    /// Take a warning for a problem: the status is 78 then as well
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Runs the command: status 0 and the plan (warnings go to standard error), or 78 and every problem;
/// with `--strict` 78 after a warning as well.
pub fn run(args: &CheckArgs) -> ExitCode {
    match args.config.load() {
        Ok(settings) => {
            let shown = if args.keys { settings.values() } else { settings.plan() };
            say(format_args!("{}", escaped(&shown)));
            warn(&settings);
            if args.strict && !settings.warnings.is_empty() {
                return ExitCode::from(EXIT_CONFIG);
            }
            ExitCode::SUCCESS
        }
        Err(problems) => report(&problems),
    }
}
