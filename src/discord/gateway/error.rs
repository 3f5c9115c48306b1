//! Errors after which reconnecting is pointless.

/// Why the client gave up. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// 401 from REST, or the gateway's close code 4004.
    #[error(
        "Discord refused the bot's token: reset it on the application's page \"Bot\" in the Developer Portal and put the new \
         one into `token_file` or DISCORD_TOKEN"
    )]
    Token,

    /// Close code 4014: the application has not been granted a privileged intent.
    #[error(
        "Discord does not grant this application the privileged intents that it requests ({intents}): enable them under \"Privileged Gateway Intents\" on the application's page \"Bot\" in the Developer Portal"
    )]
    DisallowedIntents { intents: String },

    /// Close code 4013: the intents do not exist.
    #[error(
        "Discord does not know these intents ({intents}): this version of killgate and the API at `api_url` are incompatible"
    )]
    InvalidIntents { intents: String },

    /// Close codes 4010 to 4012: sharding, or the API version.
    #[error(
        "Discord's gateway refuses this bot: {reason} (close code {code}); killgate uses one shard and API version 10"
    )]
    Refused { code: u16, reason: String },

    /// The gateway is on a host to which the token must not be sent.
    #[error(
        "`api_url` is {api}, but its gateway is at {gateway}: the token is not sent to another host, nor unencrypted over a \
         network; check `api_url`, or make that API return a gateway on its own host"
    )]
    ForeignGateway { api: String, gateway: String },

    /// A bug in killgate.
    #[error("the task that keeps the connection to Discord failed: {0}")]
    Broken(String),
}
