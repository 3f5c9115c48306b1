//! The ledger, seen from outside: what it acknowledges stays, and what was changed is found.

mod ledger {
    mod arbitrary;
    mod audit;
    mod chain;
    mod codec;
    mod database;
    mod durability;
    mod given;
    #[path = "../fixture/hostile_settings.rs"]
    mod hostile_settings;
    #[path = "../fixture/mounts.rs"]
    mod mounts;
    mod postgres;
    mod replicas;
    mod sqlite;
    mod suite;
    mod tampering;
}
