//! The command line.

pub mod check;
pub mod demo;
mod pretty;
pub mod serve;
pub mod waterfall;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::settings::{Problems, Settings, process_environment};

/// The file that is read when none is named.
const DEFAULT_CONFIG: &str = "config/default.toml";
/// Names the file to read when the command line names none.
const CONFIG_VARIABLE: &str = "TRIBUTARY_CONFIG";

/// The configuration is wrong (`EX_CONFIG` of sysexits.h).
pub const EXIT_CONFIG: u8 = 78;
/// The service cannot start, although the configuration is right (`EX_UNAVAILABLE`).
pub const EXIT_UNAVAILABLE: u8 = 69;

/// Asks several upstream APIs in parallel and answers with one aggregate before a deadline.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    arg_required_else_help = true,
    after_help = "\
Start here:  tributary demo
Then:        tributary check --config my.toml   (what is wrong with it, all at once)
             tributary serve --config my.toml

Configuration: TOML files, then environment variables such as
TRIBUTARY__SERVER__LISTEN=0.0.0.0:8080 on top. RUST_LOG sets what is logged."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service.
    Serve(ConfigArgs),
    /// Say what is wrong with the configuration, or show what the service would do.
    Check(ConfigArgs),
    /// Run the service on top of simulated upstreams, and show one request's course.
    Demo(demo::DemoArgs),
}

/// Which configuration to read.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// A configuration file; may be repeated, later ones win [default: `$TRIBUTARY_CONFIG`, else
    /// `config/default.toml`]
    #[arg(long = "config", value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl ConfigArgs {
    fn load(&self) -> Result<Settings, Problems> {
        let mut files = self.files.clone();
        if files.is_empty() {
            let named = std::env::var_os(CONFIG_VARIABLE).filter(|name| !name.is_empty());
            files.push(named.map_or_else(|| PathBuf::from(DEFAULT_CONFIG), PathBuf::from));
        }
        Settings::load(&files, process_environment())
    }
}

/// Runs the command line.
pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Demo(args) => demo::run(&args),
    }
}

/// Says what is wrong with the configuration.
fn report(problems: &Problems) -> ExitCode {
    eprintln!("{problems}");
    ExitCode::from(EXIT_CONFIG)
}
