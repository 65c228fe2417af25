//! The command line.

mod ask;
pub mod call;
pub mod check;
pub mod demo;
pub mod export;
pub mod health;
mod health_probe;
mod pretty;
pub mod serve;
mod terminal;
mod usage;
pub mod waterfall;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use self::terminal::{Page, escaped};
use crate::model::record::explanation;
use crate::model::record::request_record::RequestRecord;
use crate::settings::{Cause, Problems, Settings, process_environment};

/// The file that is read when none is named.
const DEFAULT_CONFIG: &str = "config/default.toml";
/// Names the file to read when the command line names none.
const CONFIG_VARIABLE: &str = "TRIBUTARY_CONFIG";

/// A certificate or its key cannot be used (`EX_DATAERR` of sysexits.h).
pub const EXIT_CERTIFICATE: u8 = 65;
/// A file of the configuration cannot be read (`EX_NOINPUT`).
pub const EXIT_FILE: u8 = 66;
/// The configuration is wrong (`EX_CONFIG`).
pub const EXIT_CONFIG: u8 = 78;
/// A command line that makes no sense, as clap says it.
pub const EXIT_USAGE: u8 = 2;
/// The service cannot start, although the configuration is right (`EX_UNAVAILABLE`).
pub const EXIT_UNAVAILABLE: u8 = 69;

/// Asks several upstream APIs in parallel and answers with one aggregate before a deadline.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    arg_required_else_help = true,
    after_help = "\
Start here:
  tributary demo                      needs no configuration and no network
  tributary check --config my.toml    says all that is wrong with your own, or what it would do
  tributary serve --config my.toml    runs it, until SIGTERM or Ctrl-C

Configuration:
  TOML files, then environment variables on top: TRIBUTARY__SERVER__LISTEN=127.0.0.1:8081 sets
  `listen` in [server]. TRIBUTARY_CONFIG names the file to read when there is no --config.
  RUST_LOG sets what is logged, for example RUST_LOG=debug.

Exit status:
  0   done: stopped when asked, the configuration is right, a whole aggregate came
  1   call: a part of the aggregate came; demo: the same, or none came; health: no answer
  2   a command line that makes no sense
  3   call: inputs are missing or not as they should be
  4   call: there is no such action
  5   call: the action failed, there is no aggregate
  65  a certificate or its key cannot be used
  66  a file that the configuration needs cannot be read
  69  the service cannot start, because its port is taken
  78  the configuration is wrong, whatever else is"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service
    ///
    /// Serves actions and, on another port, the operators' routes, until SIGTERM or Ctrl-C;
    /// requests under way are then let to end, within the configured `shutdown_grace`.
    /// The log goes to standard error: plain lines in a terminal, else JSON.
    #[command(verbatim_doc_comment)]
    Serve(ConfigArgs),
    /// Say what is wrong with the configuration, or show what the service would do
    ///
    /// Lists every problem at once, each with its file, its key, what was found and what is
    /// allowed. Asks no upstream. Secrets are not shown.
    #[command(verbatim_doc_comment)]
    Check(check::CheckArgs),
    /// Run the service on top of simulated upstreams, and show one request's course
    ///
    /// Everything is on 127.0.0.1: an OAuth server, a users API, a CRM and an orders API with
    /// the latency of real ones, and the service with the shipped configuration in front. It asks
    /// once, prints the aggregate and where its time went, and keeps serving for you to try.
    #[command(verbatim_doc_comment)]
    Demo(demo::DemoArgs),
    /// Run one action against the configured sources, and show its course
    ///
    /// Starts the service for this one request, on loopback, and asks it. Prints the aggregate and
    /// where its time went; connections and tokens are new, so their time is in it. Exit status: 0
    /// complete, 1 partial, 3 inputs refused, 4 no such action, 5 failed.
    #[command(verbatim_doc_comment)]
    Call(call::CallArgs),
    /// Say whether a running service answers
    ///
    /// Asks /livez on the operators' port, for 2 s at most. For a container's health check: the
    /// program is all that it needs. Mistakes in the configuration do not matter, since a service
    /// that began with another one may be running; only the address is looked for.
    #[command(verbatim_doc_comment)]
    Health(health::HealthArgs),
    /// Print what another system is to be told of an action
    ///
    /// Derived from the configuration, so that the two cannot disagree. The export goes to standard
    /// output, advice to standard error.
    #[command(subcommand, verbatim_doc_comment)]
    Export(export::ExportCommand),
}

/// Which configuration to read.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// A configuration file; may be repeated, later ones win.
    /// Without any: the file named by `TRIBUTARY_CONFIG`, else config/default.toml
    #[arg(long = "config", value_name = "FILE", verbatim_doc_comment)]
    files: Vec<PathBuf>,
}

impl ConfigArgs {
    fn load(&self) -> Result<Settings, Problems> {
        Settings::load(&self.files(), process_environment())
    }

    fn files(&self) -> Vec<PathBuf> {
        if !self.files.is_empty() {
            return self.files.clone();
        }
        let named = std::env::var_os(CONFIG_VARIABLE).filter(|name| !name.is_empty());
        vec![named.map_or_else(|| PathBuf::from(DEFAULT_CONFIG), PathBuf::from)]
    }
}

/// Runs the command line.
pub fn run() -> ExitCode {
    match usage::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Call(args) => call::run(&args),
        Command::Health(args) => health::run(&args),
        Command::Export(command) => export::run(&command),
    }
}

/// Says what is wrong with the configuration.
fn report(problems: &Problems) -> ExitCode {
    eprintln!("{}", escaped(&problems.to_string()));
    ExitCode::from(match problems.cause() {
        Cause::Configuration => EXIT_CONFIG,
        Cause::File => EXIT_FILE,
        Cause::Certificate => EXIT_CERTIFICATE,
    })
}

/// Says what is allowed in the configuration, but most likely not meant.
fn warn(settings: &Settings) {
    for warning in &settings.warnings {
        eprintln!("warning: {}", escaped(&warning.to_string()));
    }
}

/// Prints a line. A reader that wants no more of it, as `| head` does, is no failure.
fn say(line: std::fmt::Arguments<'_>) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// Prints where a request's time went, and what was done about what went wrong.
fn say_course(record: &RequestRecord, page: Page) {
    say(format_args!("Where the time went (request {}):\n", record.request_id));
    say(format_args!("{}\n", waterfall::draw(record, page).trim_end()));
    for line in explanation::tell(record) {
        say(format_args!("{}", escaped(&line)));
    }
}
