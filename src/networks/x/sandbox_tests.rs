//! The real connector against the stand-in, over HTTP, with one clock for both.

use std::time::Duration;

use super::XConnector;
use super::sandbox::{self, Fail, FailKind, NewPost, Running, SandboxConfig};
use crate::clock::{Clock, DAY, MINUTE, Moment};
use crate::config::{self, Dialect, Secret};
use crate::db::{Db, migrate};
use crate::net::http_client;
use crate::networks::budget::Class;
use crate::networks::{
    Connector, Cursor, NetworkError, Opens, PostKind, PublicPost, ReplyTo, SignInPurpose,
};

struct World {
    clock: Clock,
    running: Running,
    x: XConnector,
    db: Db,
    settings: config::X,
    _dir: tempfile::TempDir,
}

#[test]
fn its_section_of_the_configuration_can_be_copied() {
    let section = SandboxConfig::for_brand("Lumen", "L").x_section("http://127.0.0.1:1");
    let example = include_str!("../../../offramp.example.toml");
    let before = example.find("\n[x]\n").expect("the section");
    let after = example.find("# US dollars").expect("what follows it");
    let replaced = format!("{}\n{section}\n{}", &example[..before], &example[after..]);
    for text in [&section, &replaced] {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        let config = config::Config::load_with(Some(file.path()), Vec::new()).expect("TOML");
        assert!(config.x.enabled);
        assert_eq!(config.x.base_url, "http://127.0.0.1:1");
        assert_eq!(config.x.username, "Lumen");
    }
}

const BRAND: &str = "LumenHelp";

fn world_with(
    shape: impl FnOnce(&mut SandboxConfig),
    change: impl FnOnce(&mut config::X),
) -> World {
    let dir = tempfile::tempdir().expect("a folder");
    let clock = Clock::held(Moment::parse("2026-11-22T09:00:00Z").expect("a time"));
    let mut config = SandboxConfig::for_brand(BRAND, "Lumen Help");
    config.clock = clock.clone();
    config.hang = Duration::from_secs(5);
    shape(&mut config);
    let running = sandbox::start(config, "127.0.0.1:0").expect("a stand-in");
    let mut settings = running.x_settings();
    settings.timeout_seconds = 30;
    change(&mut settings);
    let path = dir.path().join("offramp.db").display().to_string();
    let database = config::Database {
        url: Secret::new(path),
        ..config::Database::default()
    };
    let db = Db::open(&database).expect("a database");
    migrate::migrate(&db).expect("migrations");
    let x = connector(&settings, &db, &clock);
    World {
        clock,
        running,
        x,
        db,
        settings,
        _dir: dir,
    }
}

fn connector(settings: &config::X, db: &Db, clock: &Clock) -> XConnector {
    let secret = Secret::new("a secret only of the tests, long enough");
    XConnector::new(settings.clone(), &secret, db.clone(), clock.clone()).expect("a connector")
}

fn world() -> World {
    world_with(|_| {}, |_| {})
}

fn by(username: &str, text: &str) -> NewPost {
    NewPost {
        username: username.into(),
        text: text.into(),
        ..NewPost::default()
    }
}

impl World {
    fn post(&self, new: NewPost) -> u64 {
        self.clock.advance(1_000_000);
        self.running.sandbox().post(new).expect("posted")
    }

    fn fail(&self, kind: FailKind, endpoint: &str) {
        let endpoint = Some(endpoint.to_owned());
        self.running.sandbox().fail(Fail {
            kind,
            count: 1,
            endpoint,
        });
    }

    /// All pages from a cursor on, newest first, and where reading then stands.
    fn read_all(&self, cursor: &Cursor) -> (Vec<PublicPost>, Cursor) {
        let (mut posts, mut cursor) = (Vec::new(), cursor.clone());
        loop {
            let page = self.x.mentions(&cursor).expect("a page");
            assert!(page.problems.is_empty(), "{:?}", page.problems);
            posts.extend(page.posts);
            cursor = page.next_cursor;
            if !page.more {
                return (posts, cursor);
            }
        }
    }

