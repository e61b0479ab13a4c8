//! Structs that are read by column name from a row of either engine.

/// Declares a struct whose fields are columns of a row, and how it is read.
///
/// What `#[derive(sqlx::FromRow)]` does, without the procedural macro and what that one has to compile.
#[macro_export]
macro_rules! row {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_visibility:vis $field:ident: $type:ty),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        $visibility struct $name {
            $($(#[$field_meta])* $field_visibility $field: $type),+
        }

        impl<'r, R: $crate::sqlx::Row> $crate::sqlx::FromRow<'r, R> for $name
        where
            &'static str: $crate::sqlx::ColumnIndex<R>,
            $($type: $crate::sqlx::Decode<'r, R::Database> + $crate::sqlx::Type<R::Database>),+
        {
            fn from_row(row: &'r R) -> ::std::result::Result<Self, $crate::sqlx::Error> {
                ::std::result::Result::Ok(Self { $($field: row.try_get(stringify!($field))?),+ })
            }
        }
    };
}
