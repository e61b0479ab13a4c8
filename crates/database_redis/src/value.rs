//! The value of a key: as the server gives it, as JSON, and as the commands that make it again.

use std::collections::{BTreeMap, HashSet};

use redis::{ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, from_redis_value};
use serde_json::{Value as Json, json};

/// The most elements that one command adds.
const CHUNK: usize = 1000;

/// Any bytes.
pub(crate) type Bytes = Vec<u8>;

/// What a key holds; what has no order is sorted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(Bytes),
    List(Vec<Bytes>),
    Set(Vec<Bytes>),
    Hash(Vec<(Bytes, Bytes)>),
    SortedSet(Vec<(Bytes, f64)>),
    Stream(Stream),
    /// A type of a module, as the server serialises it.
    Other {
        kind: String,
        payload: Bytes,
    },
}

/// A stream with its consumer groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stream {
    /// Ids with fields and values, alternating.
    entries: Vec<(String, Vec<Bytes>)>,
    last: String,
    added: i64,
    deleted: String,
    groups: Vec<Group>,
}

/// A consumer group of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
struct Group {
    name: Bytes,
    last: String,
    read: Option<i64>,
    consumers: Vec<Bytes>,
    pending: Vec<Pending>,
}

/// An entry that was delivered to a consumer and not acknowledged.
#[derive(Clone, Debug, PartialEq)]
struct Pending {
    id: String,
    consumer: Bytes,
    /// When it was delivered, in milliseconds since 1970.
    time: i64,
    count: i64,
}

/// Adds the command that reads a value of a type.
pub(crate) fn read_command(pipeline: &mut Pipeline, kind: &str, key: &[u8]) {
    match kind {
        "string" => pipeline.cmd("GET").arg(key),
        "list" => pipeline.cmd("LRANGE").arg(key).arg(0).arg(-1),
        "set" => pipeline.cmd("SMEMBERS").arg(key),
        "hash" => pipeline.cmd("HGETALL").arg(key),
        "zset" => pipeline.cmd("ZRANGE").arg(key).arg(0).arg(-1).arg("WITHSCORES"),
        "stream" => pipeline.cmd("XINFO").arg("STREAM").arg(key).arg("FULL").arg("COUNT").arg(0),
        _ => pipeline.cmd("DUMP").arg(key),
    };
}

impl Value {
    /// Takes the answer to [`read_command`]; `None` when the key is gone.
    pub(crate) fn from_answer(kind: &str, answer: redis::Value) -> RedisResult<Option<Self>> {
        if answer == redis::Value::Nil {
            return Ok(None);
        }
        let value = match kind {
            "string" => Value::Text(from_redis_value(answer)?),
            "list" => Value::List(from_redis_value(answer)?),
            "set" => {
                let mut members: Vec<Bytes> = from_redis_value(answer)?;
                members.sort();
                Value::Set(members)
            }
            "hash" => {
                let fields: BTreeMap<Bytes, Bytes> = from_redis_value(answer)?;
                Value::Hash(fields.into_iter().collect())
            }
            "zset" => Value::SortedSet(from_redis_value(answer)?),
            "stream" => Value::Stream(Stream::from_answer(answer)?),
            kind => Value::Other { kind: kind.to_owned(), payload: from_redis_value(answer)? },
        };
        let gone = match &value {
            Value::List(elements) | Value::Set(elements) => elements.is_empty(),
            Value::Hash(fields) => fields.is_empty(),
            Value::SortedSet(members) => members.is_empty(),
            _ => false,
        };
        Ok((!gone).then_some(value))
    }

    /// Gives the server's word for the type.
    pub(crate) fn kind(&self) -> &str {
        match self {
            Value::Text(_) => "string",
            Value::List(_) => "list",
            Value::Set(_) => "set",
            Value::Hash(_) => "hash",
            Value::SortedSet(_) => "zset",
            Value::Stream(_) => "stream",
            Value::Other { kind, .. } => kind,
        }
    }

    /// Gives the value without the moments in it at which something happened.
    pub(crate) fn timeless(mut self) -> Self {
        if let Value::Stream(stream) = &mut self {
            stream.groups.iter_mut().flat_map(|group| &mut group.pending).for_each(|pending| pending.time = 0);
        }
        self
    }

