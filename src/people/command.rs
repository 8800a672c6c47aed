//! `offramp user …`: accounts at the command line, for the operator.

use std::io::{BufRead, IsTerminal, Write};
use std::process::{Command, Stdio};

use clap::{Args, Subcommand};

use super::create_user::{self, NewAccount};
use super::store::{self, UserFilter};
use super::{Role, set_role};
use crate::app::App;
use crate::db::audit::Actor;
use crate::error::{Error, Problem, Result};
use crate::say;

#[derive(Subcommand)]
pub enum UserCommand {
    /// Make an account. The password is asked for on the terminal.
    Create(Create),
    /// Give a user another role.
    SetRole(SetRole),
    /// List users, newest first.
    List(List),
}

#[derive(Args)]
pub struct Create {
    /// The name that others see; it logs in as well as the address.
    #[arg(long)]
    name: String,
    /// Where their mail goes.
    #[arg(long)]
    email: String,
    /// member, moderator, staff or admin
    #[arg(long, default_value = "member")]
    role: Role,
    /// A product that a member of staff looks after, by its slug; may be given several times.
    #[arg(long)]
    product: Vec<String>,
    /// Read the password from standard input (its first line).
    #[arg(long, conflicts_with = "invite")]
    password_stdin: bool,
    /// Set no password; a mail invites them to choose one.
    #[arg(long)]
    invite: bool,
}

#[derive(Args)]
pub struct SetRole {
    /// The user's email address or name.
    who: String,
    /// member, moderator, staff or admin
    role: Role,
    #[arg(long)]
    product: Vec<String>,
    /// Why; kept in the audit log.
    #[arg(long, default_value = "")]
    reason: String,
}

#[derive(Args)]
pub struct List {
    /// Only this role.
    #[arg(long)]
    role: Option<Role>,
    /// Only names or addresses that begin so.
    #[arg(long, default_value = "")]
    search: String,
}

/// Users read at a time.
const LIST_ROWS: i64 = 500;

pub fn run(app: &App, command: UserCommand) -> Result<()> {
    match command {
        UserCommand::Create(args) => create(app, args),
        UserCommand::SetRole(args) => change_role(app, args),
        UserCommand::List(args) => list(app, args),
    }
}

fn create(app: &App, args: Create) -> Result<()> {
    let password = match args.invite {
        true => None,
        false => Some(read_password(args.password_stdin)?),
    };
    let account = NewAccount {
        name: args.name,
        email: args.email,
        password,
        role: args.role,
        products: args.product,
    };
    match create_user::create_user(app, &Actor::Operator, &account)? {
        create_user::Outcome::Created(id) => {
            say!(
                "Made the account {} ({}), id {id}.",
                account.name,
                account.role.as_str()
            );
            Ok(())
        }
        create_user::Outcome::Problems(problems) => Err(in_words(&problems)),
    }
}

fn change_role(app: &App, args: SetRole) -> Result<()> {
    let found = app.db.read(|c| store::credentials(c, &args.who))?;
    let Some(user) = found else {
        return Err(Error::other(format!("There is no user `{}`.", args.who)));
    };
    let by = Actor::Operator;
    match set_role::set_role(app, &by, user.id, args.role, &args.product, &args.reason)? {
        set_role::Outcome::Set => {
            say!("{} is {} now.", args.who, args.role.as_str());
            Ok(())
        }
        set_role::Outcome::NotFound => {
            Err(Error::other(format!("There is no user `{}`.", args.who)))
        }
        set_role::Outcome::LastAdmin => Err(Error::other(
            "This is the only admin. Make somebody else an admin first.",
        )),
        set_role::Outcome::Problems(problems) => Err(in_words(&problems)),
    }
}

fn list(app: &App, args: List) -> Result<()> {
    let mut filter = UserFilter {
        words: args.search,
        role: args.role,
        before: None,
    };
    let mut out = std::io::stdout().lock();
    loop {
        let users = app.db.read(|c| store::users(c, &filter, LIST_ROWS))?;
        for user in &users {
            let email = user.email.as_deref().unwrap_or("-");
            let line = writeln!(
                out,
                "{:>6}  {:<10} {:<30} {email}",
                user.id,
                user.role.as_str(),
                user.name
            );
            // Whoever reads may have enough: `offramp user list | head`.
            if line.is_err() {
                return Ok(());
            }
        }
        match users.last() {
            Some(last) => filter.before = Some(last.id.0),
            None => return Ok(()),
        }
    }
}

fn in_words(problems: &[Problem]) -> Error {
    let texts: Vec<_> = problems.iter().map(|p| p.text.as_str()).collect();
    Error::other(texts.join(" "))
}

/// From standard input when asked to, else from the terminal, unseen and twice.
fn read_password(from_stdin: bool) -> Result<String> {
    let stdin = std::io::stdin();
    if from_stdin {
        return read_line(&mut stdin.lock());
    }
    if !stdin.is_terminal() {
        return Err(Error::other(
            "There is no terminal to ask for the password. Use --password-stdin or --invite.",
        ));
    }
    let _hidden = Hidden::begin();
    let ask = |what: &str| {
        eprint!("{what}: ");
        let line = read_line(&mut stdin.lock());
        eprintln!();
        line
    };
    let password = ask("Password")?;
    if ask("The same again")? == password {
        Ok(password)
    } else {
        Err(Error::other("The two passwords differ. Nothing was done."))
    }
}

fn read_line(from: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    from.read_line(&mut line)
        .map_err(|e| Error::io("reading the password", e))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// While it lives, the terminal does not show what is typed.
struct Hidden {
    worked: bool,
}

impl Hidden {
    fn begin() -> Hidden {
        let worked = stty("-echo");
        if !worked {
            eprintln!("The terminal can't hide what you type.");
        }
        Hidden { worked }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if self.worked {
            stty("echo");
        }
    }
}

/// Every Unix has it, and it spares a dependency.
fn stty(mode: &str) -> bool {
    Command::new("stty")
        .arg(mode)
        .stdin(Stdio::inherit())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
