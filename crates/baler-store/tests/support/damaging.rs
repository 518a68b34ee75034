//! A registry that damages what it sends, as long as it is told to.

use std::io::{self, Cursor, Read};
use std::sync::atomic::{AtomicUsize, Ordering};

use baler_image::{Descriptor, Digest, Found, ImageName, Place, Source, SourceError};
use baler_store::Layout;

/// What is done to the bytes.
pub type Damage = fn(&mut Vec<u8>);

/// The first byte is another one, so that it is no gzip; one in the middle; the end is missing; it is something else.
pub const DAMAGES: [Damage; 4] = [
    |bytes| bytes[0] ^= 1,
    |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
    },
    |bytes| bytes.truncate(bytes.len() / 2),
    |bytes| *bytes = b"<!doctype html>".to_vec(),
];

/// What a layout has, as a registry that damages the next `left` blobs.
pub struct Damaging {
    pub layout: Layout,
    pub damage: Damage,
    pub left: AtomicUsize,
    pub read: AtomicUsize,
}

impl Damaging {
    pub fn new(layout: Layout) -> Self {
        Self { layout, damage: DAMAGES[0], left: AtomicUsize::new(0), read: AtomicUsize::new(0) }
    }
}

impl Source for Damaging {
    fn place(&self) -> Place {
        Place::Registry("registry.example".to_owned())
    }

    fn find(&self, name: &ImageName) -> Result<Option<Found>, SourceError> {
        self.layout.find(name)
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        self.layout.document(descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        self.read.fetch_add(1, Ordering::SeqCst);
        let take = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_err() {
            return self.layout.blob(descriptor);
        }
        let mut bytes = Vec::new();
        self.layout.blob(descriptor)?.read_to_end(&mut bytes).unwrap();
        (self.damage)(&mut bytes);
        let (place, digest, found) = (self.place(), descriptor.digest.clone(), Digest::of(&bytes));
        let end = Some(SourceError::Corrupt { place, digest, found, tries: 1 });
        Ok(Box::new(Damaged { bytes: Cursor::new(bytes), end }))
    }
}

/// A blob at whose end it is known that it is another one.
struct Damaged {
    bytes: Cursor<Vec<u8>>,
    end: Option<SourceError>,
}

impl Read for Damaged {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (self.bytes.read(buffer)?, buffer.is_empty()) {
            (0, false) => self.end.take().map_or(Ok(0), |error| Err(io::Error::other(error))),
            (count, _) => Ok(count),
        }
    }
}

/// Unpacks a layer that comes damaged twice, and one that comes damaged always, for an id map.
pub fn check(id_map: &baler_sandbox::IdMap) {
    let (directory, store) = super::store();
    let layout = Layout::create_or_open(&directory.path().join("layout")).unwrap();
    let mut registry = Damaging::new(layout);
    for (number, damage) in DAMAGES.into_iter().enumerate() {
        registry.damage = damage;
        let layer = super::put_layer(&registry.layout, &[("file", &number.to_string())]);
        let unpack = |damaged| {
            registry.left.store(damaged, Ordering::SeqCst);
            registry.read.store(0, Ordering::SeqCst);
            let result = store.unpack(std::slice::from_ref(&layer), &registry, id_map, &|_| ());
            (result, registry.read.load(Ordering::SeqCst))
        };
        let (failed, read) = unpack(9);
        let Err(baler_store::UnpackError::Read { source: SourceError::Corrupt { digest, found, tries, .. }, .. }) =
            failed
        else {
            panic!("{number}: {failed:?}");
        };
        assert_eq!((&digest, tries, read), (&layer.descriptor.digest, 3, 3));
        assert_ne!(found, digest);
        assert!(super::list(&store.root().join("tmp")).iter().all(|name| !name.contains("unpack")), "{number}");
        let (unpacked, read) = unpack(2);
        assert!(unpacked.unwrap().lower[0].join("etc").is_dir());
        assert_eq!(read, 3);
    }
}
