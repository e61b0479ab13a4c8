//! `/api/user/v1/account/registration/`: somebody becomes a user.

use axum::Json;
use axum::extract::State;
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};
use toggles::Context;

use crate::auth::SigningIn;
use crate::error::{Error, is_taken};
use crate::extract::Body;
use crate::filters::{self, Passed};
use crate::queries::user::{self, User};
use crate::routes::account::Profile;
use crate::secret;
use crate::service::Service;
use crate::switches;

const LONGEST_USERNAME: usize = 30;
const SHORTEST_PASSWORD: usize = 8;
const LONGEST_PASSWORD: usize = 1000;
const LONGEST_EMAIL: usize = 254;

/// Who wants to be a user.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    username: Option<String>,
    email: Option<String>,
    password: Option<String>,
    name: Option<String>,
    country: Option<String>,
    level_of_education: Option<String>,
    goals: Option<String>,
    year_of_birth: Option<i64>,
}

/// Makes a user, if the filters let it pass.
pub async fn register(
    State(service): State<Service>,
    _counted: SigningIn,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Value>, Error> {
    let toggles = service.0.toggles.snapshot().await?;
    if !toggles.is_on(&switches::REGISTRATION, &Context::default()) {
        return Err(Error::forbidden("Registration is closed."));
    }
    let password = wanted.password.ok_or_else(|| Error::required("password"))?;
    let form = json!({
        "username": wanted.username.ok_or_else(|| Error::required("username"))?,
        "email": wanted.email.ok_or_else(|| Error::required("email"))?,
        "name": wanted.name.ok_or_else(|| Error::required("name"))?,
        "country": wanted.country,
        "level_of_education": wanted.level_of_education,
        "goals": wanted.goals,
        "year_of_birth": wanted.year_of_birth,
    });
    // The password is no business of filters.
    let form = match service.0.filters.run(filters::REGISTRATION, form)? {
        Passed::On(form) => form,
        Passed::Answer(answer) => return Ok(Json(answer)),
    };
    let text = |name: &str| form[name].as_str().unwrap_or_default().to_owned();
    let (username, email) = (text("username"), text("email"));
    check_username(&username)?;
    check_email(&email)?;
    check_password(&password, &username, &email)?;
    let optional = |name: &str| form[name].as_str().map(str::to_owned);
    let profile = Profile {
        name: text("name"),
        bio: None,
        country: optional("country"),
        level_of_education: optional("level_of_education"),
        goals: optional("goals"),
        year_of_birth: form["year_of_birth"].as_i64(),
    };
    profile.check()?;

    let database = &service.0.database;
    let taken = |field: &str, value: &str| Error::conflict(field, format!("'{value}' belongs to somebody already."));
    if user::by_username(database, &username).await?.is_some() {
        return Err(taken("username", &username));
    }
    if user::by_email(database, &email).await?.is_some() {
        return Err(taken("email", &email));
    }
    let hashed = service.0.hash(move || secret::hash_password(&password)).await;
    let user = User {
        email,
        name: profile.name,
        country: profile.country,
        level_of_education: profile.level_of_education,
        goals: profile.goals,
        year_of_birth: profile.year_of_birth,
        date_joined: Utc::now(),
        password: Some(hashed),
        anonymous_id: Some(secret::random_text()),
        ..User::named(&username)
    };
    match user::insert(database, &user).await {
        Ok(_) => Ok(Json(json!({ "success": true, "username": user.username, "email": user.email }))),
        // Somebody was faster.
        Err(error) if is_taken(&error) => Err(taken("username", &username)),
        Err(error) => Err(error.into()),
    }
}

/// Whether somebody may be called so.
pub fn check_username(username: &str) -> Result<(), Error> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (2..=LONGEST_USERNAME).contains(&username.len()) && username.chars().all(good) {
        return Ok(());
    }
    let reason = format!("A username has 2 to {LONGEST_USERNAME} letters, digits, hyphens and underscores.");
    Err(Error::invalid("username", reason))
}

fn check_email(email: &str) -> Result<(), Error> {
    let (name, domain) = email.split_once('@').unwrap_or_default();
    let good = |c: char| !c.is_whitespace() && !c.is_control() && c != '@';
    let is_domain = domain.split('.').count() >= 2 && domain.split('.').all(|label| !label.is_empty());
    if email.len() <= LONGEST_EMAIL && !name.is_empty() && name.chars().chain(domain.chars()).all(good) && is_domain {
        return Ok(());
    }
    Err(Error::invalid("email", "This is no address such as name@example.com."))
}

/// Whether a password is one that is not guessed at once.
pub fn check_password(password: &str, username: &str, email: &str) -> Result<(), Error> {
    if !(SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&password.chars().count()) {
        let reason = format!("A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.");
        return Err(Error::invalid("password", reason));
    }
    if password.eq_ignore_ascii_case(username) || password.eq_ignore_ascii_case(email) {
        return Err(Error::invalid("password", "A password is not the name or the address of its owner."));
    }
    Ok(())
}
