//! What customers of a shop with an app write on ordinary days, and on a bad one: made up from parts,
//! by a seed, with the rhythm of days and weeks.

use offramp::clock::{DAY, HOUR, Moment};

/// SplitMix64 (Steele, Lea and Flood, 2014): numbers that are the same on every machine.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[(self.next() % of.len() as u64) as usize]
    }
}

/// Something that was written.
#[derive(Clone, Debug)]
pub struct Said {
    pub at: Moment,
    /// Nobody writes twice, but for what a test adds.
    pub author: u64,
    pub text: String,
}

const OPENINGS: &[&str] = &[
    "",
    "",
    "",
    "hi,",
    "hello,",
    "seriously,",
    "so",
    "great,",
    "day three:",
    "again:",
    "ok",
    "help!",
    "anyone else?",
    "@FernwellHelp",
    "@FernwellHelp",
    "@FernwellHelp please,",
    "wow,",
    "question:",
];
const ENDINGS: &[&str] = &[
    "",
    "",
    "",
    "any idea?",
    "please fix",
    "thanks",
    "not happy",
    "what can I do?",
    "this is the second time",
    "since yesterday",
    "since the weekend",
    "for a week now",
    "can somebody help?",
    "really annoying",
    "I am waiting",
    "is that normal?",
    "never had this before",
    "my wife has it too",
    "ridiculous",
];
const THINGS: &[&str] = &[
    "the kettle",
    "my lamp",
    "the blender",
    "the vacuum",
    "my thermostat",
    "the speaker",
    "the doorbell",
    "the scale",
    "my toaster",
    "the fan",
    "the heater",
    "the camera",
    "the hub",
    "the air filter",
];
const PLACES: &[&str] = &[
    "Leeds", "Ghent", "Lyon", "Porto", "Graz", "Turin", "Malmo", "Cork", "Bonn", "Utrecht",
    "Gdansk", "Bern",
];
const NUMBERS: &[&str] = &[
    "two", "three", "four", "five", "six", "ten", "twelve", "twenty",
];

/// What is complained of on any day, the frequent first. `{thing}`, `{place}` and `{n}` are filled in.
const TROUBLES: &[&[&str]] = &[
    &[
        "my parcel has not come, the tracking stands still in {place}",
        "still no delivery after {n} days",
        "the courier says delivered but there is nothing at my door in {place}",
        "where is {thing} I ordered {n} days ago",
        "delivery was promised for Monday, nobody came",
    ],
    &[
        "I can't log in any more, it says wrong password",
        "the password mail never arrives",
        "locked out of my account after {n} tries",
        "reset link is expired each time I open it",
    ],
    &[
        "refund for {thing} is missing after {n} weeks",
        "I sent {thing} back and got no money yet",
        "you refunded the wrong amount",
        "how long does a refund take",
    ],
    &[
        "{thing} does not switch on",
        "{thing} stopped in the middle of the day",
        "{thing} is dead after {n} weeks",
        "no light, no sound, {thing} is simply gone",
    ],
    &[
        "{thing} loses the wifi every evening",
        "{thing} is offline all the time",
        "{thing} won't pair with my phone",
        "bluetooth drops after {n} minutes",
    ],
    &[
        "the app is slow on my tablet",
        "the app drains the battery of my phone",
        "the app shows the wrong room",
        "the app forgets my settings overnight",
    ],
    &[
        "{thing} is loud like a plane",
        "{thing} makes a clicking noise",
        "{thing} smells of burnt plastic",
        "strange hum from {thing} at night",
    ],
    &[
        "I was charged twice for {thing}",
        "there is a fee on my bill I never agreed to",
        "the invoice has the wrong address",
        "voucher for {n} euros is not accepted",
    ],
    &[
        "can I get a longer cable for {thing}",
        "do you ship to {place}",
        "is there a spare part for {thing}",
        "which filter fits {thing}",
        "does {thing} work with {n} rooms",
    ],
    &[
        "your hotline kept me waiting for {n} minutes",
        "nobody answers my mail in {place}",
        "support closed my ticket without a word",
        "the chat ended after {n} questions",
    ],
    &[
        "firmware of {thing} hangs at {n} percent",
        "after the new firmware {thing} blinks red",
        "update of {thing} failed {n} times",
    ],
    &[
        "the schedule of {thing} starts an hour late",
        "timer ignores daylight saving",
        "my scenes vanished from the hub",
    ],
    &[
        "the glass of {thing} came broken",
        "box was open and {thing} scratched",
        "a screw is missing for {thing}",
    ],
    &[
        "how do I delete my account",
        "please take me off the newsletter",
        "change my address to {place}",
    ],
    &[
        "voice control understands nothing I say",
        "alexa can't find {thing}",
        "the german voice is gone from {thing}",
    ],
    &[
        "the manual of {thing} is only in {n} languages",
        "where is the serial number on {thing}",
    ],
];

