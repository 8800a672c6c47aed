//! Randomness comes in through `App`, so that a test can repeat it.

use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The randomness of an `App`: the system's, or a seeded stream for tests.
#[derive(Clone)]
pub enum Random {
    System,
    Seeded(Arc<Mutex<StdRng>>),
}

/// Letters and digits that can't be taken for one another when read aloud or typed.
const CODE_ALPHABET: &[u8] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
/// RFC 4648 base32 in lower case: survives mail servers that change case.
const TOKEN_ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";
/// 32 characters of 5 bits: 160 bits.
const TOKEN_CHARS: usize = 32;

impl Random {
    pub fn seeded(seed: u64) -> Random {
        Random::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    pub fn fill(&self, bytes: &mut [u8]) {
        match self {
            Random::System => rand::rng().fill_bytes(bytes),
            Random::Seeded(rng) => rng
                .lock()
                .unwrap_or_else(|e| e.into_inner())
                .fill_bytes(bytes),
        }
    }

    /// A secret of 160 bits, lower case: for cookies, links and reply addresses.
    pub fn token(&self) -> String {
        let mut bytes = [0u8; TOKEN_CHARS];
        self.fill(&mut bytes);
        bytes
            .iter()
            .map(|b| TOKEN_ALPHABET[usize::from(b % 32)] as char)
            .collect()
    }

    /// A code of `chars` characters for a person to read and type.
    pub fn code(&self, chars: usize) -> String {
        let mut code = String::new();
        while code.len() < chars {
            let mut byte = [0u8; 1];
            self.fill(&mut byte);
            // Values past the last whole round of the alphabet would favour its start.
            let whole = 256 - 256 % CODE_ALPHABET.len();
            if usize::from(byte[0]) < whole {
                code.push(CODE_ALPHABET[usize::from(byte[0]) % CODE_ALPHABET.len()] as char);
            }
        }
        code
    }

    /// A number in `0..below`; 0 when `below` is 0. For jitter, not for secrets.
    pub fn below(&self, below: u64) -> u64 {
        let mut bytes = [0u8; 8];
        self.fill(&mut bytes);
        if below == 0 {
            0
        } else {
            u64::from_le_bytes(bytes) % below
        }
    }
}
