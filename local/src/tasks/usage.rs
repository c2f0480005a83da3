//! The processor time and memory that the processes of tasks take, as the kernel counts them. Where there is no
//! `/proc`, nothing is known.

use std::collections::HashMap;
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Since its processes began, those included that they have waited for.
    pub cpu: Duration,
    /// Resident memory.
    pub memory_bytes: u64,
}

/// Which process groups are whose.
#[derive(Debug, Default)]
pub(super) struct Groups(Mutex<HashMap<i32, String>>);

impl Groups {
    pub(super) fn add(&self, task_arn: &str, group: Option<i32>) {
        if let Some(group) = group {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(group, task_arn.to_owned());
        }
    }

    pub(super) fn remove(&self, task_arn: &str, group: Option<i32>) {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The number may be somebody else's by now.
        if let Some(group) = group.filter(|group| groups.get(group).is_some_and(|it| it == task_arn)) {
            groups.remove(&group);
        }
    }

    pub(super) fn usage(&self) -> HashMap<String, Usage> {
        let groups = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if groups.is_empty() {
            return HashMap::new();
        }
        let mut usage: HashMap<String, Usage> = HashMap::new();
        for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let is_process =
                process.file_name().to_str().is_some_and(|it| it.bytes().all(|it| it.is_ascii_digit()));
            if !is_process {
                continue;
            }
            // A process may end between two lines.
            let Ok(stat) = fs::read_to_string(process.path().join("stat")) else { continue };
            let Some((group, of_process)) = parse(&stat) else { continue };
            if let Some(task_arn) = groups.get(&group) {
                let all = usage.entry(task_arn.clone()).or_default();
                all.cpu += of_process.cpu;
                all.memory_bytes += of_process.memory_bytes;
            }
        }
        usage
    }
}

/// The process group and usage in a line of `/proc/<id>/stat`. The name may hold anything, blanks and brackets too.
fn parse(stat: &str) -> Option<(i32, Usage)> {
    let (_, behind) = stat.rsplit_once(')')?;
    // Beginning with the state, the third field.
    let fields: Vec<&str> = behind.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = (14..=17).map(number).sum::<Option<u64>>()?;
    let group = fields.get(5 - 3)?.parse().ok()?;
    let cpu = Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second().max(1) as f64);
    Some((group, Usage { cpu, memory_bytes: number(24)? * rustix::param::page_size() as u64 }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read() {
        let line =
            "4242 (a b) c) S 1 4200 4200 0 -1 4194560 100 0 0 0 150 50 30 20 20 0 1 0 100 1000000 25 184467";
        let (group, usage) = parse(line).unwrap();
        assert_eq!(group, 4_200);
        let hertz = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(usage.cpu, Duration::from_secs_f64(250.0 / hertz));
        assert_eq!(usage.memory_bytes, 25 * rustix::param::page_size() as u64);
        assert_eq!(parse("1 (x"), None);
        assert_eq!(parse("1 (x) S 1 1"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_very_process_takes_something() {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let (group, _) = parse(&stat).unwrap();
        let groups = Groups::default();
        groups.add("me", Some(group));
        let usage = groups.usage();
        assert!(usage["me"].memory_bytes > 100_000, "{usage:?}");
        groups.remove("somebody else", Some(group));
        assert_eq!(groups.usage().len(), 1);
        groups.remove("me", Some(group));
        assert!(groups.usage().is_empty());
    }
}
