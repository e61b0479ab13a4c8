//! Banners: uploaded by administrators, had in four sizes by everybody.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use crate::harness::{Answer, System, on_each_engine, token};

const SIZES: [(&str, u32, u32); 4] =
    [("w1440h480", 1440, 480), ("w726h242", 726, 242), ("w435h145", 435, 145), ("w348h116", 348, 116)];

fn picture(format: ImageFormat, color: [u8; 3]) -> Vec<u8> {
    let mut content = Cursor::new(Vec::new());
    RgbImage::from_pixel(1500, 600, Rgb(color)).write_to(&mut content, format).unwrap();
    content.into_inner()
}

fn put(system: &System, path: &str, username: &str, content_type: &str, content: &[u8]) -> Answer {
    let authorization = format!("JWT {}", token(username));
    system.send("PUT", path, &[("Authorization", &authorization), ("Content-Type", content_type)], content)
}

/// Every size is there, and has this colour, as far as JPEG keeps it.
fn assert_pictures(system: &System, urls: &Value, color: Option<[u8; 3]>) {
    assert_eq!(urls.as_object().unwrap().len(), SIZES.len(), "{urls}");
    for (key, width, height) in SIZES {
        let path = urls[key].as_str().unwrap().strip_prefix(&system.url).unwrap();
        let answer = system.get_anonymously(path);
        assert_eq!((answer.status, answer.content_type.as_str()), (200, "image/jpeg"), "{path}");
        assert!(answer.headers["cache-control"].to_str().unwrap().contains("immutable"));
        let picture = image::load_from_memory_with_format(&answer.bytes, ImageFormat::Jpeg).unwrap().to_rgb8();
        assert_eq!((picture.width(), picture.height()), (width, height));
        if let Some(color) = color {
            let middle = picture.get_pixel(width / 2, height / 2).0;
            assert!(middle.iter().zip(color).all(|(one, other)| one.abs_diff(other) < 8), "{middle:?}");
        }
    }
}

#[test]
fn a_program_has_its_own_banner_or_that_of_all_others() {
    let (own, default) = ("/api/v1/programs/active/banner_image/", "/api/v1/program_default/banner_image/");
    let (red, blue) = ([200, 10, 10], [10, 10, 200]);
    on_each_engine(|system| {
        let urls = |slug: &str| system.program(slug)["banner_image_urls"].clone();
        assert_pictures(system, &urls("active"), None);
        let answer = put(system, own, "boss", "image/png", &picture(ImageFormat::Png, red));
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body["banner_image_urls"], urls("active"));
        assert_eq!(system.get(own, "ada").body, answer.body);
        assert_pictures(system, &urls("active"), Some(red));
        assert_ne!(urls("retired"), urls("active"));

        let answer = put(system, default, "boss", "image/jpeg", &picture(ImageFormat::Jpeg, blue));
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(system.get(default, "boss").body, answer.body);
        assert_pictures(system, &urls("retired"), Some(blue));
        assert_pictures(system, &urls("active"), Some(red));

        let authorization = format!("JWT {}", token("boss"));
        let remove = |path| system.send("DELETE", path, &[("Authorization", authorization.as_str())], &[]).status;
        let old = urls("active")["w348h116"].as_str().unwrap().strip_prefix(&system.url).unwrap().to_owned();
        assert_eq!(remove(own), 204);
        assert_eq!(urls("active"), urls("retired"));
        assert_eq!(system.get_anonymously(&old).status, 404, "nobody has it any more");
        assert_eq!((remove(default), system.count("SELECT count(*) FROM banner_images")), (204, 0));
        assert_pictures(system, &urls("active"), None);
        let history = system.get("/api/v1/programs/active/history/", "boss").body;
        assert_eq!(history["results"][0]["changes"], json!({ "banner_image": { "to": null } }));
    });
}

#[test]
fn what_is_no_banner_is_refused() {
    let path = "/api/v1/programs/active/banner_image/";
    on_each_engine(|system| {
        let good = picture(ImageFormat::Jpeg, [0, 0, 0]);
        let small = {
            let mut content = Cursor::new(Vec::new());
            RgbImage::new(100, 100).write_to(&mut content, ImageFormat::Png).unwrap();
            content.into_inner()
        };
        for (username, content_type, content, status) in [
            ("ada", "image/jpeg", &good[..], 403),
            ("writer", "image/jpeg", &good, 403),
            ("boss", "image/gif", &good, 415),
            ("boss", "application/json", b"{}", 415),
            ("boss", "image/png", b"no picture", 400),
            ("boss", "image/png", &small, 400),
            ("boss", "image/png", &vec![0; (8 << 20) + 1], 413),
        ] {
            let answer = put(system, path, username, content_type, content);
            assert_eq!(answer.status, status, "{username} {content_type} {:?}", answer.body);
            assert_eq!(answer.content_type, "application/problem+json");
        }
        for path in [
            "/media/program_banners/x",
            "/media/program_banners/0__435x145.jpg",
            "/media/program_banners/%00__435x145.jpg",
        ] {
            assert_eq!(system.get_anonymously(path).status, 404, "{path}");
        }
        assert_eq!(put(system, "/api/v1/programs/nothing/banner_image/", "boss", "image/jpeg", &good).status, 404);
    });
}
