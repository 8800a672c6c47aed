//! The texts of public replies, in the languages that we detect. `{address}`, `{title}`, `{site}`,
//! `{case}` and `{code}` are filled in.
//!
//! Several of each, and as many in every language, so that people who stand side by side are not
//! told the same words, which X forbids.

/// The texts of one language.
pub struct Phrases {
    /// A first answer with the address of a thread.
    pub thread: &'static [&'static str],
    /// The same where no address may be given.
    pub thread_search: &'static [&'static str],
    /// A first answer with the address of a thread that is solved; what says of one later that it is
    /// solved (`solved`) does so too.
    pub answered: &'static [&'static str],
    /// The same where no address may be given: each names the thread, of which they know nothing yet.
    pub answered_search: &'static [&'static str],
    /// The way to a private claim.
    pub claim: &'static [&'static str],
    /// The same where no address may be given.
    pub claim_code: &'static [&'static str],
    /// Nothing is known yet.
    pub soon: &'static [&'static str],
    /// The thread is solved, with its address.
    pub solved: &'static [&'static str],
    /// The same where no address may be given.
    pub solved_search: &'static [&'static str],
}

/// Shortest part of a text (bytes) by which its words are told from others.
const TELLING_BYTES_MIN: usize = 20;

/// Whether a reply says of a thread that it is solved, in words of ours.
pub fn says_solved(body: &str) -> bool {
    let lists = |p: &Phrases| [p.answered, p.answered_search, p.solved];
    [&EN, &DE, &ES, &FR]
        .into_iter()
        .flat_map(lists)
        .flatten()
        .flat_map(|phrase| phrase.split(['{', '}']))
        .any(|part| part.len() >= TELLING_BYTES_MIN && body.contains(part))
}

/// The texts in a language; in English where we have none in it.
pub fn phrases_in(language: Option<&str>) -> &'static Phrases {
    match language {
        Some("de") => &DE,
        Some("es") => &ES,
        Some("fr") => &FR,
        _ => &EN,
    }
}

const EN: Phrases = Phrases {
    thread: &[
        "We hear you, and sorry about that. This is where it is being worked on: {address}",
        "Sorry you ran into this. It is followed here, with what helps so far: {address}",
        "Thanks for telling us. Others have this too, and the answer is being kept here: {address}",
        "That is not how it should be. Here is where we solve it, in the open: {address}",
        "You are not alone with this. What is known so far, and what helps, stands here: {address}",
        "Sorry for the trouble. Please follow this with us; it is kept up to date: {address}",
        "Noted, and thank you. The people who look after it write here: {address}",
        "We see it too. Here is the whole story, and where to add what you see: {address}",
    ],
    thread_search: &[
        "We hear you, and sorry about that. Search “{title}” on {site}: it is being worked on there.",
        "Sorry you ran into this. It is followed on {site}: search “{title}”.",
        "Thanks for telling us. Others have this too: search “{title}” on {site} for what helps.",
    ],
    answered: &[
        "Sorry you ran into this. What solved it for others is here: {address} If it does not for you, just answer.",
        "Thanks for telling us. This page says what to do: {address} Does that put it right? If not, we are still here.",
        "That is not how it should be. How to put it right stands here: {address} No luck? Answer, and we look again.",
        "You are not alone with this, and there is a way out of it: {address} Tell us if it leads nowhere for you.",
    ],
    answered_search: &[
        "Sorry you ran into this. What solved it for others stands on {site}: search “{title}”. If it does not for you, just answer.",
        "Thanks for telling us. This is solved: “{title}” on {site} says what to do. If it still fails for you, just answer.",
        "That is not how it should be. Search “{title}” on {site} for how to put it right. No luck? Answer, and we look again.",
    ],
    claim: &[
        "Sorry about that. For this we need your details, and not in public. Please go on here, privately: {address}",
        "We hear you. Please don't post personal details here. This private page gets it to the right person: {address}",
        "That needs a look at your account. Please tell us more here, out of the public eye: {address}",
    ],
    claim_code: &[
        "Sorry about that. For this we need your details, and not in public. Open the claim page on {site} and enter {code}.",
        "We hear you. Please don't post personal details here: the claim page on {site} takes code {code}.",
        "That needs a look at your account. On {site}, open the claim page and enter {code}.",
    ],
    soon: &[
        "We hear you, and somebody is looking into it now. We answer here as soon as we know more. Your case is {case}.",
        "Thanks for telling us. A person is on it and will answer you here. Your case is {case}.",
        "Sorry you ran into this. We have noted it as case {case} and will come back to you here.",
    ],
    solved: &[
        "Good news: this is solved. What helped stands here: {address} Does it work for you? If not, just answer.",
        "This one is fixed. The answer is here: {address} Still broken for you? Tell us and we take it up again.",
        "It is solved now, see {address} Tell us if it still isn't right for you.",
        "We have an answer for you: {address} If it does not help, write to us here and we go on.",
    ],
    solved_search: &[
        "Good news: this is solved. Search “{title}” on {site} for what helped. If it still fails for you, just answer.",
        "This one is fixed: “{title}” on {site} says how. Still broken for you? Tell us and we take it up again.",
        "This is solved. Still broken for you? Just answer, and we take it up again.",
    ],
};

