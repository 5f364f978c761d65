//! The address of a PCI function, as the kernel writes it.

use std::fmt;
use std::str::FromStr;

/// Domain, bus, device and function: `0000:01:00.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

/// Text that is no PCI address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no PCI address: write DOMAIN:BUS:DEVICE.FUNCTION in hexadecimal, such as 0000:01:00.0")]
pub struct AddressError(String);

impl FromStr for PciAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse(text).ok_or_else(|| AddressError(text.to_owned()))
    }
}

/// All four parts; the domain may be left out.
fn parse(text: &str) -> Option<PciAddress> {
    let (bus, place) = text.rsplit_once(':')?;
    let (domain, bus) = bus.split_once(':').unwrap_or(("0000", bus));
    let (device, function) = place.split_once('.')?;
    let number = |part: &str, digits: std::ops::RangeInclusive<usize>, below: u32| {
        let plain = digits.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = plain.then(|| u32::from_str_radix(part, 16).ok())??;
        (value < below).then_some(value)
    };
    let small = |value: u32| u8::try_from(value).ok();
    Some(PciAddress {
        domain: number(domain, 4..=8, u32::MAX)?,
        bus: small(number(bus, 2..=2, 0x100)?)?,
        device: small(number(device, 2..=2, 0x20)?)?,
        function: small(number(function, 1..=1, 8)?)?,
    })
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, bus, device, function } = self;
        write!(f, "{domain:04x}:{bus:02x}:{device:02x}.{function}")
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn addresses_are_written_as_the_kernel_does() {
        for (text, shown) in [
            ("0000:01:00.0", "0000:01:00.0"),
            ("01:00.7", "0000:01:00.7"),
            ("10000:E1:1f.3", "10000:e1:1f.3"),
        ] {
            assert_eq!(text.parse::<PciAddress>().map(|address| address.to_string()).as_deref(), Ok(shown));
        }
    }

    #[test]
    fn other_text_is_no_address() {
        let texts =
            ["", "0000:01:00", "0000:01:00.8", "0000:01:20.0", "1:00.0", "0000:001:00.0", "0:01:00.0"];
        for text in
            texts.into_iter().chain(["0000:01:00.0/1", "../../etc", "0000:+1:00.0", "ffffffff:00:00.0"])
        {
            assert_eq!(text.parse::<PciAddress>(), Err(AddressError(text.to_owned())));
        }
    }
}
