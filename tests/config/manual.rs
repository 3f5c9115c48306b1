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
    let mut sections = ".SH \"EXIT STATUS\"\n".to_owned();
    let statuses =
        [("0", success), ("1", failure), ("2", "The command line or the configuration is invalid.")];
    for (status, meaning) in statuses.into_iter().filter(|(_, meaning)| !meaning.is_empty()) {
        writeln!(sections, ".TP\n{status}\n{meaning}").expect("a String takes all");
    }
    let is_about_all = page == "killgate.1";
    let connects = is_about_all || ["killgate-run.1", "killgate-check.1"].contains(&page);
    let entries = [
        (page != "killgate-guard-sql.1", ENVIRONMENT_OF_ALL),
        (is_about_all || page == "killgate-run.1", ENVIRONMENT_OF_LOGS),
        (connects, ENVIRONMENT_OF_SECRETS),
        (page != "killgate-guard-sql.1", FILES),
    ];
    sections.extend(entries.iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, text)| *text));
    sections
}

const ENVIRONMENT_OF_ALL: &str = ".SH ENVIRONMENT
.TP
\\fBKILLGATE_CONFIG\\fR
The configuration file, where \\fB\\-\\-config\\fR is not given.
";

const ENVIRONMENT_OF_SECRETS: &str = ".TP
\\fBDISCORD_TOKEN\\fR
The bot\\(aqs token, where the configuration has no \\fBtoken_file\\fR.
.PP
Also every variable that a \\fBpassword_env\\fR in the configuration names.
";

const ENVIRONMENT_OF_LOGS: &str = ".TP
\\fBRUST_LOG\\fR
Which log lines are written, such as \\fBkillgate=debug,info\\fR. The default is \\fBinfo\\fR.
.TP
\\fBRUST_BACKTRACE\\fR
With 1, a panic is logged with its backtrace.
";

const FILES: &str = ".SH FILES
.TP
\\fIconfig/killgate.toml\\fR
The configuration, where neither \\fB\\-\\-config\\fR nor \\fBKILLGATE_CONFIG\\fR names another. Paths in it are relative to its folder.
.TP
\\fIkillgate.db\\fR
The ledger, where \\fB[ledger]\\fR names no other. SQLite writes \\fIkillgate.db\\-wal\\fR and \\fIkillgate.db\\-shm\\fR beside it.
";

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
