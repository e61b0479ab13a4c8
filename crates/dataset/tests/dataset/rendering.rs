//! A plan as text.

use std::fmt::Write as _;

use dataset::{Cell, LoadPlan, Origin};

/// Renders a plan; with places, or without what changes when records are written in another order.
pub fn render(plan: &LoadPlan, places: bool) -> String {
    let name = |id| plan.row(id).map_or_else(|| "?".to_owned(), |row| row.name.clone());
    let mut text = String::new();
    for batch in &plan.batches {
        let wanted: Vec<_> = batch.wanted.iter().map(ToString::to_string).collect();
        let wanted = if wanted.is_empty() { String::new() } else { format!(", wanted: {}", wanted.join(", ")) };
        let key = batch.key_columns.join(", ");
        let head = format!("{}/{} {}", batch.service, batch.database, batch.data_type);
        let maker = match &batch.made_by {
            None => format!("table {}", batch.table),
            Some(made_by) => format!("provider {}", made_by.provider.name),
        };
        writeln!(text, "{head}: {maker}, key {key}{wanted}").unwrap();
        for row in &batch.rows {
            assert!(row.cells.iter().map(|(column, _)| column).eq(&batch.columns), "{}", row.name);
            let origin = match &row.origin {
                Origin::Declared(at) if places => {
                    let at: Vec<_> = at.iter().map(ToString::to_string).collect();
                    format!("declared at {}", at.join(" and "))
                }
                Origin::Declared(_) => "declared".to_owned(),
                Origin::Implied { by, place } => format!("implied by {}{}", name(*by), at(place, places)),
                Origin::Referenced { by, place } => format!("referred to by {}{}", name(*by), at(place, places)),
            };
            writeln!(text, "  {} {}, {origin}", row.id.0, row.name).unwrap();
            for (column, cell) in &row.cells {
                match cell {
                    Cell::Value(value) => writeln!(text, "      {column} = {value}").unwrap(),
                    Cell::Reference { row, column: of } => {
                        writeln!(text, "      {column} = {of} of {}", name(*row)).unwrap();
                    }
                }
            }
            for missing in &row.missing {
                writeln!(text, "      {} is missing{}", missing.field, at(&missing.place, places)).unwrap();
            }
        }
    }
    text
}

fn at(place: &source::Place, places: bool) -> String {
    if places { format!(" at {place}") } else { String::new() }
}
