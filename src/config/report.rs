//! What is wrong with a configuration, said so that the person who wrote it can put it right.

use std::cell::RefCell;
use std::fmt;

use crate::model::digest::Digest;

use crate::config::explain::InEffect;
use crate::config::files::Files;
use crate::config::key::Change;

/// What was found where there is nothing.
pub(crate) const NOTHING: &str = "nothing";

/// One mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file that holds the value, or [`ENVIRONMENT`](crate::config::toml_value::ENVIRONMENT).
    pub file: String,
    /// The key from the top, for example `sources.crm.timeout`; empty for a file as a whole.
    pub key: String,
    /// What was found there; never a value that may be a secret.
    pub found: String,
    /// What may stand there instead.
    pub allowed: String,
    /// What is at fault.
    pub cause: Cause,
}

/// Something that may stand in a configuration but is most likely not meant, or about to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The file that holds the value, or [`ENVIRONMENT`](crate::config::toml_value::ENVIRONMENT).
    pub file: String,
    /// The key from the top, for example `sources.crm.rate_limit.burst`.
    pub key: String,
    /// What may happen, and what to write instead; never a value that may be a secret.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.file, self.key, self.text)
    }
}

/// What is at fault where a configuration cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// What the configuration says.
    Configuration,
    /// A file that cannot be read.
    File,
    /// A certificate or its key.
    Certificate,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "found {}; allowed: {}", self.found, self.allowed)
    }
}

/// Every mistake of a configuration: one line each, under the name of its file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// All the problems, in the order in which the configuration was read.
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }

    /// What is at fault, if it is the same for all of them; else the configuration.
    pub fn cause(&self) -> Cause {
        let first = self.0.first().map_or(Cause::Configuration, |problem| problem.cause);
        let is_same = self.0.iter().all(|problem| problem.cause == first);
        if is_same { first } else { Cause::Configuration }
    }

    /// For a configuration that could not be read although no reader said why: a fault of ours.
    pub(crate) fn unexplained() -> Self {
        Self(vec![Problem {
            file: "tributary".to_owned(),
            key: String::new(),
            found: "a configuration that cannot be read for no known reason".to_owned(),
            allowed: "please report this as a fault of Tributary".to_owned(),
            cause: Cause::Configuration,
        }])
    }

    /// The files with problems, each once, in the order of their first problem.
    fn files(&self) -> Vec<&str> {
        let mut files: Vec<&str> = Vec::new();
        for problem in &self.0 {
            if !files.contains(&problem.file.as_str()) {
                files.push(&problem.file);
            }
        }
        files
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in self.files() {
            writeln!(f, "{file}:")?;
            for problem in self.0.iter().filter(|problem| problem.file == file) {
                writeln!(f, "  {problem}")?;
            }
        }
        let noun = if self.0.len() == 1 { "problem" } else { "problems" };
        write!(f, "{} {noun} in the configuration", self.0.len())
    }
}

/// Collects problems and warnings while the configuration is read, so that all are told at once.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// The names of the layers, those that win over others after them.
    layers: RefCell<Vec<String>>,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Warning>>,
    files: Files,
    /// The keys that name a file, and what was in it.
    contents: RefCell<Vec<(String, Digest)>>,
    /// The value of each key that was read.
    in_effect: RefCell<InEffect>,
}

impl Report {
    /// Notes that the values of this layer win over those of all layers so far.
    pub(crate) fn begin_layer(&self, name: &str) {
        self.layers.borrow_mut().push(name.to_owned());
    }

    /// Whether the layer of the first name wins over that of the second.
    pub(crate) fn wins(&self, layer: &str, other: &str) -> bool {
        let layers = self.layers.borrow();
        let place = |name: &str| layers.iter().rposition(|known| known == name);
        place(layer) > place(other)
    }

    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// Notes one problem with what the configuration says.
    pub(crate) fn add(&self, file: &str, key: &str, found: &str, allowed: &str) {
        self.add_caused(Cause::Configuration, file, key, found, allowed);
    }

