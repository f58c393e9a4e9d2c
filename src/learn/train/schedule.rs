/// The factor of the optimisers' rates over a training: flat, then falling to 0 in equal steps, as in Zhu et al. 2017.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Steps at the full rate.
    pub flat: u64,
    /// Steps in which it falls to 0 afterwards.
    pub fall: u64,
}

impl Schedule {
    /// Steps in all.
    pub fn steps(&self) -> u64 {
        self.flat + self.fall
    }

    /// Factor of step `step`, counted from 0; above 0 before [`Schedule::steps`], from there on 0.
    pub fn factor(&self, step: u64) -> f64 {
        match step.checked_sub(self.flat) {
            None => 1.0,
            Some(fallen) => 1.0 - (fallen.min(self.fall) as f64 / self.fall.max(1) as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_stay_and_fall() {
        let schedule = Schedule { flat: 10, fall: 20 };
        let got = [0, 9, 10, 20, 29, 30, 99].map(|s| schedule.factor(s));
        let want = [1.0, 1.0, 1.0, 0.5, 0.05, 0.0, 0.0];
        assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-15), "{got:?}");
        assert_eq!((schedule.steps(), Schedule { flat: 3, fall: 0 }.factor(2)), (30, 1.0));
    }
}
