//! A real headless Chromium, driven over its debugging protocol.
//!
//! The protocol runs over a pipe (messages of JSON, each ended by a zero byte), so that neither a port nor a WebSocket
//! library is needed. Chromium reads from descriptor 3 and writes to 4; a shell lays our pipes there.
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use base64::Engine;
use serde_json::{Value, json};

/// How long the browser may take over anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running browser with one page; it ends with the value.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    events: VecDeque<Value>,
    session: Option<String>,
    next: u64,
    _profile: tempfile::TempDir,
}

/// What a page is looked at with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Width in CSS pixels.
    pub width: u32,
    /// Height in CSS pixels.
    pub height: u32,
    /// A phone: touch, and the page's own idea of its width.
    pub phone: bool,
    /// The reader prefers dark pages.
    pub dark: bool,
}

impl Screen {
    /// A planner's desk.
    pub const DESK: Self = Self { width: 1280, height: 860, phone: false, dark: false };
    /// A duty officer's phone.
    pub const PHONE: Self = Self { width: 390, height: 844, phone: true, dark: false };
}

/// Whether there is a browser here; says so when there is none.
pub fn available() -> bool {
    let found = Command::new("chromium").arg("--version").output().is_ok_and(|o| o.status.success());
    if !found {
        println!("skipped: no chromium here; tests/run installs it");
    }
    found
}

impl Browser {
    /// Starts one.
    pub fn start() -> Self {
        const FLAGS: [&str; 10] = [
            "--headless",
            "--remote-debugging-pipe",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ];
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh"])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, from) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(out).split(0).map_while(Result::ok) {
                if sender.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    break;
                }
            }
        });
        let mut browser =
            Self { child, to, from, events: VecDeque::new(), session: None, next: 0, _profile: profile };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached =
            browser.call("Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network", "Accessibility"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// The result of a command.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut message = json!({ "id": id, "method": method });
        message["params"] = params;
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let answer = self.from.recv_timeout(PATIENCE).unwrap_or_else(|e| panic!("{method}: {e}"));
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push_back(answer);
        }
    }

    /// Waits for the next event of a name.
    fn wait(&mut self, method: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        let mut seen = 0;
        loop {
            if let Some(at) = self.events.iter().skip(seen).position(|e| e["method"] == method) {
                return self.events[seen + at].clone();
            }
            seen = self.events.len();
            let left = until.saturating_duration_since(Instant::now());
            self.events.push_back(self.from.recv_timeout(left).unwrap_or_else(|e| panic!("{method}: {e}")));
        }
    }

    /// Opens an address and waits until it has loaded; what was seen of the page before is forgotten.
    pub fn open(&mut self, url: &str, screen: Screen) {
        self.look(screen);
        self.events.clear();
        self.call("Page.navigate", json!({ "url": url }));
        self.wait("Page.loadEventFired");
        // Two frames later scripts that wait for the page have drawn.
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))");
    }

    /// Changes the screen.
    pub fn look(&mut self, screen: Screen) {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": screen.width, "height": screen.height, "deviceScaleFactor": 1, "mobile": screen.phone }),
        );
        let scheme = if screen.dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// The value of an expression in the page; a promise is waited for.
    pub fn run(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.call("Runtime.evaluate", params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {}", result["exceptionDetails"]);
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub fn until(&mut self, expression: &str) {
        let give_up = Instant::now() + PATIENCE;
        while self.run(&format!("Boolean({expression})")) != true {
            assert!(Instant::now() < give_up, "never true: {expression}");
            self.run("new Promise(done => setTimeout(() => done(1), 20))");
        }
    }

    /// Presses a key and lets it go.
    pub fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            other => panic!("no such key: {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            self.call(
                "Input.dispatchKeyEvent",
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text }),
            );
        }
    }

    /// Everything that the page complained about since it was opened: errors and warnings of the console, exceptions,
    /// broken policies, files that did not load.
    pub fn complaints(&self) -> Vec<String> {
        let complaint = |event: &Value| {
            let params = &event["params"];
            match event["method"].as_str()? {
                "Runtime.exceptionThrown" => Some(params["exceptionDetails"].to_string()),
                "Runtime.consoleAPICalled" if params["type"] != "log" => Some(params["args"].to_string()),
                "Log.entryAdded" => Some(params["entry"]["text"].to_string()),
                "Network.loadingFailed" => Some(params["errorText"].to_string()),
                "Network.responseReceived" if params["response"]["status"].as_u64()? >= 400 => {
                    Some(params["response"]["url"].to_string())
                }
                _ => None,
            }
        };
        self.events.iter().filter_map(complaint).collect()
    }

    /// A picture, of the screen or of the whole page.
    pub fn picture(&mut self, whole: bool) -> Vec<u8> {
        let mut params = json!({ "format": "png", "captureBeyondViewport": whole });
        if whole {
            let size = self.call("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
            params["clip"] =
                json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        }
        let data = self.call("Page.captureScreenshot", params)["data"].clone();
        base64::engine::general_purpose::STANDARD.decode(data.as_str().unwrap()).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its helpers end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
