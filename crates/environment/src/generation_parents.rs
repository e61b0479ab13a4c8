//! The rows with which others were made along, as the ledger knows them: by their group and their index in it.

use std::collections::BTreeMap;

use database::Transaction;
use plan::DatabaseId;
use serde_json::Value;

use crate::Error;
use crate::ledger::{self, Did, LoadIdentity, Piece};

/// The rows of groups that loads of a spec have made. Of what they are known by, the piece that was read last is in memory.
#[derive(Default)]
pub(crate) struct Parents {
    places: Option<Places>,
    last: Option<(u64, u64, Piece)>,
}

/// The pieces with the rows of each table and group.
type Places = BTreeMap<(String, u64), Vec<PlaceOfRows>>;

/// Where some rows of a group stand.
#[derive(Clone, Copy)]
struct PlaceOfRows {
    /// The index of the first one, and how many there are.
    first: u64,
    count: u64,
    /// The load, and the number of the piece.
    entry: u64,
    piece: u64,
}

impl Parents {
    /// What a column of a row holds, if it is one by which the row is known.
    pub(crate) fn value(
        &mut self,
        transaction: &mut dyn Transaction,
        (id, load): (&DatabaseId, &LoadIdentity),
        (table, column): (&str, &str),
        (group, index): (u64, u64),
    ) -> Result<Option<Value>, Error> {
        let places = match self.places.take() {
            Some(places) => places,
            None => places(transaction, id, load)?,
        };
        let places = self.places.insert(places).get(&(table.to_owned(), group));
        let holds = |place: &&PlaceOfRows| (place.first..place.first + place.count).contains(&index);
        let Some(place) = places.into_iter().flatten().find(holds).copied() else { return Ok(None) };
        if self.last.as_ref().is_none_or(|(entry, piece, _)| (*entry, *piece) != (place.entry, place.piece)) {
            let piece = ledger::piece(transaction, &id.name, place.entry, place.piece).map_err(Error::database(id))?;
            self.last = Some((place.entry, place.piece, piece));
        }
        let (_, _, piece) = self.last.as_ref().expect("it was just read");
        let Some(key) = piece.head.keys.iter().position(|key| key == column) else { return Ok(None) };
        let row = usize::try_from(index - place.first).expect("pieces are small");
        Ok(piece.rows.get(row).map(|row| row[key].clone()))
    }
}

fn places(transaction: &mut dyn Transaction, id: &DatabaseId, load: &LoadIdentity) -> Result<Places, Error> {
    let failed = Error::database(id);
    let mut places = Places::new();
    let entries = ledger::entries(transaction, &id.name).map_err(&failed)?;
    for entry in entries.iter().filter(|entry| entry.load.is_same_spec(load)) {
        for piece in 1..=entry.pieces {
            let (head, rows) = ledger::head(transaction, &id.name, entry.number, piece).map_err(&failed)?;
            if let (Did::Made, Some((group, first))) = (head.did, head.group) {
                let place = PlaceOfRows { first, count: rows as u64, entry: entry.number, piece };
                places.entry((head.table, group)).or_default().push(place);
            }
        }
    }
    Ok(places)
}
