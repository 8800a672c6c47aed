//! The ways in that run beside the web server: watched mailboxes and the listener for a mail server, on
//! one thread.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::arriving::Intake;
use super::imap::Watch;
use super::listen;
use crate::app::App;
use crate::error::{Error, Result};

/// What takes mail in; `stop` ends it.
pub struct WaysIn {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    address: Option<SocketAddr>,
}

impl WaysIn {
    /// Starts what the configuration names; a node that runs no jobs watches no mailboxes. An error when
    /// the listener's address can't be used.
    pub fn start(app: &App, intake: Arc<dyn Intake>) -> Result<WaysIn> {
        let (stop, stopped) = watch::channel(false);
        let listener = match app.config.mail.listen.as_str() {
            "" => None,
            address => Some(
                bind(address)
                    .map_err(|e| Error::io(format!("listening for mail on {address}"), e))?,
            ),
        };
        let address = listener.as_ref().and_then(|l| l.local_addr().ok());
        if listener.is_none() && !watches(app) {
            return Ok(WaysIn {
                stop,
                thread: None,
                address,
            });
        }
        let runtime = Builder::new_current_thread()
            .enable_all()
            .thread_name("mail-in-work")
            .build()
            .map_err(|e| Error::io("starting the ways in of mail", e))?;
        let app = app.clone();
        let thread = std::thread::Builder::new()
            .name("mail-in".into())
            .spawn(move || run(&runtime, &app, &intake, listener, &stopped))
            .map_err(|e| Error::io("starting a thread", e))?;
        if let Some(address) = address {
            tracing::info!(%address, "listening for mail");
        }
        Ok(WaysIn {
            stop,
            thread: Some(thread),
            address,
        })
    }

    /// Where the listener listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Ends all of it; a mail that is being stored is stored first.
    pub fn stop(self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread
            && thread.join().is_err()
        {
            tracing::error!("the ways in of mail ended by a panic");
        }
    }
}

fn watches(app: &App) -> bool {
    !app.config.mailboxes.is_empty() && app.config.server.job_workers > 0
}

fn bind(address: &str) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn run(
    runtime: &Runtime,
    app: &App,
    intake: &Arc<dyn Intake>,
    listener: Option<TcpListener>,
    stop: &watch::Receiver<bool>,
) {
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for (name, mailbox) in app.config.mailboxes.iter().filter(|_| watches(app)) {
            tasks.spawn(Watch::new(app, intake.clone(), name, mailbox).run(stop.clone()));
        }
        match listener.map(tokio::net::TcpListener::from_std) {
            None => {}
            Some(Ok(listener)) => {
                let host = our_host(app);
                let bytes_max = app.config.mail.inbound_bytes_max;
                tasks.spawn(listen::serve(
                    listener,
                    intake.clone(),
                    host,
                    bytes_max,
                    stop.clone(),
                ));
            }
            Some(Err(error)) => tracing::error!(%error, "no mail server can hand mail over"),
        }
        while tasks.join_next().await.is_some() {}
    });
}

/// Our name towards a mail server: that of the site.
fn our_host(app: &App) -> String {
    let url = url::Url::parse(&app.config.site.url).ok();
    let host = url.as_ref().and_then(|url| url.host_str());
    host.unwrap_or("localhost").to_owned()
}
