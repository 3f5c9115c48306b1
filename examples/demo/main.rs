//! A demo of killgate that needs no Discord server and no database: a temporary PostgreSQL whose sessions block each other, a
//! simulated Discord with people, and the real bot. `./dev demo` starts it.

mod bot;
mod channel;
mod database;
mod first_minute;
mod ledger;
mod output;
mod panel;
mod shop;
mod signals;
mod trouble;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use bot::Bot;
use clap::Parser;
use database::Observer;
use discord_sim::Sim;
use first_minute::FirstMinute;
use panel::{Panel, PanelState};
use shop::Shop;
use signals::StopSignals;
use throwaway_postgres::Cluster;
use tokio::io::{AsyncBufReadExt, BufReader, Stdin};
use tokio::runtime::Builder;
use tokio::time::sleep;
use trouble::{Trouble, Troubles};

/// How long the shop sells before it is blocked.
const HEALTHY_TIME: Duration = Duration::from_secs(2);

/// Starts killgate with a temporary PostgreSQL and a simulated Discord, and removes everything at the end.
#[derive(Parser)]
struct Arguments {
    /// The page's port on loopback. 0 lets the system choose. By default 8686, or any free port if that is in use.
    #[arg(long)]
    port: Option<u16>,
    /// The killgate binary to run instead of the one built together with this program.
    #[arg(long, value_name = "FILE")]
    killgate: Option<PathBuf>,
}

fn main() -> ExitCode {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("The demo cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(run(Arguments::parse()));
    // A read of the terminal that is waiting for a line cannot be interrupted.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe demo has ended: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    // Before anything is started, so that Ctrl-C during the start also leaves nothing behind.
    let mut stop = StopSignals::listen()?;
    println!("Starting PostgreSQL, the simulated Discord and killgate …");
    let mut demo = tokio::select! {
        demo = Demo::start(&arguments) => demo?,
        () = stop.received() => return Ok(()),
    };
    let done = tokio::select! {
        done = demo.run_until_bot_exits() => done,
        () = stop.received() => Ok(()),
    };
    println!("\nRemoving everything …");
    demo.bot.stop().await.and(done)
}

/// Everything that runs. The server and the folders are removed on drop, or when the process ends.
struct Demo {
    bot: Bot,
    shop: Shop,
    troubles: Troubles,
    minute: FirstMinute,
    observer: Observer,
    panel: Panel,
    cluster: Cluster,
    discord: Sim,
}

impl Demo {
    async fn start(arguments: &Arguments) -> anyhow::Result<Self> {
        let started = Instant::now();
        let binary = match &arguments.killgate {
            Some(file) => file.clone(),
            None => bot::default_binary()?,
        };
        let (panel, routes) = panel::open();
        let (cluster, discord) = tokio::try_join!(start_cluster(), channel::open(arguments.port, routes))?;
        let mut shop = Shop::open(&cluster).await?;
        let mut bot = Bot::start(&binary, &discord, &cluster)?;
        let mut troubles = Troubles::default();
        let setup = async {
            troubles.start(Trouble::Report, &cluster).await?;
            troubles.start(Trouble::Payment, &cluster).await?;
            bot.ready(&discord).await?;
            channel::first_card(&discord, &mut bot, &troubles).await
        };
        shop.watch_during(setup).await?;
        let first_card = started.elapsed();
        // Shows a healthy shop first, so that the drop is visible.
        shop.watch_during(sleep(HEALTHY_TIME)).await;
        troubles.start(Trouble::Queue, &cluster).await?;
        let minute = FirstMinute::of(&troubles, &bot, &discord);
        output::print_welcome(&discord, &bot, &troubles, minute.steps(), first_card);
        Ok(Self {
            bot,
            shop,
            troubles,
            minute,
            observer: Observer::of(&cluster).await?,
            panel,
            cluster,
            discord,
        })
    }

    /// Reports the state of the shop and the sessions, and starts trouble on request, until the bot exits.
    async fn run_until_bot_exits(&mut self) -> anyhow::Result<()> {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        loop {
            tokio::select! {
                ended = self.bot.ended() => return Err(ended),
                news = self.shop.next_update() => {
                    if let Some(news) = news {
                        output::print_news(news);
                    }
                    self.show().await?;
                }
                () = enter(&mut lines) => {
                    for trouble in Trouble::INITIAL {
                        self.start_trouble(trouble).await?;
                    }
                    output::print_trouble(&self.troubles);
                }
                trouble = self.panel.requested_trouble() => self.start_trouble(trouble).await?,
            }
        }
    }

    async fn start_trouble(&mut self, trouble: Trouble) -> anyhow::Result<()> {
        self.troubles.start(trouble, &self.cluster).await?;
        if trouble == Trouble::Queue {
            self.minute = FirstMinute::of(&self.troubles, &self.bot, &self.discord);
        }
        Ok(())
    }

    async fn show(&mut self) -> anyhow::Result<()> {
        let sells = self.shop.sells();
        let sessions = self.observer.sessions().await?;
        self.minute.update(sells, &sessions).await?;
        self.panel.show(&PanelState {
            steps: self.minute.steps(),
            sells,
            order_rates: self.shop.order_rates(),
            troubles: self.troubles.states(&sessions),
            sessions: &sessions,
        })?;
        Ok(())
    }
}

async fn start_cluster() -> anyhow::Result<Cluster> {
    let cluster = Cluster::start().await.context("the temporary PostgreSQL")?;
    shop::create_database(&cluster).await.context("the shop's database")?;
    Ok(cluster)
}

/// Waits for Enter. Never returns once standard input has ended.
async fn enter(lines: &mut tokio::io::Lines<BufReader<Stdin>>) {
    match lines.next_line().await {
        Ok(Some(_)) => {}
        Ok(None) | Err(_) => std::future::pending().await,
    }
}