    fn calls(&self, path: &str) -> usize {
        self.running
            .sandbox()
            .log()
            .iter()
            .filter(|entry| entry.path.ends_with(path))
            .count()
    }

    fn cost(&self) -> i64 {
        self.x.meter().report().expect("a report").month_cost_micros
    }
}

fn to(id: u64) -> ReplyTo {
    ReplyTo {
        post_id: id.to_string(),
        author_username: "ada".into(),
        summoned: true,
    }
}

fn ids(posts: &[PublicPost]) -> Vec<u64> {
    posts
        .iter()
        .filter_map(|post| post.id.parse().ok())
        .collect()
}

#[test]
fn mentions_are_read_page_by_page_and_never_again() {
    let world = world();
    let made: Vec<u64> = (0..230)
        .map(|n| world.post(by("ada", &format!("@lumenhelp lamp {n} is dark"))))
        .collect();
    world.post(by("bob", "nothing about anybody"));
    world.post(by(BRAND, "we never sleep, says @lumenhelp"));
    let (posts, cursor) = world.read_all(&Cursor::default());
    let newest_first: Vec<u64> = made.iter().rev().copied().collect();
    assert_eq!(ids(&posts), newest_first);
    assert_eq!(world.calls("/mentions"), 3, "230 posts in pages of 100");
    assert_eq!(cursor.since_id, made.last().map(u64::to_string));
    assert!(
        posts
            .iter()
            .all(|post| post.summoned && post.author.is_some())
    );
    let (again, same) = world.read_all(&cursor);
    assert!(again.is_empty());
    assert_eq!(same, cursor);
    let later = world.post(by("ada", "still dark @LumenHelp"));
    assert_eq!(ids(&world.read_all(&cursor).0), [later]);
    // 231 owned posts at 0.001, one author at 0.010.
    assert_eq!(world.cost(), 231 * 1_000 + 10_000);
}

#[test]
fn a_walk_broken_off_goes_on_from_its_stored_cursor() {
    let world = world();
    let made: Vec<u64> = (0..150)
        .map(|n| world.post(by("ada", &format!("@lumenhelp {n}"))))
        .collect();
    let first = world.x.mentions(&Cursor::default()).expect("a page");
    assert!(first.more);
    let stored = Cursor::from_text(&first.next_cursor.to_text());
    let during = world.post(by("bob", "@lumenhelp posted between two pages"));
    let (rest, cursor) = world.read_all(&stored);
    assert_eq!(rest.len() + first.posts.len(), made.len());
    assert_eq!(ids(&world.read_all(&cursor).0), [during]);
}

#[test]
fn both_dialects_bring_the_same_posts() {
    let read = |dialect: Dialect| {
        let world = world_with(|sandbox| sandbox.dialect = dialect, |_| {});
        let long = format!("@lumenhelp {} <3 & more", "a long story ".repeat(40));
        let root = world.post(by("ada", long.trim()));
        let ours = world.x.reply(&to(root), "We hear you").expect("sent").id;
        let ours: u64 = ours.parse().expect("an id");
        world.post(NewPost {
            in_reply_to: Some(ours),
            ..by("ada", "and now?")
        });
        world.post(NewPost {
            quote_of: Some(ours),
            ..by("bob", "@lumenhelp they say so")
        });
        let (posts, _) = world.read_all(&Cursor::default());
        let facts = posts.iter().map(|post| {
            (
                post.text.clone(),
                post.kind,
                post.summoned,
                post.conversation_id == post.first_id,
            )
        });
        let long_kept = posts.iter().any(|post| post.text == long);
        (facts.collect::<Vec<_>>(), long_kept)
    };
    let (tweet, long_kept) = read(Dialect::Tweet);
    assert!(long_kept, "the long text comes whole and decoded");
    assert_eq!(
        tweet.iter().map(|fact| fact.1).collect::<Vec<_>>(),
        [PostKind::Quote, PostKind::Reply, PostKind::Post]
    );
    let (post, _) = read(Dialect::Post);
    let without_links = |facts: Vec<(String, PostKind, bool, bool)>| {
        facts
            .into_iter()
            .map(|fact| (fact.1, fact.2, fact.3))
            .collect::<Vec<_>>()
    };
    assert_eq!(without_links(tweet), without_links(post));
}

