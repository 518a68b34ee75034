//! Reading metadata.toml straight from the parsed document. Deriving it would be shorter, and eighty kilobytes more in
//! every app image: the launcher reads this file.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{GroupModule, Label, Metadata, Slice};
use crate::process::Process;

/// Text that is no metadata.toml.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    #[error(transparent)]
    Syntax(#[from] toml::de::Error),
    #[error("line {line}: '{key}' must be {expected}, not {found}")]
    WrongType { line: usize, key: String, expected: &'static str, found: &'static str },
}

pub(super) fn metadata(text: &str) -> Result<Metadata, InvalidMetadata> {
    let document = DeTable::parse(text)?;
    let root = Table { text, table: document.get_ref() };
    Ok(Metadata {
        buildpack_default_process_type: root.string("buildpack-default-process-type")?,
        buildpacks: root.tables("buildpacks", group_module)?,
        extensions: root.tables("extensions", group_module)?,
        labels: root
            .tables("labels", |label| Ok(Label { key: label.string("key")?, value: label.string("value")? }))?,
        processes: root.tables("processes", process)?,
        slices: root.tables("slices", |slice| Ok(Slice { paths: slice.strings("paths")? }))?,
    })
}

fn group_module(table: &Table<'_>) -> Result<GroupModule, InvalidMetadata> {
    Ok(GroupModule {
        id: table.string("id")?,
        version: table.string("version")?,
        api: table.string("api")?,
        homepage: table.string("homepage")?,
    })
}

fn process(table: &Table<'_>) -> Result<Process, InvalidMetadata> {
    Ok(Process {
        process_type: table.string("type")?,
        command: table.string_or_strings("command")?,
        args: table.strings("args")?,
        direct: table.boolean("direct")?,
        buildpack_id: table.string("buildpack-id")?,
        working_dir: table.string("working-dir")?,
        exec_env: table.strings("exec-env")?,
    })
}

/// A table, with the text of the whole document for the lines in errors. Absent keys are empty.
struct Table<'a> {
    text: &'a str,
    table: &'a DeTable<'a>,
}

impl<'a> Table<'a> {
    fn string(&self, key: &str) -> Result<String, InvalidMetadata> {
        let Some(value) = self.table.get(key) else { return Ok(String::new()) };
        let text = value.get_ref().as_str().ok_or_else(|| self.wrong_type(key, "a string", value))?;
        Ok(text.to_owned())
    }

    fn boolean(&self, key: &str) -> Result<bool, InvalidMetadata> {
        let Some(value) = self.table.get(key) else { return Ok(false) };
        value.get_ref().as_bool().ok_or_else(|| self.wrong_type(key, "true or false", value))
    }

    fn strings(&self, key: &str) -> Result<Vec<String>, InvalidMetadata> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let error = |value| self.wrong_type(key, "an array of strings", value);
        let array = value.get_ref().as_array().ok_or_else(|| error(value))?;
        array.iter().map(|entry| Ok(entry.get_ref().as_str().ok_or_else(|| error(entry))?.to_owned())).collect()
    }

    /// A command is a list, or the single string that older versions write. An empty string is an empty command, not a
    /// program without a name.
    fn string_or_strings(&self, key: &str) -> Result<Vec<String>, InvalidMetadata> {
        match self.table.get(key).map(|value| (value, value.get_ref().as_str())) {
            Some((_, Some(""))) => Ok(Vec::new()),
            Some((_, Some(text))) => Ok(vec![text.to_owned()]),
            Some((value, None)) if !value.get_ref().is_array() => {
                Err(self.wrong_type(key, "a string or an array of strings", value))
            }
            Some((_, None)) | None => self.strings(key),
        }
    }

    fn tables<T>(
        &self,
        key: &str,
        read: impl Fn(&Table<'_>) -> Result<T, InvalidMetadata>,
    ) -> Result<Vec<T>, InvalidMetadata> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let error = |value| self.wrong_type(key, "an array of tables", value);
        let array = value.get_ref().as_array().ok_or_else(|| error(value))?;
        array
            .iter()
            .map(|entry| {
                let table = entry.get_ref().as_table().ok_or_else(|| error(entry))?;
                read(&Table { text: self.text, table })
            })
            .collect()
    }

    fn wrong_type(&self, key: &str, expected: &'static str, value: &Spanned<DeValue<'a>>) -> InvalidMetadata {
        let before = self.text.get(..value.span().start).unwrap_or_default();
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        InvalidMetadata::WrongType { line, key: key.to_owned(), expected, found: value.get_ref().type_str() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> Result<Vec<String>, InvalidMetadata> {
        let metadata = metadata(&format!("[[processes]]\ntype = 'web'\n{text}\n"))?;
        Ok(metadata.processes[0].command.clone())
    }

    #[test]
    fn reads_a_command_in_both_forms() {
        for (text, expected) in [
            (r#"command = "run it""#, vec!["run it"]),
            (r#"command = ["run", "it"]"#, vec!["run", "it"]),
            (r#"command = """#, vec![]),
            ("command = []", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(command(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (text, expected) in [
            ("command = 7", "line 3: 'command' must be a string or an array of strings, not integer"),
            ("command = ['a',\n 7]", "line 4: 'command' must be an array of strings, not integer"),
            ("args = 'a'", "line 3: 'args' must be an array of strings, not string"),
            ("direct = 'yes'", "line 3: 'direct' must be true or false, not string"),
            ("working-dir = ['a']", "line 3: 'working-dir' must be a string, not array"),
            ("[buildpacks]\nid = 'a'", "line 3: 'buildpacks' must be an array of tables, not table"),
        ] {
            assert_eq!(command(text).unwrap_err().to_string(), expected, "{text}");
        }
        let error = metadata("processes = [1]").unwrap_err();
        assert_eq!(error.to_string(), "line 1: 'processes' must be an array of tables, not integer");
    }

    #[test]
    fn reads_inline_tables_too() {
        let metadata = metadata("processes = [{type = 'web', command = ['run'], direct = true}]").unwrap();
        assert_eq!(metadata.processes[0].process_type, "web");
        assert!(metadata.processes[0].direct);
    }
}
