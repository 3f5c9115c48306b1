//! killgate to try out, without a Discord and without a database of one's own: a throw-away PostgreSQL with real
//! trouble, a simulated Discord with people, and the real bot between them. `./dev demo` starts it.

mod bot;
mod channel;
mod first_minute;
mod ledger;
mod panel;
mod patient;
mod shop;
mod stop;
mod trouble;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use bot::Bot;
use clap::Parser;
use discord_sim::Sim;
use first_minute::FirstMinute;
use panel::{Panel, Shown};
use patient::Observer;
use shop::Shop;
use stop::Stop;
use throwaway_postgres::Cluster;
use tokio::io::{AsyncBufReadExt, BufReader, Stdin};
use tokio::time::sleep;
use trouble::{Trouble, Troubles};

/// How long the shop does well before the trouble begins.
const GOOD_TIME: Duration = Duration::from_secs(2);

/// Starts killgate with a throw-away PostgreSQL and a simulated Discord, and removes all of it at the end.
#[derive(Parser)]
struct Arguments {
    /// The port of the page on loopback; 0 lets the system choose. Left out, 8686, or another one when that is in use.
    #[arg(long)]
    port: Option<u16>,
    /// The bot's binary, instead of the one that was built together with this.
    #[arg(long, value_name = "FILE")]
    killgate: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("\nThe demo has ended: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    // Before anything is started, so that whoever loses patience meanwhile finds nothing left either.
    let mut stop = Stop::listen()?;
    let mut demo = tokio::select! {
        demo = Demo::start(&arguments) => demo?,
        () = stop.wanted() => return Ok(()),
    };
    let done = tokio::select! {
        done = demo.go_on() => done,
        () = stop.wanted() => Ok(()),
    };
    println!("\nRemoving everything …");
    demo.bot.stop().await.and(done)
}

/// Everything that runs. The server and the folders go when this is dropped, or when the process ends.
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
        let began = Instant::now();
        let binary = match &arguments.killgate {
            Some(file) => file.clone(),
            None => bot::built_beside_this()?,
        };
        let (panel, routes) = panel::open();
        let (cluster, discord) = tokio::try_join!(start_cluster(), channel::open(arguments.port, routes))?;
        let mut shop = Shop::open(&cluster).await?;
        let mut bot = Bot::start(&binary, &discord, &cluster)?;
        let mut troubles = Troubles::default();
        let opening = async {
            troubles.make(Trouble::Report, &cluster).await?;
            troubles.make(Trouble::Payment, &cluster).await?;
            bot.ready(&discord).await?;
            channel::first_card(&discord, &mut bot, &troubles).await
        };
        shop.sells_during(opening).await?;
        let first_card = began.elapsed();
        // Only who saw the shop in its good time sees it fall.
        shop.sells_during(sleep(GOOD_TIME)).await;
        troubles.make(Trouble::Queue, &cluster).await?;
        let minute = FirstMinute::of(&troubles, &bot, &discord);
        words::greet(&discord, &bot, &troubles, minute.steps(), first_card);
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

    /// Tells how the shop and the sessions do, and makes trouble anew when somebody wants it, until the bot ends.
    async fn go_on(&mut self) -> anyhow::Result<()> {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        loop {
            tokio::select! {
                ended = self.bot.ended() => return Err(ended),
                news = self.shop.look() => {
                    if let Some(news) = news {
                        words::tell(&news);
                    }
                    self.show().await?;
                }
                () = enter(&mut lines) => {
                    for trouble in Trouble::AT_FIRST {
                        self.make(trouble).await?;
                    }
                    words::tell_trouble(&self.troubles);
                }
                trouble = self.panel.wish() => self.make(trouble).await?,
            }
        }
    }

    async fn make(&mut self, trouble: Trouble) -> anyhow::Result<()> {
        self.troubles.make(trouble, &self.cluster).await?;
        if trouble == Trouble::Queue {
            self.minute = FirstMinute::of(&self.troubles, &self.bot, &self.discord);
        }
        Ok(())
    }

    async fn show(&mut self) -> anyhow::Result<()> {
        let sells = self.shop.sells();
        let sessions = self.observer.sessions().await?;
        self.minute.look(sells).await?;
        self.panel.show(&Shown {
            steps: self.minute.steps(),
            sells,
            takings: self.shop.takings(),
            troubles: self.troubles.known(&sessions),
            sessions: &sessions,
        })?;
        Ok(())
    }
}

async fn start_cluster() -> anyhow::Result<Cluster> {
    let cluster = Cluster::start().await.context("the throw-away PostgreSQL")?;
    shop::furnish(&cluster).await.context("the shop's database")?;
    Ok(cluster)
}

/// Never, once there is nobody left to type.
async fn enter(lines: &mut tokio::io::Lines<BufReader<Stdin>>) {
    match lines.next_line().await {
        Ok(Some(_)) => {}
        Ok(None) | Err(_) => std::future::pending().await,
    }
}
