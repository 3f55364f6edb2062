//! What a sandbox needs from its start, as far as a component's bytes tell: its parts count as often as they are
//! instantiated, not as they are written. Modules and components that come from an import or out of an instance
//! are not followed; what they need shows when a sandbox is made.

use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Instance, Payload,
};

/// What one instance of a module or a component makes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Needs {
    pub(crate) core_instances: usize,
    pub(crate) memory_bytes: u64,
}

impl Needs {
    /// Of a module, before it has a memory.
    const MODULE: Self = Needs { core_instances: 1, memory_bytes: 0 };

    fn add(&mut self, other: Needs) {
        self.core_instances = self.core_instances.saturating_add(other.core_instances);
        self.memory_bytes = self.memory_bytes.saturating_add(other.memory_bytes);
    }
}

/// A module or a component whose bytes are read, and what is known by index within it.
#[derive(Default)]
struct Part {
    is_module: bool,
    needs: Needs,
    modules: Vec<Needs>,
    components: Vec<Needs>,
}

/// The component, and within it whatever is read now, innermost last.
pub(crate) struct Parts(Vec<Part>);

impl Default for Parts {
    fn default() -> Self {
        Parts(vec![Part::default()])
    }
}

impl Parts {
    /// How many are around what is read now.
    pub(crate) fn depth(&self) -> usize {
        self.0.len().saturating_sub(1)
    }

    /// What the innermost part needs, as far as it was read.
    pub(crate) fn needs(&self) -> Needs {
        self.0.last().map(|part| part.needs).unwrap_or_default()
    }

    /// Adds to what the innermost part needs.
    pub(crate) fn add(&mut self, needs: Needs) {
        if let Some(part) = self.0.last_mut() {
            part.needs.add(needs);
        }
    }

    /// Follows what begins, ends, gets an index or is instantiated.
    pub(crate) fn follow(&mut self, payload: &Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::ModuleSection { .. } => {
                self.0.push(Part { is_module: true, needs: Needs::MODULE, ..Part::default() });
            }
            Payload::ComponentSection { .. } => self.0.push(Part::default()),
            Payload::End(_) => self.end(),
            Payload::InstanceSection(reader) => {
                for instance in reader.clone() {
                    if let Instance::Instantiate { module_index, .. } = instance? {
                        self.add(self.module(0, module_index));
                    }
                }
            }
            Payload::ComponentInstanceSection(reader) => {
                for instance in reader.clone() {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                        self.add(self.component(0, component_index));
                    }
                }
            }
            Payload::ComponentImportSection(reader) => {
                for import in reader.clone() {
                    match import?.ty {
                        ComponentTypeRef::Module(_) => self.define_module(Needs::default()),
                        ComponentTypeRef::Component(_) => self.define_component(Needs::default()),
                        _ => {}
                    }
                }
            }
            Payload::ComponentExportSection(reader) => {
                for export in reader.clone() {
                    let export = export?;
                    match export.kind {
                        ComponentExternalKind::Module => self.define_module(self.module(0, export.index)),
                        ComponentExternalKind::Component => {
                            self.define_component(self.component(0, export.index));
                        }
                        _ => {}
                    }
                }
            }
            Payload::ComponentAliasSection(reader) => {
                for alias in reader.clone() {
                    self.alias(&alias?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self) {
        let Some(ended) = self.0.pop() else { return };
        if ended.is_module {
            self.define_module(ended.needs);
        } else {
            self.define_component(ended.needs);
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        use ComponentExternalKind as External;
        use ComponentOuterAliasKind as Outer;

        match *alias {
            ComponentAlias::InstanceExport { kind: External::Module, .. } => {
                self.define_module(Needs::default());
            }
            ComponentAlias::InstanceExport { kind: External::Component, .. } => {
                self.define_component(Needs::default());
            }
            ComponentAlias::Outer { kind: Outer::CoreModule, count, index } => {
                self.define_module(self.module(count, index));
            }
            ComponentAlias::Outer { kind: Outer::Component, count, index } => {
                self.define_component(self.component(count, index));
            }
            _ => {}
        }
    }

    /// The module at that index, so many components further out. An index that is wrong is the validator's to refuse.
    fn module(&self, out: u32, index: u32) -> Needs {
        self.part(out).and_then(|part| part.modules.get(index as usize)).copied().unwrap_or_default()
    }

    fn component(&self, out: u32, index: u32) -> Needs {
        self.part(out).and_then(|part| part.components.get(index as usize)).copied().unwrap_or_default()
    }

    fn part(&self, out: u32) -> Option<&Part> {
        self.0.iter().rev().nth(out as usize)
    }

    fn define_module(&mut self, needs: Needs) {
        if let Some(part) = self.0.last_mut() {
            part.modules.push(needs);
        }
    }

    fn define_component(&mut self, needs: Needs) {
        if let Some(part) = self.0.last_mut() {
            part.components.push(needs);
        }
    }
}
