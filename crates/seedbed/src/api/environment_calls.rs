//! The calls about the environment and clones of its databases.

use serde_json::json;

use super::steps::no_call;
use super::{Answer, Api, Arguments, Refusal};
use crate::arguments::ResetArguments;
use crate::commands::{reset, status};

impl Api<'_> {
    pub(super) fn environment_call(&mut self, call: &str, arguments: &Arguments<'_>) -> Answer {
        match call {
            "environment" => Ok(status::run(self.job)?.json),
            "environment.reset" => {
                let databases = arguments.texts("databases")?;
                Ok(reset::run(self.job, &ResetArguments { databases })?.json)
            }
            "database.clone" => {
                let (database, state) = (arguments.text("database")?, arguments.text("state")?);
                let taken = self.clones.take(self.job.context, &self.job.target()?, database, state);
                Ok(json!({ "url": self.job.tell(taken)?.url() }))
            }
            "database.drop" if self.clones.give_back(arguments.needed("url")?) => Ok(json!({})),
            "database.drop" => Err(Refusal {
                kind: "no-database".to_owned(),
                // The URL has a password in it, and is not repeated.
                message: "no database with this URL was made by `database.clone`, or it was dropped already".to_owned(),
                help: None,
            }),
            _ => Err(no_call(call)),
        }
    }
}
