//! One upstream HTTP API call as it was configured, checked.

use crate::config::form::Text;
use crate::config::key::Key;
use crate::config::list_form::AnyValue;
use crate::config::model_forms::ID_FORM;
use crate::config::plan_lines::PlanLines;
use crate::config::section::{Section, Shape};
use crate::config::shown::Shown;
use crate::config::table::Table;
use crate::model::action::action_spec::ActionSpec;
use crate::model::id::{Id, InputName};
use crate::model::inputs::Inputs;
use crate::model::json::Json;
use crate::model::record::target::Target;
use crate::model::template::Reference;
use crate::policy::auth::credential_spec::CredentialSpec;
use crate::policy::pipeline::{self, PolicySpecs};
use crate::policy::request_spec::{self, Placed, ReadRequest, RequestParts, RequestSpec};
use crate::policy::request_url::Host;

/// A configured source, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSpec {
    /// The name that actions refer to, and the key in the aggregate.
    pub id: Id,
    /// What is sent.
    pub request: RequestSpec,
    /// The credential whose header goes with the request.
    pub credential: Option<Id>,
    /// Set if each request chooses the credential: this is the source for those that choose
    /// `credential`.
    pub tenancy: Option<Tenancy>,
    /// `data` of a reply that is a definite "there is none".
    pub empty_data: Json,
    /// `data` of a failure.
    pub fallback: Json,
    /// What the policies go by.
    pub policies: PolicySpecs,
}

/// How a request chooses the credential, and with it the tenant that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenancy {
    /// The input whose value stands for a credential.
    pub input: InputName,
    /// Whether the request goes to where the credential's API is; else all tenants share a host.
    pub host_by_credential: bool,
}

/// `[sources.NAME]`.
pub(crate) static SOURCE: Section = Section {
    shape: Shape::Named("NAME"),
    groups: pipeline::KEYS,
    instead: &INSTEAD,
    sections: pipeline::SECTIONS,
    ..Section::new(
        "sources",
        "One upstream call each. `{name}` stands for an input of the action, `{source.name}` for a \
         value of another source's answer; in the path and query of a URL, in headers and in \
         `json`.",
        &[&CREDENTIAL, &EMPTY_DATA, &FALLBACK],
    )
};

/// What other services call what is called otherwise here, or is not here.
const INSTEAD: [(&str, &str); 17] = [
    ("timeout_ms", "`timeout = \"500ms\"`, with its unit"),
    ("connect_timeout_ms", "`connect_timeout = \"500ms\"`, with its unit"),
    ("params", "`query`"),
    ("body", "`json`, a table; another body is not sent"),
    ("form", "`json`, a table; a form is not sent"),
    ("data", "`json` for the body, `fallback` for what stands in for an answer"),
    ("endpoint", "`url`"),
    ("host", "`url`, the whole of it"),
    ("base_url", "`url`, the whole of it"),
    ("path", "`url`, the whole of it, or a path with `region`"),
    ("auth", "`credential` with the name of one in [credentials.NAME]"),
    (
        "username",
        "a header `Authorization = \"Basic …\"` by a credential of kind \"static\" with prefix = \"Basic \"",
    ),
    ("password", "a credential of kind \"static\" with prefix = \"Basic \""),
    ("retries", "`retry.max_attempts`, the first attempt included"),
    ("proxy", "nothing of the kind: upstreams are connected to without a proxy"),
    ("when", "nothing of the kind: each source of an action is asked for each request"),
    ("cache", "nothing of the kind: answers are not kept"),
];

static CREDENTIAL: Key<Text> = Key::new(
    "credential",
    Text,
    "The credential whose header goes with the request, or in braces the input that chooses one, such as \"{tenant}\".",
)
.shown(Shown::Name);

static EMPTY_DATA: Key<AnyValue> =
    Key::new("empty_data", AnyValue, "What a status of `empty_statuses` puts under `data`.")
        .derived("that of `fallback`");

static FALLBACK: Key<AnyValue> =
    Key::new("fallback", AnyValue, "What a failure puts under `data`; absent: null.");

