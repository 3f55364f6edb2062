//! An `impl` block as the methods of an actor. Everything that can't be one is an error at its place,
//! and all errors are reported together.

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Pat, Result, ReturnType, Type, Visibility,
};

/// The attributes that belong to the macro.
const OURS: [&str; 3] = ["raw", "activate", "deactivate"];

/// What the block says.
pub(crate) struct Model {
    /// The block, without the macro's own attributes.
    pub(crate) block: ItemImpl,
    /// The name of the struct.
    pub(crate) name: Ident,
    pub(crate) methods: Vec<Method>,
    pub(crate) activate: Option<Method>,
    pub(crate) deactivate: Option<Method>,
}

/// One method.
pub(crate) struct Method {
    pub(crate) name: Ident,
    /// `#[cfg(…)]`, which must also hold for whatever names the method.
    pub(crate) conditions: Vec<Attribute>,
    pub(crate) raw: bool,
    /// Whether it takes `&mut self`.
    pub(crate) writes: bool,
    pub(crate) parameters: Vec<Parameter>,
    /// Its return type, if it has one.
    pub(crate) returns: Option<Type>,
}

/// One parameter after `self`.
pub(crate) enum Parameter {
    /// `&Context` or `&mut Context`.
    Context { mutable: bool },
    /// An argument.
    Argument { name: Ident, of: Box<Type> },
}

impl Method {
    /// The arguments' names and types.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = (&Ident, &Type)> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Argument { name, of } => Some((name, &**of)),
            Parameter::Context { .. } => None,
        })
    }

    /// Whether it is written as returning a `Result`.
    pub(crate) fn returns_result(&self) -> bool {
        self.returns
            .as_ref()
            .is_some_and(|returns| last_segment(returns).is_some_and(|name| name == "Result"))
    }
}

/// Reads the attribute's arguments (there are none) and the block.
pub(crate) fn read(arguments: &TokenStream, item: TokenStream) -> Result<Model> {
    if !arguments.is_empty() {
        return Err(Error::new(arguments.span(), "`#[actor]` takes no arguments"));
    }
    let mut block: ItemImpl = syn::parse2(item).map_err(|error| {
        Error::new(error.span(), "`#[actor]` belongs on an `impl` block with the actor's methods")
    })?;
    if let Some((_, path, _)) = &block.trait_ {
        return Err(Error::new(
            path.span(),
            "`#[actor]` belongs on an `impl` block of the struct itself, not of a trait",
        ));
    }
    if !block.generics.params.is_empty() {
        return Err(Error::new(block.generics.span(), "an actor can't be generic: its state has one type"));
    }
    let Some(name) = last_segment(&block.self_ty).cloned() else {
        return Err(Error::new(block.self_ty.span(), "an actor is a struct or an enum of its own"));
    };

    let mut errors = Errors::default();
    let (mut methods, mut activate, mut deactivate) = (Vec::new(), None, None);
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else { continue };
        let ours = errors.take(take_ours(function)).unwrap_or_default();
        let is = |name: &str| ours.iter().any(|attribute| attribute.path().is_ident(name));
        let role = if is("activate") {
            Some(&mut activate)
        } else if is("deactivate") {
            Some(&mut deactivate)
        } else {
            None
        };
        let raw = ours.iter().find(|attribute| attribute.path().is_ident("raw"));
        match (role, raw) {
            (Some(_), Some(raw)) => {
                errors.add(Error::new(raw.span(), "it is no method, so it has no payload"));
            }
            (Some(role), None) => {
                let method = errors.take(read_hook(function));
                if role.is_some() {
                    errors.add(Error::new(function.sig.ident.span(), "there is one of these already"));
                } else {
                    *role = method;
                }
            }
            (None, raw) if is_method(function) => {
                methods.extend(errors.take(read_method(function, raw.is_some())));
            }
            (None, Some(raw)) => {
                errors.add(Error::new(
                    raw.span(),
                    "`#[raw]` belongs on a `pub fn` with `&self` or `&mut self`",
                ));
            }
            (None, None) => {}
        }
    }
    errors.finish()?;
    Ok(Model { block, name, methods, activate, deactivate })
}

