//! Which ids of the host stand behind the ids inside a sandbox.
//!
//! Three forms, chosen by what the caller may do (see [`IdMap::choose`]). Never is the host's root mapped; ids are
//! never shared with another user of the host.

mod host_ids;
mod mapping_command;

use serde::{Deserialize, Serialize};

pub use host_ids::{HostIds, IdRange, Mappers, ReadIdsError};
pub(crate) use mapping_command::MappingCommand;

/// How many ids an image can count on: 0 to 65535.
const IDS_OF_AN_IMAGE: u32 = 65_536;

/// Where the search for a range begins that nothing on the host owns. Above what tools give out, below 2^31.
const FIRST_FREE_BASE: u32 = 0x4000_0000;

/// Who runs this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The effective user id.
    pub uid: u32,
    /// The effective group id.
    pub gid: u32,
    /// The user's name, if it has one; sub-ids are given by name or by number.
    pub user_name: Option<String>,
}

/// Which form an [`IdMap`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdMapMode {
    /// Only the build user is mapped, to the caller.
    Single,
    /// The build user is mapped to the caller, all other ids to the caller's sub-ids.
    SubIds,
    /// All ids are mapped to a range that nothing else owns.
    Root,
}

/// `length` ids from `inside` on stand for as many from `host` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// The first id inside.
    pub inside: u32,
    /// The first id on the host.
    pub host: u32,
    /// How many.
    pub length: u32,
}

/// A map from ids inside to ids of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMap {
    mode: IdMapMode,
    build_user: (u32, u32),
    users: Vec<Extent>,
    groups: Vec<Extent>,
    mappers: Option<Mappers>,
}

impl IdMap {
    /// The best map that the caller can have for an image with this build user.
    ///
    /// Root gets a range that nothing else owns; a user with at least 65535 sub-ids of both kinds and the programs
    /// that map them gets those; anyone else, and root of a container without a free range, the single id.
    pub fn choose(caller: &Identity, build_user: (u32, u32), host: &HostIds) -> Self {
        if caller.uid == 0
            && let Some(map) = Self::root(build_user, host)
        {
            return map;
        }
        if caller.uid != 0
            && let Some(map) = Self::sub_ids(caller, build_user, host)
        {
            return map;
        }
        Self::single(caller, build_user)
    }

    /// Only the build user, mapped to the caller.
    pub fn single(caller: &Identity, build_user: (u32, u32)) -> Self {
        Self {
            mode: IdMapMode::Single,
            build_user,
            users: vec![Extent { inside: build_user.0, host: caller.uid, length: 1 }],
            groups: vec![Extent { inside: build_user.1, host: caller.gid, length: 1 }],
            mappers: None,
        }
    }

    /// The build user mapped to the caller, the others to the caller's sub-ids; `None` if those do not suffice.
    pub fn sub_ids(caller: &Identity, build_user: (u32, u32), host: &HostIds) -> Option<Self> {
        let mappers = host.mappers.clone()?;
        let users = around(build_user.0, caller.uid, &host.sub_uids)?;
        let groups = around(build_user.1, caller.gid, &host.sub_gids)?;
        Some(Self { mode: IdMapMode::SubIds, build_user, users, groups, mappers: Some(mappers) })
    }

    /// All ids mapped to a range that nothing on the host owns; `None` if there is none.
    pub fn root(build_user: (u32, u32), host: &HostIds) -> Option<Self> {
        // A build user above the usual ids gets the one that follows the block.
        let extra = |id: u32| id >= IDS_OF_AN_IMAGE;
        let length = IDS_OF_AN_IMAGE + u32::from(extra(build_user.0) || extra(build_user.1));
        let base = host.free_base(FIRST_FREE_BASE, length)?;
        let extents = |id: u32| {
            let mut extents = vec![Extent { inside: 0, host: base, length: IDS_OF_AN_IMAGE }];
            if extra(id) {
                extents.push(Extent { inside: id, host: base + IDS_OF_AN_IMAGE, length: 1 });
            }
            extents
        };
        Some(Self {
            mode: IdMapMode::Root,
            build_user,
            users: extents(build_user.0),
            groups: extents(build_user.1),
            mappers: None,
        })
    }

