//! The linear algebra of a step: a few parameters, so plain elimination.

/// The change that a parameter may undergo.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// Slopes by residual and parameter.
#[derive(Clone, Debug)]
pub(super) struct Matrix {
    rows: Vec<Vec<f64>>,
}

impl Matrix {
    pub(super) fn of_columns(columns: &[Vec<f64>], rows: usize) -> Self {
        Matrix { rows: (0..rows).map(|row| columns.iter().map(|column| column[row]).collect()).collect() }
    }

    /// Broyden's rule: the smallest change of the slopes with which they say what a step has shown.
    pub(super) fn renew(&mut self, step: &[f64], change: &[f64]) {
        let square: f64 = step.iter().map(|by| by * by).sum();
        if square == 0.0 {
            return;
        }
        for (row, change) in self.rows.iter_mut().zip(change) {
            let missing = (change - dot(row, step)) / square;
            row.iter_mut().zip(step).for_each(|(slope, by)| *slope += missing * by);
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The step that minimises the squares of `residuals + slopes * step` and of the step, the latter weighed by `damping`, within
/// bounds: parameters that would leave theirs are held at them, and the others chosen anew.
pub(super) fn damped_step(slopes: &Matrix, residuals: &[f64], damping: f64, bounds: &[Bounds]) -> Vec<f64> {
    let n = bounds.len();
    let product = |i: usize, j: usize| slopes.rows.iter().map(|row| row[i] * row[j]).sum::<f64>();
    let steepest = (0..n).map(|i| product(i, i)).fold(0.0, f64::max);
    let mut held: Vec<Option<f64>> = vec![None; n];
    loop {
        let chosen: Vec<usize> = (0..n).filter(|&i| held[i].is_none()).collect();
        // What remains of the residuals when the held parameters have been moved.
        let fixed: Vec<f64> = held.iter().map(|by| by.unwrap_or(0.0)).collect();
        let rest: Vec<f64> =
            slopes.rows.iter().zip(residuals).map(|(row, residual)| residual + dot(row, &fixed)).collect();
        let system = chosen.iter().map(|&i| {
            let side = -slopes.rows.iter().zip(&rest).map(|(row, rest)| row[i] * rest).sum::<f64>();
            // A parameter without a slope is left alone rather than divided by nothing.
            let damp = |j: usize| if i == j { damping * product(i, i) + 1e-9 * steepest + 1e-12 } else { 0.0 };
            chosen.iter().map(|&j| product(i, j) + damp(j)).chain([side]).collect()
        });
        let found = solve(system.collect());
        let mut step = fixed;
        chosen.iter().zip(&found).for_each(|(&i, &by)| step[i] = by);
        let outside: Vec<usize> =
            chosen.into_iter().filter(|&i| !(bounds[i].low..=bounds[i].high).contains(&step[i])).collect();
        if outside.is_empty() {
            return step;
        }
        for i in outside {
            held[i] = Some(if step[i] > bounds[i].high { bounds[i].high } else { bounds[i].low });
        }
    }
}

/// Solves a system of linear equations, the right side in the last column, by elimination with partial pivoting.
fn solve(mut rows: Vec<Vec<f64>>) -> Vec<f64> {
    let n = rows.len();
    for column in 0..n {
        let pivot =
            (column..n).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs())).unwrap_or(column);
        rows.swap(column, pivot);
        let lead = rows[column].clone();
        for (index, row) in rows.iter_mut().enumerate() {
            let factor = row[column] / lead[column];
            if index != column && factor != 0.0 {
                row.iter_mut().zip(&lead).for_each(|(x, y)| *x -= factor * y);
            }
        }
    }
    (0..n).map(|i| rows[i][n] / rows[i][i]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_solves_what_is_linear_and_stays_in_bounds() {
        let slopes = Matrix::of_columns(&[vec![1.0, 0.0, 1.0], vec![0.0, 2.0, 1.0]], 3);
        let wide = [Bounds { low: -9.0, high: 9.0 }; 2];
        let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
        // residuals = -(slopes * [3, -1])
        let step = damped_step(&slopes, &[-3.0, 2.0, -2.0], 0.0, &wide);
        assert!(close(step[0], 3.0) && close(step[1], -1.0), "{step:?}");
        let narrow = [Bounds { low: -9.0, high: 1.0 }, Bounds { low: -9.0, high: 9.0 }];
        let step = damped_step(&slopes, &[-3.0, 2.0, -2.0], 0.0, &narrow);
        // With the first at one, what is left is (2 + 2 b)^2 + (b - 1)^2, least at b = -3/5.
        assert!(close(step[0], 1.0) && close(step[1], -0.6), "{step:?}");
    }

    #[test]
    fn slopes_learn_what_a_step_has_shown() {
        let mut slopes = Matrix::of_columns(&[vec![1.0], vec![1.0]], 1);
        slopes.renew(&[2.0, 0.0], &[6.0]);
        assert_eq!(slopes.rows, [[3.0, 1.0]]);
    }
}
