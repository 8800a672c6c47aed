//! Bounds the bill: every call is booked under its class, and a class that has used up its cap
//! stops. Search stops first and replies last, because a reply is what the rest is for.

use serde::Serialize;

use super::store::{self, Spend};
use super::{Network, NetworkError, Opens};
use crate::clock::{Clock, Moment};
use crate::config;
use crate::db::{Conn, Db};

/// Share of a cap, in percent, from which staff are warned.
const ALARM_PERCENT: i64 = 80;
/// Millionths in a US dollar.
const MICROS: f64 = 1_000_000.0;

/// What a call is booked under; the network prices each differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    ReadMentions,
    ReadSearch,
    ReadLookup,
    /// Our own timeline, looked at before a send is tried again.
    ReadOwn,
    /// Authors that come beside posts and are not yet known. Whether they are billed is not
    /// documented: booked as if.
    ReadUsers,
    WriteReply,
    WriteReplyUrl,
}

impl Class {
    pub const ALL: [Class; 7] = [
        Class::ReadMentions,
        Class::ReadSearch,
        Class::ReadLookup,
        Class::ReadOwn,
        Class::ReadUsers,
        Class::WriteReply,
        Class::WriteReplyUrl,
    ];

    /// The text stored in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::ReadMentions => "read_mentions",
            Class::ReadSearch => "read_search",
            Class::ReadLookup => "read_lookup",
            Class::ReadOwn => "read_own",
            Class::ReadUsers => "read_users",
            Class::WriteReply => "write_reply",
            Class::WriteReplyUrl => "write_reply_url",
        }
    }

    /// The name people read.
    pub fn label(self) -> &'static str {
        match self {
            Class::ReadMentions => "reading mentions",
            Class::ReadSearch => "searching",
            Class::ReadLookup => "checking for deleted posts",
            Class::ReadOwn => "reading our own posts",
            Class::ReadUsers => "reading authors",
            Class::WriteReply => "replies",
            Class::WriteReplyUrl => "replies with a link",
        }
    }

    /// The cap it counts towards.
    pub fn group(self) -> Group {
        match self {
            Class::ReadMentions => Group::Mentions,
            Class::ReadSearch => Group::Search,
            Class::ReadLookup => Group::Lookup,
            Class::ReadUsers => Group::Users,
            Class::ReadOwn | Class::WriteReply | Class::WriteReplyUrl => Group::Replies,
        }
    }
}

/// Classes that share a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    Search,
    Users,
    Mentions,
    Lookup,
    Replies,
}

impl Group {
    pub const ALL: [Group; 5] = [
        Group::Search,
        Group::Users,
        Group::Mentions,
        Group::Lookup,
        Group::Replies,
    ];

    /// The name people read.
    pub fn label(self) -> &'static str {
        match self {
            Group::Search => "Search",
            Group::Users => "Authors",
            Group::Mentions => "Mentions",
            Group::Lookup => "Deletion checks",
            Group::Replies => "Replies",
        }
    }

    /// Percent of the month's cap at which this group stops: what can wait stops first.
    fn month_percent(self) -> i64 {
        match self {
            Group::Search => 70,
            Group::Users | Group::Mentions => 85,
            Group::Lookup => 95,
            Group::Replies => 100,
        }
    }
}

/// Prices and caps, in millionths of a US dollar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    /// In the order of `Class::ALL`.
    prices: [i64; 7],
    /// A UTC day's caps; `None`: only the month's cap holds.
    caps: [Option<i64>; 5],
    month: i64,
}

impl Tariff {
    /// The configured tariff of X.
    pub fn of_x(x: &config::X) -> Tariff {
        let prices = &x.prices;
        let mentions = if x.owned_app {
            prices.owned_read
        } else {
            prices.post_read
        };
        let of = |class: Class| match class {
            Class::ReadMentions | Class::ReadOwn => mentions,
            Class::ReadSearch | Class::ReadLookup => prices.post_read,
            Class::ReadUsers => prices.user_read,
            Class::WriteReply => prices.summoned_reply,
            Class::WriteReplyUrl => prices.summoned_reply_url,
        };
        let cap = |group: Group| match group {
            Group::Search => Some(micros(x.caps.search)),
            Group::Users => Some(micros(x.caps.users)),
            Group::Mentions => Some(micros(x.caps.mentions)),
            Group::Lookup => Some(micros(x.caps.lookup)),
            Group::Replies => Some(micros(x.caps.replies)),
        };
        Tariff {
            prices: Class::ALL.map(|class| micros(of(class))),
            caps: Group::ALL.map(cap),
            month: micros(x.caps.month),
        }
    }

