//! What holds of every plan, whatever is declared and whatever is found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use plan::{Action, DatabaseId, Model, Plan, StateWork};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use supervisor::UnitId;

use crate::support::{Command, World};

mod support;

/// A task, a service or a schema step, before names are chosen for what it refers to.
#[derive(Debug, Clone)]
struct Part {
    has_inputs: bool,
    after: Vec<Index>,
    uses: Vec<Index>,
}

#[derive(Debug, Clone)]
struct Workspace {
    tasks: Vec<Part>,
    services: Vec<Part>,
    databases: Vec<(bool, Option<Part>)>,
    has_data: bool,
}

/// Something that happens to the world between two commands.
#[derive(Debug, Clone)]
enum Happening {
    Run(Command, usize),
    Down,
    Stop(Index),
    Unready(Index),
    Undeclared,
    LoseDatabase(Index),
    LoseCopy(Index),
    LoseOutput(Index),
    ForgetTask(Index),
    Edit(Index),
}

fn part() -> impl Strategy<Value = Part> {
    let some = || prop::collection::vec(any::<Index>(), 0..3);
    (prop::bool::weighted(0.8), some(), prop::collection::vec(any::<Index>(), 0..2))
        .prop_map(|(has_inputs, after, uses)| Part { has_inputs, after, uses })
}

fn workspace() -> impl Strategy<Value = Workspace> {
    let parts = || prop::collection::vec(part(), 0..3);
    let database = (prop::bool::weighted(0.3), prop::option::weighted(0.7, part()));
    (parts(), parts(), prop::collection::vec(database, 0..3), any::<bool>())
        .prop_map(|(tasks, services, databases, has_data)| Workspace { tasks, services, databases, has_data })
}

fn command() -> impl Strategy<Value = Command> {
    let works = [StateWork::Reset, StateWork::Snapshot, StateWork::Restore, StateWork::Undo, StateWork::Recover];
    prop_oneof![3 => Just(Command::Up), 4 => select(works.to_vec()).prop_map(Command::Around), 1 => Just(Command::Load), 1 => Just(Command::SaveServers)]
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let happening = prop_oneof![
        4 => (command(), 0..20_usize).prop_map(|(command, count)| Happening::Run(command, count)),
        1 => Just(Happening::Down),
        1 => Just(Happening::Undeclared),
        2 => any::<Index>().prop_map(Happening::Stop),
        1 => any::<Index>().prop_map(Happening::Unready),
        1 => any::<Index>().prop_map(Happening::LoseDatabase),
        1 => any::<Index>().prop_map(Happening::LoseCopy),
        1 => any::<Index>().prop_map(Happening::LoseOutput),
        1 => any::<Index>().prop_map(Happening::ForgetTask),
        3 => any::<Index>().prop_map(Happening::Edit),
    ];
    prop::collection::vec(happening, 0..6)
}