    /// Gives the value as JSON, in one way only; pairs are arrays, since fields and members can be any bytes.
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Value::Text(text) => bytes_to_json(text),
            Value::List(elements) | Value::Set(elements) => list_to_json(elements),
            Value::Hash(fields) => {
                fields.iter().map(|(field, value)| json!([bytes_to_json(field), bytes_to_json(value)])).collect()
            }
            // As text: JSON has no infinity.
            Value::SortedSet(members) => {
                members.iter().map(|(member, score)| json!([bytes_to_json(member), format!("{score:?}")])).collect()
            }
            Value::Stream(stream) => stream.to_json(),
            Value::Other { payload, .. } => json!({ "hex": to_hex(payload) }),
        }
    }

    /// Takes what [`to_json`](Value::to_json) gave; `None` if it is something else.
    pub(crate) fn from_json(kind: &str, json: &Json) -> Option<Self> {
        Some(match kind {
            "string" => Value::Text(bytes_from_json(json)?),
            "list" => Value::List(list_from_json(json)?),
            "set" => Value::Set(list_from_json(json)?),
            "hash" => {
                let pair = |pair: &Json| Some((bytes_from_json(pair.get(0)?)?, bytes_from_json(pair.get(1)?)?));
                Value::Hash(json.as_array()?.iter().map(pair).collect::<Option<_>>()?)
            }
            "zset" => {
                let pair = |pair: &Json| Some((bytes_from_json(pair.get(0)?)?, pair.get(1)?.as_str()?.parse().ok()?));
                Value::SortedSet(json.as_array()?.iter().map(pair).collect::<Option<_>>()?)
            }
            "stream" => Value::Stream(Stream::from_json(json)?),
            kind => Value::Other { kind: kind.to_owned(), payload: bytes_from_json(json)? },
        })
    }

    /// Adds the commands that make a key with this value, which does not exist yet.
    pub(crate) fn write_commands(&self, pipeline: &mut Pipeline, key: &[u8], expiry: Option<i64>) {
        match self {
            Value::Text(text) => {
                pipeline.cmd("SET").arg(key).arg(text);
            }
            Value::List(elements) => {
                for chunk in elements.chunks(CHUNK) {
                    pipeline.cmd("RPUSH").arg(key).arg(chunk);
                }
            }
            Value::Set(members) => {
                for chunk in members.chunks(CHUNK) {
                    pipeline.cmd("SADD").arg(key).arg(chunk);
                }
            }
            Value::Hash(fields) => {
                for chunk in fields.chunks(CHUNK) {
                    pipeline.cmd("HSET").arg(key).arg(chunk);
                }
            }
            Value::SortedSet(members) => {
                for chunk in members.chunks(CHUNK) {
                    pipeline.cmd("ZADD").arg(key);
                    for (member, score) in chunk {
                        pipeline.arg(format!("{score:?}")).arg(member);
                    }
                }
            }
            Value::Stream(stream) => stream.write_commands(pipeline, key),
            Value::Other { payload, .. } => {
                pipeline.cmd("RESTORE").arg(key).arg(0).arg(payload);
            }
        }
        if let Some(moment) = expiry {
            pipeline.cmd("PEXPIREAT").arg(key).arg(moment);
        }
    }
}

impl Stream {
    fn from_answer(answer: redis::Value) -> RedisResult<Self> {
        let mut facts: BTreeMap<String, redis::Value> = from_redis_value(answer)?;
        let entries: Vec<(String, Vec<Bytes>)> = take(&mut facts, "entries")?;
        let ids: HashSet<&str> = entries.iter().map(|(id, _)| id.as_str()).collect();
        let groups: Vec<redis::Value> = take(&mut facts, "groups")?;
        let mut groups =
            groups.into_iter().map(|group| Group::from_answer(group, &ids)).collect::<RedisResult<Vec<_>>>()?;
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Stream {
            last: take(&mut facts, "last-generated-id")?,
            added: take(&mut facts, "entries-added")?,
            deleted: take(&mut facts, "max-deleted-entry-id")?,
            entries,
            groups,
        })
    }

    fn to_json(&self) -> Json {
        let entries: Json = self.entries.iter().map(|(id, fields)| json!([id, list_to_json(fields)])).collect();
        let groups: Json = self.groups.iter().map(Group::to_json).collect();
        json!({
            "entries": entries, "last": self.last, "added": self.added, "deleted": self.deleted, "groups": groups,
        })
    }

    fn from_json(json: &Json) -> Option<Self> {
        let entry = |entry: &Json| Some((entry.get(0)?.as_str()?.to_owned(), list_from_json(entry.get(1)?)?));
        Some(Stream {
            entries: json.get("entries")?.as_array()?.iter().map(entry).collect::<Option<_>>()?,
            last: json.get("last")?.as_str()?.to_owned(),
            added: json.get("added")?.as_i64()?,
            deleted: json.get("deleted")?.as_str()?.to_owned(),
            groups: json.get("groups")?.as_array()?.iter().map(Group::from_json).collect::<Option<_>>()?,
        })
    }

    fn write_commands(&self, pipeline: &mut Pipeline, key: &[u8]) {
        // Only with a group can a stream be made without entries.
        pipeline.cmd("XGROUP").arg("CREATE").arg(key).arg("first").arg("0").arg("MKSTREAM");
        pipeline.cmd("XGROUP").arg("DESTROY").arg(key).arg("first");
        for (id, fields) in &self.entries {
            pipeline.cmd("XADD").arg(key).arg(id).arg(fields);
        }
        pipeline.cmd("XSETID").arg(key).arg(&self.last).arg("ENTRIESADDED").arg(self.added);
        pipeline.arg("MAXDELETEDID").arg(&self.deleted);
        for group in &self.groups {
            group.write_commands(pipeline, key);
        }
    }
}