    /// Which form it has.
    pub fn mode(&self) -> IdMapMode {
        self.mode
    }

    /// A path-safe name: under two maps with the same key, an unpacked tree has the same owners on the host.
    ///
    /// The caller is not part of it: a store belongs to one user.
    pub fn key(&self) -> String {
        match self.mode {
            IdMapMode::Single => "single".to_owned(),
            IdMapMode::Root => {
                let texts = [&self.users, &self.groups].map(|extents| extents_text(extents, None));
                format!("root-{:016x}", hash(&texts.concat()))
            }
            IdMapMode::SubIds => {
                let users = extents_text(&self.users, Some(self.build_user.0));
                let groups = extents_text(&self.groups, Some(self.build_user.1));
                format!("subids-{:016x}", hash(&(users + &groups)))
            }
        }
    }

    /// The host's user id behind `inside`.
    pub fn host_uid(&self, inside: u32) -> Option<u32> {
        look_up(&self.users, inside)
    }

    /// The host's group id behind `inside`.
    pub fn host_gid(&self, inside: u32) -> Option<u32> {
        look_up(&self.groups, inside)
    }

    /// Whether there is a root inside. If not, every file belongs to the build user.
    pub fn maps_root(&self) -> bool {
        self.host_uid(0).is_some() && self.host_gid(0).is_some()
    }

    /// The user and group ids that set things up inside: root if there is one, else the only ones.
    pub(crate) fn setup_ids(&self) -> (u32, u32) {
        if self.maps_root() { (0, 0) } else { self.build_user }
    }

    pub(crate) fn users(&self) -> &[Extent] {
        &self.users
    }

    pub(crate) fn groups(&self) -> &[Extent] {
        &self.groups
    }

    pub(crate) fn mappers(&self) -> Option<&Mappers> {
        self.mappers.as_ref()
    }
}

fn look_up(extents: &[Extent], inside: u32) -> Option<u32> {
    let extent = extents.iter().find(|extent| inside >= extent.inside && inside - extent.inside < extent.length)?;
    Some(extent.host + (inside - extent.inside))
}

/// `build` stands for `caller`, and 0, 1, … for the ids of `ranges` in order.
fn around(build: u32, caller: u32, ranges: &[IdRange]) -> Option<Vec<Extent>> {
    let total: u64 = ranges.iter().map(|range| u64::from(range.count)).sum();
    if total < u64::from(IDS_OF_AN_IMAGE) - 1 {
        return None;
    }
    let mut extents = vec![Extent { inside: build, host: caller, length: 1 }];
    let mut inside = 0;
    for range in ranges {
        let (mut host, mut left) = (range.start, range.count);
        while left > 0 && inside < IDS_OF_AN_IMAGE {
            if inside == build {
                inside += 1;
                continue;
            }
            let until = if inside < build { build.min(IDS_OF_AN_IMAGE) } else { IDS_OF_AN_IMAGE };
            let length = left.min(until - inside);
            extents.push(Extent { inside, host, length });
            inside += length;
            host += length;
            left -= length;
        }
    }
    extents.sort_by_key(|extent| extent.inside);
    Some(extents)
}

/// Where the id `own` stands for the caller, whoever that is.
fn extents_text(extents: &[Extent], own: Option<u32>) -> String {
    let texts = extents.iter().map(|extent| {
        let host = if own == Some(extent.inside) { "own".to_owned() } else { extent.host.to_string() };
        format!("{}.{host}.{};", extent.inside, extent.length)
    });
    texts.collect::<String>() + "/"
}

