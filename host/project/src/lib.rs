//! An actor's project: made from a template, built into a component.

mod component;
