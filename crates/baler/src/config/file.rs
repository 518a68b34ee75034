//! The file that `baler config` changes. Comments, the order of things and keys that are not known stay as they are.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use baler_store::NewFile;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use super::{Config, ConfigError, own_path, pack_path, text_of};

/// A setting that is one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    DefaultBuilder,
    PullPolicy,
    LifecycleImage,
}

/// The file, read, to be changed and written back.
pub(crate) struct ConfigFile {
    path: PathBuf,
    document: DocumentMut,
}

impl Value {
    fn key(self) -> &'static str {
        match self {
            Self::DefaultBuilder => "default-builder-image",
            Self::PullPolicy => "pull-policy",
            Self::LifecycleImage => "lifecycle-image",
        }
    }

    /// What a configuration says; nothing where it is empty.
    pub(crate) fn of(self, config: &Config) -> Option<&str> {
        let text = match self {
            Self::DefaultBuilder => &config.default_builder_image,
            Self::PullPolicy => &config.pull_policy,
            Self::LifecycleImage => &config.lifecycle_image,
        };
        Some(text.as_str()).filter(|text| !text.is_empty())
    }
}

impl ConfigFile {
    /// Opens Baler's own file, or `pack`'s. One that is not there is empty.
    ///
    /// # Errors
    ///
    /// If the file is not of the form of the configuration.
    pub(crate) fn open(variables: &BTreeMap<String, String>, is_packs: bool) -> Result<Self, ConfigError> {
        let path = if is_packs { pack_path(variables) } else { own_path(variables) };
        let path = path.ok_or(ConfigError::NoPlace)?;
        let text = text_of(&path)?;
        // What is read below is of the types that it has to be.
        Config::parse(&path, &text)?;
        let document = text.parse();
        let document =
            document.map_err(|source| ConfigError::Change { path: path.clone(), source: Box::new(source) })?;
        Ok(Self { path, document })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A setting; nothing where it is empty.
    pub(crate) fn text(&self, setting: Value) -> Option<&str> {
        self.document.get(setting.key()).and_then(Item::as_str).filter(|text| !text.is_empty())
    }

    /// Sets a setting.
    pub(crate) fn set_text(&mut self, setting: Value, text: &str) {
        self.set(setting.key(), text);
    }

    /// Removes a setting.
    pub(crate) fn unset(&mut self, setting: Value) {
        self.document.remove(setting.key());
    }

    /// Records whether experimental features are wanted, and the directory that `pack` then keeps layouts in.
    pub(crate) fn set_experimental(&mut self, is_wanted: bool) {
        if is_wanted {
            let layouts = self.path.with_file_name("layout-repo").display().to_string();
            self.set("experimental", true);
            self.set("layout-repo-dir", layouts);
        } else {
            self.document.remove("experimental");
            self.document.remove("layout-repo-dir");
        }
    }

    /// Names a builder as trusted; false if it was.
    pub(crate) fn trust(&mut self, builder: &str) -> bool {
        let tables = self.tables("trusted-builders");
        if tables.iter().any(|table| names(table, "name", builder)) {
            return false;
        }
        tables.push(table_of("name", builder));
        true
    }

    /// Takes a builder from the trusted ones; false if it was none.
    pub(crate) fn distrust(&mut self, builder: &str) -> bool {
        self.remove_tables("trusted-builders", "name", builder)
    }

    /// Adds mirrors to those of a run image, which are sorted and each named once.
    pub(crate) fn add_run_image_mirrors(&mut self, image: &str, mirrors: &[String]) {
        let tables = self.tables("run-images");
        if !tables.iter().any(|table| names(table, "image", image)) {
            tables.push(table_of("image", image));
        }
        for table in tables.iter_mut().filter(|table| names(table, "image", image)) {
            let mut all = mirrors_of(table);
            all.extend_from_slice(mirrors);
            all.sort();
            all.dedup();
            table.insert("mirrors", value(Array::from_iter(all)));
        }
    }

    /// Removes mirrors of a run image, all of them where none is named; false if it has none.
    pub(crate) fn remove_run_image_mirrors(&mut self, image: &str, mirrors: &[String]) -> bool {
        if mirrors.is_empty() {
            return self.remove_tables("run-images", "image", image);
        }
        let tables = self.tables("run-images");
        let mut was_there = false;
        for table in tables.iter_mut().filter(|table| names(table, "image", image)) {
            let left: Vec<String> = mirrors_of(table).into_iter().filter(|mirror| !mirrors.contains(mirror)).collect();
            was_there = true;
            table.insert("mirrors", value(Array::from_iter(left)));
        }
        tables.retain(|table| !names(table, "image", image) || !mirrors_of(table).is_empty());
        self.drop_if_empty("run-images");
        was_there
    }

    /// Has one registry stand for another.
    pub(crate) fn set_registry_mirror(&mut self, registry: &str, mirror: &str) {
        let item = self.document.entry("registry-mirrors").or_insert_with(toml_edit::table);
        if let Some(table) = item.as_table_like_mut() {
            table.insert(registry, value(mirror));
        }
    }

    /// Takes the mirror of a registry away; false if it has none.
    pub(crate) fn remove_registry_mirror(&mut self, registry: &str) -> bool {
        let Some(table) = self.document.get_mut("registry-mirrors").and_then(Item::as_table_like_mut) else {
            return false;
        };
        let was_there = table.remove(registry).is_some();
        if table.is_empty() {
            self.document.remove("registry-mirrors");
        }
        was_there
    }

    /// Writes the file: under a temporary name, and then renamed. A file that is a link stays one.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn save(self) -> Result<(), ConfigError> {
        self.write().map_err(|source| ConfigError::Write { source })
    }

