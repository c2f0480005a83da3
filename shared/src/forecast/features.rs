pub(super) const COUNT: usize = 11;

#[derive(Debug, Clone, Default)]
pub(super) struct Features {
    loads: Vec<f32>,
    sums: Vec<f64>,
}

impl Features {
    pub(super) fn push(&mut self, load: f64) {
        let sum = self.sums.last().copied().unwrap_or(0.0) + load;
        self.loads.push(load as f32);
        self.sums.push(sum);
    }
    pub(super) fn len(&self) -> usize {
        self.loads.len()
    }
    pub(super) fn mean(&self, n: usize) -> f64 {
        self.mean_at(self.len() - 1, n)
    }
    /// up to and including i
    fn mean_at(&self, i: usize, n: usize) -> f64 {
        let n = n.min(i + 1);
        let before = if i + 1 > n { self.sums[i - n] } else { 0.0 };
        ((self.sums[i] - before) / n as f64).max(0.0)
    }
    fn load(&self, i: usize) -> f64 {
        f64::from(self.loads[i])
    }
    /// Theil-Sen over six
    pub(super) fn slope(&self) -> f64 {
        let n = self.len().min(6);
        if n < 3 { return 0.0; }
        let l = &self.loads[self.len() - n..];
        let mut s = Vec::with_capacity(15);
        for a in 0..n { for b in a + 1..n { s.push(f64::from(l[b] - l[a]) / (b - a) as f64); } }
        s.sort_unstable_by(f64::total_cmp);
        let m = s.len();
        if m % 2 == 1 { s[m / 2] } else { (s[m / 2] + s[m / 2 - 1]) / 2.0 }
    }
    pub(super) fn at(&self, i: usize, h: usize) -> (f64, [f64; COUNT]) {
        let level = self.mean_at(i, 3).max(0.05);
        let mut x = [0.0; COUNT];
        x[0] = self.load(i) / level - 1.0;
        x[1] = self.load(i.saturating_sub(1)) / level - 1.0;
        x[2] = self.mean_at(i, 5) / level - 1.0;
        x[3] = self.mean_at(i, 12) / level - 1.0;
        x[4] = self.mean_at(i, 30) / level - 1.0;
        x[5] = self.mean_at(i, 120) / level - 1.0;
        x[6] = self.mean_at(i, 1440) / level - 1.0;
        for (k, back) in [(7, 1440), (9, 10080)] {
            if i + h + 2 >= back && i + h + 2 - back > 10 && i + 1 > back + 5 {
                let there = self.mean_at(i + h + 2 - back, 5);
                let then = self.mean_at(i - back, 5);
                x[k] = there / level - 1.0;
                x[k + 1] = (there - then) / level;
            }
        }
        for x in &mut x { *x = x.clamp(-1.0, 2.0); }
        (level, x)
    }
}
