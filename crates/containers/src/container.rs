//! What is asked of containers.

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use crate::engine::{ARCHIVE, empty, escaped, full, whole};
use crate::{Engine, EngineError, Output};

/// How a container is, in the engine's view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Its first process, as the kernel that it runs by counts; 0 if it does not run.
    pub pid: u32,
    /// Whether it runs.
    pub is_running: bool,
    /// How its first process ended.
    pub exit_code: i32,
    /// What is sent to its first process to stop it.
    pub stop_signal: Option<String>,
    /// What tells whether it is healthy: the words of the engine, of which the first says how to take the others.
    pub health: Vec<String>,
    /// Its first address in a network.
    pub address: Option<String>,
    /// The ports of this machine that lead into it.
    pub published: Vec<u16>,
    /// Whether memory ran out.
    pub is_out_of_memory: bool,
}

/// A container among others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Whether it runs.
    pub is_running: bool,
}

impl Engine {
    /// Makes a container that does not run yet; gives its id. One that has the name is removed first.
    pub async fn create_container(
        &self,
        name: &str,
        platform: Option<&str>,
        body: &str,
    ) -> Result<String, EngineError> {
        let platform = platform.map_or_else(String::new, |platform| format!("&platform={}", escaped(platform)));
        let path = format!("/containers/create?name={}{platform}", escaped(name));
        let mut answer = self.post(&path, Some(body.to_owned())).await;
        if answer.as_ref().is_err_and(EngineError::is_conflict) {
            self.remove_container(name).await?;
            answer = self.post(&path, Some(body.to_owned())).await;
        }
        text(&answer?, "/Id").ok_or_else(|| EngineError::Answer { request: path, detail: "it has no id".to_owned() })
    }

    /// Gives what a container without a terminal writes from now on.
    pub async fn attach(&self, id: &str) -> Result<Output, EngineError> {
        let path = format!("/containers/{id}/attach?stream=1&stdout=1&stderr=1");
        let response = self.ask(Method::POST, &path, &[], empty()).await?;
        Ok(Output::new(response.into_body()))
    }

    /// Starts a container.
    pub async fn start_container(&self, id: &str) -> Result<(), EngineError> {
        self.order(&format!("/containers/{id}/start"), None).await
    }

    /// Asks to be told of the next end of a container. When this returns the engine has heard of it; what it returns waits.
    pub async fn next_exit(
        &self,
        id: &str,
    ) -> Result<impl Future<Output = Result<i32, EngineError>> + use<>, EngineError> {
        let path = format!("/containers/{id}/wait?condition=next-exit");
        let response = self.ask(Method::POST, &path, &[], empty()).await?;
        Ok(async move {
            let all = whole(response, &path).await?;
            let answer: Option<Value> = serde_json::from_slice(&all).ok();
            let code = answer.as_ref().and_then(|answer| answer.get("StatusCode")).and_then(Value::as_i64);
            let detail = || "it has no status".to_owned();
            let code = code.ok_or_else(|| EngineError::Answer { request: path, detail: detail() })?;
            Ok(i32::try_from(code).unwrap_or(-1))
        })
    }

    /// Sends a signal to the first process of a container; that it does not run any more is as good.
    pub async fn signal_container(&self, id: &str, signal: &str) -> Result<(), EngineError> {
        match self.order(&format!("/containers/{id}/kill?signal={}", escaped(signal)), None).await {
            Err(error) if !error.is_missing() && !error.is_conflict() => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes a container, killing it if it runs, with its volumes that have no name.
    pub async fn remove_container(&self, id: &str) -> Result<(), EngineError> {
        let path = format!("/containers/{}?force=1&v=1", escaped(id));
        match self.delete(&path).await {
            // Somebody else is at it already.
            Err(error) if error.is_conflict() => self.wait_removed(id).await,
            answer => answer,
        }
    }

    async fn wait_removed(&self, id: &str) -> Result<(), EngineError> {
        match self.ask(Method::POST, &format!("/containers/{}/wait?condition=removed", escaped(id)), &[], empty()).await
        {
            Ok(response) => whole(response, "wait").await.map(drop),
            Err(error) if error.is_missing() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Says how a container is.
    pub async fn inspect_container(&self, id: &str) -> Result<Inspection, EngineError> {
        let found = self.get(&format!("/containers/{}/json", escaped(id))).await?;
        let number = |path: &str| found.pointer(path).and_then(Value::as_i64).unwrap_or_default();
        let truth = |path: &str| found.pointer(path).and_then(Value::as_bool).unwrap_or_default();
        let health = found.pointer("/Config/Healthcheck/Test").and_then(Value::as_array);
        let words = health.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let networks = found.pointer("/NetworkSettings/Networks").and_then(Value::as_object);
        let address = networks
            .into_iter()
            .flat_map(|networks| networks.values())
            .find_map(|network| text(network, "/IPAddress").filter(|address| !address.is_empty()));
        let ports = found.pointer("/NetworkSettings/Ports").and_then(Value::as_object);
        let bindings = ports.into_iter().flat_map(|ports| ports.values()).filter_map(Value::as_array).flatten();
        let published = bindings.filter_map(|binding| text(binding, "/HostPort")?.parse().ok());
        Ok(Inspection {
            published: published.collect(),
            pid: u32::try_from(number("/State/Pid")).unwrap_or_default(),
            is_running: truth("/State/Running"),
            exit_code: i32::try_from(number("/State/ExitCode")).unwrap_or(-1),
            stop_signal: text(&found, "/Config/StopSignal").filter(|signal| !signal.is_empty()),
            health: words.collect(),
            address,
            is_out_of_memory: truth("/State/OOMKilled"),
        })
    }

    /// Gives all containers with a label, `KEY=VALUE`, also those that do not run.
    pub async fn list_containers(&self, label: &str) -> Result<Vec<Listed>, EngineError> {
        let filters = escaped(&json!({ "label": [label] }).to_string());
        let found = self.get(&format!("/containers/json?all=1&filters={filters}")).await?;
        let listed = found.as_array().into_iter().flatten().filter_map(|container| {
            Some(Listed {
                id: text(container, "/Id")?,
                name: text(container, "/Names/0").unwrap_or_default().trim_start_matches('/').to_owned(),
                is_running: text(container, "/State").as_deref() == Some("running"),
            })
        });
        Ok(listed.collect())
    }

    /// Puts files into a container: a tar file that is unpacked from `/`.
    pub async fn put_files(&self, id: &str, archive: Vec<u8>) -> Result<(), EngineError> {
        let path = format!("/containers/{id}/archive?path=%2F");
        let body = full(Bytes::from(archive));
        let response = self.ask(Method::PUT, &path, &[ARCHIVE], body).await?;
        whole(response, &path).await.map(drop)
    }
}

pub(crate) fn text(value: &Value, path: &str) -> Option<String> {
    value.pointer(path).and_then(Value::as_str).map(str::to_owned)
}
