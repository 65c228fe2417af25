//! Secrets are planted everywhere where there are any, and then looked for in everything that the
//! real program says.
#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

#[allow(dead_code, reason = "a part of it is for other tests")]
#[path = "api/authority.rs"]
mod authority;
#[allow(dead_code, reason = "a part of it is for other tests")]
#[path = "api/collector.rs"]
mod collector;
mod program;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;
use tributary::simulator::{Behaviour, Options, Reply, Simulator};

use authority::Authority;
use collector::GrpcCollector;
use program::{PATIENCE, Service, configuration, path, program, text, write};

// Each has a part of letters and digits that no encoding changes, and characters that one does.
const CLIENT: &str = "plantedclientq7 %:+\"&\\ü";
const STATIC: &str = "plantedstaticq7%:+\"&\\";
const KEY: &str = "plantedkeyq7%:+\"&\\";
const KEY_IN_FILE: &str = "plantedfilekeyq7";
const ADMIN_KEY: &str = "plantedadminkeyq7%:+\"&\\";
const INPUT: &str = "plantedinputq7/%:+\"&\\";
const WRONG_KEY: &str = "plantedwrongkeyq7";
/// What upstreams say in errors, which nobody else is to be told.
const BODY: &str = "plantedbodyq7";
const HEADER: &str = "plantedheaderq7";
const DESCRIPTION: &str = "planteddescriptionq7";
/// How the simulator's tokens begin.
const TOKEN: &str = "sim-token-";
/// What the collector of traces is told in a header.
const COLLECTOR: &str = "plantedcollectorq7";
/// The path and the query of a web hook, and a fixed parameter and a fixed header of a source.
const HOOK: &str = "plantedhookq7";
const HOOK_IN_VARIABLE: &str = "plantedvariableq7";
const PARAMETER: &str = "plantedparameterq7";
const FIXED: &str = "plantedfixedq7";
const ALL: [&str; 16] = [
    HOOK,
    HOOK_IN_VARIABLE,
    PARAMETER,
    FIXED,
    ADMIN_KEY,
    COLLECTOR,
    CLIENT,
    STATIC,
    KEY,
    KEY_IN_FILE,
    INPUT,
    WRONG_KEY,
    BODY,
    HEADER,
    DESCRIPTION,
    TOKEN,
];

/// The texts by which a secret would be recognized: its plain beginning, that as a list of numbers,
/// and what base64 makes of it wherever it stands in a longer text.
fn forms(secret: &str) -> Vec<String> {
    let plain: String =
        secret.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let numbers: Vec<String> = plain.bytes().map(|byte| byte.to_string()).collect();
    let mut forms = vec![numbers.join(", "), numbers.join(",")];
    for before in ["", "x", "xx"] {
        let encoded = STANDARD.encode(format!("{before}{plain}"));
        // The characters at both ends depend on what stands beside it.
        let from = before.len().div_ceil(3) * 4;
        let to = (before.len() + plain.len()) / 3 * 4;
        forms.push(encoded[from..to].to_owned());
    }
    forms.push(plain);
    forms
}

/// Where the secrets are in a text; case does not matter.
fn found(said: &str) -> Vec<String> {
    let lower = said.to_ascii_lowercase();
    let mut places = Vec::new();
    for form in ALL.into_iter().flat_map(forms) {
        let at = if form.starts_with("planted") { lower.find(&form) } else { said.find(&form) };
        let line = at.and_then(|at| said.get(..at)).map(|before| before.lines().count());
        if let Some(number) = line {
            let line = said.lines().nth(number.saturating_sub(1)).unwrap_or_default();
            places.push(format!("{form} in {line}"));
        }
    }
    places
}

#[track_caller]
fn assert_clean(what: &str, said: &str) {
    let places = found(said);
    assert!(places.is_empty(), "{what} has secrets:\n{}", places.join("\n"));
}

#[test]
fn a_secret_is_recognized_in_every_form() {
    for secret in ALL {
        let debug = format!("{secret:?} {:?}", secret.as_bytes());
        let header = format!("Basic {}", STANDARD.encode(format!("demo-client:{secret}")));
        let percent: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        for said in [secret, &debug, &header, &percent, &secret.to_uppercase()] {
            let is_token = secret == TOKEN && said.starts_with("SIM");
            assert!(is_token || !found(said).is_empty(), "{said}");
        }
    }
    assert!(found("what is no secret: planted, sim-card, 112, 108").is_empty());
}

