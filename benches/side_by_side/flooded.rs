//! The approval while irrelevant events arrive.

use anyhow::Result;
use tokio::process::Command;

use crate::Bench;
use crate::bots::{Bot, killgate};
use crate::contenders::{Contender, WarmConnection, approved};
use crate::flood::Flood;
use crate::guild::Guild;
use crate::loaded_server::LoadedServer;
use crate::numbers::{Sample, figure};
use crate::report::{Chapter, Table, times};
use crate::victim::Victim;

/// Quiet and flooded ones take turns.
const BLOCKS: usize = 6;
const IN_A_BLOCK: usize = 15;
const WARM_UP: usize = 5;

const TEXT: &str = "\
The same as above in alternating blocks: quiet, and with 1,000 reactions a second on somebody's words in the incident channel. The
flood comes from the process that measures too, so the warm round trip tells how much slower the machine itself gets.";

/// How long victims lived.
#[derive(Default)]
pub struct VictimTimes {
    quiet: Sample,
    flooded: Sample,
}

/// The times of killgate, and those of a warm round trip.
type BothTimes = (VictimTimes, VictimTimes);

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let killgate = Command::new(&bench.killgate);
    let flood = |bot: &Bot| Ok(Flood::begin(&bot.guild));
    let times = alternate(bench, Guild::open().await, killgate, flood).await?;
    Ok(told(Chapter::new("Approval under a flood", TEXT), "the flood", &times))
}

/// Approvals by this `killgate` in alternating blocks: quiet ones, and those while what `disturb` returns exists.
pub async fn alternate<T>(
    bench: &Bench,
    guild: Guild,
    killgate: Command,
    disturb: impl Fn(&Bot) -> Result<T>,
) -> Result<BothTimes> {
    let mut server = LoadedServer::with_room_for(20).await?;
    server.grow_to(10).await?;
    let cluster = &server.cluster;
    let target = ("orders".to_owned(), cluster.bot().await?);
    let bot = killgate::start_in(guild, killgate, &[target], None).await?;
    let mut warm = Contender::Warm(WarmConnection::open(cluster).await?);
    for _ in 0..WARM_UP {
        approved(&bot, vec![Victim::open(cluster).await?]).await?;
        warm.ends(cluster).await?;
    }
    let (mut of_killgate, mut of_warm) = BothTimes::default();
    for _ in 0..bench.rounds(BLOCKS) {
        for flooded in [false, true] {
            let flood = if flooded { Some(disturb(&bot)?) } else { None };
            for _ in 0..IN_A_BLOCK {
                let took = approved(&bot, vec![Victim::open(cluster).await?]).await?;
                of_killgate.sample(flooded).took(took.dead);
                of_warm.sample(flooded).took(warm.ends(cluster).await?.dead);
            }
            drop(flood);
        }
    }
    Ok((of_killgate, of_warm))
}

impl VictimTimes {
    fn sample(&mut self, flooded: bool) -> &mut Sample {
        if flooded { &mut self.flooded } else { &mut self.quiet }
    }

    fn ratio(&self, percent: usize) -> f64 {
        self.flooded.percentile(percent) / self.quiet.percentile(percent)
    }
}

/// Adds the times to a chapter, and what they are to be.
pub fn told(mut chapter: Chapter, disturbance: &str, (killgate, warm): &BothTimes) -> Chapter {
    let mut table = Table::new(["", "quiet, median", "95 %", "disturbed, median", "95 %", "median", "95 %"]);
    for (name, lives) in [("killgate", killgate), ("warm round trip", warm)] {
        let [quiet, flooded] = [&lives.quiet, &lives.flooded];
        let figures =
            [quiet, flooded].map(|sample| [50, 95].map(|percent| figure(sample.percentile(percent))));
        let ratios = [50, 95].map(|percent| times(flooded.percentile(percent), quiet.percentile(percent)));
        table.row([name.to_owned()].into_iter().chain(figures.into_iter().flatten()).chain(ratios));
    }
    chapter.tables.push(table);
    chapter.goal(format!("approval under {disturbance} to quiet, median"), "×", killgate.ratio(50), 1.3);
    chapter.goal(format!("approval under {disturbance} to quiet, 95 %"), "×", killgate.ratio(95), 1.3);
    chapter
}