const DE: Phrases = Phrases {
    thread: &[
        "Danke für den Hinweis, das tut uns leid. Hier wird daran gearbeitet: {address}",
        "So soll es nicht sein. Hier steht, was hilft und wie es weitergeht: {address}",
        "Das hätte nicht passieren dürfen. Wir verfolgen es hier, mit allem, was bisher hilft: {address}",
        "Damit sind Sie nicht allein. Was bekannt ist und was hilft, sammeln wir hier: {address}",
        "Notiert, vielen Dank. Wer sich darum kümmert, schreibt hier: {address}",
        "Wir sehen es auch. Hier steht die ganze Geschichte, und hier passt Ihre Beobachtung hin: {address}",
        "Entschuldigung für den Ärger. Hier lösen wir es, für alle sichtbar: {address}",
        "Andere trifft das auch. Die Antwort wird hier auf dem neuesten Stand gehalten: {address}",
    ],
    thread_search: &[
        "Danke für den Hinweis, das tut uns leid. Auf {site} nach „{title}“ suchen: dort wird daran gearbeitet.",
        "So soll es nicht sein. Auf {site} steht unter „{title}“, was hilft.",
        "Andere trifft das auch. Wer auf {site} nach „{title}“ sucht, findet, was bisher hilft.",
    ],
    answered: &[
        "Das tut uns leid. Anderen hat geholfen, was hier steht: {address} Hilft es Ihnen nicht? Einfach antworten.",
        "Danke für den Hinweis. Diese Seite sagt, was zu tun ist: {address} Klappt es damit? Wenn nicht, sind wir hier.",
        "So soll es nicht sein. Wie es wieder geht, steht hier: {address} Kein Erfolg? Kurz antworten, wir sehen wieder nach.",
        "Damit sind Sie nicht allein, und es gibt einen Ausweg: {address} Führt er bei Ihnen nicht weiter? Sagen Sie es uns.",
    ],
    answered_search: &[
        "Das tut uns leid. Anderen hat geholfen, was auf {site} unter „{title}“ steht. Hilft es Ihnen nicht? Einfach antworten.",
        "Danke für den Hinweis. Das ist gelöst: „{title}“ auf {site} sagt, wie. Geht es noch immer nicht? Einfach antworten.",
        "So soll es nicht sein. Wie es wieder geht, steht auf {site} unter „{title}“. Kein Erfolg? Kurz antworten, wir sehen wieder nach.",
    ],
    claim: &[
        "Das tut uns leid. Dafür brauchen wir Angaben, die nicht öffentlich sein sollen. Hier geht es privat weiter: {address}",
        "Bitte hier keine persönlichen Daten schreiben. Auf dieser privaten Seite geht es weiter: {address}",
        "Dafür müssen wir in Ihr Konto sehen. Bitte hier mehr dazu, wo niemand mitliest: {address}",
    ],
    claim_code: &[
        "Das tut uns leid. Bitte nichts Persönliches hier schreiben: auf {site} die Seite „claim“ öffnen und {code} eingeben.",
        "Dafür brauchen wir private Angaben. Auf {site} die Seite „claim“ öffnen, Code {code}.",
        "Dafür müssen wir in Ihr Konto sehen. Die Seite „claim“ auf {site} nimmt den Code {code}.",
    ],
    soon: &[
        "Danke für den Hinweis. Jemand sieht es sich gerade an und antwortet hier. Der Fall ist {case}.",
        "Das tut uns leid. Es ist als Fall {case} notiert, wir melden uns hier.",
        "Wir haben es gehört und kümmern uns. Die Antwort kommt hier, der Fall ist {case}.",
    ],
    solved: &[
        "Gute Nachricht: Das ist gelöst. Hier steht, was geholfen hat: {address} Klappt es bei Ihnen? Wenn nicht, einfach antworten.",
        "Das ist behoben, hier die Lösung: {address} Geht es noch immer nicht? Dann sagen Sie es uns, und wir machen weiter.",
        "Jetzt ist es gelöst, siehe {address} Stimmt bei Ihnen noch etwas nicht? Wir lesen hier mit.",
        "Das ist gelöst, und so geht es: {address} Wenn es nicht hilft, einfach hier schreiben, und wir machen weiter.",
    ],
    solved_search: &[
        "Gute Nachricht: Das ist gelöst. Auf {site} nach „{title}“ suchen. Geht es noch immer nicht? Einfach antworten.",
        "Das ist behoben: „{title}“ auf {site} sagt, wie. Geht es noch immer nicht? Dann machen wir weiter.",
        "Das ist gelöst. Geht es noch immer nicht? Einfach antworten, dann machen wir weiter.",
    ],
};

