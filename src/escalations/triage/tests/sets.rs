use std::path::Path;

use super::*;

/// The share of posts judged rightly, complaint or not, when both kinds count alike (macro F1).
fn macro_f1(posts: &[(String, bool)]) -> f64 {
    let mut seen = [[0_u32; 2]; 2];
    for (text, is_complaint) in posts {
        let told = label(text) == Label::Complaint;
        seen[usize::from(*is_complaint)][usize::from(told)] += 1;
    }
    let f1 = |right: u32, wrong: u32| {
        2.0 * f64::from(right) / (2.0 * f64::from(right) + f64::from(wrong))
    };
    let wrong = seen[0][1] + seen[1][0];
    f64::midpoint(f1(seen[0][0], wrong), f1(seen[1][1], wrong))
}

/// Two public sets of posts to brands, in the project's data folder: complaints of Preoţiuc-Pietro
/// and others (ACL 2019), and Crowdflower's posts to airlines.
#[test]
fn complaints_of_public_sets_are_found() {
    /// Every fifth post tells enough.
    const EVERY: usize = 5;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let read = |file: &str, judge: fn(&csv::StringRecord) -> Option<(String, bool)>| {
        let reader = csv::Reader::from_path(folder.join(file)).ok()?;
        let rows: Vec<_> = reader
            .into_records()
            .step_by(EVERY)
            .filter_map(|r| judge(&r.ok()?))
            .collect();
        Some(rows)
    };
    let complaints = read("complaints_acl2019/complaints-train.csv", |row| {
        let to_a_brand = !row.get(3)?.starts_with("random");
        to_a_brand.then_some((row.get(1)?.to_owned(), row.get(2)? == "1"))
    });
    let airlines = read("airline_sentiment/airline-train.csv", |row| {
        Some((row.get(5)?.to_owned(), row.get(1)? == "negative"))
    });
    let (Some(complaints), Some(airlines)) = (complaints, airlines) else {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    };
    let found = (macro_f1(&complaints), macro_f1(&airlines));
    eprintln!(
        "macro F1: complaints {:.3}, airlines {:.3}",
        found.0, found.1
    );
    assert!(found.0 > 0.755 && found.1 > 0.785, "{found:?}");
}
