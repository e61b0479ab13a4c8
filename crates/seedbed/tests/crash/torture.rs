//! Commands killed at random moments, often two at once: no reported snapshot is lost, nothing is half done, and the next
//! command puts right what is left.
//!
//! The test is a small campaign with a fixed seed. `cargo xtask torture` runs large ones: `SEEDBED_TORTURE_RUNS`,
//! `SEEDBED_TORTURE_SEED` and `SEEDBED_TORTURE_JOBS` say how long, which, and how many workspaces side by side, each with the
//! next seed. A seed fixes what is done; at which instruction a command dies it cannot fix.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};

use crate::model::{Content, Outcome, State, Work, add_files, possible};
use crate::world::{DECLARED, Running, World};

/// How many snapshots are there at most, so that collection has something to do.
const TAGS: usize = 6;
/// After so many runs everything is looked at, not only what is quick to see.
const WHOLE_LOOK: u32 = 20;

/// A command that is about to be killed, or to be in the way of another one.
struct Attempt {
    word: &'static str,
    arguments: Vec<String>,
    work: Work,
    /// The snapshot that it takes, gets or sends.
    tag: Option<String>,
}

/// How often a command was started, was killed, and was done all the same.
#[derive(Default)]
struct Count {
    started: u32,
    killed: u32,
    ended: u32,
    refused: u32,
}

/// A workspace and what is known of it.
struct Campaign {
    world: World,
    rng: Rng,
    /// What there may be; they differ only in what `undo` would bring back.
    states: Vec<State>,
    /// What each snapshot that is listed may hold: one content, unless two commands ran at once when it was taken.
    tags: BTreeMap<String, Vec<Content>>,
    /// The same of the remote.
    remote: BTreeMap<String, Vec<Content>>,
    /// How long each command takes.
    usual: BTreeMap<&'static str, Duration>,
    counts: BTreeMap<&'static str, Count>,
    others_killed: u32,
    number: u32,
    /// What was done in this run.
    story: String,
}

impl Campaign {
    fn new(seed: u64) -> Self {
        let world = World::new();
        add_files(&world);
        world.done(&["up"]);
        let states = vec![State::new(Content::read(&world))];
        let mut campaign = Self {
            world,
            rng: Rng::with_seed(seed),
            states,
            tags: BTreeMap::new(),
            remote: BTreeMap::new(),
            usual: BTreeMap::new(),
            counts: BTreeMap::new(),
            others_killed: 0,
            number: 0,
            story: String::new(),
        };
        let words = ["snapshot", "push", "restore", "reset", "undo", "up", "tend", "collect", "pull"];
        for word in words {
            let attempt = campaign.attempt(word);
            campaign.together(&[attempt], false);
        }
        campaign
    }

    /// What there is.
    fn content(&self) -> Content {
        self.states[0].content.clone()
    }

    /// One run: something is changed, one or two commands are killed, the next one is not.
    fn run(&mut self) {
        self.story.clear();
        self.change();
        self.keep_few();
        let mut attempts = vec![self.any()];
        if self.rng.bool() {
            attempts.push(self.any());
        }
        self.together(&attempts, true);
        self.look();
    }

    /// Changes rows and files, as a service would.
    fn change(&mut self) {
        let mark = self.rng.u32(..);
        for (database, first) in [("orders", 'a'), ("stock", 'x')] {
            let connection = Connection::open(self.world.database(database)).expect("the database");
            connection.busy_timeout(Duration::from_secs(10)).expect("a time");
            let (row, other) = (self.rng.u32(..20), self.rng.u32(..20));
            let script = format!(
                "INSERT OR REPLACE INTO {database} VALUES ('r{row}', 'n{mark}');
                DELETE FROM {database} WHERE code = 'r{other}';
                UPDATE {database} SET note = 'm{mark}' WHERE code = '{first}';"
            );
            connection.execute_batch(&script).expect("rows");
        }
        let media = self.world.path("media");
        for _ in 0..self.rng.u32(1..6) {
            let directory = media.join(format!("{}", self.rng.u32(..12)));
            let file = directory.join(format!("{}", self.rng.u32(..300)));
            match self.rng.u32(..8) {
                0 => drop(std::fs::remove_dir_all(&directory)),
                1 | 2 => drop(std::fs::remove_file(&file)),
                3 => drop(std::fs::rename(&file, directory.join(format!("moved{}", self.rng.u32(..9))))),
                _ => {
                    std::fs::create_dir_all(&directory).expect("a directory");
                    std::fs::write(&file, format!("{mark}\n").repeat(self.rng.usize(..400))).expect("a file");
                }
            }
        }
        let content = Content::read(&self.world);
        for state in &mut self.states {
            state.content = content.clone();
        }
    }

