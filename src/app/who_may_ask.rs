//! Who may ask on the two ports, by the configuration.

use std::sync::Arc;

use crate::api::access::api_keys::{ApiKey, ApiKeys};
use crate::api::access::auth_failures::AuthFailures;
use crate::api::access::callers::Access;
use crate::settings::{ApiKeySpec, ServerSpec};

const NO_CERTIFICATE: &str = "this connection has shown no certificate, and the service asks for \
                              one by now: connect again";
const NO_ADMIN_KEYS: &str = "other machines can reach this port, and no key is configured for it: \
                             add [[server.admin_keys]] (name, and key or key_file) to the \
                             configuration, or set `server.admin_listen` to a loopback address";

/// Who may have actions run.
pub(super) fn of_callers(server: &ServerSpec, failures: &Arc<AuthFailures>) -> Access {
    Access {
        keys: keys(&server.api_keys),
        // An address that others reach has keys, or asks for certificates: settings see to it.
        refusal: server.is_public().then_some(NO_CERTIFICATE),
        hosts: server.allowed_hosts.clone(),
        hosts_key: "server.allowed_hosts",
        failures: Arc::clone(failures),
    }
}

/// Who may use the operators' routes.
pub(super) fn of_operators(server: &ServerSpec, failures: &Arc<AuthFailures>) -> Access {
    let refusal = if server.asks_operators() { NO_CERTIFICATE } else { NO_ADMIN_KEYS };
    Access {
        keys: keys(&server.admin_keys),
        refusal: server.is_admin_public().then_some(refusal),
        hosts: server.admin_hosts.clone(),
        hosts_key: "server.admin_hosts",
        failures: Arc::clone(failures),
    }
}

fn keys(specs: &[ApiKeySpec]) -> ApiKeys {
    ApiKeys::new(specs.iter().map(|spec| ApiKey::new(&spec.name, &spec.key)).collect())
}
