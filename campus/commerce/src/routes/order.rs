//! `/api/v2/orders/`: seats that are bought, from the order to the enrolment.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::Utc;
use either_database::{Database, transaction};
use events::publish;
use serde::Deserialize;
use toggles::Context;
use uuid::Uuid;

use crate::auth::{Caller, Staff};
use crate::course_key::CourseKey;
use crate::error::Error;
use crate::extract::{Body, Parameters, name, text};
use crate::features::ORDERS;
use crate::fulfilment::{ORDER_PAID, ORDER_REFUNDED, order_event};
use crate::page::{Page, Paging};
use crate::queries::order::{self, Filter, Order, STATUSES, Step};
use crate::queries::{seat, site};
use crate::routes::site::processors;
use crate::service::Service;

const LONGEST: usize = 255;

/// How the list can be narrowed.
#[derive(Deserialize)]
pub struct ListParameters {
    user: Option<String>,
    status: Option<String>,
}

/// An order as it is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    sku: Option<String>,
    user: Option<String>,
}

/// How an order was paid.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    processor: Option<String>,
    reference: Option<String>,
}

/// The caller's own orders; for staff those of all.
pub async fn list(
    State(database): State<Database>,
    caller: Caller,
    Parameters(parameters): Parameters<ListParameters>,
    paging: Paging,
) -> Result<Json<Page<Order>>, Error> {
    if let Some(status) = parameters.status.as_deref().filter(|status| !STATUSES.contains(status)) {
        return Err(Error::invalid("status", format!("'{status}' is not one of {}.", STATUSES.join(", "))));
    }
    let username = match parameters.user {
        Some(user) if caller.is_staff || user == caller.username => Some(text("user", Some(&user), LONGEST)?),
        Some(_) => return Err(Error::forbidden("Only staff may see the orders of others.")),
        None if caller.is_staff => None,
        None => Some(caller.username),
    };
    let filter = Filter { username, status: parameters.status };
    let count = order::count(&database, &filter).await?;
    let orders = order::page(&database, &filter, paging.limit(), paging.offset()).await?;
    Ok(Json(paging.page(count, orders)?))
}

/// One order, of the caller or for staff.
pub async fn show(
    State(database): State<Database>,
    caller: Caller,
    Path(number): Path<String>,
) -> Result<Json<Order>, Error> {
    let found = order::find(&database, name(&number)?).await?;
    let own = found.filter(|order| caller.is_staff || order.username == caller.username);
    own.map(Json).ok_or_else(Error::not_found)
}

/// Orders a seat. What costs nothing is paid at once; ordered again, it is the same order.
pub async fn create(
    State(service): State<Service>,
    caller: Caller,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<Order>), Error> {
    let database = &service.0.database;
    let sku = text("sku", wanted.sku.as_deref(), LONGEST)?;
    let username = match wanted.user {
        None => caller.username.clone(),
        Some(user) if caller.is_staff || user == caller.username => text("user", Some(&user), LONGEST)?,
        Some(_) => return Err(Error::forbidden("Only staff may order for others.")),
    };
    let absent = || Error::invalid("sku", format!("There is no seat '{sku}'."));
    let offer = seat::by_sku(database, &sku).await?.ok_or_else(absent)?;
    let context = Context {
        user: Some(username.clone()),
        organization: CourseKey::parse(&offer.course_key).map(|key| key.organization().to_owned()),
        course: Some(offer.course_key.clone()),
        site: offer.site.clone(),
    };
    if !caller.is_staff && !service.0.toggles.snapshot().await?.is_on(&ORDERS, &context) {
        return Err(Error::forbidden("Nothing can be ordered here at the moment."));
    }
    if offer.expires.is_some_and(|expires| expires <= Utc::now()) {
        return Err(Error::invalid("sku", format!("The seat '{sku}' is not sold any more.")));
    }
    let status = if offer.price == 0 { "paid" } else { "open" };
    let number = Uuid::now_v7().simple().to_string()[20..].to_uppercase();
    let (made, found) = transaction!(database, transaction => {
        let made = order::insert((&mut *transaction).into(), &number, &username, &offer, status).await?;
        let found = order::of_seat((&mut *transaction).into(), &username, &sku).await?.ok_or_else(Error::not_found)?;
        if made && found.status == "paid" {
            publish(&mut *transaction, &order_event(&service.0.publisher, ORDER_PAID, &found)).await?;
        }
        (made, found)
    });
    Ok((if made { StatusCode::CREATED } else { StatusCode::OK }, Json(found)))
}

