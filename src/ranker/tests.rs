use proptest::prelude::*;

use super::*;
use crate::search::ThreadDoc;

fn thread(id: i64, title: &str, body: &str) -> ThreadDoc {
    ThreadDoc {
        id,
        product: "router".to_string(),
        state: "open".to_string(),
        title: title.to_string(),
        body: body.to_string(),
        language: Some("en".to_string()),
        ..ThreadDoc::default()
    }
}

fn index() -> (tempfile::TempDir, SearchIndex) {
    let dir = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(dir.path()).unwrap();
    let mut solved = thread(
        1,
        "Router drops the connection every evening",
        "Since the last firmware the connection is lost around eight.",
    );
    solved.state = "solved".to_string();
    solved.me_too = 7;
    let mut other = thread(
        4,
        "Router drops connections",
        "Evening after evening, firmware 7.",
    );
    other.product = "mesh".to_string();
    let threads = [
        solved,
        thread(2, "Printer is out of ink", "The cartridge is new."),
        thread(3, "How do I change the password?", "I forgot it."),
        other,
    ];
    index.apply(&threads, &[], 1).unwrap();
    (dir, index)
}

fn asked<'a>(text: &'a str, product: Option<&'a str>) -> Likeness<'a> {
    Likeness {
        text,
        product,
        limit: 5,
        ..Likeness::default()
    }
}

fn decided(id: i64, thread: i64, verdict: Verdict) -> PastLink {
    PastLink {
        id,
        thread,
        customer: id,
        at: 1_000 + id,
        verdict,
    }
}

#[test]
fn a_post_full_of_decoration_finds_its_thread_with_reasons() {
    let (_dir, index) = index();
    let post = "@acme sooooo my ROUTER drops its connections every evening 😡 #FirmwareFail https://t.co/x";
    let ranker = Ranker::new(None, None);
    let found = ranker.rank(&index, &asked(post, Some("router"))).unwrap();
    assert_eq!(found[0].thread_id, 1);
    assert!(found.iter().all(|s| s.thread_id != 4), "of another product");
    let reasons = found[0].reasons.join("; ");
    for word in [
        "“router”",
        "“drops”",
        "“evening”",
        "is solved",
        "7 more people",
    ] {
        assert!(reasons.contains(word), "{word} in {reasons}");
    }
    assert!(
        !reasons.contains("acme") && !reasons.contains("t.co"),
        "{reasons}"
    );
}

#[test]
fn lengthened_words_are_understood() {
    let (_dir, index) = index();
    let found = Ranker::new(None, None).rank(&index, &asked("prrrinnnter!!! innnk", None));
    assert_eq!(found.unwrap()[0].thread_id, 2);
}

#[test]
fn excluded_threads_and_empty_texts_give_nothing() {
    let (_dir, index) = index();
    let ranker = Ranker::new(None, None);
    let without = Likeness {
        exclude: &[2],
        ..asked("printer ink", None)
    };
    let found = ranker.rank(&index, &without).unwrap();
    assert!(found.iter().all(|similar| similar.thread_id != 2));
    let nothing = asked("@acme 😡 the and you https://t.co/x", None);
    assert!(ranker.rank(&index, &nothing).unwrap().is_empty());
}

#[test]
fn what_is_active_now_is_raised() {
    let dir = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(dir.path()).unwrap();
    let day = 86_400_000_000;
    let mut old = thread(1, "App crashes", "It crashes at start");
    (old.created_at, old.active_at) = (day, day);
    let mut new = thread(2, "App crashes", "It crashes at start");
    (new.created_at, new.active_at) = (400 * day, 400 * day);
    index.apply(&[old, new], &[], 1).unwrap();
    let now = Likeness {
        at: Some(401 * day),
        ..asked("app crashes", None)
    };
    let found = Ranker::new(None, None).rank(&index, &now).unwrap();
    assert_eq!(found[0].thread_id, 2);
}

