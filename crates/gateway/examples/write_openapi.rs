//! Writes `docs/openapi.json` anew. Run it after changing a route, a schema or an error code.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let catalog = mapping::Catalog::embedded()?;
    let text = serde_json::to_string_pretty(&gateway::openapi(&catalog))?;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    std::fs::write(path, text + "\n")?;
    Ok(())
}
