//! `sluiced --print-default-config`: every option with its meaning, range and default, made from the declarations.

use super::raw::{RawApi, RawDangerZone, RawDevice, RawMetrics, RawNode, RawNvmeTcp, RawQos, RawReactor};
use super::section::OptionDoc;

/// The default configuration as commented TOML. Read back, it is the default configuration.
pub fn default_config() -> String {
    let mut text = String::from(
        "# Configuration of sluiced, with every option at its default. Unknown keys are errors.\n\
         # Check a file with `sluiced --config FILE --check-config`.\n",
    );
    let tables = [
        (RawNode::NAME, RawNode::ABOUT, RawNode::options()),
        (RawApi::NAME, RawApi::ABOUT, RawApi::options()),
        (RawMetrics::NAME, RawMetrics::ABOUT, RawMetrics::options()),
        (RawNvmeTcp::NAME, RawNvmeTcp::ABOUT, RawNvmeTcp::options()),
        (RawQos::NAME, RawQos::ABOUT, RawQos::options()),
        (RawReactor::NAME, RawReactor::ABOUT, RawReactor::options()),
        (RawDangerZone::NAME, RawDangerZone::ABOUT, RawDangerZone::options()),
    ];
    for (name, about, options) in tables {
        print_table(&mut text, &format!("[{name}]"), about, &options);
    }
    let mut devices = String::new();
    print_table(&mut devices, &format!("[[{}]]", RawDevice::NAME), RawDevice::ABOUT, &RawDevice::options());
    text.push_str(&commented_out(&devices));
    text
}

fn print_table(text: &mut String, header: &str, about: &[&str], options: &[OptionDoc]) {
    text.push('\n');
    about.iter().for_each(|line| text.push_str(&format!("#{line}\n")));
    text.push_str(&format!("{header}\n"));
    for option in options {
        print_option(text, option);
    }
}

fn print_option(text: &mut String, option: &OptionDoc) {
    text.push('\n');
    option.doc.iter().for_each(|line| text.push_str(&format!("#{line}\n")));
    if let Some((lowest, highest)) = &option.range {
        text.push_str(&format!("# Range: {lowest} to {highest}.\n"));
    }
    match &option.default {
        Some(default) => text.push_str(&format!("{} = {default}\n", option.name)),
        None => text.push_str(&format!("# {} =\n", option.name)),
    }
}

/// Devices have no default: the table is there to be read.
fn commented_out(text: &str) -> String {
    let line = |line: &str| {
        if line.is_empty() || line.starts_with('#') { line.to_owned() } else { format!("# {line}") }
    };
    text.lines().map(|text| line(text) + "\n").collect()
}