    /// Removes snapshots that are too many, and at times one that can be pulled again.
    fn keep_few(&mut self) {
        if let Some(tag) = self.any_of(|campaign| &campaign.remote)
            && self.tags.contains_key(&tag)
            && self.rng.u8(..3) == 0
        {
            self.delete(&tag);
        }
        while self.tags.len() >= TAGS {
            let tag = self.any_of(|campaign| &campaign.tags).expect("there are several");
            self.delete(&tag);
        }
    }

    fn delete(&mut self, tag: &str) {
        self.world.done(&["delete", "--yes", tag]);
        self.tags.remove(tag);
    }

    fn any_of(&mut self, tags: impl Fn(&Self) -> &BTreeMap<String, Vec<Content>>) -> Option<String> {
        let count = tags(self).len();
        let index = self.rng.usize(..count.max(1));
        tags(self).keys().nth(index).cloned()
    }

    fn any(&mut self) -> Attempt {
        let words = [
            "snapshot", "snapshot", "restore", "restore", "push", "push", "pull", "collect", "reset", "up", "undo",
            "tend",
        ];
        let word = words[self.rng.usize(..words.len())];
        self.attempt(word)
    }

    fn attempt(&mut self, word: &'static str) -> Attempt {
        let attempt = |arguments: &[&str], work, tag| Attempt {
            word,
            arguments: arguments.iter().map(ToString::to_string).collect(),
            work,
            tag,
        };
        let here = self.any_of(|campaign| &campaign.tags);
        let there = self.any_of(|campaign| &campaign.remote);
        match (word, here, there) {
            ("restore", Some(tag), _) => {
                attempt(&["restore", &tag], Work::Restore(self.tags[&tag].clone()), Some(tag.clone()))
            }
            ("push", Some(tag), _) => attempt(&["push", &tag], Work::Nothing, Some(tag.clone())),
            ("pull", _, Some(tag)) => attempt(&["pull", &tag], Work::Nothing, Some(tag.clone())),
            ("collect", _, Some(_)) if self.rng.bool() => {
                attempt(&["store", "collect", "--remote", "team"], Work::Nothing, None)
            }
            ("collect", ..) => attempt(&["store", "collect"], Work::Nothing, None),
            ("tend" | "up", ..) => attempt(&[word], Work::Nothing, None),
            ("reset", ..) => attempt(&["reset"], Work::Reset, None),
            ("undo", ..) => attempt(&["undo"], Work::Undo, None),
            _ => {
                self.number += 1;
                let tag = format!("s{}", self.number);
                let arguments = vec!["snapshot".to_owned(), tag.clone()];
                Attempt { word: "snapshot", arguments, work: Work::Snapshot, tag: Some(tag) }
            }
        }
    }

    /// Starts one or two commands, kills them or lets them end, and works out what there may be then.
    fn together(&mut self, attempts: &[Attempt], is_killing: bool) {
        let began = Instant::now();
        let mut moment = Duration::ZERO;
        let mut running: Vec<(Running, Duration)> = Vec::new();
        for attempt in attempts {
            let usual = self.usual.get(attempt.word).copied().unwrap_or_default();
            wait_until(began + moment);
            let words: Vec<&str> = attempt.arguments.iter().map(String::as_str).collect();
            let delay = usual.mul_f64(self.rng.f64());
            running.push((self.world.start(&words), moment + delay));
            moment += usual.mul_f64(self.rng.f64());
            self.counts.entry(attempt.word).or_default().started += 1;
        }
        // One of two may live, and is then to do its work beside what the other one has left.
        let spared = if attempts.len() > 1 && self.rng.u8(..3) == 0 { Some(self.rng.usize(..2)) } else { None };
        let mut order: Vec<usize> = (0..running.len()).filter(|index| is_killing && Some(*index) != spared).collect();
        order.sort_by_key(|index| running[*index].1);
        for index in order {
            wait_until(began + running[index].1);
            running[index].0.signal(Signal::KILL);
            let words = attempts[index].arguments.join(" ");
            let _ = writeln!(self.story, "`{words}` killed at {:?}", running[index].1);
        }
        let is_lonely = is_killing && self.kill_others();
        let mut works = Vec::new();
        let is_alone = attempts.len() == 1;
        for (attempt, (one, _)) in attempts.iter().zip(running) {
            let ended = one.end();
            if is_alone && ended.code() == Some(0) {
                let usual = self.usual.entry(attempt.word).or_insert_with(|| began.elapsed());
                *usual = (*usual + began.elapsed()) / 2;
            }
            let count = self.counts.entry(attempt.word).or_default();
            let _ = writeln!(self.story, "`{}`: {} {}", ended.words, ended.status, ended.errors.trim());
            let outcome = match ended.code() {
                None => Outcome::Killed,
                Some(0) => Outcome::Done,
                Some(code) => {
                    let has_nothing = attempt.work == Work::Undo && !self.states.iter().all(State::has_aside);
                    let is_collecting = attempt.word == "collect" && ended.errors.contains("another collection");
                    let is_expected = code == 5 && has_nothing || !is_alone && is_collecting || is_lonely;
                    assert!(is_expected, "not killed, and not done:\n{}", self.story);
                    Outcome::Refused
                }
            };
            match outcome {
                Outcome::Killed => count.killed += 1,
                Outcome::Done => count.ended += 1,
                Outcome::Refused => count.refused += 1,
            }
            works.push((attempt.work.clone(), outcome));
        }
        self.settle(attempts, &works);
    }

