//! What goes wrong with the gateway on request.

use std::time::Duration;

use serde_json::json;

use crate::door::Cut;
use crate::gateway::commands::invalid_session;
use crate::gateway::hub::Upgrades;
use crate::server::Shared;

/// The gateway's faults.
#[derive(Clone, Copy, Debug)]
pub struct Gateway<'a> {
    shared: &'a Shared,
}

impl<'a> Gateway<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Self {
        Self { shared }
    }

    /// Whether the bot has a session on a live connection.
    pub fn has_the_bot(&self) -> bool {
        self.shared.world().hub.is_connected()
    }

    /// Cuts all connections without a word.
    pub fn cuts(&self, how: Cut) {
        self.shared.gateway.cut_all(how);
    }

    /// Closes all connections with a close code.
    pub fn closes(&self, code: u16) {
        self.shared.world().hub.close_all(code);
    }

    /// New connections are refused.
    pub async fn refuses(&self) {
        self.shared.gateway.shut().await;
    }

    /// New connections get 503.
    pub fn is_unavailable(&self) {
        self.meets(Upgrades::Unavailable);
    }

    /// New connections are accepted, and their upgrade is never answered.
    pub fn hangs_upgrades(&self) {
        self.meets(Upgrades::Hang);
    }

    /// New connections are welcome again, and events come at once and once.
    pub async fn recovers(&self) {
        self.shared.act(|world| {
            world.hub.upgrades = Upgrades::Welcome;
            world.hub.delay = Duration::ZERO;
            world.hub.copies = 1;
        });
        self.shared.gateway.reopen().await;
    }

    /// The connections there are stay open but nothing comes any more: no acknowledgement, no event.
    pub fn goes_silent(&self) {
        self.shared.act(|world| world.hub.silence());
    }

    /// Asks the bot to reconnect and resume (op 7).
    pub fn asks_to_reconnect(&self) {
        let payload = json!({ "op": 7, "d": null, "s": null, "t": null });
        self.shared.world().hub.send_to_all(&payload);
    }

    /// Tells the bot that its session is invalid (op 9); without `resumable` it is also forgotten.
    pub fn invalidates_sessions(&self, resumable: bool) {
        self.shared.act(|world| {
            if !resumable {
                world.hub.forget_sessions();
            }
            world.hub.send_to_all(&invalid_session(resumable));
        });
    }

    /// Forgets all sessions without a word: the next resume is refused.
    pub fn loses_sessions(&self) {
        self.shared.act(|world| world.hub.forget_sessions());
    }

    /// Events come this late from now on.
    pub fn delays_events(&self, delay: Duration) {
        self.shared.act(|world| world.hub.delay = delay);
    }

    /// Every event comes this often from now on.
    pub fn repeats_events(&self, times: usize) {
        self.shared.act(|world| world.hub.copies = times);
    }

    fn meets(self, upgrades: Upgrades) {
        self.shared.act(|world| world.hub.upgrades = upgrades);
    }
}
