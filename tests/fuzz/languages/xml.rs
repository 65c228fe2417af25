//! XML, by `roxmltree`.

use roxmltree::Document;

use super::Parsed;

pub fn xml(text: &str) -> Result<Parsed, String> {
    let document = Document::parse(text).map_err(|error| error.to_string())?;
    let mut parsed = Parsed::default();
    for node in document.descendants() {
        let name = node.tag_name().name();
        parsed.structure.push(format!("{:?} {name}", node.node_type()));
        for attribute in node.attributes() {
            parsed.structure.push(format!("attribute {}", attribute.name()));
            parsed.values.push(attribute.value().to_owned());
        }
        if node.is_text() {
            parsed.values.extend(node.text().map(str::to_owned));
        }
    }
    Ok(parsed)
}