/// FNV-1a: short, the same everywhere and for ever. Nobody gains from two maps that collide.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(uid: u32) -> Identity {
        Identity { uid, gid: uid, user_name: Some("someone".to_owned()) }
    }

    fn host(ranges: &[(u32, u32)]) -> HostIds {
        let ranges: Vec<_> = ranges.iter().map(|&(start, count)| IdRange { start, count }).collect();
        HostIds {
            sub_uids: ranges.clone(),
            sub_gids: ranges.clone(),
            owned: ranges,
            available: vec![IdRange { start: 0, count: u32::MAX }],
            mappers: Some(Mappers { newuidmap: "/usr/bin/newuidmap".into(), newgidmap: "/usr/bin/newgidmap".into() }),
        }
    }

    fn extent(inside: u32, host: u32, length: u32) -> Extent {
        Extent { inside, host, length }
    }

    #[test]
    fn sub_ids_surround_the_build_user() {
        let map = IdMap::choose(&caller(1000), (1001, 0), &host(&[(100_000, 65_536)]));
        assert_eq!(map.mode(), IdMapMode::SubIds);
        assert_eq!(map.users(), [extent(0, 100_000, 1001), extent(1001, 1000, 1), extent(1002, 101_001, 64_534)]);
        assert_eq!(map.groups(), [extent(0, 1000, 1), extent(1, 100_000, 65_535)]);
        assert_eq!(map.host_uid(0), Some(100_000));
        assert_eq!(map.host_uid(1001), Some(1000));
        assert_eq!(map.host_uid(65_535), Some(165_534));
        assert_eq!(map.host_uid(65_536), None);
        assert!(map.maps_root());
    }

    #[test]
    fn sub_ids_may_come_in_several_ranges() {
        let map = IdMap::choose(&caller(1000), (5, 5), &host(&[(200_000, 3), (300_000, 10), (400_000, 70_000)]));
        let expected = [
            extent(0, 200_000, 3),
            extent(3, 300_000, 2),
            extent(5, 1000, 1),
            extent(6, 300_002, 8),
            extent(14, 400_000, 65_522),
        ];
        assert_eq!(map.users(), expected);
    }

    #[test]
    fn a_build_user_above_the_range_is_mapped_too() {
        let map = IdMap::choose(&caller(1000), (1_000_660_000, 0), &host(&[(100_000, 65_536)]));
        assert_eq!(map.users(), [extent(0, 100_000, 65_536), extent(1_000_660_000, 1000, 1)]);
        let map = IdMap::choose(&caller(0), (1_000_660_000, 0), &host(&[]));
        assert_eq!(map.host_uid(1_000_660_000), Some(FIRST_FREE_BASE + 65_536));
    }

    #[test]
    fn without_enough_sub_ids_there_is_the_single_id() {
        for host in [host(&[]), host(&[(100_000, 1000)]), HostIds { mappers: None, ..host(&[(100_000, 65_536)]) }] {
            let map = IdMap::choose(&caller(1000), (1001, 1002), &host);
            assert_eq!((map.mode(), map.key().as_str()), (IdMapMode::Single, "single"));
            assert_eq!((map.host_uid(1001), map.host_gid(1002), map.host_uid(0)), (Some(1000), Some(1000), None));
            assert_eq!((map.maps_root(), map.setup_ids()), (false, (1001, 1002)));
        }
    }

    #[test]
    fn root_takes_a_range_that_nothing_owns() {
        let map = IdMap::choose(&caller(0), (1001, 1002), &host(&[(100_000, 65_536)]));
        assert_eq!((map.mode(), map.host_uid(0)), (IdMapMode::Root, Some(0x4000_0000)));
        let map = IdMap::choose(&caller(0), (1001, 1002), &host(&[(0x4000_0000, 1), (0x4001_ffff, 1)]));
        assert_eq!(map.host_uid(0), Some(0x4002_0000));
    }

    #[test]
    fn root_of_a_container_without_a_free_range_has_the_single_id() {
        let host = HostIds { available: vec![IdRange { start: 0, count: 65_536 }], ..host(&[]) };
        assert_eq!(IdMap::choose(&caller(0), (1001, 1002), &host).mode(), IdMapMode::Single);
    }

    #[test]
    fn keys_differ_where_owners_do() {
        let ids = host(&[(100_000, 65_536)]);
        let key = |uid, build, host: &HostIds| IdMap::choose(&caller(uid), build, host).key();
        assert_eq!(key(0, (1, 1), &ids), "root-2c4fdb4c9c5c1a05");
        assert_eq!(key(0, (1, 1), &ids), key(0, (1000, 1000), &ids));
        assert_eq!(key(1000, (1, 1), &ids), key(1001, (1, 1), &ids));
        assert_ne!(key(1000, (1, 1), &ids), key(1000, (2, 1), &ids));
        assert_ne!(key(1000, (1, 1), &ids), key(1000, (1, 1), &host(&[(200_000, 65_536)])));
    }
}
