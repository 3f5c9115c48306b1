//! A panic is one line of the log, without secrets even when its message shows every value.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use killgate::config::{self, Settings};
use killgate::discord::api::{ApiClient, ApiError};
use killgate::operations::logging::{LogFormat, log_to_stderr};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use regex::Regex;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::example::{ConfigFolder, MINIMAL, TOKEN};
use crate::written::written;

/// The environment variable with the path of the child's configuration.
const CONFIG: &str = "KILLGATE_TEST_CONFIG";
/// What its target's password is, there and in the file.
const VARIABLE: &str = "KILLGATE_TEST_PASSWORD";

const IN_URL: &str = "url+Ahx3jooqu8/";
const IN_FILE: &str = "file Uo7iejahb2 ü";
const IN_ENVIRONMENT: &str = "env%Eighai4oot?";
const LEDGERS: &str = "ledger&Quoh5eejoo";

/// What the child that panics while lines wait says on its standard output, and its exit status.
const UNWINDS: &str = "the thread that holds the log unwinds";
const PANICKED: i32 = 101;
/// More than fit into a pipe (pipe(7)), and fewer than may wait.
const WAITING_LINES: usize = 900;

/// A target for each source of a password, and a ledger.
fn folder() -> ConfigFolder {
    let folder = ConfigFolder::new();
    folder.write("password", IN_FILE);
    let in_url = format!("killgate:{}@db1", utf8_percent_encode(IN_URL, NON_ALPHANUMERIC));
    let ledgers = utf8_percent_encode(LEDGERS, NON_ALPHANUMERIC);
    folder.write(
        "killgate.toml",
        &format!(
            "{}\n\
             [[target]]\nname = 'b'\nurl = 'postgresql://k@b/x'\npassword_file = 'password'\n\
             [[target]]\nname = 'c'\nurl = 'postgresql://k@c/x'\npassword_env = '{VARIABLE}'\n\
             [ledger]\nurl = 'postgresql://k@l/x?password={ledgers}'",
            MINIMAL.replace("killgate@db1", &in_url)
        ),
    );
    folder
}

/// Runs this test program again with only the child test, and with this log format.
fn panicked(format: &str, level: &str, backtrace: &str) -> Output {
    let folder = folder();
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "panics::child_process_that_panics_with_all_secrets_in_its_message"])
        .args(["--ignored", "--nocapture"])
        .env(CONFIG, folder.path("killgate.toml"))
        .env(VARIABLE, IN_ENVIRONMENT)
        .env("KILLGATE_TEST_FORMAT", format)
        .env("RUST_LOG", level)
        .env("RUST_BACKTRACE", backtrace)
        .env_remove("RUST_LIB_BACKTRACE")
        .output()
        .expect("it ran")
}

#[tokio::test]
#[ignore = "runs in a process of its own, whose output another test reads"]
async fn child_process_that_panics_with_all_secrets_in_its_message() {
    let path = std::env::var_os(CONFIG).expect("started by another test");
    let settings = load(Path::new(&path));
    let log = log_to_stderr(match std::env::var("KILLGATE_TEST_FORMAT").as_deref() {
        Ok("json") => LogFormat::Json,
        _ => LogFormat::Text,
    });
    let known = everything_with_a_secret(&settings).await;
    let ended = tokio::spawn(async move { panic!("{known}") }).await;
    // The process would end with this error and its causes.
    let ended = ended.expect_err("a panic");
    drop(log);
    eprintln!("{:?}", anyhow::Error::new(ended).context("the engine panicked"));
}

/// Says on standard output that the stack unwinds.
struct Unwinding;

impl Drop for Unwinding {
    fn drop(&mut self) {
        writeln!(std::io::stdout(), "{UNWINDS}").expect("standard output is read");
    }
}

/// Ends the process at once, so that the log has no more time to be written.
struct EndOfProcess;

impl Drop for EndOfProcess {
    fn drop(&mut self) {
        std::process::exit(PANICKED);
    }
}

#[test]
#[ignore = "runs in a process of its own, whose output another test reads"]
fn child_process_that_panics_while_lines_wait_to_be_written() {
    // Dropped in the opposite order.
    let _end = EndOfProcess;
    let _log = log_to_stderr(LogFormat::Text);
    let _unwinding = Unwinding;
    for number in 0..WAITING_LINES {
        tracing::info!(number, "{}", "a long line".repeat(100));
    }
    panic!("the last words");
}

fn load(path: &Path) -> Settings {
    config::load(path, |name| std::env::var(name).ok()).expect("settings")
}

/// The `Debug` output of everything with a secret, and the texts of errors about secrets.
async fn everything_with_a_secret(settings: &Settings) -> String {
    let mut known = vec![format!("{settings:?}"), format!("{settings:#?}")];
    let token = &settings.discord.token;
    known.push(format!("{token:?}"));
    let config::LedgerLocation::Postgres { connection } = &settings.ledger else {
        panic!("the ledger is in PostgreSQL")
    };
    let targets = settings.targets.iter().map(|target| &target.connection);
    for connection in targets.chain([connection.as_ref()]) {
        let password = connection.password.read().await.expect("read").expect("a password");
        // As when a connection is opened.
        let mut parameters = connection.parameters().clone();
        parameters.password(password.expose_secret());
        known.push(format!("{} {connection:?} {password:?} {parameters:#?}", connection.address()));
    }
    // The libraries' errors about an invalid header and an invalid URL.
    for wrong in [token.expose_secret(), IN_URL, IN_FILE, IN_ENVIRONMENT, LEDGERS] {
        let refused = ApiClient::new("https://discord.com", &format!("{wrong}\n\u{1}").into(), None);
        known.extend(refused.err().map(words));
        let refused = ApiClient::new(&format!("postgres://k:{wrong}@["), token, None);
        known.extend(refused.err().map(words));
    }
    known.join("\n")
}