#[test]
fn an_edit_keeps_its_first_id() {
    let world = world();
    let first = world.post(by("ada", "@lumenhelp my lam is dark"));
    let (_, cursor) = world.read_all(&Cursor::default());
    world.post(NewPost {
        edit_of: Some(first),
        ..by("ada", "@lumenhelp my lamp is dark")
    });
    let (posts, _) = world.read_all(&cursor);
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].first_id, first.to_string());
    assert_ne!(posts[0].id, posts[0].first_id);
    assert_eq!(posts[0].text, "@lumenhelp my lamp is dark");
}

#[test]
fn search_finds_the_unmentioned_and_skips_reposts_and_our_own() {
    let world = world_with(
        |_| {},
        |x| {
            x.search_query = "(\"lumen lamp\") -from:LumenHelp -is:retweet".into();
        },
    );
    let found = world.post(by("ada", "my lumen lamp died"));
    world.post(by(BRAND, "buy a lumen lamp"));
    world.post(NewPost {
        repost_of: Some(found),
        ..by("bob", "")
    });
    let page = world
        .x
        .search(&Cursor::default())
        .expect("searched")
        .expect("a page");
    assert_eq!(ids(&page.posts), [found]);
    assert!(!page.posts[0].summoned);
    // A cursor older than the window would be refused: a time takes its place.
    world.clock.advance(8 * DAY);
    let later = world.post(by("ada", "the new lumen lamp died too"));
    let page = world
        .x
        .search(&page.next_cursor)
        .expect("searched")
        .expect("a page");
    assert_eq!(ids(&page.posts), [later]);
}

#[test]
fn a_reply_stands_once_in_the_thread() {
    let world = world();
    let complaint = world.post(by("ada", "@lumenhelp dark again"));
    let text = "Sorry! We track it at https://forum.example.org/t/7/dark-lamp-after-a-while";
    let sent = world.x.reply(&to(complaint), text).expect("sent");
    assert_eq!(sent.cost_micros, 200_000, "a link costs more");
    let address = format!("{}/{BRAND}/status/{}", world.running.address(), sent.id);
    assert_eq!(sent.url.as_deref(), Some(address.as_str()));
    assert_eq!(world.running.sandbox().replies_to(complaint), [text]);
    assert_eq!(
        world.x.read_address(&address).map(|read| read.id),
        Some(sent.id.clone())
    );
    // The short links and the name X adds do not hide it.
    let found = world
        .x
        .find_reply(&to(complaint), text)
        .expect("looked")
        .expect("found");
    assert_eq!(found.id, sent.id);
    // Sending the same again finds the one that stands, and is not billed.
    let before = world.cost();
    let again = world.x.reply(&to(complaint), text).expect("found");
    assert_eq!((again.id, again.cost_micros), (sent.id, 0));
    assert_eq!(world.cost(), before + 1_000, "one look at our own timeline");
    assert_eq!(world.running.sandbox().replies_to(complaint).len(), 1);
}

#[test]
fn a_time_out_after_accepting_is_answered_exactly_once() {
    let world = world_with(|_| {}, |x| x.timeout_seconds = 1);
    let complaint = world.post(by("ada", "@lumenhelp dark again"));
    world.fail(FailKind::TimeoutAfterAccepting, "create_post");
    let sent = world
        .x
        .reply(&to(complaint), "We are on it.")
        .expect("found on our timeline");
    assert_eq!(
        world.running.sandbox().replies_to(complaint),
        ["We are on it."]
    );
    assert_eq!(sent.cost_micros, 0);
    assert_eq!(world.calls("/tweets"), 2, "one send, one look");
}

