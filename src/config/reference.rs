//! Every key. The readers look keys up here, so no undocumented key can be read. Tests compare the example and the
//! documentation with it.

use super::{approval, duration};

/// The keys of one table of the file.
#[derive(Debug)]
pub struct ConfigTable {
    /// Its header, `[approval]`. For a nested table, the key that contains it.
    pub name: &'static str,
    pub keys: &'static [ConfigKey],
}

#[derive(Clone, Copy, Debug)]
pub struct ConfigKey {
    pub name: &'static str,
    pub allowed: &'static str,
    /// The default, as TOML. `None` when the key is required or has no default.
    pub default: Option<&'static str>,
    pub meaning: &'static str,
}

/// All tables, in the order of the documentation.
pub const TABLES: &[&ConfigTable] = &[
    &DISCORD,
    &ACCESS,
    &GROUP,
    &APPROVAL,
    &TARGET,
    &APPROVAL_OVERRIDE,
    &PROTECT,
    &PRIVACY,
    &LIMITS,
    &LEDGER,
    &HTTP,
    &OWNER,
];

pub(super) const ROOT: ConfigTable = ConfigTable {
    name: "",
    keys: &[
        key("discord", "a [discord] section", None, ""),
        key("access", "an [access] section", None, ""),
        key("approval", "an [approval] section", None, ""),
        key("target", "one or more [[target]] sections", None, ""),
        key("protect", "a [protect] section", None, ""),
        key("privacy", "a [privacy] section", None, ""),
        key("limits", "a [limits] section", None, ""),
        key("ledger", "a [ledger] section", None, ""),
        key("http", "an [http] section", None, ""),
        key("owner", "[[owner]] sections", None, ""),
    ],
};

pub(super) const DISCORD: ConfigTable = ConfigTable {
    name: "[discord]",
    keys: &[
        key("guild", ID, None, "The one guild it serves. Required."),
        key(
            "channels",
            IDS,
            Some("[]"),
            "The text, announcement and forum channels where commands and approvals count, also in their public threads and \
             posts. At least one channel or category is required.",
        ),
        key(
            "categories",
            IDS,
            Some("[]"),
            "The same for every such channel in these categories, also one that is created later.",
        ),
        key(
            "token_file",
            FILE,
            None,
            "The file that holds the bot's token. Left out, the environment variable `DISCORD_TOKEN` holds it.",
        ),
        key(
            "api_url",
            "an https or http URL of a host and port alone",
            Some("\"https://discord.com\""),
            "Another Discord-compatible API: the simulator, a proxy. Over http the token travels as plain text.",
        ),
    ],
};

pub(super) const ACCESS: ConfigTable = ConfigTable {
    name: "[access]",
    keys: &[
        key(
            "viewers",
            PEOPLE,
            Some("{}"),
            "May use `/sessions` and `/requests`, as requesters and approvers may.",
        ),
        key("requesters", PEOPLE, Some("{}"), "May ask for a cancel or a terminate. Somebody must."),
        key(
            "approvers",
            PEOPLE,
            Some("{}"),
            "May approve or deny what another person asked for. Somebody must.",
        ),
    ],
};

pub(super) const GROUP: ConfigTable = ConfigTable {
    name: "viewers, requesters, approvers",
    keys: &[
        key("roles", IDS, Some("[]"), "Everybody who has one of these roles at the moment of the act."),
        key("users", IDS, Some("[]"), "These people."),
    ],
};

const APPROVALS: ConfigKey = key(
    "approvals",
    "a whole number, at least 1",
    Some("1"),
    "How many distinct people besides the requester must approve.",
);
const EXPIRES_AFTER: ConfigKey =
    key("expires_after", duration::ALLOWED, Some("\"15m\""), "How long a request stays open.");
const REMIND_AFTER: ConfigKey = key(
    "remind_after",
    "a duration shorter than expires_after, such as 90s or 3m",
    None,
    "When a request is still undecided after this time, its approvers are mentioned once more. Left out: never.",
);
const REQUIRE_REASON: ConfigKey =
    key("require_reason", "true, false", Some("false"), "Whether a request without a reason is refused.");

pub(super) const APPROVAL: ConfigTable = ConfigTable {
    name: "[approval]",
    keys: &[
        APPROVALS,
        EXPIRES_AFTER,
        key("approve", approval::EMOJI_ALLOWED, Some("\"✅\""), "The reaction that approves."),
        key(
            "deny",
            approval::EMOJI_ALLOWED,
            Some("\"❌\""),
            "The reaction that denies; the requester's withdraws.",
        ),
        REQUIRE_REASON,
        REMIND_AFTER,
    ],
};

/// The reactions are the same for all targets, so that nobody votes by mistake.
pub(super) const APPROVAL_OVERRIDE: ConfigTable = ConfigTable {
    name: "approval of a [[target]]",
    keys: &[
        inherited(APPROVALS),
        inherited(EXPIRES_AFTER),
        inherited(REQUIRE_REASON),
        inherited(REMIND_AFTER),
    ],
};

pub(super) const TARGET: ConfigTable = ConfigTable {
    name: "[[target]]",
    keys: &[
        key("name", "1 to 100 printable characters, unique", None, "What people call it. Required."),
        key("url", POSTGRES_URL, None, "Where the server is, and the user to log in as. Required."),
        key("password_file", FILE, None, "The file that holds the password; read again at each connect."),
        key("password_env", VARIABLE, None, "The environment variable that holds the password."),
        key(
            "password_command",
            COMMAND,
            None,
            "A program that prints the password; run at each connect, 10 s at most.",
        ),
        key(
            "approval",
            "a table of approvals, expires_after, require_reason, remind_after",
            Some("{}"),
            "Overrides `[approval]`.",
        ),
        key("access", "a table of viewers, requesters, approvers", Some("{}"), "Overrides `[access]`."),
        key("protect", "a table of users, applications, databases", Some("{}"), "Overrides `[protect]`."),
    ],
};

