//! `kill -9` at random moments of a real server's life, while customers post, write and fill in
//! forms, and staff answer. In the end everything that was acknowledged is there, once, and
//! nothing was said twice.
//!
//! `OFFRAMP_KILLS` says how many kills a database gets, `OFFRAMP_SEED` repeats a run;
//! `scripts/kill-loop` runs the long loop. The seed fixes what is done and when the kills fall due,
//! not what the machine has got round to by then.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use offramp::app::App;
use offramp::clock::Clock;
use offramp::config::Config;
use offramp::db::Conn;
use offramp::db::audit::Actor;
use offramp::db::schema::{
    cases, intake, jobs, leases, mails, mentions, network_state, posts, replies, threads,
    ticket_messages, tickets,
};
use offramp::forum;
use offramp::ids::IntakeId;
use offramp::inbox::receive_mail;
use offramp::mail::inbound::{InboundMail, parse};
use offramp::networks::x::sandbox::{self, Fail, FailKind, NewPost, Running, SandboxConfig};
use offramp::people::Role;
use offramp::random::Random;

use crate::harness::{self, Backend, Browser, Test};

/// Kills a database gets in the suite; `scripts/kill-loop` asks for more.
const KILLS: u32 = 40;
/// Most that is seen done in a life before the kill is set; then it falls at a random moment.
const DEEDS_MAX: u64 = 8;
/// How long that is waited for.
const DEEDS_WITHIN: Duration = Duration::from_secs(5);
/// The random moment falls within this many times what a server takes to start here: a busy machine
/// gives all of them longer lives.
const STARTS_A_LIFE: u32 = 10;
/// What a start is taken for before one was seen.
const START: Duration = Duration::from_millis(50);
/// Longest life of a receiver of mail that is killed (ms).
const KILL_RECEIVER_MS_MAX: u64 = 120;
/// Posts that may wait to be judged before customers hold back.
const POSTS_WAITING_MAX: usize = 15;
/// How long the last server may take to finish what is left. Replies cut off while they were sent
/// are looked for after half a minute.
const QUIET_WITHIN: Duration = Duration::from_secs(180);
const BRAND: &str = "FernwellHelp";
const US: &str = "support@testwell.example";

#[test]
fn sqlite() {
    run(Backend::Sqlite);
}

#[test]
fn postgres() {
    run(Backend::Postgres);
}

fn run(backend: Backend) {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let kills = number("OFFRAMP_KILLS").map_or(KILLS, |n| u32::try_from(n).unwrap_or(u32::MAX));
    let seed = number("OFFRAMP_SEED").unwrap_or_else(|| Random::System.below(1 << 32));
    // Shown when the test fails.
    println!("{backend:?}: OFFRAMP_KILLS={kills} OFFRAMP_SEED={seed}");
    let x = SandboxConfig {
        hang: Duration::from_millis(300),
        ..SandboxConfig::for_brand(BRAND, "Fernwell Help")
    };
    let x = Arc::new(sandbox::start(x, "127.0.0.1:0").expect("the stand-in"));
    let test = Test::new(backend, |config| {
        config.site.url = "http://help.fernwell.example".into();
        config.x = x.x_settings();
        config.x.timeout_seconds = 2;
    });
    let Some(mut t) = test else { return };
    // The servers live in the system's time; so do the rows they start from.
    let start = offramp::clock::Moment::parse(harness::START).expect("a time");
    t.advance(Clock::System.now().since(start));
    let world = World::new(&mut t, &x);
    world.live_and_die(&t, kills, seed);
}

/// What survives every kill: the stand-in for X, the database, the folder of mails; and what has
/// been acknowledged so far.
struct World {
    x: Arc<Running>,
    app: App,
    environment: Vec<(String, String)>,
    mail_folder: PathBuf,
    staff: Browser,
    member: Browser,
}

