//! The pages to administrate programs, in a browser and without one.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

mod harness;

use commerce::Settings;
use harness::{Browser, PASSWORD, Programs, System, on_each_engine_with};
use serde_json::json;

const SEED: &str = include_str!("seed.sql");

fn with_programs(test: impl Fn(&System, &Programs)) {
    let programs = Programs::start();
    let settings = Settings { programs_url: Some(programs.url.clone()), rate_limit: None, ..Settings::default() };
    on_each_engine_with(SEED, &settings, |system| test(system, &programs));
}

fn sign_in(browser: &Browser, system: &System, username: &str, password: &str) {
    browser.open(&format!("{}/programs/", system.url));
    browser.fill("#username", username);
    browser.fill("#password", password);
    browser.click("main button");
}

fn keys(program: &serde_json::Value) -> Vec<&str> {
    program["course_codes"].as_array().unwrap().iter().map(|code| code["key"].as_str().unwrap()).collect()
}

#[test]
fn a_program_from_the_first_form_to_its_restoration() {
    let Some(browser) = Browser::start(true) else { return };
    with_programs(|system, programs| {
        let before = programs.all().len();
        let name = format!("Series <{before}>");
        sign_in(&browser, system, "staff", "wrong");
        browser.wait_for("There is no such user, or the password is another one.");
        assert_eq!(browser.value("#username"), "staff");
        browser.picture("sign-in");
        sign_in(&browser, system, "staff", PASSWORD);
        browser.wait_for("Sign out");

        browser.click("main a.primary");
        browser.fill("#name", &name);
        browser.run("document.querySelector('#organizations').value = 'edX'");
        for (index, key) in ["A", "B", "C"].iter().enumerate() {
            browser.click("button[value=add-code]");
            let field = |name: &str| format!("#course_codes-{index}-{name}");
            browser.fill(&field("key"), key);
            browser.fill(&field("display_name"), &format!("Course {key}"));
            browser.fill(&field("run_modes-0-course_key"), &format!("course-v1:edX+{key}+2027"));
            browser.fill(&field("run_modes-0-mode_slug"), "verified");
            browser.run(&format!(
                "document.querySelector('{}').value = '2027-01-01T09:00'",
                field("run_modes-0-start_date")
            ));
        }
        browser.picture("new");
        browser.click(".buttons button");
        browser.wait_for("The program was created.");
        let made = programs.all().pop().unwrap();
        assert_eq!((keys(&made), &made["name"]), (vec!["A", "B", "C"], &json!(name)));
        let run = &made["course_codes"][1]["run_modes"][0];
        assert_eq!(
            (&run["course_key"], &run["start_date"]),
            (&json!("course-v1:edX+B+2027"), &json!("2027-01-01T09:00:00Z"))
        );

        // By button, at once; then by dragging. Both are announced, and nothing is kept before it is saved.
        browser.click("button[value='move-up:2']");
        browser.wait_for("C is now number 2 of 3.");
        browser.drag(".code:nth-child(3) .handle", ".code:nth-child(1) .handle");
        browser.wait_for("B is now number 1 of 3.");
        browser.picture("moved");
        assert_eq!(keys(&programs.all().pop().unwrap()), ["A", "B", "C"]);
        browser.click(".code:nth-child(2) .moves .danger");
        browser.fill("#course_codes-0-run_modes-0-course_key", "nonsense");
        browser.click(".buttons button");
        browser.wait_for("This has to be put right");
        assert_eq!(browser.text("#course_codes-0-run_modes-0-course_key-reason"), "Invalid course key.");
        browser.picture("refused");
        browser.fill("#course_codes-0-run_modes-0-course_key", "course-v1:edX+B+2028");
        browser.click("button[value='add-run:1']");
        browser.fill("#course_codes-1-run_modes-1-course_key", "course-v1:edX+C+2028");
        browser.click(".buttons button");
        browser.wait_for("The program was saved.");
        let saved = programs.all().pop().unwrap();
        assert_eq!(
            (keys(&saved), saved["course_codes"][1]["run_modes"].as_array().unwrap().len()),
            (vec!["B", "C"], 2)
        );

        browser.click("button[value=active]");
        browser.wait_for("Active XSeries Programs must have a valid marketing slug.");
        browser.fill("#marketing_slug", "series");
        browser.click(".buttons button");
        browser.wait_for("The program was saved.");
        browser.click("button[value=active]");
        browser.wait_for("The program is active.");
        browser.click("button[value=retired]");
        browser.wait_for("The program is retired.");
        browser.open(&format!("{}/programs/?status=retired&organization=edX", system.url));
        browser.wait_for(&name);
        browser.picture("list");
        browser.open(&format!("{}/programs/?status=active", system.url));
        browser.wait_for("There are no programs like this.");

        browser.open(&format!("{}/programs/{}/", system.url, made["uuid"].as_str().unwrap()));
        browser.click("summary");
        browser.click(".state .danger");
        browser.wait_for("The program was deleted. It can be restored.");
        browser.open(&format!("{}/programs/deleted/", system.url));
        browser.picture("deleted");
        browser.click("td button");
        browser.wait_for("The program was restored.");
        browser.click("header form button");
        browser.wait_for("With your account of the learning management system.");
        browser.open(&format!("{}/programs/new", system.url));
        assert!(browser.url().ends_with("/programs/sign-in"));
    });
}

