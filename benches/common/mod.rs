//! What the benchmarks share: repeatable text, a server of its own, and its work in CPU seconds.

// Each benchmark uses its part of what stands here.
#![allow(dead_code)]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use offramp::config::Config;
use offramp::db::{Conn, Db, migrate};

/// Different words; their frequencies fall as in a natural text (Zipf).
const VOCABULARY: usize = 30_000;
/// Threads of twenty posts in a filled forum: the first ones.
pub const LONG: i64 = 1_000;
pub const POSTS: i64 = 20;
/// Different texts; posts take them in turn.
const TEXTS: i64 = 2_000;
/// Longest wait for a server's first answer.
const START_MAX: Duration = Duration::from_secs(60);

/// Repeatable numbers (xorshift64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.roll() % n as u64) as usize
    }

    /// The rank of a word, by Zipf's law.
    fn rank(&mut self) -> usize {
        let share = (self.roll() % 1_000_000) as f64 / 1e6;
        ((VOCABULARY as f64).powf(share) as usize).clamp(1, VOCABULARY) - 1
    }
}

/// Made-up words that are stemmed and ranked like a language's.
pub struct Words(Vec<String>);

impl Default for Words {
    fn default() -> Words {
        let syllables = [
            "ro", "ka", "ti", "me", "lu", "so", "ne", "pra", "dil", "fon", "gat", "wer",
        ];
        let endings = ["", "s", "ing", "ed", "er"];
        let mut dice = Dice(42);
        let word = |n: usize| {
            let parts: String = (0..2 + n % 3)
                .map(|_| syllables[dice.below(syllables.len())])
                .collect();
            format!("{parts}{:x}{}", n % 251, endings[dice.below(endings.len())])
        };
        Words((0..VOCABULARY).map(word).collect())
    }
}

impl Words {
    pub fn sentence(&self, dice: &mut Dice, words: usize) -> String {
        let all: Vec<&str> = (0..words).map(|_| self.0[dice.rank()].as_str()).collect();
        all.join(" ")
    }
}

/// A port nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A process that is killed with this value.
pub struct Process {
    child: Child,
    pub port: u16,
}

impl Process {
    /// Starts `command` and waits until it listens on `port`.
    pub fn start(command: &mut Command, port: u16) -> Process {
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process");
        let process = Process { child, port };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < START_MAX, "the server did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        process
    }

