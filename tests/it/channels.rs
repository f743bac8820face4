//! The channels against servers that behave as their vendors document: taken, wrong signature, too many, codes nobody
//! knows, and a page of HTML under a status of 200.
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use weisu::{
    config::{Encryption, Receiver, ReceiverKind, WebhookBody},
    publish::{compose, deliver, lifecycle::EventKind},
    store::{Store, alarms::Severity},
};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::method};

use crate::{
    outbox::wrong_certificate,
    publish::{Hand, KEY, desk, drain, enqueue, event, fires, limits},
    support::{
        Database, for_each_database,
        mail::{MailServer, Manner},
    },
};

pub(crate) const BOTS: [ReceiverKind; 4] =
    [ReceiverKind::Wecom, ReceiverKind::Dingtalk, ReceiverKind::Feishu, ReceiverKind::Slack];
const SIGN: &str = "SECfor-the-tests";

/// A bot whose address, and signing secret if it signs, stand in files.
pub(crate) fn bot(kind: ReceiverKind, at: &Database, url: &str) -> Receiver {
    let file = |name: &str, text: &str| -> PathBuf {
        let path = at.folder.join(format!("{}.{name}", kind.name()));
        std::fs::write(&path, format!("{text}\n")).unwrap();
        path
    };
    let signs = matches!(kind, ReceiverKind::Dingtalk | ReceiverKind::Feishu);
    Receiver {
        name: kind.name().to_owned(),
        kind,
        url_file: Some(file("url", &format!("{url}/robot/send-k3yinpath?access_token=k3yinquery"))),
        secret_file: signs.then(|| file("sign", SIGN)),
        immediate: Some(Severity::Low),
        ..Receiver::default()
    }
}

/// What a vendor says to a message it takes.
pub(crate) fn taken(kind: ReceiverKind) -> ResponseTemplate {
    let body = match kind {
        ReceiverKind::Feishu => json!({ "code": 0, "msg": "success", "data": {} }),
        ReceiverKind::Slack => return ResponseTemplate::new(200).set_body_string("ok"),
        _ => json!({ "errcode": 0, "errmsg": "ok" }),
    };
    ResponseTemplate::new(200).set_body_json(body)
}

fn code(kind: ReceiverKind, code: i64, says: &str) -> ResponseTemplate {
    let body = match kind {
        ReceiverKind::Feishu => json!({ "code": code, "msg": says }),
        _ => json!({ "errcode": code, "errmsg": says }),
    };
    ResponseTemplate::new(200).set_body_json(body)
}

pub(crate) async fn answers(server: &MockServer, answer: impl Respond + 'static) {
    server.reset().await;
    Mock::given(method("POST")).respond_with(answer).mount(server).await;
}

pub(crate) async fn bodies(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|r| serde_json::from_slice(&r.body).unwrap()).collect()
}

/// Makes the messages and sends what is due.
pub(crate) async fn publish(store: &Store, receivers: &[Receiver], clock: &Hand) -> deliver::Summary {
    compose::compose(store, desk(receivers), clock.millis()).await.unwrap();
    drain(store, receivers, clock).await
}

