//! What networks do to S3: it is tried again or there is an error, and the data are never wrong.

use std::sync::Arc;

use remotes::open;
use store::{Backend, BackendError, Expect};
use tempfile::TempDir;

use crate::proxy::{ALL, Fault, Proxy};
use crate::servers::{Conditions, S3Server, s3_variables, settings};
use crate::suite::{bytes, names};

struct Setting {
    server: S3Server,
    proxy: Proxy,
    home: TempDir,
    timeout: &'static str,
}

impl Setting {
    fn new(timeout: &'static str) -> Self {
        let server = S3Server::start(Conditions::Kept);
        let proxy = Proxy::start(server.address);
        Self { server, proxy, home: tempfile::tempdir().expect("a directory"), timeout }
    }

    fn open(&self, address: std::net::SocketAddr) -> Arc<dyn Backend> {
        let endpoint = format!("http://{address}");
        let mut variables = s3_variables(&endpoint);
        variables.push(("SEEDBED_REMOTE_TIMEOUT", self.timeout));
        open("s3://bucket/store", &settings(self.home.path(), &variables)).expect("opened")
    }
}

#[test]
fn what_fails_twice_is_tried_again() {
    let setting = Setting::new("2");
    let direct = setting.open(setting.server.address);
    let large = bytes((8 << 20) + 1, 1);
    let small = bytes(5000, 2);
    for (round, fault) in ALL.into_iter().enumerate() {
        let backend = setting.open(setting.proxy.address);
        let again = || setting.proxy.plan([fault, fault]);
        let name = format!("packs/{round}");
        again();
        backend.write(&name, &small).unwrap_or_else(|error| panic!("write after {fault:?}: {error:?}"));
        assert!(direct.read(&name).expect("written") == small);
        again();
        assert!(backend.read(&name).unwrap_or_else(|error| panic!("read after {fault:?}: {error:?}")) == small);
        again();
        assert!(
            backend.read_range(&name, 100, 3000).unwrap_or_else(|error| panic!("range after {fault:?}: {error:?}"))
                == small[100..3100]
        );
        again();
        assert!(names(backend.as_ref(), "packs/").contains(&(name.clone(), 5000)), "listed after {fault:?}");
        again();
        backend.delete(&name).unwrap_or_else(|error| panic!("delete after {fault:?}: {error:?}"));
        assert!(direct.read(&name).expect_err("deleted").is_not_found());
        for place in 0..4 {
            setting.proxy.plan(std::iter::repeat_n(Fault::None, place).chain([fault]));
            backend.write(&name, &large).unwrap_or_else(|error| panic!("{fault:?} at request {place}: {error:?}"));
            assert!(direct.read(&name).expect("written") == large, "{fault:?} at request {place}");
        }
    }
}

#[test]
fn what_stays_broken_is_an_error() {
    let setting = Setting::new("1");
    let direct = setting.open(setting.server.address);
    direct.write("packs/there", &bytes(100_000, 1)).expect("written");
    for number in 0..30 {
        direct.write(&format!("packs/{number}"), b"so that the listing is long").expect("written");
    }
    for fault in ALL.into_iter().filter(|fault| *fault != Fault::LostAnswer) {
        let backend = setting.open(setting.proxy.address);
        setting.proxy.forever(fault);
        let error = backend.read("packs/there").expect_err("it cannot be read");
        assert!(matches!(error, BackendError::Io { .. }), "{fault:?}: {error:?}");
        backend.read_range("packs/there", 5000, 50_000).expect_err("it cannot be read");
        backend.read_versioned("packs/there").expect_err("that is not the same as missing");
        backend.list("", &mut |_| Ok(())).expect_err("that is not the same as empty");
    }
}

#[test]
fn a_writer_whose_answer_got_lost_knows_that_it_won() {
    let setting = Setting::new("2");
    let backend = setting.open(setting.proxy.address);
    let first = backend.write_if("records/a", b"0", &Expect::Absent).expect("the server is probed");
    let mut expect = Expect::Version(first);
    for (round, fault) in ALL.into_iter().enumerate() {
        let name = format!("records/{round}");
        setting.proxy.plan([fault, fault]);
        backend.write_if(&name, b"x", &Expect::Absent).unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
        setting.proxy.plan([fault]);
        let error = backend.write_if(&name, b"y", &Expect::Absent).expect_err("it is there");
        assert!(error.is_conflict(), "{fault:?}: {error:?}");
        setting.proxy.plan([fault, fault]);
        let version = backend
            .write_if("records/a", round.to_string().as_bytes(), &expect)
            .unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
        let (content, now) = backend.read_versioned("records/a").expect("read").expect("it is there");
        assert_eq!((content, &now), (round.to_string().into_bytes(), &version));
        expect = Expect::Version(version);
    }
}

#[test]
fn two_writers_on_a_bad_line_never_both_win() {
    let setting = Setting::new("2");
    let backends = [setting.open(setting.proxy.address), setting.open(setting.proxy.address)];
    backends[0].write_if("records/first", b"", &Expect::Absent).expect("the server is probed");
    for round in 0..12_usize {
        let name = format!("records/{round}");
        setting
            .proxy
            .plan((0..6).map(|step| if step % 2 == 0 { ALL[(round + step) % ALL.len()] } else { Fault::None }));
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = backends
                .iter()
                .enumerate()
                .map(|(writer, backend)| {
                    let name = &name;
                    scope.spawn(move || backend.write_if(name, &[u8::try_from(writer).expect("two")], &Expect::Absent))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        let winners: Vec<_> = (0..2_u8).filter(|writer| results[usize::from(*writer)].is_ok()).collect();
        assert_eq!(winners.len(), 1, "round {round}: {results:?}");
        assert_eq!(backends[0].read(&name).expect("written"), winners, "the winner's content is there");
    }
}
