//! The pictures in `docs/pictures`: what a person sees, on a phone and on a desktop.
//!
//! `cargo test --test sessions -- --ignored pictures` draws them anew; it needs Chromium.

use std::path::Path;
use std::process::Stdio;

use throwaway_postgres::{Cluster, Victim};
use tokio::process::Command;

use crate::scene::{Scene, option};

const SIZES: [(&str, &str); 2] = [("phone", "360,800"), ("desktop", "1100,760")];

#[tokio::test]
#[ignore = "it draws the pictures of the documentation, and needs Chromium"]
async fn pictures_of_three_views_and_of_a_session() {
    let cluster = Cluster::start().await.unwrap();
    let trouble = trouble(&cluster).await;
    for (name, view) in [
        ("busy", "busy"),
        ("blocking", "blocking"),
        ("idle-in-transaction", "idle-in-transaction"),
    ] {
        let scene = Scene::of(&cluster).await;
        scene.sessions(&[("view", view)]).await;
        draw(&scene, name).await;
    }
    let scene = Scene::of(&cluster).await;
    let list = scene.sessions(&[("view", "blocking")]).await;
    let (menu, value) = option(&list, trouble[0].pid());
    scene.person("ana").chooses(&list, &menu, [value.as_str()]).await;
    draw(&scene, "details").await;
}

/// Somebody has gone to lunch with a transaction open, and the shop waits.
async fn trouble(cluster: &Cluster) -> Vec<Victim> {
    cluster
        .sql(
            "create table orders (id int primary key, total numeric); insert into orders select n, n from generate_series(1, 9) n; \
             grant all on orders to public; create role app login; create role report login; create role maria login",
        )
        .await
        .unwrap();
    let mut all = Vec::new();
    let lunch = cluster.victim("maria").application("psql");
    all.push(
        lunch
            .idle_in_transaction("update orders set total = 19.90 where id = 7")
            .await
            .unwrap(),
    );
    for _ in 0..6 {
        let checkout = cluster.victim("app").application("checkout");
        all.push(
            checkout
                .waiting("update orders set total = total + 4.50 where id = 7")
                .await
                .unwrap(),
        );
    }
    let nightly = cluster.victim("report").application("monthly-report");
    all.push(
        nightly
            .running("select count(*), pg_sleep(600) from orders where total > 1000")
            .await
            .unwrap(),
    );
    let forgotten = cluster.victim("report").application("etl-worker");
    all.push(
        forgotten
            .idle_in_transaction("select * from orders where id = 3 for share")
            .await
            .unwrap(),
    );
    for _ in 0..12 {
        all.push(
            cluster
                .victim("app")
                .application("checkout")
                .idle()
                .await
                .unwrap(),
        );
    }
    all
}

async fn draw(scene: &Scene, name: &str) {
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    for (size, window) in SIZES {
        let profile = tempfile::tempdir().expect("a folder");
        let picture = pictures.join(format!("{name}-{size}.png"));
        let drawn = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--hide-scrollbars",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--window-size={window}"))
            .arg("--virtual-time-budget=8000")
            .arg(format!("--screenshot={}", picture.display()))
            .arg(scene.sim.page_url())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await
            .expect("Chromium runs");
        assert!(drawn.success());
    }
}
