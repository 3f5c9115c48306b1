//! Which changes of the configuration a running killgate cannot apply.

use secrecy::ExposeSecret;

use super::Settings;

impl Settings {
    /// The keys that differ in `new` and take effect only after a restart. A reload that changes any of them is refused.
    pub fn changes_that_need_a_restart(&self, new: &Self) -> Vec<&'static str> {
        let (discord, new_discord) = (&self.discord, &new.discord);
        let token = |settings: &Self| settings.discord.token.expose_secret().to_owned();
        let is_changed = [
            ("[discord] guild", discord.guild != new_discord.guild),
            ("[discord] token_file", token(self) != token(new)),
            ("[discord] api_url", discord.api_url != new_discord.api_url),
            ("[approval] approve and deny", discord.vote_emoji != new_discord.vote_emoji),
            ("[ledger]", self.ledger != new.ledger),
            ("[http]", self.http != new.http),
        ];
        is_changed.into_iter().filter_map(|(key, is_changed)| is_changed.then_some(key)).collect()
    }
}
