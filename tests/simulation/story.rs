//! What people, servers and networks do in an incident, one thing after the other, from one seed.

use std::time::Duration;

use fastrand::Rng;
use killgate::domain::event::Binding;
use killgate::domain::ids::MessageId;
use killgate::workflow::ports::Vote;
use tokio::time::sleep;

use crate::world::bot::{Asked, Bot};
use crate::world::cast::{
    ANA, BEN, DBA, DORA, EVE, IVY, ONCALL, OTTO, PEOPLE, ROBOT, TARGETS, action, everybody,
};
use crate::world::command::Interaction;
use crate::world::gateway::Blindness;
use crate::world::postgres::{Change, PIDS, pid_of};
use crate::world::{State, World};

pub struct Story {
    dice: Rng,
    steps: u32,
    /// People toggle reactions all the time, until everything is decided.
    pub has_crowd: bool,
    /// A second process with the same token and a ledger of its own takes part.
    pub has_rival: bool,
    rivals_dice: Rng,
}

/// What the bot's keeper does with its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    GoOn,
    /// `kill -9`
    Kill,
    /// SIGTERM
    Stop,
    /// Another bot takes over while this one still believes to be the active one.
    TakeOver,
    /// The machine sleeps, or SIGSTOP and SIGCONT, for longer than Discord keeps a session.
    Pause,
}

impl Story {
    pub fn new(seed: u64, has_rival: bool) -> Self {
        // Not the stream of numbers that the faults are drawn from.
        let mut dice = Rng::with_seed(seed ^ 0x0570_71e5);
        let steps = dice.u32(6..22);
        let has_crowd = dice.u8(..8) == 0;
        let rivals_dice = Rng::with_seed(seed ^ 0x5ec0_0d12);
        Self { dice, steps, has_crowd, has_rival, rivals_dice }
    }

    /// What differs from incident to incident before it begins.
    pub fn set_the_scene(&mut self, world: &World) {
        let expires_after = Duration::from_secs([20, 60, 300][self.dice.usize(..3)]);
        let approvals = [1, 1, 2][self.dice.usize(..3)];
        let obeys_after = [Some(0), Some(30), Some(8_000), None][self.dice.usize(..4)];
        world.with(|state| {
            state.policy.expires_after = expires_after;
            state.policy.approvals = approvals;
            for server in state.servers.values_mut() {
                server.obeys_after = obeys_after.map(Duration::from_millis);
            }
        });
    }

    pub fn is_over(&self) -> bool {
        self.steps == 0
    }

    /// The people who toggle reactions as long as they can.
    pub fn crowd(&mut self) -> Crowd {
        Crowd { dice: self.dice.fork() }
    }

    /// Nothing more happens.
    pub fn give_up(&mut self) {
        self.steps = 0;
    }

    /// How long until the next thing happens.
    pub fn pause(&mut self) -> Duration {
        let longest = [5, 60, 400, 3_000, 12_000, 100_000];
        let longest = longest[self.dice.usize(..longest.len())];
        Duration::from_millis(self.dice.u64(..longest))
    }

    /// How long the processes are paused, and whether the machine sleeps, so that their timers stand still too.
    pub fn long_pause(&mut self) -> (Duration, bool) {
        (Duration::from_secs([50, 200, 900][self.dice.usize(..3)]), self.dice.bool())
    }

    /// What happens to the second process.
    pub fn rival(&mut self, is_running: bool) -> Order {
        match self.rivals_dice.u8(..20) {
            _ if !self.has_rival => Order::GoOn,
            0 => Order::TakeOver,
            1..8 if !is_running => Order::TakeOver,
            1 => Order::Stop,
            _ => Order::GoOn,
        }
    }

    /// The next thing happens; the bots are there to be asked, unless they are away.
    pub fn step(&mut self, world: &World, bot: Option<&Bot>, rival: Option<&Bot>) -> Order {
        self.steps -= 1;
        let cards: Vec<_> = world.with(|state| state.discord.cards().map(|(id, _)| id).collect());
        let latest = cards.last().copied();
        match (self.dice.u32(..100), latest, bot) {
            (0..25, _, Some(bot)) | (0..60, None, Some(bot)) => {
                let by = [ANA, ANA, OTTO, IVY][self.dice.usize(..4)];
                let target = TARGETS[self.dice.usize(..TARGETS.len())];
                let asked = self.asked();
                let action = action(self.dice.u8(..));
                let interaction = Interaction::deferred(rival.is_some() && self.rivals_dice.bool());
                // Usually both hear it.
                let hearers = match self.rivals_dice.u8(..4) {
                    0 => [Some(bot), None],
                    1 => [None, rival.or(Some(bot))],
                    2 => [rival, Some(bot)],
                    _ => [Some(bot), rival],
                };
                for hearer in hearers.into_iter().flatten() {
                    hearer.hear_command(world, by, action, target, &asked, interaction.clone());
                }
            }
            (25..75, Some(latest), _) => {
                let card =
                    if self.dice.u8(..4) == 0 { cards[self.dice.usize(..cards.len())] } else { latest };
                world.with(|state| self.touch(state, card));
            }
            (75..84, ..) => world.with(|state| self.trouble_postgres(state)),
            (84..92, ..) => world.with(|state| self.trouble_the_rest(state)),
            (92, ..) => world.with(|state| self.change_people(state)),
            (93 | 99, ..) => return Order::Pause,
            (94..97, ..) => return Order::Kill,
            (97, ..) => return Order::Stop,
            (98, ..) => return Order::TakeOver,
            _ => {}
        }
        Order::GoOn
    }

