use proptest::prelude::*;

use super::*;
use crate::pages::PageSize;

fn pool(classes: &[(u32, u32)]) -> Result<Pool, PoolError> {
    let classes = classes.iter().map(|&(buffer_bytes, count)| Class { buffer_bytes, count }).collect();
    Pool::new(&PoolConfig { classes })
}

#[test]
fn takes_the_smallest_class_that_fits() {
    let pool = pool(&[(65_536, 1), (4096, 2)]).unwrap();
    assert_eq!(pool.take(1).unwrap().capacity(), 4096);
    assert_eq!(pool.take(4096).unwrap().capacity(), 4096);
    let large = pool.take(4097).unwrap();
    assert_eq!((large.len(), large.capacity()), (4097, 65_536));
    assert!(pool.take(4097).is_none());
}

#[test]
fn falls_to_a_larger_class_then_to_none() {
    let pool = pool(&[(4096, 1), (8192, 1)]).unwrap();
    assert_eq!(pool.available(4096), 2);
    let (small, large) = (pool.take(512).unwrap(), pool.take(512).unwrap());
    assert_eq!((small.capacity(), large.capacity()), (4096, 8192));
    assert!(pool.take(512).is_none());
    assert_eq!(pool.available(1), 0);
    drop(large);
    assert_eq!(pool.available(8192), 1);
    assert!(pool.take(8193).is_none());
}

#[test]
fn buffers_are_aligned_disjoint_and_inside_the_region() {
    let pool = pool(&[(4096, 5), (12_288, 3)]).unwrap();
    assert_eq!((pool.region().length_bytes, pool.largest()), (5 * 4096 + 3 * 12_288, 12_288));
    let buffers: Vec<Buffer> = std::iter::from_fn(|| pool.take(1)).collect();
    assert_eq!(buffers.len(), 8);
    let mut end = 0;
    for buffer in &buffers {
        assert_eq!(buffer.region_offset(), end);
        assert_eq!(buffer.as_ptr().addr() % 4096, 0);
        assert_eq!(buffer.as_ptr().addr(), pool.region().base.addr().get() + to_usize(end));
        end += u64::from(buffer.capacity());
    }
    assert_eq!(end, pool.region().length_bytes);
}

#[test]
fn a_buffer_outlives_its_pool() {
    let mut buffer = pool(&[(4096, 1)]).unwrap().take(4096).unwrap();
    buffer.fill(3);
    assert_eq!(buffer.as_ref(), [3; 4096]);
}

#[test]
fn set_len_reaches_the_capacity() {
    let mut buffer = pool(&[(4096, 1)]).unwrap().take(1).unwrap();
    buffer.set_len(4096);
    buffer.as_mut().fill(9);
    buffer.set_len(0);
    assert_eq!(buffer.as_ref(), []);
}

#[test]
#[should_panic(expected = "exceeds the buffer's 4096")]
fn set_len_stops_at_the_capacity() {
    pool(&[(4096, 1)]).unwrap().take(1).unwrap().set_len(4097);
}

#[test]
fn bad_configurations_are_refused() {
    assert!(matches!(pool(&[]), Err(PoolError::NoClasses)));
    assert!(matches!(pool(&[(0, 1)]), Err(PoolError::BufferSize { buffer_bytes: 0 })));
    assert!(matches!(pool(&[(4095, 1)]), Err(PoolError::BufferSize { .. })));
    assert!(matches!(pool(&[(4096, 0)]), Err(PoolError::Count { count: 0, .. })));
    assert!(matches!(pool(&[(4096, u32::MAX)]), Err(PoolError::Count { .. })));
    assert!(matches!(pool(&[(4096, 1), (8192, 1), (4096, 2)]), Err(PoolError::DuplicateClass { .. })));
}

proptest! {
    /// Any order of takes and drops: what is taken stays as written, and the counts always add up.
    #[test]
    fn taken_buffers_never_overlap(steps in prop::collection::vec((0u32..20_000, any::<bool>()), 1..200)) {
        let pool = pool(&[(4096, 4), (8192, 3), (16_384, 2)]).unwrap();
        let mut taken: Vec<(Buffer, u8)> = Vec::new();
        for (step, (length, keep)) in steps.into_iter().enumerate() {
            let stamp = step.to_le_bytes()[0];
            if !keep && !taken.is_empty() {
                let (buffer, stamp) = taken.swap_remove(length as usize % taken.len());
                prop_assert!(buffer.iter().all(|byte| *byte == stamp));
            } else if let Some(mut buffer) = pool.take(length) {
                buffer.fill(stamp);
                taken.push((buffer, stamp));
            }
            prop_assert_eq!(pool.available(0) as usize + taken.len(), 9);
        }
        for (buffer, stamp) in taken {
            prop_assert!(buffer.iter().all(|byte| *byte == stamp));
        }
    }
}

#[test]
fn resident_pools_say_what_they_are_made_of() {
    let classes = vec![Class { buffer_bytes: 65_536, count: 64 }];
    let pool = Pool::resident(&PoolConfig { classes }, &Backing::default()).unwrap();
    let granted = pool.granted().unwrap();
    // Both outcomes are right; which one it is depends on what the host has reserved.
    let refused: Vec<PageSize> = granted.refused.iter().map(|refusal| refusal.pages).collect();
    match granted.pages {
        PageSize::Huge2MiB => assert_eq!(refused, []),
        PageSize::Ordinary => assert_eq!(refused, [PageSize::Huge2MiB], "1 GiB is longer than the pool"),
        PageSize::Huge1GiB => panic!("a page longer than the pool"),
    }
    assert!(pool.region().length_bytes >= 64 * 65_536);
    assert!(pool.region().length_bytes.is_multiple_of(granted.pages.bytes()));
    let mut buffer = pool.take(65_536).unwrap();
    assert!(buffer.iter().all(|byte| *byte == 0));
    buffer.fill(1);
    assert!(
        Pool::new(&PoolConfig { classes: vec![Class { buffer_bytes: 4096, count: 1 }] })
            .unwrap()
            .granted()
            .is_none()
    );
}

#[test]
fn pages_that_are_not_there_are_an_error_at_start() {
    // 2^46 bytes on pages of 1 GiB: no host has reserved them.
    let classes = vec![Class { buffer_bytes: 1 << 30, count: 1 << 16 }];
    let backing = Backing { largest: PageSize::Huge1GiB, smallest: PageSize::Huge1GiB, node: None };
    let error = Pool::resident(&PoolConfig { classes }, &backing).unwrap_err();
    let PoolError::Arena(ArenaError::Pages { pages, cause, .. }) = &error else {
        panic!("another error: {error}")
    };
    assert_eq!((*pages, cause.raw_os_error()), (PageSize::Huge1GiB, Some(12)));
    assert!(error.to_string().contains("sluice host status"), "{error}");
}

#[test]
fn memory_comes_from_the_wished_node_or_not_at_all() {
    let config = PoolConfig { classes: vec![Class { buffer_bytes: 4096, count: 1 }] };
    let on = |node| Pool::resident(&config, &Backing { node: Some(node), ..Backing::default() });
    let pool = on(0).unwrap();
    assert_eq!(pool.granted().unwrap().node, Some(0));
    for missing in [1023, 1024, u32::MAX] {
        on(missing).unwrap_err();
    }
}
