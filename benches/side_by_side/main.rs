//! Compares killgate with the alternatives: psql, a warm connection, and simple bots. Everything runs on one machine in
//! alternation, and the ratios count.
//!
//! `./dev bench` builds what is measured and writes `docs/benchmarks.md`; `./dev bench --quick` measures less and only
//! prints.

mod appends;
mod approval;
mod asking;
mod bots;
mod burst;
mod compared_bots;
mod contenders;
mod cores;
mod document;
mod flood;
mod flooded;
mod footprint;
#[path = "../../tests/ledger/given.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod given;
mod growth;
mod guild;
mod health_monitor;
mod histories;
mod history;
mod hostile_clients;
mod http_clients;
mod loaded_server;
mod machine;
mod new_session;
mod numbers;
mod process;
mod psql;
mod report;
mod several;
mod silent;
mod together;
mod trace;
mod victim;

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bots::peers::Peer;
use clap::{Parser, ValueEnum};
use document::Document;
use futures_util::FutureExt;
use report::Chapter;

#[derive(Parser)]
struct Arguments {
    /// Measures less, and writes no file.
    #[arg(long)]
    quick: bool,
    /// Measures only these subjects, and writes no file.
    #[arg(long, value_name = "SUBJECT")]
    only: Vec<Subject>,
    /// The binary to measure, instead of the one built together with this, which has what only tests need.
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_killgate"))]
    killgate: PathBuf,
    /// Where the libraries of the other bots are.
    #[arg(long, value_name = "FOLDER", default_value = "target/peers")]
    peers: PathBuf,
    /// Where the document is written.
    #[arg(long, value_name = "FILE", default_value = "docs/benchmarks.md")]
    out: PathBuf,
    /// Only keeps hostile clients of this address, instead of measuring.
    #[arg(long, hide = true, value_name = "ADDRESS")]
    http_clients: Option<SocketAddr>,
    /// Passed by cargo to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured, in the order of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Subject {
    Approval,
    Trace,
    Several,
    Flood,
    HttpClients,
    NewSession,
    Asking,
    Together,
    Silent,
    Footprint,
    Burst,
    Appends,
    History,
    Growth,
}

/// The settings of a benchmark run.
struct Bench {
    quick: bool,
    killgate: PathBuf,
    /// The other bots whose libraries are available.
    peers: Vec<Peer>,
    fetched: PathBuf,
}

impl Subject {
    async fn measure(self, bench: &Bench) -> Result<Chapter> {
        match self {
            Self::Approval => approval::measure(bench).await,
            Self::Trace => trace::measure(bench).await,
            Self::Several => several::measure(bench).await,
            Self::HttpClients => http_clients::measure(bench).await,
            Self::NewSession => new_session::measure(bench).await,
            Self::Burst => burst::measure(bench).await,
            Self::Flood => flooded::measure(bench).await,
            Self::Asking => asking::measure(bench).await,
            Self::Together => together::measure(bench).await,
            Self::Silent => silent::measure(bench).await,
            Self::Footprint => footprint::measure(bench).await,
            Self::Appends => appends::measure(bench).await,
            Self::History => history::measure(bench).await,
            Self::Growth => growth::measure(bench).await,
        }
    }
}

impl Bench {
    fn new(arguments: &Arguments) -> Result<Self> {
        let killgate = arguments.killgate.canonicalize();
        let killgate = killgate.with_context(|| format!("no {}", arguments.killgate.display()))?;
        let fetched = std::path::absolute(&arguments.peers)?;
        let is_fetched = |peer: &Peer| {
            let is_fetched = peer.is_fetched(&fetched);
            if !is_fetched {
                println!("left out, because its libraries are not there: {}", peer.name());
            }
            is_fetched
        };
        Ok(Self {
            quick: arguments.quick,
            killgate,
            peers: Peer::ALL.into_iter().filter(is_fetched).collect(),
            fetched,
        })
    }

    /// How often something is done: `full` times, or a fifth of that.
    fn rounds(&self, full: usize) -> usize {
        if self.quick { full.div_ceil(5) } else { full }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.http_clients {
        Some(address) => hostile_clients::run(address).await,
        None => run(&arguments).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, prints the results, and writes the document if it is complete.
async fn run(arguments: &Arguments) -> Result<()> {
    let began = Instant::now();
    let bench = Bench::new(arguments)?;
    let writes = !arguments.quick && arguments.only.is_empty();
    ensure!(
        !writes || bench.peers.len() == Peer::ALL.len(),
        "{} would lose the comparison with the bots that are left out: make their libraries available, or use --quick or \
         --only, which write nothing",
        arguments.out.display()
    );
    let mut document = Document::begin(&bench.peers)?;
    let mut failures = Vec::new();
    for subject in Subject::value_variants() {
        if !arguments.only.is_empty() && !arguments.only.contains(subject) {
            continue;
        }
        // A failed wait in the simulator panics; the other subjects can still be measured.
        match AssertUnwindSafe(subject.measure(&bench)).catch_unwind().await {
            Ok(Ok(chapter)) => {
                println!("{chapter}");
                document.add(chapter);
            }
            Ok(Err(problem)) => failures.push(format!("{subject:?}: {problem:#}")),
            Err(_) => failures.push(format!("{subject:?}: see the panic above")),
        }
    }
    if arguments.only.is_empty() {
        println!("{}", document.summary());
    }
    println!("{:.0} s", began.elapsed().as_secs_f64());
    ensure!(failures.is_empty(), "not measured: {}", failures.join("; "));
    if writes {
        std::fs::write(&arguments.out, document.to_string())?;
        println!("written to {}", arguments.out.display());
    }
    Ok(())
}
