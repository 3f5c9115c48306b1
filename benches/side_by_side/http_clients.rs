//! The approval while HTTP clients misbehave.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Lines, PipeReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};

use crate::Bench;
use crate::bots::Bot;
use crate::cores::{Core, command};
use crate::flooded::{alternate, told};
use crate::guild::Guild;
use crate::health_monitor::HealthMonitor;
use crate::hostile_clients::CONNECTED;
use crate::numbers::{Sample, figure};
use crate::report::{Chapter, Table, cells};

const TEXT: &str = "\
Approvals in alternating blocks: quiet, and with 2,000 clients of `[http]` that send nothing or never end their request and connect again
two seconds after they were closed, while 10,000 requests a second for `/metrics` are begun, each on a connection of its own and however
many are answered; one is given up after a second. A monitor asks for `/healthz` every 500 ms on its own: answered is what was within
five seconds.";

const TWO_CORES: &str = "\
killgate runs on one core, and the clients, a process of their own, on another one. PostgreSQL, the monitor and the process that measures
may use both, so the warm round trip tells how much slower the machine itself gets.";

const ANY_CORE: &str = "\
There is only one core here, or no `taskset`. So the clients, a process of their own, take time of killgate's core, which they are not
to do: the goals do not count.";

/// The process of the clients, and a monitor beside it. They end when this is dropped.
struct Clients<'a> {
    process: Child,
    output: Lines<BufReader<PipeReader>>,
    monitor: Option<HealthMonitor>,
    seen: &'a RefCell<Seen>,
}

/// What the clients saw: requests a second, and whether the monitor was answered each time.
#[derive(Default)]
struct Seen {
    offered: Sample,
    connected: Sample,
    answered: Sample,
    healthy: Vec<bool>,
}

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let cores = Core::first_two()?;
    let [bots_core, clients_core] = cores.map_or([None; 2], |cores| cores.map(Some));
    let seen = RefCell::default();
    let connect = |bot: &Bot| {
        let address = bot.guild.http.context("killgate serves metrics")?;
        Clients::connect(address, clients_core, &seen)
    };
    let killgate = command(&bench.killgate, bots_core);
    let times = alternate(bench, Guild::with_http().await?, killgate, connect).await?;
    let seen = seen.into_inner();

    let place = if cores.is_some() { TWO_CORES } else { ANY_CORE };
    let chapter = Chapter::new("Approval under hostile HTTP clients", &format!("{TEXT}\n\n{place}"));
    let disturbance = format!("2,000 HTTP clients and {} requests a second", figure(seen.offered.median()));
    let mut chapter = told(chapter, &disturbance, &times);
    for table in seen.tables() {
        chapter.tables.push(table);
    }
    Ok(chapter)
}

impl Seen {
    fn tables(&self) -> [Table; 2] {
        let mut requests = Table::new(["`/metrics`, requests a second", "median", "5–95 %"]);
        for (name, sample) in
            [("offered", &self.offered), ("connected", &self.connected), ("answered", &self.answered)]
        {
            let [median, spread] = cells(sample);
            requests.row([name.to_owned(), median, spread]);
        }
        let mut monitor = Table::new(["", "asked", "answered"]);
        let answered = self.healthy.iter().filter(|healthy| **healthy).count();
        monitor.row(["`/healthz`".to_owned(), self.healthy.len().to_string(), answered.to_string()]);
        [requests, monitor]
    }

    /// Reads a line that the clients print.
    fn add(&mut self, line: &str) {
        let rates: Vec<f64> = line.split(' ').filter_map(|rate| rate.parse().ok()).collect();
        if let [offered, connected, answered] = rates[..] {
            self.offered.push(offered);
            self.connected.push(connected);
            self.answered.push(answered);
        }
    }
}

impl<'a> Clients<'a> {
    /// Runs this program again as the clients, and waits until the idle ones are connected.
    fn connect(address: SocketAddr, core: Option<Core>, seen: &'a RefCell<Seen>) -> Result<Self> {
        let (output, for_process) = std::io::pipe()?;
        let output = BufReader::new(output).lines();
        let process = command(&std::env::current_exe()?, core)
            .into_std()
            .args(["--http-clients", &address.to_string()])
            .stdin(Stdio::piped())
            .stdout(for_process)
            .spawn()?;
        let mut clients = Self { process, output, monitor: None, seen };
        let first_line = clients.output.next().transpose()?;
        ensure!(first_line.is_some_and(|line| line == CONNECTED), "the clients do not connect");
        clients.monitor = Some(HealthMonitor::start(address));
        Ok(clients)
    }
}

impl Drop for Clients<'_> {
    fn drop(&mut self) {
        let mut seen = self.seen.borrow_mut();
        // The clients continue until the monitor has its last answers.
        seen.healthy.extend(self.monitor.take().map(HealthMonitor::stop).unwrap_or_default());
        drop(self.process.stdin.take());
        for line in self.output.by_ref().map_while(Result::ok) {
            seen.add(&line);
        }
        // It has ended, because its output has.
        let _ = self.process.wait();
    }
}