    /// Price of one unit.
    pub fn price(&self, class: Class) -> i64 {
        let at = Class::ALL.iter().position(|one| *one == class);
        at.and_then(|at| self.prices.get(at)).copied().unwrap_or(0)
    }

    fn cap(&self, group: Group) -> Option<i64> {
        let at = Group::ALL.iter().position(|one| *one == group);
        at.and_then(|at| self.caps.get(at)).copied().flatten()
    }
}

fn micros(dollars: f64) -> i64 {
    // A float that is no amount (negative, not a number) counts as nothing; `as` saturates.
    (dollars.max(0.0) * MICROS).round() as i64
}

/// What a class may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Units(i64),
    Spent(Opens),
}

/// Units of `class` that fit into what is left of its caps, given what was spent.
fn left(tariff: &Tariff, class: Class, spent: &[Spend], today: &str) -> Left {
    let price = tariff.price(class);
    let group = class.group();
    let month_cap = tariff.month / 100 * group.month_percent();
    let month: i64 = spent.iter().map(|spend| spend.cost_micros).sum();
    let month_left = month_cap - month;
    let day_left = tariff
        .cap(group)
        .map(|cap| cap - spent_today(spent, group, today));
    if price <= 0 {
        return Left::Units(i64::MAX);
    }
    if month_left < price {
        return Left::Spent(Opens::NextMonth);
    }
    match day_left {
        Some(day_left) if day_left < price => Left::Spent(Opens::Tomorrow),
        Some(day_left) => Left::Units(day_left.min(month_left) / price),
        None => Left::Units(month_left / price),
    }
}

/// What each post that is read may bring beside it, which is paid for too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beside {
    pub users: i64,
    pub posts: i64,
}

/// As `left`, when each unit may bring others too; and the class that leaves the fewest.
fn left_with(
    tariff: &Tariff,
    class: Class,
    beside: Beside,
    spent: &[Spend],
    today: &str,
) -> (Class, Left) {
    let authors = match left(tariff, Class::ReadUsers, spent, today) {
        Left::Spent(opens) => return (Class::ReadUsers, Left::Spent(opens)),
        Left::Units(units) => units / beside.users.max(1),
    };
    let posts = match left(tariff, class, spent, today) {
        Left::Spent(opens) => return (class, Left::Spent(opens)),
        Left::Units(units) => units / (1 + beside.posts),
    };
    // Both are paid out of what is left of the month.
    let both = tariff.price(class) * (1 + beside.posts)
        + tariff.price(Class::ReadUsers) * beside.users.max(1);
    let month: i64 = spent.iter().map(|spend| spend.cost_micros).sum();
    let month_cap = tariff.month / 100 * class.group().month_percent();
    let of_month = if both > 0 {
        (month_cap - month).max(0) / both
    } else {
        i64::MAX
    };
    if authors < posts {
        (Class::ReadUsers, Left::Units(authors.min(of_month)))
    } else {
        (class, Left::Units(posts.min(of_month)))
    }
}

fn spent_today(spent: &[Spend], group: Group, today: &str) -> i64 {
    spent
        .iter()
        .filter(|spend| spend.day == today)
        .filter(|spend| {
            Class::ALL
                .iter()
                .any(|class| class.as_str() == spend.class && class.group() == group)
        })
        .map(|spend| spend.cost_micros)
        .sum()
}

/// The meter of one network.
#[derive(Clone)]
pub struct Meter {
    db: Db,
    clock: Clock,
    network: Network,
    tariff: Tariff,
}

impl Meter {
    pub fn new(db: Db, clock: Clock, network: Network, tariff: Tariff) -> Meter {
        Meter {
            db,
            clock,
            network,
            tariff,
        }
    }

    pub fn tariff(&self) -> &Tariff {
        &self.tariff
    }

    /// How many units of `class` may still be used now; at least `at_least`, else an error.
    pub fn affordable(&self, class: Class, at_least: i64) -> Result<i64, NetworkError> {
        let (spent, today) = self.month()?;
        match left(&self.tariff, class, &spent, &today) {
            Left::Units(units) if units >= at_least => Ok(units),
            Left::Units(_) => Err(NetworkError::Budget {
                class,
                opens: Opens::Tomorrow,
            }),
            Left::Spent(opens) => Err(NetworkError::Budget { class, opens }),
        }
    }

