//! Faults of the gateway, on request.

use std::time::Duration;

use serde_json::json;

use crate::gateway::opcodes::invalid_session;
use crate::gateway::sessions::UpgradeMode;
use crate::listener::Cut;
use crate::state::SimState;

/// Injects faults into the gateway.
#[derive(Clone, Copy, Debug)]
pub struct GatewayControl<'a> {
    shared: &'a SimState,
}

impl<'a> GatewayControl<'a> {
    pub(crate) fn new(shared: &'a SimState) -> Self {
        Self { shared }
    }

    /// The number of connected sessions. Several processes can have one each.
    pub fn connections(&self) -> usize {
        self.shared.world().gateway.connections()
    }

    /// The `User-Agent` of each attempt to connect, where it had one.
    pub fn user_agents(&self) -> Vec<Option<String>> {
        self.shared.world().gateway.user_agents.clone()
    }

    /// Whether the bot has a session on an open connection.
    pub fn has_the_bot(&self) -> bool {
        self.shared.world().gateway.is_connected()
    }

    /// Cuts all connections without a close frame.
    pub fn cuts(&self, how: Cut) {
        self.shared.gateway.cut_all(how);
    }

    /// Closes all connections with a close code.
    pub fn closes(&self, code: u16) {
        self.shared.world().gateway.close_all(code);
    }

    /// Refuses new connections.
    pub async fn refuses(&self) {
        self.shared.gateway.close().await;
    }

    /// Answers new connections with 503.
    pub fn is_unavailable(&self) {
        self.set_upgrade_mode(UpgradeMode::Unavailable);
    }

    /// Accepts new connections but never answers the upgrade.
    pub fn hangs_upgrades(&self) {
        self.set_upgrade_mode(UpgradeMode::Hang);
    }

    /// Accepts new connections again, and sends events immediately and once.
    pub async fn recovers(&self) {
        self.shared.update(|world| {
            world.gateway.upgrades = UpgradeMode::Accept;
            world.gateway.delay = Duration::ZERO;
            world.gateway.copies = 1;
        });
        self.shared.gateway.reopen().await;
    }

    /// Keeps connections open but sends nothing more: no acknowledgement, no event.
    pub fn goes_silent(&self) {
        self.shared.update(|world| world.gateway.silence());
    }

    /// Asks the bot to reconnect and resume (op 7).
    pub fn asks_to_reconnect(&self) {
        let payload = json!({ "op": 7, "d": null, "s": null, "t": null });
        self.shared.world().gateway.send_to_all(&payload);
    }

    /// Tells the bot that its session is invalid (op 9). Without `resumable`, the session is also forgotten.
    pub fn invalidates_sessions(&self, resumable: bool) {
        self.shared.update(|world| {
            if !resumable {
                world.gateway.forget_sessions();
            }
            world.gateway.send_to_all(&invalid_session(resumable));
        });
    }

    /// Forgets all sessions silently: the next resume is refused.
    pub fn loses_sessions(&self) {
        self.shared.update(|world| world.gateway.forget_sessions());
    }

    /// Delays events from now on.
    pub fn delays_events(&self, delay: Duration) {
        self.shared.update(|world| world.gateway.delay = delay);
    }

    /// Sends every event this many times from now on.
    pub fn repeats_events(&self, times: usize) {
        self.shared.update(|world| world.gateway.copies = times);
    }

    fn set_upgrade_mode(self, upgrades: UpgradeMode) {
        self.shared.update(|world| world.gateway.upgrades = upgrades);
    }
}
