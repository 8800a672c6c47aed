//! Little words by which the style of a post is told.

use super::List;

/// Somebody speaks of themselves.
pub static I: List = List::new(&[
    "i", "im", "ive", "id", "me", "ich", "mir", "mich", "yo", "je", "j",
]);

/// Of what is theirs.
pub static MY: List = List::new(&[
    "my", "mine", "mein", "meine", "meinen", "meinem", "meiner", "mi", "mis", "mon", "ma", "mes",
]);

/// To us.
pub static YOU: List = List::new(&[
    "you", "your", "youre", "u", "ur", "yall", "yourself", "ihr", "euch", "euer", "eure", "eurem",
    "euren", "sie", "ihre", "vosotros", "vuestro", "vuestra", "ustedes", "su", "vous", "votre",
    "vos", "tu", "ton",
]);

/// Of themselves and others.
pub static WE: List = List::new(&[
    "we", "our", "us", "were", "wir", "uns", "unser", "unsere", "nosotros", "nuestro", "nous",
    "notre", "nos",
]);

/// Somebody asks politely.
pub static PLEASE: List = List::new(&[
    "please", "pls", "plz", "bitte", "favor", "porfa", "svp", "stp",
]);

/// Somebody thanks, in earnest or to end a request.
pub static THANKED: List = List::new(&[
    "thanks", "thank", "thx", "ty", "cheers", "danke", "vielen", "gracias", "merci",
]);

/// What could be, and be done.
pub static CAN: List = List::new(&[
    "can", "could", "would", "will", "may", "might", "should", "kann", "könnt", "könnte", "puede",
    "pueden", "podéis", "puedo", "peut", "pouvez", "puis",
]);

/// What is.
pub static IS: List = List::new(&[
    "is", "are", "do", "does", "ist", "sind", "es", "está", "est", "sont",
]);

/// What was.
pub static WAS: List = List::new(&[
    "was", "were", "had", "did", "didnt", "wasnt", "war", "hatte", "wurde", "fue", "era", "estaba",
    "était", "avait",
]);

/// What has been.
pub static HAS: List = List::new(&[
    "been", "has", "have", "habe", "hat", "haben", "he", "ha", "han", "ai", "a", "ont",
]);

/// Questions, by their first word.
pub static WHY: List = List::new(&[
    "why", "warum", "wieso", "weshalb", "porque", "qué", "pourquoi",
]);
/// How something is done, or can be.
pub static HOW: List = List::new(&["how", "wie", "cómo", "como", "comment"]);
/// When something will be.
pub static WHEN: List = List::new(&["when", "wann", "wenn", "cuándo", "cuando", "quand"]);
/// What something is.
pub static WHAT: List = List::new(&["what", "whats", "was", "que", "quoi", "quel", "quelle"]);
/// Where something is.
pub static WHERE: List = List::new(&["where", "wheres", "wo", "dónde", "donde", "où", "ou"]);
/// Which, and who.
pub static WHICH: List = List::new(&[
    "which", "who", "whos", "wer", "welche", "cuál", "quién", "qui",
]);

/// What comes does not suit what came.
pub static BUT: List = List::new(&[
    "but", "though", "although", "however", "yet", "except", "aber", "doch", "obwohl", "pero",
    "aunque", "mais", "pourtant",
]);

/// It goes on, or comes back.
pub static STILL: List = List::new(&[
    "still", "yet", "again", "already", "anymore", "immer", "noch", "wieder", "schon", "aún",
    "todavía", "otra", "sigue", "toujours", "encore",
]);

/// No more than this.
pub static ONLY: List = List::new(&[
    "just",
    "only",
    "nur",
    "bloß",
    "solo",
    "sólo",
    "juste",
    "seulement",
]);

/// Reasons.
pub static BECAUSE: List = List::new(&[
    "because", "cause", "since", "so", "weil", "seit", "desde", "depuis",
]);

/// Every time, and never.
pub static ALWAYS: List = List::new(&[
    "all",
    "every",
    "everything",
    "always",
    "never",
    "ever",
    "constantly",
    "immer",
    "nie",
    "alles",
    "siempre",
    "nunca",
    "toujours",
    "jamais",
]);

/// Somebody took trouble.
pub static TRY: List = List::new(&[
    "trying",
    "tried",
    "try",
    "attempt",
    "attempts",
    "versuche",
    "versucht",
    "intento",
    "intentando",
    "intentado",
    "essaie",
    "essayé",
]);

/// Something is got, or not.
pub static GET: List = List::new(&[
    "get", "got", "getting", "gets", "bekomme", "kriege", "recibo", "reçois",
]);

/// Conditions.
pub static ANY: List = List::new(&[
    "if", "any", "anyone", "anything", "jemand", "falls", "alguien", "si",
]);

/// Greetings.
pub static HELLO: List = List::new(&[
    "hi", "hello", "hey", "dear", "hallo", "moin", "hola", "bonjour", "salut",
]);

