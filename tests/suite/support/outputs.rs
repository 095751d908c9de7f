//! Files that a run leaves in its folder.

use std::{fs, path::Path};

use recto_schemas::{Manifest, SchemaName};
use serde_json::Value;

/// The manifest at `path`, which keeps to its schema.
pub fn manifest(path: &Path) -> Manifest {
    let text = fs::read(path).unwrap();
    let value: Value = serde_json::from_slice(&text).unwrap();
    let schema = serde_json::to_value(recto_schemas::schema(SchemaName::Manifest)).unwrap();
    if let Err(error) = jsonschema::validate(&schema, &value) {
        panic!("{}: {error}", path.display());
    }
    serde_json::from_value(value).unwrap()
}

/// The manifest without what may differ between runs.
pub fn without_timing(path: &Path) -> Value {
    fn strip(value: &mut Value) {
        if let Value::Object(members) = value {
            members.remove("timing");
        }
        match value {
            Value::Object(members) => members.values_mut().for_each(strip),
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    strip(&mut value);
    value
}
