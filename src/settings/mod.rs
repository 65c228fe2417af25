//! Configuration text becomes validated `…Spec` types, or a list of every mistake in it.
//!
//! ```text
//! files, environment ─ config ─▶ one table ─ server, credential, source, action ─▶ specs
//!                                                       each by itself      │
//!                                  Settings ◀─ check: do they fit together ─┘
//! ```
//!
//! Nothing here stops at the first mistake: readers note a [`Problem`] and go on.

mod action;
mod action_inputs;
mod check;
mod config_hash;
mod keys;
mod output;
mod plan;
mod sections;
mod server;
mod server_tls;
mod traces;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

use config::Value;

use crate::model::action::action_spec::ActionSpec;
use crate::model::id::Id;
use crate::model::trace_export::TraceExport;
use crate::policy::auth::credential_spec::{CREDENTIAL, CredentialSpec};
use crate::policy::source_spec::{SOURCE, SourceSpec, place_inputs};

pub use crate::config::{
    Cause, DURATION_FORM, InEffect, KeyDigests, Layer, Problem, Problems, Warning, nearest,
    parse_duration, process_environment,
};
pub use keys::ApiKeySpec;
pub use server::ServerSpec;
pub use server_tls::ServerTls;

use crate::config::model_forms::ID_FORM;
use crate::config::report::Report;
use crate::config::shown::show_text;
use crate::config::table::Table;
use crate::config::{ENVIRONMENT, layers, reference_page, schema, variable_hints};
use action::ACTION;
use check::locator::Locator;
use check::parts::{Names, Parts};
use check::{dependencies, tenants};
use sections::ROOT;
use server::SERVER;
use traces::TRACES;

/// A whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Listeners and process-wide limits.
    pub server: ServerSpec,
    /// In the order of the configuration.
    pub credentials: Vec<CredentialSpec>,
    /// In the order of the configuration.
    pub sources: Vec<SourceSpec>,
    /// In the order of the configuration.
    pub actions: Vec<ActionSpec>,
    /// Where traces are sent; absent: nowhere.
    pub traces: Option<TraceExport>,
    /// What is allowed, but most likely not meant.
    pub warnings: Vec<Warning>,
    /// A short hash of it all, secrets left out: equal where the configuration is.
    pub config_hash: String,
    /// The value of every key, defaults included.
    pub in_effect: InEffect,
    /// Whereby a reload finds the keys that have changed.
    pub keys: KeyDigests,
}

impl Settings {
    /// Reads the files, later ones on top of earlier ones, and the environment on top of them all.
    ///
    /// # Errors
    /// Every problem of the configuration, a file that cannot be read among them.
    pub fn load(
        files: &[PathBuf],
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        let report = Report::default();
        let layers = layers::read_files(files, &report);
        Self::build(&layers, environment, report)
    }

    /// Reads one text as if it were the file `name`; the environment is left out.
    ///
    /// # Errors
    /// Every problem of the configuration.
    pub fn from_toml(text: &str, name: &str) -> Result<Self, Problems> {
        Self::from_layers(&[Layer { name: name.to_owned(), text: text.to_owned() }])
    }

    /// Reads several texts, later ones on top of earlier ones; the environment is left out.
    ///
    /// # Errors
    /// Every problem of the configuration.
    pub fn from_layers(layers: &[Layer]) -> Result<Self, Problems> {
        Self::build(layers, std::iter::empty(), Report::default())
    }

    /// Where the operators' port is of a service that was started with these files and this
    /// environment, as far as they can be read: whatever else is wrong with them, and whatever cannot
    /// be read, a service that began with something better may be running there.
    pub fn admin_address(
        files: &[PathBuf],
        environment: impl Iterator<Item = (String, String)>,
    ) -> SocketAddr {
        // Its problems are of no interest.
        let report = Report::default();
        let environment: Vec<_> = environment.collect();
        // Whatever stands in the files, this wins: they need not be read, and one may hang.
        let alone = layers::merge(&[], environment.iter().cloned(), &report);
        let root = Table::root(&ROOT, &alone, ENVIRONMENT, &report);
        if let Some(address) = server::given_admin_address(&root.section_or_empty(&SERVER)) {
            return address;
        }
        let layers = layers::read_files(files, &report);
        let merged = layers::merge(&layers, environment.into_iter(), &report);
        let root = Table::root(&ROOT, &merged, ENVIRONMENT, &report);
        let given = server::given_admin_address(&root.section_or_empty(&SERVER));
        given.unwrap_or(server::DEFAULT_ADMIN_LISTEN)
    }