/// Writes the manifests: workspace N depends on those before it and, if `is_mutual`, the first on the last.
fn manifests(workspaces: &[Workspace], is_mutual: bool) -> Vec<String> {
    let mut texts = Vec::new();
    for (number, workspace) in workspaces.iter().enumerate() {
        let mut known: Vec<usize> = (0..number).collect();
        if is_mutual && number == 0 && workspaces.len() > 1 {
            known.push(workspaces.len() - 1);
        }
        let mut text = format!("name: w{number}\n");
        let _ = writeln!(
            text,
            "dependencies: {{ {} }}",
            known.iter().map(|other| format!("w{other}: ../w{other}")).collect::<Vec<_>>().join(", ")
        );
        let mut targets: Vec<String> = known.iter().map(|other| format!("w{other}")).collect();
        let mut databases: Vec<String> =
            (0..workspace.databases.len()).map(|database| format!("databases.d{database}.url")).collect();
        for other in &known {
            let count = workspaces[*other].databases.len();
            databases.extend((0..count).map(|database| format!("dependencies.w{other}.d{database}")));
            let services = 0..workspaces[*other].services.len();
            targets.extend(services.map(|service| format!("w{other}/s{service}")));
        }
        let body = |part: &Part, targets: &[String], databases: &[String]| {
            let chosen = |from: &[String], indexes: &[Index]| -> BTreeSet<String> {
                indexes.iter().filter(|_| !from.is_empty()).map(|index| index.get(from).clone()).collect()
            };
            let after: Vec<_> = chosen(targets, &part.after).into_iter().collect();
            let env: Vec<_> = chosen(databases, &part.uses)
                .iter()
                .enumerate()
                .map(|(index, database)| format!("V{index}: \"${{{database}}}\""))
                .collect();
            format!("run: program, after: [{}], env: {{ {} }}", after.join(", "), env.join(", "))
        };
        let inputs = |part: &Part| if part.has_inputs { ", inputs: [inputs]" } else { "" };
        text.push_str("tasks:\n");
        for (index, task) in workspace.tasks.iter().enumerate() {
            let _ = writeln!(text, "  t{index}: {{ {}{} }}", body(task, &targets, &databases), inputs(task));
            targets.push(format!("t{index}"));
        }
        text.push_str("databases:\n");
        for (index, (has_server, schema)) in workspace.databases.iter().enumerate() {
            let engine = if *has_server { "postgres" } else { "sqlite" };
            let schema = schema.as_ref().map_or_else(String::new, |schema| {
                format!(", schema: {{ {}{} }}", body(schema, &targets, &databases[..index]), inputs(schema))
            });
            let data = if workspace.has_data { ", data: [data.yaml]" } else { "" };
            let _ = writeln!(text, "  d{index}: {{ engine: {engine}{schema}{data} }}");
        }
        text.push_str("services:\n");
        for (index, service) in workspace.services.iter().enumerate() {
            let _ = writeln!(text, "  s{index}: {{ {}, port: auto }}", body(service, &targets, &databases));
            targets.push(format!("s{index}"));
        }
        text.push_str("exports:\n");
        for index in 0..workspace.databases.len() {
            let _ = writeln!(text, "  d{index}: ${{databases.d{index}.url}}");
        }
        let empty = |section: &str| format!("{section}:\n");
        for section in ["tasks", "databases", "services", "exports"] {
            let next = text.find(&empty(section)).map(|start| start + section.len() + 2).expect("it was written above");
            if !text[next..].starts_with(' ') {
                text = text.replace(&empty(section), "");
            }
        }
        texts.push(text.replace("dependencies: {  }\n", ""));
    }
    texts
}

/// The model of these workspaces, from the last; `None` when they wait for each other in a circle.
fn model(workspaces: &[Workspace], is_mutual: bool) -> Option<Model> {
    let directory = tempfile::tempdir().expect("made");
    let texts = manifests(workspaces, is_mutual);
    for (number, text) in texts.iter().enumerate() {
        let place = directory.path().join(format!("w{number}"));
        fs::create_dir(&place).expect("made");
        fs::write(place.join("seedbed.yaml"), text).expect("written");
        fs::write(place.join("data.yaml"), "{}").expect("written");
    }
    match support::resolve(&directory.path().join(format!("w{}", workspaces.len() - 1)), None) {
        Ok(model) => Some(model),
        Err(problems) => {
            for problem in &problems {
                assert_eq!(problem.code, "plan::circle", "{problem:?}\n{}", texts.join("---\n"));
            }
            None
        }
    }
}

fn happen(world: &mut World, model: &Model, happening: &Happening) {
    fn choose<'a, T>(from: impl IntoIterator<Item = &'a T>, index: Index) -> Option<T>
    where
        T: Clone + 'a,
    {
        let all: Vec<&T> = from.into_iter().collect();
        (!all.is_empty()).then(|| (*index.get(&all)).clone())
    }
    match happening {
        Happening::Run(command, count) => {
            let plan = world.plan(model, *command, &BTreeSet::new());
            world.carry_out(model, &plan, *count);
        }
        Happening::Down => world.observed.running.clear(),
        Happening::Stop(index) => {
            choose(world.observed.running.keys(), *index).map(|unit| world.observed.running.remove(&unit));
        }
        Happening::Unready(index) => {
            if let Some(unit) = choose(world.observed.running.keys(), *index) {
                world.observed.running.get_mut(&unit).expect("it was chosen from these").ready = false;
            }
        }
        Happening::Undeclared => {
            let unit = plan::RunningUnit { digest: "x".into(), ready: true, asleep: false };
            world.observed.running.insert("w0/undeclared".into(), unit);
        }
        Happening::LoseDatabase(index) => {
            choose(world.observed.databases.keys(), *index).map(|id| world.observed.databases.remove(&id));
        }
        Happening::LoseCopy(index) => {
            choose(world.kept.keys(), *index).map(|id| world.kept.remove(&id));
        }
        Happening::LoseOutput(index) => {
            if let Some(id) = choose(world.observed.tasks.keys(), *index) {
                world.observed.tasks.get_mut(&id).expect("it was chosen from these").missing_output =
                    Some("out".into());
            }
        }
        Happening::ForgetTask(index) => {
            choose(world.observed.tasks.keys(), *index).map(|id| world.observed.tasks.remove(&id));
        }
        Happening::Edit(index) => {
            let tasks = model.tasks.keys().map(|id| format!("task {id}"));
            let schemas = model.databases.keys().map(|id| format!("schema {id}"));
            let inputs: Vec<String> = tasks.chain(schemas).chain(["data".to_owned()]).collect();
            world.edit(index.get(inputs.as_slice()).as_str());
        }
    }
}