#[test]
fn not_this_takes_the_thread_away_for_the_same_words_and_a_link_brings_one() {
    let (_dir, index) = index();
    let ranker = Ranker::new(None, None);
    let post = "my router drops its connection every evening since the firmware";
    let first =
        |ranker: &Ranker| ranker.rank(&index, &asked(post, Some("router"))).unwrap()[0].clone();
    let before = first(&ranker);
    assert_eq!(before.thread_id, 1);
    let words = |text: &str| Weighed::of(index.read_text(text).unwrap().weighed());
    ranker.learn(decided(1, 1, Verdict::Confirmed), words(post));
    assert!(first(&ranker).confidence > before.confidence);
    ranker.learn(decided(1, 1, Verdict::Rejected), words(post));
    let found = ranker.rank(&index, &asked(post, Some("router"))).unwrap();
    assert!(found.iter().all(|s| s.thread_id != 1), "{found:?}");
    let other = "router lost after firmware update, what now";
    let found = ranker.rank(&index, &asked(other, Some("router"))).unwrap();
    assert!(found.iter().any(|s| s.thread_id == 1), "{found:?}");
    // A thread without a word in common comes by what was linked.
    ranker.learn(decided(2, 3, Verdict::Confirmed), words(post));
    let found = ranker.rank(&index, &asked(post, Some("router"))).unwrap();
    assert!(found.iter().any(|s| s.thread_id == 3), "{found:?}");
}

#[test]
fn the_shipped_weights_are_few_and_sane() {
    for weights in [shipped(), shipped_with_model()] {
        are_sane(&weights);
    }
    assert!(shipped().worth[MEANING].iter().all(|worth| *worth == 0.0));
    assert!(shipped_with_model().worth[MEANING].iter().sum::<f64>() > 0.0);
}

fn are_sane(weights: &Weights) {
    for (n, (name, _)) in SIGNALS.iter().enumerate() {
        assert!(weights.worth[n].abs() < 10.0, "{name}");
    }
    let of = |name: &str| {
        let n = SIGNALS
            .iter()
            .position(|(short, _)| *short == name)
            .unwrap();
        weights.worth[n]
    };
    for name in ["title", "opening", "covered", "near_best", "linked_alike"] {
        assert!(of(name) >= 0.0, "{name}");
    }
    assert!(of("rejected_alike") < 0.0);
    assert_eq!(weights.in_words().len(), COUNT);
}

proptest! {
    #[test]
    fn more_words_in_common_never_lower_a_thread(
        title in 0.0f32..60.0, opening in 0.0f32..60.0, covered in 0.0f64..1.0,
        more in 0.0f32..20.0, lead in -5.0f64..5.0
    ) {
        let weights = shipped();
        let measure = |title: f32, opening: f32, covered: f64| {
            let measured = Measured { title, opening, covered, ..Measured::default() };
            let best = Best { whole: 50.0, meaning: 0.0 };
            signals(&measured, None, &Recalled::default(), best, None)
        };
        let less = measure(title, opening, covered);
        for greater in [
            measure(title + more, opening, covered),
            measure(title, opening + more, covered),
            measure(title, opening, (covered + f64::from(more)).min(1.0)),
        ] {
            prop_assert!(weights.score(&greater) >= weights.score(&less));
            prop_assert!(weights.p_link(&greater, lead) >= weights.p_link(&less, lead));
        }
        prop_assert!((0.0..=1.0).contains(&weights.p_link(&less, lead)));
    }
}

#[test]
fn any_text_is_taken() {
    let (_dir, index) = index();
    let ranker = Ranker::new(None, None);
    proptest!(ProptestConfig::with_cases(64), |(text in "\\PC{0,200}")| {
        for similar in ranker.rank(&index, &asked(&text, None)).unwrap() {
            prop_assert!((0.0..=1.0).contains(&similar.confidence));
        }
    });
}
