//! Handles interactions: slash commands, buttons, menus, forms and autocompletion.
//!
//! | file | what is in it |
//! |---|---|
//! | `mod` | dispatches an interaction; checks channel and guild; `/cancel` and `/terminate` |
//! | [`definitions`] | the definitions of the commands |
//! | `options` | reads the options of a command |
//! | `sessions` | `/sessions` |
//! | `last_page` | keeps the page that was rendered last |
//! | `requests` | `/requests` |
//! | `components` | buttons, menus and forms |
//! | `autocomplete` | the choices for `pid` and `target` |
//! | `snapshot_fanout` | queries several targets at once, with a time limit |

mod autocomplete;
mod components;
pub mod definitions;
mod last_page;
mod options;
mod requests;
mod sessions;
mod snapshot_fanout;

use std::sync::Arc;
use std::time::Duration;

use definitions::COMMANDS;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use options::CommandOptions;
use serenity::model::application::{CommandInteraction, Interaction};
use serenity::model::channel::PartialChannel;
use serenity::model::guild::Member;
use serenity::model::id::{ApplicationId, GuildId, InteractionId};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

pub use self::last_page::LastPage;
use super::api::ApiClient;
use super::gateway::{ChannelInfo, UnreadableInteraction};
use super::members;
use super::messages::reason_form::visible_reason;
use super::messages::{RenderConfig, notices};
use super::reply::{InteractionReply, ReplyVisibility};
use super::responder::CommandResponder;
use super::served_channels::{ChannelService, ServedChannels};
use crate::domain::event::Action;
use crate::domain::ids::{ChannelId, Person};
use crate::workflow::handle::{EngineHandle, RequestInput};
use crate::workflow::input::EngineInput;
use crate::workflow::ports::{LeaseState, Ledger, Responder};
use crate::workflow::refusal::Refusal;

/// An active replica has answered or deferred by then, even if it is busy: 0.6 s after [`TURN_TIMEOUT`]. Discord waits 3 s.
const YIELD: Duration = Duration::from_secs(2);

/// How many interactions are answered at the same time, unless one has waited too long: each takes some 10 kB, and a thousand may
/// arrive at once.
const MAX_CONCURRENT: usize = 32;

/// How long an interaction waits for its turn; then it starts without one. It is deferred 0.6 s later, within Discord's 3 s, even if a
/// silent target holds up all others.
const TURN_TIMEOUT: Duration = Duration::from_millis(1_200);

/// Answers interactions, each in its own task.
#[derive(Clone)]
pub struct InteractionHandler {
    pub api: ApiClient,
    pub application: ApplicationId,
    pub guild: GuildId,
    pub channels: Arc<ServedChannels>,
    pub render_config: RenderConfig,
    pub engine: EngineHandle,
    /// Read for `/requests`. Commands never write to it.
    pub ledger: Arc<dyn Ledger>,
    /// One at a time, so that many people who read do not keep an approval from being recorded.
    pub history_turn: Arc<Mutex<()>>,
    /// Empty at first.
    pub last_page: Arc<LastPage>,
    pub turns: Turns,
}

/// Limits how many interactions are answered at the same time.
#[derive(Clone)]
pub struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_CONCURRENT)))
    }
}

impl InteractionHandler {
    /// Starts a task that answers the interaction.
    pub fn handle(&self, interaction: Interaction) {
        let (handler, arrived) = (self.clone(), Instant::now());
        tokio::spawn(async move {
            let turn = timeout(TURN_TIMEOUT, handler.turns.0.acquire());
            let (_turn, may_answer) = tokio::join!(turn, handler.may_answer());
            if may_answer {
                handler.answer(interaction, arrived).await;
            }
        });
    }

    /// Starts a task that says that the interaction was not understood. Autocompletion needs no answer.
    pub fn refuse_unreadable(&self, interaction: UnreadableInteraction) {
        let (handler, arrived) = (self.clone(), Instant::now());
        tokio::spawn(async move {
            if !interaction.is_autocomplete() && handler.may_answer().await {
                let (id, token) = (interaction.id, &interaction.token);
                let reply = handler.start_reply(id, token, ReplyVisibility::Ephemeral, arrived);
                handler.refuse(&reply, &Refusal::NotUnderstood).await;
            }
        });
    }

    /// A deposed replica answers nobody, even if it is still connected to Discord: the active one answers. A replica that cannot
    /// tell whether it was deposed waits a moment, so that another one would answer first.
    async fn may_answer(&self) -> bool {
        if self.ledger.lease_state() == LeaseState::Unconfirmed {
            sleep(YIELD).await;
        }
        let may_answer = self.ledger.lease_state() != LeaseState::Lost;
        if !may_answer {
            warn!("an interaction is not answered: another replica has taken over");
        }
        may_answer
    }