#[test]
fn without_scripts_the_buttons_are_sent() {
    let Some(browser) = Browser::start(false) else { return };
    with_programs(|system, programs| {
        sign_in(&browser, system, "staff", PASSWORD);
        browser.wait_for("Sign out");
        let before = programs.all().len();
        browser.click("main a.primary");
        browser.fill("#name", &format!("Plain {before}"));
        for (index, key) in ["A", "B"].iter().enumerate() {
            browser.click("button[value=add-code]");
            browser.fill(&format!("#course_codes-{index}-key"), key);
            browser
                .fill(&format!("#course_codes-{index}-run_modes-0-course_key"), &format!("course-v1:edX+{key}+2027"));
        }
        browser.click("button[value='move-down:0']");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while browser.value("#course_codes-0-key") != "B" {
            assert!(std::time::Instant::now() < deadline, "it does not move");
        }
        browser.click("button[value='remove-run:1:0']");
        browser.click(".buttons button");
        browser.wait_for("The program was created.");
        let made = programs.all().pop().unwrap();
        assert_eq!((keys(&made), made["course_codes"][1]["run_modes"].as_array().unwrap().len()), (vec!["B", "A"], 0));
    });
}

#[test]
fn nobody_works_on_programs_who_may_not_and_no_other_site_can_make_one_do_it() {
    with_programs(|system, programs| {
        let settings = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
        let agent: ureq::Agent = settings.into();
        let before = programs.all().len();
        let send = |path: &str, cookie: &str, origin: Option<&str>, form: &[(&str, &str)]| {
            let mut request = agent.post(format!("{}{path}", system.url)).header("Cookie", cookie);
            if let Some(origin) = origin {
                request = request.header("Origin", origin);
            }
            let mut response = request.send_form(form.iter().copied()).unwrap();
            let header = |name: &str| {
                response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
            };
            let (cookie, location) = (header("set-cookie"), header("location"));
            (response.status().as_u16(), cookie, location, response.body_mut().read_to_string().unwrap())
        };
        let account = |username: &'static str| [("username", username), ("password", PASSWORD)];
        let (status, cookie, location, _) = send("/programs/sign-in", "", None, &account("staff"));
        assert_eq!((status, location.as_str()), (303, "/programs/"));
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/programs"));
        assert!(!cookie.contains("eyJ"), "the token is sealed");
        let staff = cookie.split(';').next().unwrap();
        assert_eq!(send("/programs/sign-in", "", Some("http://evil.example.com"), &account("staff")).0, 403);

        let get = |path: &str, cookie: &str| {
            let mut response = agent.get(format!("{}{path}", system.url)).header("Cookie", cookie).call().unwrap();
            let policy = response.headers().get("content-security-policy").is_some();
            (response.status().as_u16(), policy, response.body_mut().read_to_string().unwrap())
        };
        assert_eq!((get("/programs/", "").0, get("/programs/", "commerce_session=x").0), (303, 303));
        let (status, policy, page) = get("/programs/new", staff);
        assert!(status == 200 && policy && page.contains("The &lt;University&gt;"), "{page}");
        let csrf = page.split_once("name=\"csrf\" value=\"").unwrap().1.split('"').next().unwrap();
        let form =
            |csrf: &'_ str| [("csrf".to_owned(), csrf.to_owned()), ("name".to_owned(), format!("Forged {before}"))];
        for (csrf, origin, expected) in [
            ("", None, 403),
            ("guessed", None, 403),
            (csrf, Some("http://evil.example.com"), 403),
            (csrf, Some(system.url.as_str()), 303),
        ] {
            let form = form(csrf);
            let pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let (status, _, _, page) = send("/programs/new", staff, origin, &pairs);
            assert_eq!(status, expected, "{csrf} {origin:?}: {page}");
        }
        assert_eq!(programs.all().len(), before + 1);

        let (_, cookie, ..) = send("/programs/sign-in", "", None, &account("ada"));
        let ada = cookie.split(';').next().unwrap();
        let (status, _, page) = get("/programs/", ada);
        assert!(status == 403 && page.contains("Only administrators may work on programs."), "{page}");

        let toggle = "/api/toggles/v1/toggles/commerce.program_pages/";
        assert_eq!(system.call("PUT", toggle, Some("staff"), Some(json!({ "value": false }))).0, 200);
        assert_eq!(get("/programs/", staff).0, 404);
    });
}
