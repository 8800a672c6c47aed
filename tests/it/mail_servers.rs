//! A real mail server for a test: Dovecot (IMAP with TLS, LMTP) and Postfix, in a folder of their own, on
//! free ports of this machine, gone with the test. Their own accounts: `support@desk.test`,
//! `bounces@desk.test` and `customer@people.test`, password `secret`; anything after a plus is theirs
//! too. Mail to other names there is refused, so that Postfix reports it. Mail to `ours.test` Postfix
//! hands to a port that the test listens at.
//!
//! Needs the programs and root, as which Postfix and Dovecot begin before they give it up; without
//! them a test says that it was skipped.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use offramp::config::{Mailbox, Secret, SmtpSecurity};

/// Longest wait for anything that these servers do.
pub const PATIENCE: Duration = Duration::from_secs(30);
pub const SUPPORT: &str = "support@desk.test";
pub const BOUNCES: &str = "bounces@desk.test";
pub const CUSTOMER: &str = "customer@people.test";
const PASSWORD: &str = "secret";
/// Dovecot runs as nobody.
const NOBODY: u32 = 65_534;

pub struct MailServers {
    dir: tempfile::TempDir,
    dovecot: Child,
    pub imap: u16,
    pub imaps: u16,
    pub smtp: u16,
    /// Where Postfix hands over mail to `ours.test`.
    pub ours: u16,
}