/// The configuration and the files and variables with its secrets.
struct Planted {
    folder: TempDir,
    /// A URL that is a secret itself.
    hook: String,
}

impl Planted {
    fn new(sim: &Simulator) -> Self {
        sim.oauth_settings().set_client("demo-client", CLIENT);
        let folder = TempDir::new().expect("a temporary folder");
        let static_file = write(&folder, "static", STATIC);
        let key_file = write(&folder, "key", KEY_IN_FILE);
        let crm = sim.crm().base_url();
        let hook_file = write(&folder, "hook", &format!("{crm}/{HOOK}/{{customerId}}?{HOOK}\n"));
        let text = configuration(sim, 0, 0).replace("client_secret = \"demo-secret\"", "");
        write(&folder, "tributary.toml", &text);
        let more = format!(
            "[[server.api_keys]]\nname = 'one'\nkey = '{KEY}'\n\
             [[server.admin_keys]]\nname = 'operators'\nkey = '{ADMIN_KEY}'\n\
             [[server.api_keys]]\nname = 'two'\nkey_file = '{}'\n\
             [credentials.fixed]\nkind = 'static'\nsecret_file = '{}'\nheader = 'X-Fixed'\n\
             [sources.crm]\ncredential = 'fixed'\nretry = {{ base = '1ms' }}\n\
             [sources.orders]\nurl = '{}/v1/orders?echo={{externalApiKey}}'\n\
             query = {{ u = '{PARAMETER}' }}\nheaders = {{ X-Plain = '{FIXED}' }}\n\
             [sources.hook]\nsecret_url_file = '{}'\nprewarm = true\n\
             [sources.variable]\nmethod = 'POST'\njson = {{ fixed = '{FIXED}' }}\n\
             [actions.customer_profile]\n\
             sources = ['genesys', 'crm', 'orders', 'hook', 'variable']\n",
            path(&key_file),
            path(&static_file),
            sim.orders().base_url(),
            path(&hook_file),
        );
        write(&folder, "more.toml", &more);
        let hook = format!("{crm}/{HOOK_IN_VARIABLE}?a={HOOK_IN_VARIABLE}");
        Self { folder, hook }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        for file in ["tributary.toml", "more.toml"] {
            command.arg("--config").arg(self.folder.path().join(file));
        }
        command
            .env("TRIBUTARY__CREDENTIALS__GENESYS__CLIENT_SECRET", CLIENT)
            .env("TRIBUTARY__SOURCES__VARIABLE__SECRET_URL", &self.hook)
            .env("RUST_LOG", "trace");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program was built")
    }
}

