//! `recto schema`: the published JSON Schemas.

use std::io::Write;

use recto_schemas::SchemaName;

/// Prints the schema on standard output.
pub(crate) fn print(name: SchemaName) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(&recto_schemas::schema(name))?;
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