    /// Seconds of processor time it took so far, its own and the system's for it.
    pub fn cpu_seconds(&self) -> f64 {
        // utime and stime are the 14th and 15th field of proc(5), in hundredths of a second.
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("stat");
        let after_name = stat.rsplit_once(") ").expect("a name").1;
        let fields: Vec<&str> = after_name.split(' ').collect();
        let ticks = |n: usize| fields[n].parse::<f64>().expect("a number");
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Resident memory (MB).
    pub fn resident_mb(&self) -> f64 {
        memory_mb(&self.child.id().to_string(), "VmRSS")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A figure of `/proc/PID/status` (MB); 0 when the process has ended.
pub fn memory_mb(pid: &str, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// The binary under measurement, with a folder of its own.
pub fn offramp(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_offramp"));
    command
        .current_dir(dir)
        .env("RUST_LOG", "error")
        .env_remove("DATABASE_URL")
        .arg("--config")
        .arg(dir.join("offramp.toml"));
    command
}

/// Writes a configuration for `dir` and gives the library's view of it.
pub fn configure(dir: &Path, port: u16) -> Config {
    let text = format!(
        "[site]\nname = \"Bench\"\nurl = \"http://127.0.0.1:{port}\"\n\
         secret = \"a secret only of the benchmarks, nothing else\"\n\
         [server]\nlisten = \"127.0.0.1:{port}\"\ndata_dir = \"{0}/data\"\n\
         [database]\nurl = \"{0}/offramp.db\"\n[search]\ndir = \"{0}/index\"\n\
         [limits]\nsearches_per_minute = 1000000\n\
         [mail]\ntransport = \"folder\"\nfolder = \"{0}/mail\"\nfrom = \"help@bench.example\"\n",
        dir.display()
    );
    let file = dir.join("offramp.toml");
    fs::write(&file, text).expect("a configuration");
    Config::load(Some(&file)).expect("a valid configuration")
}

/// When a thread of this number was last active (µs since 1970).
pub fn moment(thread: i64) -> i64 {
    1_700_000_000_000_000 + thread * 1_000_000
}

/// Fills the database of a configuration with a forum of three products and `threads` threads.
pub fn fill(config: &Config, threads: i64) {
    let db = Db::open(&config.database).expect("a database");
    migrate::migrate(&db).expect("migrations");
    db.write(|tx| {
        fill_in(tx, threads);
        Ok(())
    })
    .expect("a filled database");
}

fn fill_in(conn: &mut Conn, threads: i64) {
    let mut run = |sql: &str| {
        diesel::sql_query(sql)
            .execute(conn)
            .unwrap_or_else(|e| panic!("{e}: {sql}"));
    };
    let numbers = |last: i64| {
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last})")
    };
    run("CREATE TEMP TABLE texts (i INTEGER PRIMARY KEY, title TEXT, body TEXT)");
    run(&format!(
        "INSERT INTO users (id, name, name_key, role, bio, created_at) {} \
         SELECT i, 'User ' || i, 'user' || i, 'member', '', 0 FROM n",
        numbers(2_000)
    ));
    run(&format!(
        "INSERT INTO products (id, slug, name, description, position, brand_terms, created_at) {} \
         SELECT i, 'product-' || i, 'Product ' || i, 'One of three', i, '[]', 0 FROM n",
        numbers(3)
    ));
    run(&format!(
        "INSERT INTO tags (id, slug, name, thread_count) {} \
         SELECT i, 'tag-' || i, 'tag-' || i, {threads} / 200 FROM n",
        numbers(200)
    ));
    let words = Words::default();
    for i in 0..TEXTS {
        let mut dice = Dice((i as u64 + 1) * 0x9E37_79B9_7F4A_7C15);
        let (title, body) = (words.sentence(&mut dice, 8), words.sentence(&mut dice, 70));
        diesel::sql_query("INSERT INTO texts (i, title, body) VALUES (?, ?, ?)")
            .bind::<BigInt, _>(i)
            .bind::<Text, _>(title)
            .bind::<Text, _>(body)
            .execute(conn)
            .expect("a text");
    }
    let mut run = |sql: &str| {
        diesel::sql_query(sql)
            .execute(conn)
            .unwrap_or_else(|e| panic!("{e}: {sql}"));
    };
    run(&format!(
        "INSERT INTO threads (id, product_id, author_id, kind, state, visibility, title, slug, \
         created_at, active_at, reply_count) {} \
         SELECT n.i, 1 + n.i % 3, 1 + n.i % 2000, 'question', \
         CASE n.i % 3 WHEN 0 THEN 'solved' ELSE 'open' END, 'public', title, 'thread-' || n.i, \
         {epoch} + n.i * 1000000, {epoch} + n.i * 1000000, \
         CASE WHEN n.i <= {LONG} THEN {POSTS} - 1 ELSE 1 END \
         FROM n JOIN texts ON texts.i = (n.i * 7919) % {TEXTS}",
        numbers(threads),
        epoch = moment(0)
    ));
    run(&format!(
        "INSERT INTO posts (thread_id, author_id, number, body, body_html, created_at) {} \
         SELECT threads.id, 1 + (threads.id + n.i) % 2000, n.i, texts.body, \
         '<p>' || texts.body || '</p>', threads.created_at + n.i \
         FROM threads JOIN n ON n.i <= threads.reply_count + 1 \
         JOIN texts ON texts.i = (threads.id * 31 + n.i * 7) % {TEXTS}",
        numbers(POSTS)
    ));
    run("INSERT INTO thread_tags (thread_id, tag_id, active_at) \
         SELECT id, 1 + id % 200, active_at FROM threads");
    run("INSERT INTO changes (subject_kind, subject_id, at) SELECT 'thread', 1, 0");
}
