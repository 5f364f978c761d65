//! Feature Identifiers Supported and Effects (LID 12h), NVMe Base 2.0 section 5.16.1.18: one dword per feature
//! identifier.

use crate::bits::bit_fields;
use crate::feature::FeatureId;
use crate::layout::wire_layout;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

bit_fields! {
    /// Effects of Set Features on one feature; zero: not supported.
    pub struct FeatureEffects(u32) {
        /// FSUPP: the feature is supported.
        fsupp, with_fsupp: bool = 0..1;
        /// UDCC: may change the content of logical blocks.
        udcc, with_udcc: bool = 1..2;
        /// NCC: may change the capabilities of a namespace.
        ncc, with_ncc: bool = 2..3;
        /// NIC: may change the inventory of namespaces.
        nic, with_nic: bool = 3..4;
        /// CCC: may change the capabilities of the controller.
        ccc, with_ccc: bool = 4..5;
        /// USS: UUID selection supported.
        uss, with_uss: bool = 19..20;
        /// FSP bit 0: the scope is a namespace.
        namespace_scope, with_namespace_scope: bool = 20..21;
        /// FSP bit 1: the scope is the controller.
        controller_scope, with_controller_scope: bool = 21..22;
    }
}

/// The page as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FeatureEffectsLog {
    /// By feature identifier.
    pub features: [FeatureEffects; 256],
}

wire_layout!(FeatureEffectsLog: 1024 { features @ 0 });

impl FeatureEffectsLog {
    /// Declares a feature supported, with `effects` besides.
    pub fn support(&mut self, fid: FeatureId, effects: FeatureEffects) {
        self.features[usize::from(fid.wire())] = effects.with_fsupp(true);
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let mut log = FeatureEffectsLog::default();
        log.support(FeatureId::KeepAliveTimer, FeatureEffects::default().with_controller_scope(true));
        let bytes = log.as_bytes();
        assert_eq!(bytes[0x0f * 4..0x10 * 4], [1, 0, 0x20, 0]);
        assert_eq!(bytes.iter().filter(|&&byte| byte != 0).count(), 2);
        assert!(FeatureEffectsLog::read_from_bytes(bytes).is_ok_and(|read| read == log));
    }
}
