//! What a configuration amounts to, in words: the resolved plan of `tributary check`.
//!
//! Defaults are written out; secrets are `[redacted]`.

use std::fmt::{self, Write};

use crate::model::action::action_spec::{ActionSpec, OnRequiredFailure};
use crate::model::action::fields::Extraction;
use crate::model::allowed_hosts::AllowedHosts;
use crate::model::id::Id;
use crate::model::trace_export::TraceExport;
use crate::policy::auth::credential_spec::CredentialSpec;
use crate::policy::source_spec::SourceSpec;

use super::Settings;
use super::keys::ApiKeySpec;
use super::server_tls::ServerTls;
use crate::config::shown::REDACTED;
use crate::config::units::{show_duration, show_size};

/// The plan, one block for the server and one for each credential, source and action.
pub(super) fn describe(settings: &Settings) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_all(&mut out, settings);
    out
}

fn write_all(out: &mut String, settings: &Settings) -> fmt::Result {
    write_server(out, settings)?;
    write_traces(out, settings.traces.as_ref())?;
    for action in &settings.actions {
        write_action(out, action)?;
    }
    for source in &settings.sources {
        write_source(out, source)?;
    }
    for credential in &settings.credentials {
        write_credential(out, credential)?;
    }
    Ok(())
}

fn write_server(out: &mut String, settings: &Settings) -> fmt::Result {
    let server = &settings.server;
    writeln!(out, "server")?;
    writeln!(out, "  config_hash     {}", settings.config_hash)?;
    writeln!(out, "  listen          {}", server.listen)?;
    writeln!(out, "  tls             {}", tls(server.tls.as_ref(), "callers"))?;
    writeln!(out, "  api_keys        {}", keys(&server.api_keys, "callers"))?;
    if !server.asks_callers() {
        writeln!(out, "  allowed_hosts   {}", hosts(&server.allowed_hosts))?;
    }
    writeln!(out, "  admin_listen    {}", server.admin_listen)?;
    writeln!(out, "  admin_tls       {}", tls(server.admin_tls.as_ref(), "operators"))?;
    writeln!(out, "  admin_keys      {}", keys(&server.admin_keys, "operators"))?;
    writeln!(out, "  admin_hosts     {}", hosts(&server.admin_hosts))?;
    if let Some(action) = &server.default_action {
        writeln!(out, "  default_action  {action}")?;
    }
    writeln!(
        out,
        "  limits          {} workers, {} requests at a time, {} connections, body of {} within {}",
        server.workers,
        server.max_concurrent_requests,
        server.max_connections,
        bytes(server.max_body),
        show_duration(server.body_timeout),
    )?;
    writeln!(out, "  shutdown_grace  {}", show_duration(server.shutdown_grace))
}

fn tls(tls: Option<&ServerTls>, who: &str) -> String {
    match tls {
        None => format!("none: {who} are spoken to in plain text"),
        Some(tls) if tls.asks_for_certificate => {
            format!("TLS 1.2 and 1.3, {who} need a certificate")
        }
        Some(_) => "TLS 1.2 and 1.3".to_owned(),
    }
}

fn keys(keys: &[ApiKeySpec], who: &str) -> String {
    let shown: Vec<String> = keys.iter().map(|key| format!("{} {REDACTED}", key.name)).collect();
    if shown.is_empty() { format!("none: {who} are not asked for a key") } else { shown.join(", ") }
}

/// The hosts for which requests may be made.
fn hosts(hosts: &AllowedHosts) -> String {
    let names = hosts.names().iter().map(String::as_str);
    ["addresses", "localhost"].into_iter().chain(names).collect::<Vec<_>>().join(", ")
}

fn write_traces(out: &mut String, traces: Option<&TraceExport>) -> fmt::Result {
    let Some(traces) = traces else { return writeln!(out, "  traces          none are sent") };
    let TraceExport { endpoint, protocol, sample_ratio, service_name } = traces;
    let protocol = protocol.as_str();
    writeln!(out, "  traces          as {service_name} to {endpoint} by {protocol}")?;
    writeln!(
        out,
        "                  {sample_ratio} of the requests whose caller does not decide it"
    )
}

fn write_action(out: &mut String, action: &ActionSpec) -> fmt::Result {
    writeln!(out, "\naction {}", action.id)?;
    writeln!(out, "  call            POST /v1/actions/{}", action.id)?;
    write_sources(out, action)?;
    writeln!(out, "  deadline        {}", show_duration(action.deadline))?;
    writeln!(out, "  max_reply       {}", bytes(action.max_reply))?;
    for input in &action.inputs {
        let mut words = vec![input.kind.as_str()];
        let marks =
            [(input.required, "required"), (input.secret, "secret"), (input.echo, "echoed")];
        words.extend(marks.iter().filter(|(set, _)| *set).map(|(_, word)| *word));
        writeln!(out, "  input           {}: {}", input.name, words.join(", "))?;
        for (value, credential) in &input.credentials {
            writeln!(out, "                  {value:?} chooses {credential}")?;
        }
    }
    for field in action.output.iter().flat_map(|output| &output.fields) {
        let (kind, from) = (field.kind.as_str(), &field.from);
        let rows = match &field.extraction {
            Extraction::Path(_) => String::new(),
            Extraction::Count(_) => ", counted".to_owned(),
            Extraction::Rows(rows) => format!(", an element for each of {:?}", rows.each.as_str()),
        };
        writeln!(out, "  field           {}: {kind}, from {from}{rows}", field.name)?;
    }
    Ok(())
}

/// The action's sources: which are asked at once, which wait, and which are required.
fn write_sources(out: &mut String, action: &ActionSpec) -> fmt::Result {
    let at_once = |id: &&Id| action.waits_for(id).is_empty();
    let all = if action.dependencies.is_empty() { "all " } else { "" };
    let sources = list(action.sources.iter().filter(at_once));
    writeln!(out, "  sources         {sources}, {all}at once")?;
    for dependency in &action.dependencies {
        let (source, others) = (&dependency.source, list(&dependency.waits_for));
        writeln!(out, "                  {source}, when it has the answer of {others}")?;
    }
    if !action.required.is_empty() {
        let then = match action.on_required_failure {
            OnRequiredFailure::Partial => "the reply is 200, as always",
            OnRequiredFailure::Fail => "the reply is 502 or 504, at once",
        };
        writeln!(out, "  required        {}: without, {then}", list(&action.required))?;
    }
    Ok(())
}

fn list<'a>(ids: impl IntoIterator<Item = &'a Id>) -> String {
    ids.into_iter().map(Id::as_str).collect::<Vec<_>>().join(", ")
}

fn write_source(out: &mut String, source: &SourceSpec) -> fmt::Result {
    write!(out, "\nsource {}\n{}", source.name(), source.plan())
}

fn write_credential(out: &mut String, credential: &CredentialSpec) -> fmt::Result {
    write!(out, "\ncredential {}\n{}", credential.id, credential.plan())
}

fn bytes(size: usize) -> String {
    show_size(u64::try_from(size).unwrap_or(u64::MAX))
}
