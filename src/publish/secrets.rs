//! Secrets of receivers: signing keys, addresses that are keys, passwords. Read from a file or systemd's credentials
//! folder, never printed.
use std::path::{Path, PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::Url;
use standardwebhooks::{Webhook, WebhookError};

use crate::config::{Receiver, ReceiverKind};

/// Bytes of a key at least and at most, as Standard Webhooks asks.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Parts of an address that are shorter are no keys.
const KEY_PART: usize = 6;

/// Why a receiver's secret cannot be used; never holds any of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error(
        "receiver {receiver:?}: cannot read its secret file {path}: create it for the user that runs weisu (mode 0600), \
         or hand it over with LoadCredential={name}:/path in the systemd unit"
    )]
    Read {
        /// Name of the receiver.
        receiver: String,
        /// Where it was looked for.
        path: PathBuf,
        /// Its name as a credential.
        name: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// A line is not a secret.
    #[error(
        "receiver {receiver:?}: line {line} of {path} is not a whsec_ secret of 24 to 64 bytes: make one with \
         `echo whsec_$(openssl rand -base64 32)` and give the receiver the same"
    )]
    Malformed {
        /// Name of the receiver.
        receiver: String,
        /// The file.
        path: PathBuf,
        /// Its line.
        line: usize,
    },
    /// There is none in the file.
    #[error("receiver {receiver:?}: {path} holds no secret: write {wanted}")]
    Empty {
        /// Name of the receiver.
        receiver: String,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// The address cannot be used.
    #[error("receiver {receiver:?}: {path} holds no address: write {wanted} into its first line")]
    Address {
        /// Name of the receiver.
        receiver: String,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
}

/// systemd's folder of credentials, if there is one.
pub fn credentials() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

/// Where a file of secrets is: where the configuration says, else by its name in the folder of credentials.
pub(super) fn place(configured: &Path, credentials: Option<&Path>) -> PathBuf {
    let name = configured.file_name().map(PathBuf::from).unwrap_or_default();
    match credentials.map(|folder| folder.join(name)) {
        Some(credential) if !configured.exists() && credential.exists() => credential,
        _ => configured.to_owned(),
    }
}

/// What a receiver keeps secret.
#[derive(Default)]
pub struct Secrets {
    keys: Vec<Webhook>,
    address: String,
    sign: Option<String>,
    login: Option<(String, String)>,
    /// Texts that must not be shown, longest first.
    hidden: Vec<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({} redacted)", self.keys.len() + self.hidden.len())
    }
}

impl Secrets {
    /// Reads the secrets of a receiver. A file that is not where the configuration says is looked up by its name in
    /// `credentials`, systemd's `$CREDENTIALS_DIRECTORY`.
    pub fn load(receiver: &Receiver, credentials: Option<&Path>) -> Result<Self, SecretError> {
        let mut secrets = Self { address: receiver.url.clone(), ..Self::default() };
        if let Some(configured) = &receiver.url_file {
            secrets.address = address(receiver, configured, credentials)?;
            secrets.hide_address();
        } else if let Some(query) = Url::parse(&receiver.url).ok().as_ref().and_then(Url::query) {
            secrets.hidden.push(query.to_owned());
        }
        if let Some(configured) = &receiver.secret_file {
            let file = SecretFile::read(receiver, configured, credentials)?;
            match receiver.kind {
                ReceiverKind::Smtp => secrets.login = Some(login(&file)?),
                ReceiverKind::Dingtalk | ReceiverKind::Feishu => {
                    secrets.sign = Some(file.line(0, "the bot's signing secret as one line")?);
                }
                _ => secrets.keys = keys(&file)?,
            }
        }
        secrets.hidden.extend(secrets.sign.clone());
        secrets.hide_login();
        secrets.hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Ok(secrets)
    }

