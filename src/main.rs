//! The commands.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use offramp::boot::{self, Background};
use offramp::clock::Clock;
use offramp::commands::{
    check, doctor, doctor_mail, eval_link, eval_triage, import, model, model::ModelCommand,
    reindex, similar, triage,
};
use offramp::config::Config;
use offramp::db::audit::Actor;
use offramp::db::{Db, ServerLock, migrate};
use offramp::demo;
use offramp::error::{Error, Result};
use offramp::escalations;
use offramp::ids::IntakeId;
use offramp::inbox::receive_mail;
use offramp::mail::{inbound, parsed};
use offramp::networks::x::sandbox::{self, SandboxConfig};
use offramp::people::command::UserCommand;
use offramp::random::Random;
use offramp::say;
use offramp::text::counted;

/// A community forum, and the desk that takes complaints off Twitter/X and resolves them.
#[derive(Parser)]
#[command(name = "offramp", version, about)]
struct Cli {
    /// The configuration file; left out, `offramp.toml` of the current folder if there is one. The
    /// environment is read after it.
    #[arg(long, short, global = true, env = "OFFRAMP_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server: pages, jobs, connectors, search.
    Serve,
    /// Try everything with a fictional company; nothing leaves this machine.
    Demo(DemoOptions),
    /// Run the stand-in for a network by itself.
    Sandbox {
        #[command(subcommand)]
        network: SandboxNetwork,
    },
    /// Bring the database's schema up to this version.
    Migrate,
    /// Build the search index anew; a running server keeps answering meanwhile.
    Reindex,
    /// Look at configuration, database, index, mail and networks, and say what to do.
    Doctor {
        #[command(subcommand)]
        of: Option<DoctorOf>,
    },
    /// Take mail in, as a mail server pipes it.
    #[command(subcommand)]
    Mail(MailCommand),
    /// Public posts from files, addresses and the intake.
    #[command(subcommand)]
    Mentions(escalations::commands::Mentions),
    /// Compare every counter with the database, the index and the outbox.
    Check {
        /// Print the findings as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take in threads of another forum, and make them searchable.
    #[command(subcommand)]
    Import(import::Import),
    /// Print the threads most like each text of standard input.
    Similar(similar::SimilarOptions),
    /// Judge posts from standard input: complaint, question, praise or noise, how bad, and why.
    /// Needs no configuration and no database.
    Triage(triage::TriageOptions),
    /// Measure on standard sets whose right answers are known.
    #[command(subcommand)]
    Eval(Eval),
    /// Train the judgement, fetch the sentence model.
    #[command(subcommand)]
    Model(ModelCommand),
    /// Make accounts, give roles, list users.
    #[command(subcommand)]
    User(UserCommand),
}

#[derive(Subcommand)]
enum Eval {
    /// How well threads are found for texts. Needs no configuration and no database.
    Link(eval_link::EvalLink),
    /// How well complaints are told from other posts. Needs no configuration and no database.
    Triage(eval_triage::EvalTriage),
}

#[derive(clap::Args)]
struct DemoOptions {
    /// The demo's folder.
    #[arg(long, default_value = "data/demo")]
    dir: PathBuf,
    /// Where the forum and the desk are served.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Where the stand-in for X is served.
    #[arg(long, default_value_t = 8081)]
    x_port: u16,
    /// Begin again with an empty folder.
    #[arg(long)]
    fresh: bool,
    /// Let no complaints arrive by themselves.
    #[arg(long)]
    still: bool,
    /// Run without a person, with simulated staff, and give an account at the end.
    #[arg(long)]
    headless: bool,
    /// How long a headless run lasts.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Print the account as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum SandboxNetwork {
    /// X API v2, with a page on which to post as a customer.
    X {
        /// Where it is served, on 127.0.0.1.
        #[arg(long, default_value_t = 8081)]
        port: u16,
        /// The brand's account.
        #[arg(long, default_value = "PellwickHelp")]
        username: String,
        /// Keep the posts in this file.
        #[arg(long)]
        journal: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
enum DoctorOf {
    /// Every way in and out of mail: logs in to the mail server and to each mailbox.
    Mail,
}

#[derive(Subcommand)]
enum MailCommand {
    /// Read one raw mail from standard input. Exit code 0: it is stored; 75: try again later;
    /// 65: the mail itself is at fault.
    Receive {
        /// Addresses of the envelope (RCPT TO); may be given several times.
        #[arg(long, num_args = 1..)]
        recipient: Vec<String>,
    },
    /// Print what Offramp reads in one raw mail, from standard input, as JSON. Needs no configuration
    /// and keeps nothing.
    Parse,
    /// Read a stored mail again that could not be read, or was refused.
    Replay {
        /// Its number, as the server's log and the admin's page show it.
        id: IntakeId,
    },
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // A mail server that calls us wrongly keeps the mail until it is told how.
        Err(error) if error.use_stderr() && is_mail_receive() => {
            let _ = error.print();
            return ExitCode::from(receive_mail::EX_TEMPFAIL);
        }
        Err(error) => error.exit(),
    };
    let file = configuration(&cli);
    if let Command::Mail(MailCommand::Receive { recipient }) = &cli.command {
        return receive(file.as_deref(), recipient);
    }
    let done = match cli.command {
        Command::Mail(MailCommand::Parse) => parse_mail(),
        Command::Eval(Eval::Link(asked)) => {
            eval_link::run(&asked, &sentence_model(file.as_deref()))
        }
        Command::Triage(options) => triage::run(&options),
        Command::Eval(Eval::Triage(asked)) => eval_triage::run(&asked),
        Command::Model(command @ ModelCommand::Train { .. }) => {
            model::run(&command, &Config::default())
        }
        command => run(command, file.as_deref()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("offramp: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether `mail receive` stands among the arguments, whatever else does.
fn is_mail_receive() -> bool {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    arguments
        .windows(2)
        .any(|pair| pair[0] == "mail" && pair[1] == "receive")
}

/// The folder of the configured sentence model, for a command that needs no configuration.
fn sentence_model(file: Option<&Path>) -> PathBuf {
    let config = Config::load(file).unwrap_or_default();
    config.sentence_model.dir
}

/// The file that is meant: what shows a product needs none.
fn configuration(cli: &Cli) -> Option<PathBuf> {
    let needs_one = !matches!(cli.command, Command::Demo(_) | Command::Sandbox { .. });
    let here = || PathBuf::from("offramp.toml");
    let is_here = || needs_one && here().is_file();
    cli.config.clone().or_else(|| is_here().then(here))
}

fn run(command: Command, file: Option<&Path>) -> Result<()> {
    let config = Config::load(file).map_err(Error::other)?;
    start_log(&config.server.log);
    match command {
        Command::Serve => serve(config),
        Command::Migrate => {
            let ran = migrate::migrate(&Db::open(&config.database)?)?;
            let ran = counted(ran.len(), "migration");
            say!("{ran} run; the schema is up to date.");
            Ok(())
        }
        Command::Demo(options) => run_demo(&options),
        Command::Sandbox { network } => run_sandbox(network),
        Command::User(command) => {
            let app = boot::tool(config)?;
            offramp::people::command::run(&app, command)
        }
        Command::Reindex => {
            boot::migrated(&config)?;
            let app = boot::app(config, Clock::System, Random::System)?;
            let threads = counted(reindex::reindex(&app)?, "thread");
            say!("The new index is in use, with {threads}.");
            Ok(())
        }
        Command::Import(command) => {
            boot::migrated(&config)?;
            let app = boot::app(config, Clock::System, Random::System)?;
            import::run(&app, &command)
        }
        Command::Model(command) => model::run(&command, &config),
        Command::Similar(options) => {
            let app = boot::tool_with_model(config)?;
            let output = &mut std::io::stdout().lock();
            similar::run(&app, &options, std::io::stdin().lock(), output)
        }
        Command::Mentions(command) => {
            let app = boot::tool(config)?;
            escalations::commands::run(&app, &command)
        }
        Command::Doctor { of } => {
            match file {
                Some(file) => say!("configuration: {}", file.display()),
                None => say!("configuration: no file, only the environment (see --config)"),
            }
            let lines = match of {
                None => doctor::doctor(&config),
                Some(DoctorOf::Mail) => doctor_mail::doctor_mail(&config),
            };
            for line in &lines {
                say!("{line}");
            }
            match lines
                .iter()
                .filter(|l| l.health == doctor::Health::Bad)
                .count()
            {
                0 => Ok(()),
                1 => Err(Error::other("one thing needs to be put right")),
                n => Err(Error::other(format!("{n} things need to be put right"))),
            }
        }
        Command::Mail(MailCommand::Receive { .. } | MailCommand::Parse)
        | Command::Triage(_)
        | Command::Eval(_) => Err(Error::other(
            "this command is run before a configuration is read",
        )),
        Command::Mail(MailCommand::Replay { id }) => {
            let app = boot::tool(config)?;
            if receive_mail::replay(&app, &Actor::Operator, id)? {
                say!("Mail {id} is read again by the running server.");
                Ok(())
            } else {
                Err(Error::other(format!(
                    "there is no mail {id} that was set aside"
                )))
            }
        }
        Command::Check { json } => {
            let app = boot::tool(config)?;
            report(&check::check(&app)?, json)
        }
    }
}

/// One mail of standard input as JSON. What is larger than any mail that is taken in is not read.
fn parse_mail() -> Result<()> {
    let mut raw = Vec::new();
    let limit = u64::try_from(inbound::RAW_BYTES_MAX).unwrap_or(u64::MAX);
    let mut input = std::io::stdin().lock().take(limit.saturating_add(1));
    input
        .read_to_end(&mut raw)
        .map_err(|e| Error::other(format!("the mail could not be read: {e}")))?;
    let mail = parsed::parsed(&raw);
    let text = serde_json::to_string_pretty(&mail).map_err(Error::other)?;
    say!("{text}");
    Ok(())
}

fn run_demo(options: &DemoOptions) -> Result<()> {
    let stage = demo::stage::Options {
        dir: options.dir.clone(),
        port: options.port,
        x_port: options.x_port,
        fresh: options.fresh,
        still: options.still,
    };
    if !options.headless {
        return demo::run(&stage);
    }
    let account = demo::run_headless(&stage, options.seconds.max(1))?;
    let text = serde_json::to_string_pretty(&account).map_err(Error::other)?;
    if options.json {
        say!("{text}");
    } else {
        say!("The demo ran; this is what happened:\n{text}");
    }
    match account.check.findings.len() {
        0 if account.mentions.lost == 0 => Ok(()),
        _ => Err(Error::other(
            "the demo's account does not add up; see above",
        )),
    }
}

fn run_sandbox(network: SandboxNetwork) -> Result<()> {
    let SandboxNetwork::X {
        port,
        username,
        journal,
    } = network;
    let mut config = SandboxConfig::for_brand(&username, &username);
    config.journal = journal;
    let settings = config.clone();
    actix_web::rt::System::new()
        .block_on(sandbox::serve(
            config,
            &format!("127.0.0.1:{port}"),
            |address| say!("{}", settings.x_section(address).trim_end()),
        ))
        .map_err(|e| Error::io(format!("serving the stand-in on port {port}"), e))
}

/// Prints a check's report; an error when something does not agree.
fn report(report: &check::Report, json: bool) -> Result<()> {
    if json {
        say!(
            "{}",
            serde_json::to_string_pretty(report).map_err(Error::other)?
        );
    } else {
        for f in &report.findings {
            say!("{}: expected {}, found {}", f.what, f.expected, f.found);
        }
        say!(
            "{} indexed, {} waiting, {} dead, {} waiting, {} sent, {} given up.",
            counted(report.threads_in_index, "thread"),
            counted(report.jobs.ready, "job"),
            report.jobs.dead,
            counted(report.mails.waiting, "mail"),
            report.mails.sent,
            report.mails.failed
        );
    }
    match report.findings.len() {
        0 => Ok(()),
        1 => Err(Error::other("one thing does not agree")),
        n => Err(Error::other(format!("{n} things do not agree"))),
    }
}

/// Takes one mail from standard input. Whatever stands in the way, the mail server hears that it
/// should try again: only a commit makes it forget the mail.
fn receive(config: Option<&Path>, recipients: &[String]) -> ExitCode {
    let taken = Config::load(config)
        .map_err(Error::other)
        .and_then(|config| {
            start_log(&config.server.log);
            boot::tool(config)
        })
        .map(|app| receive_mail::receive(&app, std::io::stdin().lock(), recipients));
    let (code, words) = taken.unwrap_or_else(|e| (receive_mail::EX_TEMPFAIL, e.to_string()));
    if code != receive_mail::EX_OK {
        eprintln!("offramp: {words}");
    }
    ExitCode::from(code)
}

fn serve(config: Config) -> Result<()> {
    let listener = std::net::TcpListener::bind(&config.server.listen)
        .map_err(|e| Error::io(format!("listening on {}", config.server.listen), e))?;
    // With port 0 the system chose one.
    let address = listener
        .local_addr()
        .map_err(|e| Error::io("asking for the address listened on", e))?;
    let lock = ServerLock::take(&config)?;
    let app = boot::app(config, Clock::System, Random::System)?;
    let background = Background::start(&app, lock)?;
    tracing::info!(%address, "serving");
    let served = actix_web::rt::System::new().block_on(boot::serve_http(app, listener, |_| {}));
    background.stop();
    served
}

/// Logs to standard error, coloured on a terminal only; `RUST_LOG` wins over the configuration.
fn start_log(level: &str) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env()
        .or_else(|_| EnvFilter::try_new(level))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    // https://no-color.org: any value but an empty one.
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal() && !is_plain)
        .with_writer(std::io::stderr)
        .init();
}
