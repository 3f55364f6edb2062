//! Which functions of a component are methods, and what they are called.
//!
//! Every function that the component exports is one: at the top of its world or in an interface of
//! its own, which is any but those of `wasi:*` and `greenroom:actor/*`; all but the few that tools
//! leave behind. A function that takes or
//! gives something that is no value makes the component one that can't be deployed, since its author
//! would otherwise find out from a caller.

use std::collections::{HashMap, HashSet};

use greenroom_core::Method as MethodName;
use greenroom_core::address::NAME_BYTES_MAX;
use wasmtime::Engine;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex};

use crate::offered::{is_left_by_tool, is_own_interface};
use crate::typed::docs::Docs;
use crate::typed::names::{shown, snake};
use crate::typed::shape::{Fields, Shape, Shapes};

/// Methods of one component.
const METHODS_MAX: usize = 1_000;

/// A function that is a method.
pub(crate) struct Method {
    /// The name it is called by.
    pub(crate) name: Box<str>,
    /// The name in snake case, where that is another.
    pub(crate) alias: Option<Box<str>>,
    /// The interface it is in.
    pub(crate) interface: Option<Box<str>>,
    /// What its author says of it.
    pub(crate) docs: Option<String>,
    pub(crate) export: ComponentExportIndex,
    pub(crate) signature: Signature,
}

/// What a function takes and gives.
#[derive(Debug, PartialEq)]
pub(crate) struct Signature {
    pub(crate) parameters: Fields,
    pub(crate) result: Option<Shape>,
}

/// The methods of a component, sorted by name.
#[derive(Default)]
pub(crate) struct Methods {
    list: Vec<Method>,
    /// By name and alias.
    places: HashMap<Box<str>, usize>,
}

/// A function of a component, before it has a name of its own.
struct Exported {
    interface: Option<String>,
    name: String,
    ty: ComponentFunc,
    export: ComponentExportIndex,
}

