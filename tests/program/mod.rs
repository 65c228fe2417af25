//! The real program, started and asked; for the tests that look at it from outside.
#![allow(dead_code, unused_imports, reason = "each test program uses a part of it")]

pub mod demo;
pub mod process;
pub mod service;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tributary::simulator::Simulator;

pub use service::Service;

pub const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(2);

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

/// Looks until there is something; nothing if there is nothing in time.
pub fn within<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + patience;
    loop {
        let found = look();
        if found.is_some() || Instant::now() > end {
            return found;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Waits until the condition holds.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let came_true = within(PATIENCE, || condition().then_some(()));
    assert!(came_true.is_some(), "it did not happen in {PATIENCE:?}: {what}");
}

pub fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a temporary file");
    path
}

pub fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The shipped sources on top of the simulator. Port 0 is one that the system picks.
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

pub fn request(more: &str) -> String {
    let body = r#"{"customerId":"c-1","externalApiKey":"key-1"}"#;
    let length = body.len();
    format!(
        "POST /v1/actions/customer_profile HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\n{more}content-length: {length}\r\n\r\n{body}"
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