/// By step, all steps that it waits for, directly or through others. The steps stand in an order that can be followed.
fn before(plan: &Plan) -> BTreeMap<UnitId, BTreeSet<UnitId>> {
    let mut all: BTreeMap<UnitId, BTreeSet<UnitId>> = BTreeMap::new();
    for step in &plan.steps {
        let mut before = BTreeSet::new();
        for condition in &step.after {
            before.extend(all.get(&condition.unit).into_iter().flatten().cloned());
            before.insert(condition.unit.clone());
        }
        all.insert(step.id.clone(), before);
    }
    all
}

/// The database that nobody may use while this is done.
fn exclusive(action: &Action) -> Option<&DatabaseId> {
    match action {
        Action::CreateDatabase(id)
        | Action::ClearDatabase(id)
        | Action::Protect(id)
        | Action::RunSchema { database: id, .. }
        | Action::ExecuteSchema { database: id, .. }
        | Action::Keep { database: id, .. }
        | Action::Adopt { database: id, .. }
        | Action::ImportBase { database: id, .. }
        | Action::SwapBack(id)
        | Action::Dump(id)
        | Action::Restore(id)
        | Action::Recover(id) => Some(id),
        Action::PullImage(_)
        | Action::BuildImage(_)
        | Action::RunTask { .. }
        | Action::WatchTask { .. }
        | Action::StartService { .. }
        | Action::PrepareServer(_)
        | Action::SaveServer(_)
        | Action::Load { .. }
        | Action::Unload
        | Action::Fill(_)
        | Action::SaveFiles(_)
        | Action::RestoreFiles(_)
        | Action::SwapFilesBack(_) => None,
    }
}

fn check(world: &World, model: &Model, plan: &Plan) {
    let running = &world.observed.running;
    let steps: BTreeSet<&UnitId> = plan.steps.iter().map(|step| &step.id).collect();
    assert_eq!(steps.len(), plan.steps.len(), "nothing is planned twice:\n{plan}");
    let stopped: BTreeSet<&UnitId> = plan.stop.iter().map(|(id, _)| id).collect();
    assert_eq!(stopped.len(), plan.stop.len(), "nothing is stopped twice:\n{plan}");
    for (unit, _) in &plan.unchanged {
        assert!(!steps.contains(unit) && !stopped.contains(unit), "{unit} is left as it is and is not:\n{plan}");
    }
    for step in &plan.steps {
        for condition in &step.after {
            let unit = &condition.unit;
            let is_known = steps.contains(unit) || running.contains_key(unit) && !stopped.contains(unit);
            assert!(is_known, "{} waits for {unit}, which is not there:\n{plan}", step.id);
        }
        let is_service = matches!(step.action, Action::StartService { .. });
        assert!(
            !is_service || !running.contains_key(&step.id) || stopped.contains(&step.id),
            "{} runs:\n{plan}",
            step.id
        );
    }
    let before = before(plan);
    for step in &plan.steps {
        let Some(database) = exclusive(&step.action) else { continue };
        for service in model.services.values().filter(|service| service.uses.contains(database)) {
            let id = &service.id;
            assert!(!running.contains_key(id) || stopped.contains(id), "{id} runs during {}:\n{plan}", step.id);
            assert!(before.get(id).is_none_or(|before| before.contains(&step.id)), "{id} before {}:\n{plan}", step.id);
        }
    }
}

