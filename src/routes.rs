//! Every URL on one page: which code serves it. The audience of a page stands in its handler's
//! signature (`Viewer`, `Member`, `Moderator`, `Staff`, `Admin`).

use actix_web::web::{ServiceConfig, post};

use crate::desk;
use crate::escalations::pages as claims;
use crate::forum::pages as forum;
use crate::inbox::hooks;
use crate::people;
use crate::people::pages::{account, admin, door};
use crate::tickets::pages as tickets;
use crate::web::{assets, get};

pub fn routes(site: &mut ServiceConfig) {
    // Files
    site.route("/static/{hash}/{path:.*}", get().to(assets::serve))
        .route("/favicon.ico", get().to(assets::favicon))
        .route("/avatar/{id}", get().to(people::avatar::avatar));
    // Forum: reading
    site.route("/", get().to(forum::lists::front))
        .route("/p/{product}", get().to(forum::lists::product))
        .route("/p/{product}/{topic}", get().to(forum::lists::topic))
        .route("/tag/{tag}", get().to(forum::lists::tag))
        .route("/t/{thread}", get().to(forum::thread::short))
        .route("/t/{thread}/{slug}", get().to(forum::thread::thread))
        .route("/post/{post}/history", get().to(forum::history::history))
        .route("/search", get().to(forum::search::search))
        .route("/search/suggest", get().to(forum::search::suggest))
        .route("/similar", get().to(forum::search::similar))
        .route(
            "/similar/{key}/solved",
            get().to(forum::search::solved_by_similar),
        )
        .route(
            "/similar/{key}/{thread}",
            get().to(forum::search::open_similar),
        )
        .route("/feed.atom", get().to(forum::machine::feed))
        .route("/sitemap.xml", get().to(forum::machine::sitemap))
        .route(
            "/sitemap-{part}.xml",
            get().to(forum::machine::sitemap_part),
        )
        .route("/robots.txt", get().to(forum::machine::robots))
        .route("/u/{user}", get().to(forum::profile::profile));
    // Forum: writing
    site.route("/new", get().to(forum::write::new))
        .route("/new", post().to(forum::write::post_new))
        .route("/preview", post().to(forum::write::preview))
        .route("/t/{thread}/reply", post().to(forum::write::reply))
        .route("/post/{post}/quote", get().to(forum::write::quote))
        .route("/post/{post}/edit", get().to(forum::write::edit))
        .route("/post/{post}/edit", post().to(forum::write::post_edit))
        .route(
            "/post/{post}/history/{number}",
            post().to(forum::acts::hide_revision),
        )
        .route("/post/{post}/accept", post().to(forum::acts::accept))
        .route("/post/{post}/delete", post().to(forum::acts::delete))
        .route("/post/{post}/restore", post().to(forum::acts::restore))
        .route("/t/{thread}/me-too", post().to(forum::acts::me_too))
        .route("/t/{thread}/follow", post().to(forum::acts::follow))
        .route("/t/{thread}/close", post().to(forum::acts::close))
        .route("/t/{thread}/reopen", post().to(forum::acts::reopen))
        .route("/t/{thread}/pin", post().to(forum::acts::pin))
        .route("/t/{thread}/move", post().to(forum::acts::move_to))
        .route("/t/{thread}/kind", post().to(forum::acts::kind))
        .route("/t/{thread}/fixed", post().to(forum::acts::fixed))
        .route("/t/{thread}/publish", post().to(desk::publish::publish))
        .route("/t/{thread}/discard", post().to(forum::acts::discard))
        .route(
            "/unsubscribe/{thread}/{user}/{signature}",
            get().to(forum::unsubscribe::ask),
        )
        .route(
            "/unsubscribe/{thread}/{user}/{signature}",
            post().to(forum::unsubscribe::end),
        )
        .route(
            "/unsubscribe/product/{product}/{user}/{signature}",
            get().to(forum::unsubscribe::ask_of_product),
        )
        .route(
            "/unsubscribe/product/{product}/{user}/{signature}",
            post().to(forum::unsubscribe::end_of_product),
        )
        .route("/p/{product}/warn", post().to(forum::acts::warn))
        .route("/notifications", get().to(forum::notices::notices))
        .route("/notifications/read", post().to(forum::notices::mark_read));
    // Desk
    site.route("/desk", get().to(desk::queue::page))
        .route("/desk/search", get().to(desk::queue::search))
        .route("/desk/replies", get().to(desk::queue::replies))
        .route("/desk/mail", get().to(desk::mail_in::page))
        .route("/desk/mail/{id}/eml", get().to(desk::mail_in::eml))
        .route("/desk/mail/{id}/replay", post().to(desk::mail_in::replay))
        .route("/desk/mentions", get().to(desk::mentions::page))
        .route("/desk/mentions/looked", post().to(desk::mentions::looked))
        .route(
            "/desk/mentions/{id}/triage",
            post().to(desk::mentions::triage),
        )
        .route("/desk/spikes", get().to(desk::spikes::list))
        .route("/desk/spikes/{id}", get().to(desk::spikes::page))
        .route(
            "/desk/spikes/{id}/publish",
            post().to(desk::spikes::publish),
        )
        .route("/desk/spikes/{id}/known", post().to(desk::spikes::known))
        .route(
            "/desk/spikes/{id}/dismiss",
            post().to(desk::spikes::dismiss),
        )
        .route(
            "/desk/spikes/{id}/unpublish",
            post().to(desk::spikes::unpublish),
        )
        .route(
            "/desk/spikes/{id}/case/{case}",
            post().to(desk::spikes::member),
        )
        .route("/desk/quality", get().to(desk::quality::page))
        .route("/desk/quality/list", get().to(desk::quality::list::list))
        .route("/desk/events", get().to(desk::events::events))
        .route("/desk/case/{id}", get().to(desk::case::page))
        .route("/desk/case/{id}/note", post().to(desk::actions::note))
        .route("/desk/case/{id}/assign", post().to(desk::actions::assign))
        .route(
            "/desk/case/{id}/severity",
            post().to(desk::actions::severity),
        )
        .route("/desk/case/{id}/product", post().to(desk::actions::product))
        .route("/desk/case/{id}/state", post().to(desk::actions::state))
        .route("/desk/case/{id}/link", post().to(desk::actions::link))
        .route(
            "/desk/case/{id}/link/{link}",
            post().to(desk::actions::decide),
        )
        .route("/desk/case/{id}/merge", post().to(desk::actions::merge))
        .route("/desk/case/{id}/ticket", post().to(desk::actions::ticket))
        .route("/desk/case/{id}/thread", post().to(desk::actions::thread))
        .route(
            "/desk/case/{id}/publish/{thread}",
            post().to(desk::actions::publish),
        )
        .route("/desk/case/{id}/message", post().to(desk::actions::message))
        .route(
            "/desk/case/{id}/answer",
            post().to(desk::actions::answer_in_public),
        )
        .route(
            "/desk/case/{id}/reply/{reply}",
            post().to(desk::actions::reply),
        )
        .route("/desk/case/{id}/quiet", post().to(desk::actions::quiet))
        .route(
            "/desk/case/{id}/separate",
            post().to(desk::actions::separate),
        )
        .route("/desk/case/{id}/{form:.+}", get().to(desk::case::back));
    // Desk: what an admin looks after
    site.route("/admin/network", get().to(desk::network::page))
        .route("/admin/network/connect", post().to(desk::network::connect))
        .route(
            "/admin/network/connected",
            get().to(desk::network::connected),
        )
        .route("/admin/network/replay", post().to(desk::network::replay))
        .route("/admin/mail", get().to(desk::mail::page))
        .route("/admin/mail/retry", post().to(desk::mail::retry_all))
        .route("/admin/mail/held/{id}/lift", post().to(desk::mail::lift))
        .route("/admin/mail/test", post().to(desk::mail::test))
        .route(
            "/admin/mail/test/headers",
            post().to(desk::mail::test_headers),
        )
        .route("/admin/mail/{id}", get().to(desk::mail::mail))
        .route("/admin/mail/{id}/eml", get().to(desk::mail::eml))
        .route("/admin/mail/{id}/retry", post().to(desk::mail::retry))
        .route("/admin/models", get().to(desk::models::page))
        .route("/admin/models/learn", post().to(desk::models::learn))
        .route("/admin/models/{kind}", post().to(desk::models::back))
        .route("/admin/products", get().to(desk::products::list))
        .route("/admin/products/new", get().to(desk::products::new))
        .route("/admin/products/new", post().to(desk::products::add))
        .route("/admin/products/{id}", get().to(desk::products::product))
        .route("/admin/products/{id}", post().to(desk::products::change))
        .route(
            "/admin/products/{id}/topics",
            post().to(desk::products::add_topic),
        );
    // Tickets
    site.route("/contact", get().to(tickets::contact_form))
        .route("/contact", post().to(tickets::post_contact))
        .route("/contact/sent", get().to(tickets::contact_sent))
        .route("/case/{token}", get().to(tickets::follow_case))
        .route("/case/{token}/reply", post().to(tickets::write))
        .route("/case/{token}/rate", post().to(tickets::rate))
        .route("/case/{token}/withdraw", post().to(tickets::withdraw))
        .route("/case/{token}/fresh", post().to(tickets::fresh))
        .route(
            "/case/{token}/attachment/{id}",
            get().to(tickets::customer_file),
        )
        .route("/attachment/{id}", get().to(tickets::staff_file));
    // Mail that providers hand over
    site.route("/hooks/mail/postmark", post().to(hooks::postmark))
        .route("/hooks/mail/mailgun/mime", post().to(hooks::mailgun))
        .route("/hooks/mail/sendgrid", post().to(hooks::sendgrid))
        .route("/hooks/mail/ses", post().to(hooks::ses));
    // Coming in and going out
    site.route("/register", get().to(door::register_page))
        .route("/register", post().to(door::register))
        .route("/verify", get().to(door::verify_page))
        .route("/verify", post().to(door::verify))
        .route("/login", get().to(door::log_in_page))
        .route("/login", post().to(door::log_in))
        .route("/logout", post().to(door::log_out))
        .route("/reset", get().to(door::reset_page))
        .route("/reset", post().to(door::ask_reset))
        .route("/reset/{token}", get().to(door::reset_set_page))
        .route("/reset/{token}", post().to(door::reset_set));
    // One's own account
    site.route("/account", get().to(account::account_page))
        .route("/account/profile", post().to(account::change_profile))
        .route("/account/email", post().to(account::change_email))
        .route("/account/password", post().to(account::change_password))
        .route(
            "/account/sessions/others/end",
            post().to(account::end_other_sessions),
        )
        .route(
            "/account/sessions/{id}/end",
            post().to(account::end_session),
        )
        .route(
            "/account/handles/{id}/withdraw",
            post().to(account::withdraw_handle),
        );
    // Admin
    site.route("/admin", get().to(admin::index))
        .route("/admin/users", get().to(admin::users))
        .route("/admin/users", post().to(admin::create_user))
        .route("/admin/users/new", get().to(admin::new_user_page))
        .route("/admin/users/{id}", get().to(admin::user))
        .route("/admin/users/{id}/role", post().to(admin::set_role))
        .route("/admin/audit", get().to(admin::audit_log))
        .route("/admin/jobs", get().to(admin::jobs_page))
        .route("/admin/jobs/{id}/retry", post().to(admin::retry_job));
    // Claims: a customer proves a handle
    site.route("/claim", get().to(claims::by_code))
        .route("/claim/callback", get().to(claims::callback))
        .route("/claim/{key}", get().to(claims::claim))
        .route("/claim/{key}", post().to(claims::complete))
        .route("/claim/{key}/sign-in", post().to(claims::sign_in));
}