/// The block as it is, for the compiler to check beside an error of ours.
pub(crate) fn without_our_attributes(item: TokenStream) -> Option<TokenStream> {
    let mut block: ItemImpl = syn::parse2(item).ok()?;
    for item in &mut block.items {
        if let ImplItem::Fn(function) = item {
            function.attrs.retain(|attribute| !is_ours(attribute));
        }
    }
    Some(quote::quote!(#block))
}

fn is_ours(attribute: &Attribute) -> bool {
    OURS.iter().any(|name| attribute.path().is_ident(name))
}

fn take_ours(function: &mut ImplItemFn) -> Result<Vec<Attribute>> {
    let (ours, others) = std::mem::take(&mut function.attrs).into_iter().partition(is_ours);
    function.attrs = others;
    let ours: Vec<Attribute> = ours;
    for attribute in &ours {
        attribute.meta.require_path_only()?;
    }
    if let [_, second, ..] = ours.as_slice() {
        return Err(Error::new(
            second.span(),
            "one of `#[raw]`, `#[activate]` and `#[deactivate]` at a time",
        ));
    }
    Ok(ours)
}

/// Public functions without `self` are helpers for Rust code, such as constructors.
fn is_method(function: &ImplItemFn) -> bool {
    matches!(function.vis, Visibility::Public(_)) && function.sig.receiver().is_some()
}

fn read_method(function: &ImplItemFn, raw: bool) -> Result<Method> {
    let method = read_function(function)?;
    let arguments = method.arguments().count();
    if raw && arguments > 1 {
        return Err(Error::new(
            function.sig.inputs.span(),
            "a `#[raw]` method takes one `Payload`, or nothing",
        ));
    }
    Ok(Method { raw, ..method })
}

fn read_hook(function: &ImplItemFn) -> Result<Method> {
    let method = read_function(function)?;
    if let Some((name, _)) = method.arguments().next() {
        return Err(Error::new(name.span(), "there is no message here, so there are no arguments"));
    }
    Ok(method)
}

fn read_function(function: &ImplItemFn) -> Result<Method> {
    let signature = &function.sig;
    let mut errors = Errors::default();
    if let Some(keyword) = &signature.asyncness {
        errors
            .add(Error::new(keyword.span(), "a method can't be `async`: calls to other actors simply wait"));
    }
    if let Some(keyword) = &signature.unsafety {
        errors.add(Error::new(keyword.span(), "a method can't be `unsafe`"));
    }
    if let Some(parameter) = signature.generics.type_params().next() {
        errors.add(Error::new(
            parameter.span(),
            "a method can't be generic: its arguments are read as one type",
        ));
    }
    if let Some(parameter) = signature.generics.const_params().next() {
        errors.add(Error::new(
            parameter.span(),
            "a method can't be generic: its arguments are read as one type",
        ));
    }
    let writes = match signature.receiver() {
        Some(receiver) if receiver.reference.is_some() => receiver.mutability.is_some(),
        Some(receiver) => {
            errors.add(Error::new(
                receiver.span(),
                "take `&self` or `&mut self`: the actor outlives the message",
            ));
            true
        }
        None => {
            errors.add(Error::new(signature.ident.span(), "take `&self` or `&mut self`"));
            true
        }
    };
    let mut parameters: Vec<Parameter> = Vec::new();
    for input in &signature.inputs {
        let FnArg::Typed(input) = input else { continue };
        if let Some(parameter) = errors.take(read_parameter(&input.pat, &input.ty)) {
            let is_context = |parameter: &Parameter| matches!(parameter, Parameter::Context { .. });
            if is_context(&parameter) && parameters.iter().any(is_context) {
                errors.add(Error::new(input.span(), "there is a context already"));
            }
            parameters.push(parameter);
        }
    }
    let returns = match &signature.output {
        ReturnType::Default => None,
        ReturnType::Type(_, returns) => Some((**returns).clone()),
    };
    if let Some(returns @ Type::ImplTrait(_)) = &returns {
        errors.add(Error::new(returns.span(), "name the type that is returned"));
    }
    errors.finish()?;
    let conditions = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    Ok(Method {
        name: signature.ident.clone(),
        conditions: conditions.cloned().collect(),
        raw: false,
        writes,
        parameters,
        returns,
    })
}

fn read_parameter(pattern: &Pat, of: &Type) -> Result<Parameter> {
    match of {
        Type::Reference(reference) if is_context(&reference.elem) => {
            return Ok(Parameter::Context { mutable: reference.mutability.is_some() });
        }
        Type::Reference(_) => {
            return Err(Error::new(
                of.span(),
                "take an owned value, such as `String` for `&str`: arguments are read from the message",
            ));
        }
        Type::ImplTrait(_) => {
            return Err(Error::new(of.span(), "name the type: arguments are read as one type"));
        }
        _ if is_context(of) => {
            return Err(Error::new(of.span(), "take `&Context` or `&mut Context`"));
        }
        _ => {}
    }
    match pattern {
        Pat::Ident(name) if name.subpat.is_none() && name.by_ref.is_none() => {
            Ok(Parameter::Argument { name: name.ident.clone(), of: Box::new(of.clone()) })
        }
        _ => Err(Error::new(pattern.span(), "give the parameter a name: callers pass arguments by it")),
    }
}

fn is_context(of: &Type) -> bool {
    last_segment(of).is_some_and(|name| name == "Context")
}

fn last_segment(of: &Type) -> Option<&Ident> {
    match of {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

/// Errors so far.
#[derive(Default)]
struct Errors(Option<Error>);

impl Errors {
    fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    fn finish(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
