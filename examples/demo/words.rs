//! What the demo says.

use std::time::Duration;

use discord_sim::Sim;
use jiff::Zoned;

use crate::bot::Bot;
use crate::first_minute::Step;
use crate::shop::News;
use crate::trouble::{Trouble, Troubles};

pub fn greet(discord: &Sim, bot: &Bot, troubles: &Troubles, steps: &[Step], first_card: Duration) {
    println!(
        "
killgate is ready: first card after {first_card:.1} s. The incident channel, for two people side by side:

    {page}

  ana   on call   may ask
  ben   DBA       may ask, and approve what others ask for
  dora  DBA       the same
  ivy   intern    may neither ask nor approve

{story}

{steps}
Also there: {report}, a report that runs for hours, and dora asked to cancel it; and {payment}, which is protected.
Configuration, log and ledger: {folder}
Enter makes the trouble anew. Ctrl-C ends everything and leaves nothing behind.
",
        first_card = first_card.as_secs_f64(),
        page = discord.page_url(),
        story = story(troubles),
        steps = numbered(steps),
        report = troubles.culprit(Trouble::Report),
        payment = troubles.culprit(Trouble::Payment),
        folder = bot.folder().display(),
    );
}

/// How the shop does, with the time of day.
pub fn tell(news: &News) {
    let now = Zoned::now().strftime("%H:%M:%S").to_string();
    match news {
        News::StandsStill => println!("{now}  The shop stands still: no more orders."),
        News::Sells { orders_per_second } => {
            println!("{now}  The shop sells again: {orders_per_second} orders a second.");
        }
    }
}

pub fn tell_trouble(troubles: &Troubles) {
    println!("{}", story(troubles));
}

fn story(troubles: &Troubles) -> String {
    let queue = troubles.pids(Trouble::Queue);
    let [forgotten, migration] = queue[..] else {
        return "The shop has no trouble.".into();
    };
    format!(
        "Session {forgotten} changed prices and never committed, a migration ({migration}) waits for it, and every order behind that."
    )
}

fn numbered(steps: &[Step]) -> String {
    let lines = steps.iter().zip(1..).map(|(step, number)| {
        let hint = step.hint.replace('`', "");
        format!("  {number}. {:<27} {hint}.\n", format!("{}:", step.title))
    });
    lines.collect()
}