impl SourceSpec {
    /// Reads the table; what is wrong is in the report.
    pub(crate) fn read(
        table: &Table,
        id: Option<Id>,
        credentials: &[CredentialSpec],
    ) -> Option<Self> {
        let parts = RequestParts::read(table);
        let policies = PolicySpecs::read(table, &parts);
        let Chosen { credential, tenant, by_tenant } = credential(table);
        let api = credentials.iter().find(|known| Some(&known.id) == credential.as_ref());
        let is_open = by_tenant || (credential.is_some() && api.is_none());
        let host = Host { api: api.and_then(CredentialSpec::api), is_open };
        let request = request_spec::read(table, parts, host);
        let json_of = |key| table.optional(key).map(|value| Json::from_value(&value));
        let fallback = json_of(&FALLBACK).unwrap_or_else(Json::null);
        let empty_data = json_of(&EMPTY_DATA).unwrap_or_else(|| fallback.clone());
        let ReadRequest { spec: request, host_by_credential } = request?;
        let tenancy = tenant.map(|input| Tenancy { input, host_by_credential });
        let policies = policies?;
        Some(Self { id: id?, request, credential, tenancy, empty_data, fallback, policies })
    }

    /// What it amounts to, for `tributary check`.
    pub(crate) fn plan(&self) -> PlanLines {
        let mut lines = PlanLines::default();
        self.request.plan(&mut lines);
        if let Some(credential) = &self.credential {
            let chosen =
                self.tenancy.as_ref().map(|tenancy| format!(", chosen by {{{}}}", tenancy.input));
            lines.add("credential", format!("{credential}{}", chosen.unwrap_or_default()));
        }
        self.policies.plan(&mut lines);
        lines
    }

    /// The credential that requests have to choose to mean this source; absent: they choose none.
    pub fn tenant(&self) -> Option<&Id> {
        self.tenancy.as_ref().and(self.credential.as_ref())
    }

    /// The source's id, with the tenant if there is one; for people.
    pub fn name(&self) -> String {
        match self.tenant() {
            Some(tenant) => format!("{} ({tenant})", self.id),
            None => self.id.to_string(),
        }
    }

    /// What its requests have in common, as a trace may show it.
    pub fn target(&self) -> Target {
        let endpoint = self.request.url.endpoint();
        let url = self.request.shown_url.split(['?', '#']).next().unwrap_or_default();
        let after_scheme = url.find("://").map_or(0, |at| at + 3);
        let path = url[after_scheme..].find('/').map_or("/", |at| &url[after_scheme + at..]);
        let scheme = if endpoint.https() { "https" } else { "http" };
        Target {
            method: self.request.method,
            host: endpoint.host().to_owned(),
            port: endpoint.port(),
            url: format!("{scheme}://{}{path}", endpoint.authority()),
            path: path.to_owned(),
            tenant: self.tenant().cloned(),
        }
    }

    /// The placeholders of all its templates.
    pub fn placeholders(&self) -> impl Iterator<Item = Placed<'_>> {
        self.request.placeholders().chain(self.policies.placeholders())
    }

    /// Whether it is this one of the sources of its id that a request of the action means.
    pub fn is_chosen(&self, action: &ActionSpec, inputs: &Inputs) -> bool {
        let Some(tenancy) = &self.tenancy else { return true };
        self.credential.as_ref() == action.credential_chosen(&tenancy.input, inputs)
    }
}

/// Notes for each input of the action where its sources put it, and with which escapes.
pub fn place_inputs(action: &mut ActionSpec, sources: &[SourceSpec]) {
    for source in sources.iter().filter(|source| action.sources.contains(&source.id)) {
        for Placed { place, placeholder, .. } in source.placeholders() {
            let Reference::Input(name) = &placeholder.reference else { continue };
            for input in action.inputs.iter_mut().filter(|input| input.name == *name) {
                input.places.add(place, &placeholder.escapes);
            }
        }
    }
}

/// How a source proves who it is.
struct Chosen {
    /// By this credential.
    credential: Option<Id>,
    /// By the one that the value of this input stands for.
    tenant: Option<InputName>,
    /// Whether an input is to choose, also one that was refused: its URL is not to be blamed as well.
    by_tenant: bool,
}

/// The credential, or the input that chooses it: `"{tenant}"`.
fn credential(table: &Table) -> Chosen {
    let text = table.optional(&CREDENTIAL).unwrap_or_default();
    let mut chosen = Chosen { credential: None, tenant: None, by_tenant: text.starts_with('{') };
    if !table.has(&CREDENTIAL) || !table.is_good(&CREDENTIAL) {
        return chosen;
    }
    if let Some(input) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        chosen.tenant = InputName::try_new(input).ok();
        if chosen.tenant.is_none() {
            table.refuse(&CREDENTIAL, "the name of an input in braces, such as \"{tenant}\"");
        }
        return chosen;
    }
    chosen.credential = Id::try_new(&text).ok();
    if chosen.credential.is_none() {
        table.refuse(&CREDENTIAL, ID_FORM);
    }
    chosen
}