const ES: Phrases = Phrases {
    thread: &[
        "Gracias por avisar y perdona las molestias. Aquí se está resolviendo: {address}",
        "No debería pasar. Aquí está lo que ayuda y cómo sigue: {address}",
        "Sentimos lo ocurrido. Lo seguimos aquí, con lo que ayuda hasta ahora: {address}",
        "No eres la única persona a la que le pasa. Lo que se sabe y lo que ayuda está aquí: {address}",
        "Tomamos nota, gracias. Quienes se ocupan de ello escriben aquí: {address}",
        "También lo vemos. Aquí está toda la historia, y aquí puedes añadir lo que ves: {address}",
        "Perdona el problema. Lo resolvemos aquí, a la vista de todos: {address}",
        "A otras personas les pasa lo mismo. La respuesta se mantiene al día aquí: {address}",
    ],
    thread_search: &[
        "Gracias por avisar y perdona las molestias. Busca «{title}» en {site}: ahí se está resolviendo.",
        "No debería pasar. En {site}, busca «{title}» para ver lo que ayuda.",
        "A otras personas les pasa lo mismo: «{title}» en {site} reúne lo que ayuda hasta ahora.",
    ],
    answered: &[
        "Sentimos lo ocurrido. Lo que ayudó a otras personas está aquí: {address} Si a ti no te ayuda, respóndenos.",
        "Gracias por avisar. Esta página dice qué hacer: {address} ¿Con eso funciona? Si no, seguimos aquí.",
        "No debería pasar. Cómo se arregla está aquí: {address} ¿Sin suerte? Respóndenos y lo miramos otra vez.",
        "No eres la única persona a la que le pasa, y tiene solución: {address} Si a ti no te sirve, dínoslo.",
    ],
    answered_search: &[
        "Sentimos lo ocurrido. Lo que ayudó a otras personas está en {site}: busca «{title}». Si a ti no te ayuda, respóndenos.",
        "Gracias por avisar. Está resuelto: «{title}» en {site} dice cómo. Si te sigue fallando, respóndenos.",
        "No debería pasar. Cómo se arregla está en {site}: busca «{title}». ¿Sin suerte? Respóndenos y lo miramos otra vez.",
    ],
    claim: &[
        "Lo sentimos. Para esto hacen falta datos que no deben ser públicos. Sigue aquí, en privado: {address}",
        "Por favor, no publiques datos personales. En esta página privada te atendemos: {address}",
        "Para esto hay que mirar tu cuenta. Cuéntanos más aquí, donde nadie más lo lee: {address}",
    ],
    claim_code: &[
        "Lo sentimos. Para esto hacen falta datos privados: abre la página «claim» de {site} y escribe {code}.",
        "Por favor, no publiques datos personales. En {site}, página «claim», código {code}.",
        "Para esto hay que mirar tu cuenta. La página «claim» de {site} acepta el código {code}.",
    ],
    soon: &[
        "Gracias por avisar. Una persona lo está mirando y te responde aquí. Tu caso es {case}.",
        "Lo sentimos. Queda anotado como caso {case} y te respondemos aquí.",
        "Te hemos leído y nos ocupamos. La respuesta llega aquí; tu caso es {case}.",
    ],
    solved: &[
        "Buenas noticias: está resuelto. Aquí está lo que ayudó: {address} ¿Te funciona? Si no, respóndenos.",
        "Ya está arreglado, la solución está aquí: {address} ¿Sigue fallando? Dínoslo y lo retomamos.",
        "Ya está resuelto, mira {address} Si a ti aún no te va bien, dínoslo.",
        "Tenemos la respuesta: {address} Si no te ayuda, escríbenos aquí y seguimos.",
    ],
    solved_search: &[
        "Buenas noticias: está resuelto. Busca «{title}» en {site}. Si sigue fallando, respóndenos.",
        "Ya está arreglado: «{title}» en {site} dice cómo. ¿Sigue fallando? Dínoslo y lo retomamos.",
        "Está resuelto. ¿Sigue fallando? Respóndenos y lo retomamos.",
    ],
};

