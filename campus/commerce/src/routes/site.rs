//! `/api/v2/sites/` and `/api/v2/site_configurations/`: where courses are sold, and how.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use either_database::Database;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{Caller, Staff};
use crate::error::Error;
use crate::extract::{Body, name, text};
use crate::page::{Page, Paging};
use crate::queries::partner;
use crate::queries::site::{self, Configuration, Site};

const LONGEST_DOMAIN: usize = 100;
const LONGEST: usize = 255;

/// A site as it is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    name: Option<String>,
}

/// A configuration as it is wanted: what is not said is empty, but a secret that is not said stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedConfiguration {
    partner: Option<String>,
    lms_root_url: Option<String>,
    lms_public_root_url: Option<String>,
    sso_client_id: Option<String>,
    sso_client_secret: Option<String>,
    backend_client_id: Option<String>,
    backend_client_secret: Option<String>,
    from_email: Option<String>,
    discovery_api_url: Option<String>,
    #[serde(default)]
    enable_microfrontend_for_basket_page: bool,
    payment_microfrontend_url: Option<String>,
    payment_processors: Option<String>,
    client_side_payment_processor: Option<String>,
}

/// All sites.
pub async fn list(
    State(database): State<Database>,
    _caller: Caller,
    paging: Paging,
) -> Result<Json<Page<Site>>, Error> {
    let count = site::count(&database).await?;
    let sites = site::page(&database, paging.limit(), paging.offset()).await?;
    Ok(Json(paging.page(count, sites)?))
}

/// Makes a site, or gives it another name.
pub async fn save(
    State(database): State<Database>,
    _staff: Staff,
    Path(domain): Path<String>,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<Site>), Error> {
    let domain = text("domain", Some(&domain), LONGEST_DOMAIN)?;
    let name = text("name", wanted.name.as_deref(), LONGEST)?;
    let made = site::save(&database, &domain, &name).await?;
    Ok((if made { StatusCode::CREATED } else { StatusCode::OK }, Json(Site { domain, name })))
}

/// All configurations.
pub async fn list_configurations(
    State(database): State<Database>,
    _staff: Staff,
    paging: Paging,
) -> Result<Json<Page<Value>>, Error> {
    let count = site::count_configurations(&database).await?;
    let found = site::configurations(&database, paging.limit(), paging.offset()).await?;
    Ok(Json(paging.page(count, found.iter().map(item).collect())?))
}

/// The configuration of a site.
pub async fn show_configuration(
    State(database): State<Database>,
    _staff: Staff,
    Path(domain): Path<String>,
) -> Result<Json<Value>, Error> {
    let found = site::configuration(&database, name(&domain)?).await?;
    found.as_ref().map(item).map(Json).ok_or_else(Error::not_found)
}

/// Makes or replaces the configuration of a site.
pub async fn save_configuration(
    State(database): State<Database>,
    _staff: Staff,
    Path(domain): Path<String>,
    Body(wanted): Body<WantedConfiguration>,
) -> Result<(StatusCode, Json<Value>), Error> {
    let site_id = site::id_by_domain(&database, name(&domain)?).await?.ok_or_else(Error::not_found)?;
    let code = text("partner", wanted.partner.as_deref(), LONGEST)?;
    let absent = || Error::invalid("partner", format!("There is no partner '{code}'."));
    let partner_id = partner::by_code(&database, &code).await?.ok_or_else(absent)?.id;
    let before = site::configuration(&database, &domain).await?;
    let (sso, backend) = match &before {
        Some(before) => (before.sso_client_secret.clone(), before.backend_client_secret.clone()),
        None => Default::default(),
    };
    let checked = |field: &str, value: Option<String>| match value.filter(|value| !value.is_empty()) {
        Some(value) => text(field, Some(&value), LONGEST),
        None => Ok(String::new()),
    };
    let url = |field: &str, value: Option<String>| {
        let value = checked(field, value)?;
        if value.is_empty() || value.starts_with("http://") || value.starts_with("https://") {
            return Ok(value);
        }
        Err(Error::invalid(field, "An address begins with http:// or https://."))
    };
    let lms_root_url = url("lms_root_url", wanted.lms_root_url)?;
    let public = url("lms_public_root_url", wanted.lms_public_root_url)?;
    let secret = |field: &str, given: Option<String>, before: String| match given {
        Some(given) => checked(field, Some(given)),
        None => Ok(before),
    };
    let configuration = Configuration {
        lms_public_root_url: if public.is_empty() { lms_root_url.clone() } else { public },
        lms_root_url,
        sso_client_id: checked("sso_client_id", wanted.sso_client_id)?,
        sso_client_secret: secret("sso_client_secret", wanted.sso_client_secret, sso)?,
        backend_client_id: checked("backend_client_id", wanted.backend_client_id)?,
        backend_client_secret: secret("backend_client_secret", wanted.backend_client_secret, backend)?,
        from_email: checked("from_email", wanted.from_email)?,
        discovery_api_url: url("discovery_api_url", wanted.discovery_api_url)?,
        enable_microfrontend_for_basket_page: wanted.enable_microfrontend_for_basket_page,
        payment_microfrontend_url: url("payment_microfrontend_url", wanted.payment_microfrontend_url)?,
        payment_processors: checked("payment_processors", wanted.payment_processors)?,
        client_side_payment_processor: checked("client_side_payment_processor", wanted.client_side_payment_processor)?,
        site: domain,
        partner: code,
    };
    let client_side = &configuration.client_side_payment_processor;
    if !client_side.is_empty() && !processors(&configuration.payment_processors).any(|one| one == client_side) {
        let reason = format!("'{client_side}' is not one of the payment_processors.");
        return Err(Error::invalid("client_side_payment_processor", reason));
    }
    site::save_configuration(&database, site_id, partner_id, &configuration).await?;
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(item(&configuration))))
}

/// The names in a list with commas.
pub fn processors(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// A configuration as it is shown: of secrets, only whether there is one.
fn item(configuration: &Configuration) -> Value {
    json!({
        "site": configuration.site,
        "partner": configuration.partner,
        "lms_root_url": configuration.lms_root_url,
        "lms_public_root_url": configuration.lms_public_root_url,
        "sso_client_id": configuration.sso_client_id,
        "has_sso_client_secret": !configuration.sso_client_secret.is_empty(),
        "backend_client_id": configuration.backend_client_id,
        "has_backend_client_secret": !configuration.backend_client_secret.is_empty(),
        "from_email": configuration.from_email,
        "discovery_api_url": configuration.discovery_api_url,
        "enable_microfrontend_for_basket_page": configuration.enable_microfrontend_for_basket_page,
        "payment_microfrontend_url": configuration.payment_microfrontend_url,
        "payment_processors": configuration.payment_processors,
        "client_side_payment_processor": configuration.client_side_payment_processor,
    })
}