pub(super) const PROTECT: ConfigTable = ConfigTable {
    name: "[protect]",
    keys: &[
        key("users", PATTERNS, Some("[]"), "Sessions of these PostgreSQL users are never signalled."),
        key("applications", PATTERNS, Some("[]"), "Nor are those with such an `application_name`."),
        key("databases", PATTERNS, Some("[]"), "Nor are those in these databases."),
    ],
};

pub(super) const PRIVACY: ConfigTable = ConfigTable {
    name: "[privacy]",
    keys: &[key(
        "query_text",
        "\"redacted\", \"hidden\", \"full\"",
        Some("\"redacted\""),
        "How much of a query's text people see: its literals as `?`, nothing, everything.",
    )],
};

pub(super) const LIMITS: ConfigTable = ConfigTable {
    name: "[limits]",
    keys: &[
        key("open_requests_per_user", COUNT, Some("5"), "Requests that one person may have open."),
        key("open_requests", COUNT, Some("50"), "Requests that may be open in all."),
        key(
            "sessions_per_request",
            "a whole number from 1 to 25",
            Some("25"),
            "Sessions that one request may be about. Each counts in `signals_per_hour`.",
        ),
        key("signals_per_hour", COUNT, Some("100"), "Signals to one target within any hour."),
        key(
            "confirm_within",
            duration::ALLOWED,
            Some("\"5s\""),
            "How long to watch for the end of what was signalled.",
        ),
    ],
};

pub(super) const LEDGER: ConfigTable = ConfigTable {
    name: "[ledger]",
    keys: &[
        key(
            "url",
            "sqlite:FILE, or postgresql://user@host:port/database",
            Some("\"sqlite:killgate.db\""),
            "Where every request is recorded. PostgreSQL allows several replicas, of which one is active.",
        ),
        key("password_file", FILE, None, "The file that holds the password of a PostgreSQL ledger."),
        key("password_env", VARIABLE, None, "The environment variable that holds it."),
        key(
            "password_command",
            COMMAND,
            None,
            "A program that prints it; run at each connect, 10 s at most.",
        ),
    ],
};

pub(super) const HTTP: ConfigTable = ConfigTable {
    name: "[http]",
    keys: &[key(
        "listen",
        "an IP address and a port, such as 127.0.0.1:9464 or [::1]:9464",
        None,
        "Where `/healthz`, `/readyz` and `/metrics` are served. Required in the section; without it, nowhere.",
    )],
};

pub(super) const OWNER: ConfigTable = ConfigTable {
    name: "[[owner]]",
    keys: &[
        key(
            "application",
            PATTERN,
            None,
            "Of sessions with such an `application_name`. This, or `user`, or both.",
        ),
        key("user", PATTERN, None, "Of sessions of such a PostgreSQL user."),
        key("name", "text", None, "Who looks after them, as people call them. This, or `role`, or both."),
        key("role", ID, None, "The Discord role that looks after them. It is shown, and never notified."),
    ],
};

const ID: &str = "an id, as an integer or a string";
const IDS: &str = "an array of ids, each an integer or a string";
const PEOPLE: &str = "{ roles = [ids], users = [ids] }";
const FILE: &str = "the path of a file, from the folder of this one";
const VARIABLE: &str = "the name of an environment variable";
const COMMAND: &str = "an array of strings: a program and its arguments, run without a shell";
const PATTERN: &str = "a regular expression";
const PATTERNS: &str = "an array of regular expressions";
const COUNT: &str = "a whole number, at least 1";
const POSTGRES_URL: &str = "postgresql://user@host:port/database?sslmode=MODE";

const fn key(
    name: &'static str,
    allowed: &'static str,
    default: Option<&'static str>,
    meaning: &'static str,
) -> ConfigKey {
    ConfigKey { name, allowed, default, meaning }
}

/// A key of an override. Without it, the value of the section applies.
const fn inherited(key: ConfigKey) -> ConfigKey {
    ConfigKey { default: None, ..key }
}

/// The section with a key of that name, if there is exactly one.
pub(super) fn table_of(name: &str) -> Option<&'static str> {
    let mut tables = TABLES.iter().filter(|table| table.name.starts_with('[') && table.key(name).is_some());
    tables.next().filter(|_| tables.next().is_none()).map(|table| table.name)
}

/// Whether any table has a key of that name.
pub(super) fn is_key(name: &str) -> bool {
    ROOT.key(name).is_some() || TABLES.iter().any(|table| table.key(name).is_some())
}

impl ConfigTable {
    pub(super) fn key(&self, name: &str) -> Option<&'static ConfigKey> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The first key that continues `written` after an underscore, such as `password_file`, or else the most similar one.
    pub(super) fn nearest(&self, written: &str) -> Option<&'static str> {
        let written = written.to_lowercase();
        let continues =
            |key: &&ConfigKey| key.name.strip_prefix(&*written).is_some_and(|rest| rest.starts_with('_'));
        if let Some(key) = self.keys.iter().find(continues) {
            return Some(key.name);
        }
        let near = |key: &ConfigKey| (strsim::jaro_winkler(&written, key.name), key.name);
        let (likeness, name) = self.keys.iter().map(near).max_by(|a, b| a.0.total_cmp(&b.0))?;
        (likeness > 0.85).then_some(name)
    }
}
