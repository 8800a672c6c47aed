//! Threads that mean the same in other words: read by a sentence model in the background, stored, found,
//! and forgotten when they are public no more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use offramp::clock::MINUTE;
use offramp::forum::delete_post;
use offramp::forum::docs::Docs;
use offramp::forum::embed_threads::StoredVectors;
use offramp::forum::store::reading::posts_on_page;
use offramp::meaning::{Model, fetch};
use offramp::ranker::{self, Meaning, PIECES, Similar};
use offramp::search::{self, Likeness};
use safetensors::tensor::{Dtype, TensorView, serialize};

use crate::escalations::{product, staff, thread};
use crate::harness::{Backend, Test};

/// Dimensions of the smallest model there can be: one head.
const WIDTH: usize = 32;
/// Words with the dimension they point in: two of one dimension mean the same.
const WORDS: [(&str, usize); 12] = [
    ("[PAD]", 0),
    ("[UNK]", 0),
    ("[CLS]", 1),
    ("[SEP]", 1),
    ("lamp", 2),
    ("bulb", 2),
    ("flickers", 3),
    ("blinks", 3),
    ("invoice", 4),
    ("bridge", 5),
    ("##s", 6),
    ("wrong", 7),
];

/// A model whose only layer changes nothing: a text points where its words do.
fn write_model(dir: &Path) {
    let mut tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)> = BTreeMap::new();
    let mut put = |name: &str, shape: &[usize], value: f32| {
        let count = shape.iter().product();
        tensors.insert(name.to_owned(), (shape.to_vec(), vec![value; count]));
    };
    put(
        "embeddings.word_embeddings.weight",
        &[WORDS.len(), WIDTH],
        0.0,
    );
    put("embeddings.position_embeddings.weight", &[128, WIDTH], 0.0);
    put("embeddings.token_type_embeddings.weight", &[2, WIDTH], 0.0);
    let layer = "encoder.layer.0";
    for (part, inputs, outputs) in [
        ("attention.self.query", WIDTH, WIDTH),
        ("attention.self.key", WIDTH, WIDTH),
        ("attention.self.value", WIDTH, WIDTH),
        ("attention.output.dense", WIDTH, WIDTH),
        ("intermediate.dense", WIDTH, 64),
        ("output.dense", 64, WIDTH),
    ] {
        put(&format!("{layer}.{part}.weight"), &[outputs, inputs], 0.0);
        put(&format!("{layer}.{part}.bias"), &[outputs], 0.0);
    }
    for norm in [
        "embeddings.LayerNorm".to_owned(),
        format!("{layer}.attention.output.LayerNorm"),
        format!("{layer}.output.LayerNorm"),
    ] {
        put(&format!("{norm}.weight"), &[WIDTH], 1.0);
        put(&format!("{norm}.bias"), &[WIDTH], 0.0);
    }
    let words = tensors
        .get_mut("embeddings.word_embeddings.weight")
        .expect("the words");
    for (n, (_, dimension)) in WORDS.iter().enumerate() {
        words.1[n * WIDTH + dimension] = 1.0;
    }
    let bytes: BTreeMap<String, (Vec<usize>, Vec<u8>)> = tensors
        .into_iter()
        .map(|(name, (shape, values))| {
            (
                name,
                (shape, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            )
        })
        .collect();
    let views = bytes.iter().map(|(name, (shape, bytes))| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("a tensor");
        (name.clone(), view)
    });
    let file = serialize(views, None).expect("a file");
    let vocabulary: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
    std::fs::create_dir_all(dir).expect("a folder");
    std::fs::write(dir.join(fetch::WEIGHTS), file).expect("written");
    std::fs::write(dir.join(fetch::VOCABULARY), vocabulary.join("\n")).expect("written");
}

fn similar(t: &Test, text: &str) -> Vec<Similar> {
    let asked = Likeness {
        text,
        limit: 5,
        at: Some(t.app.now().0),
        ..Likeness::default()
    };
    ranker::similar(&t.app, &asked).expect("an answer")
}

/// Lets the clock go on to the next look at changes, runs what is due, and indexes.
fn catch_up(t: &Test) {
    t.advance(MINUTE);
    t.registry.start_due(&t.app).expect("schedules");
    t.run_jobs();
    search::catch_up(&t.app.index, &t.app.db, &Docs::new(t.app.db.clone())).expect("indexed");
}

fn with_model(backend: Backend, body: fn(&mut Test)) {
    let dir = tempfile::tempdir().expect("a folder");
    let model = dir.path().to_owned();
    write_model(&model);
    let test = Test::new(backend, |config| config.sentence_model.dir = model);
    if let Some(mut test) = test {
        body(&mut test);
        test.finish();
    }
}

