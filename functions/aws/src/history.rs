//! The load of services in the memory of a warm function: only a cache, topped up with the newest minutes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use pushboat::capacity::load::Points;
use pushboat::model::ServiceName;

/// Late data change minutes that have been seen.
const AGAIN_MINUTES: i64 = 15;
/// Four bytes each.
const MOST_POINTS: usize = 12_000_000;

/// What is measured, with the target group or nothing, and the statistic.
pub(crate) type Series = String;

/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histories(Arc<Mutex<BTreeMap<ServiceName, History>>>);

#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    first: i64,
    end: i64,
    /// By minute from `first` on; not a number where nothing is known.
    series: BTreeMap<Series, Vec<f32>>,
    /// Whether the service is measured every 20 seconds, as it was at that minute. Nobody says so, but its metrics.
    pub(crate) fast_at: Option<(bool, i64)>,
}

impl Histories {
    /// Takes out what is known of these series from `first` on, without the last minutes, which may have changed.
    pub(crate) fn take(&self, service: &ServiceName, series: &[Series], first: i64) -> Option<History> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = all.remove(service)?;
        let is_same =
            known.series.len() == series.len() && series.iter().all(|it| known.series.contains_key(it));
        // A longer span is asked anew, once.
        if !is_same || known.first > first || known.end - AGAIN_MINUTES <= first {
            return None;
        }
        known.cut(first, known.end - AGAIN_MINUTES);
        Some(known)
    }

    /// Keeps it, unless there is no room: then it is asked anew the next time.
    pub(crate) fn keep(&self, service: &ServiceName, history: History) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let points: usize = all.values().map(History::points).sum();
        if points + history.points() <= MOST_POINTS {
            all.insert(service.clone(), history);
        }
    }
}

impl History {
    pub(crate) fn new(first: i64, series: &[Series]) -> History {
        let series = series.iter().map(|name| (name.clone(), Vec::new())).collect();
        History { first, end: first, series, fast_at: None }
    }

    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    fn points(&self) -> usize {
        self.series.values().map(Vec::len).sum()
    }

    fn cut(&mut self, first: i64, end: i64) {
        let away = usize::try_from(first - self.first).unwrap_or(0);
        let length = usize::try_from(end - first).unwrap_or(0);
        for values in self.series.values_mut() {
            values.drain(..away.min(values.len()));
            values.truncate(length);
        }
        (self.first, self.end) = (first, end);
    }

    /// Goes on up to `end`, with what was read since.
    pub(crate) fn extend(&mut self, end: i64, read: &BTreeMap<Series, Points>) {
        for (name, values) in &mut self.series {
            let points = read.get(name);
            let value =
                |minute| points.and_then(|it| it.get(&minute)).map_or(f32::NAN, |value| *value as f32);
            values.extend((self.end..end).map(value));
        }
        self.end = self.end.max(end);
    }

    pub(crate) fn points_of(&self, series: &Series) -> Points {
        let values = self.series.get(series).map_or(&[][..], Vec::as_slice);
        let known = (self.first..).zip(values).filter(|(_, value)| !value.is_nan());
        known.map(|(minute, value)| (minute, f64::from(*value))).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn name() -> ServiceName {
        ServiceName { cluster: "pushboat".into(), service: "web".into() }
    }

    fn read(minutes: impl Iterator<Item = i64>, value: f64) -> BTreeMap<Series, Points> {
        BTreeMap::from([("cpu".to_owned(), minutes.map(|minute| (minute, value)).collect())])
    }

    #[test]
    fn what_is_known_is_kept_but_for_the_newest_minutes() {
        let (histories, series) = (Histories::default(), ["cpu".to_owned()]);
        let mut history = History::new(100, &series);
        history.extend(200, &read((100..200).filter(|minute| *minute != 150), 1.0));
        histories.keep(&name(), history);

        let mut known = histories.take(&name(), &series, 110).unwrap();
        assert_eq!(known.end(), 200 - AGAIN_MINUTES);
        known.extend(201, &read(185..201, 2.0));
        let points = known.points_of(&series[0]);
        assert_eq!(points.first_key_value(), Some((&110, &1.0)));
        assert_eq!((points.get(&184), points.get(&185), points.get(&150)), (Some(&1.0), Some(&2.0), None));
        assert_eq!(points.len(), 90);

        histories.keep(&name(), known.clone());
        assert!(histories.take(&name(), &["memory".to_owned()], 110).is_none(), "something else is asked");
        histories.keep(&name(), known.clone());
        assert!(histories.take(&name(), &series, 0).is_none(), "more is asked");
        histories.keep(&name(), known);
        assert!(histories.take(&name(), &series, 500).is_none(), "it is too old");
    }

    /// As many days of minutes as so many services are asked for, with the two metrics that one signal takes.
    #[test]
    fn a_thousand_services_have_room_in_a_function_of_128_megabytes() {
        let histories = Histories::default();
        let series = ["RequestCount Sum".to_owned(), "HealthyHostCount Maximum".to_owned()];
        let end = pushboat::control::days_of_load(1_000) * 24 * 60;
        for number in 0..1_000 {
            let mut history = History::new(0, &series);
            history.extend(end, &BTreeMap::new());
            let service = format!("service-{number}");
            histories.keep(&ServiceName { cluster: "pushboat".into(), service }, history);
        }
        let all = histories.0.lock().unwrap();
        assert_eq!(all.len(), 1_000, "each is kept");
        let vectors = all.values().flat_map(|history| history.series.values());
        let bytes: usize = vectors.map(|values| values.capacity() * size_of::<f32>()).sum();
        assert!(bytes < 50_000_000, "{bytes}");
    }
}
