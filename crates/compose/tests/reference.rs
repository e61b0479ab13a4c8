//! The reference of the format is what the reader says of it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

use std::fmt::Write;
use std::path::Path;

use compose::{Support, reference};

const BEGIN: &str = "<!-- generated: keys -->\n";
const END: &str = "<!-- end -->";

#[test]
fn the_reference_says_what_the_reader_does() {
    let mut text = "\n| key | what Seedbed does |\n| --- | --- |\n".to_owned();
    for row in reference() {
        let said = match row.support {
            Support::Done => "as Compose".to_owned(),
            Support::Differs(how) => format!("differs: {how}"),
            Support::NoEffect(why) => format!("no effect: {why}"),
            Support::Refused(why) => format!("an error: {why}"),
        };
        writeln!(text, "| `{}` | {} |", row.path, said.replace('|', "\\|")).unwrap();
    }
    text.push('\n');
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/compose.md");
    let document = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    if shown != text && std::env::var_os("SEEDBED_BLESS").is_some() {
        std::fs::write(&file, format!("{before}{BEGIN}{text}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        shown, text,
        "docs/reference/compose.md is not what the reader says; `cargo xtask bless` writes it anew"
    );
}
