//! What is signed: links in messages by which a receiver acknowledges an alert with one tap, and sessions of the page.
//!
//! A link names alert, receiver and expiry under an HMAC-SHA256 with the installation's key, so that it needs no row in
//! the store and cannot be made by anybody else. It is written in hexadecimal digits: bots change the signs that other
//! alphabets have. Each purpose signs apart, so that a link is no session.
use std::{
    io::Write,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use uuid::Uuid;

use super::secrets;
use crate::{
    config::{Access, Config},
    ticket::Millis,
};

/// Bytes of a key that is made here; a given one has as many or more.
const KEY_BYTES: usize = 32;
/// Bytes of a signature: 128 bits cannot be guessed, and a link stays short.
const TAG: usize = 16;
/// File of the key in `store.data` where `http.key_file` names none.
const FILE: &str = "weisu.key";
/// What a link is signed for.
const LINK: &str = "weisu acknowledge 1";

/// Why there is no signing key; never holds any of it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error(
        "cannot read or make the signing key {path}: let the user that runs weisu write into its folder, or name a file in \
         http.key_file (mode 0600; LoadCredential={name}:/path in the systemd unit)"
    )]
    File {
        /// Where it was looked for.
        path: PathBuf,
        /// Its name as a credential.
        name: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// What is in the file is no key.
    #[error("{path} is no signing key: make one with `openssl rand -base64 32`, as one line")]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

/// Random bytes in hexadecimal digits.
pub fn random_hex() -> Result<String, KeyError> {
    random().map(|bytes| hex(&bytes))
}

fn random() -> Result<[u8; KEY_BYTES], KeyError> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(KeyError::Random)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|b| b.is_ascii_hexdigit()) || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

/// The key of an installation.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(redacted)")
    }
}

impl Key {
    /// A key that ends with the process: what it signs is worth nothing afterwards.
    pub fn of_process() -> Result<Self, KeyError> {
        random().map(|bytes| Self(bytes.to_vec()))
    }

    /// The key of a server: one of the process where nothing it signs has to outlive it.
    pub fn of_server(config: &Config, credentials: Option<&Path>) -> Result<Self, KeyError> {
        match config.http.access {
            Access::Open if config.http.public_url.is_empty() => Self::of_process(),
            _ => Self::load(config, credentials),
        }
    }

    /// The installation's key: `http.key_file`, or a file in `store.data` that is made when it is not there.
    pub fn load(config: &Config, credentials: Option<&Path>) -> Result<Self, KeyError> {
        match &config.http.key_file {
            Some(configured) => Self::read(&secrets::place(configured, credentials)),
            None => {
                let path = config.store.data.join(FILE);
                if path.exists() { Self::read(&path) } else { Self::make(&path) }
            }
        }
    }

    fn failed(path: &Path, source: std::io::Error) -> KeyError {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        KeyError::File { path: path.to_owned(), name, source }
    }

    fn read(path: &Path) -> Result<Self, KeyError> {
        let text = std::fs::read_to_string(path).map_err(|source| Self::failed(path, source))?;
        match BASE64_STANDARD.decode(text.trim()) {
            Ok(bytes) if bytes.len() >= KEY_BYTES => Ok(Self(bytes)),
            _ => Err(KeyError::Malformed { path: path.to_owned() }),
        }
    }

    /// Writes a new key; where another process was quicker, its key is taken.
    fn make(path: &Path) -> Result<Self, KeyError> {
        let bytes = random()?;
        let write = || {
            // Whole or not at all: another process must never read half a key.
            let folder = path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::Builder::new()
                .prefix(".key")
                .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
                .tempfile_in(folder)?;
            writeln!(file, "{}", BASE64_STANDARD.encode(bytes))?;
            file.as_file().sync_all()?;
            file.persist_noclobber(path).map_err(|e| e.error).map(drop)
        };
        match write() {
            Ok(()) => Ok(Self(bytes.to_vec())),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Self::read(path),
            Err(source) => Err(Self::failed(path, source)),
        }
    }

    fn mac(&self, purpose: &str, payload: &[u8]) -> Option<Hmac<sha2::Sha256>> {
        // A key of any length will do.
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(payload);
        Some(mac)
    }

    /// A payload and its signature for a purpose, in hexadecimal digits.
    pub fn sign(&self, purpose: &str, payload: &[u8]) -> String {
        let Some(mac) = self.mac(purpose, payload) else { return String::new() };
        let tag = mac.finalize().into_bytes();
        format!("{}{}", hex(payload), hex(&tag[..TAG]))
    }

    /// The payload that was signed for a purpose; `None` if it was not, or not by us.
    pub fn verified(&self, purpose: &str, text: &str) -> Option<Vec<u8>> {
        let mut payload = unhex(text)?;
        let tag = payload.split_off(payload.len().checked_sub(TAG)?);
        self.mac(purpose, &payload)?.verify_truncated_left(&tag).ok()?;
        Some(payload)
    }
}

