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
use crate::hostile_clients::{CONNECTED, REQUESTS_A_SECOND};
use crate::numbers::{Sample, figure};
use crate::report::{Chapter, Table, cells};

const TEXT: &str = "\
Approvals in alternating blocks: quiet, and with 2,000 clients of `[http]` that send nothing or never end their request and connect again
two seconds after they were closed, and others that ask for `/metrics` up to 10,000 times a second. killgate closes each connection after
its answer, so that each request is a connection of its own.";

const TWO_CORES: &str = "\
killgate runs on one core, and the clients, a process of their own, on another one. PostgreSQL and the process that measures may
use both, so the warm round trip tells how much slower the machine itself gets.";

const ANY_CORE: &str = "\
There is only one core here, or no `taskset`. So the clients, a process of their own, take time of killgate's core, which they are not
to do: the goals do not count.";

/// The process of the clients. They end when it is dropped.
struct Clients<'a> {
    process: Child,
    output: Lines<BufReader<PipeReader>>,
    /// Receives how many requests were answered a second.
    answered: &'a RefCell<Sample>,
}

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let cores = Core::first_two()?;
    let [bots_core, clients_core] = cores.map_or([None; 2], |cores| cores.map(Some));
    let answered = RefCell::default();
    let connect = |bot: &Bot| {
        let address = bot.guild.http.context("killgate serves metrics")?;
        Clients::connect(address, clients_core, &answered)
    };
    let killgate = command(&bench.killgate, bots_core);
    let times = alternate(bench, Guild::with_http().await?, killgate, connect).await?;
    let answered = answered.into_inner();

    let place = if cores.is_some() { TWO_CORES } else { ANY_CORE };
    let chapter = Chapter::new("Approval under hostile HTTP clients", &format!("{TEXT}\n\n{place}"));
    let disturbance =
        format!("2,000 HTTP clients and {} requests a second answered", figure(answered.median()));
    let mut chapter = told(chapter, &disturbance, &times);
    let mut table = Table::new(["requests a second", "answered", "5–95 %", "asked, at most"]);
    let [median, spread] = cells(&answered);
    table.row(["`/metrics`".to_owned(), median, spread, REQUESTS_A_SECOND.to_string()]);
    chapter.tables.push(table);
    Ok(chapter)
}

impl<'a> Clients<'a> {
    /// Runs this program again as the clients, and waits until they are connected.
    fn connect(address: SocketAddr, core: Option<Core>, answered: &'a RefCell<Sample>) -> Result<Self> {
        let (output, for_process) = std::io::pipe()?;
        let output = BufReader::new(output).lines();
        let process = command(&std::env::current_exe()?, core)
            .into_std()
            .args(["--http-clients", &address.to_string()])
            .stdin(Stdio::piped())
            .stdout(for_process)
            .spawn()?;
        let mut clients = Self { process, output, answered };
        let first_line = clients.output.next().transpose()?;
        ensure!(first_line.is_some_and(|line| line == CONNECTED), "the clients do not connect");
        Ok(clients)
    }
}

impl Drop for Clients<'_> {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        for line in self.output.by_ref().map_while(Result::ok) {
            if let Ok(rate) = line.parse() {
                self.answered.borrow_mut().push(rate);
            }
        }
        // It has ended, because its output has.
        let _ = self.process.wait();
    }
}
