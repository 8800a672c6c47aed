//! What pages cost the server: requests for each second of its processor time, beside a static
//! body of the same size, and in a forum of 1,000 threads beside one of 1,000,000.
//!
//! `cargo bench --bench serving -- [THREADS]` (1,000,000 unless told). The server is the release
//! binary with its own SQLite file and index; the static body comes from a bare handler of the same
//! HTTP library. Ratios of one run mean something; the times of one machine do not.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Instant;

use common::{Dice, LONG, POSTS, Process, Words, configure, fill, free_port, moment, offramp};

const FEW: i64 = 1_000;
const MANY: i64 = 1_000_000;
/// Connections that ask at once.
const CLIENTS: usize = 4;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let [_, kind, size, port] = args.as_slice()
        && kind == "static"
    {
        let number = |text: &str| text.parse().expect("a number");
        return serve_static(number(size), number(port) as u16);
    }
    let many = args.iter().find_map(|a| a.parse().ok()).unwrap_or(MANY);
    let few = measure(FEW);
    let large = measure(many);
    println!("\nrequests a processor second of the server, {FEW} and {many} threads");
    println!("{:<34}{:>10}{:>10}{:>8}", "", FEW, many, "ratio");
    for ((name, a), (_, b)) in few.iter().zip(&large) {
        println!("{name:<34}{a:>10.0}{b:>10.0}{:>8.2}", b / a);
    }
    for (threads, results) in [(FEW, &few), (many, &large)] {
        let of = |name: &str| {
            let found = results.iter().find(|(n, _)| *n == name);
            found.expect("a result").1
        };
        for page in ["thread page, asked often", "thread page, asked once"] {
            println!(
                "{page}, of a static body of its size, {threads} threads: {:.2}",
                of(page) / of("static body")
            );
        }
    }
}

type Results = Vec<(&'static str, f64)>;

fn measure(threads: i64) -> Results {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let config = configure(dir.path(), port);
    let begin = Instant::now();
    fill(&config, threads);
    let filled = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let status = offramp(dir.path()).arg("reindex").status();
    assert!(status.expect("reindex").success());
    println!(
        "{threads} threads: filled in {filled:.0} s, indexed in {:.0} s",
        begin.elapsed().as_secs_f64()
    );
    let server = Process::start(offramp(dir.path()).arg("serve"), port);
    let results = ask_everything(&server, threads);
    println!("resident after all: {:.0} MB", server.resident_mb());
    results
}

fn ask_everything(server: &Process, threads: i64) -> Results {
    let thread = |n: i64| format!("/t/{n}/thread-{n}");
    let page = Client::new(server.port).get(&thread(1));
    let port = free_port();
    let mut again = Command::new(std::env::current_exe().expect("this program"));
    let beside = Process::start(
        again.args(["static", &page.to_string(), &port.to_string()]),
        port,
    );
    println!("a thread page of {POSTS} posts has {page} bytes");
    let words = Words::default();
    let mut dice = Dice(11);
    let queries: Vec<String> = (0..2_000)
        .map(|n| {
            let words = words.sentence(&mut dice, 1 + n % 2);
            format!("/search?q={}", words.replace(' ', "+"))
        })
        .collect();
    let deep = threads / 2;
    let older: Vec<String> = (0..500)
        .map(|n| format!("/p/product-1?before={}.{}", moment(deep - n), deep - n))
        .collect();
    let often: Vec<String> = (0..50).map(|n| thread(1 + n)).collect();
    let once: Vec<String> = (0..LONG).map(|n| thread(1 + n)).collect();
    let one = |path: &str| vec![path.to_owned()];
    vec![
        ("static body", rate(&beside, &one("/"), 20_000)),
        ("thread page, asked often", rate(server, &often, 10_000)),
        ("thread page, asked once", rate(server, &once, 1_000)),
        ("front page", rate(server, &one("/"), 5_000)),
        ("product's list", rate(server, &one("/p/product-1"), 5_000)),
        ("product's list, deep", rate(server, &older, 500)),
        ("a tag's list", rate(server, &one("/tag/tag-7"), 5_000)),
        ("search, a page of results", rate(server, &queries, 2_000)),
    ]
}

/// Requests for each second of the server's processor time.
fn rate(server: &Process, paths: &[String], requests: usize) -> f64 {
    let before = server.cpu_seconds();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                let mut connection = Client::new(server.port);
                for n in (client..requests).step_by(CLIENTS) {
                    connection.get(&paths[n % paths.len()]);
                }
            });
        }
    });
    requests as f64 / (server.cpu_seconds() - before).max(0.01)
}

/// One connection that is kept.
struct Client {
    reader: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Client {
    fn new(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_nodelay(true).expect("an option");
        Client {
            reader: BufReader::new(stream),
            body: Vec::new(),
        }
    }

    /// Asks for a page that must be there; how long its body is (bytes).
    fn get(&mut self, path: &str) -> usize {
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        let stream = self.reader.get_mut();
        stream.write_all(request.as_bytes()).expect("a request");
        let (mut line, mut length) = (String::new(), 0);
        self.reader.read_line(&mut line).expect("a status");
        assert!(line.contains(" 200 "), "{path}: {line}");
        loop {
            line.clear();
            self.reader.read_line(&mut line).expect("a header");
            let header = line.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        self.body.resize(length, 0);
        self.reader.read_exact(&mut self.body).expect("a body");
        length
    }
}

fn serve_static(size: usize, port: u16) {
    use actix_web::{App, HttpResponse, HttpServer, web};
    let body = web::Bytes::from(vec![b'x'; size]);
    actix_web::rt::System::new()
        .block_on(async move {
            let app = move || {
                let body = body.clone();
                let answer = move || {
                    let body = body.clone();
                    async move { HttpResponse::Ok().content_type("text/html").body(body) }
                };
                App::new().route("/", web::get().to(answer))
            };
            HttpServer::new(app).bind(("127.0.0.1", port))?.run().await
        })
        .expect("a server");
}
