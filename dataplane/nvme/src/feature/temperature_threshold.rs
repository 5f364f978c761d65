//! Temperature Threshold (FID 04h), NVMe Base 2.0 section 5.27.1.3. Get Features names sensor and direction
//! in its own CDW11.

use crate::bits::bit_fields;
use crate::layout::wire_enum;

wire_enum! {
    /// THSEL: Threshold Type Select.
    pub enum ThresholdType: u8 {
        Over = 0 => "Over Temperature Threshold",
        Under = 1 => "Under Temperature Threshold",
    }
}

/// TMPSEL of the composite temperature.
pub const COMPOSITE: u8 = 0;

/// TMPSEL of all implemented sensors; valid in Set Features only.
pub const ALL_SENSORS: u8 = 0xf;

bit_fields! {
    /// A temperature that raises an event when it is crossed.
    pub struct TemperatureThreshold(u32) {
        /// TMPTH: threshold in kelvins.
        tmpth, with_tmpth: u16 = 0..16;
        /// TMPSEL: [`COMPOSITE`], sensor 1 to 8, or [`ALL_SENSORS`].
        tmpsel, with_tmpsel: u8 = 16..20;
        /// THSEL: see [`ThresholdType`].
        thsel, with_thsel: u8 = 20..22;
    }
}

/// Default of every over temperature threshold that was never set: no event.
pub const OVER_DEFAULT: u16 = 0xffff;

/// Default of every under temperature threshold that was never set: no event.
pub const UNDER_DEFAULT: u16 = 0;

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let value = TemperatureThreshold::default().with_tmpth(0x0157).with_tmpsel(2);
        assert_eq!(value.with_thsel(ThresholdType::Under.wire()).bits(), 0x0012_0157);
    }
}
