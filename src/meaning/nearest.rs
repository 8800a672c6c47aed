//! The directions of all threads in memory, searched one by one: exact, and fast enough, because a
//! direction is 24 products of 16 dimensions. See docs/linking.md for how long a million takes.

use std::collections::HashMap;

use wide::{i16x8, i32x4};

use super::Vector;

/// Dimensions of one product: two a lane.
const LANES: usize = 16;

/// Directions of a thread that count. Of help articles three found more than the nearest one alone
/// (recall at five .546 against .515).
const COUNTED: usize = 3;

/// A direction of a thread: 16 bits hold two dimensions.
type Lanes = Vec<i16x8>;

/// Directions of threads; one may have several.
#[derive(Default)]
pub struct Nearest {
    /// Lanes of a direction.
    lanes: usize,
    /// All directions, one after the other.
    steps: Vec<i16x8>,
    /// What a step is worth in each direction.
    scales: Vec<f32>,
    /// The thread of each direction; 0 where it is free.
    threads: Vec<i64>,
    places: HashMap<i64, Vec<u32>>,
    free: Vec<u32>,
}

/// A text's direction, as it is compared.
pub struct Sought {
    even: Lanes,
    odd: Lanes,
    scale: f32,
}

impl Sought {
    /// Prepares a direction for comparing.
    pub fn new(vector: &Vector) -> Sought {
        let every_second = |begin: usize| -> Lanes {
            let chunks = vector.steps().chunks(LANES);
            chunks
                .map(|chunk| {
                    let at = |n: usize| chunk.get(2 * n + begin).copied().unwrap_or(0);
                    i16x8::new(std::array::from_fn(|n| i16::from(at(n))))
                })
                .collect()
        };
        Sought {
            even: every_second(0),
            odd: every_second(1),
            scale: vector.scale(),
        }
    }

    fn dot(&self, steps: &[i16x8]) -> i32 {
        let mut sum = i32x4::ZERO;
        for (both, (even, odd)) in steps.iter().zip(self.even.iter().zip(&self.odd)) {
            // The low byte of each lane, with its sign, and the high one.
            let low: i16x8 = (*both << 8) >> 8;
            let high: i16x8 = *both >> 8;
            sum += low.dot(*even) + high.dot(*odd);
        }
        sum.to_array().iter().sum()
    }
}

