//! A real browser: Chromium, driven by the keyboard and the mouse through chromedriver.

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
use tokio::time::{Instant, sleep};

/// How large the page is, in CSS pixels.
#[derive(Clone, Copy)]
pub enum Window {
    Desktop,
    Phone,
}

/// One page in a browser of its own.
pub struct Browser {
    driver: Driver,
    client: Client,
    _profile: TempDir,
}

impl Browser {
    /// None, and a line that says so, where Chromium is not installed.
    pub async fn open(window: Window, address: &str) -> Option<Self> {
        let Some(driver) = Driver::start() else {
            eprintln!("skipped: no chromedriver here, Debian's package is chromium-driver");
            return None;
        };
        let profile = tempfile::tempdir().expect("a folder");
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(window, profile.path()))
            .connect(&driver.address())
            .await
            .expect("Chromium starts");
        client.goto(address).await.expect("the page loads");
        Some(Self {
            driver,
            client,
            _profile: profile,
        })
    }

    /// Waits until there is such an element, and a person can see it.
    pub async fn sees(&self, css: &str) {
        self.holds(SEEN, vec![json!(css)], "it was never seen").await;
    }

    /// Waits until one of the elements has these words in it.
    pub async fn reads(&self, css: &str, words: &str) {
        self.holds(SAYS, vec![json!(css), json!(words)], "it never said so")
            .await;
    }

    /// Waits until the element can be clicked, and does it.
    pub async fn clicks(&self, css: &str) {
        self.sees(css).await;
        // It may be drawn anew between being found and being clicked, or something may pass over it.
        let clicked = eventually(css, async || {
            let found = self.client.find(Locator::Css(css)).await?;
            Ok(found.click().await.ok())
        });
        clicked.await.expect("it can be clicked");
    }

    /// Goes on with Tab until the element has the focus.
    pub async fn tabs_to(&self, css: &str) {
        self.sees(css).await;
        for _ in 0..MOST_TABS {
            let script = "return document.activeElement.matches(arguments[0])";
            if self.asks(script, vec![json!(css)]).await == json!(true) {
                return;
            }
            self.presses(Key::Tab).await;
        }
        panic!("{MOST_TABS} times Tab did not lead to {css}");
    }

    /// Escapes until there is nothing left of a command.
    pub async fn leaves_the_command(&self, composer: &str) {
        for _ in 0..3 {
            self.presses(Key::Escape).await;
        }
        let composer = self
            .client
            .find(Locator::Css(composer))
            .await
            .expect("a composer");
        composer.clear().await.expect("it can be empty");
    }

    pub async fn presses(&self, key: Key) {
        let value = char::from(key);
        let press = KeyActions::new("keyboard".into())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        self.client.perform_actions(press).await.expect("it takes keys");
    }

    /// Types into whatever has the focus.
    pub async fn types(&self, text: &str) {
        let focus = self.client.active_element().await.expect("there is a page");
        focus.send_keys(text).await.expect("it takes keys");
    }

    /// The page is as wide as the window, so that nobody has to scroll sideways.
    pub async fn fits(&self) {
        let script = "return [...document.querySelectorAll('html, #aside')]
            .filter(each => each.scrollWidth > each.clientWidth).map(each => each.outerHTML.slice(0, 40))";
        let wider = self.asks(script, Vec::new()).await;
        assert_eq!(wider, json!([]), "wider than the window");
    }

    /// None of the elements has these words in it.
    pub async fn reads_nothing_of(&self, css: &str, words: &str) {
        let says = self.asks(SAYS, vec![json!(css), json!(words)]).await;
        assert_eq!(says, json!(false), "{css} says: {words}");
    }

    /// Draws what is seen, if pictures are wanted.
    pub async fn picture(&self, name: &str) {
        if std::env::var_os("KILLGATE_PICTURES").is_none() {
            return;
        }
        // Nothing depends on it: what moves has come to rest, and the plot has something to show.
        sleep(SETTLING).await;
        let script = "document.getElementById('aside').scrollTop = 0";
        self.asks(script, Vec::new()).await;
        let picture = self.client.screenshot().await.expect("a picture");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
        std::fs::write(folder.join(format!("{name}.png")), picture).expect("a file");
    }

    /// Closes it. Whatever the browser had to complain about while it was open is too much.
    pub async fn closes(self) {
        let session = self.client.session_id().await.expect("there is a session");
        let address = format!(
            "{}/session/{}/se/log",
            self.driver.address(),
            session.expect("with an id")
        );
        let log = reqwest::Client::new()
            .post(address)
            .json(&json!({ "type": "browser" }))
            .send();
        let log: Value = log.await.expect("an answer").json().await.expect("JSON");
        let entries = log["value"].as_array().expect("the log");
        let errors: Vec<_> = entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .collect();
        assert!(errors.is_empty(), "the console's errors: {errors:#?}");
        self.client.clone().close().await.expect("it closes");
    }

    /// Waits until a script says so.
    async fn holds(&self, script: &str, arguments: Vec<Value>, problem: &str) {
        let deadline = Instant::now() + LIMIT;
        while self.asks(script, arguments.clone()).await != json!(true) {
            if Instant::now() > deadline {
                let page = self.asks("return document.body.innerText", Vec::new()).await;
                panic!(
                    "{arguments:?}: {problem}. The page says:\n{}",
                    page.as_str().unwrap_or_default()
                );
            }
            sleep(PULSE).await;
        }
    }

    async fn asks(&self, script: &str, arguments: Vec<Value>) -> Value {
        let answer = self.client.execute(script, arguments).await;
        answer.expect("the page runs the script")
    }
}

/// How often a page is asked while something is waited for.
const PULSE: Duration = Duration::from_millis(50);
/// Whether the first of the elements can be seen.
const SEEN: &str = "return document.querySelector(arguments[0])?.checkVisibility() ?? false";
/// Whether one of the elements has these words in it.
const SAYS: &str =
    "return [...document.querySelectorAll(arguments[0])].some(each => each.innerText.includes(arguments[1]))";
/// How long the page is left alone before a picture is drawn.
const SETTLING: Duration = Duration::from_secs(4);
/// More than there are elements to go to.
const MOST_TABS: usize = 150;

fn capabilities(window: Window, profile: &Path) -> Capabilities {
    let profile = format!("--user-data-dir={}", profile.display());
    // Root may not have a sandbox, and what goes on in the background asks for hosts that are none of ours.
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
        Window::Desktop => arguments.push("--window-size=1440,1000"),
        Window::Phone => {
            let metrics = json!({ "width": 390, "height": 844, "pixelRatio": 2, "touch": true });
            options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
        }
    }
    options["args"] = json!(arguments);
    let wanted = json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
    wanted.as_object().expect("it is one").clone()
}

/// chromedriver, which starts the browser and ends it.
struct Driver {
    process: Child,
    /// Held, because it goes on to write.
    _output: BufReader<ChildStdout>,
    port: u16,
}

impl Driver {
    /// None where it is not installed.
    fn start() -> Option<Self> {
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
        Some(Self {
            process,
            _output: output,
            port: port.expect("chromedriver says where it listens"),
        })
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Driver {
    /// Asked to stop, it ends its browser too, which it would leave behind if it were killed.
    fn drop(&mut self) {
        let asked = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).and_then(|mut stream| {
            stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
            stream.read_to_end(&mut Vec::new())
        });
        if asked.is_err() {
            // It does not answer, so there is nothing better left.
            _ = self.process.kill();
        }
        _ = self.process.wait();
    }
}
