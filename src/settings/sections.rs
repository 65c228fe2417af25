//! Every table of the configuration: the whole of it from the top.

use crate::config::section::Section;
use crate::policy::auth::credential_spec::CREDENTIAL;
use crate::policy::source_spec::SOURCE;

use super::action::ACTION;
use super::server::SERVER;
use super::traces::TRACES;

/// How a configuration is written, for the reference.
const HELP: &str = "\
A configuration is one or several TOML files, later ones on top of earlier ones, and the environment \
on top of them all: `--config FILE`, which may be repeated; without it the file that \
`TRIBUTARY_CONFIG` names, else `config/default.toml`. `tributary check` says all that is wrong with \
it, or what the service would do; `tributary check --keys` shows the value of every key and where it \
comes from.

Durations are written \"250ms\", \"3s\", \"1m\" or \"1h\", sizes \"64KiB\", \"2MB\" or as a number of \
bytes. Names of sources, credentials and actions are lower-case letters, digits and `_`. A key that is \
not known is refused. Of two keys that exclude each other, such as a secret and the file that holds \
it, that of the later layer counts.

A reload (SIGHUP or `POST /v1/reload`) takes every key but those that are marked with *restart*: it \
refuses a configuration in which one of these differs. A key marked with *secret* is never shown.

A key that is renamed is read under its old name, with a warning, throughout the minor version that \
renames it; both names at once are refused. One that is retired is warned of for as long.

An editor that knows JSON Schema completes and checks a file: its first line names the schema, as in \
that of `config/default.toml`. `tributary export config-schema` prints it.";

/// The top of a configuration file.
pub(super) static ROOT: Section = Section {
    sections: &[&SERVER, &TRACES, &CREDENTIAL, &SOURCE, &ACTION],
    ..Section::new("", HELP, &[])
};