const FR: Phrases = Phrases {
    thread: &[
        "Merci de nous l'avoir dit, et désolés. C'est ici que nous y travaillons : {address}",
        "Ce n'est pas normal. Voici ce qui aide et où cela se règle : {address}",
        "Désolés pour ce souci. Nous le suivons ici, avec ce qui aide pour l'instant : {address}",
        "Vous n'êtes pas seul dans ce cas. Ce que l'on sait et ce qui aide se trouve ici : {address}",
        "C'est noté, merci. Celles et ceux qui s'en occupent écrivent ici : {address}",
        "Nous le voyons aussi. Toute l'histoire est ici, et vous pouvez y ajouter ce que vous voyez : {address}",
        "Pardon pour la gêne. Nous le réglons ici, au vu de tous : {address}",
        "D'autres ont le même souci. La réponse est tenue à jour ici : {address}",
    ],
    thread_search: &[
        "Merci de nous l'avoir dit, et désolés. Cherchez « {title} » sur {site} : nous y travaillons là.",
        "Ce n'est pas normal. Sur {site}, cherchez « {title} » pour voir ce qui aide.",
        "D'autres ont le même souci : « {title} » sur {site} réunit ce qui aide pour l'instant.",
    ],
    answered: &[
        "Désolés pour ce souci. Ce qui a aidé d'autres personnes est ici : {address} Si cela ne vous aide pas, répondez-nous.",
        "Merci de nous l'avoir dit. Cette page dit quoi faire : {address} Cela marche ainsi ? Sinon, nous sommes là.",
        "Ce n'est pas normal. Comment y remédier se lit ici : {address} Sans succès ? Répondez-nous, nous regardons encore.",
        "Vous n'êtes pas seul dans ce cas, et il y a une solution : {address} Si elle ne mène à rien chez vous, dites-le-nous.",
    ],
    answered_search: &[
        "Désolés pour ce souci. Ce qui a aidé d'autres personnes est sur {site} : cherchez « {title} ». Sinon, répondez-nous.",
        "Merci de nous l'avoir dit. C'est résolu : « {title} » sur {site} dit comment. Toujours en panne ? Répondez-nous.",
        "Ce n'est pas normal. Comment y remédier se lit sur {site} : cherchez « {title} ». Sans succès ? Répondez-nous.",
    ],
    claim: &[
        "Désolés. Il nous faut des informations qui ne doivent pas être publiques. La suite se passe ici, en privé : {address}",
        "Merci de ne rien publier de personnel. Cette page privée vous mène à la bonne personne : {address}",
        "Il faut pour cela regarder votre compte. Dites-nous-en plus ici, à l'abri des regards : {address}",
    ],
    claim_code: &[
        "Désolés. Il nous faut des informations privées : ouvrez la page « claim » de {site} et entrez {code}.",
        "Merci de ne rien publier de personnel. Sur {site}, page « claim », code {code}.",
        "Il faut pour cela regarder votre compte. La page « claim » de {site} accepte le code {code}.",
    ],
    soon: &[
        "Merci de nous l'avoir dit. Quelqu'un regarde et vous répond ici. Votre dossier est {case}.",
        "Désolés. C'est noté comme dossier {case}, nous revenons vers vous ici.",
        "Nous vous avons lu et nous nous en occupons. La réponse viendra ici ; votre dossier est {case}.",
    ],
    solved: &[
        "Bonne nouvelle : c'est résolu. Voici ce qui a aidé : {address} Cela marche chez vous ? Sinon, répondez-nous.",
        "C'est réparé, la solution est ici : {address} Toujours en panne ? Dites-le-nous et nous reprenons.",
        "C'est résolu maintenant, voyez {address} Si cela ne va toujours pas chez vous, dites-le-nous.",
        "Nous avons la réponse : {address} Si elle n'aide pas, écrivez-nous ici et nous continuons.",
    ],
    solved_search: &[
        "Bonne nouvelle : c'est résolu. Cherchez « {title} » sur {site}. Si cela ne marche toujours pas, répondez-nous.",
        "C'est réparé : « {title} » sur {site} dit comment. Toujours en panne ? Dites-le-nous et nous reprenons.",
        "C'est résolu. Toujours en panne ? Répondez-nous et nous reprenons.",
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::x::weight;

    #[test]
    fn every_language_has_as_many_and_all_fit() {
        let lists = |p: &Phrases| {
            [
                p.thread,
                p.thread_search,
                p.answered,
                p.answered_search,
                p.claim,
                p.claim_code,
                p.soon,
                p.solved,
                p.solved_search,
            ]
        };
        let english = lists(phrases_in(None));
        for language in ["en", "de", "es", "fr"] {
            for (list, english) in lists(phrases_in(Some(language))).iter().zip(english) {
                assert_eq!(list.len(), english.len(), "{language}");
                for (n, phrase) in list.iter().enumerate() {
                    assert!(!list[..n].contains(phrase), "twice: {phrase}");
                    let names = |name| phrase.contains(name) == english[0].contains(name);
                    assert!(
                        names("{address}") && names("{code}") && names("{case}"),
                        "{phrase}"
                    );
                    let long = phrase
                        .replace(
                            "{address}",
                            "https://help.example.com/t/123456/a-rather-long-slug",
                        )
                        .replace("{title}", &"long title ".repeat(6))
                        .replace("{site}", "The Example Community");
                    assert!(
                        weight::weigh_reply(&long, &["somebody_named"]) <= 280,
                        "{phrase}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_first_answer_names_what_it_points_to() {
        for language in ["en", "de", "es", "fr"] {
            let phrases = phrases_in(Some(language));
            for phrase in phrases.thread_search.iter().chain(phrases.answered_search) {
                let names = ["{title}", "{site}"].map(|name| phrase.contains(name));
                assert_eq!(names, [true, true], "{phrase}");
            }
        }
    }

    #[test]
    fn only_what_says_that_it_is_solved_is_taken_for_it() {
        for language in ["en", "de", "es", "fr"] {
            let p = phrases_in(Some(language));
            let filled = |phrase: &str| {
                let with = phrase.replace("{address}", "https://help.example.com/t/1");
                with.replace("{title}", "A title").replace("{site}", "Help")
            };
            for phrase in [p.answered, p.answered_search, p.solved].concat() {
                assert!(says_solved(&filled(phrase)), "{phrase}");
            }
            for phrase in [p.thread, p.thread_search, p.claim, p.claim_code, p.soon].concat() {
                assert!(!says_solved(&filled(phrase)), "{phrase}");
            }
        }
    }
}
