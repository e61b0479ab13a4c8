//! Names of owners: numbers differ between machines, names less so.

use std::collections::BTreeMap;

use nix::unistd::{Gid, Group, Uid, User};

/// The owners that a save has seen.
#[derive(Default)]
pub struct Owners {
    pub users: BTreeMap<u32, Option<String>>,
    pub groups: BTreeMap<u32, Option<String>>,
}

impl Owners {
    /// Notes the owner and the group of an entry.
    pub fn see(&mut self, uid: u32, gid: u32) {
        self.users
            .entry(uid)
            .or_insert_with(|| User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name));
        self.groups
            .entry(gid)
            .or_insert_with(|| Group::from_gid(Gid::from_raw(gid)).ok().flatten().map(|group| group.name));
    }

    /// Those that have a name.
    pub fn named(names: &BTreeMap<u32, Option<String>>) -> BTreeMap<u32, String> {
        names.iter().filter_map(|(number, name)| Some((*number, name.clone()?))).collect()
    }
}

/// Numbers of a tree to numbers of this machine: by name where the name is known here, else unchanged.
pub struct OwnerMap {
    users: BTreeMap<u32, u32>,
    groups: BTreeMap<u32, u32>,
}

impl OwnerMap {
    pub fn new(users: &BTreeMap<u32, String>, groups: &BTreeMap<u32, String>) -> Self {
        let user = |name: &String| User::from_name(name).ok().flatten().map(|user| user.uid.as_raw());
        let group = |name: &String| Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw());
        Self {
            users: users.iter().filter_map(|(number, name)| Some((*number, user(name)?))).collect(),
            groups: groups.iter().filter_map(|(number, name)| Some((*number, group(name)?))).collect(),
        }
    }

    pub fn uid(&self, number: u32) -> u32 {
        self.users.get(&number).copied().unwrap_or(number)
    }

    pub fn gid(&self, number: u32) -> u32 {
        self.groups.get(&number).copied().unwrap_or(number)
    }
}
