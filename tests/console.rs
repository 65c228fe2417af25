//! What a browser shows and what it lets pages do: headless Chromium, driven by chromedriver.
#![expect(clippy::disallowed_methods, reason = "a real browser takes real time")]

#[allow(dead_code, reason = "a part of it is for other tests")]
#[path = "api/client.rs"]
mod client;
mod program;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Deref;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use tributary::simulator::{Options as SimulatorOptions, Simulator};

use program::demo::Demo;
use program::{PATIENCE, Service};

/// Without a network of its own, without a profile of the user's.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1000",
];

/// chromedriver, in a process group with the browser that it starts: both end when it is dropped.
struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    fn start() -> Self {
        // It wants the same port of IPv4 and of IPv6, and the one that it gets of the first may be
        // taken of the second.
        let mut said = String::new();
        for _ in 0..5 {
            match Self::try_start() {
                Ok(driver) => return driver,
                Err(why) => said += &why,
            }
        }
        panic!("chromedriver does not start:\n{said}");
    }

    /// What it said and how it ended, if it has no port.
    fn try_start() -> Result<Self, String> {
        let mut command = Command::new("chromedriver");
        let command = command.arg("--port=0").stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().expect("chromedriver is installed (scripts/test does)");
        let mut told = String::new();
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            told += &line;
            told.push('\n');
            line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok()
        });
        match port {
            Some(port) => Ok(Self { child, port }),
            // It has closed its output, so it ends.
            None => Err(format!("{told}{:?}\n", child.wait())),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // A test that fails closes no browser.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-9", "--", &group]).status();
        let _ = self.child.wait();
    }
}

/// A browser with one tab.
struct Browser {
    client: Client,
}

impl Browser {
    /// Asserts that this script comes to true, in time.
    async fn eventually(&self, script: &str) {
        let began = Instant::now();
        loop {
            let is_so = self.run(&format!("return Boolean({script})")).await;
            if is_so == true {
                return;
            }
            if began.elapsed() > PATIENCE {
                let text = self.run("return document.body.innerText").await;
                panic!("never came true: {script}\n{}", text.as_str().unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the script returns; if that is a promise, what it comes to.
    async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect("the script runs")
    }

    async fn click(&self, selector: &str) {
        let found = self.client.find(Locator::Css(selector)).await.expect("it is there");
        found.click().await.expect("it can be clicked");
    }

    async fn text(&self, selector: &str) -> String {
        let found = self.client.find(Locator::Css(selector)).await.expect("it is there");
        found.text().await.expect("it has a text")
    }

    async fn open(&self, address: &str) {
        self.client.goto(address).await.expect("the page opens");
    }

    /// Asserts that the console comes to show this status.
    async fn shows(&self, status: &str) {
        self.eventually(&format!("document.querySelector('#status').textContent === '{status}'"))
            .await;
    }
}

/// The demo's console, open in a browser.
struct Page<'a> {
    browser: &'a Browser,
    demo: Demo,
}

impl Deref for Page<'_> {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        self.browser
    }
}

impl Page<'_> {
    /// Asserts that the list comes to show exactly these ids, in order.
    async fn lists(&self, ids: &[&str]) {
        let ids = json!(ids);
        let script = "JSON.stringify([...document.querySelectorAll('#requests button')].map(b => b.textContent))";
        self.eventually(&format!("{script} === '{ids}'")).await;
    }

    /// Asks the service, and waits until the page lists the request.
    async fn ask(&self, id: &str, customer: &str) {
        let body = json!({"customerId": customer, "externalApiKey": "k"}).to_string();
        let headers = [
            ("content-type", "application/json"),
            ("x-request-id", id),
            // Longer than all attempts at a source that answers.
            ("x-request-timeout-ms", "1500"),
        ];
        let path = "/v1/actions/customer_profile";
        client::send(self.demo.public(), "POST", path, &headers, body.as_bytes()).expect("a reply");
        self.eventually(&format!("document.querySelector('#requests').innerText.includes('{id}')"))
            .await;
    }
}

