//! A child process that is killed when it is dropped, whatever became of the test.

use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use super::{PATIENCE, within};

/// A program that runs.
pub struct Process(Child);

impl Process {
    /// Takes the command: a pipe of which it holds the other end would never end.
    pub fn spawn(mut command: Command) -> Self {
        Self(command.spawn().expect("the program is there"))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("it is our child")
    }

    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args([name, id.as_str()]).status().expect("kill");
        assert!(sent.success());
    }

    /// Waits for the program's end; how long it took and its status.
    pub fn wait(&mut self) -> (Duration, Option<i32>) {
        let started = Instant::now();
        let status = within(2 * PATIENCE, || self.ended()).expect("it does not end");
        (started.elapsed(), status.code())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
