//! `tributary demo` as a child process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use super::program;

/// What the demo prints until it serves; it is killed when dropped.
pub struct Demo {
    child: Child,
    pub told: String,
}

impl Demo {
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = program(&["demo"]);
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).spawn().expect("the program was built");
        let mut told = String::new();
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        while !told.contains("Ctrl-C ends") {
            told += &lines.next().expect("more lines").expect("text");
            told.push('\n');
        }
        Self { child, told }
    }

    /// The address behind this text.
    fn address(&self, before: &str) -> SocketAddr {
        let (_, rest) = self.told.split_once(before).expect("it tells where it is");
        let address = rest.split(['/', ' ', '\n']).next().expect("an address");
        address.parse().unwrap_or_else(|error| panic!("{address}: {error}"))
    }

    pub fn public(&self) -> SocketAddr {
        self.address("Tributary on http://")
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&self) {
        let killed = Command::new("kill").args(["-9", &self.child.id().to_string()]).status();
        assert!(killed.is_ok_and(|status| status.success()), "it ran");
    }

    pub fn admin(&self) -> SocketAddr {
        self.address("For operators:   http://")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
