//! Where the time of an approval goes, step by step.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::time::sleep;

use crate::Bench;
use crate::bots::killgate;
use crate::contenders::approved;
use crate::loaded_server::LoadedServer;
use crate::numbers::{Sample, figure};
use crate::report::{Chapter, Table, cells};
use crate::victim::Victim;

const APPROVALS: usize = 1_000;
const WARM_UP: usize = 5;
/// Until the last lines are written.
const REST: Duration = Duration::from_secs(1);

const TEXT: &str = "\
A thousand approvals, one after the other, with a log line for each step (`RUST_LOG=killgate=debug`, which costs some of the time). A commit
is the writing of pages and one `fdatasync`. killgate's own part until the statement is sent is everything after the event was read from
the socket but the commit: decoding, deciding, hashing, SQLite's statements, two changes of threads, and the log lines.";

const READ: &str = "an event passed the filter";
const COMMITTED: &str = "committed";
const SENT: &str = "sending the signalling statement";
const ANSWERED: &str = "the signalling statement was answered";
const WATCHED: &str = "watched";
const RECORDED: &str = "recorded";
const POSTED: &str = "result posted";

/// The steps in their order, each with its times.
#[derive(Default)]
struct Steps {
    click: Sample,
    own: Sample,
    commit: Sample,
    statement: Sample,
    watch: Sample,
    record: Sample,
    post: Sample,
}

/// A line of the log.
struct LogLine {
    at: f64,
    message: String,
    took: f64,
}

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let mut server = LoadedServer::with_room_for(20).await?;
    server.grow_to(10).await?;
    let target = ("orders".to_owned(), server.cluster.bot().await?);
    let bot = killgate::start_traced(&bench.killgate, target).await?;
    let mut clicks = Vec::new();
    for _ in 0..WARM_UP + bench.rounds(APPROVALS) {
        clicks.push(approved(&bot, vec![Victim::open(&server.cluster).await?]).await?.clicked);
    }
    sleep(REST).await;
    let lines: Vec<_> = bot.log().lines().filter_map(LogLine::parse).collect();
    let sent: Vec<_> = (0..lines.len()).filter(|line| lines[*line].message == SENT).collect();
    ensure!(sent.len() == clicks.len(), "{} statements were logged", sent.len());
    let mut steps = Steps::default();
    for (number, clicked) in clicks.into_iter().enumerate().skip(WARM_UP) {
        let end = sent.get(number + 1).map_or(lines.len(), |next| *next);
        let approval = &lines[sent[number - 1] + 1..end];
        steps.add(since_1970(clicked)?, approval).context("a line of the log is missing")?;
    }
    Ok(steps.told())
}

fn since_1970(time: SystemTime) -> Result<f64> {
    Ok(time.duration_since(UNIX_EPOCH)?.as_secs_f64() * 1_000.0)
}

impl LogLine {
    fn parse(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        let at: jiff::Timestamp = line["timestamp"].as_str()?.parse().ok()?;
        let took = line["took"].as_str().or(line["after"].as_str());
        Some(Self {
            at: at.as_duration().as_secs_f64() * 1_000.0,
            message: line["message"].as_str()?.to_owned(),
            took: took.and_then(milliseconds).unwrap_or(f64::NAN),
        })
    }
}

/// As `Duration` is written for debugging.
fn milliseconds(text: &str) -> Option<f64> {
    let units = [("ns", 1e-6), ("µs", 1e-3), ("ms", 1.0), ("s", 1e3)];
    units.iter().find_map(|(unit, factor)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * factor))
}

impl Steps {
    /// Adds the steps of one approval; `None` if one of them was not logged.
    fn add(&mut self, clicked: f64, lines: &[LogLine]) -> Option<()> {
        let place = lines.iter().position(|line| line.message == SENT)?;
        let (before, after) = lines.split_at(place);
        let last = |message| before.iter().rfind(|line| line.message == message);
        let next = |message| after.iter().find(|line| line.message == message);
        let (read, sent) = (last(READ)?.at, after.first()?.at);
        let commit = last(COMMITTED)?.took;
        let (answered, watched, posted) = (next(ANSWERED)?, next(WATCHED)?.at, next(POSTED)?.at);
        let recorded = after.iter().find(|line| line.message == RECORDED && line.at >= watched)?.at;
        for (step, took) in [
            (&mut self.click, read - clicked),
            (&mut self.own, sent - read - commit),
            (&mut self.commit, commit),
            (&mut self.statement, answered.took),
            (&mut self.watch, watched - answered.at),
            (&mut self.record, recorded - watched),
            (&mut self.post, posted - recorded),
        ] {
            step.push(took);
        }
        Some(())
    }

    fn told(&self) -> Chapter {
        let mut chapter = Chapter::new("Where the time of an approval goes", TEXT);
        let mut table = Table::new(["", "median", "5–95 %", "99 %"]);
        for (name, step) in [
            ("the click becomes an event that is read", &self.click),
            ("killgate's own part until the statement is sent", &self.own),
            ("the decision is committed", &self.commit),
            ("the statement is answered", &self.statement),
            ("the end of the session is seen", &self.watch),
            ("`finished` is durable", &self.record),
            ("the result is posted, and Discord has answered", &self.post),
        ] {
            let [median, spread] = cells(step);
            table.row([name.to_owned(), median, spread, figure(step.percentile(99))]);
        }
        chapter.tables.push(table);
        let own = "killgate's own part of an approval";
        chapter.goal(format!("{own}, median"), "ms", self.own.median(), 0.1);
        chapter.goal(format!("{own}, 99 %"), "ms", self.own.percentile(99), 0.3);
        chapter
    }
}
