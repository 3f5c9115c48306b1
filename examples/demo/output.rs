//! The demo's output in the terminal.

use std::time::Duration;

use discord_sim::Sim;
use jiff::Zoned;

use crate::bot::Bot;
use crate::first_minute::Step;
use crate::shop::News;
use crate::trouble::{Trouble, Troubles};

pub fn print_welcome(discord: &Sim, bot: &Bot, troubles: &Troubles, steps: &[Step], first_card: Duration) {
    println!(
        "
killgate is ready: first card after {first_card:.1} s. The incident channel, for two people side by side:

    {page}

  ana   on call   may ask
  ben   DBA       may ask, and approve other people's requests
  dora  DBA       the same
  ivy   intern    may neither ask nor approve

{situation}

{steps}
Also running: {report}, a report that dora asked to cancel, and {payment}, which is protected.
Configuration, log and ledger: {folder}
Press Enter to start the trouble again with new sessions, so that open requests lapse. Ctrl-C stops and removes everything.
",
        first_card = first_card.as_secs_f64(),
        page = discord.page_url(),
        situation = situation(troubles),
        steps = numbered(steps),
        report = troubles.root_blocker(Trouble::Report),
        payment = troubles.root_blocker(Trouble::Payment),
        folder = bot.folder().display(),
    );
}

/// Prints the shop's state with the time.
pub fn print_news(news: News) {
    let now = Zoned::now().strftime("%H:%M:%S").to_string();
    match news {
        News::StandsStill => println!("{now}  The shop stands still: no more orders."),
        News::SellsAgain => println!("{now}  The shop sells again."),
    }
}

pub fn print_trouble(troubles: &Troubles) {
    println!("{}", situation(troubles));
}

fn situation(troubles: &Troubles) -> String {
    let queue = troubles.pids(Trouble::Queue);
    let [forgotten, migration] = queue[..] else {
        return "The shop has no problem.".into();
    };
    format!(
        "Session {forgotten} changed prices and never committed. A migration ({migration}) and the orders wait for it, some directly, some behind the migration."
    )
}

fn numbered(steps: &[Step]) -> String {
    let lines = steps.iter().zip(1..).map(|(step, number)| {
        let hint = step.hint.replace("`@", "").replace('`', "");
        format!("  {number}. {:<27} {hint}.\n", format!("{}:", step.title))
    });
    lines.collect()
}
