//! The committed man pages and completions match the command line. `./dev docs` writes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use killgate::operations::arguments::Arguments;
use tempfile::TempDir;

/// When this variable is set, the files are written instead of compared.
const WRITE: &str = "KILLGATE_WRITE_DOCS";

#[test]
fn the_man_pages_are_up_to_date() {
    is_committed("docs/man", |folder| {
        clap_mangen::generate_to(Arguments::command(), folder).expect("man pages");
        for (page, content) in files(folder) {
            fs::write(folder.join(&page), content + &more_sections(&page)).expect("written");
        }
    });
}

/// The sections of a man page that clap does not know, in roff.
fn more_sections(page: &str) -> String {
    let (success, failure) = match page {
        "killgate.1" => ("The command succeeded.", "The command failed, or a check did."),
        "killgate-run.1" => (
            "killgate stopped cleanly after SIGTERM or SIGINT.",
            "killgate cannot continue. The last line of the log says why.",
        ),
        "killgate-check.1" => ("No check failed.", "A check failed."),
        "killgate-health.1" => ("killgate is alive, or ready.", "It is not, or it does not answer."),
        "killgate-audit.1" => ("The command succeeded.", "The ledger is broken or cannot be read."),
        "killgate-audit-export.1" => ("The records are printed.", "The ledger cannot be read."),
        "killgate-audit-verify.1" => ("The chain is intact.", "The chain is broken or cannot be read."),
        "killgate-audit-report.1" => (
            "The request is printed.",
            "There is no such request, or the ledger is broken or cannot be read.",
        ),
        "killgate-guard-sql.1" => ("The SQL is printed.", ""),
        _ => panic!("what do the exit statuses of {page} mean?"),
    };
    let invalid = match page {
        "killgate-guard-sql.1" => "The command line is invalid.",
        _ => "The command line or the configuration is invalid.",
    };
    let mut statuses = String::new();
    let meanings = [("0", success), ("1", failure), ("2", invalid)];
    for (status, meaning) in meanings.into_iter().filter(|(_, meaning)| !meaning.is_empty()) {
        writeln!(statuses, ".TP\n{status}\n{meaning}").expect("a String takes all");
    }
    let (environment, files): (&[&str], &[&str]) = match page {
        "killgate.1" | "killgate-run.1" => {
            (&[CONFIG_VARIABLE, TOKEN, PASSWORDS, PROXY, LOGS], &[CONFIG, LEDGER])
        }
        "killgate-check.1" => (&[CONFIG_VARIABLE, TOKEN, PASSWORDS, PROXY], &[CONFIG, LEDGER]),
        "killgate-health.1" => (&[CONFIG_VARIABLE], &[CONFIG]),
        "killgate-guard-sql.1" => (&[], &[]),
        _ => (&[CONFIG_VARIABLE, LEDGER_PASSWORD], &[CONFIG, LEDGER]),
    };
    [("EXIT STATUS", &[statuses.as_str()][..]), ("ENVIRONMENT", environment), ("FILES", files)]
        .map(|(title, entries)| section(title, entries))
        .concat()
}

fn section(title: &str, entries: &[&str]) -> String {
    let content = if entries.is_empty() { "None.\n".to_owned() } else { entries.concat() };
    format!(".SH \"{title}\"\n{content}")
}

const CONFIG_VARIABLE: &str = ".TP
\\fBKILLGATE_CONFIG\\fR
The configuration file, where \\fB\\-\\-config\\fR is not given.
";

const TOKEN: &str = ".TP
\\fBDISCORD_TOKEN\\fR
The bot\\(aqs token, where the configuration has no \\fBtoken_file\\fR.
";

const PASSWORDS: &str = ".TP
The variable that a \\fBpassword_env\\fR in the configuration names
The password of that target, or of the ledger.
";

const LEDGER_PASSWORD: &str = ".TP
The variable that \\fBpassword_env\\fR in \\fB[ledger]\\fR names
The password of a ledger in PostgreSQL. No other secret is read.
";

const PROXY: &str = ".TP
\\fBHTTPS_PROXY\\fR, \\fBhttps_proxy\\fR
The URL of an HTTP proxy for connections to Discord. The lower\\-case name takes precedence, here and below.
.TP
\\fBNO_PROXY\\fR, \\fBno_proxy\\fR
Hosts that are reached without the proxy, separated by commas.
";

const LOGS: &str = ".TP
\\fBRUST_LOG\\fR
Which log lines are written, such as \\fBkillgate=debug,info\\fR. The default is \\fBinfo\\fR.
.TP
\\fBRUST_BACKTRACE\\fR
With 1, a panic is logged with its backtrace.
";

const CONFIG: &str = ".TP
\\fIconfig/killgate.toml\\fR
The configuration, where neither \\fB\\-\\-config\\fR nor \\fBKILLGATE_CONFIG\\fR names another. Paths in it are relative to its folder.
";

const LEDGER: &str = ".TP
\\fIkillgate.db\\fR
The ledger, where \\fB[ledger]\\fR names no other. SQLite writes \\fIkillgate.db\\-wal\\fR and \\fIkillgate.db\\-shm\\fR beside it.
";

#[test]
fn every_man_page_says_its_exit_statuses_environment_and_files() {
    for (page, content) in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/man")) {
        for title in ["EXIT STATUS", "ENVIRONMENT", "FILES"] {
            let (_, section) = content.split_once(&format!(".SH \"{title}\"\n")).expect(&page);
            assert!(!section.is_empty() && !section.starts_with(".SH"), "{page}: {title} is empty");
        }
    }
}

#[test]
fn the_completions_are_up_to_date() {
    is_committed("docs/completions", |folder| {
        for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
            clap_complete::generate_to(shell, &mut Arguments::command(), "killgate", folder)
                .expect("completions");
        }
    });
}

fn is_committed(folder: &str, generate: impl FnOnce(&Path)) {
    let made = TempDir::new().expect("a temporary folder");
    generate(made.path());
    let (made, committed) = (files(made.path()), Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    if std::env::var_os(WRITE).is_some() {
        fs::create_dir_all(&committed).expect("the folder");
        for (name, content) in &made {
            fs::write(committed.join(name), content).expect("written");
        }
    }
    let committed = files(&committed);
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&committed), names(&made), "{folder}");
    for (name, content) in &made {
        let is_up_to_date = committed[name] == *content;
        assert!(is_up_to_date, "{folder}/{name} is not up to date: ./dev docs");
    }
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().expect("a plain name");
            (name, fs::read_to_string(entry.path()).expect("text"))
        })
        .collect()
}
