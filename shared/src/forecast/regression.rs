//! Least squares over the last days, the newer the heavier, pulled towards what is known beforehand (ridge).

use std::collections::VecDeque;

/// Hours that are remembered, and what the hour before counts beside an hour.
const HOURS: usize = 72;
const DECAY: f64 = 0.98;

/// What there was in one hour.
#[derive(Debug, Clone)]
struct Hour<const N: usize> {
    /// Below and on the diagonal.
    products: [[f64; N]; N],
    targets: [f64; N],
}

#[derive(Debug, Clone)]
pub(super) struct Regression<const N: usize> {
    hours: VecDeque<Hour<N>>,
    open: Hour<N>,
    hour: Option<i64>,
}

impl<const N: usize> Default for Hour<N> {
    fn default() -> Hour<N> {
        Hour { products: [[0.0; N]; N], targets: [0.0; N] }
    }
}

impl<const N: usize> Default for Regression<N> {
    fn default() -> Regression<N> {
        Regression { hours: VecDeque::new(), open: Hour::default(), hour: None }
    }
}

impl<const N: usize> Regression<N> {
    /// Whether an hour has ended, and there is something to learn from.
    pub(super) fn minute(&mut self, minute: i64) -> bool {
        let hour = minute.div_euclid(60);
        if self.hour.replace(hour).is_none_or(|before| before == hour) {
            return false;
        }
        self.hours.push_back(std::mem::take(&mut self.open));
        if self.hours.len() > HOURS {
            self.hours.pop_front();
        }
        true
    }

    pub(super) fn add(&mut self, signs: &[f64; N], target: f64) {
        for (row, sign) in signs.iter().enumerate() {
            for (column, other) in signs[..=row].iter().enumerate() {
                self.open.products[row][column] += sign * other;
            }
            self.open.targets[row] += sign * target;
        }
    }

    pub(super) fn solve(&self, beforehand: &[f64; N], ridge: f64) -> [f64; N] {
        let (mut matrix, mut right) = ([[0.0; N]; N], [0.0; N]);
        let mut weight = 1.0;
        for hour in self.hours.iter().rev() {
            for row in 0..N {
                for column in 0..=row {
                    matrix[row][column] += weight * hour.products[row][column];
                }
                right[row] += weight * hour.targets[row];
            }
            weight *= DECAY;
        }
        for row in 0..N {
            matrix[row][row] += ridge;
            right[row] += ridge * beforehand[row];
        }
        cholesky(&mut matrix);
        for row in 0..N {
            let known: f64 = (0..row).map(|column| matrix[row][column] * right[column]).sum();
            right[row] = (right[row] - known) / matrix[row][row];
        }
        for row in (0..N).rev() {
            let known: f64 = (row + 1..N).map(|below| matrix[below][row] * right[below]).sum();
            right[row] = (right[row] - known) / matrix[row][row];
        }
        right
    }
}

/// In place. The ridge keeps it positive.
fn cholesky<const N: usize>(matrix: &mut [[f64; N]; N]) {
    for row in 0..N {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| matrix[row][k] * matrix[column][k]).sum();
            let rest = matrix[row][column] - known;
            matrix[row][column] =
                if row == column { rest.max(1e-12).sqrt() } else { rest / matrix[column][column] };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_what_made_the_numbers() {
        let mut regression = Regression::<2>::default();
        for minute in 0..600 {
            let x = f64::from(minute % 7);
            let signs = [x, f64::from(minute % 3)];
            regression.minute(i64::from(minute));
            regression.add(&signs, 2.0 * signs[0] - 0.5 * signs[1]);
        }
        let [first, second] = regression.solve(&[0.0; 2], 1e-6);
        assert!((first - 2.0).abs() < 1e-6 && (second + 0.5).abs() < 1e-6, "{first} {second}");
    }

    #[test]
    fn what_it_never_saw_stays_as_it_was_known_beforehand() {
        let mut regression = Regression::<2>::default();
        for minute in 0..600 {
            regression.minute(i64::from(minute));
            regression.add(&[1.0, 0.0], 3.0);
        }
        let [first, second] = regression.solve(&[0.0, 0.7], 1.0);
        assert!((first - 3.0).abs() < 0.05 && (second - 0.7).abs() < 1e-9, "{first} {second}");
        assert_eq!(Regression::<2>::default().solve(&[0.1, 0.2], 1.0), [0.1, 0.2]);
    }
}
