//! What the demo says.

use std::time::Duration;

use discord_sim::Sim;
use jiff::Zoned;

use crate::bot::Bot;
use crate::shop::News;
use crate::trouble::Trouble;

pub fn greet(discord: &Sim, bot: &Bot, trouble: &Trouble, took: Duration) {
    println!(
        "
killgate is ready after {took:.1} s. The incident channel, for two people side by side:

    {page}

  ana   on call   may ask
  ben   DBA       may ask, and approve what others ask for
  dora  DBA       the same
  ivy   intern    may neither ask nor approve

{trouble}

  1. As ana:     /sessions view:blocking
  2. As ana:     /terminate pid:{pid} reason:holds up the shop
  3. As ana, click ✅ below the card: nobody approves what they asked for.
  4. As ben, click ✅: the session ends, and the shop sells again.

Also there: {report}, a report that runs for hours (try /cancel), and {payment}, which is protected.
Configuration, log and ledger: {folder}
Enter makes the trouble anew. Ctrl-C ends everything and leaves nothing behind.
",
        took = took.as_secs_f64(),
        page = discord.page_url(),
        trouble = story(trouble),
        pid = trouble.forgotten.pid(),
        report = trouble.report.pid(),
        payment = trouble.payment.pid(),
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

pub fn tell_trouble(trouble: &Trouble) {
    println!("{}", story(trouble));
}

fn story(trouble: &Trouble) -> String {
    format!(
        "Session {} changed prices and never committed, a migration ({}) waits for it, and every order behind that.",
        trouble.forgotten.pid(),
        trouble.migration.pid(),
    )
}
