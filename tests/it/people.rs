//! Accounts through a real server: each verb, and what must not be learned from any answer.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use offramp::clock::{DAY, HOUR};
use offramp::config::Secret;
use offramp::db::audit::{self, Actor};
use offramp::ids::UserId;
use offramp::jobs::Job;
use offramp::keys::token_hash;
use offramp::mail::outbox;
use offramp::networks::{Author, Network};
use offramp::people::create_user::{self, NewAccount};
use offramp::people::handles::{self, Agreement, Proof, Withdrawn};
use offramp::people::jobs::MailReset;
use offramp::people::tokens::Purpose;
use offramp::people::{Role, passwords, set_role, store};

use crate::harness::{Backend, Browser, Reply, Test};
use crate::on_both;

const PASSWORD: &str = "three old lamps";

/// A user who can log in with `PASSWORD`.
fn account(t: &Test, name: &str, role: Role) -> UserId {
    let account = NewAccount {
        name: name.into(),
        email: format!("{name}@people.example"),
        password: Some(PASSWORD.into()),
        role,
        products: Vec::new(),
    };
    match create_user::create_user(&t.app, &Actor::Operator, &account).unwrap() {
        create_user::Outcome::Created(id) => id,
        other => panic!("{other:?}"),
    }
}

/// The mails to one address, oldest first: purpose and text.
fn mails_to(t: &Test, email: &str) -> Vec<(String, String)> {
    t.run_jobs();
    let mut mails = t.app.db.read(|c| outbox::page(c, None, 100)).unwrap();
    mails.sort_by_key(|m| m.id);
    mails
        .into_iter()
        .filter(|m| m.to_email == email)
        .map(|m| (m.purpose, m.text))
        .collect()
}

/// The path of the newest mail's link that starts with `start`.
fn link(t: &Test, email: &str, start: &str) -> String {
    let (_, text) = mails_to(t, email).pop().expect("a mail");
    let at = text
        .find(start)
        .unwrap_or_else(|| panic!("no {start} in {text}"));
    text[at..].split_whitespace().next().unwrap().to_owned()
}

fn log_in(browser: &mut Browser, who: &str, password: &str) -> Reply {
    browser.submit("/login", "/login", &[("who", who), ("password", password)])
}

fn register(browser: &mut Browser, name: &str, email: &str) -> Reply {
    let fields = [("name", name), ("email", email)];
    browser.submit("/register", "/register", &fields)
}

fn is_logged_in(browser: &mut Browser) -> bool {
    browser.get("/account").status == 200
}

/// The page without what names the address or the token of the form.
fn same_but(reply: &Reply, email: &str) -> (u16, String) {
    (reply.status, reply.body.replace(email, "ADDRESS"))
}

