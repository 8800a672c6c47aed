//! Queries a second of the search against raw tantivy, on the same index and in one run.
//!
//! `cargo bench --bench search -- [THREADS]` (100,000 threads unless told). Ours is
//! `SearchIndex::search`: a page of ten with total, boosts, reasons and two snippets a hit. Raw is
//! the same words asked of the same field with `TopDocs(10)`, and tantivy's own snippet of the text
//! of each hit. Also measured: `similar` with texts of the length of a public post. Times are of
//! this thread on a processor, where the system tells them, so that a busy machine matters less.

mod common;

use std::hint::black_box;
use std::time::Instant;

use offramp::error::Result;
use offramp::ranker::Ranker;
use offramp::search::{DocSource, Likeness, SearchIndex, SearchQuery, ThreadDoc};
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, Query, TermQuery};
use tantivy::schema::{IndexRecordOption, Value};
use tantivy::snippet::SnippetGenerator;
use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, SimpleTokenizer, Stemmer, TextAnalyzer, TokenStream,
};
use tantivy::{Index, IndexReader, ReloadPolicy, TantivyDocument, Term};

use common::{Dice, Words};

const THREADS: usize = 100_000;
/// Queries in one round; rounds of the two sides alternate.
const QUERIES: usize = 500;
const ROUNDS: usize = 5;

struct Generated {
    words: Words,
    count: usize,
}

impl Generated {
    fn sentence(&self, dice: &mut Dice, words: usize) -> String {
        self.words.sentence(dice, words)
    }

    fn thread(&self, id: i64) -> ThreadDoc {
        let mut dice = Dice((id as u64 * 0x9E37_79B9_7F4A_7C15) | 1);
        let (body, answer) = (40 + dice.below(120), 20 + dice.below(60));
        ThreadDoc {
            id,
            product: format!("product-{}", dice.below(3)),
            kind: "question".to_string(),
            state: if dice.below(3) == 0 { "solved" } else { "open" }.to_string(),
            official: dice.below(10) == 0,
            title: self.sentence(&mut dice, 8),
            body: self.sentence(&mut dice, body),
            answers: vec![self.sentence(&mut dice, answer)],
            tags: vec![format!("tag-{}", dice.below(200))],
            author: format!("user-{}", dice.below(5_000)),
            language: Some("en".to_string()),
            created_at: id,
            active_at: id,
            ..ThreadDoc::default()
        }
    }
}

impl DocSource for Generated {
    fn load(&self, ids: &[i64]) -> Result<Vec<ThreadDoc>> {
        Ok(ids.iter().map(|id| self.thread(*id)).collect())
    }

    fn after(&self, id: i64, limit: usize) -> Result<Vec<ThreadDoc>> {
        let end = (id + limit as i64).min(self.count as i64);
        Ok((id + 1..=end).map(|id| self.thread(id)).collect())
    }
}

struct Raw {
    reader: IndexReader,
    analyzer: TextAnalyzer,
}

impl Raw {
    fn page(&mut self, words: &str) -> usize {
        let searcher = self.reader.searcher();
        let schema = searcher.schema();
        let text = schema.get_field("text").expect("field text");
        let body = schema.get_field("body").expect("field body");
        let mut terms = std::collections::BTreeMap::new();
        let mut stream = self.analyzer.token_stream(words);
        while stream.advance() {
            terms.insert(stream.token().text.clone(), 1.0);
        }
        drop(stream);
        let must = terms.keys().map(|word| {
            let term = Term::from_field_text(text, word);
            Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)) as Box<dyn Query>
        });
        let query = BooleanQuery::intersection(must.collect());
        let top = searcher
            .search(&query, &TopDocs::with_limit(10).order_by_score())
            .expect("hits");
        let generator = SnippetGenerator::new(terms, self.analyzer.clone(), body, 200);
        let mut bytes = 0;
        for (_, address) in top {
            let doc: TantivyDocument = searcher.doc(address).expect("a document");
            let text = doc
                .get_first(body)
                .and_then(|value| value.as_str())
                .unwrap_or("");
            bytes += generator.snippet(text).to_html().len();
        }
        bytes
    }
}

/// Seconds this thread has run on a processor; seconds passed where the system does not say.
fn seconds(since: &Instant) -> f64 {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat");
    let nanos = spent
        .ok()
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanos.map_or_else(|| since.elapsed().as_secs_f64(), |nanos| nanos / 1e9)
}

/// The five threads most like a text.
fn asked<'a>(text: &'a str, product: Option<&'a str>) -> Likeness<'a> {
    Likeness {
        text,
        product,
        limit: 5,
        ..Likeness::default()
    }
}

fn main() {
    let begin = Instant::now();
    let now = || seconds(&begin);
    let count = std::env::args()
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(THREADS);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let threads = Generated {
        words: Words::default(),
        count,
    };
    let index = SearchIndex::open(dir.path()).expect("an index");
    let start = Instant::now();
    index.rebuild(&threads, 1).expect("a full index");
    println!(
        "indexed {count} threads in {:.1} s",
        start.elapsed().as_secs_f64()
    );

    let current = std::fs::read_to_string(dir.path().join("current")).expect("a generation");
    let analyzer = TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(Stemmer::new(Language::English))
        .build();
    let opened = Index::open_in_dir(dir.path().join(current.trim())).expect("the same index");
    let builder = opened.reader_builder().reload_policy(ReloadPolicy::Manual);
    let mut raw = Raw {
        reader: builder.try_into().expect("a reader"),
        analyzer,
    };

    let mut dice = Dice(7);
    let queries: Vec<String> = (0..QUERIES)
        .map(|n| threads.sentence(&mut dice, 1 + n % 3))
        .collect();
    let (mut ours, mut theirs) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        let start = now();
        for query in &queries {
            black_box(
                index
                    .search(&SearchQuery::parse(query), None, 10)
                    .expect("results"),
            );
        }
        ours += now() - start;
        let start = now();
        for query in &queries {
            black_box(raw.page(query));
        }
        theirs += now() - start;
    }
    let rounds = (QUERIES * ROUNDS) as f64;
    println!("search   {:.0} queries/s", rounds / ours);
    println!("raw      {:.0} queries/s", rounds / theirs);
    println!("ratio    {:.2}", theirs / ours);

    let posts: Vec<String> = (0..QUERIES)
        .map(|_| threads.sentence(&mut dice, 40))
        .collect();
    let ranker = Ranker::new(None, None);
    let start = now();
    for post in &posts {
        black_box(
            ranker
                .rank(&index, &asked(post, None))
                .expect("similar threads"),
        );
    }
    println!("similar  {:.0} texts/s", QUERIES as f64 / (now() - start));
    let start = now();
    for post in &posts {
        black_box(
            ranker
                .rank(&index, &asked(post, Some("product-1")))
                .expect("similar threads"),
        );
    }
    println!(
        "similar  {:.0} texts/s within one product",
        QUERIES as f64 / (now() - start)
    );
}
