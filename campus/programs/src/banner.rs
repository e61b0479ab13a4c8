//! Banners of programs: the sizes that there are, how they are scaled, and the one of programs without their own.

use std::io::Cursor;
use std::sync::OnceLock;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, ImageReader, Limits, Rgb, RgbImage};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Width and height of the banners, in pixels.
pub const SIZES: [(u32, u32); 4] = [(1440, 480), (726, 242), (435, 145), (348, 116)];
/// The largest picture that is taken, in bytes.
pub const LARGEST_UPLOAD: usize = 8 << 20;
/// The largest picture that is taken, in pixels of one side, and in bytes of memory.
const LARGEST_SIDE: u32 = 8192;
const LARGEST_PICTURE: u64 = 128 << 20;
const QUALITY: u8 = 85;
/// How the banner that the service draws is called where others have a digest.
const DRAWN: &str = "default";

/// A picture that was uploaded, in every size, as JPEG.
#[derive(Debug)]
pub struct Banner {
    /// The digest of what was uploaded, by which it is called.
    pub digest: String,
    /// Width and content.
    pub sizes: Vec<(u32, Vec<u8>)>,
}

/// Why a picture cannot be a banner; the text is for whoever sent it.
#[derive(Debug, thiserror::Error)]
pub enum BannerError {
    /// Neither of the two formats.
    #[error("The picture has to be a PNG or a JPEG.")]
    Format,
    /// Broken, or too large to be looked at.
    #[error("The picture cannot be read: {0}.")]
    Unreadable(image::ImageError),
    /// Smaller than the largest banner.
    #[error("The picture has {0} x {1} pixels; it needs at least 1440 x 480.")]
    Small(u32, u32),
}

/// Scales a picture to all sizes; what does not fit the shape of a banner is cut off on both sides. Takes its time.
pub fn scale(upload: &[u8]) -> Result<Banner, BannerError> {
    let mut reader = ImageReader::new(Cursor::new(upload)).with_guessed_format().map_err(|_| BannerError::Format)?;
    if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Jpeg)) {
        return Err(BannerError::Format);
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(LARGEST_PICTURE);
    reader.limits(limits);
    let picture = reader.decode().map_err(BannerError::Unreadable)?;
    if picture.width() < SIZES[0].0 || picture.height() < SIZES[0].1 {
        return Err(BannerError::Small(picture.width(), picture.height()));
    }
    let digest = Sha256::digest(upload).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    // The smaller ones are made of the largest, which is faster, and as good.
    let largest = picture.resize_to_fill(SIZES[0].0, SIZES[0].1, FilterType::Lanczos3);
    let sizes = SIZES.map(|(width, height)| (width, jpeg(&largest.resize_exact(width, height, FilterType::Lanczos3))));
    Ok(Banner { digest, sizes: sizes.into() })
}

fn jpeg(picture: &DynamicImage) -> Vec<u8> {
    let mut content = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut content, QUALITY);
    picture.to_rgb8().write_with_encoder(encoder).expect("memory takes every picture of these sizes");
    content
}

/// The banner of programs that have none, in one of the sizes: drawn when it is first asked for.
pub fn drawn(width: u32) -> Option<&'static [u8]> {
    static SCALED: OnceLock<Vec<(u32, Vec<u8>)>> = OnceLock::new();
    let scaled = SCALED.get_or_init(|| {
        SIZES.map(|(width, height)| (width, jpeg(&DynamicImage::ImageRgb8(draw(width, height))))).into()
    });
    scaled.iter().find(|(size, _)| *size == width).map(|(_, content)| content.as_slice())
}

/// A slope from dark to light blue, and steps that rise over it.
fn draw(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (across, up) = (x * 256 / width, (height - 1 - y) * 256 / height);
        let step = (across / 32 + 1) * 24;
        let shade = |dark: u32, light: u32| {
            let slope = dark + (light - dark) * across / 256;
            u8::try_from(if up < step { slope } else { slope / 2 + 16 }).unwrap_or(u8::MAX)
        };
        Rgb([shade(20, 90), shade(60, 160), shade(110, 220)])
    })
}

/// The address of each size: `…/media/program_banners/NAME__435x145.jpg`, by the key `w435h145`.
pub fn urls(digest: Option<&str>, base: &str) -> Map<String, Value> {
    let name = digest.unwrap_or(DRAWN);
    let url = |(width, height): &(u32, u32)| {
        let url = format!("{base}/media/program_banners/{name}__{width}x{height}.jpg");
        (format!("w{width}h{height}"), Value::String(url))
    };
    SIZES.iter().map(url).collect()
}

/// What a file name in such an address asks for: the digest, or `None` for the drawn one; and the width.
pub fn asked(file: &str) -> Option<(Option<&str>, u32)> {
    let (name, size) = file.strip_suffix(".jpg")?.rsplit_once("__")?;
    let (width, _) = SIZES.iter().find(|(width, height)| format!("{width}x{height}") == size)?;
    Some(((name != DRAWN).then_some(name), *width))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut content = Cursor::new(Vec::new());
        draw(width, height).write_to(&mut content, ImageFormat::Png).unwrap();
        content.into_inner()
    }

    #[test]
    fn a_picture_is_scaled_to_all_sizes_and_cut_to_their_shape() {
        let banner = scale(&png(1500, 1000)).unwrap();
        let sizes: Vec<(u32, u32)> = banner
            .sizes
            .iter()
            .map(|(_, content)| {
                let picture = image::load_from_memory_with_format(content, ImageFormat::Jpeg).unwrap();
                (picture.width(), picture.height())
            })
            .collect();
        assert_eq!(sizes, SIZES);
        assert_eq!(banner.digest, scale(&png(1500, 1000)).unwrap().digest);
    }

    #[test]
    fn what_is_no_banner_is_refused() {
        let mut broken = png(1440, 480);
        broken.truncate(500);
        for (upload, reason) in [
            (&b"GIF89a"[..], "PNG or a JPEG"),
            (&[], "PNG or a JPEG"),
            (&broken, "cannot be read"),
            (&png(1440, 479), "at least 1440 x 480"),
            (&png(LARGEST_SIDE + 1, 1), "cannot be read"),
        ] {
            let error = scale(upload).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn addresses_are_understood() {
        for (digest, name) in [(None, None), (Some("abc"), Some("abc"))] {
            for (key, url) in urls(digest, "http://here") {
                let file = url.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
                let (asked_name, width) = asked(&file).unwrap();
                assert_eq!((asked_name, key.starts_with(&format!("w{width}h"))), (name, true));
                assert!(drawn(width).is_some());
            }
        }
        for file in ["", "default.jpg", "default__1x1.jpg", "default__435x145.png"] {
            assert_eq!(asked(file), None, "{file}");
        }
    }
}
