//! The real program and its operators: the health check over TLS, and what is logged of keys.
#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

#[allow(dead_code, reason = "a part of it is for other tests")]
#[path = "api/authority.rs"]
mod authority;
mod program;

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::Output;

use tempfile::TempDir;
use tributary::simulator::{Options, Simulator};

use authority::{Authority, VALID};
use program::{Service, path, program, text, write};

/// What `tributary health` says of this address: its status and its output.
fn health(address: SocketAddr) -> (Option<i32>, Output) {
    let address = address.to_string();
    let output = program(&["health", "--address", &address]).output();
    let output = output.expect("the program was built");
    (output.status.code(), output)
}

#[test]
fn health_is_told_over_tls_whatever_the_certificate_is_for() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let folder = TempDir::new().expect("a temporary folder");
    let authority = Authority::new("nobody knows it");
    let (chain, key) = authority.issue("tributary.example", VALID).pem();
    let (chain, key) = (write(&folder, "chain", &chain), write(&folder, "key", &key));
    let ca = write(&folder, "ca", &authority.pem());
    let table = format!(
        "[server.admin_tls]\ncertificate_file = '{}'\nkey_file = '{}'\n",
        path(&chain),
        path(&key)
    );
    // Where operators are asked for a certificate, that is an answer, too.
    for more in [String::new(), format!("client_ca_file = '{}'\n", path(&ca))] {
        let mut service = Service::start_with(&sim, &format!("{table}{more}"), "info");
        let admin = service.admin;
        let (status, output) = health(admin);
        assert_eq!((status, text(&output.stdout).as_str()), (Some(0), "alive\n"), "{output:?}");
        let up = service.wait_for_log("up");
        assert_eq!(up["admin"], format!("https://{admin}"));
        service.stop();
        assert_eq!(health(admin).0, Some(1));
    }
}

#[test]
fn whoever_listens_there_but_speaks_no_http_is_not_alive() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it has one");
    let other = std::thread::spawn(move || {
        // It is asked in plain text, and then over TLS.
        for mut stream in listener.incoming().take(2).map_while(Result::ok) {
            let _ = stream.write_all(b"220 mail.example\r\n");
        }
    });
    let (status, output) = health(address);
    assert_eq!(status, Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("/livez"), "{output:?}");
    other.join().expect("no panic");
}

#[test]
fn a_port_that_is_open_to_others_is_warned_of_by_check_and_at_the_start() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let open = "[server]\nadmin_listen = '0.0.0.0:0'\n";
    let mut service = Service::start_with(&sim, open, "warn");
    let said = "other machines can reach 0.0.0.0:0, and operators are asked for no key";
    let line = "the configuration has something that is most likely not meant";
    let line = service.wait_for_log(line).to_string();
    assert!(line.contains(said) && line.contains("server.admin_listen"), "{line}");
    let files = ["tributary.toml", "more.toml"].map(|name| service.folder.path().join(name));
    let [file, more] = files.each_ref().map(|file| path(file));
    let output = program(&["check", "--config", file, "--config", more]).output();
    let output = output.expect("the program was built");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stderr).contains(said), "{output:?}");
    let plan = text(&output.stdout);
    for part in
        ["admin_keys      none", "admin_hosts     addresses, localhost", "allowed_hosts   addr"]
    {
        assert!(plan.contains(part), "{part} is not in\n{plan}");
    }
    service.stop();
}

#[test]
fn a_reload_logs_what_it_changes_and_no_key() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let key = |key: &str| format!("[[server.api_keys]]\nname = 'flow'\nkey = '{key}'\n");
    let mut service = Service::start_with(&sim, &key("planted-key"), "info");
    write(&service.folder, "more.toml", &key("planted-other-key"));
    service.signal("-HUP");
    let line = service.wait_for_log("configuration replaced").to_string();
    assert!(line.contains("server.api_keys.flow: changed"), "{line}");
    service.stop();
    let said = service.log();
    assert!(!said.contains("planted"), "{said}");
}
