//! `/api/v1/programs/`: programs with their course codes and run modes.

use axum::Json;
use axum::extract::{Path, State};
use either_database::Database;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::course_code;
use crate::auth::Caller;
use crate::course_key::CourseKey;
use crate::error::Error;
use crate::extract::Parameters;
use crate::page::{BaseUrl, Page, Paging};
use crate::queries::program::{self, Filter, Program};
use crate::queries::run_mode::{self, RunMode};

const STATUSES: [&str; 4] = ["unpublished", "active", "retired", "deleted"];
/// Width and height of the banners, in pixels.
const BANNER_SIZES: [(u32, u32); 4] = [(1440, 480), (726, 242), (435, 145), (348, 116)];

/// How the list can be narrowed.
#[derive(Deserialize)]
pub struct ListParameters {
    status: Option<String>,
    organization: Option<String>,
}

/// The programs that the caller may see: unpublished ones are for administrators.
pub async fn list(
    State(database): State<Database>,
    caller: Caller,
    Parameters(parameters): Parameters<ListParameters>,
    BaseUrl(base): BaseUrl,
    paging: Paging,
) -> Result<Json<Page<Value>>, Error> {
    if let Some(status) = parameters.status.as_deref().filter(|status| !STATUSES.contains(status)) {
        return Err(Error::invalid("status", format!("'{status}' is not one of {}.", STATUSES.join(", "))));
    }
    let filter = Filter {
        unpublished: caller.0.administrator,
        status: parameters.status,
        organization: parameters.organization,
        id: None,
    };
    let count = program::count(&database, &filter).await?;
    let mut items = Vec::new();
    for program in program::page(&database, &filter, paging.limit(), paging.offset()).await? {
        items.push(item(&database, &program, &base).await?);
    }
    Ok(Json(paging.page(count, items)?))
}

/// One program, if the caller may see it.
pub async fn show(
    State(database): State<Database>,
    caller: Caller,
    Path(id): Path<String>,
    BaseUrl(base): BaseUrl,
) -> Result<Json<Value>, Error> {
    let id = id.parse().map_err(|_| Error::not_found())?;
    let filter = Filter { unpublished: caller.0.administrator, id: Some(id), ..Filter::default() };
    let program = program::one(&database, &filter).await?.ok_or_else(Error::not_found)?;
    Ok(Json(item(&database, &program, &base).await?))
}

async fn item(database: &Database, program: &Program, base: &str) -> Result<Value, Error> {
    let run_modes = run_mode::of_program(database, program.id).await?;
    let course_codes: Vec<Value> = crate::queries::course_code::of_program(database, program.id)
        .await?
        .iter()
        .map(|code| {
            let mut item = course_code::item(code);
            item["run_modes"] =
                run_modes.iter().filter(|run| run.course_code_id == code.id).map(run_mode_item).collect();
            item
        })
        .collect();
    let organizations: Vec<Value> = program
        .organization_key
        .iter()
        .map(|key| json!({ "display_name": program.organization_name, "key": key }))
        .collect();
    Ok(json!({
        "id": program.id,
        "name": program.name,
        "subtitle": program.subtitle,
        "category": program.category,
        "status": program.status,
        "marketing_slug": program.marketing_slug,
        "organizations": organizations,
        "course_codes": course_codes,
        "created": program.created,
        "modified": program.modified,
        "banner_image_urls": banner_image_urls(program.banner_image.as_deref(), base),
        "uuid": program.uuid,
    }))
}

fn run_mode_item(run: &RunMode) -> Value {
    json!({
        "course_key": run.course_key,
        "mode_slug": run.mode_slug,
        "sku": run.sku,
        "start_date": run.start_date,
        "run_key": CourseKey::parse(&run.course_key).as_ref().map(CourseKey::run),
    })
}

/// The file of each size has the size before its extension: `banner__435x145.jpg`.
fn banner_image_urls(image: Option<&str>, base: &str) -> Value {
    let urls = image.into_iter().flat_map(|image| {
        let (stem, extension) = image.rsplit_once('.').unwrap_or((image, "jpg"));
        BANNER_SIZES.map(|(width, height)| {
            let url = format!("{base}/media/{stem}__{width}x{height}.{extension}");
            (format!("w{width}h{height}"), Value::String(url))
        })
    });
    Value::Object(urls.collect::<Map<_, _>>())
}