    /// What the service would do, for people; secrets are left out.
    pub fn plan(&self) -> String {
        plan::describe(self)
    }

    /// The value of every key and the layer that says it, a line each; secrets are left out.
    pub fn values(&self) -> String {
        self.in_effect.describe()
    }

    fn build(
        layers: &[Layer],
        environment: impl Iterator<Item = (String, String)>,
        report: Report,
    ) -> Result<Self, Problems> {
        let environment: Vec<(String, String)> = environment.collect();
        let traces_are_off = traces::are_off(&environment);
        let sections: Vec<&str> = ROOT.sections.iter().map(|section| section.name).collect();
        variable_hints::check(&environment, &sections, &report);
        // The standard variables stand below everything that is said to this service alone.
        let all: Vec<Layer> =
            traces::layer(&environment).into_iter().chain(layers.iter().cloned()).collect();
        let merged = layers::merge(&all, environment.into_iter(), &report);
        // With a layer missing, everything that it should have set would be a problem as well.
        // What is missing is missed in the last file: there it can be added.
        let file = layers.last().map_or(ENVIRONMENT, |layer| layer.name.as_str());
        let settings = report.is_empty().then(|| read(&merged, file, &report));
        let warnings = report.take_warnings();
        let keys = KeyDigests::of(&merged, report.take_contents());
        let in_effect = report.take_values();
        report.into_result(settings).and_then(|settings| {
            // Without a problem there are settings: whoever gives none has noted why.
            let mut settings = settings.ok_or_else(Problems::unexplained)?;
            settings.warnings = warnings;
            settings.keys = keys;
            settings.in_effect = in_effect;
            settings.traces = settings.traces.filter(|_| !traces_are_off);
            Ok(settings)
        })
    }
}

/// The page of all keys, `docs/configuration.md`.
pub fn reference() -> String {
    reference_page::page("Configuration", &ROOT)
}

/// The JSON Schema of a configuration file, for editors.
pub fn schema() -> serde_json::Value {
    schema::document("Tributary's configuration", &ROOT)
}

/// Reads the merged table and checks that its parts fit together.
fn read(merged: &Value, file: &str, report: &Report) -> Settings {
    let root = Table::root(&ROOT, merged, file, report);
    let mut declared = Names::default();

    let table = root.section_or_empty(&SERVER);
    let server = server::read(&table);
    table.finish();

    let traces = root.section(&TRACES).and_then(|table| {
        let traces = traces::read(&table);
        table.finish();
        traces
    });

    let mut credentials = Vec::new();
    for (name, mut table) in root.named(&CREDENTIAL) {
        declared.credentials.push(name);
        let id = read_id(name, &table);
        credentials.extend(CredentialSpec::read(&mut table, id));
        table.finish();
    }
    let mut sources = Vec::new();
    for (name, table) in root.named(&SOURCE) {
        declared.sources.push(name);
        let id = read_id(name, &table);
        sources.extend(SourceSpec::read(&table, id, &credentials));
        table.finish();
    }
    let mut actions = Vec::new();
    for (name, table) in root.named(&ACTION) {
        declared.actions.push(name);
        let id = read_id(name, &table);
        actions.extend(action::read(&table, id));
        table.finish();
    }
    for (section, names) in [(&SOURCE, &declared.sources), (&ACTION, &declared.actions)] {
        if names.is_empty() {
            let found = if root.has_section(section) { "none" } else { "nothing" };
            root.refuse_section(section, found, &format!("at least one [{}.NAME]", section.name));
        }
    }
    root.finish();
    for action in &mut actions {
        place_inputs(action, &sources);
    }

    let parts =
        Parts { server: &server, credentials: &credentials, sources: &sources, actions: &actions };
    let locator = Locator::new(merged, file, report);
    check::check(&parts, &declared, &locator);
    for action in &mut actions {
        action.dependencies = dependencies::of_action(action, &sources, &declared, &locator);
    }
    let sources = tenants::expand(sources, &actions, &credentials);
    Settings {
        server,
        credentials,
        sources,
        actions,
        traces,
        warnings: Vec::new(),
        config_hash: config_hash::of(merged),
        in_effect: InEffect::default(),
        keys: KeyDigests::default(),
    }
}

/// The id of a table: its name.
fn read_id(name: &str, table: &Table) -> Option<Id> {
    let id = Id::try_new(name).ok();
    if id.is_none() {
        table.refuse_table(&format!("the name {}", show_text(name)), ID_FORM);
    }
    id
}
