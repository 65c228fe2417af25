//! `tributary serve` on ports that the system picks; it says itself which they are.

use std::fs::File;
use std::io::{BufRead as _, BufReader, PipeReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tributary::simulator::Simulator;

use super::process::Process;
use super::{PATIENCE, configuration, path, program, within, write};

/// The service as a child process; killed when dropped.
pub struct Service {
    pub process: Process,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub folder: TempDir,
}

impl Service {
    /// On top of these upstreams.
    pub fn start(sim: &Simulator) -> Self {
        Self::start_with(sim, "", "warn")
    }

    /// The same with a layer of TOML on top, and the log at these levels.
    pub fn start_with(sim: &Simulator, overrides: &str, levels: &str) -> Self {
        Self::start_in(sim, overrides, levels, &[])
    }

    /// The same in an environment with these variables.
    pub fn start_in(
        sim: &Simulator,
        overrides: &str,
        levels: &str,
        variables: &[(&str, &str)],
    ) -> Self {
        let (mut command, folder) = serve(sim, overrides);
        command.env("RUST_LOG", with_addresses(levels)).envs(variables.iter().copied());
        Self::run(command, folder)
    }

    /// On top of these upstreams and with a layer of TOML, after a command of the shell, such as
    /// `ulimit -n 256`.
    pub fn start_after(shell: &str, sim: &Simulator, overrides: &str) -> Self {
        let (command, folder) = Self::command_after(shell, sim, overrides);
        Self::run(command, folder)
    }

    /// The command that does that, and the folder of its files.
    pub fn command_after(shell: &str, sim: &Simulator, overrides: &str) -> (Command, TempDir) {
        let (command, folder) = serve(sim, overrides);
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!("{shell} && exec \"$0\" \"$@\"")]);
        limited.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        limited.env("RUST_LOG", "info").stdin(Stdio::null());
        (limited, folder)
    }

    /// Runs a command that serves and logs where, with its log in the folder. Waits until it is up.
    pub fn run(mut command: Command, folder: TempDir) -> Self {
        let log = log_file(&folder);
        let to_log = File::create(&log).expect("a temporary file");
        let output = to_log.try_clone().expect("a second handle");
        command.stdout(output).stderr(to_log);
        let mut process = Process::spawn(command);
        let said = || std::fs::read_to_string(&log).expect("the log");
        let up = within(PATIENCE, || {
            // In this order: what it said before its end is there when it has ended.
            let ended = process.ended();
            let up = addresses(&said());
            if let (None, Some(status)) = (up, ended) {
                panic!("it ended at its start, {status}, and said:\n{}", said());
            }
            up
        });
        let (address, admin) = up.unwrap_or_else(|| panic!("it does not come up:\n{}", said()));
        Self { process, address, admin, folder }
    }

    /// A service whose log goes into this pipe, of which nothing is read once it is up.
    pub fn start_on_a_pipe(sim: &Simulator, levels: &str) -> (Self, BufReader<PipeReader>) {
        let (mut command, folder) = serve(sim, "");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        command.env("RUST_LOG", with_addresses(levels)).stdout(Stdio::null()).stderr(writer);
        let process = Process::spawn(command);
        let (read_to, read) = mpsc::channel();
        std::thread::spawn(move || {
            let (mut reader, mut said) = (BufReader::new(reader), String::new());
            while addresses(&said).is_none() && reader.read_line(&mut said).expect("UTF-8") > 0 {}
            // The test may have lost patience.
            let _ = read_to.send((said, reader));
        });
        let (said, reader) = read.recv_timeout(PATIENCE).expect("it does not come up");
        let up = addresses(&said);
        let (address, admin) = up.unwrap_or_else(|| panic!("it ended at its start:\n{said}"));
        (Self { process, address, admin, folder }, reader)
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(log_file(&self.folder)).expect("the log")
    }

    /// The lines so far, each of them a JSON object.
    pub fn log_lines(&self) -> Vec<Value> {
        let log = self.log();
        whole_lines(&log).map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The lines with this message so far.
    pub fn log_lines_of(&self, message: &str) -> Vec<Value> {
        self.log_lines().into_iter().filter(|line| line["message"] == message).collect()
    }

    /// Waits for a line with this message.
    pub fn wait_for_log(&self, message: &str) -> Value {
        let found = within(PATIENCE, || self.log_lines_of(message).into_iter().next());
        found.unwrap_or_else(|| panic!("no {message:?} in\n{}", self.log()))
    }

    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Tells it to stop, and asserts that it ends well; how long that took.
    pub fn stop(&mut self) -> Duration {
        self.signal("-TERM");
        let (took, code) = self.process.wait();
        assert_eq!(code, Some(0));
        took
    }
}

/// The command on top of these upstreams and with this layer, and the folder of its files.
fn serve(sim: &Simulator, overrides: &str) -> (Command, TempDir) {
    let folder = TempDir::new().expect("a temporary folder");
    let file = write(&folder, "tributary.toml", &configuration(sim, 0, 0));
    let more = write(&folder, "more.toml", overrides);
    (program(&["serve", "--config", path(&file), "--config", path(&more)]), folder)
}

/// These levels, and the line that says where the service is.
pub fn with_addresses(levels: &str) -> String {
    format!("{levels},tributary::cli::serve=info")
}

/// Where callers and operators find the service, once it has said so.
fn addresses(log: &str) -> Option<(SocketAddr, SocketAddr)> {
    // Before it logs in JSON, a program may say something else.
    let mut lines = whole_lines(log).filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let up = lines.find(|line| line["message"] == "up")?;
    let address = |key: &str| up[key].as_str()?.split_once("://")?.1.parse().ok();
    Some((address("address")?, address("admin")?))
}

/// The last line may be there in part.
fn whole_lines(log: &str) -> std::str::Lines<'_> {
    log.rfind('\n').map_or("", |end| &log[..end]).lines()
}

fn log_file(folder: &TempDir) -> PathBuf {
    folder.path().join("log")
}