    fn write(&self) -> io::Result<()> {
        let path = fs_err::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let directory = path.parent().unwrap_or(Path::new("."));
        fs_err::create_dir_all(directory)?;
        let mut file = NewFile::begin(&path)?;
        // It stays as closed as it was.
        if let Ok(metadata) = fs_err::metadata(&path) {
            file.set_permissions(metadata.permissions())?;
        }
        file.write_all(self.document.to_string().as_bytes())?;
        file.commit()
    }

    /// Sets a key before the tables, where it is the document's own.
    fn set(&mut self, key: &str, new: impl Into<toml_edit::Value>) {
        match self.document.get_mut(key) {
            Some(item) => *item = value(new),
            None => _ = self.document.insert(key, value(new)),
        }
    }

    /// The tables of a list, made if need be. A list that is written in one line becomes tables.
    fn tables(&mut self, key: &str) -> &mut ArrayOfTables {
        let item = self.document.entry(key).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        if !item.is_array_of_tables() {
            let tables = std::mem::take(item).into_array_of_tables().unwrap_or_default();
            *item = Item::ArrayOfTables(tables);
        }
        item.as_array_of_tables_mut().expect("it was made one above")
    }

    fn remove_tables(&mut self, list: &str, key: &str, name: &str) -> bool {
        let tables = self.tables(list);
        let before = tables.len();
        tables.retain(|table| !names(table, key, name));
        let was_there = tables.len() < before;
        self.drop_if_empty(list);
        was_there
    }

    fn drop_if_empty(&mut self, list: &str) {
        if self.tables(list).is_empty() {
            self.document.remove(list);
        }
    }
}

fn names(table: &Table, key: &str, name: &str) -> bool {
    table.get(key).and_then(Item::as_str) == Some(name)
}

fn table_of(key: &str, name: &str) -> Table {
    let mut table = Table::new();
    table.insert(key, value(name));
    table
}

fn mirrors_of(table: &Table) -> Vec<String> {
    let mirrors = table.get("mirrors").and_then(Item::as_array).into_iter().flatten();
    mirrors.filter_map(|mirror| mirror.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"# mine
pull-policy = "never" # no network here
other = 1

[[run-images]]
  image = "run"
  mirrors = ["b.example/run"]

[other-table]
key = "value"
"#;

    fn open(text: &str) -> (tempfile::TempDir, ConfigFile) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("baler/config.toml");
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, text).unwrap();
        let variables = BTreeMap::from([("XDG_CONFIG_HOME".to_owned(), home.path().display().to_string())]);
        let file = ConfigFile::open(&variables, false).unwrap();
        (home, file)
    }

    fn text(file: ConfigFile) -> String {
        let path = file.path().to_owned();
        file.save().unwrap();
        fs_err::read_to_string(path).unwrap()
    }

    #[test]
    fn what_is_not_changed_stays() {
        let (_home, mut file) = open(FILE);
        file.set_text(Value::DefaultBuilder, "builder");
        file.add_run_image_mirrors("run", &["a.example/run".to_owned(), "b.example/run".to_owned()]);
        assert!(file.trust("builder") && !file.trust("builder"));
        file.set_registry_mirror("*", "all.example");
        let changed = text(file);
        let expected = r#"# mine
pull-policy = "never" # no network here
other = 1
default-builder-image = "builder"

[[run-images]]
  image = "run"
mirrors = ["a.example/run", "b.example/run"]

[other-table]
key = "value"

[[trusted-builders]]
name = "builder"

[registry-mirrors]
"*" = "all.example"
"#;
        assert_eq!(changed.replace("  mirrors", "mirrors"), expected);
    }

    #[test]
    fn what_is_taken_back_leaves_nothing() {
        let (_home, mut file) = open("# mine\n");
        file.set_text(Value::LifecycleImage, "lifecycle");
        file.add_run_image_mirrors("run", &["a".to_owned(), "b".to_owned()]);
        file.trust("builder");
        file.set_registry_mirror("docker.io", "mirror.example");
        file.set_experimental(true);
        assert!(file.remove_run_image_mirrors("run", &["a".to_owned()]));
        assert!(file.remove_run_image_mirrors("run", &["b".to_owned()]));
        assert!(!file.remove_run_image_mirrors("run", &[]));
        assert!(file.distrust("builder") && !file.distrust("builder"));
        assert!(file.remove_registry_mirror("docker.io") && !file.remove_registry_mirror("docker.io"));
        file.unset(Value::LifecycleImage);
        file.set_experimental(false);
        assert_eq!(text(file), "# mine\n");
    }

    #[test]
    fn lists_in_one_line_can_be_changed() {
        let (_home, mut file) = open("run-images = [{ image = \"run\", mirrors = [\"a\"] }]\n");
        file.add_run_image_mirrors("run", &["b".to_owned()]);
        let changed: Config = toml::from_str(&text(file)).unwrap();
        assert_eq!(changed.run_images[0].mirrors, ["a", "b"]);
    }
}
