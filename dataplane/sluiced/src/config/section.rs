//! The table of options, told once: a section's declaration makes the type that serde reads, the defaults, the range
//! checks and the text of `sluiced --print-default-config`.

use std::fmt;
use std::ops::RangeInclusive;

use sluice_node_api::Size;

use super::ConfigError;

/// What is known of one option; the printed default configuration is made of these.
#[derive(Debug)]
pub(crate) struct OptionDoc {
    pub(crate) name: &'static str,
    pub(crate) doc: Vec<&'static str>,
    /// As TOML; `None` if the option is absent by default.
    pub(crate) default: Option<String>,
    /// Both ends, as TOML.
    pub(crate) range: Option<(String, String)>,
}

/// A value as it stands in a configuration file.
pub(crate) trait Literal {
    /// As TOML; `None` if it is absent.
    fn literal(&self) -> Option<String>;
}

macro_rules! displayed {
    ($($type:ty),*) => {$(
        impl Literal for $type {
            fn literal(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}
displayed!(u32, bool);

impl Literal for String {
    fn literal(&self) -> Option<String> {
        Some(toml::Value::from(self.as_str()).to_string())
    }
}

impl Literal for Size {
    fn literal(&self) -> Option<String> {
        self.to_string().literal()
    }
}

impl Literal for Vec<String> {
    fn literal(&self) -> Option<String> {
        Some(toml::Value::from(self.clone()).to_string())
    }
}

impl<T: Literal> Literal for Option<T> {
    fn literal(&self) -> Option<String> {
        self.as_ref().and_then(Literal::literal)
    }
}

/// Ranges of optional values apply when there is one.
pub(crate) trait Bounded {
    type Bound: PartialOrd + fmt::Display + Literal;
    fn value(&self) -> Option<&Self::Bound>;
}

macro_rules! bounded {
    ($($type:ty),*) => {$(
        impl Bounded for $type {
            type Bound = $type;
            fn value(&self) -> Option<&$type> {
                Some(self)
            }
        }
        impl Bounded for Option<$type> {
            type Bound = $type;
            fn value(&self) -> Option<&$type> {
                self.as_ref()
            }
        }
    )*};
}
bounded!(u32, Size);

/// Fails unless the value, if any, is inside.
pub(crate) fn check_range<T: Bounded>(
    section: &'static str,
    name: &'static str,
    value: &T,
    range: &RangeInclusive<T::Bound>,
) -> Result<(), ConfigError> {
    match value.value() {
        Some(value) if !range.contains(value) => Err(ConfigError::Range {
            option: format!("{section}.{name}"),
            value: value.to_string(),
            lowest: range.start().to_string(),
            highest: range.end().to_string(),
        }),
        _ => Ok(()),
    }
}

/// Both ends of a range as TOML.
pub(crate) fn range_literals<T: Literal>(range: &RangeInclusive<T>) -> Option<(String, String)> {
    Some((range.start().literal()?, range.end().literal()?))
}

/// Declares a section: `name: Type = default, range;`, the range being optional and inclusive.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub struct $Section:ident = $section:literal {
            $(
                $(#[doc = $doc:literal])+
                $name:ident: $type:ty = $default:expr $(, $range:expr)?;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $Section {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl Default for $Section {
            fn default() -> $Section {
                $Section { $($name: $default,)+ }
            }
        }

        impl $Section {
            pub(crate) const NAME: &'static str = $section;
            pub(crate) const ABOUT: &'static [&'static str] = &[$($about),+];

            pub(crate) fn options() -> Vec<$crate::config::section::OptionDoc> {
                let defaults = $Section::default();
                vec![$($crate::config::section::OptionDoc {
                    name: stringify!($name),
                    doc: vec![$($doc),+],
                    default: $crate::config::section::Literal::literal(&defaults.$name),
                    range: [$($crate::config::section::range_literals(&$range),)? None].into_iter().flatten().next(),
                }),+]
            }

            pub(crate) fn check_ranges(&self) -> Result<(), $crate::config::ConfigError> {
                $($($crate::config::section::check_range($section, stringify!($name), &self.$name, &$range)?;)?)+
                Ok(())
            }
        }
    };
}
pub(crate) use section;
