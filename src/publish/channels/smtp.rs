//! Mail. One message a delivery, under the delivery's id over all attempts.
//!
//! What is said of one alert makes one thread: its first message has the alert's own id, later ones refer to it, and all
//! have one subject. A message of several alerts refers to each of them.
use std::time::{Duration, SystemTime};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};
use reqwest::Url;

use super::{Answer, Note, chain};
use crate::{
    config::{Encryption, Receiver},
    publish::secrets::Secrets,
    ticket::Millis,
};

/// Threads that a message of several alerts refers to at most.
const REFERENCES: usize = 20;

/// Sends a note as mail.
pub async fn send(
    receiver: &Receiver,
    secrets: &Secrets,
    id: &str,
    note: &Note,
    timeout: Duration,
    now: Millis,
) -> Answer {
    let (message, transport) = match prepare(receiver, secrets, id, note, timeout, now) {
        Ok(prepared) => prepared,
        Err(error) => return Answer::Unsendable { error: secrets.hide(&error) },
    };
    // The transport's own limit is for each step of the conversation.
    match tokio::time::timeout(timeout, transport.send(message)).await {
        Ok(Ok(_)) => Answer::Taken { status: None },
        Ok(Err(error)) => Answer::Refused { status: None, error: secrets.hide(&chain(&error)) },
        Err(_) => Answer::None { error: "the mail server did not answer in time".to_owned() },
    }
}

type Transport = AsyncSmtpTransport<Tokio1Executor>;

fn prepare(
    receiver: &Receiver,
    secrets: &Secrets,
    id: &str,
    note: &Note,
    timeout: Duration,
    now: Millis,
) -> Result<(Message, Transport), String> {
    Ok((compose(receiver, id, note, now)?, transport(receiver, secrets, timeout)?))
}

fn transport(receiver: &Receiver, secrets: &Secrets, timeout: Duration) -> Result<Transport, String> {
    let url = Url::parse(secrets.address()).map_err(|error| format!("the mail server's address: {error}"))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let parameters = || {
        TlsParameters::new(host.clone())
            .map_err(|error| format!("encryption cannot be set up: {}", chain(&error)))
    };
    let (tls, port) = match receiver.tls {
        Encryption::Starttls => (Tls::Required(parameters()?), 587),
        Encryption::Tls => (Tls::Wrapper(parameters()?), 465),
        Encryption::None => (Tls::None, 25),
    };
    let mut builder = Transport::builder_dangerous(host.as_str())
        .port(url.port().unwrap_or(port))
        .tls(tls)
        .timeout(Some(timeout));
    if let Some((user, password)) = secrets.login() {
        builder = builder.credentials(Credentials::new(user.to_owned(), password.to_owned()));
    }
    Ok(builder.build())
}

fn compose(receiver: &Receiver, id: &str, note: &Note, now: Millis) -> Result<Message, String> {
    let mailbox = |text: &str| text.parse::<Mailbox>().map_err(|error| format!("{text:?}: {error}"));
    let from = mailbox(&receiver.from)?;
    let domain = from.email.domain().to_owned();
    let thread = |alert: &uuid::Uuid| format!("<alert-{alert}@{domain}>");
    let begins_thread = note.begins && note.threads.len() == 1;
    let own = match note.threads.first().filter(|_| begins_thread) {
        Some(alert) => thread(alert),
        None => format!("<{id}@{domain}>"),
    };
    let date = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now).unwrap_or(0));
    let mut builder =
        Message::builder().from(from).subject(note.subject.clone()).date(date).message_id(Some(own));
    for to in &receiver.to {
        builder = builder.to(mailbox(to)?);
    }
    if !begins_thread {
        let references: Vec<String> = note.threads.iter().take(REFERENCES).map(thread).collect();
        if let [one] = &references[..] {
            builder = builder.in_reply_to(one.clone());
        }
        if !references.is_empty() {
            builder = builder.references(references.join(" "));
        }
    }
    builder
        .header(ContentType::TEXT_PLAIN)
        .body(note.text.clone())
        .map_err(|error| format!("the message cannot be written: {error}"))
}
