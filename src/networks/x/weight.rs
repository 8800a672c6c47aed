//! How X counts a post's length: 280 weighted characters.
//!
//! Figures from X's published counting configuration, version 3: text in NFC; code points
//! 0-4351, 8192-8205, 8208-8223 and 8242-8247 weigh 1, all others 2; an emoji weighs 2 however
//! many code points it takes; a web address weighs 23, also a bare domain.

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Longest post, weighted.
pub const LENGTH_MAX: usize = 280;
/// What any web address weighs.
pub const URL_WEIGHT: usize = 23;
/// What an emoji, and each character outside the light ranges, weighs.
const HEAVY: usize = 2;
/// Code points that weigh 1.
const LIGHT: [(u32, u32); 4] = [(0, 4351), (8192, 8205), (8208, 8223), (8242, 8247)];

/// Weighted length of a text that stands alone.
pub fn weigh(text: &str) -> usize {
    let text: String = text.nfc().collect();
    let mut total = 0;
    let mut at = 0;
    for (start, end) in find_urls(&text) {
        total += weigh_words(&text[at..start]) + URL_WEIGHT;
        at = end;
    }
    total + weigh_words(&text[at..])
}

/// Weighted length of a reply: names at the very beginning that X puts there by itself (those of
/// the people replied to, given without the @) weigh nothing.
pub fn weigh_reply(text: &str, replied_to: &[&str]) -> usize {
    weigh(without_leading_mentions(text, |name| {
        replied_to
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    }))
}

/// The text after the names at its beginning for which `drop` says yes.
pub fn without_leading_mentions(text: &str, drop: impl Fn(&str) -> bool) -> &str {
    let mut rest = text.trim_start();
    while let Some(after) = rest.strip_prefix('@') {
        let end = after
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(after.len());
        let ends_word = after[end..].chars().next().is_none_or(char::is_whitespace);
        if end == 0 || !ends_word || !drop(&after[..end]) {
            break;
        }
        rest = after[end..].trim_start();
    }
    rest
}

/// Whether X would turn any part of the text into a link, which costs more to post.
pub fn has_url(text: &str) -> bool {
    !find_urls(text).is_empty()
}

fn weigh_words(text: &str) -> usize {
    text.graphemes(true)
        .map(|cluster| {
            if is_emoji_sequence(cluster) {
                HEAVY
            } else {
                cluster.chars().map(char_weight).sum()
            }
        })
        .sum()
}

fn char_weight(c: char) -> usize {
    let code = u32::from(c);
    if LIGHT.iter().any(|(from, to)| (*from..=*to).contains(&code)) {
        1
    } else {
        HEAVY
    }
}

/// Several code points that show as one emoji: a flag, a keycap, a family, a skin tone, or a
/// sign asked to show in colour.
fn is_emoji_sequence(cluster: &str) -> bool {
    let mut chars = cluster.chars();
    let Some(first) = chars.next() else {
        return false;
    };
    let mut rest = chars.peekable();
    if rest.peek().is_none() {
        return false;
    }
    if matches!(first, '0'..='9' | '#' | '*') {
        return cluster.ends_with('\u{20e3}');
    }
    is_emoji_base(first)
        && rest.all(|c| {
            is_emoji_base(c)
                || matches!(u32::from(c), 0xFE0F | 0x200D | 0x20E3 | 0x1F3FB..=0x1F3FF)
                || matches!(u32::from(c), 0xE0020..=0xE007F)
        })
}

fn is_emoji_base(c: char) -> bool {
    matches!(
        u32::from(c),
        0xA9 | 0xAE
            | 0x203C
            | 0x2049
            | 0x2122
            | 0x2139
            | 0x2190..=0x21FF
            | 0x2300..=0x23FF
            | 0x24C2
            | 0x25A0..=0x27BF
            | 0x2900..=0x297F
            | 0x2B00..=0x2BFF
            | 0x3030
            | 0x303D
            | 0x3297
            | 0x3299
            | 0x1F000..=0x1FAFF
    )
}

