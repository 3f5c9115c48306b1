//! The first minute in a real browser, with two people side by side.

use fantoccini::key::Key;

use crate::animation::Animation;
use crate::browser::{Browser, Window};
use crate::running::Running;

#[tokio::test]
async fn two_people_solve_the_problem_by_keyboard() {
    let mut demo = Running::start().await;
    let Some(browser) = Browser::open(Window::Desktop, &demo.seen_by(&["ana", "ben"])).await else {
        return;
    };
    let mut animation = Animation::new();
    browser.reads("#aside .health", "The shop stands still").await;
    animation.shoots(&browser, 2_000).await;

    browser.tabs_to(&by("ana", "[name=text]")).await;
    browser.types("/sessions view:blocking").await;
    browser.presses(Key::Enter).await;
    done(&browser, 1).await;
    animation.shoots(&browser, 2_500).await;

    browser.types("/ter").await;
    browser.sees(&by("ana", ".popup [data-value=terminate]")).await;
    browser.presses(Key::Enter).await;
    let suggestion = by("ana", &format!(".popup [data-value='{}']", demo.pid));
    browser.types_for_suggestion(&demo.pid, &suggestion).await;
    browser.types(" reason:blocks the shop").await;
    animation.shoots(&browser, 2_000).await;
    browser.presses(Key::Enter).await;
    done(&browser, 2).await;
    animation.shoots(&browser, 2_500).await;

    let card = demo.message("Terminate").await;
    browser.tabs_to(&by("ana", &approval(&card))).await;
    browser.presses(Key::Enter).await;
    browser.reads(&by("ana", ".message"), "does not count").await;
    done(&browser, 3).await;
    animation.shoots(&browser, 3_000).await;

    browser.tabs_to(&by("ben", &approval(&card))).await;
    browser.presses(Key::Enter).await;
    browser.reads(&by("ana", ".message"), "Terminated").await;
    animation.shoots(&browser, 1_000).await;
    done(&browser, 4).await;
    done(&browser, 5).await;
    browser.reads("#aside .health", "The shop sells").await;
    for milliseconds in [700, 700, 700, 4_000] {
        animation.shoots(&browser, milliseconds).await;
    }
    animation.save("first-minute");
    browser.picture("recovered").await;

    browser.closes().await;
    demo.ends().await;
}

#[tokio::test]
async fn two_people_solve_the_problem_by_mouse_and_start_it_again() {
    let mut demo = Running::start().await;
    let Some(browser) = Browser::open(Window::Desktop, &demo.seen_by(&["ana", "ben"])).await else {
        return;
    };
    browser.clicks(&by("ana", "[name=text]")).await;
    browser.types("/").await;
    for chosen in ["sessions", "view", "blocking"] {
        browser.clicks(&by("ana", &format!(".popup [data-value={chosen}]"))).await;
    }
    browser.clicks(&by("ana", ".send")).await;
    done(&browser, 1).await;

    browser.clicks(&by("ana", ".message [role=combobox]")).await;
    browser.clicks(&format!("[role=option][data-value*=':{}:']", demo.pid)).await;
    // Several can be selected; the selection is final when the list closes.
    browser.clicks(&by("ana", ".message [role=combobox]")).await;
    browser.clicks(&by("ana", ".ephemeral .button.danger")).await;
    browser.clicks("dialog[open] textarea").await;
    browser.types("blocks the shop").await;
    browser.clicks("dialog[open] [type=submit]").await;
    done(&browser, 2).await;

    let card = demo.message("Terminate").await;
    browser.clicks(&by("ana", &approval(&card))).await;
    done(&browser, 3).await;
    // The note moves the card.
    browser.reads(&by("ben", ".message"), "does not count").await;
    browser.clicks(&by("ben", &approval(&card))).await;
    done(&browser, 5).await;
    browser.reads("#aside .health", "The shop sells").await;

    browser.clicks("[aria-describedby=trouble-queue]").await;
    browser.reads("#aside .health", "The shop stands still").await;
    browser.sees("#aside .steps li:nth-child(1).open").await;
    browser.clicks("[aria-describedby=trouble-import]").await;
    browser.reads("#aside .sessions", "price-import").await;

    browser.closes().await;
    demo.ends().await;
}