#[test]
fn a_server_error_on_sending_stays_ambiguous_until_a_look() {
    let world = world();
    let complaint = world.post(by("ada", "@lumenhelp dark again"));
    world.fail(FailKind::ServerError, "create_post");
    let error = world
        .x
        .reply(&to(complaint), "We are on it.")
        .expect_err("ambiguous");
    assert!(matches!(error, NetworkError::Ambiguous { .. }), "{error:?}");
    assert_eq!(
        world.x.find_reply(&to(complaint), "We are on it."),
        Ok(None)
    );
    assert!(world.x.reply(&to(complaint), "We are on it.").is_ok());
    assert_eq!(world.running.sandbox().replies_to(complaint).len(), 1);
}

#[test]
fn only_those_who_called_us_are_answered() {
    let world = world();
    let complaint = world.post(by("ada", "lumen lamps are the worst"));
    let stranger = ReplyTo {
        summoned: false,
        ..to(complaint)
    };
    let error = world.x.reply(&stranger, "Hello!").expect_err("refused");
    assert!(matches!(error, NetworkError::Refused { .. }));
    assert_eq!(world.calls("/tweets"), 0, "not even tried");
    assert!(world.x.weigh(&stranger, "Hello!").handoff_reason.is_some());
    // Had we been wrong about it, X refuses, and that is final and free.
    let error = world
        .x
        .reply(&to(complaint), "Hello!")
        .expect_err("refused");
    assert!(matches!(&error, NetworkError::Refused { reason } if reason.contains("not allowed")));
    assert_eq!(world.cost(), 0);
    let url = world.x.handoff_url(&stranger, "Hello & sorry");
    assert!(url.ends_with(&format!(
        "/intent/tweet?in_reply_to={complaint}&text=Hello%20%26%20sorry"
    )));
}

#[test]
fn too_long_a_text_is_never_sent() {
    let world = world();
    let complaint = world.post(by("ada", "@lumenhelp dark again"));
    let fits = "日".repeat(140);
    assert!(world.x.weigh(&to(complaint), &fits).fits());
    let error = world
        .x
        .reply(&to(complaint), &format!("{fits}!"))
        .expect_err("too long");
    assert!(error.to_string().contains("281"));
    assert_eq!(world.calls("/tweets"), 0);
    assert!(world.x.reply(&to(complaint), &fits).is_ok());
}

#[test]
fn a_429_is_waited_out_even_after_a_restart() {
    let world = world();
    world.fail(FailKind::RateLimited, "mentions");
    let error = world.x.mentions(&Cursor::default()).expect_err("limited");
    let NetworkError::RateLimited { until } = error else {
        panic!("{error:?}")
    };
    assert_eq!(until, world.clock.now().plus(MINUTE));
    let restarted = connector(&world.settings, &world.db, &world.clock);
    assert_eq!(
        restarted.mentions(&Cursor::default()).expect_err("limited"),
        error
    );
    assert_eq!(world.calls("/mentions"), 1, "no call while we wait");
    world.clock.advance(MINUTE);
    assert!(restarted.mentions(&Cursor::default()).is_ok());
}

#[test]
fn without_credits_all_calls_stop_and_a_slow_probe_goes_on() {
    let world = world();
    let complaint = world.post(by("ada", "@lumenhelp dark again"));
    world.fail(FailKind::CreditsDepleted, "mentions");
    let error = world
        .x
        .mentions(&Cursor::default())
        .expect_err("no credits");
    assert_eq!(error, NetworkError::CreditsDepleted);
    let reply = world.x.reply(&to(complaint), "We are on it.");
    assert_eq!(
        reply,
        Err(NetworkError::CreditsDepleted),
        "another call stops too"
    );
    assert_eq!(world.running.sandbox().log().len(), 1);
    world.clock.advance(15 * MINUTE);
    assert!(world.x.mentions(&Cursor::default()).is_ok());
    assert!(world.x.reply(&to(complaint), "We are on it.").is_ok());
    assert_eq!(
        world.cost(),
        1_000 + 10_000 + 10_000,
        "what was refused was not billed"
    );
}