/// Waits until `look` finds something.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port that nobody has, below those that the system hands out by itself: it stays free until its
/// server listens.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id() * 101;
    loop {
        let port = 10_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        let port = u16::try_from(port).expect("below 65536");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn has(program: &str) -> bool {
    let places = ["/usr/sbin", "/usr/bin"];
    places
        .iter()
        .any(|dir| Path::new(dir).join(program).exists())
}

fn run(command: &mut Command) {
    let done = command.output().expect("a program that runs");
    assert!(
        done.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

impl MailServers {
    /// `None`, with a word, where they can't run.
    pub fn start() -> Option<MailServers> {
        MailServers::start_with(|_| String::new())
    }

    /// As `start`; `more` adds to Dovecot's configuration, and may write files into its folder.
    pub fn start_with(more: impl FnOnce(&Path) -> String) -> Option<MailServers> {
        let is_root = std::fs::metadata("/proc/self")
            .is_ok_and(|about| std::os::unix::fs::MetadataExt::uid(&about) == 0);
        let programs = ["dovecot", "postfix", "openssl", "setpriv"];
        if let Some(missing) = programs.iter().find(|program| !has(program)) {
            eprintln!("skipped: {missing} is not installed (scripts/test does it)");
            return None;
        }
        if !is_root {
            eprintln!("skipped: real mail servers need root to start");
            return None;
        }
        let dir = tempfile::tempdir().expect("a temporary folder");
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dir.path(), open).expect("open to the servers");
        let [imap, imaps, lmtp, smtp, ours] = std::array::from_fn(|_| free_port());
        certificate(dir.path());
        let more = more(dir.path());
        let dovecot = dovecot(dir.path(), imap, imaps, lmtp, &more);
        postfix(dir.path(), smtp, lmtp, ours);
        let servers = MailServers {
            dir,
            dovecot,
            imap,
            imaps,
            smtp,
            ours,
        };
        for port in [imap, imaps, lmtp, smtp] {
            let what = format!("port {port}; {}", servers.log());
            until(&what, || TcpStream::connect(("127.0.0.1", port)).ok());
        }
        Some(servers)
    }

    /// What the servers wrote into their logs.
    pub fn log(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.dir.path().join(name));
        let all = ["dovecot.log", "postfix/log"].map(|name| read(name).unwrap_or_default());
        all.concat()
    }

    /// The authority that signed Dovecot's certificate (PEM).
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// The settings by which `user`'s mailbox is watched.
    pub fn mailbox(&self, user: &str) -> Mailbox {
        Mailbox {
            host: "localhost".into(),
            port: self.imaps,
            security: SmtpSecurity::Tls,
            user: user.to_owned(),
            password: Secret::new(PASSWORD),
            ca_file: Some(self.ca_file()),
            ..Mailbox::default()
        }
    }

    /// Where `user`'s mail lies.
    pub fn maildir(&self, user: &str) -> PathBuf {
        self.dir.path().join("mail").join(user)
    }

    /// Every mail of `user`, with the name of its file (which ends in its flags).
    pub fn mails(&self, user: &str) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        for place in ["new", "cur"] {
            let dir = self.maildir(user).join(place);
            for file in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                // Dovecot may move it meanwhile.
                if let Ok(bytes) = std::fs::read(file.path()) {
                    found.push((file.file_name().to_string_lossy().into_owned(), bytes));
                }
            }
        }
        found.sort();
        found
    }

    /// Puts mails straight into `user`'s mailbox.
    pub fn put(&self, user: &str, mails: impl Iterator<Item = Vec<u8>>) {
        let dir = self.maildir(user);
        for (n, mail) in mails.enumerate() {
            for place in ["new", "cur", "tmp"] {
                std::fs::create_dir_all(dir.join(place)).expect("a maildir");
            }
            std::fs::write(dir.join(format!("new/{n}.test")), mail).expect("a mail");
        }
        own(&self.dir.path().join("mail"));
    }

    /// Makes the mailbox of `user` anew, as a move or a repair does: other UIDs, nothing seen.
    pub fn rebuild(&self, user: &str) {
        let dir = self.maildir(user);
        for (name, _) in self.mails(user) {
            let bare = name.split(':').next().expect("a first part");
            let from = dir.join("cur").join(&name);
            if from.exists() {
                std::fs::rename(from, dir.join("new").join(bare)).expect("renamed");
            }
        }
        let list = std::fs::read_to_string(dir.join("dovecot-uidlist")).expect("a list");
        let validity = list
            .split(" V")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let validity: u32 = validity.and_then(|v| v.parse().ok()).expect("UIDVALIDITY");
        for file in std::fs::read_dir(&dir).expect("a maildir").flatten() {
            if file.file_name().to_string_lossy().starts_with("dovecot") {
                std::fs::remove_file(file.path()).expect("removed");
            }
        }
        let list = format!("3 V{} N1 G{:032x}\n", validity + 1, 7);
        std::fs::write(dir.join("dovecot-uidlist"), list).expect("another list");
        own(&dir);
    }

    /// Mails that Postfix still has.
    pub fn queue(&self) -> Vec<PathBuf> {
        let queue = self.dir.path().join("postfix/queue");
        let mut found = Vec::new();
        for place in ["incoming", "active", "deferred"] {
            let mut folders = vec![queue.join(place)];
            while let Some(folder) = folders.pop() {
                for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                    match entry.path().is_dir() {
                        true => folders.push(entry.path()),
                        false => found.push(entry.path()),
                    }
                }
            }
        }
        found
    }

    /// Whether Postfix put a mail by, to try again later.
    pub fn has_deferred(&self) -> bool {
        let is_deferred = |path: &PathBuf| path.components().any(|c| c.as_os_str() == "deferred");
        self.queue().iter().any(is_deferred)
    }

    /// Has Postfix try again now.
    pub fn flush(&self) {
        run(Command::new("postqueue")
            .arg("-c")
            .arg(self.dir.path().join("postfix/etc"))
            .arg("-f"));
    }
}

impl Drop for MailServers {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        let etc = self.dir.path().join("postfix/etc");
        let _ = Command::new("postfix")
            .arg("-c")
            .arg(etc)
            .arg("stop")
            .output();
        // The master ends its children when it is asked to.
        let _ = Command::new("kill")
            .arg(self.dovecot.id().to_string())
            .status();
        let _ = self.dovecot.wait();
    }
}