/// Sends a request with these headers; everything that comes back, head and body.
fn post(service: &Service, target: &str, key: &str, body: &str) -> String {
    let length = body.len();
    ask(
        service.address,
        &format!(
            "POST {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             authorization: Bearer {key}\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    )
}

/// Asks the operators' port with a key; everything that comes back.
fn operate(service: &Service, method: &str, target: &str, key: &str) -> String {
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         x-api-key: {key}\r\ncontent-length: 0\r\n\r\n"
    );
    ask(service.admin, &request)
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it is up");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).expect("a reply");
    text(&reply)
}

fn input(key: &str) -> String {
    serde_json::json!({"customerId": "c-1", "externalApiKey": key}).to_string()
}

/// Upstreams that tell what they should not.
fn tell_secrets(sim: &Simulator, status: u16) {
    let body = format!("{{\"error\": \"{BODY}\", \"token\": \"{TOKEN}1\"}}");
    let reply = Reply::status(status)
        .with_header("www-authenticate", format!("Bearer error=\"{HEADER}\""))
        .with_header("location", format!("http://127.0.0.1/{HEADER}"))
        .with_header("retry-after", HEADER)
        .with_header("content-type", format!("text/{HEADER}"))
        .with_body(body);
    for upstream in [sim.users(), sim.crm(), sim.orders()] {
        upstream.set_behaviour(Behaviour::from(reply.clone()));
    }
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one program is started, and all that it says is looked through"
)]
fn the_running_program_says_no_secret_at_any_level() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let collector = Simulator::start(Options::default()).expect("loopback has ports");
    collector.crm().set_behaviour(Behaviour::status(200));
    let planted = Planted::new(&sim);
    let mut command = planted.command(&["serve"]);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.crm().base_url())
        .env("OTEL_EXPORTER_OTLP_HEADERS", format!("x-key={COLLECTOR}"))
        .env("OTEL_TRACES_SAMPLER", "always_on")
        .env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let mut service = Service::run(command, planted.folder);

    let profile = "/v1/actions/customer_profile";
    let mut replies = vec![post(&service, profile, KEY, &input(INPUT))];
    // Without this the test would look at a service that refuses everything.
    assert!(replies[0].contains("\"complete\":true"), "{}", replies[0]);
    let asked = sim.crm().received();
    for hook in [HOOK, HOOK_IN_VARIABLE] {
        assert!(asked.iter().any(|request| request.target.contains(hook)), "{asked:?}");
    }
    for key in [KEY_IN_FILE, WRONG_KEY] {
        replies.push(post(&service, profile, key, &input(INPUT)));
    }
    for body in [
        input(&format!("{INPUT}\u{7}")),
        input(&format!("{INPUT}ü")),
        input(&INPUT.repeat(100)),
        format!("{{\"customerId\": \"c-1\", \"externalApiKey\": [\"{INPUT_PLAIN}\"]}}"),
        format!("{{\"customerId\": \"c-1\", \"externalApiKey\": \"{INPUT_PLAIN}"),
        format!("{INPUT_PLAIN}{INPUT_PLAIN}"),
    ] {
        replies.push(post(&service, profile, KEY, &body));
        replies.push(post(&service, "/events", KEY, &format!("{{\"input\": {body}}}")));
    }
    for status in [301, 400, 401, 403, 429, 500, 503, 200, 204] {
        tell_secrets(&sim, status);
        let reply = post(&service, profile, KEY, &input(INPUT));
        if status != 200 {
            replies.push(reply);
        }
    }
    let broken = Reply::status(200).with_body(format!("{{\"a\": {BODY}"));
    sim.crm().set_behaviour(Behaviour::from(broken));
    sim.users().reset_behaviour();
    sim.orders().reset_behaviour();
    replies.push(post(&service, profile, KEY, &input(INPUT)));
    // A token that is refused, by an authorization server that says too much.
    let refusal = serde_json::json!({"error": "invalid_client", "error_description": DESCRIPTION,
        "description": DESCRIPTION, "error_uri": format!("http://x/{DESCRIPTION}")});
    sim.oauth().set_behaviour(Behaviour::json(401, &refusal));
    sim.oauth_settings().revoke_all();
    replies.push(post(&service, profile, KEY, &input(INPUT)));
    for reply in &replies {
        assert_clean("a reply", reply);
    }

    for target in [
        "/livez",
        "/readyz",
        "/metrics",
        "/v1/sources",
        "/v1/credentials",
        "/v1/requests",
        "/console",
        "/none",
    ] {
        for key in [ADMIN_KEY, WRONG_KEY] {
            assert_clean(target, &operate(&service, "GET", target, key));
        }
    }
    write(&service.folder, "static", &format!("{STATIC}-and-more"));
    write(&service.folder, "key", &format!("{KEY_IN_FILE}-and-more"));
    let reloaded = operate(&service, "POST", "/v1/reload", ADMIN_KEY);
    for change in ["server.api_keys.two: changed", "credential fixed: secret_file changed"] {
        assert!(reloaded.contains(change), "{reloaded}");
    }
    assert_clean("the reload", &reloaded);

    service.stop();
    // The collector is told its own secret, in the header, and no other.
    let exports = collector.crm().received();
    assert!(exports.iter().all(|export| export.header("x-key") == Some(COLLECTOR)), "{exports:?}");
    let exports: String = exports.iter().map(|export| text(&export.body)).collect();
    assert!(exports.contains("customer_profile"), "no span came");
    assert_clean("the spans", &exports);

    let said = service.log();
    assert!(said.contains("TRACE"), "it logs at all levels");
    assert_clean("the log", &said);
}

#[test]
fn what_a_collector_is_told_by_grpc_and_tls_is_not_logged() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let authority = Authority::new("operators");
    let (trusted, certificate) = (authority.file(), authority.issue("127.0.0.1", 2020..2090));
    let collector = GrpcCollector::start_tls(certificate.pem());
    let (url, header) = (format!("https://{}", collector.address), format!("x-key={COLLECTOR}"));
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", header.as_str()),
        ("OTEL_TRACES_SAMPLER", "always_on"),
        ("SSL_CERT_FILE", path(trusted.path())),
    ];
    let mut service = Service::start_in(&sim, "", "trace", &variables);
    let mut stream = TcpStream::connect(service.address).expect("it is up");
    program::ask(&mut stream).expect("a reply");
    service.stop();
    assert!(!collector.spans().is_empty(), "no span came");
    let said = service.log();
    assert!(said.contains("TRACE"), "it logs at all levels");
    assert_clean("the log", &said);
}

