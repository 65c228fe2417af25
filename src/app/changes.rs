//! What a new configuration changes, for the log, the reply to a reload and the metrics.
//!
//! It is told which keys of the configuration differ, and by which names callers' keys are known,
//! never what stands there.

use std::fmt;
use std::sync::Arc;

use super::credentials::Credential;
use super::deployment::Deployment;
use super::sources::SourceParts;
use crate::model::action::action_spec::ActionSpec;
use crate::model::id::Id;
use crate::settings::{ApiKeySpec, KeyDigests, ServerSpec, ServerTls};

/// The parts of a configuration, as the metrics call them.
pub(super) const PARTS: [&str; 6] = [SERVER, KEY, CERTIFICATE, SOURCE, CREDENTIAL, ACTION];
const SERVER: &str = "server";
const KEY: &str = "key";
const CERTIFICATE: &str = "certificate";
const SOURCE: &str = "source";
const CREDENTIAL: &str = "credential";
const ACTION: &str = "action";

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// One of [`PARTS`].
    pub(super) part: &'static str,
    text: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Everything that differs between two configurations.
pub(super) fn between(before: &Deployment, now: &Deployment) -> Vec<Change> {
    let mut changes = Changes { before: &before.keys, now: &now.keys, list: Vec::new() };
    changes.of_server(&before.server, &now.server);
    changes.of_parts(SOURCE, &sources(before), &sources(now), |changes, before, now| {
        if before.spec != now.spec {
            return Some(changes.keys_below("sources", &now.spec.id));
        }
        // Its state goes on only if all of it is the same.
        let is_same = Arc::ptr_eq(&before.spec, &now.spec);
        (!is_same).then(|| "its credential ".to_owned())
    });
    changes.of_parts(
        CREDENTIAL,
        &credentials(before),
        &credentials(now),
        |changes, before, now| {
            (before.spec != now.spec).then(|| changes.keys_below("credentials", &now.spec.id))
        },
    );
    changes.of_parts(ACTION, &actions(before), &actions(now), |changes, _, now| {
        Some(changes.keys_below("actions", &now.id)).filter(|keys| !keys.is_empty())
    });
    changes.list
}

fn sources(deployment: &Deployment) -> Vec<(String, &SourceParts)> {
    deployment.sources.iter().map(|source| (source.spec.name(), source)).collect()
}

fn credentials(deployment: &Deployment) -> Vec<(String, &Credential)> {
    deployment.credentials.iter().map(|known| (known.spec.id.to_string(), known)).collect()
}

fn actions(deployment: &Deployment) -> Vec<(String, &ActionSpec)> {
    let actions = deployment.shared.actions.iter();
    actions.map(|action| (action.id.to_string(), &**action)).collect()
}

struct Changes<'a> {
    before: &'a KeyDigests,
    now: &'a KeyDigests,
    list: Vec<Change>,
}

impl Changes<'_> {
    fn add(&mut self, part: &'static str, text: String) {
        self.list.push(Change { part, text });
    }

    fn of_server(&mut self, before: &ServerSpec, now: &ServerSpec) {
        if before != now {
            let keys = self.now.changed_below("server", self.before);
            // Its tables are compared below, by what is behind them.
            let is_apart = |key: &String| {
                let first = key.split(['.', '[']).next().unwrap_or_default();
                ServerSpec::has_table(first)
            };
            for key in keys.iter().filter(|key| !is_apart(key)) {
                self.add(SERVER, format!("server.{key}: changed"));
            }
        }
        self.of_keys("api_keys", &before.api_keys, &now.api_keys);
        self.of_keys("admin_keys", &before.admin_keys, &now.admin_keys);
        self.of_certificates("tls", before.tls.as_ref(), now.tls.as_ref());
        self.of_certificates("admin_tls", before.admin_tls.as_ref(), now.admin_tls.as_ref());
    }

    fn of_keys(&mut self, list: &str, before: &[ApiKeySpec], now: &[ApiKeySpec]) {
        for key in now {
            let text = match before.iter().find(|known| known.name == key.name) {
                None => "new",
                Some(known) if known != key => "changed",
                Some(_) => continue,
            };
            self.add(KEY, format!("server.{list}.{}: {text}", key.name));
        }
        for key in before.iter().filter(|key| !now.iter().any(|known| known.name == key.name)) {
            self.add(KEY, format!("server.{list}.{}: gone", key.name));
        }
    }

    /// (That a port begins or ceases to speak TLS needs a restart.)
    fn of_certificates(
        &mut self,
        table: &str,
        before: Option<&ServerTls>,
        now: Option<&ServerTls>,
    ) {
        let (Some(before), Some(now)) = (before, now) else { return };
        let (before, now) = (&before.made_of, &now.made_of);
        for (what, differs) in [
            ("certificate", before.certificate != now.certificate),
            ("key", before.key != now.key),
            ("client_ca", before.client_ca != now.client_ca),
        ] {
            if differs {
                self.add(CERTIFICATE, format!("server.{table}: {what} changed"));
            }
        }
    }

    /// Parts of one kind by their names; `difference` says what has changed in one that is in both,
    /// with a space behind it, if anything has.
    fn of_parts<T>(
        &mut self,
        part: &'static str,
        before: &[(String, &T)],
        now: &[(String, &T)],
        difference: impl Fn(&Self, &T, &T) -> Option<String>,
    ) {
        for (name, one) in now {
            match before.iter().find(|(known, _)| known == name) {
                None => self.add(part, format!("{part} {name}: new")),
                Some((_, known)) => {
                    if let Some(what) = difference(self, known, one) {
                        self.add(part, format!("{part} {name}: {what}changed"));
                    }
                }
            }
        }
        for (name, _) in before.iter().filter(|(name, _)| !now.iter().any(|(new, _)| new == name)) {
            self.add(part, format!("{part} {name}: gone"));
        }
    }

    /// The keys of one part that differ, a space behind them; empty if none does.
    fn keys_below(&self, table: &str, id: &Id) -> String {
        let keys = self.now.changed_below(&format!("{table}.{id}"), self.before);
        if keys.is_empty() { String::new() } else { format!("{} ", keys.join(", ")) }
    }
}