on_both! {
    fn registering_makes_the_account_when_the_link_is_used(t) {
        let mut browser = t.browser();
        let reply = register(&mut browser, "Marlene", "Marlene@People.example");
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert!(t.app.db.read(|c| store::by_name(c, "marlene")).unwrap().is_none());
        assert_eq!(log_in(&mut browser, "Marlene", PASSWORD).status, 422);

        let link = link(t, "Marlene@people.example", "/verify?token=");
        let page = browser.get(&link);
        assert_eq!(page.status, 200);
        // A mail scanner that opens the link makes no account.
        assert!(t.app.db.read(|c| store::by_name(c, "marlene")).unwrap().is_none());
        let token = page.field("token").unwrap();
        assert_eq!(page.field("name").unwrap(), "Marlene");
        // Whoever has the mail chooses the password, not whoever typed the address.
        for weak in ["", "short", "password123!", "my Marlene 77"] {
            assert_eq!(browser.post("/verify", &[("token", &token), ("password", weak)]).status, 422);
        }
        let reply = browser.post("/verify", &[("token", &token), ("password", PASSWORD)]);
        assert_eq!((reply.status, reply.location()), (303, "/"), "{}", reply.body);
        assert!(is_logged_in(&mut browser));
        let user = t.app.db.read(|c| store::by_email(c, "MARLENE@people.example")).unwrap().unwrap();
        assert_eq!(user.role, Role::Member);
        assert!(user.email_verified_at.is_some());
        assert!(!user.password_hash.unwrap().contains(PASSWORD));

        let again = t.browser().submit(&link, "/verify", &[("token", &token)]);
        assert_eq!(again.status, 410);
    }

    fn a_link_of_a_registration_ends_after_a_day(t) {
        let mut browser = t.browser();
        register(&mut browser, "Late", "late@people.example");
        let link = link(t, "late@people.example", "/verify?token=");
        let token = link.split('=').next_back().unwrap().to_owned();
        t.advance(DAY);
        assert_eq!(browser.get(&link).status, 410);
        assert_eq!(browser.post("/verify", &[("token", &token)]).status, 410);
    }

    fn whoever_registers_learns_nothing_about_an_address(t) {
        account(t, "known", Role::Member);
        let (known, unknown) = ("known@people.example", "unknown@people.example");
        let answers: Vec<_> = [known, unknown, known, unknown]
            .map(|email| same_but(&register(&mut t.browser(), "Newcomer", email), email))
            .into();
        assert!(answers.iter().all(|a| *a == answers[0] && a.0 == 200), "{answers:?}");
        let purposes = |email| -> Vec<_> {
            mails_to(t, email).into_iter().map(|(purpose, _)| purpose).collect()
        };
        assert_eq!(purposes(known), ["already_registered", "already_registered"]);
        assert_eq!(purposes(unknown), ["verify_email", "verify_email"]);
    }

    fn a_name_taken_meanwhile_is_chosen_anew_at_the_link(t) {
        let mut browser = t.browser();
        register(&mut browser, "Robin", "robin@people.example");
        let link = link(t, "robin@people.example", "/verify?token=");
        let token = link.split('=').next_back().unwrap().to_owned();
        account(t, "robin2", Role::Member);
        t.user("R\u{43e}bin", Role::Member);
        let reply = browser.post("/verify", &[("token", &token), ("password", PASSWORD)]);
        assert_eq!(reply.status, 422, "{}", reply.body);
        assert_eq!(reply.field("name").unwrap(), "Robin");
        let fields = [("token", token.as_str()), ("name", "Robin3"), ("password", PASSWORD)];
        let reply = browser.post("/verify", &fields);
        assert_eq!(reply.status, 303, "{}", reply.body);
    }

    fn wrong_forms_come_back_with_words_and_what_was_typed(t) {
        t.user("Taken", Role::Member);
        let cases = [
            (("taken", "a@people.example"), "name"),
            (("admin", "a@people.example"), "name"),
            (("", "a@people.example"), "name"),
            (("Fresh", "no address"), "email"),
        ];
        for ((name, email), field) in cases {
            let fields = [("name", name), ("email", email)];
            let reply = t.browser().submit("/register", "/register", &fields);
            assert_eq!(reply.status, 422, "{name} {email}");
            assert!(reply.body.contains(&format!("href=\"#{field}\"")), "{field}: {}", reply.body);
            assert_eq!(reply.field("email").unwrap(), email);
        }
        assert!(mails_to(t, "a@people.example").is_empty());
    }

    fn log_in_is_the_same_for_unknown_people_and_wrong_passwords(t) {
        account(t, "known", Role::Member);
        let mut browser = t.browser();
        let answers: Vec<_> = ["known", "known@people.example", "nobody", "nobody@people.example", "@"]
            .map(|who| same_but(&log_in(&mut browser, who, "not the password"), who))
            .into();
        assert!(answers.iter().all(|a| *a == answers[0] && a.0 == 422), "{answers:?}");
        for who in ["known", "KNOWN@people.example"] {
            let mut browser = t.browser();
            assert_eq!(log_in(&mut browser, who, PASSWORD).status, 303);
            assert!(is_logged_in(&mut browser));
        }
        // Without a password nobody logs in, not even with an empty one.
        t.user("Empty", Role::Member);
        assert_eq!(log_in(&mut browser, "Empty", "").status, 422);
    }

    fn next_leads_to_this_site_only(t) {
        account(t, "known", Role::Member);
        for (next, to) in [
            ("/account?x=1", "/account?x=1"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("/t/1/t\u{fc}r?q=\u{1f600}", "/t/1/t%C3%BCr?q=%F0%9F%98%80"),
        ] {
            let fields = [("who", "known"), ("password", PASSWORD), ("next", next)];
            let reply = t.browser().submit("/login", "/login", &fields);
            assert_eq!((reply.status, reply.location()), (303, to));
        }
        let reply = t.browser().get("/account");
        assert_eq!((reply.status, reply.location()), (303, "/login?next=%2Faccount"));
    }

    fn log_in_gives_a_new_session_and_ends_the_old(t) {
        account(t, "known", Role::Member);
        let mut browser = t.browser();
        log_in(&mut browser, "known", PASSWORD);
        let planted = browser.cookies["session"].clone();
        // As when somebody planted the cookie: the page's own token goes with it.
        let mut other = t.browser();
        other.cookies.insert("session".into(), planted.clone());
        other.get("/account");
        let fields = [("who", "known"), ("password", PASSWORD)];
        assert_eq!(other.post("/login", &fields).status, 303);
        assert_ne!(other.cookies["session"], planted);
        assert!(is_logged_in(&mut other));
        assert!(!is_logged_in(&mut browser));
    }

    fn log_out_ends_the_session_for_good(t) {
        let (mut browser, _) = t.browser_of("Ana", Role::Member);
        let token = browser.cookies["session"].clone();
        let reply = browser.submit("/account", "/logout", &[]);
        assert_eq!((reply.status, reply.location()), (303, "/"));
        assert!(!browser.cookies.contains_key("session"));
        browser.cookies.insert("session".into(), token);
        assert!(!is_logged_in(&mut browser));
        assert!(reply.header("clear-site-data").contains("\"storage\""));
    }

    fn a_session_ends_ninety_days_after_the_log_in_however_it_is_used(t) {
        let (mut browser, _) = t.browser_of("Ana", Role::Member);
        for _ in 0..4 {
            t.advance(20 * DAY);
            assert!(is_logged_in(&mut browser));
        }
        t.advance(10 * DAY);
        assert!(!is_logged_in(&mut browser));
    }

    fn the_cookie_lasts_as_long_as_its_session(t) {
        let (mut browser, _) = t.browser_of("Ana", Role::Member);
        assert_eq!(browser.get("/").header("set-cookie"), "");
        t.advance(20 * DAY);
        let renewed = browser.get("/").header("set-cookie").to_owned();
        assert!(renewed.contains(&format!("Max-Age={}", 30 * 86_400)), "{renewed}");
        assert!(renewed.contains(&browser.cookies["session"]), "{renewed}");
        assert_eq!(browser.get("/").header("set-cookie"), "");
        for _ in 0..3 {
            t.advance(20 * DAY);
            browser.get("/");
        }
        t.advance(5 * DAY);
        let last = browser.get("/").header("set-cookie").to_owned();
        assert!(last.contains(&format!("Max-Age={}", 5 * 86_400)), "{last}");
        // A log-out on the same request wins over the renewal.
        let (mut browser, _) = t.browser_of("Eve", Role::Member);
        browser.get("/account");
        t.advance(2 * HOUR);
        browser.post("/logout", &[]);
        assert!(!browser.cookies.contains_key("session"));
    }

    fn another_secret_ends_every_session(t) {
        let (mut browser, user) = t.browser_of("Ana", Role::Member);
        let plain = offramp::random::Random::seeded(99).token();
        t.app.db.write(|tx| {
            let other = offramp::keys::Keys::new("the secret before, which was another one");
            store::insert_session(tx, user, &other.session_hash(&plain), "test", t.app.now())?;
            store::insert_session(tx, user, &token_hash(&plain), "test", t.app.now())
        }).unwrap();
        browser.cookies.insert("session".into(), plain);
        assert!(!is_logged_in(&mut browser));
    }

    fn a_session_ends_thirty_days_after_its_last_use(t) {
        let (mut browser, _) = t.browser_of("Ana", Role::Member);
        t.advance(29 * DAY);
        assert!(is_logged_in(&mut browser));
        t.advance(29 * DAY);
        assert!(is_logged_in(&mut browser));
        t.advance(30 * DAY);
        assert!(!is_logged_in(&mut browser));
    }

    fn forms_need_the_token_of_their_session(t) {
        let (mut browser, user) = t.browser_of("Ana", Role::Member);
        browser.get("/account");
        let ours = browser.csrf.clone();
        let mut stranger = t.browser_of("Eve", Role::Member).0;
        stranger.get("/account");
        for csrf in ["", "nonsense", &stranger.csrf] {
            let fields = [("csrf", csrf), ("name", "Hacked"), ("bio", "words that were typed")];
            let reply = browser.post("/account/profile", &fields);
            assert_eq!(reply.status, 400, "{csrf}");
            assert!(reply.body.contains("words that were typed"));
        }
        browser.headers.push(("sec-fetch-site".into(), "cross-site".into()));
        let fields = [("csrf", ours.as_str()), ("name", "Hacked")];
        assert_eq!(browser.post("/account/profile", &fields).status, 403);
        assert_eq!(browser.post("/login", &fields).status, 403);
        let name = t.app.db.read(|c| store::user(c, user)).unwrap().unwrap().name;
        assert_eq!(name, "Ana");
    }

    fn a_log_in_renews_a_hash_of_older_parameters(t) {
        let user = account(t, "known", Role::Member);
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(1024, 1, 1, None).unwrap());
        let old = weak.hash_password_with_salt(PASSWORD.as_bytes(), b"salt salt salt s").unwrap().to_string();
        t.app.db.write(|tx| store::set_password_hash(tx, user, &old)).unwrap();
        assert_eq!(log_in(&mut t.browser(), "known", "wrong password").status, 422);
        let hash = |t: &Test| t.app.db.read(|c| store::user(c, user)).unwrap().unwrap().password_hash.unwrap();
        assert_eq!(hash(t), old);
        assert_eq!(log_in(&mut t.browser(), "known", PASSWORD).status, 303);
        assert!(hash(t).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(log_in(&mut t.browser(), "known", PASSWORD).status, 303);
    }

    fn a_reset_is_answered_alike_and_works_once(t) {
        account(t, "known", Role::Member);
        let mut device = t.browser();
        log_in(&mut device, "known", PASSWORD);
        let mut browser = t.browser();
        let answers: Vec<_> = ["known@people.example", "nobody@people.example"]
            .map(|email| same_but(&browser.submit("/reset", "/reset", &[("email", email)]), email))
            .into();
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0].0, 200);
        assert!(mails_to(t, "nobody@people.example").is_empty());
        assert_eq!(browser.submit("/reset", "/reset", &[("email", "no address")]).status, 422);

        let link = link(t, "known@people.example", "/reset/");
        assert_eq!(browser.get(&link).status, 200);
        assert_eq!(browser.post(&link, &[("password", "short")]).status, 422);
        let reply = browser.post(&link, &[("password", "four new lamps")]);
        assert_eq!((reply.status, reply.location()), (303, "/login"), "{}", reply.body);
        assert!(!is_logged_in(&mut device));
        assert_eq!(browser.get(&link).status, 410);
        assert_eq!(browser.post(&link, &[("password", "five newer lamps")]).status, 410);
        assert_eq!(log_in(&mut browser, "known", PASSWORD).status, 422);
        assert_eq!(log_in(&mut browser, "known", "four new lamps").status, 303);
        assert_eq!(mails_to(t, "known@people.example").pop().unwrap().0, "password_changed");
    }

    fn only_the_newest_reset_works_and_for_an_hour(t) {
        account(t, "known", Role::Member);
        let mut browser = t.browser();
        let mut ask = || {
            browser.submit("/reset", "/reset", &[("email", "KNOWN@people.example")]);
        };
        ask();
        let first = link(t, "known@people.example", "/reset/");
        ask();
        let second = link(t, "known@people.example", "/reset/");
        assert_ne!(first, second);
        assert_eq!(browser.get(&first).status, 410);
        assert_eq!(browser.get(&second).status, 200);
        t.advance(HOUR);
        assert_eq!(browser.post(&second, &[("password", "four new lamps")]).status, 410);
        // One purpose's token is no other's, and none is kept as it is.
        let token = second.rsplit('/').next().unwrap();
        let now = t.app.now();
        for stored in [token.to_owned(), token_hash(token)] {
            let found = t.app.db.read(|c| store::find_token(c, Purpose::VerifyEmail, &stored, now));
            assert!(found.unwrap().is_none());
        }
    }

    fn a_new_address_is_proved_and_the_old_one_told(t) {
        account(t, "known", Role::Member);
        account(t, "other", Role::Member);
        let mut browser = t.browser();
        log_in(&mut browser, "known", PASSWORD);
        let mut ask = |email: &str, password: &str| {
            let fields = [("email", email), ("email_password", password)];
            browser.submit("/account", "/account/email", &fields)
        };
        assert_eq!(ask("new@people.example", "wrong password").status, 422);
        assert_eq!(ask("no address", PASSWORD).status, 422);
        let (free, taken) = (ask("new@people.example", PASSWORD), ask("other@people.example", PASSWORD));
        assert_eq!((free.status, free.location()), (taken.status, taken.location()));
        assert_eq!(free.status, 303);
        assert_eq!(mails_to(t, "other@people.example").pop().unwrap().0, "address_in_use");

        // The newest asked for was taken, so the first link is still the one.
        let link = link(t, "new@people.example", "/verify?token=");
        let token = link.split('=').next_back().unwrap().to_owned();
        let by_email = |email: &str| t.app.db.read(|c| store::by_email(c, email)).unwrap().map(|u| u.name);
        assert_eq!(browser.get(&link).status, 200);
        assert_eq!(by_email("new@people.example"), None);
        assert_eq!(browser.post("/verify", &[("token", &token)]).status, 303);
        assert_eq!(by_email("new@people.example").as_deref(), Some("known"));
        assert_eq!(mails_to(t, "known@people.example").pop().unwrap().0, "email_changed");
        assert_eq!(browser.post("/verify", &[("token", &token)]).status, 410);
    }

    fn a_new_password_ends_a_change_of_address(t) {
        for (name, by_reset) in [("anna", true), ("bert", false)] {
            account(t, name, Role::Member);
            let email = format!("{name}@people.example");
            let stolen = format!("{name}-stolen@people.example");
            let mut thief = t.browser();
            log_in(&mut thief, name, PASSWORD);
            let fields = [("email", stolen.as_str()), ("email_password", PASSWORD)];
            assert_eq!(thief.submit("/account", "/account/email", &fields).status, 303);
            let token = link(t, &stolen, "/verify?token=").split('=').next_back().unwrap().to_owned();
            // The owner hears of it at once.
            assert_eq!(mails_to(t, &email).pop().unwrap().0, "new_email_asked");
            let mut owner = t.browser();
            if by_reset {
                owner.submit("/reset", "/reset", &[("email", &email)]);
                let link = link(t, &email, "/reset/");
                assert_eq!(owner.submit(&link, &link, &[("password", "four new lamps")]).status, 303);
            } else {
                log_in(&mut owner, name, PASSWORD);
                let fields = [("present_password", PASSWORD), ("new_password", "four new lamps")];
                assert_eq!(owner.submit("/account", "/account/password", &fields).status, 303);
            }
            assert_eq!(thief.post("/verify", &[("token", &token)]).status, 410);
            assert!(t.app.db.read(|c| store::by_email(c, &stolen)).unwrap().is_none());
        }
        t.run_jobs();
    }

    fn a_password_changed_meanwhile_starts_no_session(t) {
        let user = account(t, "known", Role::Member);
        let now = t.app.db.read(|c| store::user(c, user)).unwrap().unwrap().password_hash;
        let other = passwords::hash(&t.app.random, "four new lamps").unwrap();
        let still = |hash: Option<&str>| t.app.db.write(|tx| store::has_password(tx, user, hash)).unwrap();
        assert!(still(now.as_deref()));
        t.app.db.write(|tx| store::set_password_hash(tx, user, &other)).unwrap();
        assert!(!still(now.as_deref()) && !still(None) && still(Some(&other)));
    }

    fn a_request_for_a_reset_writes_one_mail_however_often_it_runs(t) {
        account(t, "known", Role::Member);
        let job: MailReset = serde_json::from_value(serde_json::json!({
            "email": "known@people.example", "request": "one",
        })).unwrap();
        job.run(&t.app).unwrap();
        let first = link(t, "known@people.example", "/reset/");
        job.run(&t.app).unwrap();
        assert_eq!(mails_to(t, "known@people.example").len(), 1);
        assert_eq!(t.browser().get(&first).status, 200);
    }

    fn a_duplicate_says_of_which_key(t) {
        t.user("Taken", Role::Member);
        let insert = |name: &str, email: &str| {
            let user = store::NewUser {
                name, email: Some(email), email_verified_at: None, password_hash: None, role: Role::Member,
            };
            t.app.db.write(|tx| store::insert_user(tx, &user, t.app.now())).unwrap_err()
        };
        let name = insert("taken", "free@people.example");
        assert!(name.is_duplicate_of("name_key") && !name.is_duplicate_of("email_key"), "{name:?}");
        let email = insert("Free", "TAKEN@people.example");
        assert!(email.is_duplicate_of("email_key") && !email.is_duplicate_of("name_key"), "{email:?}");
    }

    fn a_new_password_ends_other_sessions_and_renews_this(t) {
        account(t, "known", Role::Member);
        let (mut here, mut there) = (t.browser(), t.browser());
        log_in(&mut here, "known", PASSWORD);
        log_in(&mut there, "known", PASSWORD);
        let before = here.cookies["session"].clone();
        let mut change = |present: &str, new: &str| {
            let fields = [("present_password", present), ("new_password", new)];
            here.submit("/account", "/account/password", &fields)
        };
        assert_eq!(change("wrong password", "four new lamps").status, 422);
        assert_eq!(change(PASSWORD, "known known").status, 422);
        let reply = change(PASSWORD, "four new lamps");
        assert_eq!((reply.status, reply.location()), (303, "/account"), "{}", reply.body);
        assert_ne!(here.cookies["session"], before);
        assert!(is_logged_in(&mut here));
        assert!(!is_logged_in(&mut there));
        assert_eq!(mails_to(t, "known@people.example").pop().unwrap().0, "password_changed");
    }

    fn sessions_are_listed_and_ended_by_their_owner_only(t) {
        let (mut here, user) = t.browser_of("Ana", Role::Member);
        let (mut there, mut third) = (t.browser_for(user), t.browser_for(user));
        let mut stranger = t.browser_of("Eve", Role::Member).0;
        let page = here.get("/account").body;
        assert_eq!(page.matches("This device").count(), 1);
        let ids: Vec<&str> = page
            .split("action=\"/account/sessions/")
            .skip(1)
            .filter_map(|rest| rest.split('/').next())
            .filter(|id| *id != "others")
            .collect();
        assert_eq!(ids.len(), 2);
        for id in &ids {
            stranger.submit("/account", &format!("/account/sessions/{id}/end"), &[]);
        }
        assert!(is_logged_in(&mut there) && is_logged_in(&mut third));
        here.post(&format!("/account/sessions/{}/end", ids[0]), &[]);
        assert_eq!([&mut there, &mut third].into_iter().filter_map(|b| is_logged_in(b).then_some(())).count(), 1);
        here.post("/account/sessions/others/end", &[]);
        assert!(!is_logged_in(&mut there) && !is_logged_in(&mut third));
        assert!(is_logged_in(&mut here) && is_logged_in(&mut stranger));
    }

    fn a_profile_is_changed_within_its_limits(t) {
        let (mut browser, user) = t.browser_of("Ana", Role::Member);
        t.user("Taken", Role::Member);
        let mut change = |name: &str, bio: &str| {
            browser.submit("/account", "/account/profile", &[("name", name), ("bio", bio)]).status
        };
        assert_eq!(change("taken", "x"), 422);
        assert_eq!(change("support", "x"), 422);
        assert_eq!(change("Ana", &"x".repeat(501)), 422);
        assert_eq!(change("ANA", "<b>Lamps</b> & more"), 303);
        let page = browser.get("/account").body;
        assert!(page.contains("&#60;b&#62;Lamps") || page.contains("&lt;b&gt;Lamps"), "{page}");
        let row = t.app.db.read(|c| store::user(c, user)).unwrap().unwrap();
        assert_eq!((row.name.as_str(), row.bio.as_str()), ("ANA", "<b>Lamps</b> & more"));
        // A name that changed is written anew wherever it stands.
        t.run_jobs();
    }

    fn admins_give_roles_and_one_is_always_left(t) {
        let (mut admin, admin_id) = t.browser_of("Boss", Role::Admin);
        let user = t.user("Ana", Role::Member);
        let (mut member, _) = t.browser_of("Max", Role::Member);
        for path in ["/admin", "/admin/users", "/admin/users/new", "/admin/audit", "/admin/jobs"] {
            assert_eq!(admin.get(path).status, 200, "{path}");
            assert_eq!(member.get(path).status, 403, "{path}");
            assert_eq!(t.browser().get(path).status, 303, "{path}");
        }
        let role_of = |t: &Test, id| t.app.db.read(|c| store::user(c, id)).unwrap().unwrap().role;
        let path = format!("/admin/users/{user}/role");
        assert_eq!(member.submit("/account", &path, &[("role", "admin")]).status, 403);
        assert_eq!(admin.post(&path, &[("role", "emperor")]).status, 422);
        let fields = [("role", "staff"), ("reason", "new in the team")];
        assert_eq!(admin.post(&path, &fields).status, 303);
        assert_eq!(role_of(t, user), Role::Staff);
        let line = &t.app.db.read(|c| audit::of_subject(c, "user", user.0, 9)).unwrap()[0];
        assert_eq!((line.act.as_str(), line.reason.as_str()), ("role_set", "new in the team"));
        assert!(admin.get("/admin/audit").body.contains("new in the team"));

        let own = format!("/admin/users/{admin_id}/role");
        assert_eq!(admin.post(&own, &[("role", "member")]).status, 422);
        assert_eq!(role_of(t, admin_id), Role::Admin);
        assert_eq!(admin.post(&path, &[("role", "staff"), ("product-nothing", "1")]).status, 422);
        assert_eq!(admin.post("/admin/users/999999/role", &[("role", "staff")]).status, 404);
    }

    fn an_admin_invites_somebody(t) {
        let (mut admin, _) = t.browser_of("Boss", Role::Admin);
        let fields = [("name", "Nora"), ("email", "nora@people.example"), ("role", "moderator")];
        let reply = admin.submit("/admin/users/new", "/admin/users", &fields);
        assert_eq!(reply.status, 303, "{}", reply.body);
        assert_eq!(admin.post("/admin/users", &fields).status, 422);
        let link = link(t, "nora@people.example", "/reset/");
        let mut nora = t.browser();
        assert_eq!(nora.submit(&link, &link, &[("password", PASSWORD)]).status, 303);
        assert_eq!(log_in(&mut nora, "Nora", PASSWORD).status, 303);
        let found = t.app.db.read(|c| store::by_name(c, "nora")).unwrap().unwrap();
        assert_eq!(found.role, Role::Moderator);
        t.run_jobs();
    }

    fn users_are_found_by_the_beginning_of_name_or_address(t) {
        let (mut admin, _) = t.browser_of("Boss", Role::Admin);
        for n in 0..60 {
            t.user(&format!("Person{n:02}"), Role::Member);
        }
        let first = admin.get("/admin/users").body;
        assert!(first.contains("Person59") && !first.contains("Person05"));
        let older = first.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
        let second = admin.get(&older.replace("&#38;", "&").replace("&amp;", "&")).body;
        assert!(second.contains("Person05") && !second.contains("Person59"));
        assert!(admin.get("/admin/users?q=person07").body.contains("person07@people.example"));
        assert!(admin.get("/admin/users?q=BOSS%40").body.contains("boss@people.example"));
        for wild in ["%25", "_", "!", "%27%3B--"] {
            assert!(admin.get(&format!("/admin/users?q={wild}")).body.contains("Nobody found"), "{wild}");
        }
        // SQLite takes no pattern of more than 50,000 bytes.
        assert_eq!(admin.get(&format!("/admin/users?q={}", "_".repeat(60_000))).status, 200);
        assert!(!admin.get("/admin/users?role=admin").body.contains("Person59"));
    }

    fn handles_are_proved_by_their_owner_and_taken_back(t) {
        let (mut browser, ana) = t.browser_of("Ana", Role::Member);
        let eve = t.user("Eve", Role::Member);
        let now = t.app.now();
        let author = |username: &str| Author {
            username: username.into(),
            display_name: "Ana B".into(),
            followers: 3,
            ..Author::known_by_id("42".into())
        };
        let handle = t.app.db.write(|tx| {
            let first = handles::seen(tx, Network::X, &[&author("ana_b")], now)?;
            let second = handles::seen(tx, Network::X, &[&author("ana_new")], now)?;
            assert_eq!(first, second);
            let by_id_alone = Author::known_by_id("42".into());
            assert_eq!(handles::seen(tx, Network::X, &[&by_id_alone], now)?, first);
            Ok(first["42"])
        }).unwrap();
        let found = t.app.db.read(|c| handles::handle(c, handle)).unwrap().unwrap();
        assert_eq!((found.label().as_str(), found.user), ("@ana_new", None));

        let by = Actor::User { id: ana, name: "Ana".into() };
        let agreement = Agreement {
            email: "ana@people.example", purpose: "ticket_by_email", wording: "Write to me about this.",
        };
        t.app.db.write(|tx| {
            handles::prove(tx, &by, handle, Some(ana), None, Proof::SignIn, &agreement, now)
        }).unwrap();
        let page = browser.get("/account").body;
        assert!(page.contains("@ana_new") && page.contains("Write to me about this."));
        let withdraw = |user| t.app.db.write(|tx| handles::withdraw(tx, &by, user, handle, now)).unwrap();
        assert_eq!(withdraw(eve), Withdrawn::NotFound);
        let path = format!("/account/handles/{handle}/withdraw");
        assert_eq!(browser.post(&path, &[]).status, 303);
        assert_eq!(browser.post(&path, &[]).status, 404);
        let after = t.app.db.read(|c| handles::handle(c, handle)).unwrap().unwrap();
        assert_eq!((after.user, after.proved_at), (None, None));
        let consents = t.app.db.read(|c| handles::consents_of(c, handle)).unwrap();
        assert!(consents.iter().all(|c| c.withdrawn_at.is_some()) && consents.len() == 1);
    }

    fn a_handle_known_by_name_gets_its_id_at_the_next_sighting(t) {
        let now = t.app.now();
        let author = |id: &str, username: &str| Author {
            username: username.into(),
            ..Author::known_by_id(id.into())
        };
        let see = |id: &str, username: &str| t.app.db.write(|tx| {
            let seen = handles::seen(tx, Network::X, &[&author(id, username)], now)?;
            Ok(handles::handle(tx, seen[id])?.unwrap())
        }).unwrap();
        let imported = see("@ada", "Ada");
        assert!(imported.is(&author("42", "ADA")) && !imported.is(&author("42", "bob")));
        let met = see("42", "ada");
        assert_eq!((met.id, met.network_user_id.as_str()), (imported.id, "42"));
        // From now on the id counts, whatever the name.
        assert!(met.is(&author("42", "ada_new")) && !met.is(&author("43", "ada")));
        assert_ne!(see("43", "ada").id, met.id);
    }

    fn avatars_are_pictures_for_known_and_unknown(t) {
        let user = t.user("Zo\u{eb}", Role::Member);
        let mut browser = t.browser();
        let known = browser.get(&format!("/avatar/{user}.svg"));
        assert_eq!((known.status, known.header("content-type")), (200, "image/svg+xml"));
        assert!(known.body.contains(">Z<"));
        assert!(known.header("cache-control").contains("max-age=604800"));
        assert!(!browser.get("/avatar/424242.svg").body.contains("<text"));
        for bad in ["/avatar/x.svg", "/avatar/1", "/avatar/99999999999999999999.svg", "/avatar/%00.svg"] {
            assert_eq!(browser.get(bad).status, 404, "{bad}");
        }
    }

    fn hostile_input_gets_words_not_failures(t) {
        let (mut admin, _) = t.browser_of("Boss", Role::Admin);
        let long = "x".repeat(100_000);
        let nasty = [
            "\0", "\u{202e}\u{0}\u{feff}", "' OR 1=1 --", "<script>alert(1)</script>", "%", "\u{1f600}",
            "\u{d7ff}\u{e000}", "{{7*7}}", "\r\nSet-Cookie: a=b", &long,
        ];
        for words in nasty {
            let forms: [(&str, &[&str]); 9] = [
                ("/register", &["name", "email"]),
                ("/login", &["who", "password", "next"]),
                ("/reset", &["email"]),
                ("/verify", &["token", "name", "password"]),
                ("/reset/nonsense", &["password"]),
                ("/account/profile", &["name", "bio"]),
                ("/account/email", &["email", "email_password"]),
                ("/account/password", &["present_password", "new_password"]),
                ("/admin/users", &["name", "email", "role"]),
            ];
            admin.get("/account");
            for (path, names) in forms {
                let fields: Vec<_> = names.iter().map(|name| (*name, words)).collect();
                let reply = admin.post(path, &fields);
                assert!(reply.status < 500, "{path} {words:.40}: {}", reply.status);
                assert!(!reply.body.contains("<script>alert"), "{path}");
                assert!(reply.header("set-cookie").find("a=b").is_none());
            }
            let words: String = words.chars().take(2_000).collect();
            let query: String = url::form_urlencoded::byte_serialize(words.as_bytes()).collect();
            for path in ["/verify?token=", "/login?next=", "/admin/users?q=", "/admin/users?before=", "/admin/audit?before=", "/reset/"] {
                let reply = admin.get(&format!("{path}{query}"));
                assert!(reply.status < 500, "{path}: {}", reply.status);
            }
        }
        for cookie in ["x", "\u{fc}", &"y".repeat(4_000)] {
            let mut browser = t.browser();
            browser.cookies.insert("session".into(), cookie.into());
            browser.cookies.insert("flash".into(), cookie.into());
            assert_eq!(browser.get("/login").status, 200);
        }
        t.run_jobs();
    }

    fn ended_sessions_and_tokens_are_deleted_in_time(t) {
        let user = t.user("Ana", Role::Member);
        t.browser_for(user);
        t.app.db.write(|tx| store::delete_ended(tx, t.app.now().plus(29 * DAY))).unwrap();
        let count = |t: &Test| t.app.db.read(|c| store::sessions(c, user, t.app.now(), 9)).unwrap().len();
        assert_eq!(count(t), 1);
        t.app.db.write(|tx| store::delete_ended(tx, t.app.now().plus(31 * DAY))).unwrap();
        assert_eq!(count(t), 0);
    }
}

