//! What holds for all data types and specs.

use std::collections::HashSet;

use dataset::{Cell, LoadPlan, RowId};
use proptest::prelude::*;
use source::SourceFile;

use crate::case::Case;
use crate::fake_database::FakeDatabase;
use crate::graph::{Graph, RandomRecord, graph};
use crate::rendering::render;

fn graph_and_other_order() -> impl Strategy<Value = (Graph, Vec<RandomRecord>, usize)> {
    graph().prop_flat_map(|graph| {
        let shuffled = Just(graph.records.clone()).prop_shuffle();
        (Just(graph), shuffled, 1..4usize)
    })
}

fn check_order(plan: &LoadPlan) -> Result<(), TestCaseError> {
    let mut earlier: HashSet<RowId> = HashSet::new();
    let mut names = HashSet::new();
    let mut count = 0;
    for batch in &plan.batches {
        for row in &batch.rows {
            prop_assert_eq!(row.id, RowId(count));
            count += 1;
            prop_assert!(names.insert(row.name.clone()), "{} is there twice", row.name);
            for (column, cell) in &row.cells {
                if let Cell::Reference { row: to, .. } = cell {
                    prop_assert!(earlier.contains(to), "{column} of {} refers to a row that is not earlier", row.name);
                }
            }
            prop_assert_eq!(plan.row(row.id), Some(row));
        }
        earlier.extend(batch.rows.iter().map(|row| row.id));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_come_after_what_they_refer_to_in_whatever_order_the_records_are_written(
        (graph, shuffled, files) in graph_and_other_order()
    ) {
        let case = graph.case(&graph.records, 1);
        let other = graph.case(&shuffled, files);
        match (case.plan(), other.plan(), other.plan_reversed()) {
            (Ok(plan), Ok(shuffled), Ok(reversed)) => {
                check_order(&plan)?;
                let text = render(&plan, false);
                prop_assert_eq!(&text, &render(&shuffled, false));
                prop_assert_eq!(&text, &render(&reversed, false));
                let mut database = FakeDatabase::default();
                let first = database.load(&plan).unwrap();
                let second = database.load(&shuffled).unwrap();
                prop_assert_eq!(first.inserted, plan.rows().count());
                prop_assert_eq!(second.inserted, 0);
            }
            (Err(_), Err(_), Err(_)) => {}
            (one, two, three) => prop_assert!(false, "one {one:?}\ntwo {two:?}\nthree {three:?}"),
        }
    }

    #[test]
    fn spoilt_files_are_problems_and_never_a_panic(
        directory in any::<prop::sample::Index>(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..6usize, "[a-c{}:\\[\\],\\-\" \n1é]{0,4}"), 1..6),
    ) {
        let directories = crate::cases::directories();
        let mut case = crate::cases::read(&directories[directory.index(directories.len())]);
        for (file, at, length, put) in edits {
            let number = file.index(case.types.len() + case.specs.len());
            let file = if number < case.types.len() {
                &mut case.types[number].1
            } else {
                let number = number - case.types.len();
                &mut case.specs[number].1
            };
            let mut letters: Vec<char> = file.text().chars().collect();
            let start = at.index(letters.len() + 1);
            let end = (start + length).min(letters.len());
            letters.splice(start..end, put.chars());
            *file = SourceFile::new(file.name(), letters.into_iter().collect::<String>());
        }
        if let Ok(plan) = case.plan() {
            check_order(&plan)?;
        }
    }

    #[test]
    fn arbitrary_text_is_a_problem_and_never_a_panic(types in "[ -~\n]{0,60}", spec in "[ -~\n]{0,60}") {
        let case = Case {
            types: vec![("lms".to_owned(), SourceFile::new("types", types))],
            specs: vec![("lms".to_owned(), SourceFile::new("spec", spec))],
            ..Case::default()
        };
        if let Ok(plan) = case.plan() {
            check_order(&plan)?;
        }
    }
}

#[test]
fn many_of_the_random_graphs_can_be_ordered() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut ordered = 0;
    for _ in 0..200 {
        let graph = graph().new_tree(&mut runner).unwrap().current();
        ordered += usize::from(graph.case(&graph.records, 1).plan().is_ok_and(|plan| plan.rows().count() > 3));
    }
    // Else the property above says little.
    assert!((40..=195).contains(&ordered), "{ordered} of 200");
}