/// The part of the secret input that stands in any text as it is.
const INPUT_PLAIN: &str = "plantedinputq7";

#[test]
fn the_other_commands_say_no_secret() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let planted = Planted::new(&sim);
    let secret_input = format!("externalApiKey={INPUT}");
    let (url, address) = (format!("https://me:{KEY_IN_FILE}@h.example"), "https://h.example");
    let from_variable = format!("externalApiKey@env={INPUT_PLAIN}");
    let commands: [&[&str]; 21] = [
        &["export", "data-action", "--url", &url],
        &["export", "terraform", "--url", &url],
        &["export", "openapi", "--url", &url],
        &["export", "openapi", "--url", address, KEY_IN_FILE],
        &["check", KEY_IN_FILE],
        &[KEY_IN_FILE],
        &["call", "customer_profile", INPUT_PLAIN],
        &["call", "customer_profile", "--timeout", INPUT_PLAIN],
        &["call", "customer_profile", &format!("{INPUT_PLAIN}==")],
        &["call", "customer_profile", &from_variable],
        &["call", "--json", "customer_profile", &from_variable],
        &["call", &secret_input],
        &["check"],
        &["check", "--keys"],
        &["export", "data-action", "--url", "https://tributary.example.com"],
        &["export", "terraform", "--url", "https://tributary.example.com"],
        &["export", "openapi"],
        &["call", "customer_profile", "customerId=c-1", &secret_input],
        &["call", "--json", "customer_profile", "customerId=c-1", &secret_input],
        &["call", "customer_profile", "customerId=c-1", &format!("{secret_input}\u{fc}")],
        &["call", "customer_profile", &secret_input],
    ];
    for arguments in commands {
        let output = planted.run(arguments);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(!said.is_empty(), "{arguments:?}");
        assert_clean(arguments[0], &said);
    }
}

