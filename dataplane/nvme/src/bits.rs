//! Bit-fields of the wire, by name: no module masks or shifts by hand.
//!
//! [`bit_fields`] declares a newtype over the little-endian bytes of one integer, so that it can be a
//! field of a wire structure as well as a view of a command dword. Getters and setters are `const`;
//! every declaration is checked when it is compiled: fields lie inside the integer, do not overlap,
//! and each survives a round trip at its extremes without touching its neighbours.

/// Declares a bit-field newtype: `getter, setter: type = first_bit..end_bit;` per field.
///
/// Gives `from_bits`, `bits`, a getter and a setter for each field, and `RESERVED`, the mask of the
/// bits no field covers. A setter panics on a value wider than its field.
macro_rules! bit_fields {
    (
        $(#[$meta:meta])*
        pub struct $name:ident($int:ident) {
            $($(#[$field_meta:meta])* $get:ident, $with:ident: $kind:ident = $low:literal .. $end:literal;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, PartialEq, Eq, Default,
            ::zerocopy::FromBytes, ::zerocopy::IntoBytes, ::zerocopy::Immutable,
            ::zerocopy::KnownLayout, ::zerocopy::Unaligned,
        )]
        #[repr(transparent)]
        pub struct $name([u8; ::core::mem::size_of::<$int>()]);

        impl $name {
            /// Mask of the bits that no field covers.
            pub const RESERVED: $int = !(0 $(| ($crate::bits::ones!($int, $low, $end) << $low))*);

            /// The fields of `bits`, reserved bits kept as they are.
            #[must_use]
            pub const fn from_bits(bits: $int) -> Self {
                Self(bits.to_le_bytes())
            }

            /// The integer that holds the fields.
            #[must_use]
            pub const fn bits(self) -> $int {
                <$int>::from_le_bytes(self.0)
            }

            $(
                $(#[$field_meta])*
                #[must_use]
                #[allow(clippy::cast_possible_truncation, reason = "the mask leaves no more bits than the type has")]
                pub const fn $get(self) -> $kind {
                    $crate::bits::narrow!($kind, (self.bits() >> $low) & $crate::bits::ones!($int, $low, $end))
                }

                #[doc = concat!("With `", stringify!($get), "` set.\n\n# Panics\n\nIf the value is wider than the field.")]
                #[must_use]
                #[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "one body for every field type")]
                pub const fn $with(self, value: $kind) -> Self {
                    let max = $crate::bits::ones!($int, $low, $end);
                    let value = value as $int;
                    assert!(value <= max, concat!(stringify!($get), " does not fit its bits"));
                    Self::from_bits(self.bits() & !(max << $low) | value << $low)
                }
            )*
        }

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(stringify!($name))$(.field(stringify!($get), &self.$get()))*.finish()
            }
        }

        #[allow(clippy::cast_lossless, clippy::cast_possible_truncation, clippy::unnecessary_cast,
            reason = "one body for every field type; a loss fails the build")]
        const _: () = {
            let used: $int = 0;
            $(
                let max = $crate::bits::ones!($int, $low, $end);
                assert!(used & (max << $low) == 0, "bit-fields overlap");
                let used = used | (max << $low);
                assert!(::core::mem::size_of::<$kind>() <= ::core::mem::size_of::<$int>(), "type wider than the register");
                let set = $name::from_bits(0).$with($crate::bits::narrow!($kind, max));
                assert!(set.bits() == max << $low && set.$get() as $int == max, "round trip of ones");
                let cleared = $name::from_bits(<$int>::MAX).$with($crate::bits::narrow!($kind, 0));
                assert!(cleared.bits() == !(max << $low) && cleared.$get() as $int == 0, "round trip of zeroes");
            )*
            assert!(used == !$name::RESERVED, "reserved bits");
        };
    };
}

/// The value of a field `low..end` when all its bits are one.
macro_rules! ones {
    ($int:ident, $low:literal, $end:literal) => {
        <$int>::MAX >> (<$int>::BITS - ($end - $low))
    };
}

/// A masked integer as the field's type.
macro_rules! narrow {
    (bool, $value:expr) => {
        $value != 0
    };
    ($kind:ident, $value:expr) => {
        ($value) as $kind
    };
}

pub(crate) use {bit_fields, narrow, ones};

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macro declares public items")]
mod test {
    bit_fields! {
        /// A sample with a gap.
        pub struct Sample(u16) {
            /// Lowest bit.
            flag, with_flag: bool = 0..1;
            /// Middle.
            level, with_level: u8 = 4..12;
            /// Top.
            top, with_top: u8 = 15..16;
        }
    }

    #[test]
    fn fields_are_where_they_were_declared() {
        let sample = Sample::default().with_flag(true).with_level(0xa5).with_top(1);
        assert_eq!(sample.bits(), 0x8a51);
        assert_eq!((sample.flag(), sample.level(), sample.top()), (true, 0xa5, 1));
        assert_eq!(Sample::RESERVED, 0x700e);
    }

    #[test]
    fn memory_is_little_endian() {
        assert_eq!(zerocopy::IntoBytes::as_bytes(&Sample::from_bits(0x0102)), [2, 1]);
    }

    #[test]
    #[should_panic(expected = "top does not fit")]
    fn a_value_too_wide_is_our_mistake() {
        let _ = Sample::default().with_top(2);
    }

    #[test]
    fn debug_names_the_fields() {
        let text = format!("{:?}", Sample::from_bits(1));
        assert_eq!(text, "Sample { flag: true, level: 0, top: 0 }");
    }
}
