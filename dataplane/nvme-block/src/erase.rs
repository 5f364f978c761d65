//! Erasing a drive as a whole: Format NVM, which may change its block size, and Sanitize, which leaves no trace.

use sluice_nvme::admin::format_nvm::{FormatNvm, SecureErase};
use sluice_nvme::admin::sanitize::{Sanitize, SanitizeAction};
use sluice_nvme::identify::controller::IdentifyController;
use sluice_nvme::identify::namespace::IdentifyNamespace;
use sluice_nvme::sqe::Sqe;

/// LBA formats that a host may name without having said that it knows more (Host Behavior Support).
const FORMATS: usize = 16;

/// What to do. All data of the drive are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erase {
    /// Format NVM: done when the command completes, in seconds to minutes.
    Format {
        /// Bytes of a block; `None`: as they are.
        block_size: Option<u32>,
        /// What becomes of the data on the media.
        secure: SecureErase,
    },
    /// Sanitize: goes on in the drive, over resets and losses of power, for seconds to hours.
    Sanitize(Method),
}

/// How Sanitize makes data unreadable, everywhere in the drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The media are erased block by block.
    BlockErase,
    /// The key that all is encrypted with is thrown away.
    CryptoErase,
    /// Everything is overwritten with zeroes, once.
    Overwrite,
}

/// Why a drive cannot be erased so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EraseError {
    /// No Format NVM.
    #[error("the drive cannot be formatted: it does not know Format NVM")]
    NoFormat,
    /// No such blocks without metadata.
    #[error("the drive has no format with blocks of {block_size} bytes and no metadata; it has {}", listed(.offered))]
    NoSuchBlocks {
        /// What was asked for.
        block_size: u32,
        /// What there is, in bytes.
        offered: Vec<u32>,
    },
    /// Neither 512 nor 4096.
    #[error("blocks of {block_size} bytes are of no use to hosts: name 512 or 4096")]
    BlockSize {
        /// What was asked for, or what the namespace has.
        block_size: u32,
    },
    /// No secure erase by key.
    #[error("the drive cannot erase cryptographically: have its data erased instead")]
    NoCryptographicErase,
    /// No Sanitize, or not by this method.
    #[error("the drive cannot be sanitized so; it offers {}", offered(.methods))]
    NoSanitize {
        /// What it offers.
        methods: Vec<Method>,
    },
    /// Others would lose their data, too.
    #[error(
        "the drive has {count} namespaces and would erase all of them: delete the others first (`nvme delete-ns`)"
    )]
    Namespaces {
        /// How many are active.
        count: usize,
    },
}

/// The drive that is to be erased, as it describes itself.
#[derive(Debug, Clone, Copy)]
pub struct Erasable<'a> {
    /// The controller.
    pub controller: &'a IdentifyController,
    /// The namespace, in whatever format.
    pub namespace: &'a IdentifyNamespace,
    /// Its identifier.
    pub nsid: u32,
    /// Active namespaces of the controller.
    pub namespaces: usize,
}

impl Erase {
    /// The admin command.
    ///
    /// # Errors
    /// [`EraseError`].
    pub fn command(self, drive: &Erasable<'_>) -> Result<Sqe, EraseError> {
        let mut entry = Sqe::default();
        match self {
            Self::Format { block_size, secure } => {
                let format = FormatNvm::new(drive.format(block_size, secure)?, secure);
                format.write_to(&mut entry, drive.nsid);
            }
            Self::Sanitize(method) => {
                drive.sanitize(method)?;
                Sanitize::new(method.action()).with_owpass(1).write_to(&mut entry, 0);
            }
        }
        Ok(entry)
    }
}

impl Method {
    const ALL: [Self; 3] = [Self::BlockErase, Self::CryptoErase, Self::Overwrite];

    const fn action(self) -> SanitizeAction {
        match self {
            Self::BlockErase => SanitizeAction::BlockErase,
            Self::CryptoErase => SanitizeAction::CryptoErase,
            Self::Overwrite => SanitizeAction::Overwrite,
        }
    }
}

impl Erasable<'_> {
    /// The LBA format to format to.
    fn format(&self, block_size: Option<u32>, secure: SecureErase) -> Result<u8, EraseError> {
        let (offers, attributes) = (self.controller.oacs.format(), self.controller.fna);
        let all = if secure == SecureErase::None { attributes.format_all() } else { attributes.erase_all() };
        if !offers {
            return Err(EraseError::NoFormat);
        }
        if secure == SecureErase::Cryptographic && !attributes.cryptographic() {
            return Err(EraseError::NoCryptographicErase);
        }
        if all || attributes.format_all() {
            self.alone()?;
        }
        let current = || self.namespace.format().and_then(|format| format.block_bytes()).unwrap_or(0);
        self.blocks_of(block_size.unwrap_or_else(current))
    }

    /// The fastest LBA format with such blocks and nothing besides.
    fn blocks_of(&self, block_size: u32) -> Result<u8, EraseError> {
        if !matches!(block_size, 512 | 4096) {
            return Err(EraseError::BlockSize { block_size });
        }
        let formats =
            (0u8..).zip(&self.namespace.lbaf[..FORMATS]).take(usize::from(self.namespace.nlbaf) + 1);
        let plain = formats.filter(|(_, format)| format.ms() == 0);
        let fitting = plain.clone().filter(|(_, format)| format.block_bytes() == Some(block_size));
        let fastest = fitting.min_by_key(|(_, format)| format.rp()).map(|(index, _)| index);
        let offered = || plain.filter_map(|(_, format)| format.block_bytes()).collect();
        fastest.ok_or_else(|| EraseError::NoSuchBlocks { block_size, offered: offered() })
    }

    fn sanitize(&self, method: Method) -> Result<(), EraseError> {
        let offers = self.controller.sanicap;
        let methods = Method::ALL.into_iter().filter(|method| match method {
            Method::BlockErase => offers.block_erase(),
            Method::CryptoErase => offers.crypto_erase(),
            Method::Overwrite => offers.overwrite(),
        });
        let methods: Vec<Method> = methods.collect();
        if methods.contains(&method) { self.alone() } else { Err(EraseError::NoSanitize { methods }) }
    }

    fn alone(&self) -> Result<(), EraseError> {
        match self.namespaces {
            ..=1 => Ok(()),
            count => Err(EraseError::Namespaces { count }),
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BlockErase => "block erase",
            Self::CryptoErase => "crypto erase",
            Self::Overwrite => "overwrite",
        })
    }
}

