//! `stats`: what the services of an environment use of the machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use daemon::Client;
use runtime::Usage;
use supervisor::KindTag;

use crate::context::{Context, Target};
use crate::place::Place;
use crate::record::Record;
use crate::{Error, budget};

/// The row of the supervisor itself.
const SUPERVISOR: &str = "supervisor";

/// What one service uses.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageReport {
    /// Its name; that of the supervisor is `supervisor`.
    pub unit: String,
    /// How many processes it has.
    pub processes: u32,
    /// Memory in bytes, of which nothing is counted twice.
    pub memory: u64,
    /// The most memory that it was seen to use since it was started.
    pub most_memory: u64,
    /// The memory that the manifest says it needs, in bytes.
    pub declared_memory: Option<u64>,
    /// Memory in bytes that is in the machine, shared or not.
    pub resident: u64,
    /// How much of one processor it used since the last look, in percent.
    pub cpu_percent: f64,
    /// The time of processors that it has used since it was started, in milliseconds.
    pub cpu_ms: u64,
}

/// What is looked at again and again.
pub struct Meter {
    place: Place,
    environment: String,
    declared: BTreeMap<String, u64>,
    before: BTreeMap<u32, u64>,
    looked: Instant,
}

impl Meter {
    /// Begins to measure the processes of an environment.
    pub fn start(context: &Context<'_>, target: &Target) -> Result<Self, Error> {
        let place = target.place(context);
        if Record::read(place.directory())?.is_none() {
            return Err(Error::NoEnvironment(target.name.clone()));
        }
        let declared = budget::declared(context, target);
        let mut meter =
            Self { declared, place, environment: target.name.clone(), before: BTreeMap::new(), looked: Instant::now() };
        meter.look()?;
        Ok(meter)
    }

    /// What each running service uses, those that use most first, and the supervisor last. The share of the processor is
    /// that since the last look.
    pub fn look(&mut self) -> Result<Vec<UsageReport>, Error> {
        let measured = measure(&self.place.socket()).map_err(|error| match error {
            Error::NotRunning(_) => Error::NotRunning(self.environment.clone()),
            other => other,
        })?;
        budget::remember(&self.place, &measured);
        let most = budget::remembered(&self.place);
        let now = Instant::now();
        let passed = now.duration_since(self.looked).max(Duration::from_millis(1));
        let mut reports: Vec<UsageReport> = measured
            .iter()
            .map(|Measured { unit, pid, usage }| {
                let Usage { processes, memory, resident, cpu_ms } = *usage;
                let used = self.before.get(pid).map_or(0, |before| cpu_ms.saturating_sub(*before));
                let cpu_percent = Duration::from_millis(used).as_secs_f64() / passed.as_secs_f64() * 100.0;
                let most_memory = most.get(unit).copied().unwrap_or(memory);
                let declared_memory = self.declared.get(unit).copied();
                UsageReport {
                    declared_memory,
                    unit: unit.clone(),
                    processes,
                    memory,
                    most_memory,
                    resident,
                    cpu_percent,
                    cpu_ms,
                }
            })
            .collect();
        reports.sort_by(|a, b| {
            let key = |report: &UsageReport| (report.unit == SUPERVISOR, std::cmp::Reverse(report.memory));
            key(a).cmp(&key(b)).then_with(|| a.unit.cmp(&b.unit))
        });
        self.before = measured.into_iter().map(|one| (one.pid, one.usage.cpu_ms)).collect();
        self.looked = now;
        Ok(reports)
    }
}

/// What the processes of one unit use.
pub(crate) struct Measured {
    pub(crate) unit: String,
    pub(crate) pid: u32,
    pub(crate) usage: Usage,
}

/// Measures all that the supervisor at a socket runs, and itself.
pub(crate) fn measure(socket: &Path) -> Result<Vec<Measured>, Error> {
    let client = Client::connect(socket).map_err(Error::Supervisor)?;
    let Some(mut client) = client else { return Err(Error::NotRunning(String::new())) };
    let statuses = client.status().map_err(Error::Supervisor)?;
    let running = statuses.iter().filter(|status| status.kind != KindTag::External);
    let mut names: BTreeMap<u32, String> =
        running.filter_map(|status| Some((status.pid?, status.id.to_string()))).collect();
    names.insert(client.pid(), SUPERVISOR.to_owned());
    drop(client);
    let leaders: Vec<u32> = names.keys().copied().collect();
    let Some(groups) = runtime::usage(&leaders) else { return Err(Error::NoUsage) };
    let measured =
        groups.into_iter().filter_map(|(pid, usage)| Some(Measured { unit: names.remove(&pid)?, pid, usage }));
    Ok(measured.collect())
}
