//! An action as Terraform: integration, credential and Data Action, for the provider
//! `mypurecloud/genesyscloud`.
//!
//! It says what the file for import says ([`data_action`]), laid out as `terraform fmt` does. Texts
//! of several lines stand in heredocs. `${` and `%{` begin an expression of Terraform's, so that
//! those of Genesys Cloud are doubled.

use std::fmt::Write as _;

use serde_json::Value;

use super::data_action::{self, CREDENTIAL_FIELD};
use crate::model::action::action_spec::ActionSpec;

/// The configuration's text. `url` is the service's public address, without a path.
pub fn configuration(action: &ActionSpec, url: &str) -> String {
    let mut out = FIXED_PARTS.replace("API_KEY_FIELD", CREDENTIAL_FIELD);
    // Writing to a `String` cannot fail.
    let _ = write_action(&mut out, action, &data_action::file(action, url));
    out
}

const FIXED_PARTS: &str = r#"terraform {
  required_providers {
    genesyscloud = {
      source = "mypurecloud/genesyscloud"
    }
  }
}

variable "tributary_api_key" {
  description = "A key of [[server.api_keys]] in Tributary's configuration."
  type        = string
  sensitive   = true
}

resource "genesyscloud_integration_credential" "tributary" {
  name                 = "Tributary"
  credential_type_name = "userDefined"
  fields = {
    API_KEY_FIELD = var.tributary_api_key
  }
}

resource "genesyscloud_integration" "tributary" {
  intended_state   = "ENABLED"
  integration_type = "custom-rest-actions"

  config {
    name       = "Tributary"
    properties = jsonencode({})
    advanced   = jsonencode({})
    credentials = {
      basicAuth = genesyscloud_integration_credential.tributary.id
    }
  }
}
"#;

fn write_action(out: &mut String, action: &ActionSpec, file: &Value) -> std::fmt::Result {
    let request = &file["config"]["request"];
    let response = &file["config"]["response"];
    writeln!(out, "\nresource \"genesyscloud_integration_action\" \"{}\" {{", action.id)?;
    write_attributes(
        out,
        "  ",
        &[
            ("name", quoted(text(&file["name"]))),
            ("category", "genesyscloud_integration.tributary.config[0].name".to_owned()),
            ("integration_id", "genesyscloud_integration.tributary.id".to_owned()),
            ("secure", file["secure"].to_string()),
            ("config_timeout_seconds", data_action::timeout(action).to_string()),
        ],
    )?;
    let contract = &file["contract"];
    write_heredoc(out, "contract_input", &format!("{:#}", contract["input"]["inputSchema"]))?;
    write_heredoc(out, "contract_output", &format!("{:#}", contract["output"]["successSchema"]))?;

    writeln!(out, "\n  config_request {{")?;
    write_attributes(
        out,
        "    ",
        &[
            ("request_type", quoted(text(&request["requestType"]))),
            ("request_url_template", quoted(text(&request["requestUrlTemplate"]))),
        ],
    )?;
    write_map(out, "headers", &request["headers"])?;
    write_heredoc(out, "request_template", text(&request["requestTemplate"]))?;
    writeln!(out, "  }}\n\n  config_response {{")?;
    write_attributes(
        out,
        "    ",
        &[("success_template", quoted(text(&response["successTemplate"])))],
    )?;
    write_map(out, "translation_map", &response["translationMap"])?;
    write_map(out, "translation_map_defaults", &response["translationMapDefaults"])?;
    writeln!(out, "  }}\n}}")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Attributes of one line each, their signs below each other.
fn write_attributes(
    out: &mut String,
    indent: &str,
    attributes: &[(&str, String)],
) -> std::fmt::Result {
    let width = attributes.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    attributes.iter().try_for_each(|(name, value)| writeln!(out, "{indent}{name:width$} = {value}"))
}

/// A table of texts within a block of an action.
fn write_map(out: &mut String, name: &str, values: &Value) -> std::fmt::Result {
    let entries = values.as_object().into_iter().flatten();
    let entries: Vec<(String, String)> =
        entries.map(|(name, value)| (quoted(name), quoted(text(value)))).collect();
    let entries: Vec<(&str, String)> =
        entries.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    writeln!(out, "\n    {name} = {{")?;
    write_attributes(out, "      ", &entries)?;
    writeln!(out, "    }}")
}

/// Text of several lines. No line of ours is the end's word: all of them begin with a brace, a
/// quote or white space.
fn write_heredoc(out: &mut String, name: &str, text: &str) -> std::fmt::Result {
    let indent = if name.starts_with("contract") { "  " } else { "    " };
    writeln!(out, "\n{indent}{name} = <<EOT\n{}\nEOT", doubled(text))
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    for c in doubled(text).chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    format!("\"{out}\"")
}

/// What begins an expression of Terraform's, made plain text.
fn doubled(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}
