//! The ledger, seen from outside: what it acknowledges stays, and what was changed is found.

mod ledger {
    mod arbitrary;
    mod audit;
    mod chain;
    mod codec;
    mod database;
    mod durability;
    mod given;
    mod postgres;
    mod replicas;
    #[path = "../fixture/session.rs"]
    mod session_fixture;
    mod sqlite;
    mod suite;
    mod tampering;
}
