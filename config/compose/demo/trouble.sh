#!/usr/bin/env bash
# A shop in trouble: one session holds a lock and is forgotten, two wait for it, one reports for ever. Whichever is
# ended comes back, the forgotten one within ten minutes.
set -euo pipefail

again() {
    while true; do
        "$@" || true
        sleep 10
    done
}

forgotten() {
    # In psql, \! leaves the transaction open and idle meanwhile.
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

again forgotten &
sleep 2
again waiting 2 &
again waiting 3 &
again reporting &
wait
