//! Property Get and Property Set, NVMe Base 2.0 sections 6.6 and 6.7.
//!
//! | bytes of the command | field |
//! |---|---|
//! | 40 | ATTRIB: bits 2:0 size, 0 for 4 bytes, 1 for 8 |
//! | 47:44 | OFST, see [`Property`] |
//! | 55:48 | VALUE of Property Set; the low half for a size of 4 |
//!
//! Property Get returns the value in dwords 0 and 1 of its completion. A size that is not the property's,
//! or an offset without a property, is Invalid Field in Command.

use super::set_fabrics_type;
use crate::bits::bit_fields;
use crate::opcode::FabricsType;
use crate::property::Property;
use crate::sqe::Sqe;
use zerocopy::little_endian::U32;

bit_fields! {
    /// CDW10.
    pub struct PropertyCdw10(u32) {
        /// ATTRIB bits 2:0: 0 for 4 bytes, 1 for 8, others reserved.
        size, with_size: u8 = 0..3;
    }
}

/// Either command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PropertyCommand {
    /// Size of the property.
    pub cdw10: PropertyCdw10,
    /// OFST: offset of the property in bytes.
    pub offset: u32,
    /// VALUE: what Property Set writes; 0 in Property Get.
    pub value: u64,
}

impl PropertyCommand {
    /// A Property Get of `property`.
    #[must_use]
    pub fn get(property: Property) -> Self {
        Self::set(property, 0)
    }

    /// A Property Set of `property` to `value`.
    #[must_use]
    pub fn set(property: Property, value: u64) -> Self {
        let size = u8::from(property.size_bytes() == 8);
        Self { cdw10: PropertyCdw10::default().with_size(size), offset: property.wire(), value }
    }

    /// Reads the fields of a Property Get or Property Set command.
    #[must_use]
    pub fn from_sqe(sqe: &Sqe) -> Self {
        Self {
            cdw10: PropertyCdw10::from_bits(sqe.cdw10.get()),
            offset: sqe.cdw11.get(),
            value: u64::from(sqe.cdw12.get()) | u64::from(sqe.cdw13.get()) << 32,
        }
    }

    /// Makes `sqe` a Property Get.
    pub fn write_get_to(&self, sqe: &mut Sqe) {
        self.write_to(sqe, FabricsType::PropertyGet);
    }

    /// Makes `sqe` a Property Set.
    pub fn write_set_to(&self, sqe: &mut Sqe) {
        self.write_to(sqe, FabricsType::PropertySet);
    }

    fn write_to(&self, sqe: &mut Sqe, fctype: FabricsType) {
        let [low @ .., h0, h1, h2, h3] = self.value.to_le_bytes();
        set_fabrics_type(sqe, fctype);
        sqe.cdw10 = U32::new(self.cdw10.bits());
        sqe.cdw11 = U32::new(self.offset);
        sqe.cdw12 = U32::from_bytes(low);
        sqe.cdw13 = U32::from_bytes([h0, h1, h2, h3]);
    }

    /// The property, `None` if there is none at the offset or the size is not its own.
    #[must_use]
    pub fn property(&self) -> Option<Property> {
        let property = Property::from_wire(self.offset)?;
        (self.cdw10.size() == u8::from(property.size_bytes() == 8)).then_some(property)
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use zerocopy::IntoBytes;

    #[test]
    fn get_golden() {
        let mut sqe = Sqe::default();
        PropertyCommand::get(Property::Cap).write_get_to(&mut sqe);
        assert_eq!(sqe.as_bytes()[..8], [0x7f, 0, 0, 0, 4, 0, 0, 0]);
        assert_eq!(sqe.as_bytes()[40..56], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(PropertyCommand::from_sqe(&sqe).property(), Some(Property::Cap));
    }

    #[test]
    fn set_golden() {
        let command = PropertyCommand::set(Property::Cc, 0x0102_0304_0046_0001);
        let mut sqe = Sqe::default();
        command.write_set_to(&mut sqe);
        assert_eq!(sqe.as_bytes()[..8], [0x7f, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(sqe.as_bytes()[40..56], [0, 0, 0, 0, 0x14, 0, 0, 0, 1, 0, 0x46, 0, 4, 3, 2, 1]);
        assert_eq!(PropertyCommand::from_sqe(&sqe), command);
    }

    #[test]
    fn size_and_offset_must_fit_each_other() {
        let command =
            |size, offset| PropertyCommand { cdw10: PropertyCdw10::from_bits(size), offset, value: 0 };
        assert_eq!(command(0, 0x1c).property(), Some(Property::Csts));
        assert_eq!(command(1, 0x1c).property(), None);
        assert_eq!(command(0, 0).property(), None);
        assert_eq!(command(2, 0x1c).property(), None);
        assert_eq!(command(0, 0x1d).property(), None);
    }
}