#[test]
fn a_refused_token_is_renewed_once_and_the_new_one_kept() {
    let world = world();
    world.running.sandbox().expire_access_tokens();
    assert!(world.x.mentions(&Cursor::default()).is_ok());
    assert_eq!(world.calls("/token"), 1);
    let restarted = connector(&world.settings, &world.db, &world.clock);
    assert!(
        restarted.mentions(&Cursor::default()).is_ok(),
        "the kept token serves"
    );
    assert_eq!(world.calls("/token"), 1);
    // The old refresh token is dead; the kept one still renews.
    world.running.sandbox().expire_access_tokens();
    assert!(restarted.mentions(&Cursor::default()).is_ok());
    assert_eq!(world.calls("/token"), 2);
    // A token known to run out is renewed before it is refused.
    let refusals = |world: &World| {
        world
            .running
            .sandbox()
            .log()
            .iter()
            .filter(|entry| entry.status == 401)
            .count()
    };
    let before = refusals(&world);
    world.clock.advance(119 * MINUTE + 1);
    assert!(restarted.mentions(&Cursor::default()).is_ok());
    assert_eq!(refusals(&world), before);
}

#[test]
fn tokens_put_into_the_configuration_later_take_over() {
    let world = world();
    world.running.sandbox().expire_access_tokens();
    assert!(world.x.mentions(&Cursor::default()).is_ok());
    let mut settings = world.settings.clone();
    settings.access_token = Secret::new("a mistyped token");
    settings.refresh_token = Secret::default();
    let restarted = connector(&settings, &world.db, &world.clock);
    let error = restarted.mentions(&Cursor::default()).expect_err("refused");
    assert!(
        matches!(error, NetworkError::NeedsReconnect { .. }),
        "{error:?}"
    );
    settings.access_token = Secret::default();
    let restarted = connector(&settings, &world.db, &world.clock);
    assert!(
        restarted.mentions(&Cursor::default()).is_ok(),
        "the kept ones, when none are set"
    );
}

#[test]
fn two_at_once_renew_once() {
    let world = world();
    world.running.sandbox().expire_access_tokens();
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| world.x.mentions(&Cursor::default()).is_ok()))
            .collect();
        for handle in handles {
            assert!(handle.join().expect("no panic"));
        }
    });
    assert_eq!(world.calls("/token"), 1);
}

#[test]
fn when_renewal_is_refused_staff_must_connect_again() {
    let world = world();
    world.running.sandbox().expire_access_tokens();
    world.fail(FailKind::Unauthorized, "token");
    let error = world.x.mentions(&Cursor::default()).expect_err("refused");
    assert!(
        matches!(error, NetworkError::NeedsReconnect { .. }),
        "{error:?}"
    );
}

#[test]
fn oauth_1_keys_sign_reads_and_replies() {
    let world = world_with(
        |_| {},
        |x| {
            x.access_token = Secret::default();
            x.consumer_key = Secret::new("stand-in-consumer");
            x.consumer_secret = Secret::new("stand-in-consumer-secret");
            x.oauth1_token = Secret::new("stand-in-token");
            x.oauth1_token_secret = Secret::new("stand-in-token-secret");
        },
    );
    let complaint = world.post(by("ada", "@lumenhelp dark again"));
    assert_eq!(ids(&world.read_all(&Cursor::default()).0), [complaint]);
    assert!(
        world
            .x
            .reply(&to(complaint), "Ünïcode & 100 % + more")
            .is_ok()
    );
    assert!(
        world
            .running
            .sandbox()
            .log()
            .iter()
            .all(|entry| entry.auth == "oauth1")
    );
}

