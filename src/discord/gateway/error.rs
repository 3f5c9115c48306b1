//! What trying again cannot heal.

/// Why the connection was given up. Each names what to do.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// 401 from REST, or the gateway's close code 4004.
    #[error(
        "Discord refused the bot's token: reset it on the application's page \"Bot\" in the Developer Portal and put the new \
         one where `token_file` or DISCORD_TOKEN points"
    )]
    Token,

    /// Close code 4014: a privileged intent was asked for that the application has not been granted.
    #[error(
        "Discord does not grant this application the privileged intents among those asked for ({intents}): switch them on \
         under \"Privileged Gateway Intents\" on the application's page \"Bot\" in the Developer Portal"
    )]
    DisallowedIntents { intents: String },

    /// Close code 4013: the intents do not exist.
    #[error(
        "Discord knows no such intents ({intents}): this version of killgate and the API at `api_url` do not fit together"
    )]
    InvalidIntents { intents: String },

    /// Close codes 4010 to 4012: sharding, or the API version.
    #[error(
        "Discord's gateway will not serve this bot: {reason} (close code {code}); killgate serves one guild on one shard and API version 10"
    )]
    Refused { code: u16, reason: String },

    /// The gateway is on a host that the token must not be sent to.
    #[error(
        "`api_url` names {api}, but its gateway is at {gateway}: the token is not sent to another host, nor unencrypted over a \
         network; check `api_url`, or make that API name a gateway on its own host"
    )]
    ForeignGateway { api: String, gateway: String },

    /// A fault of killgate's own.
    #[error("the task that keeps the connection to Discord broke: {0}")]
    Broken(String),
}
