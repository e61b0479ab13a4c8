//! Where results go: a template with variables.

use time::OffsetDateTime;

/// What the variables of a template stand for.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    /// Who takes the snapshot.
    pub user: &'a str,
    /// On which machine.
    pub host: &'a str,
    /// When, in the time of that machine.
    pub time: OffsetDateTime,
    /// Which number it has.
    pub number: u64,
    /// Its tag; without one the number stands for it.
    pub tag: Option<&'a str>,
}

/// All variables.
pub const VARIABLES: [&str; 18] = [
    "USER",
    "USERNAME",
    "HOSTNAME",
    "SNAPSHOT_NO",
    "ISO_TIMESTAMP",
    "YEAR",
    "MONTH",
    "SHORT_MONTH",
    "DAY",
    "HOUR",
    "MIN",
    "SEC",
    "DATE",
    "TIME",
    "DATE_TIME",
    "DAY_OF_WEEK",
    "TAG",
    "WEEK",
];

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What is wrong with a template, if something is.
pub fn check(template: &str) -> Result<(), String> {
    if !template.starts_with("snapshots/") {
        return Err("it begins with 'snapshots/', so that results of earlier snapshots are known".to_owned());
    }
    if template.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err("its parts are names of directories".to_owned());
    }
    expand_with(template, |name| VARIABLES.contains(&name).then(String::new)).map(drop)
}

/// The directory that a template means.
pub fn expand(template: &str, values: &Values<'_>) -> Result<String, String> {
    expand_with(template, |name| value(name, values).map(|text| text.replace(['/', '\0'], "-")))
}

fn value(name: &str, values: &Values<'_>) -> Option<String> {
    let time = &values.time;
    let date = format!("{:04}-{:02}-{:02}", time.year(), u8::from(time.month()), time.day());
    let clock = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    let number = format!("{:03}", values.number);
    Some(match name {
        "USER" | "USERNAME" => values.user.to_owned(),
        "HOSTNAME" => values.host.to_owned(),
        "SNAPSHOT_NO" => number,
        "ISO_TIMESTAMP" | "DATE_TIME" => format!("{date}T{clock}"),
        "YEAR" => format!("{:04}", time.year()),
        "MONTH" => format!("{:02}", u8::from(time.month())),
        "SHORT_MONTH" => MONTHS[usize::from(u8::from(time.month())) - 1].to_owned(),
        "DAY" => format!("{:02}", time.day()),
        "HOUR" => format!("{:02}", time.hour()),
        "MIN" => format!("{:02}", time.minute()),
        "SEC" => format!("{:02}", time.second()),
        "DATE" => date,
        "TIME" => clock,
        "DAY_OF_WEEK" => time.weekday().to_string(),
        "WEEK" => format!("{:02}", time.iso_week()),
        "TAG" => values.tag.map_or(number, str::to_owned),
        _ => return None,
    })
}

fn expand_with(template: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("a '{' has no '}'")?;
        let value = value(name).ok_or_else(|| format!("'{{{name}}}' is none of {}", VARIABLES.join(", ")))?;
        text.push_str(before);
        text.push_str(&value);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn every_variable_has_a_value() {
        let time = crate::moment::calendar(UNIX_EPOCH + Duration::from_secs(1_538_316_545), 0);
        let values = Values { user: "ada", host: "test", time, number: 7, tag: None };
        for name in VARIABLES {
            assert!(value(name, &values).is_some(), "{name}");
        }
        let shown = |template: &str| expand(template, &values).unwrap();
        assert_eq!(shown("snapshots/{HOSTNAME}-{TAG}"), "snapshots/test-007");
        assert_eq!(shown("{YEAR}-{MONTH}/{DAY}/{DATE_TIME}-{USER}"), "2018-09/30/2018-09-30T14:09:05-ada");
        assert_eq!(shown("{SHORT_MONTH} {HOUR}{MIN}{SEC} {DAY_OF_WEEK} {WEEK}"), "Sep 140905 Sunday 39");
        let tagged = Values { tag: Some("v1/x"), ..values };
        assert_eq!(expand("{TAG}-{SNAPSHOT_NO}", &tagged).unwrap(), "v1-x-007");
    }

    #[test]
    fn a_bad_template_is_refused() {
        assert!(check("snapshots/{HOSTNAME}-{TAG}").is_ok());
        for bad in ["results/{TAG}", "snapshots/../{TAG}", "snapshots/{NOPE}", "snapshots/{TAG", "snapshots//x"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