    /// Notes one problem with whatever is at fault.
    pub(crate) fn add_caused(
        &self,
        cause: Cause,
        file: &str,
        key: &str,
        found: &str,
        allowed: &str,
    ) {
        self.problems.borrow_mut().push(Problem {
            file: file.to_owned(),
            key: key.to_owned(),
            found: found.to_owned(),
            allowed: allowed.to_owned(),
            cause,
        });
    }

    /// Takes back that nothing was found at a key.
    pub(crate) fn withdraw_missing(&self, key: &str) {
        let is_meant = |problem: &Problem| problem.key == key && problem.found == NOTHING;
        self.problems.borrow_mut().retain(|problem| !is_meant(problem));
    }

    /// Notes something that is allowed, but most likely not meant.
    pub(crate) fn warn(&self, file: &str, key: &str, text: &str) {
        self.warnings.borrow_mut().push(Warning {
            file: file.to_owned(),
            key: key.to_owned(),
            text: text.to_owned(),
        });
    }

    /// The warnings so far, which the report then has no more.
    pub(crate) fn take_warnings(&self) -> Vec<Warning> {
        self.warnings.take()
    }

    /// Notes what was in the file that a key names.
    pub(crate) fn note_contents(&self, key: &str, contents: &[u8]) {
        self.contents.borrow_mut().push((key.to_owned(), Digest::of(contents)));
    }

    /// What was in the files so far, which the report then has no more.
    pub(crate) fn take_contents(&self) -> Vec<(String, Digest)> {
        self.contents.take()
    }

    /// Notes the value with which the service runs, and the layer that says it.
    pub(crate) fn note_value(
        &self,
        key: &str,
        value: String,
        origin: Option<&str>,
        change: Change,
    ) {
        self.in_effect.borrow_mut().add(key, value, origin, change);
    }

    /// The values so far, which the report then has no more.
    pub(crate) fn take_values(&self) -> InEffect {
        self.in_effect.take()
    }

    /// The value, if there was no problem; else all the problems.
    pub(crate) fn into_result<T>(self, value: T) -> Result<T, Problems> {
        let problems = self.problems.into_inner();
        if problems.is_empty() { Ok(value) } else { Err(Problems(problems)) }
    }

    /// Whether nothing has been noted so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.problems.borrow().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::toml_value::ENVIRONMENT;

    #[test]
    fn problems_are_grouped_by_file_and_counted() {
        let report = Report::default();
        report.add("a.toml", "server.listen", "\"x\"", "an address");
        report.add(ENVIRONMENT, "server.workers", "\"many\"", "a number");
        report.add("a.toml", "", "line 3", "TOML");
        let text = report.into_result(()).map_err(|problems| problems.to_string());
        assert_eq!(
            text,
            Err("a.toml:\n  server.listen: found \"x\"; allowed: an address\n  \
                 found line 3; allowed: TOML\nenvironment:\n  \
                 server.workers: found \"many\"; allowed: a number\n\
                 3 problems in the configuration"
                .to_owned())
        );
    }

    #[test]
    fn without_a_problem_the_value_comes_back() {
        assert_eq!(Report::default().into_result(7), Ok(7));
    }

    #[test]
    fn a_cause_is_that_of_all_or_the_configuration() {
        let cause = |causes: &[Cause]| {
            let report = Report::default();
            for cause in causes {
                report.add_caused(*cause, "a.toml", "x", "y", "z");
            }
            report.into_result(()).map_err(|problems| problems.cause())
        };
        assert_eq!(cause(&[Cause::File, Cause::File]), Err(Cause::File));
        assert_eq!(cause(&[Cause::Certificate]), Err(Cause::Certificate));
        assert_eq!(cause(&[Cause::File, Cause::Certificate]), Err(Cause::Configuration));
    }

    #[test]
    fn one_problem_is_counted_in_the_singular() {
        let report = Report::default();
        report.add("a.toml", "x", "nothing", "a text");
        let text = report.into_result(()).map_err(|problems| problems.to_string());
        assert!(text.is_err_and(|text| text.ends_with("1 problem in the configuration")));
    }
}
