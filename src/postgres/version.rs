//! The differences between the supported PostgreSQL versions. Only `connection` and `session_settings` compare versions
//! too: they know the number from the login.
//!
//! | versions | what | what killgate does |
//! |---|---|---|
//! | 13 | `extract(epoch …)` is a `double precision`, later `numeric` | the statements round it to the microsecond, which is exact on all |
//! | 13 | `pg_stat_activity` has no `query_id`, `pg_terminate_backend` no time limit | neither is used |
//! | 13, 14 | "is not a PostgreSQL server process", later "backend process" | the server's own message is shown; decisions depend on SQLSTATE and the boolean |
//! | 13 to 15 | other bytes than ASCII in `application_name` are stored as `?`, later as `\xf0` | both are shown as inert text |
//! | 13 | `pg_locks` has no `waitstart`, and `COPY` reports no progress | [`ServerVersion::has_lock_wait_start`], [`ServerVersion::reports_copy`] |
//! | 14 and later | the role `pg_write_all_data` | [`ServerVersion::has_write_all_data`] |
//! | 16 and later | `reserved_connections`, and a role that may use them | [`ServerVersion::reserves_connections`] |
//! | 18 | a separate role may signal autovacuum workers | only client backends are ever signalled |

use std::fmt;
use std::ops::Range;

/// A server's version, as its `server_version_num`: 150018 for 15.18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerVersion(pub i32);

/// The major versions that the tests run on.
const KNOWN: Range<ServerVersion> = ServerVersion(130_000)..ServerVersion(190_000);
const FOURTEEN: ServerVersion = ServerVersion(140_000);
/// The first version with `reserved_connections` and `pg_use_reserved_connections`.
const RESERVES: ServerVersion = ServerVersion(160_000);

impl ServerVersion {
    /// Whether killgate was tested with its major version.
    pub fn is_known(self) -> bool {
        KNOWN.contains(&self)
    }

    /// Whether it is older than those, so that the statements would fail.
    pub fn is_too_old(self) -> bool {
        self < KNOWN.start
    }

    /// Whether `pg_locks.waitstart` tells since when a lock is waited for.
    pub fn has_lock_wait_start(self) -> bool {
        self >= FOURTEEN
    }

    /// Whether there is the role `pg_write_all_data`.
    pub fn has_write_all_data(self) -> bool {
        self >= FOURTEEN
    }

    /// Whether `pg_stat_progress_copy` exists.
    pub fn reports_copy(self) -> bool {
        self >= FOURTEEN
    }

    /// Whether slots can be reserved for roles other than superusers.
    pub fn reserves_connections(self) -> bool {
        self >= RESERVES
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Since 10 a version has two parts, and the second is the minor release.
        write!(f, "{}.{}", self.0 / 10_000, self.0 % 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_majors_from_13_to_18_are_known() {
        let known: Vec<i32> = (12..=19).filter(|major| ServerVersion(major * 10_000).is_known()).collect();
        assert_eq!(known, [13, 14, 15, 16, 17, 18]);
    }

    #[test]
    fn a_version_is_formatted_as_postgresql_formats_it() {
        assert_eq!(ServerVersion(150_018).to_string(), "15.18");
        assert_eq!(ServerVersion(180_004).to_string(), "18.4");
    }
}
