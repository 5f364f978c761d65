//! `sluice device`

use clap::{Args, Subcommand, ValueEnum};

use super::block_size;

/// `sluice device`
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// List the configured devices.
    List,
    /// What drives in user space told of late, and what was done about it; oldest first.
    Events {
        /// Only of this device.
        device: Option<String>,
    },
    /// Format a drive in user space (NVMe Format). DANGER: all its data are lost.
    Format(FormatArgs),
    /// Have a drive in user space make unreadable all that it ever held (NVMe Sanitize). DANGER: all its data are
    /// lost. May take hours; goes on in the drive whatever happens to the node or to this command.
    Sanitize(SanitizeArgs),
}

/// `sluice device format`
#[derive(Debug, Args)]
pub struct FormatArgs {
    /// The device.
    pub device: String,
    /// Block size of the drive from then on. Default: as it is.
    #[arg(long, value_parser = block_size)]
    pub block_size: Option<u32>,
    /// Also erase the data on the media, or the key they are encrypted with.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub erase: Option<SecureErase>,
    /// DANGER: whatever the drive holds. A pool with volumes is refused still.
    #[arg(long)]
    pub force: bool,
}

/// What becomes of the data when a drive is formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SecureErase {
    /// They are erased.
    Data,
    /// Their key is thrown away.
    Key,
}

/// `sluice device sanitize`
#[derive(Debug, Args)]
pub struct SanitizeArgs {
    /// The device.
    pub device: String,
    /// By which method.
    #[arg(long, value_enum, value_name = "METHOD")]
    pub by: SanitizeBy,
    /// DANGER: whatever the drive holds. A pool with volumes is refused still.
    #[arg(long)]
    pub force: bool,
}

/// How a drive makes all that it ever held unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SanitizeBy {
    /// The media are erased.
    BlockErase,
    /// The key that all is encrypted with is thrown away.
    CryptoErase,
    /// Everything is overwritten with zeroes.
    Overwrite,
}

#[cfg(test)]
mod test {
    use clap::Parser;

    use super::{DeviceCommand, SanitizeBy, SecureErase};
    use crate::args::{Cli, Command};

    fn parse(line: &str) -> Option<DeviceCommand> {
        match Cli::try_parse_from(line.split_whitespace()).ok()?.command {
            Command::Device(command) => Some(command),
            _ => None,
        }
    }

    #[test]
    fn formats_and_sanitizes() {
        let line = "sluice device format d0 --block-size 4KiB --erase key --force";
        let Some(DeviceCommand::Format(args)) = parse(line) else { panic!("{line}") };
        assert_eq!((args.block_size, args.erase, args.force), (Some(4096), Some(SecureErase::Key), true));
        let line = "sluice device sanitize d0 --by block-erase";
        let Some(DeviceCommand::Sanitize(args)) = parse(line) else { panic!("{line}") };
        assert_eq!((args.device.as_str(), args.by, args.force), ("d0", SanitizeBy::BlockErase, false));
        for wrong in
            ["sluice device format", "sluice device format d0 --block-size 1024", "sluice device sanitize d0"]
        {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
