//! The order in which groups are tried, with what composite buildpacks bring in opened.

use baler_cnb::labels::ModuleLayers;
use baler_cnb::order::{Group, ModuleReference};

/// A group's element, and what is in it.
pub(crate) struct Element<'a> {
    pub(crate) module: &'a ModuleReference,
    /// The module is inside of itself, and is not opened again.
    pub(crate) is_cyclic: bool,
    /// The groups of a composite; empty where it is none, or lies too deep.
    pub(crate) groups: Vec<Vec<Self>>,
}

/// Opens an order to `depth` levels of composites.
pub(crate) fn open<'a>(order: &'a [Group], modules: &'a ModuleLayers, depth: Option<usize>) -> Vec<Vec<Element<'a>>> {
    groups(order, modules, depth, &mut Vec::new())
}

fn groups<'a>(
    order: &'a [Group],
    modules: &'a ModuleLayers,
    depth: Option<usize>,
    above: &mut Vec<&'a ModuleReference>,
) -> Vec<Vec<Element<'a>>> {
    let mut element = |module: &'a ModuleReference| {
        let is_cyclic = above.iter().any(|other| (&other.id, &other.version) == (&module.id, &module.version));
        let inside = modules.get(&module.id).and_then(|versions| versions.get(&module.version));
        let is_closed = is_cyclic || depth == Some(0);
        let groups = match inside.filter(|_| !is_closed) {
            None => Vec::new(),
            Some(inside) => {
                above.push(module);
                let opened = groups(&inside.order, modules, depth.map(|depth| depth - 1), above);
                above.pop();
                opened
            }
        };
        Element { module, is_cyclic, groups }
    };
    order.iter().map(|group| group.group.iter().map(&mut element).collect()).collect()
}