#[test]
fn cookies_have_their_flags() {
    let mut plain = Test::new(Backend::Sqlite, |_| {}).unwrap();
    let mut secure = Test::new(Backend::Sqlite, |config| {
        config.site.url = "https://help.example".into();
    })
    .unwrap();
    for (t, name, is_secure) in [
        (&mut plain, "session", false),
        (&mut secure, "__Host-session", true),
    ] {
        account(t, "known", Role::Member);
        let mut browser = t.browser();
        let reply = log_in(&mut browser, "known", PASSWORD);
        let cookie = reply.header("set-cookie").to_owned();
        assert!(cookie.starts_with(&format!("{name}=")), "{cookie}");
        for flag in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(flag), "{cookie}");
        }
        assert_eq!(cookie.contains("Secure"), is_secure, "{cookie}");
        assert!(!cookie.contains("Domain"), "{cookie}");
        assert!(is_logged_in(&mut browser));
        assert_eq!(
            !reply.header("strict-transport-security").is_empty(),
            is_secure
        );
        t.run_jobs();
    }
}

#[test]
fn limits_say_when_to_try_again() {
    let mut t = Test::new(Backend::Sqlite, |config| {
        config.limits.log_ins_per_minute = 3;
        config.limits.registrations_per_hour = 3;
        config.site.secret = Secret::new("another secret only of the tests, long enough");
    })
    .unwrap();
    account(&t, "known", Role::Member);
    let mut browser = t.browser();
    for who in ["known", "nobody"] {
        // Each account has its own count, here both come from one address.
        let replies: Vec<_> = (0..4)
            .map(|_| log_in(&mut browser, who, "wrong password"))
            .collect();
        let last = replies.last().unwrap();
        assert_eq!(last.status, 429);
        assert!(last.body.contains("You can try again in"), "{}", last.body);
        assert!(last.header("retry-after").parse::<u64>().unwrap() >= 1);
    }
    // Right ones are given back, so that a whole office may come in through one address.
    let mut office = Test::new(Backend::Sqlite, |config| {
        config.limits.log_ins_per_minute = 3;
    })
    .unwrap();
    account(&office, "known", Role::Member);
    for _ in 0..8 {
        assert_eq!(log_in(&mut office.browser(), "known", PASSWORD).status, 303);
    }
    let last = (0..4)
        .map(|n| {
            register(
                &mut browser,
                &format!("new{n}"),
                &format!("new{n}@people.example"),
            )
        })
        .last();
    assert_eq!(last.unwrap().status, 429);
    t.run_jobs();
}

