//! A real browser: Chromium, controlled by keyboard and mouse through chromedriver.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::key::Key;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use throwaway_postgres::{LIMIT, eventually};
use tokio::time::{Instant, sleep, timeout};

/// The size of the page.
#[derive(Clone, Copy)]
pub enum Window {
    Desktop,
    Phone,
}

/// A page in its own browser.
pub struct Browser {
    driver: Driver,
    client: Client,
    _profile: TempDir,
}

impl Browser {
    /// `None` and a message if Chromium is not installed.
    pub async fn open(window: Window, address: &str) -> Option<Self> {
        let Some(driver) = Driver::start() else {
            eprintln!("skipped: chromedriver is not installed (Debian: chromium-driver)");
            return None;
        };
        let profile = tempfile::tempdir().expect("a folder");
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(window, profile.path()))
            .connect(&driver.address())
            .await
            .expect("Chromium starts");
        client.goto(address).await.expect("the page loads");
        Some(Self { driver, client, _profile: profile })
    }

    /// Waits until the element is visible.
    pub async fn sees(&self, css: &str) {
        self.holds(SEEN, vec![json!(css)], "it did not become visible").await;
    }

    /// Waits until one of the elements contains the text.
    pub async fn reads(&self, css: &str, words: &str) {
        self.holds(SAYS, vec![json!(css), json!(words)], "the text did not appear").await;
    }

    /// Waits until the element can be clicked, and clicks it.
    pub async fn clicks(&self, css: &str) {
        self.sees(css).await;
        // The element may be redrawn, covered or moved between finding and clicking it.
        let clicked = eventually(css, async || {
            self.asks(WATCH_CLICK, Vec::new()).await;
            let found = self.client.find(Locator::Css(css)).await?;
            let element = serde_json::to_value(&found)?;
            if found.click().await.is_err() {
                return Ok(None);
            }
            // An error says that the click has removed it.
            let is_hit = self.client.execute(IS_HIT, vec![element]).await;
            Ok((is_hit.unwrap_or(json!(true)) == json!(true)).then_some(()))
        });
        clicked.await.expect("it can be clicked");
    }

    /// Presses Tab until the element has the focus.
    pub async fn tabs_to(&self, css: &str) {
        self.sees(css).await;
        for _ in 0..MAX_TABS {
            if self.asks(FOCUSED, vec![json!(css)]).await == json!(true) {
                return;
            }
            self.presses(Key::Tab).await;
        }
        panic!("Tab pressed {MAX_TABS} times did not reach {css}");
    }

    /// Presses Escape until the composer has no command.
    pub async fn leaves_the_command(&self, composer: &str) {
        for _ in 0..3 {
            self.presses(Key::Escape).await;
        }
        let composer = self.client.find(Locator::Css(composer)).await.expect("a composer");
        composer.clear().await.expect("it can be empty");
    }

    pub async fn presses(&self, key: Key) {
        let value = char::from(key);
        let press =
            KeyActions::new("keyboard".into()).then(KeyAction::Down { value }).then(KeyAction::Up { value });
        self.client.perform_actions(press).await.expect("it takes keys");
    }

    /// Types into the focused element.
    pub async fn types(&self, text: &str) {
        let focus = self.client.active_element().await.expect("there is a page");
        focus.send_keys(text).await.expect("it takes keys");
    }

    /// Types into the focused element until a suggestion is visible. The bot offers none if the database did not answer in time,
    /// and is asked again by the next key.
    pub async fn types_for_suggestion(&self, text: &str, css: &str) {
        self.types(text).await;
        let last: String = text.chars().next_back().into_iter().collect();
        let deadline = Instant::now() + LIMIT;
        while timeout(TYPING_PAUSE, self.sees(css)).await.is_err() {
            assert!(Instant::now() < deadline, "{css} is not suggested for {text}");
            self.presses(Key::Backspace).await;
            self.types(&last).await;
        }
    }

    /// Waits until the focused element matches.
    pub async fn focuses(&self, css: &str) {
        self.holds(FOCUSED, vec![json!(css)], "it did not get the focus").await;
    }

    /// Waits until one of the inputs contains exactly the text.
    pub async fn holds_text(&self, css: &str, text: &str) {
        self.holds(FILLED, vec![json!(css), json!(text)], "the text did not appear").await;
    }

    /// Asserts that an element ends above another, within the window.
    pub async fn shows_above(&self, upper: &str, lower: &str) {
        let script = "const [upper, lower] = [...arguments].map(css => document.querySelector(css).getBoundingClientRect());
            return 0 <= upper.top && upper.bottom <= lower.top && lower.bottom <= innerHeight";
        let is_above = self.asks(script, vec![json!(upper), json!(lower)]).await;
        assert_eq!(is_above, json!(true), "{upper} is not above {lower}, or outside the window");
    }

    /// Asserts that the page does not scroll horizontally.
    pub async fn fits(&self) {
        let script = "return [...document.querySelectorAll('html, #aside')]
            .filter(each => each.scrollWidth > each.clientWidth).map(each => each.outerHTML.slice(0, 40))";
        let wider = self.asks(script, Vec::new()).await;
        assert_eq!(wider, json!([]), "wider than the window");
    }

    /// Asserts that none of the elements contains the text.
    pub async fn reads_nothing_of(&self, css: &str, words: &str) {
        let says = self.asks(SAYS, vec![json!(css), json!(words)]).await;
        assert_eq!(says, json!(false), "{css} says: {words}");
    }

    /// From now on, keeps every text that the element shows.
    pub async fn records(&self, css: &str) {
        let script = "const element = document.querySelector(arguments[0]), texts = window.texts = new Set();
            new MutationObserver(() => texts.add(element.innerText))
                .observe(element, { subtree: true, childList: true, characterData: true })";
        self.asks(script, vec![json!(css)]).await;
    }

    /// The different texts that the element has shown since.
    pub async fn recorded(&self) -> Vec<String> {
        let texts = self.asks("return [...window.texts]", Vec::new()).await;
        serde_json::from_value(texts).expect("an array of texts")
    }

    /// Takes a screenshot, if `KILLGATE_PICTURES` is set.
    pub async fn picture(&self, name: &str) {
        if !wants_pictures() {
            return;
        }
        // For better pictures only: the chart has data.
        sleep(SETTLING).await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
        std::fs::write(folder.join(format!("{name}.png")), self.screenshot().await).expect("a file");
    }

    /// The page as PNG, scrolled to what matters.
    pub async fn screenshot(&self) -> Vec<u8> {
        let script = "document.getElementById('aside').scrollTop = 0;
            for (const each of document.querySelectorAll('.scroller')) each.scrollTop = each.scrollHeight";
        self.asks(script, Vec::new()).await;
        // The page's own animations have ended.
        sleep(ANIMATIONS).await;
        self.client.screenshot().await.expect("a picture")
    }

    /// Closes the browser, and asserts that its console has no errors.
    pub async fn closes(self) {
        let session = self.client.session_id().await.expect("there is a session");
        let address = format!("{}/session/{}/se/log", self.driver.address(), session.expect("with an id"));
        let log = reqwest::Client::new().post(address).json(&json!({ "type": "browser" })).send();
        let log: Value = log.await.expect("an answer").json().await.expect("JSON");
        let entries = log["value"].as_array().expect("the log");
        let errors: Vec<_> = entries.iter().filter(|entry| entry["level"] == "SEVERE").collect();
        assert!(errors.is_empty(), "the console's errors: {errors:#?}");
        self.quits().await;
    }

    /// Closes the browser.
    pub async fn quits(self) {
        self.client.clone().close().await.expect("it closes");
    }

    /// Waits until a script returns true.
    async fn holds(&self, script: &str, arguments: Vec<Value>, failure: &str) {
        let deadline = Instant::now() + LIMIT;
        while self.asks(script, arguments.clone()).await != json!(true) {
            if Instant::now() > deadline {
                let page = self.asks("return document.body.innerText", Vec::new()).await;
                panic!("{arguments:?}: {failure}. The page says:\n{}", page.as_str().unwrap_or_default());
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    async fn asks(&self, script: &str, arguments: Vec<Value>) -> Value {
        let answer = self.client.execute(script, arguments).await;
        answer.expect("the page runs the script")
    }
}

/// Whether tests also draw the pictures of the documentation.
pub fn wants_pictures() -> bool {
    std::env::var_os("KILLGATE_PICTURES").is_some()
}

/// How often a waiting test checks the page.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Whether the first of the elements is visible.
const SEEN: &str = "return document.querySelector(arguments[0])?.checkVisibility() ?? false";
/// Whether one of the elements contains the text.
const SAYS: &str =
    "return [...document.querySelectorAll(arguments[0])].some(each => each.innerText.includes(arguments[1]))";
/// Notes what the next click is on.
const WATCH_CLICK: &str = "window.clicked = null; addEventListener('click', ({ target }) => { window.clicked = target }, { capture: true, once: true })";
/// Whether that was the element.
const IS_HIT: &str = "return arguments[0].contains(window.clicked)";
/// Whether the focused element matches.
const FOCUSED: &str = "return document.activeElement.matches(arguments[0])";
/// Whether one of the inputs contains exactly the text.
const FILLED: &str =
    "return [...document.querySelectorAll(arguments[0])].some(each => each.value === arguments[1])";
/// Who waits longer for suggestions types again.
const TYPING_PAUSE: Duration = Duration::from_secs(4);
/// How long the page's animations take.
const ANIMATIONS: Duration = Duration::from_millis(500);
/// How long to wait before a picture.
const SETTLING: Duration = Duration::from_secs(4);
/// More than the number of focusable elements.
const MAX_TABS: usize = 150;

fn capabilities(window: Window, profile: &Path) -> Capabilities {
    let profile = format!("--user-data-dir={}", profile.display());
    // Chromium's sandbox does not work as root, and background requests must not leave the machine.
    let mut arguments = vec![
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        &profile,
    ];
    let mut options = json!({});
    match window {
        Window::Desktop => arguments.push("--window-size=1280,1000"),
        Window::Phone => {
            let metrics = json!({ "width": 390, "height": 844, "pixelRatio": 2, "touch": true });
            options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
        }
    }
    options["args"] = json!(arguments);
    let wanted = json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
    wanted.as_object().expect("it is one").clone()
}

/// The chromedriver process, which starts and stops the browser.
struct Driver {
    process: Child,
    /// Kept open, because chromedriver continues to write.
    _output: BufReader<ChildStdout>,
    port: u16,
}

impl Driver {
    /// `None` if it is not installed.
    fn start() -> Option<Self> {
        // It picks a free port for IPv4 and exits if that is taken for IPv6, which another one may have done.
        for _ in 0..10 {
            let mut process = Command::new("chromedriver")
                .arg("--port=0")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .ok()?;
            let mut output = BufReader::new(process.stdout.take().expect("piped"));
            let port = output.by_ref().lines().find_map(|line| {
                let line = line.expect("text");
                let port = line.strip_suffix('.')?.rsplit_once(" on port ")?.1;
                port.parse().ok()
            });
            if let Some(port) = port {
                return Some(Self { process, _output: output, port });
            }
            process.wait().expect("it has ended");
        }
        panic!("chromedriver does not say where it listens");
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Driver {
    /// Shuts it down by request, because a killed chromedriver leaves its browser running.
    fn drop(&mut self) {
        let shutdown = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).and_then(|mut stream| {
            stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
            stream.read_to_end(&mut Vec::new())
        });
        if shutdown.is_err() {
            // It does not respond, so kill it.
            _ = self.process.kill();
        }
        _ = self.process.wait();
    }
}
