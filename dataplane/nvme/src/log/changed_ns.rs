//! Changed Namespace List (LID 04h), NVMe Base 2.0 section 5.16.1.5: NSIDs whose attributes changed since the
//! page was last read with RAE clear.
//!
//! The layout is a [`NamespaceList`]. If more than 1024 changed, the first entry is FFFFFFFFh and the rest
//! is zero.

use crate::identify::active_list::{NAMESPACE_LIST_ENTRIES, NSID_ALL, NamespaceList};

/// The page for `changed`, which must ascend.
#[must_use]
pub fn changed_namespaces(changed: &[u32]) -> NamespaceList {
    if changed.len() > NAMESPACE_LIST_ENTRIES {
        return NamespaceList::after(0, [NSID_ALL]);
    }
    NamespaceList::after(0, changed.iter().copied())
}

#[cfg(test)]
mod test {
    use super::*;
    use zerocopy::IntoBytes;

    #[test]
    fn golden() {
        assert_eq!(changed_namespaces(&[1, 258]).as_bytes()[..12], [1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]);
        assert!(changed_namespaces(&[]).as_bytes().iter().all(|&byte| byte == 0));
    }

    #[test]
    fn more_than_the_page_holds_is_all_ones() {
        let changed: Vec<u32> = (1..=1025).collect();
        assert_eq!(changed_namespaces(&changed).iter().collect::<Vec<_>>(), [NSID_ALL]);
        assert_eq!(changed_namespaces(&changed[1..]).iter().count(), 1024);
    }
}
