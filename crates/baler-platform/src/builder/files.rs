//! The TOML files of a builder, with the bytes that pack gives them: two spaces of indentation a level, keys in a fixed
//! order, empty ones left out. Layers of builders are compared by digest, so the bytes matter.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use baler_cnb::order::{Group, ModuleReference};

use super::config::{BuildVariable, RunImageConfig};

/// `/cnb/order.toml`.
pub(super) fn order(order: &[Group], extensions: &[Group]) -> String {
    let mut text = String::new();
    groups(&mut text, "order", order);
    groups(&mut text, "order-extensions", extensions);
    text
}

fn groups(text: &mut String, name: &str, groups: &[Group]) {
    for group in groups {
        separate(text);
        push(text, format_args!("[[{name}]]\n"));
        for module in &group.group {
            push(text, format_args!("\n  [[{name}.group]]\n"));
            self::module(text, "    ", module);
        }
    }
}

fn module(text: &mut String, indent: &str, module: &ModuleReference) {
    push(text, format_args!("{indent}id = {}\n", quote(&module.id)));
    if !module.version.is_empty() {
        push(text, format_args!("{indent}version = {}\n", quote(&module.version)));
    }
    if !module.exec_env.is_empty() {
        push(text, format_args!("{indent}exec-env = {}\n", list(&module.exec_env)));
    }
    if module.optional {
        push(text, format_args!("{indent}optional = true\n"));
    }
}

/// `/cnb/run.toml`.
pub(super) fn run(images: &[RunImageConfig]) -> String {
    let mut text = String::new();
    for image in images {
        separate(&mut text);
        text.push_str("[[images]]\n");
        run_image(&mut text, image);
    }
    text
}

/// `/cnb/stack.toml`, for lifecycles before Platform API 0.12.
pub(super) fn stack(image: &RunImageConfig) -> String {
    let mut text = String::from("[run-image]\n");
    run_image(&mut text, image);
    text
}

fn run_image(text: &mut String, image: &RunImageConfig) {
    push(text, format_args!("  image = {}\n", quote(&image.image)));
    if !image.mirrors.is_empty() {
        push(text, format_args!("  mirrors = {}\n", list(&image.mirrors)));
    }
}

/// `/cnb/system.toml`.
pub(super) fn system(pre: &[ModuleReference], post: &[ModuleReference]) -> String {
    let mut text = String::from("[system]\n");
    for (name, modules) in [("pre", pre), ("post", post)].into_iter().filter(|(_, modules)| !modules.is_empty()) {
        push(&mut text, format_args!("  [system.{name}]\n"));
        for module in modules {
            push(&mut text, format_args!("\n    [[system.{name}.buildpacks]]\n"));
            self::module(&mut text, "      ", module);
        }
    }
    text
}

/// The files of `/cnb/build-config/env`, by name; of two with one name the later counts.
pub(super) fn build_environment(variables: &[BuildVariable]) -> Vec<(String, Vec<u8>)> {
    let mut files = BTreeMap::new();
    for BuildVariable { name, value, suffix, delim, .. } in variables {
        let path = format!("/cnb/build-config/env/{name}");
        if !delim.is_empty() {
            files.insert(format!("{path}.delim"), delim.clone().into_bytes());
        }
        let path = if suffix.is_empty() { path } else { format!("{path}.{suffix}") };
        files.insert(path, value.clone().into_bytes());
    }
    files.into_iter().collect()
}

fn separate(text: &mut String) {
    if !text.is_empty() {
        text.push('\n');
    }
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a String cannot fail");
}

fn list(values: &[String]) -> String {
    format!("[{}]", values.iter().map(|value| quote(value)).collect::<Vec<_>>().join(", "))
}

/// A basic string: quotes, backslashes and control characters escaped.
fn quote(value: &str) -> String {
    let mut text = String::from("\"");
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            control if control.is_control() => push(&mut text, format_args!("\\u{:04X}", u32::from(control))),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(id: &str, version: &str, optional: bool) -> ModuleReference {
        ModuleReference { id: id.into(), version: version.into(), optional, ..Default::default() }
    }

    #[test]
    fn an_order_is_indented() {
        let group = Group { group: vec![reference("a", "1", false), reference("b", "2", true)] };
        let expected = "[[order]]\n\n  [[order.group]]\n    id = \"a\"\n    version = \"1\"\n\n  [[order.group]]\n    id = \"b\"\n    version = \"2\"\n    optional = true\n";
        assert_eq!(order(&[group], &[]), expected);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let odd = RunImageConfig { image: "a\"b\\c\n\u{1}".into(), mirrors: vec!["m".into(), "n".into()] };
        let table: toml::Table = toml::from_str(&run(std::slice::from_ref(&odd))).unwrap();
        assert_eq!(table["images"][0]["image"].as_str(), Some(odd.image.as_str()));
        let table: toml::Table = toml::from_str(&system(&[reference("a", "1", false)], &[])).unwrap();
        assert_eq!(table["system"]["pre"]["buildpacks"][0]["id"].as_str(), Some("a"));
    }

    #[test]
    fn run_images_have_the_bytes_of_pack() {
        let image = RunImageConfig { image: "r/run:base".into(), mirrors: vec!["m/run".into(), "n/run".into()] };
        assert_eq!(
            run(std::slice::from_ref(&image)),
            "[[images]]\n  image = \"r/run:base\"\n  mirrors = [\"m/run\", \"n/run\"]\n"
        );
        assert_eq!(stack(&image), "[run-image]\n  image = \"r/run:base\"\n  mirrors = [\"m/run\", \"n/run\"]\n");
    }
}
