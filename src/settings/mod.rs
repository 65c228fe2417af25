//! Configuration text becomes validated `…Spec` types, or a list of every mistake in it.
//!
//! ```text
//! files, environment ─ layers ─▶ one table ─ server, credential, source, action ─▶ specs
//!                                                       each by itself      │
//!                                 Settings ◀─ validate: do they fit together ┘
//! ```
//!
//! Nothing here stops at the first mistake: readers note a [`Problem`] and go on.

mod action;
mod config_hash;
mod credential;
mod dependencies;
mod files;
mod getters;
mod injection;
mod key_digests;
mod keys;
mod layers;
mod output;
mod paging;
mod plan;
mod problem;
mod regions;
mod secrets;
mod server;
mod server_tls;
mod shown;
mod source;
mod source_url;
mod suggest;
mod table;
mod tenants;
mod traces;
mod units;
mod validate;
mod value;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

use config::Value;

use crate::domain::action::ActionSpec;
use crate::domain::ids::Id;
use crate::domain::trace_export::TraceExport;
use crate::policy::auth::spec::CredentialSpec;
use crate::policy::source_spec::{SourceSpec, place_inputs};

pub use key_digests::KeyDigests;
pub use keys::ApiKeySpec;
pub use layers::{Layer, process_environment};
pub use problem::{Cause, ENVIRONMENT, Problem, Problems, Warning};
pub use server::ServerSpec;
pub use server_tls::ServerTls;
pub use suggest::nearest;
pub use units::{DURATION_FORM, parse_duration};

use problem::Report;
use table::Table;
use validate::{Names, Parts};

/// What an id may look like, for messages.
const ID_FORM: &str = "a lower-case letter, then lower-case letters, digits and `_` \
                       (at most 64 characters)";

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
        let mut root = Table::root(&alone, ENVIRONMENT, &report);
        if let Some(address) = server::given_admin_address(&mut root.table_or_empty("server")) {
            return address;
        }
        let layers = layers::read_files(files, &report);
        let merged = layers::merge(&layers, environment.into_iter(), &report);
        let mut root = Table::root(&merged, ENVIRONMENT, &report);
        let given = server::given_admin_address(&mut root.table_or_empty("server"));
        given.unwrap_or(server::DEFAULT_ADMIN_LISTEN)
    }

    /// What the service would do, for people; secrets are left out.
    pub fn plan(&self) -> String {
        plan::describe(self)
    }

    fn build(
        layers: &[Layer],
        environment: impl Iterator<Item = (String, String)>,
        report: Report,
    ) -> Result<Self, Problems> {
        let environment: Vec<(String, String)> = environment.collect();
        let traces_are_off = traces::are_off(&environment);
        // The standard variables stand below everything that is said to this service alone.
        let all: Vec<Layer> =
            traces::layer(&environment).into_iter().chain(layers.iter().cloned()).collect();
        let merged = layers::merge(&all, environment.into_iter(), &report);
        // With a layer missing, everything that it should have set would be a problem as well.
        let settings = if report.is_empty() {
            // What is missing is missed in the last file: there it can be added.
            let file = layers.last().map_or(ENVIRONMENT, |layer| layer.name.as_str());
            read(&merged, file, &report)
        } else {
            None
        };
        let warnings = report.take_warnings();
        let keys = KeyDigests::of(&merged, report.take_contents());
        report.into_result(settings).and_then(|settings| {
            // Without a problem there are settings: whoever gives none has noted why.
            let mut settings = settings.ok_or_else(Problems::unexplained)?;
            settings.warnings = warnings;
            settings.keys = keys;
            settings.traces = settings.traces.filter(|_| !traces_are_off);
            Ok(settings)
        })
    }
}

/// Reads the merged table and checks that its parts fit together.
fn read(merged: &Value, file: &str, report: &Report) -> Option<Settings> {
    let mut root = Table::root(merged, file, report);
    let mut names = Names::default();

    let mut table = root.table_or_empty("server");
    let server = server::read(&mut table);
    table.finish();

    let traces = root.table("traces").and_then(|mut table| {
        let traces = traces::read(&mut table);
        table.finish();
        traces
    });

    let mut credentials = Vec::new();
    for (name, mut table) in root.named_tables("credentials") {
        names.credentials.push(name);
        let id = read_id(name, &table);
        credentials.extend(credential::read(&mut table, id));
        table.finish();
    }
    let mut sources = Vec::new();
    for (name, mut table) in root.named_tables("sources") {
        names.sources.push(name);
        let id = read_id(name, &table);
        sources.extend(source::read(&mut table, id, &credentials));
        table.finish();
    }
    let mut actions = Vec::new();
    for (name, mut table) in root.named_tables("actions") {
        names.actions.push(name);
        let id = read_id(name, &table);
        actions.extend(action::read(&mut table, id));
        table.finish();
    }
    for (key, names) in [("sources", &names.sources), ("actions", &names.actions)] {
        if names.is_empty() {
            root.refuse(key, &format!("at least one [{key}.NAME]"));
        }
    }
    root.finish();
    for action in &mut actions {
        place_inputs(action, &sources);
    }

    let parts = Parts {
        server: server.as_ref(),
        credentials: &credentials,
        sources: &sources,
        actions: &actions,
    };
    let finder = validate::Finder::new(merged, file, report);
    validate::check(&parts, &names, &finder);
    injection::check(&parts, &finder);
    for action in &mut actions {
        action.dependencies = dependencies::of_action(action, &sources, &names, &finder);
    }
    let sources = tenants::expand(sources, &actions, &credentials);
    Some(Settings {
        server: server?,
        credentials,
        sources,
        actions,
        traces,
        warnings: Vec::new(),
        config_hash: config_hash::of(merged),
        keys: KeyDigests::default(),
    })
}

/// The id of a table: its name.
fn read_id(name: &str, table: &Table) -> Option<Id> {
    let id = Id::try_new(name).ok();
    if id.is_none() {
        table.refuse_table("a name that is no id", ID_FORM);
    }
    id
}
