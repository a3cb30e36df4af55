//! What many schedules came to, in numbers.

use std::{collections::BTreeMap, fmt, time::Duration};

use kube_status_to_github::plan::Rule;

/// Counts of everything that a table at the end shows.
#[derive(Debug, Default)]
pub struct Tally {
    pub schedules: u64,
    pub passes: u64,
    pub writes: u64,
    /// By kind.
    pub faults: BTreeMap<String, u64>,
    /// By row of the rule.
    pub rows: BTreeMap<&'static str, u64>,
    /// By name.
    pub exemptions: BTreeMap<&'static str, u64>,
    pub slowest: Option<(Duration, String)>,
}

impl Tally {
    pub fn row(&mut self, rule: Rule) {
        *self.rows.entry(rule.as_str()).or_default() += 1;
    }

    pub fn exempt(&mut self, name: &'static str) {
        *self.exemptions.entry(name).or_default() += 1;
    }

    /// Adds what another thread or schedule counted.
    pub fn add(&mut self, other: Self) {
        fn sum<K: Ord>(into: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
            for (key, count) in from {
                *into.entry(key).or_default() += count;
            }
        }
        self.schedules += other.schedules;
        self.passes += other.passes;
        self.writes += other.writes;
        sum(&mut self.faults, other.faults);
        sum(&mut self.rows, other.rows);
        sum(&mut self.exemptions, other.exemptions);
        if let Some(slow) = other.slowest {
            self.slowest(slow);
        }
    }

    pub fn slowest(&mut self, slow: (Duration, String)) {
        if self.slowest.as_ref().is_none_or(|slowest| slowest.0 < slow.0) {
            self.slowest = Some(slow);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<52}{:>10}", "schedules", self.schedules)?;
        writeln!(f, "{:<52}{:>10}", "passes", self.passes)?;
        writeln!(f, "{:<52}{:>10}", "writes that GitHub took", self.writes)?;
        for rule in Rule::ALL {
            let count = self.rows.get(rule.as_str()).copied().unwrap_or_default();
            writeln!(f, "{:<52}{count:>10}", format!("row {rule}"))?;
        }
        for (kind, count) in &self.faults {
            writeln!(f, "{:<52}{count:>10}", format!("fault {kind}"))?;
        }
        for (name, count) in &self.exemptions {
            writeln!(f, "{:<52}{count:>10}", format!("exempt: {name}"))?;
        }
        if let Some((time, which)) = &self.slowest {
            writeln!(f, "{:<52}{:>7} ms", format!("slowest: {which}"), time.as_millis())?;
        }
        Ok(())
    }
}