#[test]
fn a_secret_of_the_wrong_form_is_refused_without_showing_it() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let planted = Planted::new(&sim);
    let file = write(&planted.folder, "bad", &format!("{STATIC}\u{7}\nx"));
    for wrong in [
        format!("[[server.api_keys]]\nname = 'a'\nkey = ['{KEY}']"),
        format!("[[server.api_keys]]\nname = 'a'\nkey = '{KEY_IN_FILE}'\nkye = '{KEY}'"),
        format!("[credentials.fixed]\nsecret_file = '{}'", path(&file)),
        format!("[credentials.fixed]\nsecret = '{STATIC}'\nsecret_file = '{}'", path(&file)),
        format!("[credentials.fixed]\nsecret = {{ a = '{STATIC}' }}"),
        format!("[credentials.genesys]\nclient_secret_file = '/none'\nclient_secrets = '{CLIENT}'"),
        format!("[credentials.genesys]\ntoken_url = 'http://u:{KEY_IN_FILE}@x/?a={KEY_IN_FILE}'"),
        format!("[sources.crm]\nurl = 'http://u:{KEY_IN_FILE}@x/?a={KEY_IN_FILE}'"),
        format!("[credentials.fixed]\nsecret = '{KEY_IN_FILE}\n"),
        // A value beside the name that it belongs to.
        format!("[credentials.fixed]\nheader = 'X-API-Key: {KEY_IN_FILE}'"),
        format!("[sources.crm]\nheaders = {{ 'X-API-Key: {KEY_IN_FILE}' = '' }}"),
        format!("[sources.crm]\nquery = {{ 'key={KEY_IN_FILE}' = '{{' }}"),
        // The secret where something else belongs.
        format!("[credentials.fixed]\nsecret_file = '{KEY_IN_FILE}'"),
        format!("[credentials.fixed]\nsecret_file = '/{KEY_IN_FILE}+x/y=='"),
        format!("[[server.api_keys]]\nname = 'a'\nkey_file = '{KEY}'"),
        format!("[server]\ntls = {{ key_file = '{KEY_IN_FILE}', certificate_file = '{KEY}' }}"),
        format!("[sources.crm]\nca_file = '{KEY_IN_FILE}'"),
        format!("[sources.crm]\ncredential = '{KEY_IN_FILE}'"),
        format!("[sources.crm]\ncredential = '{KEY}'"),
        format!("[sources.hook]\nsecret_url_file = '{KEY_IN_FILE}'"),
        // URLs that are none.
        format!("[credentials.genesys]\ntoken_url = '/token?secret={KEY_IN_FILE}'"),
        format!("[credentials.genesys]\ntoken_url = '{KEY_IN_FILE}'"),
        format!("[credentials.genesys]\napi_url = 'https://x?{KEY_IN_FILE}'"),
        format!("[traces]\nendpoint = 'http://u:{KEY_IN_FILE}@x/'"),
        format!("[traces]\nendpoint = 'http://x/?{KEY_IN_FILE}'"),
        format!("[sources.crm]\nurl = 'https://u:{KEY_IN_FILE}/x@y/'"),
        format!("[sources.crm]\nurl = 'https://u:p?{KEY_IN_FILE}@y/#'"),
        format!("[sources.crm]\nurl = 'https://x/#{KEY_IN_FILE}'"),
        format!("[sources.hook]\nsecret_url = 'https://x/{KEY_IN_FILE}'\nurl = 'https://x/'"),
        // Templates that are none: JSON as a text, a brace too many.
        format!("[sources.crm]\nheaders = {{ A = '{{\"key\": \"{KEY_IN_FILE}\"}}' }}"),
        format!("[sources.crm]\nheaders = {{ A = '{{key:\"{KEY_IN_FILE}\"}}' }}"),
        format!("[sources.variable]\njson = '{{{KEY_IN_FILE} x}}'"),
        format!("[sources.crm]\nrate_limit = {{ requests = 1, key = '{KEY_IN_FILE}{{' }}"),
        // No TOML.
        format!("[credentials.fixed]\nsecret = {KEY_IN_FILE}"),
        format!("[credentials.fixed]\nsecret = \"{KEY_IN_FILE}\" \"{KEY_IN_FILE}\""),
        format!("[credentials.fixed]\nsecret: {KEY_IN_FILE}"),
        format!("[credentials.fixed]\nsecret = '''\n{KEY_IN_FILE}\n{KEY_IN_FILE}"),
        format!("secret = \"\\x{KEY_IN_FILE}\""),
        format!("[sources.crm]\nheaders = {{ A = '{KEY_IN_FILE}', A = '{KEY_IN_FILE}' }}"),
    ] {
        let more = write(&planted.folder, "wrong.toml", &wrong);
        for command in ["check", "serve"] {
            let output = planted
                .command(&[command])
                .args(["--config", path(&more)])
                .output()
                .expect("the program was built");
            // Also a file that cannot be read.
            assert!(matches!(output.status.code(), Some(66 | 78)), "{wrong}: {output:?}");
            assert_clean(&wrong, &text(&output.stderr));
            assert_clean(&wrong, &text(&output.stdout));
        }
    }
}

#[test]
fn variables_of_the_wrong_form_are_refused_without_showing_them() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let planted = Planted::new(&sim);
    let url = format!("http://u:{KEY_IN_FILE}@x/?{KEY_IN_FILE}");
    let header = format!("X-Key: {KEY_IN_FILE}");
    let control = format!("{KEY_IN_FILE}\u{7}");
    for (name, value) in [
        ("TRIBUTARY__CREDENTIALS__FIXED", KEY_IN_FILE),
        ("TRIBUTARY__CREDENTIALS__FIXED__SECRT", KEY_IN_FILE),
        ("TRIBUTARY__CREDENTIALS__GENESYS__CLIENT_SECRET", &control),
        ("TRIBUTARY__CREDENTIALS__FIXED__SECRET_FILE", KEY_IN_FILE),
        ("TRIBUTARY__CREDENTIALS__FIXED__HEADER", &header),
        ("TRIBUTARY__CREDENTIALS__GENESYS__TOKEN_URL", &url),
        ("TRIBUTARY__CREDENTIALS__GENESYS__CLIENT_SECRET__X", KEY_IN_FILE),
        ("TRIBUTARY__SOURCES__CRM__URL", &url),
        ("TRIBUTARY__SOURCES__CRM__HEADERS", &header),
        ("TRIBUTARY__SOURCES__CRM__CREDENTIAL", KEY_IN_FILE),
        ("TRIBUTARY__SOURCES__VARIABLE__SECRET_URL", KEY_IN_FILE),
        ("TRIBUTARY__SERVER__API_KEYS", KEY_IN_FILE),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &url),
    ] {
        let output = planted.command(&["check"]).env(name, value).output().expect("it was built");
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(matches!(output.status.code(), Some(66 | 78)), "{name}: {said}");
        assert_clean(name, &said);
    }
}
