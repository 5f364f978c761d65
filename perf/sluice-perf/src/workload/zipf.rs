//! Zipf-distributed ranks by rejection-inversion (W. Hormann, G. Derflinger 1996): constant time and memory whatever
//! the number of items, so a volume of a billion blocks needs no table.

use crate::num::floor;
use crate::rng::Rng;

/// A Zipf distribution over the ranks `0..items`.
#[derive(Clone, Debug)]
pub struct Zipf {
    items: u64,
    theta: f64,
    h_first: f64,
    h_last: f64,
    shift: f64,
    /// Odd multiplier coprime to `items`, which scatters ranks.
    spread: u64,
}

impl Zipf {
    /// `items >= 1`; `0 < theta < 10`.
    ///
    /// # Panics
    /// If an argument is out of its range.
    #[must_use]
    pub fn new(items: u64, theta: f64) -> Self {
        assert!(items >= 1 && theta > 0.0 && theta < 10.0, "zipf over {items} items, theta {theta}");
        let mut zipf = Self { items, theta, h_first: 0.0, h_last: 0.0, shift: 0.0, spread: coprime(items) };
        zipf.h_first = zipf.h_integral(1.5) - 1.0;
        zipf.h_last = zipf.h_integral(items as f64 + 0.5);
        zipf.shift = 2.0 - zipf.h_inverse(zipf.h_integral(2.5) - zipf.h(2.0));
        zipf
    }

    /// Draws a rank; 0 is the most frequent.
    pub fn rank(&self, rng: &mut Rng) -> u64 {
        loop {
            let u = self.h_last + rng.unit() * (self.h_first - self.h_last);
            let x = self.h_inverse(u);
            let k = (x + 0.5).floor().clamp(1.0, self.items as f64);
            if k - x <= self.shift || u >= self.h_integral(k + 0.5) - self.h(k) {
                return floor(k).clamp(1, self.items) - 1;
            }
        }
    }

    /// Draws an item: ranks are spread over `0..items` by a fixed bijection, so that the hot ones are not neighbours.
    pub fn item(&self, rng: &mut Rng) -> u64 {
        let wide = u128::from(self.rank(rng)) * u128::from(self.spread) % u128::from(self.items);
        u64::try_from(wide).expect("a remainder below a 64-bit number")
    }

    /// Integral of `x^-theta`.
    fn h_integral(&self, x: f64) -> f64 {
        let log = x.ln();
        expm1_over(log * (1.0 - self.theta)) * log
    }

    fn h(&self, x: f64) -> f64 {
        (-self.theta * x.ln()).exp()
    }

    fn h_inverse(&self, x: f64) -> f64 {
        let t = (x * (1.0 - self.theta)).max(-1.0);
        (ln1p_over(t) * x).exp()
    }
}

/// `(e^x - 1) / x`, by its series near 0, where theta is 1.
fn expm1_over(x: f64) -> f64 {
    if x.abs() > 1e-8 { x.exp_m1() / x } else { 1.0 + x / 2.0 * (1.0 + x / 3.0) }
}

/// `ln(1 + x) / x`, likewise.
fn ln1p_over(x: f64) -> f64 {
    if x.abs() > 1e-8 { x.ln_1p() / x } else { 1.0 - x * (0.5 - x / 3.0) }
}

/// A number near the golden section of `items` and coprime to it.
fn coprime(items: u64) -> u64 {
    let start = floor(items as f64 * 0.618_033_988_749_895).max(1);
    (start..).find(|&candidate| gcd(candidate, items) == 1).unwrap_or(1)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::num::index;

    fn frequencies(items: u64, theta: f64) -> Vec<f64> {
        let zipf = Zipf::new(items, theta);
        let mut rng = Rng::new(11);
        let mut seen = vec![0.0; index(items)];
        for _ in 0..200_000 {
            seen[index(zipf.rank(&mut rng))] += 1.0 / 200_000.0;
        }
        seen
    }

    #[test]
    fn frequencies_follow_the_law() {
        for theta in [0.5, 0.99, 1.0, 1.2] {
            let seen = frequencies(100, theta);
            let norm: f64 = (1..=100).map(|k| f64::from(k).powf(-theta)).sum();
            for (rank, measured) in seen.iter().enumerate() {
                let expected = (rank as f64 + 1.0).powf(-theta) / norm;
                assert!(
                    (measured - expected).abs() < 0.004,
                    "theta {theta} rank {rank}: {measured} {expected}"
                );
            }
        }
    }

    #[test]
    fn spreading_is_a_bijection() {
        for items in [1, 2, 7, 64, 1000, 4096] {
            let zipf = Zipf::new(items, 0.99);
            let mut seen = vec![false; index(items)];
            for rank in 0..items {
                seen[index(rank * zipf.spread % items)] = true;
            }
            assert!(seen.iter().all(|&s| s), "{items}");
        }
    }

    #[test]
    fn one_item_is_always_drawn() {
        assert_eq!(Zipf::new(1, 0.99).item(&mut Rng::new(1)), 0);
    }
}
