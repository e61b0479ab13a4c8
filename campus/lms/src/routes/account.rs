//! `/api/user/v1/accounts/`: what is known about a user, and what they change of it.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{Datelike, Utc};
use either_database::Database;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::error::Error;
use crate::patch::Patch;
use crate::queries::user::{self, User};

/// The longest name, in characters.
const LONGEST_NAME: usize = 255;
const LONGEST_TEXT: usize = 3000;
/// Nobody is older.
pub const FIRST_YEAR: i64 = 1900;
/// Doctorate to none, as the field is filled in by everybody who has it.
pub const LEVELS_OF_EDUCATION: [&str; 9] = ["p", "m", "b", "a", "hs", "jhs", "el", "none", "other"];

/// What users say of themselves.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub name: String,
    pub bio: Option<String>,
    pub country: Option<String>,
    pub level_of_education: Option<String>,
    pub goals: Option<String>,
    pub year_of_birth: Option<i64>,
}

impl Profile {
    fn of(user: &User) -> Self {
        Self {
            name: user.name.clone(),
            bio: user.bio.clone(),
            country: user.country.clone(),
            level_of_education: user.level_of_education.clone(),
            goals: user.goals.clone(),
            year_of_birth: user.year_of_birth,
        }
    }

    /// Whether it can be so, whoever it is of.
    pub fn check(&self) -> Result<(), Error> {
        if self.name.trim().is_empty() || self.name.chars().count() > LONGEST_NAME {
            return Err(Error::invalid("name", format!("A name has 1 to {LONGEST_NAME} characters.")));
        }
        for (field, text) in [("bio", &self.bio), ("goals", &self.goals)] {
            if text.as_ref().is_some_and(|text| text.chars().count() > LONGEST_TEXT) {
                return Err(Error::invalid(field, format!("At most {LONGEST_TEXT} characters are kept.")));
            }
        }
        let is_code = |code: &String| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        if !self.country.as_ref().is_none_or(is_code) {
            return Err(Error::invalid("country", "A country is two capital letters, as in ISO 3166-1."));
        }
        if !self.level_of_education.as_deref().is_none_or(|level| LEVELS_OF_EDUCATION.contains(&level)) {
            let reason = format!("A level of education is one of {}.", LEVELS_OF_EDUCATION.join(", "));
            return Err(Error::invalid("level_of_education", reason));
        }
        let this_year = i64::from(Utc::now().year());
        if self.year_of_birth.is_some_and(|year| !(FIRST_YEAR..=this_year).contains(&year)) {
            return Err(Error::invalid(
                "year_of_birth",
                format!("A year from {FIRST_YEAR} on, and not in the future."),
            ));
        }
        Ok(())
    }
}

/// Everything for the user and for staff; for others the name alone.
pub async fn show(
    State(database): State<Database>,
    caller: Caller,
    Path(username): Path<String>,
) -> Result<Json<Value>, Error> {
    let user = user::by_username(&database, &username).await?.ok_or_else(Error::not_found)?;
    Ok(Json(if caller.may_act_for(&username) { item(&user) } else { json!({ "username": user.username }) }))
}

/// Changes what users say of themselves; another's is not found, except for staff.
pub async fn change(
    State(database): State<Database>,
    caller: Caller,
    Path(username): Path<String>,
    patch: Patch,
) -> Result<Json<Value>, Error> {
    if !caller.may_act_for(&username) {
        return Err(Error::not_found());
    }
    let user = user::by_username(&database, &username).await?.ok_or_else(Error::not_found)?;
    let profile = patch.applied_to(&Profile::of(&user))?;
    profile.check()?;
    let Profile { name, bio, country, level_of_education, goals, year_of_birth } = profile;
    let user = User { name, bio, country, level_of_education, goals, year_of_birth, ..user };
    user::update_profile(&database, &user).await?;
    Ok(Json(item(&user)))
}

fn item(user: &User) -> Value {
    json!({
        "username": user.username,
        "email": user.email,
        "name": user.name,
        "is_staff": user.is_staff,
        "is_active": user.is_active,
        "date_joined": user.date_joined,
        "bio": user.bio,
        "country": user.country,
        "level_of_education": user.level_of_education,
        "goals": user.goals,
        "year_of_birth": user.year_of_birth,
    })
}