impl Group {
    fn from_answer(answer: redis::Value, ids: &HashSet<&str>) -> RedisResult<Self> {
        let mut facts: BTreeMap<String, redis::Value> = from_redis_value(answer)?;
        let consumers: Vec<BTreeMap<String, redis::Value>> = take(&mut facts, "consumers")?;
        let names = consumers.into_iter().map(|mut consumer| take(&mut consumer, "name"));
        let mut consumers: Vec<Bytes> = names.collect::<Result<_, _>>()?;
        consumers.sort();
        let pending: Vec<(String, Bytes, i64, i64)> = take(&mut facts, "pending")?;
        // What was deleted while it was pending is no more; the server forgets it when it is next asked for.
        let pending = pending.into_iter().filter(|(id, ..)| ids.contains(id.as_str()));
        Ok(Group {
            name: take(&mut facts, "name")?,
            last: take(&mut facts, "last-delivered-id")?,
            read: take(&mut facts, "entries-read")?,
            consumers,
            pending: pending.map(|(id, consumer, time, count)| Pending { id, consumer, time, count }).collect(),
        })
    }

    fn to_json(&self) -> Json {
        let pending = self.pending.iter();
        let pending: Json = pending
            .map(|pending| json!([pending.id, bytes_to_json(&pending.consumer), pending.time, pending.count]))
            .collect();
        json!({
            "name": bytes_to_json(&self.name), "last": self.last, "read": self.read,
            "consumers": list_to_json(&self.consumers), "pending": pending,
        })
    }

    fn from_json(json: &Json) -> Option<Self> {
        let pending = |pending: &Json| {
            Some(Pending {
                id: pending.get(0)?.as_str()?.to_owned(),
                consumer: bytes_from_json(pending.get(1)?)?,
                time: pending.get(2)?.as_i64()?,
                count: pending.get(3)?.as_i64()?,
            })
        };
        Some(Group {
            name: bytes_from_json(json.get("name")?)?,
            last: json.get("last")?.as_str()?.to_owned(),
            read: json.get("read")?.as_i64(),
            consumers: list_from_json(json.get("consumers")?)?,
            pending: json.get("pending")?.as_array()?.iter().map(pending).collect::<Option<_>>()?,
        })
    }

    fn write_commands(&self, pipeline: &mut Pipeline, key: &[u8]) {
        pipeline.cmd("XGROUP").arg("CREATE").arg(key).arg(&self.name).arg(&self.last);
        if let Some(read) = self.read {
            pipeline.arg("ENTRIESREAD").arg(read);
        }
        for consumer in &self.consumers {
            pipeline.cmd("XGROUP").arg("CREATECONSUMER").arg(key).arg(&self.name).arg(consumer);
        }
        for Pending { id, consumer, time, count } in &self.pending {
            pipeline.cmd("XCLAIM").arg(key).arg(&self.name).arg(consumer).arg(0).arg(id);
            pipeline.arg("TIME").arg(time).arg("RETRYCOUNT").arg(count).arg("FORCE").arg("JUSTID");
        }
    }
}

/// Takes a fact out of an answer; without it, the answer is not what this driver knows.
fn take<T: FromRedisValue>(facts: &mut BTreeMap<String, redis::Value>, name: &str) -> RedisResult<T> {
    let fact = facts.remove(name).ok_or_else(|| {
        RedisError::from((ErrorKind::UnexpectedReturnType, "a stream is described without a fact", name.to_owned()))
    })?;
    Ok(from_redis_value(fact)?)
}

/// Gives bytes as a text, or as hexadecimal digits where they are none.
pub(crate) fn bytes_to_json(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => Json::from(text),
        Err(_) => json!({ "hex": to_hex(bytes) }),
    }
}

/// Takes what [`bytes_to_json`] gave.
pub(crate) fn bytes_from_json(json: &Json) -> Option<Bytes> {
    if let Some(text) = json.as_str() {
        return Some(text.as_bytes().to_vec());
    }
    let digits = json.get("hex")?.as_str()?.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

fn list_to_json(elements: &[Bytes]) -> Json {
    elements.iter().map(|element| bytes_to_json(element)).collect()
}

fn list_from_json(json: &Json) -> Option<Vec<Bytes>> {
    json.as_array()?.iter().map(bytes_from_json).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
