//! The console in a real browser: headless Chromium, driven by chromedriver, on the demo.
#![expect(clippy::disallowed_methods, reason = "a real browser takes real time")]

#[allow(dead_code, reason = "a part of it is for other tests")]
#[path = "api/client.rs"]
mod client;
mod program;

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use program::PATIENCE;
use program::demo::Demo;

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

/// The demo's console, open in a browser.
struct Page {
    client: Client,
    demo: Demo,
}

impl Page {
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

/// Runs a test on the console of a demo with these arguments.
fn on_the_page(arguments: &[&str], test: impl AsyncFnOnce(&Page)) {
    let demo = Demo::start(arguments);
    let driver = Driver::start();
    let profile = TempDir::new().expect("a temporary folder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({"goog:chromeOptions": {"args": arguments}});
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.as_object().expect("an object").clone());
        let client = builder.connect(&format!("http://127.0.0.1:{}", driver.port)).await;
        let page = Page { client: client.expect("a browser"), demo };
        let address = format!("http://{}/console", page.demo.admin());
        page.client.goto(&address).await.expect("the page opens");
        page.eventually("document.querySelector('#status').textContent === '✓ ready'").await;
        test(&page).await;
        page.client.clone().close().await.expect("the browser ends");
    });
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