/// Gives everything under `dir` to the servers.
fn own(dir: &Path) {
    chown(dir, Some(NOBODY), Some(NOBODY)).expect("given");
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        match entry.path().is_dir() {
            true => own(&entry.path()),
            false => chown(entry.path(), Some(NOBODY), Some(NOBODY)).expect("given"),
        }
    }
}

/// An authority, and a certificate of its for localhost.
fn certificate(dir: &Path) {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        run(command.current_dir(dir).args(arguments.split(' ')));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n";
    std::fs::write(dir.join("names"), names).expect("written");
    openssl(&format!(
        "req -x509 {key} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"
    ));
    openssl(&format!(
        "req {key} -subj /CN=localhost -keyout key.pem -out request.pem"
    ));
    openssl(
        "x509 -req -days 2 -in request.pem -CA ca.pem -CAkey ca.key -set_serial 1 -extfile names -out cert.pem",
    );
    chown(dir.join("key.pem"), Some(NOBODY), Some(NOBODY)).expect("given");
}

fn dovecot(dir: &Path, imap: u16, imaps: u16, lmtp: u16, more: &str) -> Child {
    let users: String = [SUPPORT, BOUNCES, CUSTOMER]
        .iter()
        .map(|user| format!("{user}:{{PLAIN}}{PASSWORD}::::::\n"))
        .collect();
    std::fs::write(dir.join("users"), users).expect("written");
    let dir_path = dir.display();
    let config = format!(
        "base_dir = {dir_path}/run\nstate_dir = {dir_path}/run\nlog_path = {dir_path}/dovecot.log\n\
         protocols = imap lmtp\nlisten = 127.0.0.1\nfirst_valid_uid = 1\n\
         default_internal_user = nobody\ndefault_internal_group = nogroup\ndefault_login_user = nobody\n\
         mail_location = maildir:{dir_path}/mail/%Lu\nmail_fsync = never\n\
         auth_mechanisms = plain login\ndisable_plaintext_auth = no\nrecipient_delimiter = +\n\
         ssl = yes\nssl_cert = <{dir_path}/cert.pem\nssl_key = <{dir_path}/key.pem\n\
         passdb {{\n driver = passwd-file\n args = username_format=%Lu {dir_path}/users\n}}\n\
         userdb {{\n driver = passwd-file\n args = username_format=%Lu {dir_path}/users\n \
         override_fields = uid=nobody gid=nogroup home={dir_path}/mail/%Lu\n}}\n\
         namespace inbox {{\n inbox = yes\n}}\n\
         service anvil {{\n chroot =\n}}\nservice stats {{\n chroot =\n}}\n\
         service imap-login {{\n chroot =\n inet_listener imap {{\n port = {imap}\n }}\n \
         inet_listener imaps {{\n port = {imaps}\n ssl = yes\n }}\n}}\n\
         service lmtp {{\n inet_listener lmtp {{\n address = 127.0.0.1\n port = {lmtp}\n }}\n}}\n{more}"
    );
    let file = dir.join("dovecot.conf");
    std::fs::write(&file, config).expect("written");
    for name in ["run", "mail"] {
        std::fs::create_dir_all(dir.join(name)).expect("a folder");
        own(&dir.join(name));
    }
    std::fs::write(dir.join("dovecot.log"), "").expect("written");
    chown(dir.join("dovecot.log"), Some(NOBODY), Some(NOBODY)).expect("given");
    // Ends with the test even when that is killed.
    Command::new("setpriv")
        .args([
            "--reuid=nobody",
            "--regid=nogroup",
            "--clear-groups",
            "--pdeathsig=TERM",
        ])
        .args(["dovecot", "-F", "-c"])
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("Dovecot")
}

