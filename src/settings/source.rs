//! One `[sources.NAME]` table.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::domain::ids::{Id, InputName};
use crate::domain::json::Json;
use crate::domain::method::Method;
use crate::domain::retry_after::LONGEST_WAIT;
use crate::domain::template::{HeaderTemplate, JsonTemplate, TextTemplate};
use crate::policy::auth::spec::CredentialSpec;
use crate::policy::breaker::spec::BreakerSpec;
use crate::policy::empty_body::EmptyBody;
use crate::policy::rate_limit::spec::RateLimitSpec;
use crate::policy::retry::backoff::Backoff;
use crate::policy::retry::budget::RetryBudget;
use crate::policy::retry::decision::RetryPolicy;
use crate::policy::source_spec::{SourceSpec, Tenancy};

use super::paging;
use super::secrets::read_ca_file;
use super::source_url::{self, Host, Target};
use super::table::Table;
use super::value::scalar_text;

/// The time over which the retry budget counts.
const BUDGET_WINDOW: Duration = seconds(10);
const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = seconds(3_600);
const MIB: u32 = 1 << 20;

/// Reads the table; what is wrong is in the report.
pub(super) fn read(
    table: &mut Table,
    id: Option<Id>,
    credentials: &[CredentialSpec],
) -> Option<SourceSpec> {
    let method = method(table);
    let repeatable = table.boolean("idempotent").unwrap_or(method.is_idempotent());
    let query = source_url::query(table);
    let (credential, tenant) = credential(table);
    let api = credentials.iter().find(|known| Some(&known.id) == credential.as_ref());
    // Also one that was refused: its URL is not to be blamed as well.
    let by_tenant = table.text("credential").is_some_and(|text| text.starts_with('{'));
    let host = Host { api: api.and_then(CredentialSpec::api), by_tenant };
    let url = source_url::read(table, &query, host);
    let headers = headers(table);
    let body = body(table, method);
    let (timeout, connect_timeout) = timeouts(table);
    let (max_connections, max_idle_connections) = connections(table);
    let fallback = table.json("fallback").map_or(Json::null(), |value| Json::from_value(&value));
    let empty_data = table.json("empty_data").map(|value| Json::from_value(&value));
    let retry = retry(table);
    let retry_after = MILLISECOND..=LONGEST_WAIT;
    let max_retry_after = table.duration("max_retry_after", retry_after, seconds(300));
    let paging = paging::read(table, body.as_ref(), &query);
    let (extra_ca, rate_limit) = (read_ca_file(table), rate_limit(table));
    let breaker = breaker(table);
    let prewarm = table.boolean("prewarm").unwrap_or(false);
    let max_in_flight = table.count("max_in_flight", 1..=1_000_000, 256);
    let max_response = table.size("max_response", 1..=256 * MIB, 2 * MIB);
    let max_depth = table.count("max_depth", 1..=1_000, 50);
    let empty_body = empty_body(table);
    let empty_statuses = empty_statuses(table);
    let Target { template: url, shown: shown_url, host_by_credential } = url?;
    let (retry, retry_budget) = retry?;
    Some(SourceSpec {
        id: id?,
        method,
        repeatable,
        url,
        shown_url,
        headers,
        json: body.map(|body| body.template),
        credential,
        tenancy: tenant.map(|input| Tenancy { input, host_by_credential }),
        extra_ca,
        timeout,
        connect_timeout,
        max_connections,
        max_idle_connections,
        prewarm,
        max_in_flight,
        max_response,
        max_depth,
        empty_body,
        empty_statuses,
        empty_data: empty_data.unwrap_or_else(|| fallback.clone()),
        fallback,
        retry,
        max_retry_after,
        retry_budget,
        rate_limit,
        breaker,
        paging,
    })
}

/// A JSON body: as it was configured and as a template.
pub(super) struct Body {
    /// As it was configured.
    pub(super) value: serde_json::Value,
    /// Ready to be rendered.
    pub(super) template: JsonTemplate,
}

/// GET if none is named. A refused one counts as POST: with GET, its body would be refused too.
fn method(table: &mut Table) -> Method {
    let otherwise = table.peek("method").map_or(Method::Get, |_| Method::Post);
    let methods = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];
    let choices = methods.map(|method| (method.as_str(), method));
    table.choice("method", &choices).unwrap_or(otherwise)
}

fn headers(table: &mut Table) -> Vec<HeaderTemplate> {
    let Some(table) = table.table("headers") else {
        return Vec::new();
    };
    let mut headers: Vec<HeaderTemplate> = Vec::new();
    for (name, value) in table.entries() {
        let Some(text) = scalar_text(value) else {
            table.refuse(name, "a text in quotes");
            continue;
        };
        match HeaderTemplate::try_new(name, &text) {
            Ok(header) if headers.iter().any(|known| known.name() == header.name()) => {
                table.refuse_found(name, "a header that is there already", "each header once");
            }
            Ok(header) => headers.push(header),
            Err(error) => table.refuse(name, &format!("a header that can be sent ({error})")),
        }
    }
    headers
}

fn body(table: &mut Table, method: Method) -> Option<Body> {
    let value = table.json("json")?;
    let takes_body = match method {
        Method::Post | Method::Put | Method::Patch => true,
        Method::Get | Method::Delete => false,
    };
    if !takes_body {
        let found = format!("a body for a {} request", method.as_str());
        table.refuse_found("json", &found, "a body with method POST, PUT or PATCH only");
        return None;
    }
    match JsonTemplate::try_new(&value) {
        Ok(template) => Some(Body { value, template }),
        Err(error) => {
            table.refuse("json", &format!("JSON with good templates ({error})"));
            None
        }
    }
}

