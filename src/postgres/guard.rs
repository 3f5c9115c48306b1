//! The SQL that puts the privilege to signal behind a function in the database. Somebody who steals the password of
//! killgate's role cannot bypass the function's checks.

/// For the default role. It is committed as `config/guard.sql`.
const SCRIPT: &str = include_str!("../../config/guard.sql");

/// The types of the guard's arguments, as PostgreSQL writes them (`oidvectortypes`).
pub(super) const ARGUMENTS: &str = "text, integer, timestamp with time zone, timestamp with time zone, timestamp with \
                                    time zone, bigint, text, text[]";

/// The only place in the script that names the role.
const ROLE: &str = "SET LOCAL killgate.role = 'killgate';";

/// Installs the guard for the login role `role`, which is created when it is missing. It runs unchanged
/// through `psql -v ON_ERROR_STOP=1 -f -` as a superuser, or as a role that may create it and grant its privileges, once or
/// again, on PostgreSQL 13 to 18.
pub fn guard_sql(role: &str) -> String {
    // The name is a string literal here; the script has the server quote it wherever it is an identifier. The script
    // turns `standard_conforming_strings` on first, so that a backslash is an ordinary character.
    let literal = role.replace('\'', "''");
    SCRIPT.replacen(ROLE, &format!("SET LOCAL killgate.role = '{literal}';"), 1)
}

/// The body of the guard function, as the server stores it (`prosrc`).
pub(super) fn body() -> &'static str {
    SCRIPT.split("$function$").nth(1).expect("a test checks that the script quotes the function like this")
}

/// The query that returns what is wrong with the guard, in words. The script runs it for the role that it installs the
/// guard for; this is for the present one.
pub(super) fn verification() -> String {
    let (_, after) =
        SCRIPT.split_once("-- verification\n").expect("a test checks that the script marks the query");
    let (query, _) =
        after.split_once("-- end of verification").expect("a test checks that the script marks the query");
    query.replace("current_setting('killgate.role')::name", "current_user")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_script_is_the_one_for_the_default_role() {
        assert_eq!(SCRIPT.matches(ROLE).count(), 1);
        assert_eq!(guard_sql("killgate"), SCRIPT);
    }

    #[test]
    fn the_body_of_the_function_is_between_its_quotes() {
        assert_eq!(SCRIPT.matches("$function$").count(), 2);
        assert!(body().starts_with("\nDECLARE") && body().ends_with("END\n"));
    }

    #[test]
    fn the_verification_is_one_query_for_the_present_role() {
        let query = verification();
        assert!(query.starts_with("WITH guard_function AS (") && !query.contains("killgate.role"));
    }

    #[test]
    fn a_role_cannot_break_out_of_its_quotes() {
        let script = guard_sql("a'; DROP TABLE x; --");
        assert!(script.contains("SET LOCAL killgate.role = 'a''; DROP TABLE x; --';"));
    }
}
