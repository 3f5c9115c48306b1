#!/usr/bin/env bash
# Sessions that block each other: a forgotten transaction holds a lock, two sessions wait for it, and a report runs forever. Each
# is started again after its end.
set -euo pipefail

repeat() {
    while true; do
        "$@" || true
        sleep 10
    done
}

forgotten() {
    # In psql, \! runs a shell command, which leaves the transaction open and idle.
    PGAPPNAME=migration psql --quiet <<'SQL'
BEGIN;
UPDATE products SET stock = stock - 1 WHERE id = 7;
\! sleep 600
SQL
}

waiting() {
    PGAPPNAME=checkout psql --quiet --command "UPDATE products SET stock = stock - $1 WHERE id = 7"
}

reporting() {
    PGAPPNAME=report psql --quiet --command "SELECT count(*) FROM products a, products b, products c, products d"
}

repeat forgotten &
sleep 2
repeat waiting 2 &
repeat waiting 3 &
repeat reporting &
wait
