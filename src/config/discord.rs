//! `[discord]`: the guild, the channels and the token.

use std::collections::BTreeSet;

use url::{Host, Url};

use super::environment::Environment;
use super::fault::{FileSpan, Reported};
use super::ids::id;
use super::paths::BasePath;
use super::secret;
use super::section::ConfigSection;
use super::value::ConfigValue;
use crate::discord::bot::DiscordOptions;
use crate::discord::https_proxy::HttpsProxy;
use crate::discord::messages::RenderConfig;
use crate::discord::served_channels::ChannelScope;
use crate::discord::vote_emoji::VoteEmoji;
use crate::domain::ids::ChannelId;

const DISCORD: &str = "https://discord.com";
/// Discord's gateway is on a host of its own.
const GATEWAY: &str = "wss://gateway.discord.gg";

pub(super) fn read(
    section: &ConfigSection<'_>,
    paths: &BasePath,
    env: Environment<'_>,
    vote_emoji: Result<VoteEmoji, Reported>,
) -> Result<DiscordOptions, Reported> {
    let guild = section.required("guild", id);
    let scope = scope(section);
    let token = secret::token(section, paths, env);
    let api_url = section.optional("api_url", api_url);
    let proxy = https_proxy(section, env, api_url.as_ref().ok().and_then(Option::as_deref));
    let (guild, vote_emoji) = (guild?, vote_emoji?);
    Ok(DiscordOptions {
        api_url: api_url?.unwrap_or_else(|| DISCORD.to_owned()),
        proxy: proxy?,
        token: token?,
        guild,
        scope: scope?,
        render_config: RenderConfig {
            guild,
            approve: vote_emoji.approve.to_string(),
            deny: vote_emoji.deny.to_string(),
        },
        vote_emoji,
    })
}

/// From the environment, where other programs look for it too. The lower-case name takes precedence, as in curl. An invalid
/// value is refused only if a connection would go through the proxy.
fn https_proxy(
    section: &ConfigSection<'_>,
    env: Environment<'_>,
    api_url: Option<&str>,
) -> Result<Option<HttpsProxy>, Reported> {
    let read = |lower, upper| {
        [lower, upper].into_iter().filter_map(|name| env.get(name)).find(|value| !value.is_empty())
    };
    let Some(proxy) = read("https_proxy", "HTTPS_PROXY") else { return Ok(None) };
    let no_proxy = read("no_proxy", "NO_PROXY").unwrap_or_default();
    let urls = [api_url.unwrap_or(DISCORD), GATEWAY].map(Url::parse);
    let is_plain = api_url.is_some_and(|url| url.starts_with("http:"));
    let is_exempt = HttpsProxy::parse("usable", &no_proxy)
        .is_ok_and(|usable| !urls.iter().flatten().any(|url| usable.applies_to(url)));
    HttpsProxy::parse(&proxy, &no_proxy).map(Some).or_else(|message| {
        if is_plain || is_exempt {
            return Ok(None);
        }
        let span = FileSpan { offset: None, key: "HTTPS_PROXY in the environment".to_owned() };
        Err(section.faults.report(&span, message, "the http:// URL of a proxy"))
    })
}

/// At least one channel or category.
fn scope(section: &ConfigSection<'_>) -> Result<ChannelScope, Reported> {
    let channels = section.optional("channels", distinct_channels);
    let categories = section.optional("categories", distinct_channels);
    let (channels, categories) = (channels?.unwrap_or_default(), categories?.unwrap_or_default());
    if channels.is_empty() && categories.is_empty() {
        let message = "no channel and no category, so no command could be used";
        let allowed = "an id here, or in categories";
        return Err(section.faults.report(&section.place("channels"), message, allowed));
    }
    Ok(ChannelScope { channels, categories })
}

fn distinct_channels(value: &ConfigValue<'_>) -> Result<BTreeSet<ChannelId>, Reported> {
    let list = value.list(id)?;
    let mut seen = BTreeSet::new();
    match list.iter().find(|&&id| !seen.insert(ChannelId(id))) {
        Some(twice) => Err(value.refuse(format!("{twice} is listed twice"))),
        None => Ok(seen),
    }
}

fn api_url(value: &ConfigValue<'_>) -> Result<String, Reported> {
    value.parsed(|text| {
        let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it contains credentials, which Discord's API does not use".to_owned());
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("it has more than a host and a port".to_owned());
        }
        match url.scheme() {
            "http" if is_discord(&url) => {
                return Err("http would send the token to Discord in plain text".to_owned());
            }
            // For a simulator or a proxy on a private network. `killgate check` and the log warn about it.
            "https" | "http" => {}
            _ => return Err("neither https nor http".to_owned()),
        }
        Ok(url.as_str().trim_end_matches('/').to_owned())
    })
}

fn is_discord(url: &Url) -> bool {
    let Some(Host::Domain(name)) = url.host() else { return false };
    // With a dot at its end it is the same host.
    let name = name.trim_end_matches('.');
    let is_within = |domain| {
        name == domain || name.strip_suffix(domain).is_some_and(|subdomain| subdomain.ends_with('.'))
    };
    ["discord.com", "discordapp.com"].into_iter().any(is_within)
}
