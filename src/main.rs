//! The commands.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use offramp::boot::{self, Background};
use offramp::clock::Clock;
use offramp::config::Config;
use offramp::db::migrate;
use offramp::error::{Error, Result};
use offramp::random::Random;

/// A community forum, and the desk that takes complaints off Twitter/X and resolves them.
#[derive(Parser)]
#[command(name = "offramp", version, about)]
struct Cli {
    /// The configuration file; the environment is read after it.
    #[arg(long, short, global = true, env = "OFFRAMP_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server: pages, jobs, connectors, search.
    Serve,
    /// Bring the database's schema up to this version.
    Migrate,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("offramp: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let config = Config::load(cli.config.as_deref()).map_err(Error::other)?;
    start_log(&config.server.log);
    match cli.command {
        Command::Serve => serve(config),
        Command::Migrate => {
            let app = boot::app(config, Clock::System, Random::System)?;
            let ran = migrate::migrate(&app.db)?;
            println!("{} migrations run; the schema is up to date.", ran.len());
            Ok(())
        }
    }
}

fn serve(config: Config) -> Result<()> {
    let listener = std::net::TcpListener::bind(&config.server.listen)
        .map_err(|e| Error::io(format!("listening on {}", config.server.listen), e))?;
    let app = boot::app(config, Clock::System, Random::System)?;
    let background = Background::start(&app)?;
    tracing::info!(address = %app.config.server.listen, "serving");
    let served = actix_web::rt::System::new().block_on(boot::serve_http(app, listener));
    background.stop();
    served
}

/// Logs to standard error; `RUST_LOG` wins over the configuration.
fn start_log(level: &str) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env()
        .or_else(|_| EnvFilter::try_new(level))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