/// Byte ranges of the web addresses in a text, in order: `http(s)://…`, and bare domains with a
/// known ending. When in doubt it is an address: that costs length and money, so it errs safely.
pub fn find_urls(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let Some(offset) = rest.find(|c: char| c.is_ascii_alphanumeric()) else {
            break;
        };
        let start = at + offset;
        let before = text[..start].chars().next_back();
        let run_end = start
            + text[start..]
                .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.'))
                .unwrap_or(text.len() - start);
        let scheme = ["https://", "http://"].iter().find(|scheme| {
            let head = text.as_bytes().get(start..start + scheme.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(scheme.as_bytes()))
        });
        let host_start = start + scheme.map_or(0, |scheme| scheme.len());
        let host_end = match scheme {
            Some(_) => {
                host_start
                    + text[host_start..]
                        .find(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '.'))
                        .unwrap_or(text.len() - host_start)
            }
            None => run_end,
        };
        let host = text[host_start..host_end].trim_end_matches(['.', '-']);
        let joined = before.is_some_and(|c| {
            matches!(
                c,
                '@' | '\u{ff20}' | '$' | '#' | '\u{ff03}' | '_' | '.' | '-'
            ) || c.is_alphanumeric()
        });
        let mail = text[host_end..].starts_with('@') || text[run_end..].starts_with('_');
        let is_url = match scheme {
            Some(_) => host.contains('.'),
            None => !joined && !mail && ends_in_known_domain(host),
        };
        if is_url {
            let end = address_end(text, host_start + host.len());
            found.push((start, end));
            at = end;
        } else {
            at = run_end.max(start + 1);
            // A name after @ is skipped whole, so that its parts are not taken for domains.
            while !text.is_char_boundary(at) {
                at += 1;
            }
        }
    }
    found
}

/// Where port, path, query and fragment after a host end, without closing punctuation.
fn address_end(text: &str, host_end: usize) -> usize {
    let rest = &text[host_end..];
    let port = match rest.strip_prefix(':') {
        Some(after) => match after.bytes().take_while(u8::is_ascii_digit).count() {
            0 => 0,
            digits => digits + 1,
        },
        None => 0,
    };
    let tail = &rest[port..];
    if !tail.starts_with(['/', '?', '#']) {
        return host_end + port;
    }
    let end = tail
        .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\u{201c}' | '\u{201d}'))
        .unwrap_or(tail.len());
    let path = &tail[..end];
    let trimmed = path.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', ')', ']', '}', '…']);
    let kept = if trimmed.matches('(').count() > trimmed.matches(')').count()
        && path[trimmed.len()..].starts_with(')')
    {
        trimmed.len() + 1
    } else {
        trimmed.len()
    };
    host_end + port + kept
}

fn ends_in_known_domain(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let [.., name, ending] = labels.as_slice() else {
        return false;
    };
    !name.is_empty()
        && labels
            .iter()
            .all(|label| !label.is_empty() && !label.starts_with('-'))
        && {
            let ending = ending.to_ascii_lowercase();
            let known = |list: &str| list.split_ascii_whitespace().any(|one| one == ending);
            known(COUNTRY_ENDINGS) || known(GENERIC_ENDINGS)
        }
}

/// Endings of countries and territories in the DNS root.
const COUNTRY_ENDINGS: &str = "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf \
    bg bh bi bj bm bn bo br bs bt bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy \
    cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn \
    gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh \
    ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp \
    mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm \
    pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx \
    sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu \
    wf ws ye yt za zm zw";

/// The generic endings in common use.
const GENERIC_ENDINGS: &str = "com org net edu gov mil int info biz name pro mobi museum coop aero \
    travel jobs cat tel asia post xxx app dev page web site online store shop blog cloud tech \
    help support community forum wiki news media live life world today space website host email \
    agency company solutions services systems network digital design studio group team zone \
    center global social chat games game video audio music art photo pics fun club vip top xyz \
    icu win bid loan work works academy school university institute foundation health care \
    clinic dental doctor bank finance money cash credit insurance tax legal law consulting \
    marketing events tickets flights holiday hotel restaurant bar pub cafe coffee pizza beer \
    wine kitchen garden house homes land estate rent repair parts tools auto cars bike energy \
    solar green eco earth city town london berlin paris nyc tokyo google amazon apple microsoft \
    link click download software computer security hosting domains codes engineering science \
    fashion shoes jewelry gifts toys baby kids family love dating fit run golf football hockey \
    ninja guru expert guide tips reviews report press directory exchange market sale deals \
    discount promo buzz rocks lol wtf zip mov foo ing meme new day how soy dad phd prof esq nexus";