/// Ways to reach somebody.
pub static CONTACT: List = List::new(&[
    "dm", "dms", "email", "emails", "mail", "call", "called", "calls", "phone", "message", "sent",
    "reply", "response", "contact", "answer", "antwort", "anruf", "llamada", "correo", "réponse",
]);

/// Those who serve customers.
pub static SERVICE: List = List::new(&[
    "service",
    "customer",
    "customers",
    "support",
    "staff",
    "kundenservice",
    "kundendienst",
    "servicio",
    "cliente",
    "client",
    "clients",
]);

/// What runs on a screen.
pub static SOFTWARE: List = List::new(&[
    "update", "app", "website", "site", "online", "page", "account", "login", "password", "version",
]);

/// One of several times.
pub static ORDINAL: List = List::new(&[
    "one", "two", "three", "first", "second", "third", "twice", "times", "erste", "zweite",
    "dritte", "primera", "segunda", "tercera", "fois", "vez",
]);

/// Somebody needs something.
pub static NEED: List = List::new(&[
    "help", "need", "want", "hilfe", "brauche", "ayuda", "necesito", "aide", "besoin",
]);

/// What was to be expected.
pub static EXPECT: List = List::new(&[
    "promised",
    "promise",
    "supposed",
    "should",
    "shouldnt",
    "expected",
    "expect",
    "expecting",
    "paid",
    "pay",
    "paying",
    "meant",
    "guaranteed",
    "versprochen",
    "bezahlt",
    "prometieron",
    "pagado",
    "pagar",
    "promis",
    "payé",
]);

/// What is asked to be done.
pub static DEMAND: List = List::new(&[
    "fix",
    "sort",
    "refund",
    "explain",
    "stop",
    "bring",
    "resolve",
    "sorted",
    "fixed",
    "beheben",
    "erstattung",
    "arreglen",
    "arreglar",
    "reembolso",
    "réparer",
    "remboursement",
]);

/// Others who took part.
pub static PEOPLE: List = List::new(&[
    "nobody",
    "someone",
    "somebody",
    "agent",
    "driver",
    "manager",
    "they",
    "them",
    "their",
    "lady",
    "guy",
    "employee",
    "employees",
    "engineer",
    "team",
    "niemand",
    "keiner",
    "nadie",
    "personne",
]);

/// How much, or how little.
pub static AMOUNT: List = List::new(&[
    "half", "none", "several", "more", "less", "another", "enough", "too", "full", "empty", "halb",
    "leer", "mehr", "medio", "vacío", "moitié", "vide",
]);

/// Things on their way.
pub static COME: List = List::new(&[
    "arrive",
    "arrived",
    "arriving",
    "deliver",
    "delivered",
    "delivery",
    "received",
    "receive",
    "come",
    "came",
    "sent",
    "show",
    "ordered",
    "order",
    "angekommen",
    "bestellt",
    "geliefert",
    "llegado",
    "pedido",
    "reçu",
    "commande",
]);

/// What can be had.
pub static AVAILABLE: List = List::new(&[
    "available",
    "release",
    "launch",
    "open",
    "offer",
    "sell",
    "ship",
    "plan",
    "planning",
    "plans",
    "stock",
    "buy",
    "purchase",
    "store",
    "stores",
    "verfügbar",
    "kaufen",
    "disponible",
    "comprar",
    "acheter",
]);

/// Said with force.
pub static FORCE: List = List::new(&[
    "so",
    "really",
    "very",
    "absolutely",
    "completely",
    "extremely",
    "totally",
    "seriously",
    "even",
    "literally",
    "wirklich",
    "echt",
    "sehr",
    "total",
    "muy",
    "totalmente",
    "vraiment",
    "très",
]);

/// Sighs and cries.
pub static CRY: List = List::new(&[
    "wow", "ugh", "omg", "smh", "oh", "argh", "yay", "huh", "come", "na", "toll", "vaya", "bravo",
    "lol", "haha",
]);

/// Somebody thinks of buying, or wonders.
pub static WONDER: List = List::new(&[
    "looking",
    "interested",
    "wondering",
    "considering",
    "thinking",
    "possible",
    "wanted",
    "like",
    "love",
    "überlege",
    "gerne",
    "busco",
    "interesado",
    "cherche",
    "voudrais",
]);

/// What was said.
pub static TOLD: List = List::new(&[
    "told", "said", "say", "says", "saying", "tell", "asked", "ask", "claims", "gesagt", "dicen",
    "dicho", "dit", "disent",
]);

/// Somebody or something acted.
pub static TURNED: List = List::new(&[
    "changed",
    "removed",
    "cancelled",
    "canceled",
    "switched",
    "moved",
    "sold",
    "took",
    "take",
    "gave",
    "given",
    "left",
    "went",
    "made",
    "closed",
    "deleted",
    "lost",
]);