    /// Boxed, so that each interaction takes only the memory that its own kind needs: a thousand people may ask at once.
    fn answer(&self, interaction: Interaction, arrived: Instant) -> BoxFuture<'_, ()> {
        match interaction {
            Interaction::Command(command) => {
                let reply = self.start_reply(command.id, &command.token, ReplyVisibility::Public, arrived);
                self.answer_command(command, reply).boxed()
            }
            Interaction::Autocomplete(command) => self.answer_autocomplete(command).boxed(),
            Interaction::Component(component) => self.handle_component(component, arrived).boxed(),
            Interaction::Modal(modal) => self.handle_modal(modal, arrived).boxed(),
            _ => ready(()).boxed(),
        }
    }

    fn start_reply(
        &self,
        interaction: InteractionId,
        token: &str,
        visibility: ReplyVisibility,
        arrived: Instant,
    ) -> Arc<InteractionReply> {
        let (api, token) = (self.api.clone(), token.to_owned());
        InteractionReply::start(api, self.application, interaction, token, visibility, arrived)
    }

    async fn answer_command(&self, command: CommandInteraction, reply: Arc<InteractionReply>) {
        let Some(name) = COMMANDS.into_iter().find(|name| *name == command.data.name) else {
            warn!(command = command.data.name, "Discord sent an unknown command");
            return self.refuse(&reply, &Refusal::UnknownCommand).await;
        };
        let channel = ChannelId(command.channel_id.get());
        self.answer_and_measure(name, channel, &reply, self.run_command(&command, &reply)).await;
    }

    /// Waits for `answer`, and sends a refusal if there is one. How long the answer took is recorded.
    fn answer_and_measure<'a>(
        &'a self,
        command: &'static str,
        channel: ChannelId,
        reply: &'a Arc<InteractionReply>,
        answer: impl Future<Output = Result<(), Refusal>> + Send + 'a,
    ) -> impl Future<Output = ()> + Send + 'a {
        // Boxed, because an async function would hold its argument in memory twice.
        let answer = answer.boxed();
        async move {
            reply.measure_as(command);
            if let Err(refusal) = answer.await {
                self.refuse(reply, &refusal).await;
            }
            if reply.is_answered_elsewhere() {
                self.engine.send(EngineInput::AnotherProcessSeen { channel }).await;
            }
        }
    }

    async fn refuse(&self, reply: &Arc<InteractionReply>, refusal: &Refusal) {
        if let Err(error) = reply.send(notices::refusal(refusal, &self.render_config)).await {
            warn!(%error, "could not send a refusal");
        }
    }

    async fn run_command(
        &self,
        command: &CommandInteraction,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        let person = self.person_in_channel(
            command.guild_id,
            command.channel_id,
            command.channel.as_ref(),
            command.member.as_deref(),
        )?;
        let options = CommandOptions::new(&command.data);
        let request_input = |action| {
            Ok(RequestInput {
                action,
                sessions: options.sessions()?,
                bound_to: options.bound_to()?,
                target: options.text("target").map(ToOwned::to_owned),
                reason: options.text("reason").and_then(visible_reason),
                channel: ChannelId(command.channel_id.get()),
            })
        };
        match command.data.name.as_str() {
            "sessions" => self.answer_sessions_command(&person, &options, reply).await,
            "requests" => self.answer_requests_command(&person, &options, reply).await,
            name => {
                let action = Action::from_name(name).ok_or(Refusal::Outdated)?;
                self.request_signal(person, request_input(action)?, reply).await
            }
        }
    }

    /// The person who uses the command, if they use it in an incident channel.
    fn person_in_channel(
        &self,
        guild: Option<GuildId>,
        channel: serenity::model::id::ChannelId,
        described: Option<&PartialChannel>,
        member: Option<&Member>,
    ) -> Result<Person, Refusal> {
        // A thread may be used before an event has told of it.
        if let Some(described) = described {
            self.channels.note(&ChannelInfo::new(channel, described.kind.into(), described.parent_id));
        }
        let wrong_channel = || Refusal::WrongChannel { served: self.channels.some_served() };
        let member = member.filter(|_| guild == Some(self.guild)).ok_or_else(wrong_channel)?;
        match self.channels.service(ChannelId(channel.get())) {
            ChannelService::Served => Ok(members::person_from_member(member)),
            ChannelService::PrivateThreadOf(channel) => Err(Refusal::PrivateThread { channel }),
            ChannelService::NotServed => Err(wrong_channel()),
        }
    }

    async fn request_signal(
        &self,
        person: Person,
        input: RequestInput,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        let responder: Arc<dyn Responder> = Arc::new(CommandResponder {
            reply: Arc::clone(reply),
            ledger: Arc::clone(&self.ledger),
            render_config: self.render_config.clone(),
        });
        self.engine.request_signal(person, input, responder).await;
        Ok(())
    }
}
