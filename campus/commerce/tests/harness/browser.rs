//! A browser, driven by the protocol of WebDriver.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Long enough for a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);
/// The name of an element in the protocol.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A running browser; it ends when it is dropped.
pub struct Browser {
    driver: Child,
    /// The address of the session.
    session: String,
    agent: ureq::Agent,
}

impl Browser {
    /// Starts one, if it is installed.
    pub fn start(script: bool) -> Option<Self> {
        let found = ["/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver"]
            .into_iter()
            .find(|path| Path::new(path).exists());
        let Some(program) = found else {
            assert!(std::env::var_os("CI").is_none(), "chromedriver is not installed");
            eprintln!("skipped: chromedriver is not installed");
            return None;
        };
        let mut driver =
            Command::new(program).arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port: u16 = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.rsplit_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok())
            .expect("the driver says where it listens");
        // Somebody has to read what it says, or it would wait for its pipe.
        std::thread::spawn(move || lines.count());
        let settings = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        let mut browser = Self { driver, session: format!("http://127.0.0.1:{port}/session"), agent: settings.into() };
        let arguments =
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1200,1400"];
        let mut options = json!({ "args": arguments });
        if !script {
            options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
        let capabilities =
            json!({ "capabilities": { "alwaysMatch": { "browserName": "chrome", "goog:chromeOptions": options } } });
        let made = browser.send("POST", "", &capabilities);
        let id = made["sessionId"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        browser.session = format!("{}/{id}", browser.session);
        Some(browser)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.session));
        let answer = match method {
            "POST" => {
                self.agent.run(request.header("Content-Type", "application/json").body(body.to_string()).unwrap())
            }
            _ => self.agent.run(request.body(()).unwrap()),
        };
        answer.unwrap().body_mut().with_config().limit(64 << 20).read_json::<Value>().unwrap()["value"].take()
    }

    /// Goes to an address.
    pub fn open(&self, url: &str) {
        self.send("POST", "/url", &json!({ "url": url }));
    }

    /// The address where it is.
    pub fn url(&self) -> String {
        self.send("GET", "/url", &Value::Null).as_str().unwrap().to_owned()
    }

    /// The first element of that selector, as soon as there is one.
    fn find(&self, selector: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.send("POST", "/element", &json!({ "using": "css selector", "value": selector }));
            if let Some(id) = found[ELEMENT].as_str() {
                return format!("/element/{id}");
            }
            assert!(Instant::now() < deadline, "no {selector} at {}: {}", self.url(), self.text("body"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How many elements there are of that selector.
    pub fn count(&self, selector: &str) -> usize {
        let found = self.send("POST", "/elements", &json!({ "using": "css selector", "value": selector }));
        found.as_array().map_or(0, Vec::len)
    }

    /// The visible text of an element.
    pub fn text(&self, selector: &str) -> String {
        let element = self.find(selector);
        self.send("GET", &format!("{element}/text"), &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// The value of a field.
    pub fn value(&self, selector: &str) -> String {
        let element = self.find(selector);
        self.send("GET", &format!("{element}/property/value"), &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// The id of the element that has the focus.
    pub fn focused(&self) -> String {
        let active = self.send("GET", "/element/active", &Value::Null);
        let id = active[ELEMENT].as_str().unwrap_or_default();
        self.send("GET", &format!("/element/{id}/property/id"), &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// Presses on an element.
    pub fn click(&self, selector: &str) {
        let element = self.find(selector);
        let answer = self.send("POST", &format!("{element}/click"), &json!({}));
        assert!(answer["error"].is_null(), "{selector}: {answer}");
    }

    /// Puts a text into a field, in the place of what is there.
    pub fn fill(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.send("POST", &format!("{element}/clear"), &json!({}));
        let answer = self.send("POST", &format!("{element}/value"), &json!({ "text": text }));
        assert!(answer["error"].is_null(), "{selector}: {answer}");
    }

    /// Runs a script.
    pub fn run(&self, script: &str) -> Value {
        self.send("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Drags one element over another with the mouse, and a bit further.
    pub fn drag(&self, from: &str, to: &str) {
        let (from, to) = (self.find(from), self.find(to));
        let origin = |element: &str| json!({ ELEMENT: element.trim_start_matches("/element/") });
        let walk = |element: &str, y: i32| json!({ "type": "pointerMove", "duration": 50, "x": 0, "y": y, "origin": origin(element) });
        let actions = json!([
            walk(&from, 0),
            { "type": "pointerDown", "button": 0 },
            walk(&to, 0),
            walk(&to, -30),
            { "type": "pointerUp", "button": 0 },
        ]);
        let mouse =
            json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": actions });
        let answer = self.send("POST", "/actions", &json!({ "actions": [mouse] }));
        assert!(answer["error"].is_null(), "{answer}");
    }

    /// Waits until a text is in the page.
    pub fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.text("body").contains(text) {
            assert!(Instant::now() < deadline, "no '{text}' at {}: {}", self.url(), self.text("body"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Keeps a picture of the page, if `SCREENSHOTS` names a directory.
    pub fn picture(&self, name: &str) {
        let Some(directory) = std::env::var_os("SCREENSHOTS").map(PathBuf::from) else { return };
        let picture = self.send("GET", "/screenshot", &Value::Null);
        let bytes = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, picture.as_str().unwrap()).unwrap();
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(format!("{name}.png")), bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