impl Methods {
    /// The methods of `component`.
    ///
    /// # Errors
    /// Why it can't be deployed, for whoever uploaded it.
    pub(crate) fn of(component: &Component, engine: &Engine, docs: &Docs) -> Result<Self, String> {
        let functions = exported(component, engine)?;
        let names = names_of(&functions)?;
        let mut shapes = Shapes::default();
        let mut list = Vec::with_capacity(functions.len());
        for (function, name) in functions.into_iter().zip(names) {
            let Exported { interface, name: function_name, ty, export } = function;
            let whole = match &interface {
                Some(interface) => format!("`{function_name}` of `{interface}`"),
                None => format!("`{function_name}`"),
            };
            let refused = |why: String| format!("the function {whole} can't be a method: {why}");
            if function_name.starts_with('[') {
                return Err(refused("it belongs to a resource; methods take and give values".into()));
            }
            if MethodName::new(&name).is_err() {
                return Err(refused(format!("its name is longer than {NAME_BYTES_MAX} bytes")));
            }
            let signature = Signature::of(&ty, &mut shapes).map_err(refused)?;
            let alias = Some(snake(&name)).filter(|alias| *alias != name).map(String::into_boxed_str);
            let docs = docs.of_function(interface.as_deref(), &function_name);
            let interface = interface.map(String::into_boxed_str);
            list.push(Method { name: name.into(), alias, interface, docs, export, signature });
        }
        list.sort_by(|one, other| one.name.cmp(&other.name));
        let mut places: HashMap<Box<str>, usize> = HashMap::new();
        for (place, method) in list.iter().enumerate() {
            places.extend(method.alias.clone().map(|alias| (alias, place)));
        }
        places.extend(list.iter().enumerate().map(|(place, method)| (method.name.clone(), place)));
        Ok(Methods { list, places })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The place of the method of that name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    pub(crate) fn get(&self, place: usize) -> &Method {
        &self.list[place]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Method> {
        self.list.iter()
    }

    /// Their names, for a text.
    pub(crate) fn shown(&self) -> String {
        shown(self.list.iter().map(|method| &*method.name))
    }
}

impl Signature {
    /// The signature of a function.
    ///
    /// # Errors
    /// What about it is no value.
    pub(crate) fn of(ty: &ComponentFunc, shapes: &mut Shapes) -> Result<Self, String> {
        if ty.async_() {
            return Err("it is async; build it for the synchronous ABI".into());
        }
        let mut parameters = Vec::with_capacity(ty.params().len());
        for (name, ty) in ty.params() {
            let shape = shapes.of(&ty).map_err(|what| {
                format!("the type of its parameter `{name}` has {what}; methods take and give values")
            })?;
            parameters.push(shape);
        }
        let result = ty.results().next().map(|ty| {
            shapes
                .of(&ty)
                .map_err(|what| format!("the type of its result has {what}; methods take and give values"))
        });
        let names = shapes
            .names(ty.params().map(|(name, _)| name))
            .map_err(|what| format!("its parameters have {what}"))?;
        Ok(Signature { parameters: Fields { names, shapes: parameters }, result: result.transpose()? })
    }
}

/// The functions that are methods. No more are gathered than there may be: an interface can be exported many times.
fn exported(component: &Component, engine: &Engine) -> Result<Vec<Exported>, String> {
    let mut functions: Vec<Exported> = Vec::new();
    let mut add = |function: Exported| {
        let parameters: Vec<&str> = function.ty.params().map(|(name, _)| name).collect();
        if !is_left_by_tool(function.interface.as_deref(), &function.name, &parameters) {
            functions.push(function);
        }
        if functions.len() > METHODS_MAX {
            return Err(format!("the component exports more functions than the bound of {METHODS_MAX}"));
        }
        Ok(())
    };
    for (outer, item) in component.component_type().exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(ty) => {
                if let Some(export) = component.get_export_index(None, outer) {
                    add(Exported { interface: None, name: outer.to_owned(), ty, export })?;
                }
            }
            ComponentItem::ComponentInstance(instance) if is_own_interface(outer) => {
                let Some(interface) = component.get_export_index(None, outer) else { continue };
                for (name, item) in instance.exports(engine) {
                    let ComponentItem::ComponentFunc(ty) = item.ty else { continue };
                    let Some(export) = component.get_export_index(Some(&interface), name) else { continue };
                    add(Exported { interface: Some(outer.to_owned()), name: name.to_owned(), ty, export })?;
                }
            }
            _ => {}
        }
    }
    Ok(functions)
}

/// A name for each function: its own; where several have that, its own behind that of its interface;
/// where that does not tell them apart either, behind those of its package and interface.
fn names_of(functions: &[Exported]) -> Result<Vec<String>, String> {
    let own = |function: &Exported| function.name.clone();
    let short = |function: &Exported| match &function.interface {
        Some(interface) => format!("{}.{}", short_name(interface), function.name),
        None => function.name.clone(),
    };
    let long = |function: &Exported| match &function.interface {
        Some(interface) => {
            let unversioned = interface.split('@').next().unwrap_or(interface);
            format!("{}.{}", unversioned.replace([':', '/'], "."), function.name)
        }
        None => function.name.clone(),
    };
    let mut names: Vec<String> = functions.iter().map(own).collect();
    let ways: [&dyn Fn(&Exported) -> String; 2] = [&short, &long];
    for way in ways {
        let mut times: HashMap<&str, usize> = HashMap::new();
        for name in &names {
            *times.entry(name).or_default() += 1;
        }
        let clashes: Vec<bool> = names.iter().map(|name| times[name.as_str()] > 1).collect();
        for ((name, function), clashes) in names.iter_mut().zip(functions).zip(clashes) {
            if clashes {
                *name = way(function);
            }
        }
    }
    let mut seen = HashSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(format!(
            "the component exports two functions that would both be the method `{twice}`; leave one interface out"
        ));
    }
    Ok(names)
}

/// `cart` of `shop:orders/cart@1.0.0`.
fn short_name(interface: &str) -> &str {
    let unversioned = interface.split('@').next().unwrap_or(interface);
    unversioned.rsplit('/').next().unwrap_or(unversioned)
}
