//! Loads over two databases of each engine, with a fault at every statement: the connection is lost, or the process is
//! killed, before it or after it. Then the next command finds everything as before or as after.

mod calls;
mod fault;
mod proxy;
mod server;
mod world;

use database::EngineKind;

use crate::Error;
use crate::ledger::LoadMode;
use fault::Kind;
use server::Server;
use world::{Content, Shape, Specs, World};

/// What is loaded first: records and rows that are generated, in both databases.
const FIRST: Specs = Specs {
    lms: "{ users: [{ username: ada, age: 36 }, { username: bob, age: 7 }, { username: eve }],
            enrolments: [{ username: bob, course: x }] }",
    shop: "{ buyers: [{ name: ada }, { name: bob }], orders: [{ number: n1, buyer_id: bob }] }",
    own: "{ seedbed: 1, records: { visits: { count: 3, page: 'p{n}' }, shop.views: { count: 2, page: 'p{n}' } } }",
};

/// What it is later: with other values, with more, and with less.
const THEN: Specs = Specs {
    lms: "{ users: [{ username: ada, age: 37 }, { username: new }] }",
    shop: "{ buyers: [{ name: ada }] }",
    own: "{ seedbed: 1, records: { visits: { count: 2, page: 'q{n}' }, shop.views: { count: 3, page: 'q{n}' } } }",
};

/// What is done, to what is there before.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Load(LoadMode),
    Unload,
}

impl Operation {
    const ALL: [Self; 5] = [
        Self::Load(LoadMode::Ensure),
        Self::Load(LoadMode::Update),
        Self::Load(LoadMode::Replace),
        Self::Load(LoadMode::Add),
        Self::Unload,
    ];

    fn carry_out(self, world: &World) -> Result<(), Error> {
        match self {
            Self::Load(mode @ LoadMode::Ensure) => world.load(mode, &FIRST),
            Self::Load(mode) => world.load(mode, &THEN),
            Self::Unload => world.unload(),
        }
    }
}

/// Lets each kind of fault happen at each statement of an operation.
fn story(world: &World<'_>, operation: Operation) {
    if !matches!(operation, Operation::Load(LoadMode::Ensure)) {
        world.load(LoadMode::Ensure, &FIRST).unwrap();
    }
    let before = world.content();
    let undisturbed = world.with(Kind::Lost, usize::MAX, |world| operation.carry_out(world).is_ok());
    assert!(undisturbed.is_success && !undisturbed.has_happened, "{operation:?} goes well");
    let after = world.content().shape();
    assert_ne!(before.shape(), after, "{operation:?} does something");
    world.put(&before);
    assert_eq!(world.content(), before, "what is put there is there");
    let statements = undisturbed.statements;
    assert!(statements.len() > 20, "{operation:?} makes {} statements", statements.len());
    let mut faults = 0;
    for (at, statement) in statements.iter().enumerate() {
        let earlier = at.checked_sub(1).map(|at| &statements[at]);
        for kind in Kind::ALL.into_iter().filter(|kind| statement.is_worth(*kind, earlier)) {
            fault(world, (operation, kind, at), (&before, &after));
            faults += 1;
        }
    }
    println!("{operation:?}: {} statements, {faults} faults", statements.len());
}

/// Lets one fault happen, and looks at what it leaves.
fn fault(world: &World<'_>, (operation, kind, at): (Operation, Kind, usize), (before, after): (&Content, &Shape)) {
    let told = format!("{operation:?}, {kind:?} at statement {at}");
    let outcome = world.with(kind, at, |world| operation.carry_out(world).is_ok());
    assert!(outcome.has_happened, "{told}: there is no such statement");
    world.recover();
    let content = world.content();
    if content == *before {
        assert!(!outcome.is_success, "{told}: it says that all went well");
        return;
    }
    let shape = content.shape();
    assert_eq!(shape, *after, "{told}: neither as before nor as after");
    world.put(before);
}

#[test]
fn of_sqlite_are_lost_one_by_one() {
    let world = World::on_sqlite();
    for operation in Operation::ALL {
        story(&world, operation);
        world.clear();
    }
}

fn on_a_server(kind: EngineKind) {
    let Some(server) = Server::start(kind) else { return };
    // Each operation has databases of its own.
    std::thread::scope(|scope| {
        for operation in
            Operation::ALL.into_iter().filter(|operation| !matches!(operation, Operation::Load(LoadMode::Add)))
        {
            let server = &server;
            scope.spawn(move || {
                let name = format!("{operation:?}").replace(['(', ')'], "");
                story(&World::on_server(server, kind, &name), operation);
            });
        }
    });
}

#[test]
fn of_postgres_are_lost_one_by_one() {
    on_a_server(EngineKind::Postgres);
}

#[test]
fn of_mariadb_are_lost_one_by_one() {
    on_a_server(EngineKind::Mysql);
}
