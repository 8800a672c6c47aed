//! How fast saved posts are taken in: stored, judged and linked, and how much memory that takes.
//!
//! `cargo bench --bench import -- [POSTS]` (100,000 unless told), into a forum of 40,000 threads on
//! SQLite. The same is done with a fifth of the posts first: memory must not grow with the file.

mod common;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Dice, Words, configure, fill, free_port, memory_mb, offramp};

const THREADS: i64 = 40_000;
const POSTS: usize = 100_000;
/// Between two looks at the memory of the import.
const LOOK: Duration = Duration::from_millis(50);

fn main() {
    let posts = std::env::args()
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(POSTS);
    let whole = tempfile::tempdir().expect("a temporary folder");
    let config = configure(whole.path(), free_port());
    fill(&config, THREADS);
    let reindex = offramp(whole.path()).arg("reindex").status();
    assert!(reindex.expect("reindex").success());
    println!("{THREADS} threads are there");
    for (first, count) in [(0, posts / 5), (posts / 5, posts)] {
        let file = whole.path().join(format!("posts-{count}.jsonl"));
        write_posts(&file, first, count);
        let begin = Instant::now();
        let mut import = offramp(whole.path())
            .args(["mentions", "import", "--json"])
            .arg(&file)
            .spawn()
            .expect("an import");
        let pid = import.id().to_string();
        let mut peak = 0.0;
        let status = loop {
            if let Some(status) = import.try_wait().expect("the import") {
                break status;
            }
            peak = memory_mb(&pid, "VmHWM").max(peak);
            std::thread::sleep(LOOK);
        };
        assert!(status.success());
        let seconds = begin.elapsed().as_secs_f64();
        println!(
            "{count} posts in {seconds:.1} s: {:.0} a second, {peak:.0} MB at most",
            count as f64 / seconds
        );
    }
}

/// Rows as another desk might give them out: complaints, some praise and noise.
fn write_posts(file: &Path, first: usize, count: usize) {
    let openings = [
        "@bench the app keeps crashing when",
        "@bench still broken after the update,",
        "@bench I can't log in since yesterday,",
        "@bench how do I change",
        "@bench this does not work at all:",
        "@bench why is it so slow with",
        "@bench it loses the connection every night,",
        "@bench love the new",
        "lol @bench",
        "@bench error again and again:",
    ];
    let words = Words::default();
    let mut out = BufWriter::new(File::create(file).expect("a file"));
    for n in first..first + count {
        let mut dice = Dice((n as u64 + 1) * 0x9E37_79B9_7F4A_7C15);
        let length = 8 + dice.below(22);
        let row = serde_json::json!({
            "id": format!("{}", 1_700_000_000_000_000_000_u64 + n as u64 * 4_194_304),
            "network": "x",
            "author_id": format!("{}", 1 + dice.below(count)),
            "username": format!("customer{}", dice.below(count)),
            "text": format!("{} {}", openings[n % openings.len()], words.sentence(&mut dice, length)),
        });
        writeln!(out, "{row}").expect("a row");
    }
    out.flush().expect("the whole file");
}