/// Runs a test in a browser that is started with more arguments.
fn in_a_browser(more: &[&str], test: impl AsyncFnOnce(&Browser)) {
    let driver = Driver::start();
    let profile = TempDir::new().expect("a temporary folder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut arguments: Vec<&str> = [&ARGUMENTS, more].concat();
        let folder = format!("--user-data-dir={}", profile.path().display());
        arguments.push(&folder);
        let capabilities = json!({"goog:chromeOptions": {"args": arguments}});
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.as_object().expect("an object").clone());
        let client = builder.connect(&format!("http://127.0.0.1:{}", driver.port)).await;
        let browser = Browser { client: client.expect("a browser") };
        test(&browser).await;
        browser.client.close().await.expect("the browser ends");
    });
}

/// Runs a test on the console of a demo with these arguments.
fn on_the_page(arguments: &[&str], test: impl AsyncFnOnce(&Page<'_>)) {
    let demo = Demo::start(arguments);
    in_a_browser(&[], async |browser| {
        let page = Page { browser, demo };
        page.open(&format!("http://{}/console", page.demo.admin())).await;
        page.shows("✓ ready").await;
        test(&page).await;
    });
}

/// A service on top of these upstreams, with a layer of TOML on top.
fn service(sim: &Simulator, overrides: &str) -> Service {
    Service::start_with(sim, overrides, "warn")
}

#[test]
fn the_waterfall_of_a_request_shows_which_source_ran_into_the_deadline() {
    on_the_page(&["--hang", "crm", "--fail", "orders"], async |page| {
        page.ask("forced-timeout", "c-1").await;
        page.ask("another", "c-2").await;
        let button = Locator::XPath("//*[@id='requests']//button[text()='forced-timeout']");
        page.client.find(button).await.expect("a row").click().await.expect("a click");
        page.eventually(
            "document.querySelector('#chosen-title').textContent === 'Request forced-timeout'",
        )
        .await;

        let story = page.text("#story").await;
        assert!(story.starts_with("crm took longest: "), "{story}");
        assert!(
            story.contains("crm: attempt 1 failed (no reply); given up at the deadline"),
            "{story}"
        );
        assert!(story.contains("orders: attempt 1 failed (503)"), "{story}");

        let nameless =
            "return [...document.querySelectorAll('th')].filter((th) => !th.textContent).length";
        assert_eq!(page.run(nameless).await, 0, "what a header is of must be said");

        // The bars are where the times are, and the deadline is a line behind the longest of them.
        let bars = page.run(r"
            const rows = [...document.querySelectorAll('#waterfall tbody tr')];
            return rows.map((row) => {
                const track = row.querySelector('.track').getBoundingClientRect();
                const bar = row.querySelector('.bar').getBoundingClientRect();
                const line = row.querySelector('.deadline').getBoundingClientRect();
                return {label: row.querySelector('th').textContent, told: row.querySelector('.told').textContent,
                        width: bar.width / track.width,
                        beyond: (bar.right - line.right) / track.width};
            })").await;
        let bars = bars.as_array().expect("a list");
        let crm = bars.iter().find(|bar| bar["label"] == "crm").expect("a row for the source");
        assert!(crm["told"].as_str().is_some_and(|told| told.starts_with("✗ timeout, ")), "{crm}");
        assert!(crm["width"].as_f64().is_some_and(|width| width > 0.95), "{crm}");
        let genesys = bars.iter().find(|bar| bar["label"] == "genesys").expect("a row");
        assert!(genesys["width"].as_f64().is_some_and(|width| width < 0.9), "{genesys}");
        let labels: Vec<&str> = bars.iter().filter_map(|bar| bar["label"].as_str()).collect();
        assert!(labels.contains(&"attempt 1: no reply"), "{labels:?}");
        assert!(labels.contains(&"attempt 1: 503"), "{labels:?}");
        for bar in bars {
            // A busy machine notices the deadline some milliseconds late.
            assert!(bar["beyond"].as_f64().is_some_and(|share| share < 0.05), "{bar}");
        }
    });
}

#[test]
fn the_list_can_be_filtered_and_sorted() {
    on_the_page(&[], async |page| {
        page.ask("whole", "c-1").await;
        page.ask("nobody", "missing-1").await;
        page.eventually("document.querySelectorAll('#requests tr').length === 3").await;
        page.lists(&["nobody", "whole", "demo-1"]).await;

        let choose = |filter: &str, value: &str| {
            let option = format!("#{filter} option[value='{value}']");
            async move { page.click(&option).await }
        };
        choose("by-outcome", "not_found").await;
        page.lists(&["nobody"]).await;
        choose("by-outcome", "partial").await;
        page.lists(&[]).await;
        assert_eq!(page.text("#count").await, "0 of 3");
        choose("by-outcome", "").await;
        choose("by-action", "customer_profile").await;
        page.lists(&["nobody", "whole", "demo-1"]).await;

        page.click("#slowest").await;
        let took =
            page.run("return records.map(record => record.latency_ms).sort((a, b) => b - a)").await;
        let shown = page.run("return [...document.querySelectorAll('#requests button')].map(b => records.find(r => r.number == b.dataset.number).latency_ms)").await;
        assert_eq!(shown, took);

        let id = page.client.find(Locator::Css("#by-id")).await.expect("a field");
        id.send_keys("obod").await.expect("keys");
        page.lists(&["nobody"]).await;
    });
}

#[test]
fn a_fault_is_switched_on_and_off_by_a_button() {
    on_the_page(&[], async |page| {
        let pressed = |fault: &str| {
            format!("button[data-source='crm'][data-fault='{fault}'][aria-pressed='true']")
        };
        page.eventually(&format!("document.querySelector(\"{}\")", pressed("none"))).await;
        page.click("button[data-source='crm'][data-fault='garbage']").await;
        page.eventually(&format!("document.querySelector(\"{}\")", pressed("garbage"))).await;
        page.ask("spoilt", "c-1").await;
        page.eventually(
            "document.querySelector('#requests').innerText.includes('crm bad_payload')",
        )
        .await;
        page.eventually("document.querySelector('#cards').innerText.includes('% bad_payload')")
            .await;
        page.click("button[data-source='crm'][data-fault='none']").await;
        page.eventually(&format!("document.querySelector(\"{}\")", pressed("none"))).await;
        page.ask("good-again", "c-1").await;
        assert!(page.text("#requests tr").await.contains("200 ✓ complete"));
    });
}

#[test]
fn it_is_used_by_keys_alone_and_in_a_narrow_window() {
    on_the_page(&[], async |page| {
        page.ask("second", "c-1").await;
        page.run("document.querySelector('#requests button').focus()").await;
        let focused = page.client.active_element().await.expect("the button");
        focused.send_keys("\u{e015}").await.expect("arrow down");
        let focused = page.client.active_element().await.expect("the next one");
        assert_eq!(focused.text().await.expect("its text"), "demo-1");
        focused.send_keys("\u{e007}").await.expect("enter");
        page.eventually("document.querySelector('#chosen-title').textContent === 'Request demo-1'")
            .await;
        // The list was made anew, and the focus is where it was.
        let focused = page.client.active_element().await.expect("the same");
        assert_eq!(focused.text().await.expect("its text"), "demo-1");

        page.client.set_window_size(500, 900).await.expect("a narrow window");
        page.eventually("innerWidth <= 500").await;
        page.eventually("document.documentElement.scrollWidth <= innerWidth").await;
        page.eventually(
            "document.querySelector('#waterfall .bar').getBoundingClientRect().width > 0",
        )
        .await;
    });
}

#[test]
fn the_address_names_a_request_and_another_one_is_not_shown_instead() {
    on_the_page(&[], async |page| {
        page.ask("second", "c-1").await;
        page.run("location.hash = 'demo-1'").await;
        let title = "document.querySelector('#chosen-title').textContent";
        page.eventually(&format!("{title} === 'Request demo-1'")).await;
        for (hash, shown) in [("long-gone", "long-gone"), ("100%", "100%")] {
            let address = format!("http://{}/console#{hash}", page.demo.admin());
            page.client.goto("about:blank").await.expect("it leaves");
            page.client.goto(&address).await.expect("the page opens");
            let missing = format!("Request {shown} is not among the last 200.");
            let text = "document.querySelector('#missing').textContent";
            page.eventually(&format!("{text} === '{missing}'")).await;
            assert!(page.run("return document.querySelector('#chosen').hidden").await == true);
            page.eventually("document.querySelectorAll('#requests tr').length === 2").await;
        }
    });
}

#[test]
fn a_row_stays_the_same_while_requests_come() {
    on_the_page(&[], async |page| {
        page.run("window.row = document.querySelector('#requests button'); window.row.focus()")
            .await;
        page.ask("second", "c-1").await;
        page.ask("third", "c-1").await;
        let same = "document.activeElement === window.row && document.contains(window.row)";
        assert!(page.run(&format!("return {same}")).await == true);
        page.lists(&["third", "second", "demo-1"]).await;
    });
}

#[test]
fn the_page_asks_nobody_but_the_service_and_says_when_it_has_gone() {
    on_the_page(&[], async |page| {
        let asked = "return performance.getEntriesByType('resource').map(entry => entry.name)
            .filter(name => new URL(name).host !== location.host)";
        let asked = page.run(asked).await;
        assert_eq!(asked, json!([]));
        let smuggled = "const script = document.createElement('script');
            script.textContent = 'window.made = true';
            document.body.append(script);
            return window.made ?? 'refused'";
        assert_eq!(page.run(smuggled).await, "refused", "the policy knows the page's own scripts");
        page.demo.kill();
        page.eventually(
            "document.querySelector('#status').textContent.startsWith('✗ no connection')",
        )
        .await;
    });
}

/// A key of operators, with characters that a header cannot carry one by one.
const KEY: &str = "schlüssel-für-die-konsole-9f86d081";

#[test]
fn the_key_of_an_operator_is_asked_for_and_stays_in_its_tab() {
    let sim = Simulator::start(SimulatorOptions::default()).expect("loopback has ports");
    let service = service(&sim, &format!("[[server.admin_keys]]\nname = 'one'\nkey = '{KEY}'\n"));
    let console = format!("http://{}/console", service.admin);
    in_a_browser(&[], async |page| {
        page.open(&console).await;
        page.shows("✗ a key is needed").await;
        let give = async |key: &str| {
            let field = page.client.find(Locator::Css("#key")).await.expect("a field");
            field.send_keys(&format!("{key}\n")).await.expect("keys");
        };
        give("unknown").await;
        page.eventually(
            "document.querySelector('#key-problem').textContent === 'the service does not know this key'",
        )
        .await;
        give(KEY).await;
        page.shows("✓ ready").await;
        page.eventually("document.querySelector('#key-form').hidden").await;
        page.eventually("document.querySelector('#cards').innerText.includes('crm')").await;

        // Nobody who looks over a shoulder, at a history or at other tabs finds it.
        let places = page
            .run(
                "return JSON.stringify([location.href, document.cookie, {...localStorage},
                     document.documentElement.outerHTML, history.length,
                     performance.getEntriesByType('resource').map(entry => entry.name)])",
            )
            .await;
        let places = places.as_str().expect("a text");
        for form in [KEY, "schl%C3%BCssel", "9f86d081"] {
            assert!(!places.contains(form), "{form} is in {places}");
        }
        let cookies = page.client.get_all_cookies().await.expect("a list");
        assert!(cookies.is_empty(), "{cookies:?}");

        page.client.refresh().await.expect("the page opens");
        page.shows("✓ ready").await;
        let first = page.client.window().await.expect("a tab");
        let second = page.client.new_window(true).await.expect("another tab");
        page.client.switch_to_window(second.handle).await.expect("it is there");
        page.open(&console).await;
        page.shows("✗ a key is needed").await;

        page.client.switch_to_window(first).await.expect("it is there");
        page.click("#forget-key").await;
        page.shows("✗ a key is needed").await;
    });
}

