//! Every URL on one page: which code serves it. The audience of a page stands in its handler's
//! signature (`Viewer`, `Member`, `Moderator`, `Staff`, `Admin`).

use actix_web::web::{ServiceConfig, get};

use crate::web::assets;

pub fn routes(site: &mut ServiceConfig) {
    site
        // Files
        .route("/static/{hash}/{path:.*}", get().to(assets::serve))
        .route("/favicon.ico", get().to(assets::favicon));
}
