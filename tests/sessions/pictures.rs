//! The pictures in `docs/pictures`: what a person sees, on a phone and on a desktop.
//!
//! `cargo test --test sessions -- --ignored pictures` draws them anew; it needs Chromium.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use discord_sim::Message;
use throwaway_postgres::{Cluster, Victim};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::components::option;
use crate::environment::{LIMIT, TestEnv};
use crate::scene::{scene, sessions};

const SIZES: [(&str, [u32; 2]); 2] = [("phone", [360, 800]), ("desktop", [760, 700])];
/// How long Chromium gets to draw what the page asks for.
const SETTLING: Duration = Duration::from_secs(8);

#[tokio::test]
#[ignore = "it draws the pictures of the documentation, and needs Chromium"]
async fn pictures_of_three_views_and_of_a_session() {
    for view in ["busy", "blocking", "idle-in-transaction"] {
        let env = scene().start().await;
        let _trouble = trouble(&env.cluster).await;
        answered(&env, view).await;
        draw(&env, view).await;
    }
    let env = scene().start().await;
    let trouble = trouble(&env.cluster).await;
    let list = answered(&env, "blocking").await;
    let (menu, value) = option(&list, trouble[0].pid());
    env.person("ana").chooses(&list, &menu, [value.as_str()]).await;
    draw(&env, "details").await;
}

/// The list, once the target has answered, which takes long on a busy machine.
async fn answered(env: &TestEnv, view: &str) -> Message {
    let list = sessions(env, &[("view", view)]).await;
    list.becomes("the list", |list| !list.text().contains("has not answered yet")).await;
    list
}

/// Somebody has gone to lunch with a transaction open, and the shop waits.
async fn trouble(cluster: &Cluster) -> Vec<Victim> {
    cluster
        .sql(
            "create table orders (id int primary key, total numeric); insert into orders select n, n from generate_series(1, 9) n; \
             grant all on orders to public; create role app login; create role report login; create role maria login",
        )
        .await
        .expect("PostgreSQL obeys");
    let mut all = Vec::new();
    let lunch = cluster.victim("maria").application("psql");
    all.push(
        lunch
            .idle_in_transaction("update orders set total = 19.90 where id = 7")
            .await
            .expect("PostgreSQL obeys"),
    );
    for _ in 0..6 {
        let checkout = cluster.victim("app").application("checkout");
        all.push(
            checkout
                .waiting("update orders set total = total + 4.50 where id = 7")
                .await
                .expect("PostgreSQL obeys"),
        );
    }
    let nightly = cluster.victim("report").application("monthly-report");
    all.push(
        nightly
            .running("select count(*), pg_sleep(600) from orders where total > 1000")
            .await
            .expect("PostgreSQL obeys"),
    );
    let forgotten = cluster.victim("report").application("etl-worker");
    all.push(
        forgotten
            .idle_in_transaction("select * from orders where id = 3 for share")
            .await
            .expect("PostgreSQL obeys"),
    );
    for _ in 0..12 {
        all.push(cluster.victim("app").application("checkout").idle().await.expect("PostgreSQL obeys"));
    }
    all
}

async fn draw(env: &TestEnv, name: &str) {
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    for (size, [width, height]) in SIZES {
        let page = format!("{}/?as=ana", env.sim.page_url());
        let frame = frame(&page, [width, height]).await;
        let profile = tempfile::tempdir().expect("a folder");
        let picture = pictures.join(format!("{name}-{size}.png"));
        let drawn = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--window-size={width},{height}"))
            .arg(format!("--screenshot={}", picture.display()))
            .arg(frame)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .status();
        let drawn = timeout(LIMIT, drawn).await.expect("Chromium ends").expect("Chromium runs");
        assert!(drawn.success());
    }
}

/// The address of a page that shows the simulator's, and that counts as loaded only once the messages had time to
/// come.
async fn frame(page: &str, [width, height]: [u32; 2]) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let html = format!(
        "<body style='margin:0;overflow:hidden'><img src='/late' width=0 height=0 style='position:absolute'>\
         <iframe src='{page}' style='border:0;width:{width}px;height:{height}px'></iframe>"
    );
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let html = html.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let length = socket.read(&mut request).await.unwrap_or(0);
                let is_page = request[..length].starts_with(b"GET / ");
                if !is_page {
                    sleep(SETTLING).await;
                }
                let body = if is_page { html.as_str() } else { "" };
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close";
                let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                // Chromium asks again if it must.
                let _ = socket.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}
