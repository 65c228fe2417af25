//! `tributary export`: what other systems are told of an action.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use url::{Host, Url};

use super::{ConfigArgs, EXIT_USAGE, report, say};
use crate::export::openapi::{self, Service};
use crate::export::{data_action, terraform};
use crate::model::action::action_spec::ActionSpec;
use crate::settings::{self, Settings};

/// What is exported.
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// A file that Genesys Cloud imports as a Data Action
    DataAction(ActionArgs),
    /// The same Data Action, its integration and credential as Terraform
    ///
    /// For the provider mypurecloud/genesyscloud. The API key is a variable.
    #[command(verbatim_doc_comment)]
    Terraform(ActionArgs),
    /// The `OpenAPI` 3.1 document of all actions, as GET /openapi.json has it
    Openapi(OpenapiArgs),
    /// The JSON Schema of the configuration, for editors
    ConfigSchema,
    /// The page of all keys of the configuration, as docs/configuration.md has it
    ConfigReference,
}

/// The action that is exported.
#[derive(Debug, Args)]
pub struct ActionArgs {
    /// The action; without it: the only one, else the server's `default_action`
    #[arg(long, value_name = "NAME")]
    action: Option<String>,
    /// Where Genesys Cloud reaches the service, such as `https://tributary.example.com`
    #[arg(long, value_name = "URL", value_parser = public_url)]
    url: String,
    #[command(flatten)]
    config: ConfigArgs,
}

/// The document that is exported.
#[derive(Debug, Args)]
pub struct OpenapiArgs {
    /// Where callers reach the service, such as `https://tributary.example.com`
    #[arg(long, value_name = "URL", value_parser = public_url)]
    url: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Runs the command: the export on standard output, advice on standard error; status 2 for an
/// unknown action, 78 (65, 66) for a configuration that cannot be used.
pub fn run(command: &ExportCommand) -> ExitCode {
    match command {
        ExportCommand::DataAction(args) => export_action(args, |action| {
            say(format_args!("{:#}", data_action::file(action, &args.url)));
            let seconds = data_action::timeout(action);
            eprintln!("Set the action's timeout to {seconds} s: the file has no place for it.");
        }),
        ExportCommand::Terraform(args) => export_action(args, |action| {
            say(format_args!("{}", terraform::configuration(action, &args.url).trim_end()));
        }),
        ExportCommand::Openapi(args) => export_document(args),
        ExportCommand::ConfigSchema => {
            say(format_args!("{:#}", settings::schema()));
            ExitCode::SUCCESS
        }
        ExportCommand::ConfigReference => {
            say(format_args!("{}", settings::reference().trim_end()));
            ExitCode::SUCCESS
        }
    }
}

fn export_action(args: &ActionArgs, export: impl Fn(&ActionSpec)) -> ExitCode {
    let settings = match args.config.load() {
        Ok(settings) => settings,
        Err(problems) => return report(&problems),
    };
    let Some(action) = find(&settings, args.action.as_deref()) else {
        let names: Vec<&str> = settings.actions.iter().map(|action| action.id.as_str()).collect();
        eprintln!("name one of the actions with --action: {}", names.join(", "));
        return ExitCode::from(EXIT_USAGE);
    };
    export(action);
    advise(action);
    ExitCode::SUCCESS
}

fn export_document(args: &OpenapiArgs) -> ExitCode {
    let settings = match args.config.load() {
        Ok(settings) => settings,
        Err(problems) => return report(&problems),
    };
    let document = openapi::document(Service {
        actions: &settings.actions,
        sources: &settings.sources,
        asks_for_key: !settings.server.api_keys.is_empty(),
        url: args.url.as_deref(),
    });
    say(format_args!("{document:#}"));
    ExitCode::SUCCESS
}

fn find<'a>(settings: &'a Settings, name: Option<&str>) -> Option<&'a ActionSpec> {
    let actions = settings.actions.as_slice();
    let named = |name: &str| actions.iter().find(|action| action.id.as_str() == name);
    match (name, actions) {
        (Some(name), _) => named(name),
        (None, [only]) => Some(only),
        (None, _) => settings.server.default_action.as_ref().and_then(|id| named(id.as_str())),
    }
}

/// What is to be set by hand, because the file cannot say it.
fn advise(action: &ActionSpec) {
    if !data_action::is_in_time(action) {
        eprintln!(
            "The deadline of {} leaves no time for the way: a Data Action waits {} s at most.",
            action.id,
            data_action::LONGEST_TIMEOUT
        );
    }
    let secret = action.inputs.iter().filter(|input| input.secret);
    let secret: Vec<&str> = secret.map(|input| input.name.as_str()).collect();
    if !secret.is_empty() {
        eprintln!(
            "Inputs that are secret here are plain inputs of the flow: {}.",
            secret.join(", ")
        );
    }
    eprintln!(
        "The integration's credential (user defined) needs the field `{}` with an API key.",
        data_action::CREDENTIAL_FIELD
    );
    if action.output.is_none() {
        eprintln!(
            "Only outcomes are bound: add [actions.{}.output] to bind values of the sources.",
            action.id
        );
    }
}

/// An `https` URL of a host alone; `http` on loopback, for trying it out.
fn public_url(text: &str) -> Result<String, String> {
    let allowed =
        "an https URL without path, query and user, such as https://tributary.example.com";
    let url = Url::parse(text).map_err(|error| format!("{error}; allowed: {allowed}"))?;
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let has_user = !url.username().is_empty() || url.password().is_some();
    if is_safe && is_bare && !has_user && url.has_host() {
        Ok(url.origin().ascii_serialization())
    } else {
        Err(format!("allowed: {allowed}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{find, public_url};
    use crate::settings::Settings;

    fn found(default_action: &str, name: Option<&str>) -> Option<String> {
        let text = format!(
            "[server]\n{default_action}\n[sources.a]\nurl = \"http://127.0.0.1:1/\"\n\
             [actions.one]\nsources = [\"a\"]\n[actions.two]\nsources = [\"a\"]\n"
        );
        let settings = Settings::from_toml(&text, "test.toml").expect("a configuration");
        find(&settings, name).map(|action| action.id.to_string())
    }

    #[test]
    fn without_a_name_the_default_action_is_exported_and_never_a_guess() {
        let default_action = "default_action = \"two\"";
        assert_eq!(found(default_action, None).as_deref(), Some("two"));
        assert_eq!(found(default_action, Some("one")).as_deref(), Some("one"));
        assert_eq!(found(default_action, Some("three")), None);
        assert_eq!(found("", None), None);
    }

    #[test]
    fn only_the_address_of_a_host_is_a_public_url() {
        assert_eq!(public_url("https://a.example/"), Ok("https://a.example".to_owned()));
        assert_eq!(public_url("http://127.0.0.1:8080").as_deref(), Ok("http://127.0.0.1:8080"));
        for text in [
            "a.example",
            "http://a.example",
            "https://a.example/path",
            "https://a.example?x",
            "https://u:p@a.example",
            "ftp://a.example",
        ] {
            assert!(public_url(text).is_err(), "{text}");
        }
    }
}