async fn last_error(store: &Store) -> String {
    store.deliveries("pending", 1).await.unwrap()[0].last_error.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_bots_answer_decides_and_not_the_status() {
    for_each_database(|db| async move {
        for kind in BOTS {
            let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
            let duty = [bot(kind, &db, &server.uri())];
            let mut refusals =
                vec![(ResponseTemplate::new(200).set_body_string("<html>Sign in</html>"), "<html>Sign in")];
            if kind != ReceiverKind::Slack {
                refusals.push((code(kind, 310_000, "sign not match"), "code 310000: sign not match"));
                refusals.push((code(kind, -1, "system busy"), "code -1: system busy"));
            }
            if kind == ReceiverKind::Feishu {
                refusals.push((code(kind, 9499, "Bad Request"), "code 9499: Bad Request"));
            }
            enqueue(&store, &fires(1), &duty, clock.millis()).await;
            for (answer, wanted) in refusals {
                answers(&server, answer).await;
                assert_eq!(publish(&store, &duty, &clock).await.retried, 1, "{kind:?} {wanted}");
                assert!(last_error(&store).await.contains(wanted), "{kind:?}: {}", last_error(&store).await);
                clock.forward(3_600_000);
            }
            answers(&server, taken(kind)).await;
            assert_eq!(publish(&store, &duty, &clock).await.delivered, 1, "{kind:?}");
            store.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_messages_wait_and_are_no_failed_attempts() {
    let slow = |kind: ReceiverKind| match kind {
        ReceiverKind::Wecom => (code(kind, 45_009, "api freq out of limit"), 60),
        ReceiverKind::Dingtalk => (code(kind, 130_101, "send too fast"), 600),
        ReceiverKind::Feishu => (code(kind, 9499, "too many request"), 60),
        _ => (ResponseTemplate::new(429).insert_header("Retry-After", "30"), 30),
    };
    for_each_database(move |db| async move {
        for kind in BOTS {
            let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
            let duty = [bot(kind, &db, &server.uri())];
            let (answer, seconds) = slow(kind);
            answers(&server, answer).await;
            enqueue(&store, &fires(1), &duty, clock.millis()).await;
            assert_eq!(publish(&store, &duty, &clock).await.throttled, 1, "{kind:?}");
            answers(&server, taken(kind)).await;
            clock.forward(seconds * 1000 - 1000);
            assert_eq!(publish(&store, &duty, &clock).await.delivered, 0, "{kind:?}");
            clock.forward(2000);
            assert_eq!(publish(&store, &duty, &clock).await.delivered, 1, "{kind:?}");
            let done = store.deliveries("delivered", 99).await.unwrap();
            assert!(done.iter().filter(|d| d.receiver == kind.name()).all(|d| d.attempts == 1), "{kind:?}");
            store.close().await;
        }
    })
    .await;
}

/// Answers as the vendor does to a wrong signature.
struct Signed(ReceiverKind);

impl Respond for Signed {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let hmac = |key: &[u8], message: &[u8]| {
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
            mac.update(message);
            BASE64_STANDARD.encode(mac.finalize().into_bytes())
        };
        let query = |name: &str| request.url.query_pairs().find(|(n, _)| n == name).unwrap().1.into_owned();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let is_right = match self.0 {
            ReceiverKind::Dingtalk => {
                let signed = format!("{}\n{SIGN}", query("timestamp"));
                assert!(query("timestamp").len() == 13 && query("access_token") == "k3yinquery");
                query("sign") == hmac(SIGN.as_bytes(), signed.as_bytes())
            }
            _ => {
                let key = format!("{}\n{SIGN}", body["timestamp"].as_str().unwrap());
                body["timestamp"].as_str().unwrap().len() == 10 && body["sign"] == hmac(key.as_bytes(), b"")
            }
        };
        if is_right { taken(self.0) } else { code(self.0, 19_021, "sign match fail") }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bots_that_sign_are_understood_and_a_wrong_secret_is_not() {
    for_each_database(|db| async move {
        for kind in [ReceiverKind::Dingtalk, ReceiverKind::Feishu] {
            let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
            answers(&server, Signed(kind)).await;
            let duty = [bot(kind, &db, &server.uri())];
            let secret = duty[0].secret_file.clone().unwrap();
            std::fs::write(&secret, "SECof-somebody-else\n").unwrap();
            enqueue(&store, &fires(1), &duty, clock.millis()).await;
            assert_eq!(publish(&store, &duty, &clock).await.retried, 1);
            assert!(last_error(&store).await.contains("sign match fail"));
            std::fs::write(&secret, SIGN).unwrap();
            clock.forward(3_600_000);
            assert_eq!(publish(&store, &duty, &clock).await.delivered, 1, "the file is read again");
            store.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_bots_show_is_what_the_vendors_render() {
    for_each_database(|db| async move {
        let (store, clock) = (db.open().await.unwrap(), Hand::new());
        let mut shown = Vec::new();
        for kind in BOTS {
            let server = MockServer::start().await;
            answers(&server, taken(kind)).await;
            let duty = [bot(kind, &db, &server.uri())];
            let mut fired = event(1, EventKind::Firing, 20_000);
            fired.alert.body.topic = vec!["<@all> & [x](http://evil)".into()];
            fired.alert.body.severity = Severity::High;
            enqueue(&store, &[fired], &duty, clock.millis()).await;
            assert_eq!(publish(&store, &duty, &clock).await.delivered, 1);
            let mut body = bodies(&server).await.remove(0);
            for varies in ["timestamp", "sign"] {
                body.as_object_mut().unwrap().remove(varies);
            }
            shown.push(body);
        }
        let text = serde_json::to_string(&shown).unwrap();
        assert!(!text.contains("<@all>"), "{text}");
        assert_eq!(text.matches("[x](").count(), 1, "Slack knows no such links: {text}");
        assert_eq!(shown[0]["msgtype"], "markdown");
        assert!(
            shown[0]["markdown"]["content"].as_str().unwrap().starts_with("**<font color=\"warning\">【")
        );
        assert!(shown[1]["markdown"]["text"].as_str().unwrap().lines().all(|line| line.ends_with("  ")));
        assert_eq!(shown[2]["card"]["header"]["template"], "orange");
        assert!(shown[3]["text"].as_str().unwrap().contains("&lt;@all&gt; &amp; "));
        store.close().await;
    })
    .await;
}

/// Takes WeCom messages within the limit and refuses one part once.
struct Picky {
    seen: Mutex<Vec<String>>,
    refuse: usize,
}

impl Respond for Picky {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let text = body["markdown"]["content"].as_str().unwrap().to_owned();
        assert!(text.len() <= 4096, "{} bytes", text.len());
        let mut seen = self.seen.lock().unwrap();
        seen.push(text);
        let kind = ReceiverKind::Wecom;
        if seen.len() == self.refuse { code(kind, -1, "system busy") } else { taken(kind) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_message_goes_in_numbered_parts_and_none_goes_twice() {
    for_each_database(|db| async move {
        let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
        let picky = Arc::new(Picky { seen: Mutex::default(), refuse: 2 });
        let responder = Arc::clone(&picky);
        answers(&server, move |request: &Request| responder.respond(request)).await;
        let duty = [bot(ReceiverKind::Wecom, &db, &server.uri())];
        let mut events = fires(8);
        for event in &mut events {
            event.alert.body.topic = vec!["供暖".repeat(60), format!("室温{}", event.alert.id)];
        }
        enqueue(&store, &events, &duty, clock.millis()).await;
        assert_eq!(publish(&store, &duty, &clock).await.retried, 1, "eight alerts are one message");
        clock.forward(60_000);
        assert_eq!(publish(&store, &duty, &clock).await.delivered, 1);
        let seen = picky.seen.lock().unwrap().clone();
        let n = seen.len() - 1;
        let numbers: Vec<String> =
            seen.iter().map(|t| t.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned()).collect();
        let mut wanted: Vec<String> = (1..=n).map(|i| format!("({i}/{n})")).collect();
        wanted.insert(1, format!("(2/{n})"));
        assert!(n >= 2);
        assert_eq!(numbers, wanted);
        for event in &events {
            let name = event.alert.id.to_string();
            assert_eq!(
                seen.iter().filter(|t| t.contains(&name)).count(),
                1 + usize::from(seen[1].contains(&name))
            );
        }
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_gets_at_most_twenty_messages_a_minute() {
    for_each_database(|db| async move {
        let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
        answers(&server, taken(ReceiverKind::Wecom)).await;
        let duty = [bot(ReceiverKind::Wecom, &db, &server.uri())];
        // One run an event, so that they are not one message.
        for event in fires(45) {
            enqueue(&store, &[event], &duty, clock.millis()).await;
            compose::compose(&store, desk(&duty), clock.millis()).await.unwrap();
        }
        let (limits, client) = (limits(Duration::from_secs(5)), deliver::client().unwrap());
        let mut sent = Vec::new();
        for second in 0..300 {
            let cancel = tokio_util::sync::CancellationToken::new();
            let summary =
                deliver::drain(&store, &duty, &client, &clock.now(), &limits, &cancel).await.unwrap();
            assert_eq!((summary.retried, summary.dead), (0, 0));
            sent.extend(std::iter::repeat_n(second, usize::try_from(summary.delivered).unwrap()));
            clock.forward(1000);
        }
        assert_eq!(sent.len(), 45);
        let most = (0..300).map(|s| sent.iter().filter(|at| (s..s + 60).contains(*at)).count()).max();
        assert!(most <= Some(20), "{most:?} in a minute");
        assert!(store.deliveries("delivered", 99).await.unwrap().iter().all(|d| d.attempts == 1));
        println!("45 messages took {} s, at most {} in a minute", sent.last().unwrap(), most.unwrap());
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_can_carry_what_an_alertmanager_posts() {
    for_each_database(|db| async move {
        let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
        answers(&server, ResponseTemplate::new(200)).await;
        let secret = db.folder.join("hub.secret");
        std::fs::write(&secret, KEY).unwrap();
        let hub = [Receiver {
            url: server.uri(),
            secret_file: Some(secret),
            body: WebhookBody::AlertmanagerV4,
            ..crate::publish::receiver("hub", "")
        }];
        enqueue(&store, &fires(1), &hub, clock.millis()).await;
        assert_eq!(publish(&store, &hub, &clock).await.delivered, 1);
        let request = &server.received_requests().await.unwrap()[0];
        standardwebhooks::Webhook::new(KEY).unwrap().verify(&request.body, &request.headers).unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!((&body["version"], &body["status"]), (&json!("4"), &json!("firing")));
        assert_eq!(body["alerts"][0]["labels"]["alertname"], "WeisuAlert");
        store.close().await;
    })
    .await;
}

fn mail(db: &Database, server: &MailServer, login: Option<&str>) -> Receiver {
    let secret_file = login.map(|text| {
        let path = db.folder.join("mail.login");
        std::fs::write(&path, text).unwrap();
        path
    });
    Receiver {
        kind: ReceiverKind::Smtp,
        tls: Encryption::None,
        from: "weisu <weisu@city.example>".into(),
        to: vec!["a@office.example".into(), "B <b@office.example>".into()],
        immediate: Some(Severity::Low),
        secret_file,
        ..crate::publish::receiver("planners", &server.url())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_arrives_and_one_alert_is_one_thread() {
    for_each_database(|db| async move {
        let (store, clock) = (db.open().await.unwrap(), Hand::new());
        let login = ("weisu@city.example", "p4ssword");
        let server = MailServer::start(Manner { login: Some(login), ..Manner::default() }).await;
        let office = [mail(&db, &server, Some("weisu@city.example\np4ssword\n"))];
        for kind in [EventKind::Firing, EventKind::Updated, EventKind::Resolved] {
            enqueue(&store, &[event(1, kind, 20_000)], &office, clock.millis()).await;
            assert_eq!(publish(&store, &office, &clock).await.delivered, 1);
            clock.forward(1000);
        }
        enqueue(&store, &fires(3)[1..], &office, clock.millis()).await;
        assert_eq!(publish(&store, &office, &clock).await.delivered, 1);
        let got = server.got();
        assert_eq!(got.len(), 4);
        assert_eq!(got[0].to, ["RCPT TO:<a@office.example>", "RCPT TO:<b@office.example>"]);
        let root = "<alert-00000000-0000-0000-0000-000000000001@city.example>";
        assert_eq!(got[0].header("Message-ID").as_deref(), Some(root));
        for later in &got[1..3] {
            assert_eq!(later.header("In-Reply-To").as_deref(), Some(root));
            assert_eq!(later.header("References").as_deref(), Some(root));
            assert_eq!(later.header("Subject"), got[0].header("Subject"));
            assert_ne!(later.header("Message-ID"), got[0].header("Message-ID"));
        }
        assert_eq!(got[3].header("References").unwrap().matches("<alert-").count(), 2);
        assert!(got[0].header("Date").is_some());
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_not_sent_where_encryption_was_asked_for_and_cannot_be_had() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::sqlite(&folder);
    let (store, clock) = (db.open().await.unwrap(), Hand::new());
    let (plain, (wrong, hellos)) = (MailServer::start(Manner::default()).await, wrong_certificate());
    let address = reqwest::Url::parse(&wrong).unwrap();
    let starttls = Receiver { tls: Encryption::Starttls, name: "starttls".into(), ..mail(&db, &plain, None) };
    let url = format!("smtp://localhost:{}", address.port().unwrap());
    let tls = Receiver { tls: Encryption::Tls, name: "tls".into(), url, ..starttls.clone() };
    let both = [starttls, tls];
    enqueue(&store, &fires(1), &both, clock.millis()).await;
    assert_eq!(publish(&store, &both, &clock).await.retried, 2);
    for row in store.deliveries("pending", 9).await.unwrap() {
        let error = row.last_error.unwrap();
        let wanted = if row.receiver == "tls" { "certificate" } else { "STARTTLS" };
        assert!(error.contains(wanted), "{}: {error}", row.receiver);
    }
    assert_eq!(plain.got(), []);
    assert!(hellos.load(std::sync::atomic::Ordering::SeqCst) > 0);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_is_refused_is_tried_again_and_no_password_is_kept() {
    for_each_database(|db| async move {
        let (store, clock) = (db.open().await.unwrap(), Hand::new());
        let login = Some(("weisu@city.example", "p4ssword"));
        let server = MailServer::start(Manner { login, rcpt: Some("451 4.7.1 try later") }).await;
        let wrong = [mail(&db, &server, Some("weisu@city.example\nhunter2\n"))];
        enqueue(&store, &fires(1), &wrong, clock.millis()).await;
        assert_eq!(publish(&store, &wrong, &clock).await.retried, 1);
        let error = last_error(&store).await;
        assert!(error.contains("535") || error.contains("not you"), "{error}");
        let encoded = BASE64_STANDARD.encode("\0weisu@city.example\0hunter2");
        assert!(!error.contains("hunter2") && !error.contains(&encoded), "{error}");
        clock.forward(3_600_000);
        let right = [mail(&db, &server, Some("weisu@city.example\np4ssword\n"))];
        assert_eq!(publish(&store, &right, &clock).await.retried, 1);
        assert!(last_error(&store).await.contains("try later"), "{}", last_error(&store).await);
        assert_eq!(server.got(), []);
        store.close().await;
    })
    .await;
}

/// Everything logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Answers with everything it was asked, as some servers do.
fn echo(request: &Request) -> ResponseTemplate {
    let text = format!("nothing at {} for {}", request.url, String::from_utf8_lossy(&request.body));
    let signs = text.contains("sign=") || text.contains("\"sign\"");
    let sign = if signs { SIGN } else { "" };
    ResponseTemplate::new(404).set_body_string(format!("{sign} send-k3yinpath k3yinquery {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_reach_no_log_no_error_and_no_print_out() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::sqlite(&folder);
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // For the whole process: what other tests of it log must hold no key either.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
    answers(&server, echo).await;
    let mails = MailServer::start(Manner { login: Some(("weisu", "other")), ..Manner::default() }).await;
    let mut receivers: Vec<Receiver> = BOTS.into_iter().map(|kind| bot(kind, &db, &server.uri())).collect();
    // One that cannot be reached.
    let dead = db.folder.join("dead.url");
    std::fs::write(&dead, "http://127.0.0.1:9/robot/send-k3yinpath?access_token=k3yinquery\n").unwrap();
    receivers.push(Receiver { name: "dead".into(), url_file: Some(dead), ..receivers[0].clone() });
    // One whose file is no address.
    let broken = db.folder.join("broken.url");
    std::fs::write(&broken, "k3yinquery\n").unwrap();
    receivers.push(Receiver { name: "broken".into(), url_file: Some(broken), ..receivers[0].clone() });
    receivers.push(mail(&db, &mails, Some("weisu\nk3yinlogin\n")));
    enqueue(&store, &fires(1), &receivers, clock.millis()).await;
    let summary = publish(&store, &receivers, &clock).await;
    assert_eq!((summary.retried, summary.unusable.len()), (6, 1), "{summary:?}");
    let rows = format!("{:?} {summary:?}", store.deliveries("pending", 99).await.unwrap());
    let config = weisu::config::Config { receiver: receivers, ..Default::default() };
    let printed = toml::to_string(&config).unwrap();
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("delivery") && logged.lines().count() > 10, "{logged}");
    for secret in ["k3yinpath", "k3yinquery", "k3yinlogin", SIGN] {
        for (place, text) in [("log", &logged), ("outbox", &rows), ("print-out", &printed)] {
            let found = text.lines().find(|line| line.contains(secret));
            assert_eq!(found, None, "{secret} in the {place}");
        }
    }
    store.close().await;
}