/// Says that an order was paid, and by what. Said again, it changes nothing.
pub async fn pay(
    State(service): State<Service>,
    _staff: Staff,
    Path(number): Path<String>,
    Body(payment): Body<Payment>,
) -> Result<Json<Order>, Error> {
    let database = &service.0.database;
    let processor = text("processor", payment.processor.as_deref(), LONGEST)?;
    let reference = text("reference", payment.reference.as_deref(), LONGEST)?;
    let found = order::find(database, name(&number)?).await?.ok_or_else(Error::not_found)?;
    if let Some(offer) = seat::by_sku(database, &found.sku).await?
        && let Some(domain) = offer.site
        && let Some(configuration) = site::configuration(database, &domain).await?
        && !processors(&configuration.payment_processors).any(|one| one == processor)
    {
        let known = &configuration.payment_processors;
        return Err(Error::invalid("processor", format!("'{processor}' is not one of those of the site: {known}.")));
    }
    let paid = transaction!(database, transaction => {
        let paid = order::pay((&mut *transaction).into(), &number, &processor, &reference).await;
        let paid = paid.map_err(|error| match error {
            sqlx::Error::Database(cause) if cause.is_unique_violation() => {
                Error::conflict(format!("The payment '{reference}' is that of another order."))
            }
            error => error.into(),
        })?;
        let found = order::by_number((&mut *transaction).into(), &number).await?.ok_or_else(Error::not_found)?;
        if paid {
            publish(&mut *transaction, &order_event(&service.0.publisher, ORDER_PAID, &found)).await?;
        } else if (found.payment_processor != processor) || (found.payment_reference != reference) {
            return Err(Error::conflict(format!("The order is {}, and this is not its payment.", found.status)));
        }
        found
    });
    Ok(Json(paid))
}

/// Gives up an order that is not paid.
pub async fn cancel(
    State(database): State<Database>,
    caller: Caller,
    Path(number): Path<String>,
) -> Result<Json<Order>, Error> {
    let found = order::find(&database, name(&number)?).await?;
    found.filter(|order| caller.is_staff || order.username == caller.username).ok_or_else(Error::not_found)?;
    let cancelled = transaction!(&database, transaction => {
        let step = Step { from: &["open", "cancelled"], to: "cancelled", error: "" };
        advanced((&mut *transaction).into(), &number, step).await?
    });
    Ok(Json(cancelled))
}

/// Gives back what was paid, and ends the enrolment.
pub async fn refund(
    State(service): State<Service>,
    _staff: Staff,
    Path(number): Path<String>,
) -> Result<Json<Order>, Error> {
    follow_up(&service, name(&number)?, Step { from: &["complete", "failed"], to: "refunded", error: "" }).await
}

/// Tries an enrolment again that was refused.
pub async fn retry(
    State(service): State<Service>,
    _staff: Staff,
    Path(number): Path<String>,
) -> Result<Json<Order>, Error> {
    follow_up(&service, name(&number)?, Step { from: &["failed"], to: "paid", error: "" }).await
}

/// A step from which something follows in the learning management system.
async fn follow_up(service: &Service, number: &str, step: Step<'_>) -> Result<Json<Order>, Error> {
    let event_type = if step.to == "paid" { ORDER_PAID } else { ORDER_REFUNDED };
    let order = transaction!(&service.0.database, transaction => {
        let order = advanced((&mut *transaction).into(), number, step).await?;
        publish(&mut *transaction, &order_event(&service.0.publisher, event_type, &order)).await?;
        order
    });
    Ok(Json(order))
}

async fn advanced(
    mut connection: either_database::Connection<'_>,
    number: &str,
    step: Step<'_>,
) -> Result<Order, Error> {
    let advanced = order::advance(connection.reborrow(), number, step).await?;
    let found = order::by_number(connection, number).await?.ok_or_else(Error::not_found)?;
    if !advanced {
        let reason = format!("The order is {}, and not {}.", found.status, step.from.join(" or "));
        return Err(Error::conflict(reason));
    }
    Ok(found)
}
