//! GraphQL, by `apollo-parser`.

use apollo_parser::cst::{CstNode, StringValue};
use apollo_parser::{Parser, SyntaxKind};

use super::Parsed;

pub fn graphql(text: &str) -> Result<Parsed, String> {
    let tree = Parser::new(text).parse();
    if let Some(error) = tree.errors().next() {
        return Err(error.message().to_owned());
    }
    let document = tree.document();
    let mut parsed = Parsed::default();
    for element in document.syntax().descendants_with_tokens() {
        let kind = format!("{:?}", element.kind());
        if let Some(token) = element.as_token() {
            match token.kind() {
                SyntaxKind::STRING | SyntaxKind::WHITESPACE => parsed.structure.push(kind),
                _ => parsed.structure.push(format!("{kind} {}", token.text())),
            }
            continue;
        }
        if let Some(string) = element.into_node().and_then(StringValue::cast) {
            parsed.values.push(String::from(&string));
        }
        parsed.structure.push(kind);
    }
    Ok(parsed)
}
