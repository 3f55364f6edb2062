//! Bounds on what a component is made of, checked while it is parsed and validated and before
//! anything is compiled. They are far above what compilers produce, and keep the shapes that are
//! known to make a compiler slow or large (huge functions, deep nesting, floods of tiny things) out
//! of it. What passes here is still compiled within bounds.

use greenroom_core::Limits;
use wasmparser::{
    BinaryReaderError, FuncValidatorAllocations, FunctionBody, MemoryType, Operator, Parser, Payload,
    TableType, ValidPayload, Validator, WasmFeatures,
};

use crate::needs::{Needs, Parts};

/// Core modules and components inside a component. Linking Python's shared libraries takes some 40.
const MODULES_MAX: usize = 200;
/// Core instances made by one component, nested components as often as they are instantiated; each costs every
/// sandbox of it.
pub(crate) const CORE_INSTANCES_MAX: usize = 200;
/// Components within components. Tools nest one deep.
const COMPONENT_DEPTH_MAX: usize = 8;
/// Linear memories; each costs every sandbox 4 GiB of address space. Languages use up to three.
pub(crate) const MEMORIES_MAX: usize = 16;
/// Tables; adapters between modules use one each.
pub(crate) const TABLES_MAX: usize = 64;
/// Functions in all; a Python interpreter with its libraries has 40,000.
const FUNCTIONS_MAX: usize = 200_000;
/// Bytes of one function's body: the compiler's time and memory grow faster than this. The largest
/// loops of interpreters have a fifth of it.
const FUNCTION_BODY_BYTES_MAX: usize = 1 << 20;
/// Locals of one function, for the same reason.
const LOCALS_MAX: u64 = 20_000;
/// Targets of one `br_table`, for the same reason.
const BR_TABLE_TARGETS_MAX: u32 = 16_384;
/// Blocks within blocks of one function; a stack of the compiler grows with it.
const BLOCK_DEPTH_MAX: u32 = 2_000;
/// Types, imports, exports, globals, segments, of each kind and in all. Shared libraries export
/// tens of thousands of symbols.
const ITEMS_MAX: usize = 100_000;
/// Instances, aliases, types, canonical functions of components in all.
const COMPONENT_ITEMS_MAX: usize = 100_000;
/// Longest name of an import or export; mangled C++ names come near.
const NAME_BYTES_MAX: usize = 8 << 10;

/// What a component says of itself at its top level.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// Names of what it imports.
    pub(crate) imports: Vec<String>,
    /// Names of what it exports.
    pub(crate) exports: Vec<String>,
}

/// Why a component is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// It is not a valid component.
    #[error("not a valid component: {0}")]
    Invalid(#[from] BinaryReaderError),
    /// There is more of something than is allowed.
    #[error("the component has {what} ({found}), beyond the bound of {bound}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much there may be.
        bound: u64,
    },
    /// It starts with more than a limit of the host allows it ever to have.
    #[error("the component needs {needed} {what} to start, more than {limit} ({value}) allows")]
    PastLimit {
        /// Bytes of memory, or elements of a table.
        what: &'static str,
        /// How much it starts with.
        needed: u64,
        /// The limit's name.
        limit: &'static str,
        /// Its value.
        value: u64,
    },
}

fn bound(what: &'static str, found: usize, bound: usize) -> Result<(), Refusal> {
    if found > bound {
        return Err(Refusal::TooMany { what, found: found as u64, bound: bound as u64 });
    }
    Ok(())
}

/// Running totals of a component.
struct Counts<'a> {
    limits: &'a Limits,
    parts: Parts,
    modules: usize,
    memories: usize,
    tables: usize,
    functions: usize,
    items: usize,
    component_items: usize,
    outline: Outline,
}

/// Parses a component, validates it as one of those `features`, and reads its outline.
pub(crate) fn examine(component: &[u8], features: WasmFeatures, limits: &Limits) -> Result<Outline, Refusal> {
    let mut counts = Counts {
        limits,
        parts: Parts::default(),
        modules: 0,
        memories: 0,
        tables: 0,
        functions: 0,
        items: 0,
        component_items: 0,
        outline: Outline::default(),
    };
    let mut validator = Validator::new_with_features(features);
    let mut allocations = FuncValidatorAllocations::default();
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        counts.count(&payload)?;
        if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
            check_body(&body)?;
            let mut function = function.into_validator(allocations);
            check_code(&mut function, &body)?;
            allocations = function.into_allocations();
        }
    }
    Ok(counts.outline)
}

fn check_body(body: &FunctionBody<'_>) -> Result<(), Refusal> {
    bound("a function with a large body", body.range().len(), FUNCTION_BODY_BYTES_MAX)?;
    let mut locals = 0_u64;
    for group in body.get_locals_reader()? {
        locals += u64::from(group?.0);
    }
    if locals > LOCALS_MAX {
        return Err(Refusal::TooMany {
            what: "a function with many locals",
            found: locals,
            bound: LOCALS_MAX,
        });
    }
    Ok(())
}

