//! References: small documents under a name, which keep objects alive and are changed by compare and swap.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::session::Session;
use crate::{Expect, ObjectId, Store, StoreError, Version, document};

const DIRECTORY: &str = "references/";

/// A reference as it was read.
#[derive(Debug, Clone)]
pub struct Reference<T> {
    /// Its name, such as `records/v1`.
    pub name: String,
    /// What it keeps alive, with all that these objects reach.
    pub objects: Vec<ObjectId>,
    /// What it says.
    pub value: T,
    /// For the next compare and swap.
    pub version: Version,
}

#[derive(Serialize, Deserialize)]
struct ReferenceFile {
    objects: Vec<String>,
    value: serde_json::Value,
}

/// The file of a reference; `None` when it has no such form.
fn file_name(name: &str) -> Option<String> {
    if name.is_empty() || name.len() > 200 || name.split('/').any(str::is_empty) {
        return None;
    }
    let mut file = DIRECTORY.to_owned();
    let mut begins = true;
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'/' => file.push(char::from(byte)),
            b'.' if !begins => file.push('.'),
            _ => file.extend(format!("_{byte:02x}").chars()),
        }
        begins = byte == b'/';
    }
    Some(file)
}

/// The reference that a file is.
fn reference_name(file: &str) -> Option<String> {
    let mut rest = file.strip_prefix(DIRECTORY)?.bytes();
    let mut name = Vec::new();
    while let Some(byte) = rest.next() {
        if byte == b'_' {
            let digits = [rest.next()?, rest.next()?];
            name.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            name.push(byte);
        }
    }
    String::from_utf8(name).ok()
}

impl Store {
    /// A reference; `None` when there is none.
    pub fn reference<T: DeserializeOwned>(&self, name: &str) -> Result<Option<Reference<T>>, StoreError> {
        let Some(file) = file_name(name) else { return Ok(None) };
        let Some((bytes, version)) = self.inner.backend.read_versioned(&file)? else { return Ok(None) };
        let damaged = |problem: &str| self.inner.damaged(&file, problem);
        if self.inner.keys.as_ref().is_some_and(|keys| !keys.can_read()) {
            return Err(StoreError::WriteOnly { place: self.place() });
        }
        let payload = document::decode_sealed(&file, &bytes, self.inner.keys.as_ref()).map_err(damaged)?;
        let understood = |error: serde_json::Error| damaged(&format!("cannot be understood: {error}"));
        let read: ReferenceFile = serde_json::from_slice(&payload).map_err(understood)?;
        let objects = read
            .objects
            .iter()
            .map(|id| id.parse().map_err(|_| damaged("names an object that cannot be")))
            .collect::<Result<_, _>>()?;
        let value = serde_json::from_value(read.value).map_err(understood)?;
        Ok(Some(Reference { name: name.to_owned(), objects, value, version }))
    }

    /// Writes a reference if it is as expected; that is the commit point of what the session wrote. A conflict is
    /// [`crate::BackendError::Conflict`].
    pub fn put_reference(
        &self,
        name: &str,
        objects: &[ObjectId],
        value: &impl Serialize,
        expect: &Expect,
        session: &Session,
    ) -> Result<Version, StoreError> {
        let version = self.write_reference(name, objects, value, expect)?;
        if session.holds()? {
            return Ok(version);
        }
        // A collection took this writer for dead before it could see the reference: what it names may be gone.
        if *expect == Expect::Absent {
            self.delete_reference(name)?;
        }
        Err(self.inner.outrun())
    }

    fn write_reference(
        &self,
        name: &str,
        objects: &[ObjectId],
        value: &impl Serialize,
        expect: &Expect,
    ) -> Result<Version, StoreError> {
        let file = file_name(name).ok_or_else(|| StoreError::BadReference(name.to_owned()))?;
        let value = serde_json::to_value(value).map_err(StoreError::other)?;
        let read = ReferenceFile { objects: objects.iter().map(ToString::to_string).collect(), value };
        let payload = serde_json::to_vec_pretty(&read).map_err(StoreError::other)?;
        let bytes = document::encode_sealed(&file, &payload, self.inner.keys.as_ref());
        Ok(self.inner.backend.write_if(&file, &bytes, expect)?)
    }

    /// Changes what a reference says, not what it keeps alive; again, when somebody else changes it at the same time.
    /// `None` when there is none.
    pub fn update_reference<T: DeserializeOwned + Serialize>(
        &self,
        name: &str,
        mut change: impl FnMut(&mut T),
    ) -> Result<Option<T>, StoreError> {
        loop {
            let Some(mut reference) = self.reference::<T>(name)? else { return Ok(None) };
            change(&mut reference.value);
            let expect = Expect::Version(reference.version);
            match self.write_reference(name, &reference.objects, &reference.value, &expect) {
                Ok(_) => return Ok(Some(reference.value)),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The names of all references that begin with `prefix`, which ends with `/` or is empty; sorted.
    pub fn references(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        let file_prefix = file_name(prefix.trim_end_matches('/')).map_or(DIRECTORY.to_owned(), |file| file + "/");
        self.inner.backend.list(&file_prefix, &mut |entry| {
            names.extend(reference_name(&entry.name));
            Ok(())
        })?;
        names.sort();
        Ok(names)
    }

    /// Removes a reference; fine when there is none. What it kept alive stays until the store is collected.
    pub fn delete_reference(&self, name: &str) -> Result<(), StoreError> {
        match file_name(name) {
            Some(file) => Ok(self.inner.backend.delete(&file)?),
            None => Ok(()),
        }
    }
}
