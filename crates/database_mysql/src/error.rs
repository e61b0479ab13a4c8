//! What the errors of MariaDB and MySQL mean.

use database::DatabaseError;
use mysql::Error;

/// The server's number for an error, if it comes from the server.
pub(crate) fn code(error: &Error) -> Option<u16> {
    match error {
        Error::MySqlError(error) => Some(error.code),
        _ => None,
    }
}

/// Says whether the error is about a constraint: unique, not null, foreign key, check.
pub(crate) fn is_constraint(error: &Error) -> bool {
    matches!(
        code(error),
        Some(1022 | 1048 | 1062 | 1216 | 1217 | 1364 | 1451 | 1452 | 1557 | 1586 | 1761 | 1762 | 3819 | 4025)
    )
}

/// Says whether something is locked by someone else for too long.
pub(crate) fn is_locked(error: &Error) -> bool {
    matches!(code(error), Some(1205 | 1213))
}

/// Gives what the server said, without its numbers.
pub(crate) fn message(error: &Error) -> String {
    match error {
        Error::MySqlError(error) => error.message.clone(),
        other => other.to_string(),
    }
}

/// Makes the error of an operation; `action` completes "cannot …".
pub(crate) fn refused<A: Into<String>>(database: &str, action: A) -> impl FnOnce(Error) -> DatabaseError + use<A> {
    let (database, action) = (database.to_owned(), action.into());
    move |error| match code(&error) {
        // The server is going away, or somebody has ended the connection.
        Some(1053 | 1927 | 2006 | 2013) | None => DatabaseError::Unreachable { database, source: error.into() },
        Some(1049) => DatabaseError::Missing { database },
        Some(3 | 1021 | 1026 | 1114) if message(&error).contains("full") || message(&error).contains("space") => {
            DatabaseError::DiskFull { database, source: error.into() }
        }
        Some(1205 | 1213 | 1317) => {
            DatabaseError::Busy { database, detail: format!("cannot {action}: {}", message(&error)) }
        }
        _ if is_constraint(&error) => {
            let detail = message(&error);
            DatabaseError::Constraint { database, table: String::new(), constraint: constraint(&detail), detail }
        }
        _ => DatabaseError::Refused { database, action, source: message(&error).into() },
    }
}

/// Finds the constraint that a message is about; of a foreign key also the columns, since nobody chose its name.
pub(crate) fn constraint(message: &str) -> String {
    let between = |start: &str, end: &str| {
        let (_, rest) = message.split_once(start)?;
        rest.split_once(end).map(|(name, _)| name.to_owned())
    };
    // MySQL names the table too: 'books.name'.
    let key = || message.rsplit_once("for key '").map(|(_, rest)| rest.trim_end_matches('\'').to_owned());
    let foreign = || {
        let name = between("CONSTRAINT `", "`")?;
        let columns = between("FOREIGN KEY (", ")")?.replace('`', "");
        Some(format!("{name} ({columns})"))
    };
    key()
        .or_else(foreign)
        .or_else(|| between("CONSTRAINT `", "`"))
        .or_else(|| between("constraint '", "'"))
        .or_else(|| between("Column '", "'"))
        .or_else(|| between("Field '", "'"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constraint_is_found_in_what_the_server_says() {
        let cases = [
            ("Duplicate entry 'for key 'x'' for key 'authors_name'", "authors_name"),
            ("Duplicate entry 'ada' for key 'authors.authors_name'", "authors.authors_name"),
            ("Column 'name' cannot be null", "name"),
            ("Field 'name' doesn't have a default value", "name"),
            ("CONSTRAINT `books.pages` failed for `db`.`books`", "books.pages"),
            ("Check constraint 'books_pages' is violated.", "books_pages"),
            (
                "Cannot add or update a child row: a foreign key constraint fails (`db`.`books`, CONSTRAINT \
                 `books_ibfk_1` FOREIGN KEY (`author_id`, `b`) REFERENCES `authors` (`id`, `b`))",
                "books_ibfk_1 (author_id, b)",
            ),
        ];
        for (message, expected) in cases {
            assert_eq!(constraint(message), expected, "{message}");
        }
    }
}