#[test]
fn the_last_admin_stays_when_two_go_at_once() {
    let Some(t) = Test::new(Backend::Postgres, |_| {}) else {
        return;
    };
    let admins = [t.user("One", Role::Admin), t.user("Two", Role::Admin)];
    let threads = admins.map(|id| {
        let app = t.app.clone();
        std::thread::spawn(move || {
            set_role::set_role(&app, &Actor::Operator, id, Role::Member, &[], "").unwrap()
        })
    });
    let outcomes = threads.map(|thread| thread.join().unwrap());
    assert!(
        outcomes.contains(&set_role::Outcome::LastAdmin),
        "{outcomes:?}"
    );
    assert_eq!(t.app.db.read(store::admin_count).unwrap(), 1);
}

#[test]
fn one_client_locks_nobody_else_out() {
    let mut t = Test::new(Backend::Sqlite, |config| {
        config.limits.log_ins_per_minute = 3;
        config.server.behind_proxy = true;
    })
    .unwrap();
    account(&t, "known", Role::Member);
    let mut from = |ip: &str, password: &str| {
        let mut browser = t.browser();
        browser.headers.push(("x-forwarded-for".into(), ip.into()));
        log_in(&mut browser, "known", password).status
    };
    for status in [422, 422, 422, 429] {
        assert_eq!(from("192.0.2.1", "wrong password"), status);
    }
    // What the client wrote itself stands before what the proxy wrote.
    assert_eq!(from("198.51.100.9, 192.0.2.1", PASSWORD), 429);
    assert_eq!(from("192.0.2.2", PASSWORD), 303);
    assert_eq!(from("2001:db8::1", "wrong password"), 422);
    assert_eq!(from("2001:db8::2", "wrong password"), 422);
    assert_eq!(from("2001:db8::3", "wrong password"), 422);
    assert_eq!(from("2001:db8::4", "wrong password"), 429);
    t.run_jobs();
}

#[test]
fn whoever_runs_the_site_reads_no_account_links() {
    let mut t = Test::new(Backend::Sqlite, |config| {
        config.mail.transport = offramp::config::MailTransport::Off;
    })
    .unwrap();
    account(&t, "known", Role::Member);
    t.browser()
        .submit("/reset", "/reset", &[("email", "known@people.example")]);
    t.run_jobs();
    let (mut admin, _) = t.browser_of("Boss", Role::Admin);
    let mail = t
        .app
        .db
        .read(|c| outbox::page(c, None, 1))
        .unwrap()
        .remove(0);
    assert_eq!(mail.purpose, "reset_password");
    let page = admin.get(&format!("/admin/mail/{}", mail.id));
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("/reset/"), "{}", page.body);
    assert_eq!(
        admin.get(&format!("/admin/mail/{}/eml", mail.id)).status,
        404
    );
}
