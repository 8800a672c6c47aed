//! The listener for a mail server on the same machine or network: it hands mail over by LMTP or SMTP
//! and keeps trying until we say that we have it. Takes mail for our own addresses only, so nobody can
//! send through it; it offers no TLS and no log-in, and belongs behind the mail server.

mod data;
mod session;
#[cfg(test)]
mod session_tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::session::{Found, Session, Step, Took};
use super::arriving::{Arriving, Intake};

/// Connections at once; Postfix opens up to 20 to one destination by default.
const CONNECTIONS_MAX: usize = 32;
/// Longest silence of the other side (RFC 5321, section 4.5.3.2.7).
const SILENCE_MAX: Duration = Duration::from_secs(5 * 60);
/// Wait after a connection that could not be accepted, for want of file handles as a rule.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);
/// Longest wait, once the server stops, for talks to end.
const ENDING_MAX: Duration = Duration::from_secs(15);
/// What is read at a time (bytes).
const READ_BYTES: usize = 64 * 1024;

/// Serves connections until `stop`; a mail that is being stored then is stored.
pub async fn serve(
    listener: TcpListener,
    intake: Arc<dyn Intake>,
    host: String,
    mail_bytes_max: usize,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut talks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = talks.join_next() => continue,
        };
        let mut stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a mail server's connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            let _ = stream
                .write_all(b"421 4.3.2 too many connections\r\n")
                .await;
            continue;
        };
        let session = Session::new(&host, mail_bytes_max);
        let (intake, stop) = (intake.clone(), stop.clone());
        talks.spawn(async move {
            if let Err(error) = talk(stream, session, intake, stop).await {
                tracing::debug!(%error, "a mail server's connection broke off");
            }
            drop(place);
        });
    }
    let ending = async { while talks.join_next().await.is_some() {} };
    // Who does not listen is hung up on.
    let _ = timeout(ENDING_MAX, ending).await;
}

/// One connection, to its end.
async fn talk(
    mut stream: TcpStream,
    mut session: Session,
    intake: Arc<dyn Intake>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match session.step() {
            Step::Ask(address) => session.found(ask(&intake, address).await),
            Step::Take(letter) => session.took(take(&intake, letter).await),
            Step::End => {
                send(&mut stream, &session.replies()).await?;
                return stream.shutdown().await;
            }
            Step::Read => {
                send(&mut stream, &session.replies()).await?;
                let read = tokio::select! {
                    read = timeout(SILENCE_MAX, stream.read(&mut buffer)) => read,
                    _ = stop.wait_for(|stop| *stop) => {
                        session.end("421 4.3.2 the server stops, try again later");
                        continue;
                    }
                };
                match read {
                    Ok(Ok(0)) => return Ok(()),
                    Ok(Ok(n)) => session.feed(&buffer[..n]),
                    Ok(Err(error)) => return Err(error),
                    Err(_) => session.end("421 4.4.2 nothing came for too long"),
                }
            }
        }
    }
}

async fn send(stream: &mut TcpStream, replies: &[u8]) -> io::Result<()> {
    let sent = timeout(SILENCE_MAX, stream.write_all(replies)).await;
    sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn ask(intake: &Arc<dyn Intake>, address: String) -> Found {
    let intake = intake.clone();
    let asked = tokio::task::spawn_blocking(move || intake.is_ours(&address)).await;
    match asked {
        Ok(Ok(true)) => Found::Ours,
        Ok(Ok(false)) => Found::NotOurs,
        Ok(Err(error)) => {
            tracing::warn!(%error, "a recipient could not be looked up; the mail server tries again");
            Found::Later
        }
        Err(_) => Found::Later,
    }
}

async fn take(intake: &Arc<dyn Intake>, letter: session::Letter) -> Took {
    let intake = intake.clone();
    let arriving = Arriving {
        raw: letter.raw,
        recipients: letter.recipients,
    };
    let taken = tokio::task::spawn_blocking(move || intake.accept(&[arriving])).await;
    match taken {
        Ok(Ok(())) => Took::Stored,
        Ok(Err(error)) => {
            tracing::warn!(%error, "a mail could not be stored; the mail server tries again");
            Took::Later
        }
        Err(_) => Took::Later,
    }
}
