//! What every wire structure and code point of this crate declares the same way.
//!
//! [`wire_layout`] pins a structure's size and offsets when it is compiled; [`wire_enum`] declares code
//! points with the specification's number and name. Neither produces bytes: the structures do, through
//! zerocopy, and an unknown code point is `None`, never a panic.

/// Asserts the size of a wire structure and the offset of its fields, and gives the all-zero `Default`.
macro_rules! wire_layout {
    ($name:ident: $size:literal { $($field:ident @ $offset:literal),* $(,)? }) => {
        const _: () = {
            assert!(::core::mem::size_of::<$name>() == $size, "size");
            assert!(::core::mem::align_of::<$name>() == 1, "alignment");
            $(assert!(::core::mem::offset_of!($name, $field) == $offset, stringify!($field));)*
        };

        impl Default for $name {
            /// All bytes zero: reserved fields are written so.
            fn default() -> Self {
                ::zerocopy::FromZeros::new_zeroed()
            }
        }
    };
}

/// Declares code points: `Variant = number => "name in the specification",`.
macro_rules! wire_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident: $int:ident { $($variant:ident = $value:literal => $text:literal,)* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr($int)]
        pub enum $name {
            $(#[doc = concat!($text, " (", stringify!($value), ").")] $variant = $value,)*
        }

        impl $name {
            /// Every code point known here, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code point with this number, `None` if it is not known here.
            #[must_use]
            pub const fn from_wire(value: $int) -> Option<Self> {
                match value {
                    $($value => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The number on the wire.
            #[must_use]
            pub const fn wire(self) -> $int {
                self as $int
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(match self { $(Self::$variant => $text,)* })
            }
        }
    };
}

pub(crate) use {wire_enum, wire_layout};

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macro declares public items")]
mod test {
    wire_enum! {
        /// Sample.
        pub enum Sample: u8 {
            One = 0x01 => "The One",
            Nine = 0x09 => "The Nine",
        }
    }

    #[test]
    fn known_numbers_round_trip_and_others_are_none() {
        for number in 0..=u8::MAX {
            let known = Sample::from_wire(number);
            assert_eq!(known.is_some(), [1, 9].contains(&number));
            assert!(known.is_none_or(|code| code.wire() == number));
        }
        assert_eq!(Sample::ALL, [Sample::One, Sample::Nine]);
    }

    #[test]
    fn names_are_the_specification_s() {
        assert_eq!(Sample::Nine.to_string(), "The Nine");
    }
}
