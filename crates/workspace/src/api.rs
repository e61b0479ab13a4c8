//! What lies behind an interface: no files, only a hash that a program gives.

use store::ObjectReader;

use crate::Error;
use crate::kind::{Draft, ResourceKind, State, Work};
use crate::status::Change;

/// The kind `api`.
pub struct Api;

/// The parameter of this copy that has what a program said last.
pub const HASH: &str = "hash";

impl ResourceKind for Api {
    fn name(&self) -> &'static str {
        "api"
    }

    fn about(&self) -> &'static str {
        "data behind an interface; a program says the hash of what it was given"
    }

    fn check(&self, _work: &Work<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn save(&self, work: &Work<'_>, _draft: &Draft<'_>) -> Result<State, Error> {
        Ok(State { hash: work.resource.text(HASH).map(str::to_owned), content: None, commit: None })
    }

    fn stage(&self, _work: &Work<'_>, _state: &State) -> Result<bool, Error> {
        Ok(false)
    }

    fn put(&self, _work: &Work<'_>, _state: &State) -> Result<(), Error> {
        Ok(())
    }

    fn changes(
        &self,
        _work: &Work<'_>,
        _before: &State,
        _after: &State,
        _reader: &dyn ObjectReader,
    ) -> Result<Option<Vec<Change>>, Error> {
        Ok(None)
    }
}
