//! Two million queries with planted secrets, half of them cut at any byte. None is shown.

use std::num::NonZero;
use std::thread;

use killgate::postgres::redaction::redact;

use crate::grammar::{DIGITS, LETTERS, Query};

const QUERIES: u64 = 1_000_000;

/// The totals of many queries.
#[derive(Default)]
struct Tally {
    whole: u64,
    understood: u64,
}

#[test]
fn no_secret_in_a_million_queries_is_shown_even_partly() {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| scope.spawn(move || examine((0..QUERIES).skip(worker).step_by(threads))))
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("a leak was found")).collect()
    });
    let whole: u64 = tallies.iter().map(|tally| tally.whole).sum();
    let understood: u64 = tallies.iter().map(|tally| tally.understood).sum();
    assert_eq!(whole, QUERIES);
    assert!(
        understood * 2 > whole,
        "showing little leaks nothing, but helps nobody: {understood} of {whole}"
    );
}

fn examine(seeds: impl Iterator<Item = u64>) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let mut query = Query::generate(seed);
        let cut = query.cut();
        let shown = redact(&query.text);
        assert_nothing_leaks(seed, &query.text, shown.as_str());
        assert_nothing_leaks(seed, &cut, redact(&cut).as_str());
        tally.whole += 1;
        tally.understood += u64::from(!shown.as_str().ends_with('…'));
    }
    tally
}

#[track_caller]
fn assert_nothing_leaks(seed: u64, query: &str, shown: &str) {
    let mut letters = 0;
    let mut digits = 0;
    for c in shown.chars() {
        letters = if LETTERS.contains(c) { letters + 1 } else { 0 };
        digits = if DIGITS.contains(c) { digits + 1 } else { 0 };
        assert!(letters < 4 && digits < 4, "leaked from seed {seed}\nquery: {query:?}\nshown: {shown:?}");
    }
}
