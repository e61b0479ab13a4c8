//! The pages to administrate programs: server-rendered, behind a sign-in with the learning management system.

mod assets;
mod draft;
mod edit;
mod form;
mod guard;
mod layout;
mod list;
mod sign_in;

use axum::Router;
use axum::routing::{get, post};

use crate::service::Service;

/// The routes.
pub fn router() -> Router<Service> {
    Router::new()
        .route("/programs/", get(list::show))
        .route("/programs/deleted/", get(list::show_deleted))
        .route("/programs/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/programs/sign-out", post(sign_in::sign_out))
        .route("/programs/new", get(edit::show_new).post(edit::save_new))
        .route("/programs/{program}/", get(edit::show).post(edit::save))
        .route("/programs/{program}/status", post(edit::change_status))
        .route("/programs/{program}/delete", post(edit::delete))
        .route("/programs/{program}/restore", post(edit::restore))
        .route("/programs/assets/pages.css", get(assets::style))
        .route("/programs/assets/pages.js", get(assets::script))
}
