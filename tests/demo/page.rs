//! The demo's page in a real browser: it guides, is reached by keyboard, and says when the demo has ended.

use fantoccini::key::Key;

use crate::browser::{Browser, Window};
use crate::first_minute::{approval, by};
use crate::running::Running;

#[tokio::test]
async fn it_guides_on_a_phone_and_says_when_the_demo_has_ended() {
    let mut demo = Running::start().await;
    let Some(browser) = Browser::open(Window::Phone, &demo.seen_by(&["ben"])).await else {
        return;
    };
    browser.reads(".bar .title", "killgate demo").await;
    browser.reads(".note", "Step 1 of 5: See the trouble").await;
    browser.shows_above(".note", ".composer").await;
    browser.fits().await;

    browser.clicks(".note .command[title^='Put it']").await;
    browser.holds_text(&by("ana", ".pill input"), "blocking").await;
    browser.reads(".note", "Step 1 of 5").await;
    browser.presses(Key::Enter).await;
    browser.reads(".note", "Step 2 of 5: Ask to end it").await;
    browser.clicks(".note .command[title^='Put it']").await;
    browser.holds_text(&by("ana", ".pill input"), &demo.pid).await;
    browser.holds_text(&by("ana", ".pill input"), "blocks the shop").await;

    demo.ends().await;
    browser.reads("#bot", "killgate demo has ended: run ./dev demo again").await;
    browser.sees(".stage[inert]").await;
    browser.fits().await;
    browser.quits().await;
}

#[tokio::test]
async fn a_slash_or_the_first_link_leads_to_the_message_box() {
    let mut demo = Running::start().await;
    let Some(browser) = Browser::open(Window::Desktop, &demo.seen_by(&["ana", "ben"])).await else {
        return;
    };
    browser.reads("#aside .sessions", "× web-checkout wait").await;
    browser.presses(Key::Tab).await;
    browser.focuses("#skip").await;
    browser.presses(Key::Enter).await;
    browser.focuses(&by("ana", "[name=text]")).await;

    browser.tabs_to(&by("ben", ".message")).await;
    browser.types("/").await;
    browser.focuses(&by("ben", "[name=text]")).await;
    browser.holds_text(&by("ben", "[name=text]"), "/").await;
    browser.sees(&by("ben", ".popup [data-value=terminate]")).await;
    browser.types("/").await;
    browser.holds_text(&by("ben", "[name=text]"), "//").await;

    browser.closes().await;
    demo.ends().await;
}

#[tokio::test]
async fn twenty_stuck_sessions_are_ended_by_one_request_and_one_approval() {
    let mut demo = Running::start().await;
    let Some(browser) = Browser::open(Window::Desktop, &demo.seen_by(&["ana", "ben"])).await else {
        return;
    };
    browser.reads("#aside .sessions", "× web-checkout wait").await;
    for not_started in ["#trouble-pool", "#trouble-import"] {
        browser.reads_nothing_of(not_started, "over").await;
    }
    browser.clicks("[aria-describedby=trouble-pool]").await;
    browser.reads("#aside .sessions", "20 × inventory · stock-sync").await;
    browser.reads("#aside .health", "The shop stands still").await;

    browser.clicks("#trouble-pool .command[title^='Put it']").await;
    browser.holds_text(&by("ana", ".pill input"), "stock-sync").await;
    browser.presses(Key::Enter).await;
    browser.clicks(&by("ana", ".message [data-custom-id='1a']")).await;
    browser.clicks(&by("ana", ".ephemeral .button.danger")).await;
    browser.clicks("dialog[open] [type=submit]").await;
    let card = demo.message("Terminate 20").await;
    browser.clicks(&by("ben", &approval(&card))).await;

    browser.reads(&by("ana", ".message"), "Terminated 20 of 20").await;
    browser.reads("#trouble-pool", "over").await;
    browser.reads("#aside .health", "The shop sells").await;

    browser.records("#aside .now").await;
    browser.clicks("[aria-describedby=trouble-queue]").await;
    browser.reads("#aside .health", "The shop stands still").await;
    for text in browser.recorded().await {
        assert_eq!(text.contains("The shop sells"), !text.starts_with("0 orders"), "{text}");
    }

    browser.closes().await;
    demo.ends().await;
}