    /// Kills what works in the background, at times, and more seldom the supervisor with its services.
    fn kill_others(&mut self) -> bool {
        let environment = self.world.environment();
        if self.rng.u8(..3) == 0 && kill_named(&environment.join("tend.pid"), " tend ") {
            self.others_killed += 1;
        }
        let is_lonely = self.rng.u8(..8) == 0 && kill_named(&environment.join("supervisor.pid"), " supervise ");
        if is_lonely {
            self.others_killed += 1;
            self.story.push_str("the supervisor was killed\n");
        }
        is_lonely
    }

    /// The next command puts right what was left; then there is one of what may be.
    fn settle(&mut self, attempts: &[Attempt], works: &[(Work, Outcome)]) {
        let (ends, found) = possible(&self.states, works);
        let same = self.world.path("same.yaml").display().to_string();
        // Commands that change nothing by themselves, so that what they put right can be seen.
        let next: &[&str] = if self.rng.u8(..4) == 0 { &["load", &same] } else { &["up"] };
        let ended = self.world.run(next);
        assert!(ended.status.success(), "the next command, `{}`:\n{}\n{}", ended.words, ended.errors, self.story);
        let _ = writeln!(self.story, "`{}`: {}", ended.words, ended.errors.trim());
        let content = Content::read(&self.world);
        self.states = ends.iter().filter(|state| state.content == content).cloned().collect();
        if self.states.is_empty() {
            let differences: Vec<String> = ends.iter().map(|state| content.difference(&state.content)).collect();
            panic!("there is {content:?}, which differs from\n{differences:#?}\n{ends:#?}\n{}", self.story);
        }

        let listed = self.world.snapshots();
        for (attempt, ((work, outcome), found)) in attempts.iter().zip(works.iter().zip(found)) {
            let Some(tag) = attempt.tag.clone() else { continue };
            let is_listed = listed.contains(&tag);
            let is_done = *outcome == Outcome::Done;
            match attempt.word {
                "snapshot" if is_listed && *work == Work::Snapshot => drop(self.tags.insert(tag, found)),
                "pull" if is_listed => {
                    let contents = self.remote[&tag].clone();
                    self.tags.entry(tag).or_insert(contents);
                }
                "push" if is_done => {
                    let contents = self.tags[&tag].clone();
                    self.remote.entry(tag).or_insert(contents);
                }
                "snapshot" | "pull" => assert!(!is_done, "{tag} was reported and is not there\n{}", self.story),
                _ => {}
            }
        }
    }

    /// What is quick to see.
    fn look(&self) {
        let listed = self.world.snapshots();
        let missing: Vec<&String> = self.tags.keys().filter(|tag| !listed.contains(tag)).collect();
        assert!(missing.is_empty(), "{missing:?} are gone\n{}", self.story);
        self.check(&["store", "check"]);
    }

    fn check(&self, command: &[&str]) {
        let ended = self.world.run(command);
        assert!(ended.status.success(), "{}: {}{}\n{}", ended.words, ended.output, ended.errors, self.story);
    }

