//! The dashboard of a made-up cluster, for whoever works on the page:
//! `cargo run --example dashboard`, then http://127.0.0.1:8053/.

#[path = "../tests/it/http/sample.rs"]
#[allow(dead_code)]
mod sample;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tiovivo::counters::Counters;
use tiovivo::http::{Dashboard, auth::Writers, server::Limits};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::interval;

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8053".into());
    let listener = TcpListener::bind(&address).await?;
    let (publisher, status) = watch::channel(Arc::new(sample::status()));
    let counters = Arc::new(Counters::new(2));
    // Without a token nobody may give orders.
    let (commands, writers) = (mpsc::channel(1).0, Writers::default());
    let reports = mpsc::channel(1).0;
    let (limits, hooks) = (Limits::default(), Default::default());
    let dashboard = Dashboard { status, counters, hooks, limits, commands, reports, writers };
    println!("http://{}/", listener.local_addr()?);
    let mut beat = interval(Duration::from_secs(1));
    let life = async {
        for second in 0u64.. {
            beat.tick().await;
            let mut status = sample::status();
            status.ready = second % 20 > 3;
            if second % 20 > 10 {
                status.config.refused = None;
            }
            publisher.send_replace(Arc::new(status));
        }
    };
    tokio::select! {
        served = tiovivo::http::serve(listener, dashboard, std::future::pending()) => served,
        () = life => Ok(()),
    }
}