#[test]
fn deleted_posts_are_reported_gone() {
    let world = world();
    let made: Vec<u64> = (0..130)
        .map(|n| world.post(by("ada", &format!("@lumenhelp {n}"))))
        .collect();
    assert!(world.running.sandbox().delete(made[3]));
    assert!(world.running.sandbox().delete(made[120]));
    let asked: Vec<String> = made.iter().map(u64::to_string).collect();
    let looked = world.x.lookup(&asked).expect("looked up");
    assert_eq!(looked.found.len(), 128);
    assert_eq!(looked.gone, [made[3].to_string(), made[120].to_string()]);
    assert!(looked.unknown.is_empty());
    assert_eq!(world.calls("/2/tweets"), 2, "in hundreds");
    // A reply to a post that vanished is told apart from a refusal.
    world.fail(FailKind::DeletedPost, "create_post");
    assert_eq!(
        world.x.reply(&to(made[5]), "Hello"),
        Err(NetworkError::Gone)
    );
}

#[test]
fn at_the_cap_reading_stops_and_replies_go_on() {
    let world = world_with(|_| {}, |x| x.caps.mentions = 0.010);
    let complaint = world.post(by("ada", "@lumenhelp 0"));
    (1..20).for_each(|n| {
        world.post(by("ada", &format!("@lumenhelp {n}")));
    });
    let page = world.x.mentions(&Cursor::default()).expect("a page");
    assert_eq!(page.posts.len(), 10, "no more than can be paid for");
    let error = world.x.mentions(&page.next_cursor).expect_err("the cap");
    let spent = NetworkError::Budget {
        class: Class::ReadMentions,
        opens: Opens::Tomorrow,
    };
    assert_eq!(error, spent);
    assert!(world.x.reply(&to(complaint), "We are on it.").is_ok());
    world.clock.advance(DAY);
    let (rest, _) = world.read_all(&page.next_cursor);
    assert_eq!(rest.len(), 10, "what waited is read the next day");
}