/// Whether a plan has only what a task without inputs brings about: such a task runs each time.
fn is_settled(model: &Model, plan: &Plan) -> bool {
    let always = model.tasks.values().any(|task| !task.has_inputs);
    let words = ["no inputs", " runs", " changes"];
    let reasons = plan.steps.iter().map(|step| &step.reason).chain(plan.stop.iter().map(|(_, reason)| reason));
    if always {
        reasons.into_iter().all(|reason| words.iter().any(|word| reason.contains(word)))
    } else {
        plan.is_empty()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_can_be_carried_out_and_up_converges(
        workspaces in prop::collection::vec(workspace(), 1..4),
        is_mutual in prop::bool::weighted(0.2),
        happenings in happenings(),
        last in command(),
    ) {
        let Some(model) = model(&workspaces, is_mutual) else { return Ok(()) };
        let mut world = World::default();
        for happening in &happenings {
            happen(&mut world, &model, happening);
        }
        // Whatever has happened, each command has a plan that is sound and can be followed to its end.
        let wanted: BTreeSet<UnitId> = model.services.keys().cloned().collect();
        let plan = world.plan(&model, last, &wanted);
        check(&world, &model, &plan);
        let again = world.clone().plan(&model, last, &wanted);
        prop_assert_eq!(format!("{plan:?}"), format!("{again:?}"), "the same input gives the same plan");
        world.carry_out(&model, &plan, usize::MAX);

        let up = world.plan(&model, Command::Up, &wanted);
        check(&world, &model, &up);
        world.carry_out(&model, &up, usize::MAX);
        let nothing = world.plan(&model, Command::Up, &wanted);
        prop_assert!(is_settled(&model, &nothing), "after `up`, `up` would do:\n{}", nothing);

        // In an environment that is up, `reset` leaves nothing to do either.
        let reset = world.plan(&model, Command::Around(StateWork::Reset), &BTreeSet::new());
        check(&world, &model, &reset);
        world.carry_out(&model, &reset, usize::MAX);
        let nothing = world.plan(&model, Command::Up, &wanted);
        prop_assert!(is_settled(&model, &nothing), "after `reset`, `up` would do:\n{}", nothing);
        // Now every database that has anything declared has a copy of it.
        let reset = world.plan(&model, Command::Around(StateWork::Reset), &BTreeSet::new());
        let is_made = |step: &plan::Step| {
            matches!(step.action, Action::RunSchema { .. } | Action::ExecuteSchema { .. } | Action::Load { .. })
        };
        let is_copied = !reset.steps.iter().any(is_made);
        prop_assert!(is_copied, "a second `reset` makes anew:\n{}", reset);
    }

    #[test]
    fn what_runs_and_is_unchanged_is_not_touched(
        workspaces in prop::collection::vec(workspace(), 1..4),
        ended in any::<Index>(),
    ) {
        let inputs = |mut workspace: Workspace| {
            workspace.tasks.iter_mut().for_each(|task| task.has_inputs = true);
            workspace
        };
        let workspaces: Vec<_> = workspaces.into_iter().map(inputs).collect();
        let Some(model) = model(&workspaces, false) else { return Ok(()) };
        let mut world = World::default();
        world.up(&model);
        let services: Vec<UnitId> = model.services.keys().cloned().collect();
        if !services.is_empty() {
            let ended = ended.get(&services);
            let before = world.observed.running.remove(ended).expect("all run");
            let plan = world.plan(&model, Command::Up, &BTreeSet::new());
            let steps: Vec<&UnitId> = plan.steps.iter().map(|step| &step.id).collect();
            prop_assert_eq!(steps, [ended], "{}", plan);
            prop_assert!(plan.stop.is_empty(), "{}", plan);
            world.observed.running.insert(ended.clone(), before);
        }
        world.edit("data");
        let plan = world.plan(&model, Command::Up, &BTreeSet::new());
        let loads = model.has_data && !model.databases.is_empty();
        prop_assert_eq!(plan.loads(), loads, "{}", plan);
        prop_assert!(plan.stop.is_empty() && plan.steps.len() == usize::from(loads), "{}", plan);
    }
}

#[test]
fn a_thousand_services_are_planned_in_one_pass() {
    const WORKSPACES: usize = 100;
    const SERVICES: usize = 10;
    let part = |uses| Part { has_inputs: true, after: Vec::new(), uses };
    let mut runner = TestRunner::deterministic();
    let mut any_database = || any::<Index>().new_tree(&mut runner).expect("any will do").current();
    let workspaces: Vec<Workspace> = (0..WORKSPACES)
        .map(|_| Workspace {
            tasks: vec![part(Vec::new())],
            services: (0..SERVICES).map(|_| part(vec![any_database()])).collect(),
            databases: vec![(false, Some(part(Vec::new())))],
            has_data: true,
        })
        .collect();
    let model = model(&workspaces, false).expect("there is no circle");
    assert_eq!(model.services.len(), WORKSPACES * SERVICES);
    let mut world = World::default();
    let began = std::time::Instant::now();
    let plan = world.plan(&model, Command::Up, &BTreeSet::new());
    let took = began.elapsed();
    println!("a plan of {} steps in {took:?}", plan.steps.len());
    world.carry_out(&model, &plan, usize::MAX);
    assert!(world.plan(&model, Command::Up, &BTreeSet::new()).is_empty());
}
