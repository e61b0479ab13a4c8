//! Versions: what a program consisted of, and consists of.

use serde_json::{Value, json};

use crate::harness::on_each_engine;

#[test]
fn a_change_of_the_courses_makes_a_new_version_and_nothing_else_does() {
    on_each_engine(|system| {
        let change = |body: &Value| {
            let answer = system.call("PATCH", "/api/v1/programs/active/", "boss", body);
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.body["version"].clone()
        };
        let before = system.program("active");
        let codes = |change: &dyn Fn(&mut Value)| {
            let mut codes = system.program("active")["course_codes"].clone();
            change(&mut codes);
            json!({ "course_codes": codes })
        };
        assert_eq!(change(&json!({ "subtitle": "x", "status": "retired" })), 1);
        assert_eq!(change(&codes(&|_| ())), 1);
        assert_eq!(change(&codes(&|codes| codes.as_array_mut().unwrap().reverse())), 1);
        assert_eq!(change(&codes(&|codes| codes[0]["display_name"] = json!("Other"))), 1);
        assert_eq!(change(&codes(&|codes| codes[0]["run_modes"][0]["start_date"] = json!("2031-01-01T00:00:00Z"))), 1);
        let now = system.program("active");
        assert_eq!(now["course_codes"][0]["key"], "DemoX", "though the order is another one");
        assert_eq!(
            (&now["course_codes"][0]["display_name"], &now["course_codes"][0]["run_modes"][1]["start_date"]),
            (&json!("Other"), &json!("2031-01-01T00:00:00Z"))
        );

        assert_eq!(change(&codes(&|codes| codes[0]["run_modes"][0]["mode_slug"] = json!("audit"))), 2);
        assert_eq!(change(&codes(&|codes| drop(codes.as_array_mut().unwrap().pop()))), 3);
        let versions = |query: &str| system.get(&format!("/api/v1/programs/active/versions/{query}"), "ada");
        let all = versions("").body;
        let shown: Vec<(&Value, &Value, usize)> = all["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (&one["number"], &one["author"], one["course_codes"].as_array().unwrap().len()))
            .collect();
        assert_eq!(shown, [(&json!(3), &json!("boss"), 1), (&json!(2), &json!("boss"), 2), (&json!(1), &json!(""), 2)]);
        assert_eq!(all["results"][0]["course_codes"], system.program("active")["course_codes"]);
        assert_eq!(all["results"][2]["course_codes"][1]["key"], before["course_codes"][0]["key"]);
        for (page, number) in [(1, 3), (2, 2), (3, 1)] {
            let one = versions(&format!("?page_size=1&page={page}")).body;
            assert_eq!((&one["results"][0]["number"], &one["num_pages"]), (&json!(number), &json!(3)));
        }
        assert_eq!((versions("?page=2").status, versions("?page_size=2&page=2").status), (404, 200));
        assert_eq!(system.get("/api/v1/programs/unpublished/versions/", "ada").status, 404);
    });
}
