//! `tributary call`: one action from the terminal, against the configured sources.

mod call_report;
mod input_arguments;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use self::call_report::{Called, Format, Refusal};
use super::ask::{AskError, Question, ask};
use super::{ConfigArgs, EXIT_UNAVAILABLE, report};
use crate::model::action::action_spec::ActionSpec;
use crate::model::secret::ExposeSecret as _;
use crate::settings::{DURATION_FORM, Settings, parse_duration};
use crate::{app, telemetry};

/// The aggregate came, but not every part of it is there.
const EXIT_PARTIAL: u8 = 1;
/// Inputs are missing or not as they should be.
const EXIT_REFUSED: u8 = 3;
/// There is no action of this name.
const EXIT_UNKNOWN_ACTION: u8 = 4;
/// The action failed: a problem came instead of an aggregate, or nothing.
const EXIT_FAILED: u8 = 5;

/// How much longer than the deadline a reply is waited for.
const MARGIN: Duration = Duration::from_secs(10);
/// What a problem has around its aggregate at most, bytes.
const AROUND: usize = 64 * 1024;
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What is called.
#[derive(Debug, Args)]
pub struct CallArgs {
    /// The action
    action: String,
    /// An input, as the action declares it; `customerId@env=ID` takes the value from the variable
    /// ID: other users of this machine can see a command line, but not an environment
    #[arg(value_name = "NAME=VALUE", verbatim_doc_comment)]
    inputs: Vec<String>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Lower the action's deadline, such as `2s` or `500ms`
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    timeout: Option<Duration>,
    /// Print one JSON document instead: status, complete, aggregate, problem, record
    #[arg(long)]
    json: bool,
}

impl CallArgs {
    fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text).filter(|time| !time.is_zero());
    time.ok_or_else(|| format!("allowed is {DURATION_FORM}, above 0"))
}

/// Runs the command; its statuses are in the help.
pub fn run(args: &CallArgs) -> ExitCode {
    let _log = telemetry::logging::start("error");
    let settings = match args.config.load() {
        Ok(settings) => settings,
        Err(problems) => return report(&problems),
    };
    let found = settings.actions.iter().find(|action| action.id.as_str() == args.action);
    let Some(action) = found.cloned() else {
        let known = settings.actions.iter().map(|action| action.id.to_string()).collect();
        Refusal::UnknownAction { action: args.action.clone(), known }.tell(args.format());
        return ExitCode::from(EXIT_UNKNOWN_ACTION);
    };
    let inputs = match input_arguments::read(&args.inputs, &action, |name| std::env::var(name).ok())
    {
        Ok(inputs) => inputs,
        Err(problems) => {
            Refusal::Inputs(problems).tell(args.format());
            return ExitCode::from(EXIT_REFUSED);
        }
    };
    for name in input_arguments::exposed(&args.inputs, &action) {
        eprintln!(
            "{name} is secret, and a command line can be seen by others: {name}@env=VARIABLE"
        );
    }
    let question = question(args, &settings, &action, &inputs);
    actix::System::new().block_on(call(settings, &question, args.format()))
}

/// The request, made as a caller who has the first of the keys.
fn question(
    args: &CallArgs,
    settings: &Settings,
    action: &ActionSpec,
    inputs: &Map<String, Value>,
) -> Question {
    let mut headers = vec![("x-request-id", format!("call-{:016x}", fastrand::u64(..)))];
    if let Some(key) = settings.server.api_keys.first() {
        headers.push(("x-api-key", key.key.expose_secret().to_owned()));
    }
    if let Some(timeout) = args.timeout {
        headers.push(("x-request-timeout-ms", timeout.as_millis().to_string()));
    }
    Question {
        path: format!("/v1/actions/{}", action.id),
        body: json!(inputs).to_string(),
        headers,
        patience: action.deadline + MARGIN,
        longest: action.max_reply + AROUND,
    }
}

/// Starts the service, asks it once and stops it.
async fn call(mut settings: Settings, question: &Question, format: Format) -> ExitCode {
    // It is there for this one request: nobody else is to find it, nor is it to be in the way.
    settings.server.listen = ANY_PORT;
    settings.server.admin_listen = ANY_PORT;
    settings.server.tls = None;
    settings.server.admin_tls = None;
    settings.server.workers = 1;
    let same = settings.clone();
    let running = match app::start(settings, Box::new(move || Ok(same.clone()))) {
        Ok(running) => running,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(EXIT_UNAVAILABLE);
        }
    };
    let answer = ask(running.address, question).await;
    running.stop().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error @ (AskError::Send(_) | AskError::Body(_))) => {
            eprintln!("{error}");
            return ExitCode::from(EXIT_FAILED);
        }
    };
    let request_id = question.headers.iter().find(|(name, _)| *name == "x-request-id");
    let record = request_id.and_then(|(_, id)| running.recent.find(id)).map(|kept| kept.record);
    let called = Called { answer: &answer, record: record.as_deref() };
    called.tell(format);
    match answer.status {
        200 if answer.is_complete() => ExitCode::SUCCESS,
        200 => ExitCode::from(EXIT_PARTIAL),
        400 | 413 => ExitCode::from(EXIT_REFUSED),
        _ => ExitCode::from(EXIT_FAILED),
    }
}
