//! `tributary demo` as a child process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::mpsc;

use super::process::Process;
use super::{PATIENCE, program};

/// What the demo prints until it serves; it is killed when dropped.
pub struct Demo {
    process: Process,
    pub told: String,
}

impl Demo {
    pub fn start(arguments: &[&str]) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let errors = writer.try_clone().expect("another end of it");
        let mut command = program(&["demo"]);
        command.args(arguments).stdin(Stdio::null()).stdout(writer).stderr(errors);
        let process = Process::spawn(command);
        let (told_to, told) = mpsc::channel();
        // Reads to the end: the demo is not to wait for a reader.
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines() {
                // The test reads no further than to where the demo is up.
                let _ = told_to.send(line.expect("UTF-8") + "\n");
            }
        });
        let mut all = String::new();
        while !all.contains("Ctrl-C ends") {
            match told.recv_timeout(PATIENCE) {
                Ok(line) => all += &line,
                Err(error) => panic!("the demo does not come up ({error}):\n{all}"),
            }
        }
        Self { process, told: all }
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

    pub fn admin(&self) -> SocketAddr {
        self.address("For operators:   http://")
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&self) {
        self.process.signal("-9");
    }
}
