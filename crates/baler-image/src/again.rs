//! A blob is read to its end again where a registry did not send it as it is: what was made of it is thrown away.

use std::io::{self, Read};

use crate::source::SourceError;

/// How often a blob is read.
const MAXIMUM_READS: u32 = 3;

/// Has `read` read what `open` opens, and has it begin anew where that was damaged on its way. After the last time the error
/// is made from the damage, and says how often it was tried. The outer error is that of `open`.
///
/// `read` must leave nothing behind where it fails.
pub fn read_again<T, E, O>(
    open: impl Fn() -> Result<Box<dyn Read + Send>, O>,
    mut read: impl FnMut(&mut (dyn Read + Send)) -> Result<T, E>,
    damaged: impl FnOnce(SourceError) -> E,
) -> Result<Result<T, E>, O> {
    let mut tries = 0;
    loop {
        tries += 1;
        let mut reader = Watched { reader: open()?, damage: None };
        let result = read(&mut reader);
        if result.is_ok() {
            return Ok(result);
        }
        match reader.damage() {
            Some(_) if tries < MAXIMUM_READS => {}
            Some(damage) => return Ok(Err(damaged(damage.after(tries)))),
            None => return Ok(result),
        }
    }
}

/// A reader that keeps the error which tells of damage.
struct Watched {
    reader: Box<dyn Read + Send>,
    damage: Option<SourceError>,
}

impl Watched {
    /// Whether the bytes are others than they should be. It is known at their end alone, and who unpacks them may have
    /// stumbled before.
    fn damage(mut self) -> Option<SourceError> {
        if self.damage.is_none() {
            // Another error than that of damage is no news.
            let _ = io::copy(&mut self, &mut io::sink());
        }
        self.damage
    }
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).map_err(|error| {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<SourceError>());
            if !inner.is_some_and(SourceError::is_damage_on_the_way) {
                return error;
            }
            self.damage = error.downcast().ok();
            io::Error::new(io::ErrorKind::InvalidData, "the blob is damaged")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{Digest, Place};

    /// A blob that is damaged so often: it ends with the error.
    struct Blob {
        bytes: io::Cursor<Vec<u8>>,
        is_damaged: bool,
        place: Place,
    }

    impl Read for Blob {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.bytes.read(buffer)? {
                0 if std::mem::take(&mut self.is_damaged) => {
                    let (place, digest) = (self.place.clone(), Digest::of(b"right"));
                    let error = SourceError::Corrupt { place, digest, found: Digest::of(b"wrong"), tries: 1 };
                    Err(io::Error::other(error))
                }
                count => Ok(count),
            }
        }
    }

    /// What comes of reading a blob that is damaged the first `damaged` times, and how often it was read.
    fn read(damaged: u32, place: &Place, begin: usize) -> (Result<Vec<u8>, String>, u32) {
        let opened = Cell::new(0);
        let open = || {
            opened.set(opened.get() + 1);
            let is_damaged = opened.get() <= damaged;
            let bytes = if is_damaged { b"wrong".to_vec() } else { b"right".to_vec() };
            Ok::<_, String>(Box::new(Blob { bytes: io::Cursor::new(bytes), is_damaged, place: place.clone() }) as _)
        };
        let read = |reader: &mut (dyn Read + Send)| {
            let mut bytes = vec![0; begin];
            reader.read_exact(&mut bytes).map_err(|error| error.to_string())?;
            if bytes.starts_with(b"w") {
                return Err("stumbled".to_owned());
            }
            reader.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
            Ok(bytes)
        };
        let result = read_again(open, read, |damage| damage.to_string()).expect("opening does not fail");
        (result, opened.get())
    }

    #[test]
    fn what_a_registry_damages_is_read_again() {
        let registry = Place::Registry("registry.example".to_owned());
        // Read to the end, and given up at the first byte.
        for begin in [0, 1] {
            assert_eq!(read(0, &registry, begin), (Ok(b"right".to_vec()), 1));
            assert_eq!(read(2, &registry, begin), (Ok(b"right".to_vec()), 3));
            let (result, times) = read(9, &registry, begin);
            let said = format!(
                "blob {} in the registry registry.example is damaged: its bytes have the digest {}, at the last of 3 tries",
                Digest::of(b"right"),
                Digest::of(b"wrong")
            );
            assert_eq!((result, times), (Err(said), 3));
        }
        // Other places say the same every time.
        assert_eq!(read(1, &Place::Store, 1), (Err("stumbled".to_owned()), 1));
    }

    #[test]
    fn what_is_right_and_cannot_be_used_is_not_read_again() {
        let opened = Cell::new(0);
        let open = || {
            opened.set(opened.get() + 1);
            Ok::<_, String>(Box::new(io::Cursor::new(b"right".to_vec())) as Box<dyn Read + Send>)
        };
        let result = read_again(open, |_| Err::<(), _>("no tar".to_owned()), |damage| damage.to_string());
        assert_eq!((result, opened.get()), (Ok(Err("no tar".to_owned())), 1));
    }
}