    /// Whether nothing is signed.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.sign.is_none()
    }

    /// Where to send; not to be shown.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The signing secret of a bot.
    pub fn sign(&self) -> Option<&str> {
        self.sign.as_deref()
    }

    /// User and password of the mail server.
    pub fn login(&self) -> Option<(&str, &str)> {
        self.login.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }

    /// A text without anything that is secret; servers like to answer with the address they were asked for.
    pub fn hide(&self, text: &str) -> String {
        self.hidden.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "…"))
    }

    /// The `webhook-signature` header, one signature a key; `None` without keys.
    pub fn signature(&self, id: &str, timestamp: i64, body: &[u8]) -> Result<Option<String>, WebhookError> {
        let signatures =
            self.keys.iter().map(|key| key.sign(id, timestamp, body)).collect::<Result<Vec<_>, _>>()?;
        Ok((!signatures.is_empty()).then(|| signatures.join(" ")))
    }

    /// User and password, also as they go over the wire.
    fn hide_login(&mut self) {
        let Some((user, password)) = &self.login else { return };
        let plain = BASE64_STANDARD.encode(format!("\0{user}\0{password}"));
        let alone = [user, password].map(|text| BASE64_STANDARD.encode(text));
        self.hidden.extend([user.clone(), password.clone(), plain].into_iter().chain(alone));
    }

    /// The whole address, what follows its host, and each part of that which may be a key.
    fn hide_address(&mut self) {
        self.hidden.push(self.address.clone());
        let Ok(url) = Url::parse(&self.address) else { return };
        let query: Vec<String> = url.query_pairs().map(|(_, value)| value.into_owned()).collect();
        let steps = url.path_segments().into_iter().flatten().map(str::to_owned);
        self.hidden.extend(steps.chain(query).filter(|part| part.len() >= KEY_PART));
        self.hidden.extend(url.query().map(str::to_owned));
        self.hidden.extend(Some(url.path().to_owned()).filter(|path| path.len() > KEY_PART));
        self.hidden.extend(url.password().map(str::to_owned));
    }
}

/// A file of secrets: its lines without empty ones and comments.
struct SecretFile<'a> {
    receiver: &'a str,
    path: PathBuf,
    lines: Vec<(usize, String)>,
}