/// An error with its causes, in every format.
fn words(error: ApiError) -> String {
    let error = anyhow::Error::new(error);
    format!("{error:#} {error:?} {error:#?}")
}

/// The secrets in the text, and in which notation.
fn found_in(text: &str) -> Vec<(&'static str, String)> {
    let secrets = [TOKEN, IN_URL, IN_FILE, IN_ENVIRONMENT, LEDGERS];
    let forms =
        secrets.into_iter().flat_map(|secret| written(secret).into_iter().map(move |form| (secret, form)));
    forms.filter(|(_, form)| text.contains(form)).collect()
}

#[test]
fn a_panic_is_one_line_of_json_without_secrets() {
    let output = panicked("json", "info", "0");
    let (out, log) = texts(&output);
    assert!(output.status.success(), "the process went on\n{out}{log}");
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let [panic] = &lines[..] else { panic!("one line of JSON:\n{log}") };
    assert_eq!(panic["level"], "ERROR");
    assert_eq!(panic["message"], "killgate has a defect: a task panicked");
    let location = panic["location"].as_str().expect("a location");
    assert!(location.starts_with("tests/config/panics.rs:"), "{location}");
    let message = panic["panic"].as_str().expect("a message");
    assert!(message.contains("Settings {") && message.contains("db1.internal"), "{message}");
    // The other lines are the error with which the process would end.
    assert!(log.contains("the engine panicked"), "{log}");
    assert_eq!(found_in(&log), []);
    assert_eq!(found_in(&out), []);
}

#[test]
fn a_panic_is_one_plain_line_in_the_text_format_also_with_a_backtrace() {
    let timestamp = Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ").expect("a regular expression");
    for backtrace in ["0", "1"] {
        let output = panicked("text", "info", backtrace);
        let (out, log) = texts(&output);
        assert!(output.status.success(), "the process went on\n{out}{log}");
        // The error with which the process would end.
        let (lines, _) = log.split_once("the engine panicked").expect("the error");
        let lines: Vec<_> = lines.lines().collect();
        let panic = lines.iter().find(|line| line.contains("a task panicked")).expect("a line");
        assert!(panic.contains(" ERROR ") && panic.contains("location=tests/config/panics.rs:"), "{panic}");
        assert_eq!(panic.contains("backtrace="), backtrace == "1", "{panic}");
        for line in lines {
            assert!(timestamp.is_match(line), "{line}");
        }
        assert_eq!(found_in(&log), []);
        assert_eq!(found_in(&out), []);
    }
}

#[test]
fn a_panic_is_reported_even_when_logging_is_off() {
    let (_, log) = texts(&panicked("json", "off", "0"));
    assert!(log.contains("panicked at tests/config/panics.rs:"), "{log}");
    assert_eq!(found_in(&log), []);
}

#[test]
fn a_panic_that_ends_the_process_loses_no_line_that_waits_to_be_written() {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "panics::child_process_that_panics_while_lines_wait_to_be_written"])
        .args(["--ignored", "--nocapture"])
        .env("RUST_LOG", "info")
        .env_remove("RUST_BACKTRACE")
        .env_remove("RUST_LIB_BACKTRACE")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // Nobody reads its log before it unwinds, so that most lines wait.
    let mut output = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert!(output.any(|line| line.expect("text").ends_with(UNWINDS)), "it panics");
    let mut log = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut log).expect("text");
    assert_eq!(child.wait().expect("an end").code(), Some(PANICKED));

    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), WAITING_LINES + 1);
    for (number, line) in lines[..WAITING_LINES].iter().enumerate() {
        assert!(line.ends_with(&format!(" number={number}")), "{line}");
    }
    let panic = lines[WAITING_LINES];
    assert!(panic.contains(" ERROR ") && panic.contains("panic=\"the last words\""), "{panic}");
}

#[test]
fn the_search_finds_a_secret_in_every_notation() {
    for secret in [TOKEN, IN_URL, IN_FILE, IN_ENVIRONMENT, LEDGERS] {
        for text in [
            format!("Bot {secret}"),
            format!("{:?}", format!("{secret}\n")),
            format!("{:?}", secret.as_bytes()),
            format!("postgres://k:{}@b", utf8_percent_encode(secret, NON_ALPHANUMERIC)),
        ] {
            assert!(finds(secret, &text), "{text}");
        }
    }
    // The password after `k:`, `kg:` and `killgate:`, as `base64` writes it, and as Python does for URLs.
    for (secret, text) in [
        (IN_URL, "azp1cmwrQWh4M2pvb3F1OC8="),
        (IN_URL, "a2c6dXJsK0FoeDNqb29xdTgv"),
        (IN_URL, "a2lsbGdhdGU6dXJsK0FoeDNqb29xdTgv"),
        (IN_FILE, "a2c6ZmlsZSBVbzdpZWphaGIyIMO8IQ=="),
        (IN_FILE, "azpmaWxlIFVvN2llamFoYjIgw7w="),
        (IN_ENVIRONMENT, "a2c6ZW52JUVpZ2hhaTRvb3Q_Pw=="),
        (IN_ENVIRONMENT, "a2lsbGdhdGU6ZW52JUVpZ2hhaTRvb3Q_"),
    ] {
        assert!(finds(secret, text), "{secret} in {text}");
    }
}

fn finds(secret: &str, text: &str) -> bool {
    found_in(text).iter().any(|(found, _)| *found == secret)
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}