#[test]
fn a_customer_proves_a_handle_and_the_brand_connects() {
    let world = world();
    let back = "http://127.0.0.1:9/claims/back";
    let sign_in = |purpose, username: &str| {
        let begun = world.x.begin_sign_in(purpose, back).expect("begun");
        // The person opens the address, sees the page, and says who they are.
        let browser = http_client(Duration::from_secs(30));
        let page = browser.get(&begun.url).call().expect("a page");
        let page = page.into_body().read_to_string().expect("its text");
        assert!(page.contains("Sign in as @"), "{page}");
        let asked = url::Url::parse(&begun.url).expect("an address");
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(asked.query_pairs())
            .append_pair("username", username)
            .finish();
        let answer = browser
            .post(format!("{}/i/oauth2/authorize", world.running.address()))
            .header("content-type", "application/x-www-form-urlencoded")
            .send(form)
            .expect("an answer");
        let location = answer.headers()["location"]
            .to_str()
            .expect("text")
            .to_owned();
        let location = url::Url::parse(&location).expect("an address");
        let part = |name: &str| {
            let found = location.query_pairs().find(|(key, _)| key == name);
            found
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        assert_eq!(part("state"), begun.state);
        (part("code"), begun.verifier)
    };
    let (code, verifier) = sign_in(SignInPurpose::Prove, "ada");
    let wrong = world
        .x
        .finish_sign_in(SignInPurpose::Prove, back, &code, "another verifier");
    assert!(
        matches!(wrong, Err(NetworkError::NeedsReconnect { .. })),
        "{wrong:?}"
    );
    let (code, verifier) = (sign_in(SignInPurpose::Prove, "ada").0, verifier);
    let stale = world
        .x
        .finish_sign_in(SignInPurpose::Prove, back, &code, &verifier);
    assert!(stale.is_err(), "a verifier of another sign-in");
    // What X asks of one customer holds for nobody else.
    let (code, verifier) = sign_in(SignInPurpose::Prove, "ada");
    world.fail(FailKind::RateLimited, "me");
    let slow = world
        .x
        .finish_sign_in(SignInPurpose::Prove, back, &code, &verifier);
    assert!(
        matches!(slow, Err(NetworkError::RateLimited { .. })),
        "{slow:?}"
    );
    let (code, verifier) = sign_in(SignInPurpose::Prove, "ada");
    let who = world
        .x
        .finish_sign_in(SignInPurpose::Prove, back, &code, &verifier);
    assert_eq!(who.map(|author| author.username).as_deref(), Ok("ada"));
    let (code, verifier) = sign_in(SignInPurpose::Connect, "ada");
    let other = world
        .x
        .finish_sign_in(SignInPurpose::Connect, back, &code, &verifier);
    assert!(
        matches!(other, Err(NetworkError::Refused { .. })),
        "not our account"
    );
    let (code, verifier) = sign_in(SignInPurpose::Connect, BRAND);
    let brand = world
        .x
        .finish_sign_in(SignInPurpose::Connect, back, &code, &verifier);
    assert_eq!(brand.map(|author| author.username).as_deref(), Ok(BRAND));
    let tokenless = config::X {
        access_token: Secret::default(),
        ..world.settings.clone()
    };
    assert!(
        connector(&tokenless, &world.db, &world.clock)
            .mentions(&Cursor::default())
            .is_ok()
    );
}

#[test]
fn a_look_that_did_not_see_everything_says_so() {
    let world = world();
    let theirs = world.post(by("ada", &format!("@{BRAND} my hub is broken")));
    let to = ReplyTo {
        post_id: theirs.to_string(),
        author_username: "ada".into(),
        summoned: true,
    };
    for n in 0..299 {
        world.post(by(BRAND, &format!("news {n}")));
    }
    assert!(matches!(world.x.find_reply(&to, "Sorry"), Ok(None)));
    for n in 0..2 {
        world.post(by(BRAND, &format!("more news {n}")));
    }
    let looked = world.x.find_reply(&to, "Sorry");
    assert!(
        matches!(looked, Err(NetworkError::Unavailable { .. })),
        "{looked:?}"
    );
}

#[test]
fn an_app_token_alone_may_not_write() {
    let world = world_with(
        |_| {},
        |x| {
            // The app's token in the place of the user's.
            x.access_token = Secret::new("stand-in-bearer");
            x.refresh_token = Secret::default();
        },
    );
    let complaint = world.post(by("ada", "@lumenhelp dark again"));
    let error = world
        .x
        .reply(&to(complaint), "Hello")
        .expect_err("not permitted");
    assert!(
        matches!(error, NetworkError::NotPermitted { .. }),
        "{error:?}"
    );
}

#[test]
fn nobody_at_the_address_is_said_plainly() {
    let world = world_with(|_| {}, |x| x.base_url = "http://127.0.0.1:9".into());
    let error = world
        .x
        .mentions(&Cursor::default())
        .expect_err("nobody there");
    assert!(
        matches!(error, NetworkError::Unavailable { .. }),
        "{error:?}"
    );
    let error = world.x.reply(&to(1), "Hello").expect_err("nobody there");
    assert!(
        matches!(error, NetworkError::Unavailable { .. }),
        "nothing was sent: {error:?}"
    );
    assert_eq!(world.cost(), 0);
}

#[test]
fn pages_for_people_work_and_escape() {
    let world = world();
    let id = world.post(by("ada", "<b>bold</b> @lumenhelp"));
    let get = |path: &str| {
        let address = format!("{}{path}", world.running.address());
        let answer = http_client(Duration::from_secs(30)).get(address).call();
        let answer = answer.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.into_body().read_to_string().expect("text"))
    };
    let (status, page) = get("/");
    assert_eq!(status, 200);
    assert!(
        page.contains("Stand-in for X") && !page.contains("<b>bold"),
        "{page}"
    );
    assert_eq!(get(&format!("/ada/status/{id}")).0, 200);
    let (_, intent) = get(&format!(
        "/intent/tweet?in_reply_to={id}&text=Hello%20there"
    ));
    assert!(intent.contains("Hello there</textarea>"), "{intent}");
    assert!(get("/sandbox/posts").1.contains("\"username\":\"ada\""));
    assert_eq!(get("/ada/status/77").0, 404);
    world.running.sandbox().delete(id);
    assert_eq!(get(&format!("/ada/status/{id}")).0, 404);
}
