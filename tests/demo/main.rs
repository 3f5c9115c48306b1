//! The demo as somebody meets it: a process that one starts, plays with, and ends. It leaves nothing behind.

mod browser;
mod minute;
mod running;

use running::Running;

#[tokio::test]
async fn the_first_minute_goes_as_the_demo_says() {
    let mut demo = Running::start().await;
    demo.prints("The shop stands still").await;

    demo.acts("ana", "types", &format!("/terminate pid:{}", demo.pid))
        .await;
    let card = demo.message("Terminate").await;
    demo.reacts("ana", &card).await;
    demo.message("does not count").await;
    demo.reacts("ben", &card).await;

    demo.message("Terminated").await;
    demo.prints("The shop sells again").await;
    demo.ends().await;
}

#[tokio::test]
async fn enter_makes_the_trouble_anew() {
    let mut demo = Running::start().await;
    demo.enter().await;
    let story = demo.prints("changed prices and never committed").await;
    assert!(!story.contains(&demo.pid), "another session: {story}");
    demo.signal("TERM").await;
    assert!(demo.ended().await.success());
    demo.leaves_nothing().await;
}

#[tokio::test]
async fn a_terminal_that_is_closed_ends_it_in_order() {
    let mut demo = Running::start().await;
    demo.signal("HUP").await;
    assert!(demo.ended().await.success());
    demo.leaves_nothing().await;
}

#[tokio::test]
async fn even_killed_it_leaves_nothing_behind() {
    let mut demo = Running::start().await;
    demo.signal("KILL").await;
    assert!(!demo.ended().await.success());
    demo.leaves_nothing().await;
}

#[tokio::test]
async fn a_bot_that_dies_is_told_with_the_end_of_its_log() {
    let mut demo = Running::start().await;
    demo.kill_bot().await;
    assert_eq!(demo.ended().await.code(), Some(1));
    let told = demo.complaint().await;
    assert!(told.contains("killgate ended by itself (signal: 9"), "{told}");
    assert!(told.contains("slash commands registered"), "{told}");
    demo.leaves_nothing().await;
}

#[tokio::test]
async fn an_end_during_the_start_leaves_nothing_either() {
    let mut demo = Running::spawn();
    demo.is_starting().await;
    demo.ends().await;
}

#[tokio::test]
async fn a_binary_that_is_not_there_is_told() {
    let mut demo = Running::with(&["--killgate", "/nowhere/killgate"]);
    assert_eq!(demo.ended().await.code(), Some(1));
    let told = demo.complaint().await;
    assert!(told.contains("/nowhere/killgate does not run"), "{told}");
    demo.leaves_nothing().await;
}
