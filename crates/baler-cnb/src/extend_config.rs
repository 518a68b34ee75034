//! extend-config.toml: arguments for the Dockerfiles of an extension.
//!
//! Image Extension specification, "extend-config.toml (TOML)". Refuses names that the lifecycle gives values to itself.

use serde::{Deserialize, Serialize};

/// extend-config.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExtendConfig {
    /// `[build]`: of build.Dockerfile.
    pub build: ExtendSection,
    /// `[run]`: of run.Dockerfile.
    pub run: ExtendSection,
}

/// `[build]` or `[run]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExtendSection {
    /// `[[args]]`.
    pub args: Vec<ExtendArgument>,
}

/// One of `args`: the value of an `ARG`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExtendArgument {
    /// The name of the `ARG`.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl ExtendConfig {
    /// The first argument whose name the lifecycle uses itself.
    pub fn reserved_argument(&self) -> Option<&str> {
        const RESERVED: [&str; 3] = ["build_id", "user_id", "group_id"];
        let arguments = self.build.args.iter().chain(&self.run.args);
        arguments.map(|argument| argument.name.as_str()).find(|name| RESERVED.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_the_lifecycle_are_found() {
        let config: ExtendConfig =
            toml::from_str("[[build.args]]\nname = \"a\"\nvalue = \"1\"\n[[run.args]]\nname = \"user_id\"\n").unwrap();
        assert_eq!(config.build.args[0], ExtendArgument { name: "a".into(), value: "1".into() });
        assert_eq!(config.reserved_argument(), Some("user_id"));
        assert_eq!(ExtendConfig::default().reserved_argument(), None);
    }
}