impl World {
    fn new(t: &mut Test, x: &Arc<Running>) -> World {
        let new = forum::store::NewProduct {
            slug: "hub",
            name: "Fernwell Hub",
            description: "",
            position: 1,
            brand_terms: &["hub".to_owned()],
        };
        let now = t.app.now();
        t.app
            .db
            .write(|tx| forum::store::insert_product(tx, &new, now))
            .expect("a product");
        // Browsers with sessions; the server of this process is not asked again.
        let (staff, _) = t.browser_of("Stefan", Role::Staff);
        let (member, _) = t.browser_of("Mia", Role::Member);
        World {
            x: x.clone(),
            app: t.app.clone(),
            environment: environment(&t.app.config),
            mail_folder: t.app.config.mail.folder.clone(),
            staff,
            member,
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_offramp"));
        command.env_clear().envs(self.environment.iter().cloned());
        command
    }

    fn live_and_die(self, t: &Test, kills: u32, seed: u64) {
        let began = Instant::now();
        let world = Arc::new(self);
        let doors = Arc::new(Doors::default());
        let random = Random::seeded(seed);
        let people = People::set_out(&world, &doors, seed);
        let mut starts = Vec::new();
        let mut cut = Cut::default();
        for life in 1..=kills {
            cut.add(&world);
            world.let_time_pass(true);
            let mut server = Server::spawn(&world);
            let fastest = starts.iter().min().copied().unwrap_or(START);
            if random.below(6) == 0 {
                std::thread::sleep(within(&random, fastest * 2));
            } else {
                let spawned = Instant::now();
                let base = server.serving();
                starts.push(spawned.elapsed());
                doors.open(life, base, false);
                doors.wait_for_deeds(random.below(DEEDS_MAX + 1));
                std::thread::sleep(within(&random, fastest * STARTS_A_LIFE));
            }
            server.kill();
            doors.shut();
        }
        world.let_time_pass(true);
        let mut server = Server::spawn(&world);
        let base = server.serving();
        doors.open(kills + 1, base, true);
        let said = people.come_home();
        world.wait_until_quiet();
        world.replay_mails();
        world.wait_until_quiet();
        server.terminate();
        let checked = world
            .command()
            .arg("check")
            .output()
            .expect("offramp check");
        assert!(
            checked.status.success(),
            "offramp check: {}{}",
            String::from_utf8_lossy(&checked.stdout),
            String::from_utf8_lossy(&checked.stderr)
        );
        // Nothing is proved of what nobody did.
        for (deeds, what) in [
            (said.posts.len(), "posts on X"),
            (said.approved.len(), "replies approved"),
            (said.threads.len(), "threads"),
            (said.thread_replies.len(), "replies in threads"),
            (said.forms.len(), "forms"),
            (said.mails.len(), "mails"),
            (said.answers.len(), "answers by mail"),
        ] {
            assert!(deeds > 0, "nobody managed any {what}");
        }
        world.compare(&said);
        let mean =
            starts.iter().sum::<Duration>() / u32::try_from(starts.len().max(1)).unwrap_or(1);
        println!(
            "{kills} kills in {:.0} s ({} before it served; start {} ms in the mean): {} posts on X, \
             {} replies approved, {} threads, {} replies in threads, {} forms, {} mails in ({} \
             receivers killed), {} answers by mail; cut off at work: {cut:?}, {} requests",
            began.elapsed().as_secs_f64(),
            usize::try_from(kills).unwrap_or(0) - starts.len(),
            mean.as_millis(),
            said.posts.len(),
            said.approved.len(),
            said.threads.len(),
            said.thread_replies.len(),
            said.forms.len(),
            said.mails.len(),
            said.receivers_killed,
            said.answers.len(),
            said.requests_cut,
        );
        assert_eq!(
            t.app.db.read(offramp::jobs::counts).expect("counts").dead,
            0
        );
    }

    /// Waits between attempts are over, and when no server is alive the leases of the killed too.
    fn let_time_pass(&self, none_alive: bool) {
        let pass = |change: fn(&mut Conn) -> QueryResult<usize>| {
            // A living server may hold the same rows in another order; then it is for the next time.
            let passed = self.app.db.write(|tx| Ok(change(tx)?));
            assert!(!none_alive || passed.is_ok(), "{passed:?}");
        };
        if none_alive {
            pass(|c| {
                diesel::update(jobs::table)
                    .set(jobs::lease_until.eq(None::<i64>))
                    .execute(c)
            });
        }
        pass(|c| {
            diesel::update(jobs::table.filter(jobs::lease_until.is_null()))
                .set(jobs::run_at.eq(0))
                .execute(c)
        });
        pass(|c| {
            diesel::update(leases::table.filter(leases::name.like("schedule:poll%")))
                .set(leases::expires_at.eq(0))
                .execute(c)
        });
        pass(|c| {
            diesel::delete(network_state::table.filter(network_state::name.like("polled:%")))
                .execute(c)
        });
    }

    /// Until every post has been read and judged and nothing waits to be done.
    fn wait_until_quiet(&self) {
        let until = Instant::now() + QUIET_WITHIN;
        loop {
            let left = self.what_is_left();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < until, "still to be done: {left:?}");
            self.let_time_pass(false);
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A mail during whose reading too many servers ended waits for staff, who have it read again.
    fn replay_mails(&self) {
        let aside: Vec<i64> = self.read(|c| {
            let aside = intake::table.filter(intake::channel.eq("mail"));
            Ok(aside
                .filter(intake::state.eq("failed"))
                .select(intake::id)
                .load(c)?)
        });
        for id in aside {
            let replayed = receive_mail::replay(&self.app, &Actor::Operator, IntakeId(id));
            assert!(replayed.expect("replayed"), "mail {id}");
        }
    }

    fn what_is_left(&self) -> Vec<String> {
        let standing: BTreeSet<String> = self
            .x
            .sandbox()
            .naming_brand()
            .iter()
            .map(u64::to_string)
            .collect();
        self.read(|c| {
            let mut left: Vec<String> = jobs::table
                .filter(jobs::state.eq("ready"))
                .select((jobs::kind, jobs::payload))
                .load::<(String, String)>(c)?
                .into_iter()
                .map(|(kind, payload)| format!("{kind} {payload}"))
                .collect();
            let stored: Vec<(String, String)> = mentions::table
                .select((mentions::first_post_id, mentions::stage))
                .load(c)?;
            let judged: BTreeSet<String> = stored
                .into_iter()
                .filter(|(_, stage)| stage != "captured")
                .map(|(id, _)| id)
                .collect();
            left.extend(standing.difference(&judged).map(|id| format!("post {id}")));
            // A server that found the index empty has filled another beside it.
            let position = self
                .app
                .index
                .refresh()
                .and_then(|_| self.app.index.position());
            let position = position.ok().flatten();
            let newest = offramp::db::changes::newest_of(c, offramp::db::changes::Subject::Thread)?;
            if newest > 0 && position.is_none_or(|p| p < newest) {
                left.push(format!("the index stands at {position:?} of {newest}"));
            }
            Ok(left)
        })
    }

    fn read<T>(&self, f: impl FnOnce(&mut Conn) -> offramp::error::Result<T>) -> T {
        self.app.db.read(f).expect("the database")
    }

    /// Every mail that lies in the folder.
    fn letters(&self) -> Vec<InboundMail> {
        let Ok(folder) = std::fs::read_dir(&self.mail_folder) else {
            return Vec::new();
        };
        folder
            .filter_map(|file| Some(file.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "eml"))
            .map(|path| parse(&std::fs::read(path).expect("a mail")))
            .collect()
    }

    fn compare(&self, said: &Said) {
        self.compare_x(said);
        self.compare_forum(said);
        self.compare_tickets(said);
    }

    /// Each post in one case, each person in one; and what we said stands once.
    fn compare_x(&self, said: &Said) {
        let stored: Vec<(String, Option<i64>)> = self.read(|c| {
            Ok(mentions::table
                .filter(mentions::ours.eq(false))
                .select((mentions::first_post_id, mentions::case_id))
                .load(c)?)
        });
        let mut case_of = BTreeMap::new();
        for (post, case) in stored {
            let before = case_of.insert(post.clone(), case);
            assert_eq!(before, None, "post {post} is stored twice");
        }
        let mut person_of = BTreeMap::new();
        for (post, person) in &said.posts {
            let case = case_of.get(&post.to_string()).copied().flatten();
            let case = case.unwrap_or_else(|| panic!("post {post} of {person} is in no case"));
            let other = person_of.insert(case, person).filter(|p| *p != person);
            assert_eq!(other, None, "two people in case {case}");
        }
        let people: BTreeSet<&String> = said.posts.values().collect();
        assert_eq!(person_of.len(), people.len(), "one case a person");
        let opened: i64 = self.read(|c| {
            Ok(cases::table
                .filter(cases::channel.eq("x"))
                .count()
                .get_result(c)?)
        });
        assert_eq!(opened, i64::try_from(people.len()).expect("few"));

        let sent: Vec<(i64, String, Option<String>)> = self.read(|c| {
            Ok(replies::table
                .filter(replies::state.ne("draft"))
                .select((replies::id, replies::state, replies::network_post_id))
                .load(c)?)
        });
        for (id, state, _) in &sent {
            assert_eq!(state, "sent", "reply {id}");
        }
        for id in &said.approved {
            assert!(
                sent.iter().any(|(sent, ..)| sent == id),
                "reply {id} was approved"
            );
        }
        let ids: BTreeSet<&Option<String>> = sent.iter().map(|(.., post)| post).collect();
        assert_eq!(ids.len(), sent.len(), "each reply has a post of its own");
        let standing = self.x.sandbox().brand_replies();
        let to: BTreeSet<u64> = standing.iter().map(|(to, _)| *to).collect();
        assert_eq!(to.len(), standing.len(), "said twice on X");
        assert_eq!(
            standing.len(),
            sent.len(),
            "what stands on X and what we noted"
        );
        let refused = self.x.sandbox().log().into_iter();
        let refused: Vec<_> = refused
            .filter(|entry| entry.path == "/2/tweets" && entry.method == "POST")
            .filter(|entry| entry.status == 403)
            .collect();
        assert!(
            refused.is_empty(),
            "X had to refuse what it has: {refused:?}"
        );
    }

    fn compare_forum(&self, said: &Said) {
        for title in &said.threads {
            let found: i64 = self.read(|c| {
                Ok(threads::table
                    .filter(threads::title.eq(title))
                    .count()
                    .get_result(c)?)
            });
            assert_eq!(found, 1, "thread {title}");
        }
        for body in &said.thread_replies {
            let found: i64 = self.read(|c| {
                Ok(posts::table
                    .filter(posts::body.eq(body))
                    .count()
                    .get_result(c)?)
            });
            assert_eq!(found, 1, "reply {body}");
        }
        let count: i64 = self.read(|c| Ok(posts::table.count().get_result(c)?));
        let expected = said.threads.len() + said.thread_replies.len();
        assert_eq!(
            count,
            i64::try_from(expected).expect("few"),
            "posts nobody wrote"
        );
    }

    fn compare_tickets(&self, said: &Said) {
        let aside: Vec<(i64, String, Option<String>)> = self.read(|c| {
            Ok(intake::table
                .filter(intake::channel.eq("mail").and(intake::state.ne("done")))
                .select((intake::id, intake::state, intake::error))
                .load(c)?)
        });
        assert_eq!(aside, [], "mails that were not read");
        let messages: Vec<(i64, String, String)> = self.read(|c| {
            Ok(ticket_messages::table
                .inner_join(tickets::table)
                .select((
                    tickets::case_id,
                    ticket_messages::direction,
                    ticket_messages::body,
                ))
                .load(c)?)
        });
        let holding = |token: &str, direction: &str| -> Vec<i64> {
            let found = messages
                .iter()
                .filter(|(_, d, b)| d == direction && b.contains(token));
            found.map(|(case, ..)| *case).collect()
        };
        let letters = self.letters();
        let to = |email: &str, words: &str| {
            let found = letters
                .iter()
                .filter(|m| m.recipients.iter().any(|r| r == email));
            found.filter(|m| m.text.contains(words)).count()
        };
        for (token, email) in said.forms.iter().chain(&said.mails) {
            let found = holding(token, "in");
            assert_eq!(
                found.len(),
                1,
                "{token} of {email} stands in cases {found:?}"
            );
            let opened: Vec<i64> = self.read(|c| {
                let of_them = cases::table.filter(cases::email.eq(email));
                Ok(of_them.select(cases::id).load(c)?)
            });
            assert_eq!(opened, found, "one case of {email}");
            assert_eq!(to(email, "we have your message"), 1, "receipts of {email}");
        }
        for (token, case) in &said.answers {
            assert_eq!(holding(token, "out"), [*case], "answer {token}");
            let carried = letters.iter().filter(|m| m.text.contains(token)).count();
            assert_eq!(carried, 1, "mails with answer {token}");
        }
        let rows: Vec<(i64, String)> =
            self.read(|c| Ok(mails::table.select((mails::id, mails::state)).load(c)?));
        for (id, state) in &rows {
            assert_eq!(state, "sent", "mail {id}");
        }
        assert_eq!(
            letters.len(),
            rows.len(),
            "a file for each decision to write"
        );
        let ids: BTreeSet<_> = letters.iter().map(|m| m.message_id.clone()).collect();
        assert_eq!(ids.len(), letters.len(), "one Message-ID a mail");
    }
}

/// A moment within `span`, to be waited for before a kill.
fn within(random: &Random, span: Duration) -> Duration {
    Duration::from_micros(random.below(u64::try_from(span.as_micros()).unwrap_or(1).max(1)))
}

/// What the killed left in the middle, by which one sees that the kills hit work.
#[derive(Debug, Default)]
struct Cut {
    jobs: i64,
    replies: i64,
    mails: i64,
}

impl Cut {
    fn add(&mut self, world: &World) {
        world.read(|c| {
            let leased = jobs::table.filter(jobs::lease_until.is_not_null());
            self.jobs += leased.count().get_result::<i64>(c)?;
            let sending = replies::table.filter(replies::state.eq("sending"));
            self.replies += sending.count().get_result::<i64>(c)?;
            let leaving = mails::table.filter(mails::state.eq("sending"));
            self.mails += leaving.count().get_result::<i64>(c)?;
            Ok(())
        });
    }
}

/// The configuration of the test as the environment of a process.
fn environment(config: &Config) -> Vec<(String, String)> {
    let x = &config.x;
    let mut pairs: Vec<(String, String)> = [
        ("SITE__NAME", config.site.name.clone()),
        ("SITE__URL", config.site.url.clone()),
        ("SITE__SECRET", config.site.secret.expose().to_owned()),
        ("SERVER__LISTEN", "127.0.0.1:0".into()),
        ("SERVER__WORKERS", "1".into()),
        (
            "SERVER__DATA_DIR",
            config.server.data_dir.display().to_string(),
        ),
        ("DATABASE__URL", config.database.url.expose().to_owned()),
        ("DATABASE__READERS", "2".into()),
        ("SEARCH__DIR", config.search.dir.display().to_string()),
        ("MAIL__TRANSPORT", "folder".into()),
        ("MAIL__FOLDER", config.mail.folder.display().to_string()),
        ("MAIL__FROM", config.mail.from.clone()),
        ("LIMITS__POSTS_PER_MINUTE", "100000".into()),
        ("LIMITS__CONTACTS_PER_HOUR", "100000".into()),
        ("X__ENABLED", "true".into()),
        ("X__BASE_URL", x.base_url.clone()),
        ("X__AUTHORIZE_URL", x.authorize_url.clone()),
        ("X__USERNAME", x.username.clone()),
        ("X__USER_ID", x.user_id.clone()),
        ("X__BEARER_TOKEN", x.bearer_token.expose().to_owned()),
        ("X__CLIENT_ID", x.client_id.clone()),
        ("X__CLIENT_SECRET", x.client_secret.expose().to_owned()),
        ("X__ACCESS_TOKEN", x.access_token.expose().to_owned()),
        ("X__REFRESH_TOKEN", x.refresh_token.expose().to_owned()),
        ("X__TIMEOUT_SECONDS", x.timeout_seconds.to_string()),
        ("X__POLL_SECONDS", "1".into()),
        // Money is another test's.
        ("X__CAPS__MENTIONS", "100000".into()),
        ("X__CAPS__SEARCH", "100000".into()),
        ("X__CAPS__USERS", "100000".into()),
        ("X__CAPS__LOOKUP", "100000".into()),
        ("X__CAPS__REPLIES", "100000".into()),
        ("X__CAPS__MONTH", "1000000".into()),
    ]
    .into_iter()
    .map(|(name, value)| (format!("OFFRAMP_{name}"), value))
    .collect();
    pairs.push(("NO_COLOR".into(), "1".into()));
    pairs.push(("RUST_BACKTRACE".into(), "1".into()));
    pairs
}

/// One life of a server.
struct Server {
    child: Child,
    address: mpsc::Receiver<String>,
    log: Option<JoinHandle<Vec<String>>>,
}

impl Server {
    fn spawn(world: &World) -> Server {
        let mut child = world
            .command()
            .arg("serve")
            .stderr(Stdio::piped())
            .spawn()
            .expect("a server");
        let lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        let (tell, address) = mpsc::channel();
        let log = std::thread::spawn(move || {
            let mut log = Vec::new();
            for line in lines.map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("serving address=") {
                    let _ = tell.send(format!("http://{address}"));
                }
                log.push(line);
            }
            log
        });
        Server {
            child,
            address,
            log: Some(log),
        }
    }

    /// Waits until it serves; where.
    fn serving(&mut self) -> String {
        match self.address.recv() {
            Ok(base) => base,
            Err(_) => panic!("the server did not start:\n{}", self.ended().join("\n")),
        }
    }

    fn ended(&mut self) -> Vec<String> {
        let log = self.log.take().expect("ended once");
        let log = log.join().expect("its log");
        let panicked = log.iter().any(|line| line.contains("panicked"));
        assert!(!panicked, "the server panicked:\n{}", log.join("\n"));
        log
    }

    /// `kill -9`.
    fn kill(mut self) {
        self.child.kill().expect("killed");
        let status = self.child.wait().expect("its end");
        let log = self.ended();
        assert_eq!(
            status.code(),
            None,
            "it ended by itself:\n{}",
            log.join("\n")
        );
    }

    /// As an operator stops it.
    fn terminate(mut self) {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        assert!(asked.expect("kill").success());
        let status = self.child.wait().expect("its end");
        assert!(status.success(), "{status}:\n{}", self.ended().join("\n"));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only after a failure; else it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the server is to be found in this life.
#[derive(Clone)]
struct Life {
    number: u32,
    base: String,
    /// In which everything unfinished is finished and nothing new begun.
    last: bool,
}

/// What `come` calls for each thing that was acknowledged.
type Deed<'a> = &'a dyn Fn();

/// Tells all who knock whether the server is there.
#[derive(Default)]
struct Doors {
    life: Mutex<Option<Life>>,
    opened: Condvar,
    /// What people have got done in this life.
    deeds: Mutex<u64>,
    done: Condvar,
}

impl Doors {
    fn open(&self, number: u32, base: String, last: bool) {
        *self.deeds.lock().expect("deeds") = 0;
        *self.life.lock().expect("doors") = Some(Life { number, base, last });
        self.opened.notify_all();
    }

    fn shut(&self) {
        *self.life.lock().expect("doors") = None;
    }

    fn deed(&self) {
        *self.deeds.lock().expect("deeds") += 1;
        self.done.notify_all();
    }

    fn wait_for_deeds(&self, wanted: u64) {
        let deeds = self.deeds.lock().expect("deeds");
        let too_few = |deeds: &mut u64| *deeds < wanted;
        let waited = self.done.wait_timeout_while(deeds, DEEDS_WITHIN, too_few);
        drop(waited.expect("deeds"));
    }

    /// Waits for a life after `seen`.
    fn next(&self, seen: u32) -> Life {
        let newer = |life: &mut Option<Life>| life.as_ref().is_none_or(|l| l.number <= seen);
        let life = self.life.lock().expect("doors");
        let life = self.opened.wait_while(life, newer).expect("doors");
        life.clone().expect("waited for it")
    }
}

/// What people were told is done, and so must be there.
#[derive(Debug, Default)]
struct Said {
    /// Posts on X, and who wrote them.
    posts: BTreeMap<u64, String>,
    approved: BTreeSet<i64>,
    threads: Vec<String>,
    thread_replies: Vec<String>,
    /// A word of the message, and its sender's address.
    forms: Vec<(String, String)>,
    mails: Vec<(String, String)>,
    receivers_killed: u32,
    /// How often somebody stood before a door that shut.
    requests_cut: u32,
    /// A word of the answer, and its case.
    answers: Vec<(String, i64)>,
}

impl Said {
    fn and(mut self, other: Said) -> Said {
        self.posts.extend(other.posts);
        self.approved.extend(other.approved);
        self.threads.extend(other.threads);
        self.thread_replies.extend(other.thread_replies);
        self.forms.extend(other.forms);
        self.mails.extend(other.mails);
        self.receivers_killed += other.receivers_killed;
        self.requests_cut += other.requests_cut;
        self.answers.extend(other.answers);
        self
    }
}

/// Everybody who comes to the doors, each in a thread.
struct People {
    threads: Vec<JoinHandle<Said>>,
}

/// Somebody who does a little in each life of the server. What is cut off is done again in the
/// next, in the same words and under the same key, as a person sends a form again.
trait Somebody: Send + 'static {
    fn come(&mut self, life: &Life, deed: Deed<'_>) -> reqwest::Result<()>;
    fn said(self) -> Said;
}

impl People {
    fn set_out(world: &Arc<World>, doors: &Arc<Doors>, seed: u64) -> People {
        let random = |n: u64| Random::seeded(seed.wrapping_add(n));
        let threads = vec![
            go(doors, Customers::new(world, random(1))),
            go(doors, Staff::new(world, random(2))),
            go(doors, Member::new(world, random(3))),
            go(doors, Visitor::new(random(4))),
            go(doors, Post::new(world, random(5))),
        ];
        People { threads }
    }

    /// What all of them were told, once the last life has let them finish.
    fn come_home(self) -> Said {
        let said = self
            .threads
            .into_iter()
            .map(|t| t.join().expect("somebody failed"));
        said.fold(Said::default(), Said::and)
    }
}

fn go(doors: &Arc<Doors>, mut somebody: impl Somebody) -> JoinHandle<Said> {
    let doors = doors.clone();
    std::thread::spawn(move || {
        let (mut seen, mut requests_cut) = (0, 0);
        loop {
            let life = doors.next(seen);
            seen = life.number;
            let came = somebody.come(&life, &|| doors.deed());
            if life.last {
                came.expect("nobody kills the last server");
                let said = somebody.said();
                return Said {
                    requests_cut,
                    ..said
                };
            }
            requests_cut += u32::from(came.is_err());
        }
    })
}

/// A form that is sent until it is taken.
struct Form {
    action: String,
    fields: Vec<(&'static str, String)>,
}

impl Form {
    /// Sends it; where the answer leads, or `None` when it was refused as out of date.
    fn send(&self, browser: &mut Browser) -> reqwest::Result<Option<String>> {
        let fields: Vec<(&str, &str)> = self.fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let reply = browser.try_post(&self.action, &fields)?;
        match reply.status {
            303 => Ok(Some(reply.location().to_owned())),
            409 => Ok(None),
            other => panic!("{} answered {other}: {}", self.action, reply.body),
        }
    }
}

/// Complain on X, and again under their own complaint.
struct Customers {
    world: Arc<World>,
    random: Random,
    said: Said,
}

impl Customers {
    fn new(world: &Arc<World>, random: Random) -> Customers {
        Customers {
            world: world.clone(),
            random,
            said: Said::default(),
        }
    }
}

impl Somebody for Customers {
    fn come(&mut self, life: &Life, _: Deed<'_>) -> reqwest::Result<()> {
        if life.last {
            return Ok(());
        }
        let judged: i64 = self.world.read(|c| {
            let theirs = mentions::table.filter(mentions::ours.eq(false));
            let judged = theirs.filter(mentions::stage.ne("captured"));
            Ok(judged.count().get_result(c)?)
        });
        let judged = usize::try_from(judged).unwrap_or(0);
        if self.said.posts.len() > judged + POSTS_WAITING_MAX {
            return Ok(());
        }
        let x = self.world.x.sandbox();
        if self.random.below(4) == 0 {
            // It takes a reply and is slow to say so.
            x.fail(Fail {
                kind: FailKind::TimeoutAfterAccepting,
                count: 1,
                endpoint: Some("create_post".into()),
            });
        }
        for _ in 0..=self.random.below(3) {
            let again = self.random.below(4) == 0;
            let before = self.said.posts.iter().next_back().filter(|_| again);
            let (person, to) = match before {
                Some((post, person)) => (person.clone(), Some(*post)),
                None => (format!("ada{}", self.random.code(8).to_lowercase()), None),
            };
            let word = self.random.code(10);
            let post = NewPost {
                username: person.clone(),
                text: format!("@{BRAND} my hub keeps crashing and I am fed up {word}"),
                in_reply_to: to,
                ..NewPost::default()
            };
            let post = x.post(post).expect("posted");
            self.said.posts.insert(post, person);
        }
        Ok(())
    }

    fn said(self) -> Said {
        self.said
    }
}

/// Approve drafted replies, and answer mails and forms.
struct Staff {
    world: Arc<World>,
    random: Random,
    browser: Browser,
    approving: VecDeque<(i64, Form)>,
    answering: VecDeque<(String, i64, Form)>,
    answered: BTreeSet<i64>,
    said: Said,
}

impl Staff {
    fn new(world: &Arc<World>, random: Random) -> Staff {
        let mut browser = Browser::new(String::new());
        browser.cookies = world.staff.cookies.clone();
        Staff {
            world: world.clone(),
            random,
            browser,
            approving: VecDeque::new(),
            answering: VecDeque::new(),
            answered: BTreeSet::new(),
            said: Said::default(),
        }
    }

    fn take_up_drafts(&mut self) -> reqwest::Result<()> {
        let drafts: Vec<(i64, i64, String, i64)> = self.world.read(|c| {
            let drafted = replies::table.filter(replies::state.eq("draft"));
            let row = (
                replies::id,
                replies::case_id,
                replies::body,
                replies::version,
            );
            Ok(drafted
                .order(replies::id.desc())
                .limit(3)
                .select(row)
                .load(c)?)
        });
        for (id, case, body, version) in drafts {
            let page = self.browser.try_get(&format!("/desk/case/{case}"))?;
            assert_eq!(page.status, 200, "{}", page.body);
            let form = Form {
                action: format!("/desk/case/{case}/reply/{id}"),
                fields: vec![
                    ("to", "approve".into()),
                    ("body", body),
                    ("version", version.to_string()),
                    (
                        "seen",
                        page.field("seen").expect("the page says what it shows"),
                    ),
                ],
            };
            self.approving.push_back((id, form));
        }
        Ok(())
    }

    fn take_up_tickets(&mut self) -> reqwest::Result<()> {
        let waiting: Vec<i64> = self.world.read(|c| {
            let private = cases::table.filter(cases::channel.eq_any(["form", "email"]));
            let new = private.filter(cases::state.eq("new"));
            Ok(new
                .order(cases::id.desc())
                .limit(2)
                .select(cases::id)
                .load(c)?)
        });
        for case in waiting {
            if !self.answered.insert(case) {
                continue;
            }
            let action = format!("/desk/case/{case}/message");
            let page = self.browser.try_get(&format!("/desk/case/{case}"))?;
            let field = |name: &str| page.field(name).expect("a field");
            let word = self.random.token();
            let fields = vec![
                ("body", format!("Please try the reset button. {word}")),
                ("key", field("key")),
                ("seen", field("seen")),
            ];
            self.answering
                .push_back((word, case, Form { action, fields }));
        }
        Ok(())
    }
}

/// How often staff look again at drafts that changed while they decided.
const LOOKS: usize = 3;

impl Somebody for Staff {
    fn come(&mut self, life: &Life, deed: Deed<'_>) -> reqwest::Result<()> {
        self.browser.base.clone_from(&life.base);
        if !life.last && self.answering.is_empty() {
            self.take_up_tickets()?;
        }
        // In the last life too: what was said to a draft that changed meanwhile counts for nothing.
        if life.last {
            self.world.wait_until_quiet();
        }
        for _ in 0..LOOKS {
            if self.approving.is_empty() {
                self.take_up_drafts()?;
            }
            let mut is_outdated = false;
            while let Some((id, form)) = self.approving.front() {
                if form.send(&mut self.browser)?.is_some() {
                    self.said.approved.insert(*id);
                    deed();
                } else {
                    is_outdated = true;
                }
                self.approving.pop_front();
            }
            if !is_outdated {
                break;
            }
        }
        while let Some((word, case, form)) = self.answering.front() {
            if form.send(&mut self.browser)?.is_some() {
                self.said.answers.push((word.clone(), *case));
                deed();
            }
            self.answering.pop_front();
        }
        Ok(())
    }

    fn said(self) -> Said {
        self.said
    }
}

/// Asks in the forum, and replies there.
struct Member {
    random: Random,
    browser: Browser,
    /// The thread's title or the reply's words, and whether it is a reply.
    posting: Option<(String, bool, Form)>,
    places: Vec<String>,
    said: Said,
}

impl Member {
    fn new(world: &Arc<World>, random: Random) -> Member {
        let mut browser = Browser::new(String::new());
        browser.cookies = world.member.cookies.clone();
        Member {
            random,
            browser,
            posting: None,
            places: Vec::new(),
            said: Said::default(),
        }
    }

    fn begin(&mut self) -> reqwest::Result<(String, bool, Form)> {
        let word = self.random.code(12);
        let many = u64::try_from(self.places.len()).expect("few");
        if many > 0 && self.random.below(2) == 0 {
            let nth = usize::try_from(self.random.below(many)).expect("few");
            let place = self.places[nth].clone();
            let page = self.browser.try_get(&place)?;
            assert_eq!(page.status, 200, "{place}: {}", page.body);
            let words = format!("Same here since Tuesday {word}");
            let (thread, _) = place.rsplit_once('/').expect("an address");
            let form = Form {
                action: format!("{thread}/reply"),
                fields: vec![
                    ("body", words.clone()),
                    ("request_key", page.field("request_key").expect("a key")),
                ],
            };
            return Ok((words, true, form));
        }
        let page = self.browser.try_get("/new")?;
        let title = format!("The hub forgets its lamps {word}");
        let form = Form {
            action: "/new".into(),
            fields: vec![
                ("product", "hub/".into()),
                ("kind", "question".into()),
                ("title", title.clone()),
                (
                    "body",
                    format!("After a restart all lamps are gone. {word}"),
                ),
                ("tags", "lamps, restart".into()),
                ("seen_similar", "1".into()),
                ("request_key", page.field("request_key").expect("a key")),
            ],
        };
        Ok((title, false, form))
    }
}

impl Somebody for Member {
    fn come(&mut self, life: &Life, deed: Deed<'_>) -> reqwest::Result<()> {
        self.browser.base.clone_from(&life.base);
        for _ in 0..3 {
            if self.posting.is_none() && !life.last {
                self.posting = Some(self.begin()?);
            }
            let Some((words, is_reply, form)) = &self.posting else {
                return Ok(());
            };
            let place = form
                .send(&mut self.browser)?
                .expect("nothing to be out of date");
            if *is_reply {
                self.said.thread_replies.push(words.clone());
            } else {
                let place = place.split('#').next().unwrap_or_default();
                self.places.push(place.to_owned());
                self.said.threads.push(words.clone());
            }
            self.posting = None;
            deed();
        }
        Ok(())
    }

    fn said(self) -> Said {
        self.said
    }
}

/// Fills in the contact form, each time as another person.
struct Visitor {
    random: Random,
    browser: Browser,
    sending: Option<(String, String, Form)>,
    said: Said,
}

impl Visitor {
    fn new(random: Random) -> Visitor {
        Visitor {
            random,
            browser: Browser::new(String::new()),
            sending: None,
            said: Said::default(),
        }
    }
}

impl Somebody for Visitor {
    fn come(&mut self, life: &Life, deed: Deed<'_>) -> reqwest::Result<()> {
        self.browser.base.clone_from(&life.base);
        for _ in 0..2 {
            if self.sending.is_none() && !life.last {
                let page = self.browser.try_get("/contact")?;
                let word = self.random.token();
                let email = format!("{}@forms.example", self.random.code(10).to_lowercase());
                let form = Form {
                    action: "/contact".into(),
                    fields: vec![
                        ("subject", "The hub is silent".into()),
                        ("message", format!("It does not answer at all. {word}")),
                        ("name", "Vera".into()),
                        ("email", email.clone()),
                        ("seen_similar", "1".into()),
                        ("request_key", page.field("request_key").expect("a key")),
                    ],
                };
                self.sending = Some((word, email, form));
            }
            let Some((word, email, form)) = &self.sending else {
                return Ok(());
            };
            form.send(&mut self.browser)?;
            self.said.forms.push((word.clone(), email.clone()));
            self.sending = None;
            deed();
        }
        Ok(())
    }

    fn said(self) -> Said {
        self.said
    }
}

/// The mail server before us: pipes mails to `offramp mail receive`, and keeps each until the
/// receiver has ended with 0.
struct Post {
    world: Arc<World>,
    random: Random,
    bag: VecDeque<(String, String, Vec<u8>)>,
    said: Said,
}

impl Post {
    fn new(world: &Arc<World>, random: Random) -> Post {
        Post {
            world: world.clone(),
            random,
            bag: VecDeque::new(),
            said: Said::default(),
        }
    }

    /// Whether the receiver took it on.
    fn deliver(&mut self, raw: &[u8], may_kill: bool) -> bool {
        let mut receiver = self
            .world
            .command()
            .args(["mail", "receive", "--recipient", US])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a receiver");
        // It may be gone before it has read all.
        let _ = receiver.stdin.take().expect("its input").write_all(raw);
        if may_kill && self.random.below(3) == 0 {
            std::thread::sleep(Duration::from_millis(
                self.random.below(KILL_RECEIVER_MS_MAX),
            ));
            receiver.kill().expect("killed");
        }
        let status = receiver.wait().expect("its end");
        if status.code().is_none() {
            self.said.receivers_killed += 1;
        }
        status.success()
    }
}

impl Somebody for Post {
    fn come(&mut self, life: &Life, deed: Deed<'_>) -> reqwest::Result<()> {
        if !life.last {
            let word = self.random.token();
            let email = format!("{}@mails.example", self.random.code(10).to_lowercase());
            let raw = format!(
                "From: Max <{email}>\r\nTo: {US}\r\nSubject: The hub is silent\r\n\
                 Message-ID: <{word}@mails.example>\r\nMIME-Version: 1.0\r\n\
                 Content-Type: text/plain; charset=utf-8\r\n\r\nIt is silent. {word}\r\n"
            );
            self.bag.push_back((word, email, raw.into_bytes()));
        }
        let mut rounds = self.bag.len();
        while rounds > 0
            && let Some((word, email, raw)) = self.bag.pop_front()
        {
            rounds -= 1;
            if self.deliver(&raw, !life.last) {
                self.said.mails.push((word, email));
                deed();
            } else {
                assert!(!life.last, "nobody kills the last receiver");
                self.bag.push_back((word, email, raw));
            }
        }
        Ok(())
    }

    fn said(self) -> Said {
        self.said
    }
}
