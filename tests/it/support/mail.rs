//! A mail server as far as a client can tell: a real SMTP conversation on loopback, with a word to say at each step.
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// What the server does that is out of the ordinary.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// The answer to RCPT, if it is not `250`.
    pub rcpt: Option<&'static str>,
    /// The user and password it asks for.
    pub login: Option<(&'static str, &'static str)>,
}

/// A message it was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mail {
    /// Envelope recipients.
    pub to: Vec<String>,
    /// Headers and body, as sent.
    pub data: String,
}

impl Mail {
    /// A header, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let headers = self.data.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
        let prefix = format!("{name}: ");
        headers.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
    }
}

/// The server; it ends with the test's runtime.
pub struct MailServer {
    /// Where it listens.
    pub at: SocketAddr,
    got: Arc<Mutex<Vec<Mail>>>,
}

impl MailServer {
    /// Starts one.
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let got: Arc<Mutex<Vec<Mail>>> = Arc::default();
        let box_ = Arc::clone(&got);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (manner, got) = (manner.clone(), Arc::clone(&box_));
                tokio::spawn(async move { converse(stream, manner, got).await.ok() });
            }
        });
        Self { at, got }
    }

    /// What it was given.
    pub fn got(&self) -> Vec<Mail> {
        self.got.lock().unwrap().clone()
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.at)
    }
}

async fn converse(stream: TcpStream, manner: Manner, got: Arc<Mutex<Vec<Mail>>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.test ESMTP\r\n").await?;
    let (mut mail, mut is_in, mut line) = (Mail::default(), manner.login.is_none(), String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let said = line.trim_end().to_owned();
        let verb = said.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-mail.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN".to_owned(),
            "AUTH" => {
                is_in = manner.login.is_some_and(|login| said.ends_with(&plain(login)));
                if is_in { "235 2.7.0 welcome".to_owned() } else { format!("535 5.7.8 not you: {said}") }
            }
            "MAIL" if !is_in => "530 5.7.0 who are you?".to_owned(),
            "RCPT" => match manner.rcpt {
                Some(answer) => answer.to_owned(),
                None => {
                    mail.to.push(said);
                    "250 OK".to_owned()
                }
            },
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                mail.data = data(&mut stream).await?;
                got.lock().unwrap().push(std::mem::take(&mut mail));
                "250 2.0.0 queued".to_owned()
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 OK".to_owned(),
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

fn plain((user, password): (&str, &str)) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD.encode(format!("\0{user}\0{password}"))
}

async fn data(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut data = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(data);
        }
        data += &line;
    }
}
