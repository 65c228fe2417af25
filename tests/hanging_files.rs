//! A file of the configuration that hangs, as one on a volume of the network does, stops nothing but
//! the reading of the configuration. A FIFO that nobody writes to hangs in the same way.
#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

mod program;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tributary::simulator::{Options, Simulator};

use program::{PATIENCE, Service, ask, path, program, text};

/// Puts a FIFO that nobody writes to in the place of a file.
fn hang(file: &Path) {
    let _ = std::fs::remove_file(file);
    assert!(Command::new("mkfifo").arg(file).status().expect("mkfifo").success());
}

/// A service whose second file begins to hang once it is up.
fn service(sim: &Simulator) -> Service {
    let service = Service::start_with(sim, "", "error,tributary=off");
    hang(&service.folder.path().join("more.toml"));
    service
}

/// What is answered to a request on the admin port, and how long it took.
fn admin(address: SocketAddr, request: &str) -> (String, Duration) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).expect("it is up");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let head = format!("{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    stream.write_all(format!("{head}content-length: 0\r\n\r\n").as_bytes()).expect("it reads");
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).expect("a reply");
    (text(&reply), begun.elapsed())
}

/// Waits until one of the program's threads has this name.
fn wait_for_thread(process: u32, name: &str) {
    let end = Instant::now() + PATIENCE;
    let is_there = || {
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
        threads.flatten().any(|thread| {
            let found = std::fs::read_to_string(thread.path().join("comm"));
            found.is_ok_and(|found| found.trim_end() == name)
        })
    };
    while !is_there() {
        assert!(Instant::now() < end, "there is no thread {name}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_reload_of_a_file_that_hangs_is_given_up_and_holds_nobody_up() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let service = service(&sim);
    let address = service.admin;
    std::thread::scope(|scope| {
        let reload = scope.spawn(|| admin(address, "POST /v1/reload"));
        wait_for_thread(service.process.id(), "read-file");
        let mut kept = TcpStream::connect(service.address).expect("a connection");
        while !reload.is_finished() {
            let (reply, took) = admin(address, "GET /livez");
            assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
            assert!(took < Duration::from_secs(3), "{took:?}");
            let begun = Instant::now();
            assert!(ask(&mut kept).expect("a reply").starts_with("http/1.1 200 "));
            assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
            std::thread::sleep(Duration::from_millis(50));
        }
        let (reply, took) = reload.join().expect("no panic");
        assert!(reply.starts_with("HTTP/1.1 422 "), "{reply}");
        assert!(reply.contains("it did not come within 5s"), "{reply}");
        assert!((Duration::from_secs(5)..PATIENCE).contains(&took), "{took:?}");
    });
    // No other thread is sent after it.
    let (reply, took) = admin(address, "POST /v1/reload");
    assert!(reply.contains("an earlier attempt to read it has not ended"), "{reply}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    // It is back.
    let more = service.folder.path().join("more.toml");
    std::fs::write(&more, "").expect("the thread reads it");
    std::fs::remove_file(&more).expect("it is there");
    std::fs::write(&more, "").expect("written");
    let end = Instant::now() + PATIENCE;
    while !admin(address, "POST /v1/reload").0.starts_with("HTTP/1.1 200 ") {
        assert!(Instant::now() < end, "it is still not read");
    }
}

#[test]
fn a_stop_does_not_wait_for_a_reload_that_hangs() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let mut service = service(&sim);
    service.signal("-HUP");
    wait_for_thread(service.process.id(), "read-file");
    let took = service.stop();
    assert!(took < Duration::from_secs(4), "{took:?}");
}

/// Starts the program with a configuration that hangs; what became of it, and how long it took.
fn start(command: &str, signal: Option<&str>) -> (ExitStatus, String, Duration) {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("tributary.toml");
    hang(&file);
    let begun = Instant::now();
    let mut command = program(&[command, "--config", path(&file)]);
    command.env("RUST_LOG", "off").stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program was built");
    if let Some(signal) = signal {
        wait_for_thread(child.id(), "read-file");
        let id = child.id().to_string();
        assert!(Command::new("kill").args([signal, id.as_str()]).status().expect("kill").success());
    }
    let output = child.wait_with_output().expect("it ends");
    (output.status, text(&output.stderr), begun.elapsed())
}

#[test]
fn a_stop_does_not_wait_for_a_start_that_hangs() {
    for signal in ["-TERM", "-INT"] {
        let (status, said, took) = start("serve", Some(signal));
        assert_eq!((status.code(), status.signal()), (Some(0), None), "{said}");
        assert!(took < Duration::from_secs(4), "{took:?}");
    }
}

#[test]
fn a_start_with_a_file_that_hangs_is_given_up() {
    for command in ["serve", "check"] {
        let (status, said, took) = start(command, None);
        assert_eq!(status.code(), Some(66), "{said}");
        assert!(said.contains("no readable file (it did not come within 5s)"), "{said}");
        assert!((Duration::from_secs(5)..PATIENCE).contains(&took), "{took:?}");
    }
}

#[test]
fn a_start_whose_platform_certificates_hang_is_given_up() {
    let folder = TempDir::new().expect("a temporary folder");
    let (fifo, file) = (folder.path().join("fifo"), folder.path().join("tributary.toml"));
    hang(&fifo);
    let server = "listen = '127.0.0.1:0'\nadmin_listen = '127.0.0.1:0'";
    let (source, action) = ("url = 'https://127.0.0.1:1/'", "sources = ['a']");
    let text_of = format!("[server]\n{server}\n[sources.a]\n{source}\n[actions.a]\n{action}\n");
    std::fs::write(&file, text_of).expect("written");
    let mut command = program(&["serve", "--config", path(&file)]);
    command.env("SSL_CERT_FILE", &fifo).env("RUST_LOG", "off");
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the program was built");
    let end = Instant::now() + PATIENCE;
    while child.try_wait().expect("it is ours").is_none() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    // Without effect if it has ended.
    let _ = child.kill();
    let output = child.wait_with_output().expect("it ends");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(65), "{said}");
    assert!(
        said.contains("a: the platform's certificates: they did not come within 5 s"),
        "{said}"
    );
}

#[test]
fn a_fifo_in_the_place_of_a_secret_or_a_certificate_is_refused_at_once() {
    let folder = TempDir::new().expect("a temporary folder");
    let (fifo, file) = (folder.path().join("fifo"), folder.path().join("tributary.toml"));
    hang(&fifo);
    let fifo = path(&fifo);
    for (table, key) in [
        ("[[server.api_keys]]\nname = 'a'\n", "key_file"),
        ("[server.tls]\nkey_file = '/no/such'\n", "certificate_file"),
        ("[server.tls]\ncertificate_file = '/no/such'\n", "key_file"),
        ("[credentials.a]\nkind = 'static'\n", "secret_file"),
        ("[credentials.a]\nkind = 'client_credentials'\nclient_id = 'a'\n", "client_secret_file"),
        ("[sources.a]\nurl = 'https://a.example/'\n", "ca_file"),
    ] {
        std::fs::write(&file, format!("{table}{key} = '{fifo}'\n")).expect("written");
        let begun = Instant::now();
        let output = program(&["check", "--config", path(&file)]).output().expect("it was built");
        let said = text(&output.stderr);
        let expected = format!("{key}: found {fifo:?}, which cannot be read (it is a FIFO, not a");
        assert!(said.contains(&expected), "{said}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    }
}
