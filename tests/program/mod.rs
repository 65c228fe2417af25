//! The real program, started and asked; for the tests that look at it from outside.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod demo;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tributary::simulator::Simulator;

pub const PATIENCE: Duration = Duration::from_secs(20);

/// The program, with none of the environment's own settings.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    let ours = std::env::vars()
        .map(|(name, _)| name)
        .filter(|name| ["TRIBUTARY_", "OTEL_"].iter().any(|start| name.starts_with(start)));
    ours.for_each(|name| {
        command.env_remove(name);
    });
    command.env_remove("RUST_LOG").args(arguments).stdin(Stdio::null());
    command
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A port that was free a moment ago, below those that the system gives to outgoing connections:
/// none of these takes it before the service does.
pub fn free_port() -> u16 {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(|| fastrand::u16(20_000..32_000)).find(is_free).expect("there are many")
}

pub fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a temporary file");
    path
}

pub fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The shipped sources on top of the simulator.
pub fn configuration(sim: &Simulator, port: u16, admin: u16) -> String {
    let shipped = include_str!("../../config/default.toml");
    let replaced = [
        ("127.0.0.1:8080".to_owned(), format!("127.0.0.1:{port}")),
        ("127.0.0.1:9090".to_owned(), format!("127.0.0.1:{admin}")),
        (
            "https://login.mypurecloud.com/oauth/token\"".to_owned(),
            format!(
                "{}/oauth/token\"\nclient_id = \"demo-client\"\nclient_secret = \"demo-secret\" #",
                sim.oauth().base_url()
            ),
        ),
        ("https://api.mypurecloud.com".to_owned(), sim.users().base_url()),
        ("https://api.crm-provider.com".to_owned(), sim.crm().base_url()),
        ("https://api.orders-system.com".to_owned(), sim.orders().base_url()),
    ];
    replaced.iter().fold(shipped.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// `tributary serve` on ports of its own; killed when dropped.
pub struct Service {
    pub child: Child,
    pub address: SocketAddr,
    pub folder: TempDir,
}

impl Service {
    pub fn start(sim: &Simulator) -> Self {
        Self::start_logging(sim, "warn", Stdio::inherit())
    }

    pub fn start_logging(sim: &Simulator, levels: &str, log: Stdio) -> Self {
        Self::start_with(sim, "", levels, log)
    }

    /// The same with a layer of TOML on top.
    pub fn start_with(sim: &Simulator, overrides: &str, levels: &str, log: Stdio) -> Self {
        Self::start_in(sim, overrides, &[("RUST_LOG", levels)], log)
    }

    /// The same in an environment with these variables.
    pub fn start_in(
        sim: &Simulator,
        overrides: &str,
        variables: &[(&str, &str)],
        log: Stdio,
    ) -> Self {
        let (port, admin) = (free_port(), free_port());
        let folder = TempDir::new().expect("a temporary folder");
        let file = write(&folder, "tributary.toml", &configuration(sim, port, admin));
        let more = write(&folder, "more.toml", overrides);
        let child = program(&["serve", "--config", path(&file), "--config", path(&more)])
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the program was built");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let service = Self { child, address, folder };
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < end, "it does not come up");
            std::thread::sleep(Duration::from_millis(5));
        }
        service
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, id.as_str()]).status().expect("kill");
        assert!(sent.success());
    }

    /// Waits for the program's end; how long it took and its status.
    pub fn wait(&mut self) -> (Duration, Option<i32>) {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return (started.elapsed(), status.code());
            }
            assert!(started.elapsed() < Duration::from_secs(40), "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn request(more: &str) -> String {
    let body = r#"{"customerId":"c-1","externalApiKey":"key-1"}"#;
    let length = body.len();
    format!(
        "POST /v1/actions/customer_profile HTTP/1.1\r\nhost: x\r\n{more}content-length: {length}\r\n\r\n{body}"
    )
}

/// Sends a request on a kept connection; the reply's head, `None` if there was no whole reply.
pub fn ask(stream: &mut TcpStream) -> Option<String> {
    stream.write_all(request("").as_bytes()).ok()?;
    let mut received = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        received.extend_from_slice(&buffer[..read]);
        let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = text(&received[..end]).to_ascii_lowercase();
        let length: usize = head.split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
        let so_far = received.len() - end - 4;
        if so_far >= length {
            return Some(head);
        }
    }
}
