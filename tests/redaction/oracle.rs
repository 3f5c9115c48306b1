//! Text that a real server accepts as a literal is never shown. The server's own answers decide what is a literal.

use anyhow::Result;
use killgate::postgres::redaction::redact;
use throwaway_postgres::{Client, Cluster};
use tokio_postgres::SimpleQueryMessage;

use crate::random::Random;

const CANDIDATES: u64 = 20_000;

/// Each secret of a query has its own alphabet, and nothing else in the query has four characters of it in a row. So an
/// answer shows which of the secrets were literals.
const ALPHABETS: &[&str] = &["JKQW", "VZXY", "FGHP", "LMRT", "789"];

const OPENINGS: &[&str] = &[
    "'",
    "'",
    "'",
    "E'",
    "e'",
    "N'",
    "U&'",
    "$$",
    "$a$",
    "$é_1$",
    "\"",
    "",
    "",
    "1",
    ".",
    "0x",
    "1e",
    "-- '\n'",
    "/* ' */ '",
    "date '",
    "'x'\n'",
    "E'\\''\n'",
    "'\\\\'\n'",
    "1 as \"a'\", '",
    "1 as a$b, '",
    "1 as U&\"\\0061\", '",
    "1+--'\n",
];
const HAZARDS: &[&str] = &[
    "''",
    "\\",
    "\\'",
    "\\\\",
    "'",
    "$$",
    "$a$",
    "--",
    "/*",
    "*/",
    "\n",
    "\r",
    " ",
    "\"",
    ",",
    ";",
    "e",
    "_",
    ".",
    "$1",
    "é",
    "'\n'",
    "' -- \"\n'",
    "\\''",
    "||",
    "''''",
];
const CLOSINGS: &[&str] = &["'", "'::text", "\\'", "$$", "$a$", "$é_1$", "\"", "", "\\\\'", "''"];
const BETWEEN: &[&str] = &[",", ", ", "\n,", ",--'\n", ",/*'*/", "; select ", "||"];

#[tokio::test]
async fn no_literal_that_a_server_accepted_is_shown() -> Result<()> {
    let cluster = Cluster::start().await?;
    tokio::try_join!(examine(&cluster, "on"), examine(&cluster, "off"))?;
    Ok(())
}

async fn examine(cluster: &Cluster, conforming: &str) -> Result<()> {
    let client = cluster.superuser().await?;
    client
        .batch_execute(&format!(
            "set standard_conforming_strings = {conforming}; set escape_string_warning = off; set client_min_messages = error"
        ))
        .await?;
    let mut judged = 0;
    for seed in 0..CANDIDATES {
        let query = candidate(seed);
        let Some(answers) = answers(&client, &query).await else {
            continue;
        };
        let shown = redact(&query);
        for alphabet in ALPHABETS.iter().filter(|alphabet| has_run(&answers, alphabet)) {
            judged += 1;
            assert!(
                !has_run(shown.as_str(), alphabet),
                "leaked with standard_conforming_strings {conforming}\nquery: {query:?}\nshown: {shown}"
            );
        }
    }
    assert!(judged > CANDIDATES / 10, "only {judged} literals were accepted: too few to judge by");
    Ok(())
}

/// A query that is often valid, but often not what it looks like.
fn candidate(seed: u64) -> String {
    let mut random = Random::new(seed);
    let mut query = String::from("select ");
    let mut unused = ALPHABETS.iter();
    for item in 0..=random.below(3) {
        if item > 0 {
            query.push_str(random.pick(BETWEEN));
        }
        let opening = random.pick(OPENINGS);
        query.push_str(opening);
        for alphabet in unused.by_ref().take(1 + random.below(2)) {
            for _ in 0..4 + random.below(3) {
                let at = random.below(alphabet.len());
                query.push_str(&alphabet[at..=at]);
            }
            if random.chance(60) {
                query.push_str(random.pick(HAZARDS));
            }
        }
        query.push_str(if random.chance(80) { closing(opening) } else { random.pick(CLOSINGS) });
    }
    query
}

/// A closing delimiter that usually matches `opening`.
fn closing(opening: &str) -> &str {
    match opening.rfind(['\'', '"', '$']) {
        Some(quote) if opening.ends_with('$') => &opening[opening.find('$').unwrap_or(quote)..],
        Some(quote) if opening.ends_with(['\'', '"']) => &opening[quote..],
        _ => "",
    }
}

/// All values of all rows, if the server accepts `query`.
async fn answers(client: &Client, query: &str) -> Option<String> {
    let messages = client.simple_query(query).await.ok()?;
    let mut answers = String::new();
    for message in messages {
        if let SimpleQueryMessage::Row(row) = message {
            for column in 0..row.len() {
                answers.push_str(row.get(column).unwrap_or_default());
                answers.push('\n');
            }
        }
    }
    Some(answers)
}

fn has_run(text: &str, alphabet: &str) -> bool {
    let mut run = 0;
    text.chars().any(|c| {
        run = if alphabet.contains(c) { run + 1 } else { 0 };
        run == 4
    })
}
