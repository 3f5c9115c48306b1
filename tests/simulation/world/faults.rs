//! What may go wrong, and how likely. All randomness of the world comes from here, and so from one seed.

use std::time::Duration;

use fastrand::Rng;

/// A part of the world that the bot calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Ledger,
    /// Interactions and members.
    Discord,
    /// Messages in the channel.
    Channel,
    /// The reactions on a message.
    Reactions,
    Postgres,
}

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before the effect.
    CrashBefore,
    /// The process dies after the effect, before it hears of it.
    CrashAfter,
    /// There is no effect, and an error.
    LostOnTheWay,
    /// There is the effect, and an error all the same.
    LostOnTheWayBack,
}

/// A call that brought no answer.
#[derive(Clone, Copy, Debug)]
pub struct Lost {
    /// Whether it had its effect.
    pub happened: bool,
}

/// How likely each fault is at a call, in thousandths, and how slow a call may be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    pub crash: u32,
    pub lost: u32,
    /// The longest way there, and the longest way back.
    pub slow: Duration,
}

/// What Discord does not let the bot do in the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It may not post.
    Posts,
    /// It may edit cards only some minutes later.
    Edits,
}

#[allow(clippy::struct_excessive_bools, reason = "each part can be down by itself")]
pub struct Faults {
    pub dice: Rng,
    pub ledger: Rates,
    pub discord: Rates,
    pub postgres: Rates,
    /// Events that Discord tells twice, in thousandths.
    pub repeated: u32,
    /// Events that come after one that was later and is about something else, in thousandths.
    pub overtaken: u32,
    /// Commands that another process with the same token answers, in thousandths.
    pub rival: u32,
    /// Nothing reaches this part.
    pub ledger_down: bool,
    pub discord_down: bool,
    pub channel_hidden: bool,
    pub reactions_unreadable: bool,
    pub postgres_down: bool,
    /// How far the clock of a bot that starts may be off, either way.
    pub skew: Duration,
    pub refusal: Option<Refusal>,
}

impl Faults {
    /// No faults and no delays.
    pub fn none() -> Self {
        Self {
            dice: Rng::with_seed(0),
            ledger: Rates::default(),
            discord: Rates::default(),
            postgres: Rates::default(),
            repeated: 0,
            overtaken: 0,
            rival: 0,
            ledger_down: false,
            discord_down: false,
            channel_hidden: false,
            reactions_unreadable: false,
            postgres_down: false,
            skew: Duration::ZERO,
            refusal: None,
        }
    }

    /// Each incident has a weather of its own: some are calm in one part and stormy in another, because what
    /// goes wrong everywhere all the time gets nowhere.
    pub fn random(seed: u64) -> Self {
        let mut dice = Rng::with_seed(seed);
        let mut rates = |crash: u32, lost: u32, slow: u64| Rates {
            crash: [0, 0, crash][dice.usize(..3)],
            lost: [0, lost / 4, lost][dice.usize(..3)],
            slow: Duration::from_millis([0, slow / 20, slow][dice.usize(..3)]),
        };
        // A target may answer later than a lease lasts.
        let (ledger, discord, postgres) = (rates(20, 80, 40), rates(20, 200, 4_000), rates(20, 150, 6_000));
        let mut now_and_then = || [0, 0, 200][dice.usize(..3)];
        let (repeated, overtaken, rival) = (now_and_then(), now_and_then(), now_and_then());
        let skew = Duration::from_secs([0, 0, 4][dice.usize(..3)]);
        Self { dice, ledger, discord, postgres, repeated, overtaken, rival, skew, ..Self::none() }
    }

    /// From now on nothing goes wrong any more.
    pub fn heal(&mut self) {
        let dice = self.dice.clone();
        *self = Self { dice, ..Self::none() };
    }

    /// What was down is up again.
    pub fn restore(&mut self) {
        self.ledger_down = false;
        self.discord_down = false;
        self.channel_hidden = false;
        self.reactions_unreadable = false;
        self.postgres_down = false;
    }

    /// How long a call takes there and back, and what goes wrong with it.
    pub fn draw(&mut self, part: Part) -> (Duration, Duration, Option<Fault>) {
        let (rates, down) = match part {
            Part::Ledger => (self.ledger, self.ledger_down),
            Part::Discord => (self.discord, self.discord_down),
            Part::Channel => (self.discord, self.discord_down || self.channel_hidden),
            Part::Reactions => {
                (self.discord, self.discord_down || self.channel_hidden || self.reactions_unreadable)
            }
            Part::Postgres => (self.postgres, self.postgres_down),
        };
        let (there, back) = (self.up_to(rates.slow), self.up_to(rates.slow));
        if down {
            return (there, back, Some(Fault::LostOnTheWay));
        }
        let fault = if self.happens(rates.crash) {
            Some(self.either(Fault::CrashBefore, Fault::CrashAfter))
        } else if self.happens(rates.lost) {
            Some(self.either(Fault::LostOnTheWay, Fault::LostOnTheWayBack))
        } else {
            None
        };
        (there, back, fault)
    }

    /// Whether something happens that is this likely, in thousandths.
    pub fn happens(&mut self, thousandths: u32) -> bool {
        thousandths > 0 && self.dice.u32(..1_000) < thousandths
    }

    pub fn up_to(&mut self, longest: Duration) -> Duration {
        let longest = u64::try_from(longest.as_millis()).expect("not for ages");
        Duration::from_millis(self.dice.u64(..=longest))
    }

    fn either<T>(&mut self, one: T, other: T) -> T {
        if self.dice.bool() { one } else { other }
    }
}