/// What a post says, whatever X put around it: without the names before it, and with each address
/// alike, because X shortens them.
pub fn essence(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    let text: String = text.nfc().collect();
    let text = without_leading_mentions(&text, |_| true);
    let mut out = String::new();
    let mut at = 0;
    for (start, end) in find_urls(text) {
        out.push_str(&text[at..start]);
        out.push_str(" <link> ");
        at = end;
    }
    out.push_str(&text[at..]);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_text_weighs_its_characters() {
        assert_eq!(weigh(""), 0);
        assert_eq!(weigh("Sorry about that"), 16);
        assert_eq!(weigh("Größe: schön"), 12);
        assert_eq!(weigh("e\u{301}"), 1, "composed before counting");
        assert_eq!(weigh("\u{2018}quoted\u{2019} \u{2013} yes"), 14);
    }

    #[test]
    fn heavy_characters_weigh_two() {
        assert_eq!(weigh("日本語"), 6);
        assert_eq!(weigh("…"), 2);
        assert_eq!(weigh("\u{10ff}"), 1, "last of the first light range");
        assert_eq!(weigh("\u{1100}"), 2, "first after it");
    }

    #[test]
    fn an_emoji_weighs_two_whatever_it_is_made_of() {
        for emoji in ["😀", "👍🏽", "👨‍👩‍👧‍👦", "🇩🇪", "1️⃣", "❤️", "©️", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"]
        {
            assert_eq!(weigh(emoji), 2, "{emoji}");
        }
        assert_eq!(weigh("👍👍"), 4);
    }

    #[test]
    fn addresses_weigh_23_however_long() {
        assert_eq!(
            weigh("https://forum.example.org/t/12/a-very-long-slug-that-goes-on"),
            23
        );
        assert_eq!(weigh("http://a.de"), 23);
        assert_eq!(weigh("example.com"), 23);
        assert_eq!(weigh("See example.com."), 4 + 23 + 1);
        assert_eq!(weigh("(https://example.com/a_(b))"), 25);
        assert_eq!(weigh("a https://x.co b https://y.co"), 2 + 23 + 3 + 23);
    }

    #[test]
    fn what_is_no_address_is_counted_as_text() {
        for text in [
            "e.g. this",
            "version 1.2.3",
            "node.js",
            "me@example.com",
            "end.Start",
            "#a.de",
        ] {
            assert!(!has_url(text), "{text}");
            assert_eq!(weigh(text), text.chars().count(), "{text}");
        }
        assert!(has_url("ask at help.example.org, please"));
        assert!(has_url("HTTPS://EXAMPLE.COM"));
    }

    #[test]
    fn leading_names_of_a_reply_weigh_nothing() {
        assert_eq!(weigh_reply("@ada Sorry", &["Ada"]), 5);
        assert_eq!(weigh_reply("@ada @bob Sorry", &["ada"]), "@bob Sorry".len());
        assert_eq!(weigh_reply("Sorry @ada", &["ada"]), 10);
        assert_eq!(weigh_reply("@adam Sorry", &["ada"]), 11);
    }

    proptest! {
        #[test]
        fn any_text_can_be_weighed(text in ".{0,200}") {
            let weight = weigh(&text);
            let urls = find_urls(&text);
            prop_assert!(weight <= text.nfc().count() * 2 + URL_WEIGHT * (urls.len() + text.len()));
            for pair in urls.windows(2) {
                prop_assert!(pair[0].1 <= pair[1].0);
            }
        }

        #[test]
        fn ascii_words_weigh_their_length(text in "[a-zA-Z ,!?]{0,300}") {
            prop_assert_eq!(weigh(&text), text.len());
        }

        #[test]
        fn joining_with_a_space_adds_up(a in "[a-z 日😀]{0,40}", b in "[a-z 日😀]{0,40}") {
            prop_assert_eq!(weigh(&format!("{a} {b}")), weigh(&a) + 1 + weigh(&b));
        }
    }
}
