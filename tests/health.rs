//! `tributary health`, as a container's health check runs it: it needs an address, and nothing else of
//! the configuration.
#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

mod program;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use program::{path, program, text, write};
use tempfile::TempDir;

const VARIABLE: &str = "TRIBUTARY__SERVER__ADMIN_LISTEN";

/// The operators' port of a service that is alive; it ends with the test.
fn alive() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it has one");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 1024];
            let read = stream.read(&mut request).expect("a request");
            let is_probe = request[..read].starts_with(b"GET /livez HTTP/1.1\r\n");
            let status = if is_probe { "200 OK" } else { "404 Not Found" };
            let reply = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(reply.as_bytes()).expect("the probe reads it");
        }
    });
    address
}

/// An address where nobody answers: its listener never accepts, and its backlog is the kernel's.
fn dead() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it has one");
    (listener, address)
}

fn health(arguments: &[&str]) -> Command {
    program(&[&["health"], arguments].concat())
}

#[track_caller]
fn assert_alive(command: &mut Command) {
    let output = command.output().expect("the program was built");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stdout), "alive\n");
}

/// Asserts that nobody answered, and at which address.
#[track_caller]
fn assert_not_alive(output: &Output, address: SocketAddr) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).starts_with(&format!("http://{address}/livez")), "{output:?}");
}

#[test]
fn mistakes_elsewhere_in_the_file_do_not_matter() {
    let folder = TempDir::new().expect("a temporary folder");
    for address in [alive(), SocketAddr::from(([0, 0, 0, 0], alive().port()))] {
        let text = format!(
            "[server]\nadmin_listen = \"{address}\"\nlisten = \"0.0.0.0:8080\"\nworkers = \"many\"\n\
             no_such_key = 1\n[server.tls]\ncertificate_file = \"/no/such\"\n[credentials.c]\n\
             kind = \"static\"\nsecret_file = \"/no/such/file\"\n[sources.crm]\n"
        );
        let file = write(&folder, "a.toml", &text);
        assert_alive(&mut health(&["--config", path(&file)]));
        assert_alive(health(&[]).env("TRIBUTARY_CONFIG", &file));
        let broken = write(&folder, "b.toml", "[server\nadmin_listen = ");
        assert_alive(&mut health(&["--config", path(&file), "--config", path(&broken)]));
    }
}

#[test]
fn the_variable_stands_in_for_a_file_that_cannot_be_read() {
    let (folder, address) = (TempDir::new().expect("a temporary folder"), alive().to_string());
    let broken = write(&folder, "a.toml", "[server]\nadmin_listen = \"127.0.0.1:1\"\n= broken");
    let other = write(&folder, "b.toml", "[server]\nadmin_listen = \"127.0.0.1:1\"");
    for file in [path(&broken), path(&other), "/no/such/file.toml"] {
        assert_alive(health(&["--config", file]).env(VARIABLE, &address));
    }
}

#[test]
fn a_file_that_hangs_is_not_waited_for_where_the_address_is_known() {
    let (folder, address) = (TempDir::new().expect("a temporary folder"), alive().to_string());
    let fifo = folder.path().join("hanging.toml");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    for mut command in [
        health(&["--address", &address, "--config", path(&fifo)]),
        health(&["--config", path(&fifo)]),
    ] {
        let begun = Instant::now();
        assert_alive(command.env(VARIABLE, &address));
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
}

#[test]
fn an_address_that_is_given_comes_first() {
    let (folder, address) = (TempDir::new().expect("a temporary folder"), alive().to_string());
    let file = write(&folder, "a.toml", "[server]\nadmin_listen = \"127.0.0.1:1\"");
    let mut command = health(&["--address", &address, "--config", path(&file)]);
    assert_alive(command.env(VARIABLE, "127.0.0.1:1"));
}

#[test]
fn nobody_who_answers_is_status_1_and_no_address_is_a_mistake_of_usage() {
    let (_held, address) = dead();
    let output = health(&["--address", &address.to_string()]).output().expect("it was built");
    assert_not_alive(&output, address);
    for wrong in ["9090", "localhost", "127.0.0.1", "127.0.0.1:99999", ""] {
        let output = health(&["--address", wrong]).output().expect("it was built");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains("--address"), "{output:?}");
    }
}