fn threads_are_read_found_and_forgotten(t: &mut Test) {
    let product = product(t);
    let lamp = thread(t, product, "bulb blinks", "bulb blinks");
    for n in 0..3 {
        thread(
            t,
            product,
            "invoice wrong",
            &format!("bridge invoice number {n}"),
        );
    }
    catch_up(t);
    let meaning = t.app.ranker.meaning().expect("a model");
    // "invoice" is what chooses candidates by words; the thread shares none of them.
    let found = similar(t, "lamp flickers invoice");
    let of_lamp = found
        .iter()
        .find(|s| s.thread_id == lamp.0)
        .expect("found by meaning");
    assert!(
        of_lamp.reasons.iter().any(|r| r.contains("means")),
        "{:?}",
        of_lamp.reasons
    );
    assert_eq!(meaning.len(), 4);

    // Another process takes over what is stored; it reads nothing itself.
    let model = Model::load(&t.app.config.sentence_model.dir).expect("the model");
    let stored = StoredVectors::new(t.app.db.clone());
    let other = Meaning::new(Arc::new(model), Some(Arc::new(stored)));
    other.follow(t.app.now().0).expect("followed");
    assert_eq!(other.len(), 4);

    let lines = t
        .app
        .db
        .read(|conn| posts_on_page(conn, lamp, 1))
        .expect("posts");
    let opening = lines[0].post.id;
    delete_post::delete_post(&t.app, &staff(t), opening, "spam").expect("deleted");
    catch_up(t);
    let found = similar(t, "lamp flickers invoice");
    assert!(found.iter().all(|s| s.thread_id != lamp.0), "{found:?}");
    t.advance(MINUTE);
    other.follow(t.app.now().0).expect("followed");
    assert_eq!((meaning.len(), other.len()), (3, 3));
}

#[test]
fn threads_are_read_found_and_forgotten_on_sqlite() {
    with_model(Backend::Sqlite, threads_are_read_found_and_forgotten);
}

#[test]
fn threads_are_read_found_and_forgotten_on_postgres() {
    with_model(Backend::Postgres, threads_are_read_found_and_forgotten);
}

#[test]
fn a_model_that_cannot_be_read_is_done_without() {
    let missing = |config: &mut offramp::config::Config| {
        config.sentence_model.dir = PathBuf::from("/nowhere/sentence-model");
    };
    let t = Test::new(Backend::Sqlite, missing).expect("SQLite is always there");
    assert!(t.app.ranker.meaning().is_none());
    let product = product(&t);
    let lamp = thread(&t, product, "lamp flickers", "every evening");
    catch_up(&t);
    assert_eq!(similar(&t, "my lamp flickers")[0].thread_id, lamp.0);
    t.finish();
}

#[test]
fn any_text_is_read_within_its_bounds() {
    let dir = tempfile::tempdir().expect("a folder");
    write_model(dir.path());
    let model = Model::load(dir.path()).expect("the model");
    let long = "lamp ".repeat(25_000);
    let texts = [
        "",
        "x",
        "😡😡",
        "@acme",
        "لا يعمل",
        "ﬂickers\u{200b} l\u{430}mp",
        long.as_str(),
        "\0\u{202e}",
    ];
    let vectors = model.embed(&texts, PIECES);
    assert_eq!(vectors.len(), texts.len());
    assert!(vectors[0].is_none() && vectors[6].is_some());
    // Read together or alone, a text points the same way.
    for (text, vector) in texts.iter().zip(&vectors) {
        assert_eq!(&model.embed_one(text, PIECES), vector, "{text:.20}");
    }
    let one = |text: &str| model.embed_one(text, PIECES).expect("a direction");
    assert!(one("lamp flickers").cosine(&one("bulb blinks")) > 0.99);
    assert!(one("lamp").cosine(&one("invoice")) < one("lamp").cosine(&one("bulb")));
    for (weights, words) in [
        (&b"no tensors"[..], &b"[CLS]\n[SEP]\n[UNK]"[..]),
        (b"", b""),
    ] {
        assert!(Model::read(weights, words).is_err());
    }
}

/// Texts by their places, and the cosine between them.
const COSINES: [(usize, usize, f32); 3] = [(0, 1, 0.171), (0, 2, 0.063), (1, 2, 0.078)];

/// The directions of all-MiniLM-L6-v2 for three texts, as ONNX Runtime 1.32 gives them with eight-bit
/// weights: the cosines between each two. The model is not in the repository: name its folder in `OFFRAMP_SENTENCE_MODEL`.
#[test]
fn the_real_model_means_what_it_was_taught() {
    let Some(dir) = std::env::var_os("OFFRAMP_SENTENCE_MODEL") else {
        eprintln!("skipped: OFFRAMP_SENTENCE_MODEL names no folder of all-MiniLM-L6-v2");
        return;
    };
    let model = Model::load(Path::new(&dir)).expect("the model");
    let texts = [
        "The router drops the connection every evening.",
        "WLAN bricht abends ab, café!",
        "Where is my invoice?",
    ];
    let vectors: Vec<_> = model.embed(&texts, PIECES).into_iter().flatten().collect();
    for (a, b, cosine) in COSINES {
        let found = vectors[a].cosine(&vectors[b]);
        assert!((found - cosine).abs() < 0.01, "{a} {b}: {found}");
    }
}