    /// How many posts of `class` may still be read now when each may bring what is not known
    /// `beside` it; at least `at_least`, else an error that names the class that is spent.
    pub fn affordable_with(
        &self,
        class: Class,
        beside: Beside,
        at_least: i64,
    ) -> Result<i64, NetworkError> {
        let (spent, today) = self.month()?;
        match left_with(&self.tariff, class, beside, &spent, &today) {
            (_, Left::Units(units)) if units >= at_least => Ok(units),
            (class, Left::Units(_)) => Err(NetworkError::Budget {
                class,
                opens: Opens::Tomorrow,
            }),
            (class, Left::Spent(opens)) => Err(NetworkError::Budget { class, opens }),
        }
    }

    /// Books one call and its units; inside the caller's transaction.
    pub fn record(&self, tx: &mut Conn, class: Class, units: i64) -> crate::error::Result<()> {
        self.book(tx, class, 1, units)
    }

    /// Takes back what was booked for a call that the network refused and so did not bill.
    pub fn refund(&self, tx: &mut Conn, class: Class, units: i64) -> crate::error::Result<()> {
        self.book(tx, class, 0, -units)
    }

    fn book(
        &self,
        tx: &mut Conn,
        class: Class,
        calls: i64,
        units: i64,
    ) -> crate::error::Result<()> {
        let spend = Spend {
            day: self.clock.now().day(),
            class: class.as_str().into(),
            calls,
            units,
            cost_micros: units.saturating_mul(self.tariff.price(class)),
        };
        store::add_spend(tx, self.network, &spend)
    }

    /// Where each group stands, for the page of the operator.
    pub fn report(&self) -> Result<Report, NetworkError> {
        let (spent, today) = self.month()?;
        Ok(report(&self.tariff, &spent, &today))
    }

    fn month(&self) -> Result<(Vec<Spend>, String), NetworkError> {
        let today = self.clock.now().day();
        let first = first_of_month(&today);
        let spent = self
            .db
            .read(|conn| store::spends(conn, self.network, &first, &today))
            .map_err(|e| NetworkError::Storage {
                reason: e.to_string(),
            })?;
        Ok((spent, today))
    }

    /// The moment this meter's clock shows.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }
}

fn first_of_month(day: &str) -> String {
    format!("{}-01", day.get(..7).unwrap_or(day))
}

/// What was spent, and how near the caps are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub groups: Vec<GroupReport>,
    pub month_cost_micros: i64,
    pub month_cap_micros: i64,
    /// The month stands at 80 % or more.
    pub month_alarm: bool,
}

/// One group's day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupReport {
    pub group: Group,
    pub today_cost_micros: i64,
    pub today_cap_micros: Option<i64>,
    /// At 80 % or more of today's cap.
    pub alarm: bool,
    /// Nothing more of this group today (or this month).
    pub stopped: bool,
}