    /// Everything: all bytes, all snapshots, the kept states, what was sent, and that nothing is left when it is down.
    fn look_at_all(&mut self) {
        self.story.clear();
        self.check(&["store", "check", "--data"]);
        if !self.remote.is_empty() {
            self.check(&["store", "check", "--data", "--remote", "team"]);
        }
        for tag in self.tags.keys().cloned().collect::<Vec<_>>() {
            self.restores(&tag);
        }
        if let Some(tag) = self.any_of(|campaign| &campaign.remote) {
            if self.tags.contains_key(&tag) {
                self.delete(&tag);
            }
            self.world.done(&["pull", &tag]);
            self.tags.insert(tag.clone(), self.remote[&tag].clone());
            self.restores(&tag);
            self.remote.insert(tag.clone(), self.tags[&tag].clone());
        }
        let before = self.content();
        self.world.done(&["reset"]);
        assert_eq!(self.world.content(), DECLARED, "reset");
        self.world.done(&["undo"]);
        assert!(Content::read(&self.world) == before, "undo of the reset");
        self.states = possible(&self.states, &[(Work::Reset, Outcome::Done)]).0;
        self.states = possible(&self.states, &[(Work::Undo, Outcome::Done)]).0;
        self.world.is_down_without_rest();
        self.world.done(&["up"]);
        assert!(Content::read(&self.world) == before, "up after down");
    }

    fn restores(&mut self, tag: &str) {
        // With `--prove` it comes from the store, even if the engine still has it.
        let proving: &[&str] = if self.rng.bool() { &["restore", "--prove", tag] } else { &["restore", tag] };
        self.world.done(proving);
        let content = Content::read(&self.world);
        let contents = &self.tags[tag];
        if !contents.contains(&content) {
            let differences: Vec<String> = contents.iter().map(|other| content.difference(other)).collect();
            panic!("{tag} holds {content:?}, which differs from\n{differences:#?}\n{contents:#?}");
        }
        self.states = possible(&self.states, &[(Work::Restore(vec![content.clone()]), Outcome::Done)]).0;
        self.tags.insert(tag.to_owned(), vec![content]);
    }

    fn report(&self, seed: u64, runs: u32, took: Duration) -> String {
        let mut text = format!("seed {seed}: {runs} runs in {:.0} s\n", took.as_secs_f64());
        for (word, count) in &self.counts {
            let Count { started, killed, ended, refused } = count;
            let _ = writeln!(
                text,
                "  {word:<10} {started:>5} started, {killed:>5} killed, {ended:>5} done, {refused:>3} refused"
            );
        }
        let killed: u32 = self.counts.values().map(|count| count.killed).sum();
        let _ = writeln!(text, "  {killed} commands killed, and {} processes beside them", self.others_killed);
        text
    }
}

/// Kills the process that a file names, if it is one with this word.
fn kill_named(file: &Path, word: &str) -> bool {
    let pid = std::fs::read_to_string(file).ok().and_then(|text| Pid::from_raw(text.trim().parse().ok()?));
    let Some(pid) = pid else { return false };
    let words = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    let words = String::from_utf8_lossy(&words).replace('\0', " ");
    words.contains(word) && kill_process(pid, Signal::KILL).is_ok()
}

fn wait_until(moment: Instant) {
    std::thread::sleep(moment.saturating_duration_since(Instant::now()));
}

fn say(text: &str) {
    // Straight to the terminal: it takes minutes, and somebody waits.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn campaign(seed: u64, runs: u32) {
    let began = Instant::now();
    let mut campaign = Campaign::new(seed);
    for run in 1..=runs {
        let result = catch_unwind(AssertUnwindSafe(|| {
            campaign.run();
            if run % WHOLE_LOOK == 0 || run == runs {
                campaign.look_at_all();
            }
        }));
        if run % 100 == 0 {
            say(&format!("seed {seed}: {run} of {runs} runs, {:.0} s\n", began.elapsed().as_secs_f64()));
        }
        if let Err(panic) = result {
            let kept = std::env::temp_dir().join(format!("seedbed-torture-{seed}-{run}"));
            let root = campaign.world.path("");
            // Only for whoever looks into it.
            let _ = Command::new("cp").arg("-a").arg(&root).arg(&kept).status();
            say(&format!("seed {seed}, run {run}; the workspace is kept in {}\n", kept.display()));
            resume_unwind(panic);
        }
    }
    say(&campaign.report(seed, runs, began.elapsed()));
}

#[test]
fn commands_killed_at_random_leave_nothing_half_done() {
    let number =
        |name: &str, other: u64| std::env::var(name).map_or(other, |text| text.parse().expect("a whole number"));
    let (runs, seed) = (number("SEEDBED_TORTURE_RUNS", 60), number("SEEDBED_TORTURE_SEED", 1));
    let jobs = number("SEEDBED_TORTURE_JOBS", 1).max(1);
    std::thread::scope(|scope| {
        for job in 0..jobs {
            let runs = runs / jobs + u64::from(job < runs % jobs);
            scope.spawn(move || campaign(seed + job, u32::try_from(runs).expect("not that many runs")));
        }
    });
}