/// What a link stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tap {
    /// Which alert is acknowledged.
    pub alert: Uuid,
    /// By whom.
    pub receiver: String,
    /// Until when, ms since the epoch.
    pub expires: Millis,
}

/// Why a link is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Void {
    /// It was not made here, or was changed on its way.
    Forged,
    /// It was good until then.
    Expired(Millis),
}

/// Reads a link's token.
pub fn read(key: &Key, token: &str, now: Millis) -> Result<Tap, Void> {
    let tap = key.verified(LINK, token).and_then(|payload| {
        let (alert, rest) = payload.split_first_chunk::<16>()?;
        let (seconds, receiver) = rest.split_first_chunk::<4>()?;
        Some(Tap {
            alert: Uuid::from_bytes(*alert),
            receiver: String::from_utf8(receiver.to_vec()).ok()?,
            expires: Millis::from(u32::from_be_bytes(*seconds)) * 1000,
        })
    });
    let tap = tap.ok_or(Void::Forged)?;
    if now < tap.expires { Ok(tap) } else { Err(Void::Expired(tap.expires)) }
}

/// Makes links.
#[derive(Debug, Clone)]
pub struct Links {
    key: Key,
    base: String,
    hours: u32,
}

impl Links {
    /// As configured; none where nobody outside knows our address.
    pub fn load(config: &Config) -> Result<Option<Self>, KeyError> {
        match config.http.public_url.trim_end_matches('/') {
            "" => Ok(None),
            base => {
                let key = Key::load(config, secrets::credentials().as_deref())?;
                Ok(Some(Self::new(key, base, config.http.link_hours)))
            }
        }
    }

    /// Links below `base` that are good for `hours`.
    pub fn new(key: Key, base: &str, hours: u32) -> Self {
        Self { key, base: base.to_owned(), hours }
    }

    /// Address by which a receiver acknowledges an alert it is told of at `from`, and until when it is good.
    pub fn acknowledge(&self, alert: Uuid, receiver: &str, from: Millis) -> (String, Millis) {
        let seconds = from.div_euclid(1000).saturating_add(Millis::from(self.hours) * 3600);
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        let payload = [&alert.into_bytes()[..], &seconds.to_be_bytes(), receiver.as_bytes()].concat();
        let url = format!("{}/a/{}", self.base, self.key.sign(LINK, &payload));
        (url, Millis::from(seconds) * 1000)
    }

    /// Address of the list of alerts.
    pub fn alerts(&self) -> String {
        format!("{}/alerts", self.base)
    }

    /// The address of a plan; its name needs no escaping.
    pub fn plan(&self, name: &str) -> String {
        format!("{}/plan?name={name}", self.base)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: Millis = 1_731_643_200_000;

    fn links() -> Links {
        Links::new(Key(vec![7; 32]), "https://city.example/weisu", 2)
    }

    #[test]
    fn a_link_names_alert_and_receiver_until_it_expires() {
        let (url, expires) = links().acknowledge(Uuid::from_u128(5), "值班室", NOW);
        assert_eq!(expires, NOW + 2 * 3_600_000);
        let token = url.strip_prefix("https://city.example/weisu/a/").unwrap();
        assert!(token.bytes().all(|b| b.is_ascii_hexdigit()) && token.len() < 120, "{token}");
        let tap = Tap { alert: Uuid::from_u128(5), receiver: "值班室".into(), expires };
        assert_eq!(read(&links().key, token, expires - 1), Ok(tap));
        assert_eq!(read(&links().key, token, expires), Err(Void::Expired(expires)));
    }

    #[test]
    fn whatever_is_changed_is_forged() {
        let (url, _) = links().acknowledge(Uuid::from_u128(5), "duty", NOW);
        let token = url.rsplit('/').next().unwrap();
        for i in 0..token.len() {
            let other = if &token[i..=i] == "0" { "1" } else { "0" };
            let changed = format!("{}{other}{}", &token[..i], &token[i + 1..]);
            assert_eq!(read(&links().key, &changed, NOW), Err(Void::Forged), "{i}");
        }
        for text in ["", "00", "zz", "签收", &token[2..], &token[..token.len() - 2], &format!("{token}00")]
        {
            assert_eq!(read(&links().key, text, NOW), Err(Void::Forged), "{text}");
        }
        assert_eq!(read(&Key(vec![8; 32]), token, NOW), Err(Void::Forged), "another installation");
        assert_eq!(links().key.verified("session", token), None, "another purpose");
        assert_eq!(format!("{:?}", links().key), "Key(redacted)");
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.store.data = folder.path().to_owned();
        let first = Key::load(&config, None).unwrap();
        assert_eq!(Key::load(&config, None).unwrap().0, first.0);
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(folder.path().join("given"), "c2hvcnQ=\n").unwrap();
        config.http.key_file = Some("/etc/weisu/given".into());
        let error = Key::load(&config, Some(folder.path())).unwrap_err().to_string();
        assert!(error.contains("is no signing key") && !error.contains("c2hv"), "{error}");
        let error = Key::load(&config, None).unwrap_err().to_string();
        assert!(error.contains("LoadCredential=given:"), "{error}");
    }
}
