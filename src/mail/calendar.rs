//! An invitation in a mail (RFC 5545, RFC 6047): what it is about and when, in words. The file itself stays
//! beside it.

use serde::Serialize;

use super::one_line;

/// Longest value that is kept, in characters.
const VALUE_CHARS_MAX: usize = 300;
/// Most lines of a calendar that are read.
const LINES_MAX: usize = 5_000;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// To come, or a change of what was asked before.
    Request,
    /// It is called off.
    Cancel,
    /// Another time is proposed.
    Counter,
    /// Somebody accepts or declines.
    Reply,
    /// Anything else that calendars send each other.
    Other,
}

/// One event, the first of the calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Invitation {
    pub method: Method,
    pub summary: String,
    /// `2026-03-02 09:00`, or the day alone; with the zone as the calendar names it.
    pub starts: String,
    pub ends: String,
    pub place: String,
}

impl Invitation {
    /// For people to read.
    pub fn words(&self) -> String {
        let what = match self.method {
            Method::Request => "Invitation",
            Method::Cancel => "Called off",
            Method::Counter => "Another time is proposed",
            Method::Reply => "Answer to an invitation",
            Method::Other => "From a calendar",
        };
        let when = match self.ends.is_empty() {
            true => self.starts.clone(),
            false => format!("{} to {}", self.starts, self.ends),
        };
        let parts = [
            format!("{what}: {}", self.summary),
            when,
            self.place.clone(),
        ];
        let parts = parts
            .iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("\n")
    }
}

/// Reads the first event; `None` when there is none.
pub fn invitation(text: &str) -> Option<Invitation> {
    let lines = unfolded(text);
    let value = |name: &str| {
        let found = lines.iter().find_map(|line| property(line, name));
        found.unwrap_or_default()
    };
    let event = lines
        .iter()
        .position(|line| line.trim().eq_ignore_ascii_case("BEGIN:VEVENT"))?;
    let end = lines[event..]
        .iter()
        .position(|line| line.trim().eq_ignore_ascii_case("END:VEVENT"));
    let of_event = &lines[event..event + end.unwrap_or(lines.len() - event)];
    let in_event = |name: &str| {
        let found = of_event.iter().find_map(|line| property(line, name));
        found.unwrap_or_default()
    };
    let method = match value("METHOD").1.to_ascii_uppercase().as_str() {
        "REQUEST" | "PUBLISH" => Method::Request,
        "CANCEL" => Method::Cancel,
        "COUNTER" => Method::Counter,
        "REPLY" | "DECLINECOUNTER" => Method::Reply,
        _ => Method::Other,
    };
    Some(Invitation {
        method,
        summary: unescaped(&in_event("SUMMARY").1),
        starts: moment(&in_event("DTSTART")),
        ends: moment(&in_event("DTEND")),
        place: unescaped(&in_event("LOCATION").1),
    })
}

/// Lines as they were before they were folded (RFC 5545, section 3.1).
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().take(LINES_MAX) {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest.trim_end_matches('\r')),
            _ => lines.push(line.trim_end_matches('\r').to_owned()),
        }
    }
    lines
}

/// Parameters and value of a line, when it is this property.
fn property(line: &str, name: &str) -> Option<(String, String)> {
    let rest = line.get(name.len()..)?;
    if !line[..name.len()].eq_ignore_ascii_case(name) {
        return None;
    }
    if let Some(value) = rest.strip_prefix(':') {
        return Some((String::new(), value.to_owned()));
    }
    let mut in_quotes = false;
    let parameters = rest.strip_prefix(';')?;
    let colon = parameters.char_indices().find_map(|(at, c)| {
        in_quotes ^= c == '"';
        (c == ':' && !in_quotes).then_some(at)
    })?;
    Some((
        parameters[..colon].to_owned(),
        parameters[colon + 1..].to_owned(),
    ))
}

fn unescaped(value: &str) -> String {
    let plain = value
        .replace("\\n", " ")
        .replace("\\N", " ")
        .replace("\\,", ",")
        .replace("\\;", ";")
        .replace("\\\\", "\\");
    one_line(&plain, VALUE_CHARS_MAX)
}

/// `20260302T090000Z`, `20260302T090000` with TZID, `20260302`; what is none of these as it stands.
fn moment((parameters, value): &(String, String)) -> String {
    let value = one_line(value, VALUE_CHARS_MAX);
    let digits = |range: std::ops::Range<usize>| {
        let part = value.get(range)?;
        part.bytes().all(|b| b.is_ascii_digit()).then_some(part)
    };
    let (Some(year), Some(month), Some(day)) = (digits(0..4), digits(4..6), digits(6..8)) else {
        return value;
    };
    let date = format!("{year}-{month}-{day}");
    let (Some("T"), Some(hour), Some(minute)) = (value.get(8..9), digits(9..11), digits(11..13))
    else {
        return date;
    };
    let zone = match value.ends_with('Z') {
        true => " UTC".to_owned(),
        false => parameters
            .split(';')
            .find_map(|parameter| parameter.strip_prefix("TZID="))
            .map(|zone| format!(" {}", zone.trim_matches('"')))
            .unwrap_or_default(),
    };
    format!("{date} {hour}:{minute}{zone}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_invitation_says_what_and_when() {
        let text = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:Berlin\r\nDTSTART:16011028T030000\r\nEND:VTIMEZONE\r\n\
                    BEGIN:VEVENT\r\nSUMMARY;LANGUAGE=en:Look at the boiler\\, level 2 an\r\n d 3\r\nDTSTART;TZID=\"Europe/Berlin\":20260302T090000\r\n\
                    DTEND:20260302T093000Z\r\nLOCATION:Anna's home\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        let found = invitation(text).expect("an event");
        assert_eq!(
            found.words(),
            "Invitation: Look at the boiler, level 2 and 3\n2026-03-02 09:00 Europe/Berlin to 2026-03-02 09:30 UTC\nAnna's home"
        );
        for (method, is) in [
            ("CANCEL", Method::Cancel),
            ("reply", Method::Reply),
            ("Counter", Method::Counter),
            ("X", Method::Other),
        ] {
            let text = text.replace("REQUEST", method);
            assert_eq!(invitation(&text).map(|found| found.method), Some(is));
        }
        let whole_day = "BEGIN:VEVENT\nSUMMARY:Closed\nDTSTART;VALUE=DATE:20260302\nEND:VEVENT";
        assert_eq!(
            invitation(whole_day).map(|found| found.starts),
            Some("2026-03-02".to_owned())
        );
        assert_eq!(invitation("BEGIN:VCALENDAR\nEND:VCALENDAR"), None);
    }

    proptest! {
        #[test]
        fn any_calendar_is_read(lines in proptest::collection::vec(
            prop_oneof!["\\PC{0,30}", Just("BEGIN:VEVENT".to_owned()), Just("DTSTART;TZID=é:2026é".to_owned()), Just(" x".to_owned())],
            0..20,
        )) {
            let _ = invitation(&lines.join("\n")).map(|found| found.words());
        }
    }
}
