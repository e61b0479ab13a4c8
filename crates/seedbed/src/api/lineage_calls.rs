//! The calls about lineage.

use lineage::{Content, Subject};
use recorder::RecorderError;
use serde_json::{Value, json};

use super::steps::no_call;
use super::{Answer, Api, Arguments, Refusal};
use crate::lineage_arguments::GraphFormat;
use crate::lineage_views::{self, View};

impl Api<'_> {
    pub(super) fn lineage_call(&mut self, call: &str, arguments: &Arguments<'_>) -> Answer {
        // Others may have recorded something meanwhile.
        self.recorder.read()?;
        match call {
            "lineage.table" => {
                let view = View::of(&mut self.recorder, arguments.text("snapshot")?)?;
                let columns = ["place", "step", "status", "inputs", "started", "seconds"];
                Ok(json!({ "columns": columns, "rows": view.rows(arguments.text("resource")?) }))
            }
            "lineage.graph" => self.graph(arguments),
            "lineage.ask" => self.ask(arguments),
            "lineage.forget" => {
                let step = arguments.needed("step")?;
                lineage_views::must_be_known(&self.recorder, step)?;
                Ok(json!({ "id": self.recorder.forget(step)? }))
            }
            _ => Err(no_call(call)),
        }
    }

    fn graph(&mut self, arguments: &Arguments<'_>) -> Answer {
        let view = View::of(&mut self.recorder, arguments.text("snapshot")?)?;
        let graph = view.graph(&self.recorder, arguments.text("resource")?)?;
        let format = match arguments.text("format")?.unwrap_or("json") {
            "json" => return Ok(graph.to_json()),
            "dot" => GraphFormat::Dot,
            "svg" => GraphFormat::Svg,
            "html" => GraphFormat::Html,
            other => return Err(Refusal::arguments(format!("the format '{other}' is none of json, dot, svg, html"))),
        };
        let pixels = |name: &str| -> Result<Option<u32>, Refusal> {
            Ok(arguments.number(name)?.and_then(|pixels| u32::try_from(pixels).ok()))
        };
        let size = pixels("width")?.zip(pixels("height")?);
        let title = format!("{}: lineage", self.recorder.catalogue().name);
        Ok(json!({ "text": lineage_views::graph_text(&graph, format, &title, size) }))
    }

    fn ask(&mut self, arguments: &Arguments<'_>) -> Answer {
        match arguments.needed("question")? {
            "made" => {
                let place = self.place(arguments)?;
                let answer = self.recorder.ask(|index, present| lineage::made(index, &place, present))?;
                Ok(lineage_views::answer_json(&answer, "sources"))
            }
            "depends" => {
                let place = self.place(arguments)?;
                let index = self.recorder.index();
                let answer = match arguments.text("digest")? {
                    Some(digest) => lineage::depends_on_content(index, &place, &Content::Digest(digest.to_owned())),
                    None => lineage::depends(index, &place),
                };
                Ok(lineage_views::answer_json(&answer.map_err(RecorderError::from)?, "sources"))
            }
            "stale" => Ok(Value::Array(lineage_views::stale(&mut self.recorder)?)),
            "changed" => {
                let before = View::of(&mut self.recorder, Some(arguments.needed("from")?))?;
                let after = View::of(&mut self.recorder, arguments.text("to")?)?;
                let changes = lineage::changed(&before.records, &after.records);
                Ok(json!({ "steps": lineage_views::changes_json(&changes) }))
            }
            other => {
                Err(Refusal::arguments(format!("the question '{other}' is none of made, depends, stale, changed")))
            }
        }
    }

    fn place(&self, arguments: &Arguments<'_>) -> Result<lineage::Place, Refusal> {
        match self.named(arguments)? {
            Subject::Place(place) => Ok(place),
            Subject::External(_) => Err(Refusal::arguments("only places of resources are asked about")),
        }
    }
}