impl<'a> SecretFile<'a> {
    fn read(
        receiver: &'a Receiver,
        configured: &Path,
        credentials: Option<&Path>,
    ) -> Result<Self, SecretError> {
        let name = configured.file_name().map(PathBuf::from).unwrap_or_default();
        let path = place(configured, credentials);
        let text = std::fs::read_to_string(&path).map_err(|source| SecretError::Read {
            receiver: receiver.name.clone(),
            path: path.clone(),
            name: name.display().to_string(),
            source,
        })?;
        let lines = text
            .lines()
            .enumerate()
            .map(|(i, line)| (i + 1, line.trim().to_owned()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .collect();
        Ok(Self { receiver: &receiver.name, path, lines })
    }

    fn line(&self, i: usize, wanted: &'static str) -> Result<String, SecretError> {
        match self.lines.get(i) {
            Some((_, line)) => Ok(line.clone()),
            None => {
                let (receiver, path) = (self.receiver.to_owned(), self.path.clone());
                Err(SecretError::Empty { receiver, path, wanted })
            }
        }
    }
}

fn keys(file: &SecretFile<'_>) -> Result<Vec<Webhook>, SecretError> {
    file.line(0, "one whsec_ line, or two while rotating")?;
    let malformed = |line: usize| SecretError::Malformed {
        receiver: file.receiver.to_owned(),
        path: file.path.clone(),
        line,
    };
    file.lines.iter().map(|(line, text)| key(text).ok_or_else(|| malformed(*line))).collect()
}

fn login(file: &SecretFile<'_>) -> Result<(String, String), SecretError> {
    let wanted = "the user into one line and the password into the next";
    Ok((file.line(0, wanted)?, file.line(1, wanted)?))
}

fn address(receiver: &Receiver, file: &Path, credentials: Option<&Path>) -> Result<String, SecretError> {
    let (schemes, wanted): (&[&str], _) = match receiver.kind {
        ReceiverKind::Smtp => (&["smtp"], "smtp://host:port"),
        _ => (&["http", "https"], "the full http(s) address"),
    };
    let file = SecretFile::read(receiver, file, credentials)?;
    let text = file.line(0, wanted)?;
    match Url::parse(&text) {
        Ok(url) if schemes.contains(&url.scheme()) && url.has_host() => Ok(text),
        _ => Err(SecretError::Address { receiver: receiver.name.clone(), path: file.path, wanted }),
    }
}

fn key(line: &str) -> Option<Webhook> {
    let bytes = BASE64_STANDARD.decode(line.strip_prefix("whsec_")?).ok()?;
    if KEY_BYTES.contains(&bytes.len()) { Webhook::from_bytes(bytes).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

    fn load(text: &str) -> Result<Secrets, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hook");
        std::fs::write(&path, text).unwrap();
        let receiver = Receiver { name: "duty".into(), secret_file: Some(path), ..Receiver::default() };
        Secrets::load(&receiver, None).map_err(|e| e.to_string())
    }

    #[test]
    fn secrets_are_read_one_a_line_and_never_shown() {
        let both = load(&format!("# old and new\n{GOOD}\n\n{GOOD}\n")).unwrap();
        assert_eq!(both.signature("id", 1, b"{}").unwrap().unwrap().split(' ').count(), 2);
        assert_eq!(format!("{both:?}"), "Secrets(2 redacted)");
        assert!(Secrets::default().signature("id", 1, b"{}").unwrap().is_none());
    }

    #[test]
    fn bad_secrets_name_line_and_remedy_but_not_the_secret() {
        for (text, wanted) in [
            ("", "holds no secret"),
            ("# only a comment\n", "holds no secret"),
            ("whsec_c2hvcnQ=\n", "line 1 "),
            (&format!("{GOOD}\nwhsec_???hunter2???\n"), "line 2 "),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=", "line 1 "),
        ] {
            let error = load(text).unwrap_err();
            assert!(error.contains(wanted), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("c2hv"), "{error}");
        }
    }

    #[test]
    fn addresses_signs_and_logins_are_read_and_hidden() {
        let folder = tempfile::tempdir().unwrap();
        let (url, secret) = (folder.path().join("url"), folder.path().join("secret"));
        std::fs::write(&url, "https://bot.example/robot/hook-abcdef?access_token=hunter2token&x=1\n")
            .unwrap();
        std::fs::write(&secret, "# from the console\nSECsigning\n").unwrap();
        let receiver = Receiver {
            kind: ReceiverKind::Dingtalk,
            url_file: Some(url.clone()),
            secret_file: Some(secret.clone()),
            ..Receiver::default()
        };
        let secrets = Secrets::load(&receiver, None).unwrap();
        assert_eq!(secrets.sign(), Some("SECsigning"));
        assert!(secrets.address().starts_with("https://bot.example/"));
        let said = "no hook-abcdef at /robot/hook-abcdef?access_token=hunter2token&x=1 for SECsigning or hunter2token";
        assert_eq!(secrets.hide(said), "no … at …?… for … or …");
        std::fs::write(&secret, "weisu@city.example\np4ssword\n").unwrap();
        std::fs::write(&url, "smtp://mail.example:587\n").unwrap();
        let mail = Receiver { kind: ReceiverKind::Smtp, ..receiver.clone() };
        assert_eq!(Secrets::load(&mail, None).unwrap().login(), Some(("weisu@city.example", "p4ssword")));
        std::fs::write(&secret, "weisu\n").unwrap();
        let error = Secrets::load(&mail, None).unwrap_err().to_string();
        assert!(error.contains("the user into one line"), "{error}");
        std::fs::write(&url, "hunter2token\n").unwrap();
        let error = Secrets::load(&receiver, None).unwrap_err().to_string();
        assert!(error.contains("holds no address") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_missing_file_is_looked_up_among_the_credentials() {
        let folder = tempfile::tempdir().unwrap();
        let secret_file = Some(PathBuf::from("/etc/weisu/hook"));
        let receiver = Receiver { name: "duty".into(), secret_file, ..Receiver::default() };
        let error = Secrets::load(&receiver, Some(folder.path())).unwrap_err().to_string();
        assert!(error.contains("LoadCredential=hook:"), "{error}");
        std::fs::write(folder.path().join("hook"), GOOD).unwrap();
        assert!(Secrets::load(&receiver, Some(folder.path())).is_ok());
    }
}
