//! Signing secrets: read from a file or systemd's credentials folder, never printed.
use std::path::{Path, PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use standardwebhooks::{Webhook, WebhookError};

use crate::config::Receiver;

/// Bytes of a key at least and at most, as Standard Webhooks asks.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

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
    #[error("receiver {receiver:?}: {path} holds no secret: write one whsec_ line, or two while rotating")]
    Empty {
        /// Name of the receiver.
        receiver: String,
        /// The file.
        path: PathBuf,
    },
}

/// systemd's folder of credentials, if there is one.
pub fn credentials() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

/// The keys of a receiver; several while rotating, none if it wants no signature.
#[derive(Default)]
pub struct Secrets(Vec<Webhook>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({} redacted)", self.0.len())
    }
}

impl Secrets {
    /// Reads the secrets of a receiver. A file that is not where the configuration says is looked up by its name in
    /// `credentials`, systemd's `$CREDENTIALS_DIRECTORY`.
    pub fn load(receiver: &Receiver, credentials: Option<&Path>) -> Result<Self, SecretError> {
        let Some(configured) = &receiver.secret_file else { return Ok(Self::default()) };
        let name = configured.file_name().map(PathBuf::from).unwrap_or_default();
        let path = match credentials.map(|folder| folder.join(&name)) {
            Some(credential) if !configured.exists() && credential.exists() => credential,
            _ => configured.clone(),
        };
        let owner = || receiver.name.clone();
        let text = std::fs::read_to_string(&path).map_err(|source| SecretError::Read {
            receiver: owner(),
            path: path.clone(),
            name: name.display().to_string(),
            source,
        })?;
        let keys = text
            .lines()
            .map(str::trim)
            .enumerate()
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(i, line)| {
                key(line).ok_or_else(|| SecretError::Malformed {
                    receiver: owner(),
                    path: path.clone(),
                    line: i + 1,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(SecretError::Empty { receiver: owner(), path }) } else { Ok(Self(keys)) }
    }

    /// Whether nothing is signed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The `webhook-signature` header, one signature a key; `None` without keys.
    pub fn signature(&self, id: &str, timestamp: i64, body: &[u8]) -> Result<Option<String>, WebhookError> {
        let signatures =
            self.0.iter().map(|key| key.sign(id, timestamp, body)).collect::<Result<Vec<_>, _>>()?;
        Ok((!signatures.is_empty()).then(|| signatures.join(" ")))
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