#[tokio::test]
async fn the_hints_adapt_when_people_do_something_else() {
    let mut demo = Running::start().await;
    let Some(browser) = Browser::open(Window::Desktop, &demo.seen_by(&["ana", "ben"])).await else {
        return;
    };
    let hint = "#aside [aria-current] .hint";
    let ask = format!("/terminate pid:{}", demo.pid);
    demo.acts("ben", "types", "/sessions view:blocking").await;
    done(&browser, 1).await;

    demo.acts("ben", "types", &ask).await;
    browser.reads(hint, "As ben, click ✅ below the card").await;
    let card = demo.message("Terminate").await;
    demo.reacts("ben", &card).await;
    browser.reads(hint, "As dora, click ✅ below the card").await;

    demo.puts("ben", "❌", &card).await;
    browser.reads(hint, &format!("As ana, send {ask}")).await;
    demo.acts("ana", "types", &ask).await;
    browser.reads(hint, "As ben, click ✅ below the card").await;
    done(&browser, 2).await;

    browser.closes().await;
    demo.ends().await;
}

#[tokio::test]
async fn two_people_in_turn_solve_the_problem_on_a_phone() {
    let mut demo = Running::start().await;
    let Some(browser) = Browser::open(Window::Phone, &demo.seen_by(&["ana"])).await else {
        return;
    };
    browser.fits().await;
    let command = ".note .command[title^='Put it']";
    browser.clicks(command).await;
    browser.clicks(&by("ana", ".send")).await;
    browser.reads(".note", "Step 2").await;
    browser.clicks(command).await;
    browser.clicks(&by("ana", ".send")).await;
    let card = demo.message("Terminate").await;
    browser.sees(&by("ana", &approval(&card))).await;
    browser.picture("channel-phone").await;
    browser.clicks(&by("ana", &approval(&card))).await;
    browser.reads(".note", "Step 4").await;
    browser.reads(&by("ana", ".message"), "does not count").await;

    browser.clicks(".note .command[title='Act as ben']").await;
    browser.clicks(&by("ben", &approval(&card))).await;
    browser.reads(&by("ben", ".message"), "Terminated").await;
    browser.fits().await;

    browser.clicks("#views button:nth-of-type(2)").await;
    browser.reads("#aside .health", "The shop sells").await;
    done(&browser, 5).await;
    browser.fits().await;

    browser.closes().await;
    demo.ends().await;
}

#[tokio::test]
async fn errors_are_shown_to_the_person_who_caused_them() {
    let mut demo = Running::start().await;
    let Some(browser) = Browser::open(Window::Desktop, &demo.seen_by(&["ana", "ivy"])).await else {
        return;
    };
    let message = by("ana", ".told");
    for (line, error) in [
        ("/nothing", "There is no command /nothing here"),
        ("/terminate pid:zzz", "Input a valid integer."),
        ("/terminate ", "This option is required. Specify a value."),
    ] {
        browser.clicks(&by("ana", "[name=text]")).await;
        browser.types(line).await;
        // With the button, because Enter would select the bot's suggestion for the option.
        browser.clicks(&by("ana", ".send")).await;
        browser.reads(&message, error).await;
        browser.leaves_the_command(&by("ana", "[name=text]")).await;
    }

    browser.clicks(&by("ivy", "[name=text]")).await;
    browser.types(&format!("/terminate pid:{}", demo.pid)).await;
    browser.presses(Key::Enter).await;
    let refusal = "You may not ask for a terminate here.";
    browser.reads(&by("ivy", ".ephemeral"), refusal).await;
    browser.reads(&by("ivy", ".ephemeral"), "Only you can see this").await;
    browser.reads_nothing_of(&by("ana", ".message"), refusal).await;

    browser.closes().await;
    demo.ends().await;
}

/// A selector within one person's column.
pub fn by(person: &str, css: &str) -> String {
    format!("section[data-person={person}] {css}")
}

/// The selector of the approve reaction below a card.
pub fn approval(card: &serde_json::Value) -> String {
    let id = card["id"].as_str().expect("an id");
    format!("[data-message='{id}'] .reaction[data-emoji='✅']")
}

/// Waits until the step is done.
async fn done(browser: &Browser, step: u32) {
    browser.sees(&format!("#aside .steps li:nth-child({step}).done")).await;
}