    /// One session, or several, sometimes one of them twice.
    fn asked(&mut self) -> Asked {
        let count = [1, 1, 1, 2, 3, 4, 5][self.dice.usize(..7)];
        let pids: Vec<_> = match count {
            1 => vec![PIDS[self.dice.usize(..2)]],
            _ => self.dice.choose_multiple(PIDS, count),
        };
        let choices = [None, None, Some(Binding::Transaction), Some(Binding::Session)];
        Asked { pids, bound_to: choices[self.dice.usize(..choices.len())] }
    }

    /// Somebody does something with a card.
    fn touch(&mut self, state: &mut State, card: MessageId) {
        let approver = [BEN, DORA, EVE, OTTO][self.dice.usize(..4)];
        let anybody = PEOPLE[self.dice.usize(..PEOPLE.len())];
        match self.dice.u32(..100) {
            0..48 => state.react(approver, card, Vote::Approve),
            48..58 => state.react(anybody, card, Vote::Approve),
            58..62 => state.react(anybody, card, Vote::Deny),
            62..84 => {
                let vote = if self.dice.u8(..6) == 0 { Vote::Deny } else { Vote::Approve };
                let voters = state.discord.voters(card, vote);
                if let Some(by) = voters.into_iter().next() {
                    state.take_back(by, card, vote);
                }
            }
            84..88 => state.clear(card, [None, Some(Vote::Approve)][self.dice.usize(..2)]),
            88..91 => state.delete(card),
            91..94 => state.take_over(card),
            _ => {}
        }
    }

    fn trouble_postgres(&mut self, state: &mut State) {
        let target = TARGETS[self.dice.usize(..TARGETS.len())];
        let pid = pid_of(PIDS[self.dice.usize(..2)]);
        let waiter = pid_of(PIDS[2 + self.dice.usize(..4)]);
        let changes = [
            Change::SessionEnds(pid),
            Change::QueryEnds(pid),
            Change::NextQuery(pid),
            Change::NextStatement(pid),
            Change::PidReused(pid),
            Change::PidReused(pid),
            Change::Protected(pid),
            Change::Blocks { holder: pid, waiter },
            Change::Restarts,
            Change::Failover,
            Change::ClockJumps,
        ];
        let change = changes[self.dice.usize(..changes.len())];
        state.plan(Duration::from_millis(self.dice.u64(..300)), target, change);
    }

    fn trouble_the_rest(&mut self, state: &mut State) {
        match self.dice.u32(..12) {
            0..2 => state.discord.gateway.drop_connections(true),
            2..5 => state.discord.gateway.drop_connections(false),
            5..8 => {
                state.discord.gateway.reconnect();
                state.faults.restore();
            }
            8 => state.faults.ledger_down = true,
            9 => self.blind(state),
            _ => {
                state.faults.discord_down = self.dice.bool();
                state.faults.postgres_down = self.dice.bool();
            }
        }
    }

    /// The bot can no longer see what people do.
    fn blind(&mut self, state: &mut State) {
        match self.dice.u8(..4) {
            0 => state.faults.reactions_unreadable = true,
            1 => {
                // The guild is away, or the bot was removed from it.
                state.faults.channel_hidden = true;
                state.discord.gateway.drop_connections(false);
            }
            which => {
                state.faults.channel_hidden = true;
                let blindness = if which == 2 { Blindness::Roles } else { Blindness::Hidden };
                state.discord.gateway.blindfold(blindness);
            }
        }
    }

    fn change_people(&mut self, state: &mut State) {
        let person = [BEN, DORA, EVE][self.dice.usize(..3)];
        match self.dice.u32(..4) {
            0 => state.leave(person),
            1 => state.set_roles(person, &[ONCALL]),
            2 => state.set_roles(IVY, &[DBA]),
            _ => {
                for member in everybody() {
                    state.join(member);
                }
            }
        }
    }
}

/// People who toggle reactions all the time: some without rights, the requester, and an approver who cannot decide.
pub struct Crowd {
    dice: Rng,
}

impl Crowd {
    pub async fn toggle(mut self, world: World) {
        loop {
            sleep(Duration::from_millis(self.dice.u64(100..900))).await;
            world.with(|state| {
                let open = state.discord.cards().filter(|(_, card)| card.is_open()).map(|(id, _)| id);
                for card in open.collect::<Vec<_>>() {
                    let everybody = [IVY, ROBOT, ANA, DORA];
                    // A single approver decides at once.
                    let crowd = if state.policy.approvals > 1 { 4 } else { 3 };
                    let by = everybody[self.dice.usize(..crowd)];
                    // The ❌ of the other two decides at once.
                    let may_deny = [IVY, ROBOT].contains(&by);
                    let vote = if may_deny && self.dice.u8(..3) == 0 { Vote::Deny } else { Vote::Approve };
                    if state.discord.voters(card, vote).contains(&by) {
                        state.take_back(by, card, vote);
                    } else {
                        state.react(by, card, vote);
                    }
                }
            });
        }
    }
}
