//! The demo as a process: it starts, works, stops, and leaves nothing behind.

mod animation;
mod browser;
mod first_minute;
mod page;
mod running;

use std::net::TcpListener;

use running::Running;

#[tokio::test]
async fn the_first_minute_works_as_described() {
    let mut demo = Running::start().await;
    demo.prints("The shop stands still").await;

    demo.acts("ana", "types", &format!("/terminate pid:{}", demo.pid)).await;
    let card = demo.message("Terminate").await;
    demo.reacts("ana", &card).await;
    demo.message("does not count").await;
    demo.reacts("ben", &card).await;

    demo.message("Terminated").await;
    demo.prints("The shop sells again").await;
    demo.ends().await;
}

#[tokio::test]
async fn enter_starts_the_trouble_again() {
    let mut demo = Running::start().await;
    demo.enter().await;
    let situation = demo.prints("changed prices and never committed").await;
    assert!(!situation.contains(&demo.pid), "a new session: {situation}");
    demo.signal("TERM").await;
    assert!(demo.ended().await.success());
    demo.leaves_nothing().await;
}

#[tokio::test]
async fn ctrl_c_in_a_terminal_ends_it() {
    let mut demo = Running::start_in_terminal().await;
    let _keyboard = demo.types("\x03").await;
    assert!(demo.ended().await.success());
    demo.leaves_nothing().await;
}

#[tokio::test]
async fn closing_the_terminal_stops_it_cleanly() {
    let mut demo = Running::start().await;
    demo.signal("HUP").await;
    assert!(demo.ended().await.success());
    demo.leaves_nothing().await;
}

#[tokio::test]
async fn a_kill_leaves_nothing_behind() {
    let mut demo = Running::start().await;
    demo.signal("KILL").await;
    assert!(!demo.ended().await.success());
    demo.leaves_nothing().await;
}

#[tokio::test]
async fn a_killed_bot_is_reported_with_the_end_of_its_log() {
    let mut demo = Running::start().await;
    demo.bot_logs("slash commands registered").await;
    demo.kill_bot().await;
    assert_eq!(demo.ended().await.code(), Some(1));
    let stderr = demo.stderr().await;
    assert!(stderr.contains("killgate exited by itself (signal: 9"), "{stderr}");
    assert!(stderr.contains("slash commands registered"), "{stderr}");
    demo.leaves_nothing().await;
}

#[tokio::test]
async fn a_stop_during_the_start_leaves_nothing_behind() {
    let mut demo = Running::spawn();
    demo.is_starting().await;
    demo.ends().await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let mut demo = Running::at_port(port, &[]);
    assert_eq!(demo.ended().await.code(), Some(1));
    let stderr = demo.stderr().await;
    assert!(stderr.contains(&format!("port {port} is in use: choose another with --port")), "{stderr}");
    demo.leaves_nothing().await;
}

#[tokio::test]
async fn a_missing_binary_is_reported() {
    let mut demo = Running::with(&["--killgate", "/nowhere/killgate"]);
    assert_eq!(demo.ended().await.code(), Some(1));
    let stderr = demo.stderr().await;
    assert!(stderr.contains("/nowhere/killgate cannot be run"), "{stderr}");
    demo.leaves_nothing().await;
}
