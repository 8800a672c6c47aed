//! Everything that reads a mail before anybody is asked about it. `scripts/fuzz` runs it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use offramp::mail::authentication::dmarc;
use offramp::mail::inbound::{parse, without_envelope};
use offramp::mail::parsed::parsed;

fuzz_target!(|raw: &[u8]| {
    let mail = parsed(raw);
    assert!(!mail.subject.contains(['\r', '\n', '\0']));
    for file in &mail.attachments {
        assert!(!file.filename.is_empty() && !file.filename.contains(['/', '\\', '\n', '\0']));
    }
    let _ = serde_json::to_string(&mail).expect("a mail that was read can be told");
    let _ = dmarc(&parse(raw), "mx.example.com");
    let _ = without_envelope(raw);
});