impl Nearest {
    /// How many directions there are.
    pub fn len(&self) -> usize {
        self.threads.len() - self.free.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts the directions of a thread in place of those it had; none: it is forgotten. Directions of
    /// another width than the first one's are left out.
    pub fn put(&mut self, thread: i64, vectors: &[Vector]) {
        for place in self.places.remove(&thread).into_iter().flatten() {
            self.threads[place as usize] = 0;
            self.free.push(place);
        }
        for vector in vectors {
            let packed = pack(vector);
            if self.lanes == 0 {
                self.lanes = packed.len();
            }
            if packed.len() != self.lanes || packed.is_empty() {
                continue;
            }
            let place = match self.free.pop() {
                Some(place) => place,
                None => {
                    let Ok(place) = u32::try_from(self.threads.len()) else {
                        return;
                    };
                    self.steps.extend_from_slice(&packed);
                    self.scales.push(0.0);
                    self.threads.push(0);
                    place
                }
            };
            let n = place as usize;
            self.steps[n * self.lanes..(n + 1) * self.lanes].copy_from_slice(&packed);
            self.scales[n] = vector.scale();
            self.threads[n] = thread;
            self.places.entry(thread).or_default().push(place);
        }
    }

    fn cosine_at(&self, sought: &Sought, place: usize) -> f32 {
        let steps = &self.steps[place * self.lanes..(place + 1) * self.lanes];
        sought.dot(steps) as f32 * sought.scale * self.scales[place]
    }

    /// The mean cosine of a thread's [`COUNTED`] nearest directions: one passage of a long article that
    /// happens to lie near says less than several.
    pub fn cosine(&self, sought: &Sought, thread: i64) -> Option<f32> {
        let places = self.places.get(&thread)?;
        let cosines = places.iter().map(|n| self.cosine_at(sought, *n as usize));
        let mut cosines: Vec<f32> = cosines.collect();
        cosines.sort_unstable_by(|a, b| b.total_cmp(a));
        cosines.truncate(COUNTED);
        Some(cosines.iter().sum::<f32>() / cosines.len().max(1) as f32)
    }

    /// The `count` threads with the nearest directions, each with the cosine of its nearest, the nearest first.
    pub fn nearest(&self, sought: &Sought, count: usize) -> Vec<(i64, f32)> {
        let mut all: Vec<(f32, i64)> = Vec::with_capacity(self.threads.len());
        for (n, thread) in self.threads.iter().enumerate() {
            if *thread != 0 {
                all.push((self.cosine_at(sought, n), *thread));
            }
        }
        let first = |a: &(f32, i64), b: &(f32, i64)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        // A thread may stand there with each of its directions.
        let parts = self.places.values().map(Vec::len).max().unwrap_or(1);
        let wanted = count.saturating_mul(parts);
        if wanted < all.len() {
            all.select_nth_unstable_by(wanted, first);
            all.truncate(wanted);
        }
        all.sort_unstable_by(first);
        let mut found: Vec<(i64, f32)> = Vec::with_capacity(count);
        for (cosine, thread) in all {
            if found.len() == count {
                break;
            }
            if !found.iter().any(|(known, _)| *known == thread) {
                found.push((thread, cosine));
            }
        }
        found
    }
}

fn pack(vector: &Vector) -> Lanes {
    let chunks = vector.steps().chunks(LANES);
    chunks
        .map(|chunk| {
            let at = |n: usize| chunk.get(n).copied().unwrap_or(0).to_le_bytes()[0];
            i16x8::new(std::array::from_fn(|n| {
                i16::from_le_bytes([at(2 * n), at(2 * n + 1)])
            }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vector() -> impl Strategy<Value = Vector> {
        proptest::collection::vec(any::<i8>(), 40).prop_map(Vector::of_steps)
    }

    proptest! {
        #[test]
        fn the_nearest_are_those_of_the_cosine(
            text in vector(),
            threads in proptest::collection::vec(proptest::collection::vec(vector(), 1..4), 1..30),
        ) {
            let mut nearest = Nearest::default();
            let mut exact: Vec<(i64, f32)> = Vec::new();
            for (n, vectors) in (1..).zip(&threads) {
                nearest.put(n, vectors);
                let cosines = vectors.iter().map(|v| v.cosine(&text));
                exact.extend(cosines.max_by(f32::total_cmp).map(|c| (n, c)));
            }
            exact.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            let sought = Sought::new(&text);
            let found = nearest.nearest(&sought, 7);
            prop_assert_eq!(found.len(), exact.len().min(7));
            for ((thread, cosine), (_, of_exact)) in found.iter().zip(&exact) {
                prop_assert!((cosine - of_exact).abs() < 1e-4);
                let mean = nearest.cosine(&sought, *thread).expect("a thread");
                let one = threads[*thread as usize - 1].len() == 1;
                prop_assert!(mean <= *cosine && (!one || mean == *cosine));
            }
        }
    }

    #[test]
    fn what_is_taken_out_is_not_found_and_its_place_is_used_again() {
        let vector = |first: i8| Vector::of_steps(vec![first, 100, 3, -4]);
        let mut nearest = Nearest::default();
        nearest.put(7, &[vector(1), vector(2)]);
        nearest.put(8, &[vector(90)]);
        let sought = Sought::new(&vector(1));
        assert_eq!(nearest.nearest(&sought, 5).len(), 2);
        nearest.put(7, &[]);
        let left: Vec<i64> = nearest.nearest(&sought, 5).iter().map(|f| f.0).collect();
        assert_eq!((left, nearest.cosine(&sought, 7)), (vec![8], None));
        nearest.put(9, &[vector(1), Vector::of_steps(vec![1; 40])]);
        assert_eq!((nearest.len(), nearest.scales.len()), (2, 3));
        assert_eq!(nearest.nearest(&sought, 1)[0].0, 9);
    }
}