/// How much is written at this time, 1 at its most: little at night, less at weekends.
pub fn rhythm(at: Moment) -> f64 {
    let hour = at.0.rem_euclid(DAY) as f64 / HOUR as f64;
    let of_day = 0.25 + 0.375 * (1.0 + ((hour - 15.0) * std::f64::consts::PI / 12.0).cos());
    // 1 January 1970 was a Thursday.
    let is_weekend = matches!((at.0.div_euclid(DAY) + 3).rem_euclid(7), 5 | 6);
    of_day * if is_weekend { 0.6 } else { 1.0 }
}

/// An ordinary complaint or question.
pub fn ordinary(numbers: &mut Numbers) -> String {
    // The square of a share: the first troubles are the frequent ones.
    let rank = numbers.share().powi(2) * TROUBLES.len() as f64;
    let trouble = numbers.one(TROUBLES[rank as usize]);
    let said = trouble
        .replace("{thing}", numbers.one(THINGS))
        .replace("{place}", numbers.one(PLACES))
        .replace("{n}", numbers.one(NUMBERS));
    format!("{} {said} {}", numbers.one(OPENINGS), numbers.one(ENDINGS))
        .trim()
        .to_owned()
}

/// What is written in this time; `an_hour` messages an hour at the busiest time of a working day.
pub fn ordinary_time(numbers: &mut Numbers, from: Moment, to: Moment, an_hour: f64) -> Vec<Said> {
    let mut said = Vec::new();
    let mut at = from;
    loop {
        let wait = -(1.0 - numbers.share()).ln() / an_hour * HOUR as f64;
        at = at.plus(wait as i64);
        if at >= to {
            return said;
        }
        if numbers.share() < rhythm(at) {
            let text = ordinary(numbers);
            let author = numbers.next() >> 8;
            said.push(Said { at, author, text });
        }
    }
}

/// Forty people in whose app no payment goes through, each in their own words.
pub const NO_PAYMENT: &[&str] = &[
    "@FernwellHelp checkout is broken, my card is declined every time",
    "payment fails at the checkout, tried two cards",
    "can't pay in your shop, it says card declined",
    "@FernwellHelp your payment page rejects my visa since this morning",
    "every card declined. the checkout is down?",
    "trying to order but the payment does not go through",
    "payment error again and again at checkout @FernwellHelp",
    "is your checkout down? payment failed five times",
    "my bank says all is fine but you decline my card",
    "card declined at checkout although there is money on it",
    "cannot complete my order: payment failed",
    "checkout loops back to the cart after paying by card",
    "@FernwellHelp hello? nobody can pay, cards get declined",
    "the payment step just spins, then an error",
    "declined declined declined. fix your checkout",
    "tried paypal and card, both payments fail",
    "your shop won't take my money, payment rejected",
    "what's wrong with payments today? card refused",
    "payment not possible, the checkout shows an error",
    "my mastercard is declined in the app, works everywhere else",
    "wanted to buy a lamp but the checkout rejects every card",
    "@FernwellHelp payments are broken for me too",
    "ordering is impossible, payment failed with error 402",
    "card payment declined twice, was I charged?",
    "your checkout says payment could not be processed",
    "three cards, three times declined at your checkout",
    "payment fails in the app and on the website",
    "I get 'card declined' on checkout, my bank knows nothing of it",
    "please check your payment system, it declines everything",
    "checkout error when paying, anybody else?",
    "can't check out, payment keeps failing @FernwellHelp",
    "paying by card fails since noon",
    "payment declined?? I have used this card for years",
    "order stuck at payment, card gets refused",
    "shop broken: payment failed, cart full, no order",
    "the card form at checkout gives an error after I press pay",
    "is it me or is your payment down, card declined",
    "all payments are declined today it seems",
    "checkout: 'payment failed, try another card', tried four",
    "@FernwellHelp fix the payment please, cards are refused at checkout",
];