#[test]
fn a_page_whose_place_another_one_got_says_so() {
    on_the_page(&[], async |page| {
        let request = "GET /v1/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let others: Vec<TcpStream> = (0..16)
            .map(|_| {
                let mut stream = TcpStream::connect(page.demo.admin()).expect("it listens");
                stream.write_all(request.as_bytes()).expect("it is read");
                stream
            })
            .collect();
        page.eventually("document.querySelector('#status').textContent.startsWith('✗ 16 others')")
            .await;
        drop(others);
    });
}

#[test]
fn where_others_get_through_and_no_key_is_configured_the_page_says_what_to_set() {
    let sim = Simulator::start(SimulatorOptions::default()).expect("loopback has ports");
    let service = service(&sim, "[server]\nadmin_listen = '0.0.0.0:0'\n");
    in_a_browser(&[], async |page| {
        page.open(&format!("http://127.0.0.1:{}/console", service.admin.port())).await;
        page.eventually(
            "document.querySelector('#status').textContent.includes('[[server.admin_keys]]')",
        )
        .await;
    });
}

/// A name that leads to this machine, as one does whose owner has changed where it leads.
const REBOUND: [&str; 1] = ["--host-resolver-rules=MAP evil.example 127.0.0.1"];

/// The status of a request that the open page makes to its own site.
async fn status_of(page: &Browser, path: &str, options: &str) -> Value {
    page.run(&format!("return fetch('{path}', {options}).then(reply => reply.status)")).await
}