fn postfix(dir: &Path, smtp: u16, lmtp: u16, ours: u16) {
    let dir = dir.join("postfix");
    for name in ["etc", "queue", "data"] {
        std::fs::create_dir_all(dir.join(name)).expect("a folder");
    }
    run(Command::new("chown").arg("postfix").arg(dir.join("data")));
    let path = dir.display();
    let main = format!(
        "compatibility_level = 3.6\nqueue_directory = {path}/queue\ndata_directory = {path}/data\n\
         maillog_file = {path}/log\nmaillog_file_prefixes = {path}\n\
         inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmyhostname = mx.desk.test\n\
         mydestination =\nmynetworks = 127.0.0.0/8\nalias_maps =\nlocal_recipient_maps =\n\
         smtpd_relay_restrictions = permit_mynetworks, reject\nrecipient_delimiter = +\n\
         virtual_mailbox_domains = desk.test, people.test, ours.test\n\
         virtual_transport = lmtp:inet:127.0.0.1:{lmtp}\n\
         transport_maps = inline:{{ {{ours.test = lmtp:inet:127.0.0.1:{ours}}} }}\n\
         default_transport = error:5.1.2 this test has no way there\n\
         message_size_limit = 40000000\nsmtputf8_enable = yes\n"
    );
    let service = |name: &str, kind: &str, private: &str, wakeup: &str, max: &str, does: &str| {
        format!("{name} {kind} {private} - n {wakeup} {max} {does}\n")
    };
    let mut master = service(&format!("127.0.0.1:{smtp}"), "inet", "n", "-", "-", "smtpd");
    master += &service("pickup", "unix", "n", "60", "1", "pickup");
    master += &service("qmgr", "unix", "n", "300", "1", "qmgr");
    master += &service("cleanup", "unix", "n", "-", "0", "cleanup");
    master += &service("flush", "unix", "n", "1000?", "0", "flush");
    master += &service("postlog", "unix-dgram", "n", "-", "1", "postlogd");
    // Some want to be as many as are asked for (0), and some to be one.
    for (name, max, does) in [
        ("rewrite", "-", "trivial-rewrite"),
        ("bounce", "0", "bounce"),
        ("defer", "0", "bounce"),
        ("trace", "0", "bounce"),
        ("verify", "1", "verify"),
        ("proxymap", "-", "proxymap"),
        ("smtp", "-", "smtp"),
        ("lmtp", "-", "lmtp"),
        ("error", "-", "error"),
        ("retry", "-", "error"),
        ("discard", "-", "discard"),
        ("anvil", "1", "anvil"),
        ("scache", "1", "scache"),
    ] {
        master += &service(name, "unix", "-", "-", max, does);
    }
    std::fs::write(dir.join("etc/main.cf"), main).expect("written");
    std::fs::write(dir.join("etc/master.cf"), master).expect("written");
    run(Command::new("postfix")
        .arg("-c")
        .arg(dir.join("etc"))
        .arg("start"));
}

/// Speaks SMTP or LMTP as a program does that waits for each answer.
pub struct Talk {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Talk {
    /// Up to the greeting.
    pub fn to(port: u16) -> Talk {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a server");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let lines = BufReader::new(stream.try_clone().expect("a clone"));
        let mut talk = Talk { stream, lines };
        assert!(talk.reply().starts_with("220"));
        talk
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("sent");
    }

    /// The last line of the next answer.
    pub fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).expect("an answer");
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    /// One command, and its answer.
    pub fn say(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n").as_bytes());
        self.reply()
    }
}

/// Hands a mail to the server at `port`; its dots at the start of lines are doubled on the way.
pub fn hand_over(port: u16, from: &str, to: &str, mail: &[u8]) {
    let mut talk = Talk::to(port);
    for command in [
        "EHLO test",
        &format!("MAIL FROM:<{from}>"),
        &format!("RCPT TO:<{to}>"),
    ] {
        let reply = talk.say(command);
        assert!(reply.starts_with("250"), "{command}: {reply}");
    }
    assert!(talk.say("DATA").starts_with("354"));
    let mail = String::from_utf8_lossy(mail).replace("\r\n.", "\r\n..");
    talk.send(mail.as_bytes());
    let reply = talk.say("\r\n.");
    assert!(reply.starts_with("250"), "{reply}");
    talk.say("QUIT");
}
