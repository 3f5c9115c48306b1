//! Starts a temporary server, prints its URL and folder, and removes it when standard input ends.

use std::io::Read;

use throwaway_postgres::Cluster;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    println!("{}", cluster.url("postgres", "postgres"));
    println!("{}", cluster.folder().display());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