fn report(tariff: &Tariff, spent: &[Spend], today: &str) -> Report {
    let month: i64 = spent.iter().map(|spend| spend.cost_micros).sum();
    let near =
        |spent: i64, cap: i64| spent.saturating_mul(100) >= cap.saturating_mul(ALARM_PERCENT);
    let groups = Group::ALL.map(|group| {
        let cost = spent_today(spent, group, today);
        let cap = tariff.cap(group);
        let stopped = Class::ALL
            .iter()
            .filter(|class| class.group() == group)
            .all(|class| matches!(left(tariff, *class, spent, today), Left::Spent(_)));
        GroupReport {
            group,
            today_cost_micros: cost,
            today_cap_micros: cap,
            alarm: stopped || cap.is_some_and(|cap| near(cost, cap)),
            stopped,
        }
    });
    Report {
        groups: groups.to_vec(),
        month_cost_micros: month,
        month_cap_micros: tariff.month,
        month_alarm: near(month, tariff.month),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tariff() -> Tariff {
        let x = config::X {
            caps: config::Caps {
                mentions: 0.1,
                search: 0.05,
                lookup: 0.05,
                users: 0.5,
                replies: 1.0,
                month: 2.0,
            },
            ..config::X::default()
        };
        Tariff::of_x(&x)
    }

    fn spend(day: &str, class: Class, cost_micros: i64) -> Spend {
        Spend {
            day: day.into(),
            class: class.as_str().into(),
            calls: 1,
            units: 1,
            cost_micros,
        }
    }

    const TODAY: &str = "2026-11-22";

    #[test]
    fn prices_follow_the_configuration() {
        let tariff = tariff();
        assert_eq!(tariff.price(Class::ReadMentions), 1_000, "owned app");
        assert_eq!(tariff.price(Class::ReadSearch), 5_000);
        assert_eq!(tariff.price(Class::WriteReplyUrl), 200_000);
        let x = config::X {
            owned_app: false,
            ..config::X::default()
        };
        assert_eq!(Tariff::of_x(&x).price(Class::ReadMentions), 5_000);
    }

    #[test]
    fn a_class_stops_at_its_own_cap_and_opens_tomorrow() {
        let tariff = tariff();
        let spent = [spend(TODAY, Class::ReadSearch, 48_000)];
        let search = left(&tariff, Class::ReadSearch, &spent, TODAY);
        assert_eq!(search, Left::Spent(Opens::Tomorrow));
        assert_eq!(
            left(&tariff, Class::ReadMentions, &spent, TODAY),
            Left::Units(100)
        );
        assert_eq!(
            left(&tariff, Class::ReadSearch, &spent, "2026-11-23"),
            Left::Units(10)
        );
    }

    #[test]
    fn reading_stops_when_its_authors_can_not_be_paid() {
        let tariff = tariff();
        let author = Beside { users: 1, posts: 0 };
        let of = |spent: &[Spend]| left_with(&tariff, Class::ReadMentions, author, spent, TODAY);
        let more = Beside { users: 2, posts: 3 };
        let fewer = left_with(&tariff, Class::ReadMentions, more, &[], TODAY).1;
        match (of(&[]).1, fewer) {
            (Left::Units(all), Left::Units(fewer)) => {
                assert!(fewer > 0 && fewer <= all / 2, "{fewer} of {all}");
            }
            spent => panic!("{spent:?}"),
        }
        // 0.50 for authors at 0.01 each; 0.10 for mentions at 0.001 would do for 100.
        assert_eq!(of(&[]), (Class::ReadUsers, Left::Units(50)));
        let spent = [spend(TODAY, Class::ReadUsers, 495_000)];
        assert_eq!(of(&spent), (Class::ReadUsers, Left::Spent(Opens::Tomorrow)));
        let spent = [spend(TODAY, Class::ReadMentions, 90_000)];
        assert_eq!(of(&spent), (Class::ReadMentions, Left::Units(10)));
        // 0.022 of the month's share are left: two of 0.011.
        let spent = [spend("2026-11-02", Class::WriteReply, 1_678_000)];
        assert_eq!(of(&spent).1, Left::Units(2));
    }

    #[test]
    fn at_the_months_end_search_stops_first_and_replies_last() {
        let tariff = tariff();
        let stopped_at = |micros: i64| {
            let spent = [spend("2026-11-02", Class::WriteReplyUrl, micros)];
            let stops = |class| matches!(left(&tariff, class, &spent, TODAY), Left::Spent(_));
            [
                Class::ReadSearch,
                Class::ReadMentions,
                Class::ReadLookup,
                Class::WriteReply,
            ]
            .map(stops)
        };
        assert_eq!(stopped_at(1_300_000), [false, false, false, false]);
        assert_eq!(stopped_at(1_400_000), [true, false, false, false]);
        assert_eq!(stopped_at(1_700_000), [true, true, false, false]);
        assert_eq!(stopped_at(1_900_000), [true, true, true, false]);
        assert_eq!(stopped_at(2_000_000), [true, true, true, true]);
    }

    #[test]
    fn staff_are_warned_at_eighty_percent() {
        let tariff = tariff();
        let at = |micros| {
            let report = report(&tariff, &[spend(TODAY, Class::ReadMentions, micros)], TODAY);
            let mentions = report
                .groups
                .iter()
                .find(|g| g.group == Group::Mentions)
                .cloned();
            mentions.map(|g| (g.alarm, g.stopped))
        };
        assert_eq!(at(79_000), Some((false, false)));
        assert_eq!(at(80_000), Some((true, false)));
        assert_eq!(at(100_000), Some((true, true)));
    }

    #[test]
    fn amounts_that_are_none_count_as_nothing() {
        assert_eq!(micros(f64::NAN), 0);
        assert_eq!(micros(-1.0), 0);
        assert_eq!(micros(0.005), 5_000);
        assert_eq!(micros(f64::INFINITY), i64::MAX);
    }
}