fn listed(sizes: &[u32]) -> String {
    joined(sizes.iter().map(u32::to_string))
}

fn offered(methods: &[Method]) -> String {
    joined(methods.iter().map(Method::to_string))
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod test {
    use sluice_nvme::identify::capabilities::{Fna, Oacs, Sanicap};
    use sluice_nvme::identify::lba_format::LbaFormat;
    use sluice_nvme::identify::namespace::Flbas;

    use super::*;

    const KEEP: Erase = Erase::Format { block_size: None, secure: SecureErase::None };

    /// Formats as drives have them: 512, 512 with metadata, 4096 slow, 4096 fast; in use is the last.
    fn namespace() -> IdentifyNamespace {
        let flbas = Flbas::default().with_index_low(3);
        let mut namespace = IdentifyNamespace { nlbaf: 3, flbas, ..IdentifyNamespace::default() };
        namespace.lbaf[0] = LbaFormat::of_block_bytes(512);
        namespace.lbaf[1] = LbaFormat::of_block_bytes(512).with_ms(8);
        namespace.lbaf[2] = LbaFormat::of_block_bytes(4096).with_rp(2);
        namespace.lbaf[3] = LbaFormat::of_block_bytes(4096);
        // Beyond the formats that are valid.
        namespace.lbaf[4] = LbaFormat::of_block_bytes(8192);
        namespace
    }

    fn controller(fna: Fna, sanicap: Sanicap) -> IdentifyController {
        let oacs = Oacs::default().with_format(true);
        IdentifyController { oacs, fna, sanicap, ..IdentifyController::default() }
    }

    fn command(erase: Erase, controller: &IdentifyController, namespaces: usize) -> Result<Sqe, EraseError> {
        erase.command(&Erasable { controller, namespace: &namespace(), nsid: 1, namespaces })
    }

    fn format(block_size: u32, secure: SecureErase) -> Erase {
        Erase::Format { block_size: Some(block_size), secure }
    }

    #[test]
    fn a_format_keeps_the_blocks_or_takes_the_fastest_that_fit() {
        let drive = controller(Fna::default(), Sanicap::default());
        for (erase, cdw10) in
            [(KEEP, 3), (format(4096, SecureErase::UserData), 0x203), (format(512, SecureErase::None), 0)]
        {
            let entry = command(erase, &drive, 2).unwrap();
            assert_eq!((entry.opcode, entry.nsid.get(), entry.cdw10.get()), (0x80, 1, cdw10), "{erase:?}");
        }
    }

    #[test]
    fn formats_that_cannot_be_are_refused() {
        let drive = controller(Fna::default(), Sanicap::default());
        let refusal = |erase| command(erase, &drive, 1).unwrap_err();
        assert_eq!(refusal(format(1024, SecureErase::None)), EraseError::BlockSize { block_size: 1024 });
        assert_eq!(refusal(format(512, SecureErase::Cryptographic)), EraseError::NoCryptographicErase);
        let no_format = IdentifyController::default();
        assert_eq!(command(KEEP, &no_format, 1), Err(EraseError::NoFormat));
        let only = IdentifyNamespace { nlbaf: 0, flbas: Flbas::default(), ..namespace() };
        let drive = Erasable { controller: &drive, namespace: &only, nsid: 1, namespaces: 1 };
        let refusal = format(4096, SecureErase::None).command(&drive).unwrap_err();
        assert_eq!(refusal, EraseError::NoSuchBlocks { block_size: 4096, offered: vec![512] });
        assert!(refusal.to_string().ends_with("it has 512"), "{refusal}");
    }

    #[test]
    fn other_namespaces_are_never_erased_along() {
        let count = EraseError::Namespaces { count: 2 };
        let erases_all = controller(Fna::default().with_erase_all(true), Sanicap::from_bits(7));
        assert!(command(KEEP, &erases_all, 2).is_ok(), "a format without erase is one namespace's");
        assert_eq!(command(format(512, SecureErase::UserData), &erases_all, 2), Err(count.clone()));
        let formats_all = controller(Fna::default().with_format_all(true), Sanicap::from_bits(7));
        assert_eq!(command(KEEP, &formats_all, 2), Err(count.clone()));
        assert_eq!(command(Erase::Sanitize(Method::Overwrite), &formats_all, 2), Err(count));
    }

    #[test]
    fn sanitize_takes_the_methods_that_are_offered() {
        let drive = controller(Fna::default(), Sanicap::from_bits(0b110));
        for (method, cdw10) in [(Method::BlockErase, 0x1a), (Method::Overwrite, 0x1b)] {
            let entry = command(Erase::Sanitize(method), &drive, 1).unwrap();
            assert_eq!((entry.opcode, entry.nsid.get(), entry.cdw10.get()), (0x84, 0, cdw10), "{method}");
        }
        let refusal = command(Erase::Sanitize(Method::CryptoErase), &drive, 1).unwrap_err();
        assert_eq!(refusal.to_string(), "the drive cannot be sanitized so; it offers block erase, overwrite");
    }
}