fn check_code(
    function: &mut wasmparser::FuncValidator<wasmparser::ValidatorResources>,
    body: &FunctionBody<'_>,
) -> Result<(), Refusal> {
    let mut reader = body.get_binary_reader();
    function.read_locals(&mut reader)?;
    let mut operators = wasmparser::OperatorsReader::new(reader);
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        match &operator {
            Operator::BrTable { targets } if targets.len() > BR_TABLE_TARGETS_MAX => {
                return Err(Refusal::TooMany {
                    what: "a br_table with many targets",
                    found: targets.len().into(),
                    bound: BR_TABLE_TARGETS_MAX.into(),
                });
            }
            _ => function.op(offset, &operator)?,
        }
        let depth = function.control_stack_height();
        if depth > BLOCK_DEPTH_MAX {
            return Err(Refusal::TooMany {
                what: "deeply nested blocks",
                found: depth.into(),
                bound: BLOCK_DEPTH_MAX.into(),
            });
        }
    }
    operators.finish()?;
    Ok(())
}

impl Counts<'_> {
    fn count(&mut self, payload: &Payload<'_>) -> Result<(), Refusal> {
        self.parts.follow(payload)?;
        match payload {
            Payload::ModuleSection { .. } => self.add_module()?,
            Payload::ComponentSection { .. } => {
                bound("components nested deep", self.parts.depth(), COMPONENT_DEPTH_MAX)?;
                self.add_module()?;
            }
            Payload::FunctionSection(reader) => {
                self.functions += reader.count() as usize;
                bound("many functions", self.functions, FUNCTIONS_MAX)?;
            }
            Payload::MemorySection(reader) => {
                let mut start_bytes = 0_u64;
                for memory in reader.clone() {
                    start_bytes = start_bytes.saturating_add(initial_bytes(&memory?));
                }
                self.parts.add(Needs { memory_bytes: start_bytes, ..Needs::default() });
                self.memories += reader.count() as usize;
                bound("many memories", self.memories, MEMORIES_MAX)?;
            }
            Payload::TableSection(reader) => {
                for table in reader.clone() {
                    self.check_table(&table?.ty)?;
                }
                self.tables += reader.count() as usize;
                bound("many tables", self.tables, TABLES_MAX)?;
            }
            Payload::TypeSection(reader) => self.add_items(reader.count())?,
            Payload::ImportSection(reader) => self.add_items(reader.count())?,
            Payload::GlobalSection(reader) => self.add_items(reader.count())?,
            Payload::ElementSection(reader) => self.add_items(reader.count())?,
            Payload::DataSection(reader) => self.add_items(reader.count())?,
            Payload::ExportSection(reader) => {
                self.add_items(reader.count())?;
                for export in reader.clone() {
                    bound("a long name", export?.name.len(), NAME_BYTES_MAX)?;
                }
            }
            Payload::InstanceSection(reader) => self.add_component_items(reader.count())?,
            Payload::CoreTypeSection(reader) => self.add_component_items(reader.count())?,
            Payload::ComponentInstanceSection(reader) => self.add_component_items(reader.count())?,
            Payload::ComponentAliasSection(reader) => self.add_component_items(reader.count())?,
            Payload::ComponentTypeSection(reader) => self.add_component_items(reader.count())?,
            Payload::ComponentCanonicalSection(reader) => self.add_component_items(reader.count())?,
            Payload::ComponentImportSection(reader) => {
                self.add_component_items(reader.count())?;
                for import in reader.clone() {
                    let name = import?.name.name;
                    bound("a long name", name.len(), NAME_BYTES_MAX)?;
                    if self.parts.depth() == 0 {
                        self.outline.imports.push(name.to_owned());
                    }
                }
            }
            Payload::ComponentExportSection(reader) => {
                self.add_component_items(reader.count())?;
                for export in reader.clone() {
                    let name = export?.name.name;
                    bound("a long name", name.len(), NAME_BYTES_MAX)?;
                    if self.parts.depth() == 0 {
                        self.outline.exports.push(name.to_owned());
                    }
                }
            }
            _ => {}
        }
        self.check_needs()
    }

    fn add_module(&mut self) -> Result<(), Refusal> {
        self.modules += 1;
        bound("many modules", self.modules, MODULES_MAX)
    }

    fn add_items(&mut self, count: u32) -> Result<(), Refusal> {
        self.items += count as usize;
        bound("many types, imports, exports, globals and segments", self.items, 4 * ITEMS_MAX)?;
        bound("many items of one kind", count as usize, ITEMS_MAX)
    }

    fn add_component_items(&mut self, count: u32) -> Result<(), Refusal> {
        self.component_items += count as usize;
        bound("many component types, aliases, imports and exports", self.component_items, COMPONENT_ITEMS_MAX)
    }

    fn check_needs(&self) -> Result<(), Refusal> {
        let Needs { core_instances, memory_bytes } = self.parts.needs();
        bound("many core instances", core_instances, CORE_INSTANCES_MAX)?;
        let value = self.limits.sandbox_memory_bytes as u64;
        if memory_bytes > value {
            return Err(Refusal::PastLimit {
                what: "bytes of memory",
                needed: memory_bytes,
                limit: "sandbox_memory_bytes",
                value,
            });
        }
        Ok(())
    }

    fn check_table(&self, table: &TableType) -> Result<(), Refusal> {
        let value = self.limits.sandbox_table_elements as u64;
        if table.initial > value {
            return Err(Refusal::PastLimit {
                what: "elements of a table",
                needed: table.initial,
                limit: "sandbox_table_elements",
                value,
            });
        }
        Ok(())
    }
}

fn initial_bytes(memory: &MemoryType) -> u64 {
    const PAGE_SIZE_LOG2: u32 = 16;
    let page_size = memory.page_size_log2.unwrap_or(PAGE_SIZE_LOG2);
    memory
        .initial
        .checked_shl(page_size)
        .filter(|bytes| bytes >> page_size == memory.initial)
        .unwrap_or(u64::MAX)
}
