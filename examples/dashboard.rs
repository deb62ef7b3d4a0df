//! The dashboard of a made-up cluster, for whoever works on the page:
//! `cargo run --example dashboard`, then http://127.0.0.1:8053/.

#[path = "../tests/it/http/sample.rs"]
#[allow(dead_code)]
mod sample;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tiovivo::cluster::hook::{Action, Hook, Scope};
use tiovivo::cluster::trust::Trust;
use tiovivo::control::change_feed::{self, Change, Condition};
use tiovivo::control::liveness::Liveness;
use tiovivo::control::troubles::Troubles;
use tiovivo::counters::Counters;
use tiovivo::hooks;
use tiovivo::http::auth::WriteTokens;
use tiovivo::http::dashboard::Dashboard;
use tiovivo::http::server::HttpLimits;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::interval;

/// One that takes everything, one whose receiver is gone, and one that refuses.
fn sample_hooks() -> [Hook; 3] {
    let hook = |name: &str, action| Hook {
        name: name.into(),
        action,
        on: vec![Scope::Node],
        pools: vec![],
        timeout: Duration::from_secs(5),
        retry: Duration::from_millis(100),
    };
    let sh = |script: &str| Action::Command(["/bin/sh", "-c", script].map(str::to_owned).to_vec());
    let (url, trust) = ("https://127.0.0.1:9/T0/B1".into(), Trust::Public);
    [
        hook("pager", Action::Webhook { url, secret: None, trust }),
        hook("journal", sh("cat >/dev/null")),
        hook("tickets", sh("exit 65")),
    ]
}

fn change() -> Change {
    Change {
        at: jiff::Timestamp::now(),
        scope: Scope::Node,
        family: None,
        pool: "web".into(),
        node: Some("server-3".into()),
        old: Condition::Serving,
        new: Condition::Out,
        cause: "connection refused (3/3)".into(),
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8053".into());
    let listener = TcpListener::bind(&address).await?;
    let (publisher, status) = watch::channel(Arc::new(sample::status()));
    let counters = Arc::new(Counters::new(2));
    // Without a token no request may write.
    let (commands, tokens) = (mpsc::channel(1).0, WriteTokens::default());
    let (mut sender, changes) = change_feed::channel();
    let folder = tempfile::tempdir()?;
    let (liveness, troubles) = (Liveness::default(), Troubles::default());
    let hooks =
        hooks::start(&sample_hooks(), changes, folder.path(), Some("ns1"), troubles.clone());
    let (limits, reports) = (HttpLimits::default(), mpsc::channel(1).0);
    let dashboard = Dashboard {
        status,
        counters,
        hooks,
        limits,
        commands,
        reports,
        tokens,
        liveness,
        troubles,
    };
    println!("http://{}/", listener.local_addr()?);
    let mut beat = interval(Duration::from_secs(1));
    let life = async {
        for second in 0u64.. {
            beat.tick().await;
            let mut status = sample::status();
            if second % 5 == 0 {
                sender.send(change());
            }
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