#[test]
fn a_page_whose_name_was_made_to_lead_here_reads_and_changes_nothing() {
    let sim = Simulator::start(SimulatorOptions::default()).expect("loopback has ports");
    let service = service(&sim, "");
    in_a_browser(&REBOUND, async |page| {
        for (host, refused) in [("evil.example", true), ("localhost", false)] {
            // Any document of that site will do to ask in its name.
            page.open(&format!("http://{host}:{}/livez", service.admin.port())).await;
            for path in ["/console", "/v1/sources", "/v1/credentials", "/v1/requests", "/v1/live"] {
                let expected = if refused { 421 } else { 200 };
                assert_eq!(status_of(page, path, "{}").await, expected, "{host}{path}");
            }
            let reload = status_of(page, "/v1/reload", "{method: 'POST'}").await;
            assert_eq!(reload, if refused { 421 } else { 200 }, "{host}");

            page.open(&format!("http://{host}:{}/none", service.address.port())).await;
            let openapi = status_of(page, "/openapi.json", "{}").await;
            assert_eq!(openapi, if refused { 421 } else { 200 }, "{host}");
            let hits = sim.crm().hits();
            let asked = format!(
                "{{method: 'POST', headers: {{'content-type': 'application/json'}}, body: '{INPUTS}'}}"
            );
            let status = status_of(page, PROFILE, &asked).await;
            assert_eq!(status, if refused { 421 } else { 200 }, "{host}");
            assert_eq!(sim.crm().hits() > hits, !refused, "{host}");
        }
    });
}