/// The credential, or the input that chooses it: `"{tenant}"`.
fn credential(table: &mut Table) -> (Option<Id>, Option<InputName>) {
    let Some(text) = table.text("credential") else { return (None, None) };
    let input = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    if let Some(input) = input {
        let input = InputName::try_new(input).ok();
        if input.is_none() {
            table.refuse("credential", "the name of an input in braces, such as \"{tenant}\"");
        }
        return (None, input);
    }
    let id = Id::try_new(text).ok();
    if id.is_none() {
        table.refuse("credential", super::ID_FORM);
    }
    (id, None)
}

/// `timeout` and `connect_timeout`: the second below the first, or the two could not be told apart.
fn timeouts(table: &mut Table) -> (Duration, Duration) {
    let timeout = table.duration("timeout", 2 * MILLISECOND..=HOUR, seconds(10));
    let default = if timeout > seconds(3) { seconds(3) } else { timeout / 2 };
    let connect = table.duration("connect_timeout", MILLISECOND..=HOUR, default);
    if connect >= timeout {
        let shown = super::units::show_duration(timeout);
        table.refuse("connect_timeout", &format!("less than `timeout`, which is {shown}"));
    }
    (timeout, connect)
}

fn connections(table: &mut Table) -> (usize, usize) {
    let most = table.integer("max_connections", 1..=100_000, 20);
    let idle = table.integer("max_idle_connections", 0..=100_000, most.min(10));
    if idle > most {
        let allowed = format!("at most `max_connections`, which is {most}");
        table.refuse("max_idle_connections", &allowed);
    }
    (most as usize, idle as usize)
}

fn empty_body(table: &mut Table) -> EmptyBody {
    let choices = [EmptyBody::Null, EmptyBody::BadPayload].map(|choice| (choice.as_str(), choice));
    table.choice("empty_body", &choices).unwrap_or(EmptyBody::BadPayload)
}

fn empty_statuses(table: &mut Table) -> Vec<u16> {
    table.integers("empty_statuses", 400..=499).unwrap_or_else(|| vec![404])
}

fn retry(table: &mut Table) -> Option<(RetryPolicy, RetryBudget)> {
    let mut table = table.table_or_empty("retry");
    let attempts = table.integer("max_attempts", 1..=20, 3);
    let base = table.duration("base", MILLISECOND..=HOUR, Duration::from_millis(200));
    let cap = table.duration("cap", MILLISECOND..=HOUR, base.max(seconds(5)));
    let ratio = table.number("budget_ratio", 0.0..=1.0, 0.2);
    let floor = table.integer("budget_min_per_second", 0..=1000, 3);
    let backoff = Backoff::try_new(base, cap);
    if let Err(error) = &backoff {
        table.refuse("cap", &error.to_string());
    }
    let policy = RetryPolicy::try_new(attempts, backoff.ok()?);
    if let Err(error) = &policy {
        table.refuse("max_attempts", &error.to_string());
    }
    let budget = RetryBudget::try_new(ratio, floor, BUDGET_WINDOW);
    if let Err(error) = &budget {
        table.refuse("budget_ratio", &error.to_string());
    }
    table.finish();
    Some((policy.ok()?, budget.ok()?))
}

fn rate_limit(table: &mut Table) -> Option<RateLimitSpec> {
    let mut table = table.table("rate_limit")?;
    let requests = table.optional_integer("requests", 1..=1_000_000);
    if requests.is_none() && !table.has("requests") {
        table.refuse("requests", "how many requests may be sent `per` time, from 1");
    }
    let burst = table.optional_integer("burst", 1..=1_000_000).or(requests);
    if let (Some(burst), Some(requests)) = (burst, requests)
        && burst > requests
    {
        let text = format!(
            "after a rest, {burst} requests may go at once, and {} within one `per`; write at most \
             {requests}, and there are never more than {requests}",
            u64::from(burst) + u64::from(requests)
        );
        table.warn("burst", &text);
    }
    let per = table.duration("per", MILLISECOND..=HOUR, seconds(1));
    let max_wait = table.duration("max_wait", Duration::ZERO..=HOUR, Duration::from_millis(500));
    let key = limit_key(&mut table);
    table.finish();
    Some(RateLimitSpec {
        requests: NonZeroU32::new(requests?)?,
        per,
        burst: NonZeroU32::new(burst?)?,
        key,
        max_wait,
    })
}

fn limit_key(table: &mut Table) -> Option<TextTemplate> {
    let text = table.text("key")?;
    match TextTemplate::try_new(text) {
        Ok(key) => Some(key),
        Err(error) => {
            table.refuse("key", &format!("a template such as \"{{externalApiKey}}\" ({error})"));
            None
        }
    }
}

fn breaker(table: &mut Table) -> BreakerSpec {
    let mut table = table.table_or_empty("breaker");
    let open_for = table.duration("open_for", MILLISECOND..=HOUR, seconds(5));
    let spec = BreakerSpec {
        window: table.duration("window", Duration::from_millis(10)..=HOUR, seconds(10)),
        min_requests: table.integer("min_requests", 1..=1_000_000, 20),
        failure_ratio: table.number("failure_ratio", 0.0..=1.0, 0.5),
        open_for,
        max_open_for: table.duration("max_open_for", MILLISECOND..=HOUR, open_for.max(seconds(60))),
        probes: table.integer("probes", 1..=100, 1),
    };
    if let Err(error) = spec.check() {
        table.refuse_table("numbers that do not fit", &error.to_string());
    }
    table.finish();
    spec
}

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}
