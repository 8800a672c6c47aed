//! What nobody needs to answer.

use super::List;

/// Advertising, giveaways, job advertisements, and what machines post.
pub static NOISE: List = List::new(&[
    "giveaway",
    "give away",
    "win a",
    "enter to win",
    "follow and retweet",
    "follow us",
    "check out my",
    "check out our",
    "check out this",
    "promo code",
    "discount code",
    "use code",
    "use my code",
    "sponsored",
    "link in bio",
    "dm me for",
    "we are hiring",
    "were hiring",
    "now hiring",
    "job opening",
    "join our team",
    "apply now",
    "vacancy",
    "crypto",
    "airdrop",
    "nft",
    "forex",
    "bitcoin",
    "onlyfans",
    "earn money",
    "make money",
    "work from home",
    "followers fast",
    "horoscope",
    "press release",
    "stock price",
    "shares of",
    "breaking news",
    "i posted a new photo",
    "i just checked in",
    "now playing",
    "nowplaying",
    "posted a photo",
    "liked a youtube video",
    "via",
    "new blog post",
    "webinar",
    "gewinnspiel",
    "rabattcode",
    "stellenangebot",
    "wir suchen",
    "jetzt bewerben",
    "sorteo",
    "código de descuento",
    "oferta de empleo",
    "concours",
    "code promo",
    "on recrute",
    "nous recrutons",
]);

/// Begging for followers: noise, whatever else is asked.
pub static REACH: List = List::new(&[
    "follow back",
    "followback",
    "follow 4 follow",
    "follow for follow",
    "f4f",
    "sígueme y te sigo",
    "follow me back",
]);

/// Whom [`REACH_VERBS`] offer or beg for.
pub static FOLLOWERS: List = List::new(&["followers", "follower", "seguidores", "abonnés"]);

/// Says before [`FOLLOWERS`] that there are some to be had.
pub static REACH_VERBS: List = List::new(&[
    "get", "gain", "buy", "win", "want", "free", "real", "more", "kaufen", "gratis", "compra",
    "gana", "acheter", "gagner", "gagnez",
]);