const PROFILE: &str = "/v1/actions/customer_profile";
const INPUTS: &str = r#"{"customerId":"c-1","externalApiKey":"k"}"#;

/// A web server of somebody else's, with one page.
fn foreign_site() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it has one");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = BufReader::new(&stream).lines().map_while(Result::ok);
            while head.next().is_some_and(|line| !line.is_empty()) {}
            let page =
                "<!doctype html><title>foreign</title><form method=post enctype=text/plain></form>";
            let length = page.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n\
                 connection: close\r\n\r\n{page}"
            );
        }
    });
    address
}

#[test]
fn a_page_of_another_site_makes_the_browser_ask_no_upstream() {
    let sim = Simulator::start(SimulatorOptions::default()).expect("loopback has ports");
    let service = service(&sim, "");
    let site = foreign_site();
    let refused = |status: u16| {
        let metrics =
            client::send(service.admin, "GET", "/metrics", &[], b"").expect("a reply").text();
        let series = format!(
            "http_server_request_duration_seconds_count{{action=\"none\",status=\"{status}\"}} "
        );
        let count = metrics.lines().find_map(|line| line.strip_prefix(series.as_str()));
        count.map_or(0, |count| count.parse::<u64>().expect("a number"))
    };
    in_a_browser(&REBOUND, async |page| {
        page.open(&format!("http://evil.example:{}/", site.port())).await;
        let target = format!("http://{}{PROFILE}", service.address);
        let body = format!("new Blob(['{INPUTS}'])");
        let asked = [
            format!("fetch('{target}', {{method: 'POST', mode: 'no-cors', body: {body}}})"),
            format!("fetch('{target}', {{method: 'POST', mode: 'no-cors', body: '{INPUTS}'}})"),
            format!("navigator.sendBeacon('{target}', {body})"),
            format!("navigator.sendBeacon('{target}', '{INPUTS}')"),
            format!(
                "(() => {{ const form = document.forms[0]; form.action = '{target}'; form.submit(); }})()"
            ),
        ];
        for (before, script) in asked.iter().enumerate() {
            page.run(&format!("{script}; return null")).await;
            // Each of them is answered, without a word to an upstream.
            let began = Instant::now();
            while refused(415) + refused(403) <= before as u64 {
                assert!(began.elapsed() < PATIENCE, "it was not sent: {script}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        assert_eq!(refused(415) + refused(403), asked.len() as u64);
        for upstream in [sim.users(), sim.crm(), sim.orders()] {
            assert_eq!(upstream.hits(), 0);
        }
    });
}
