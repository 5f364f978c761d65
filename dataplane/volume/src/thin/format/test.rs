//! The bytes of every structure, pinned; and no byte that decodes to something else.

use proptest::prelude::*;
use uuid::Uuid;

use super::catalog::CatalogPage;
use super::entry::Entry;
use super::hosts::HostsPage;
use super::index::IndexPage;
use super::journal::{JournalHead, RECORDS};
use super::leaf::DiskLayer;
use super::mark::Mark;
use super::node::NodePage;
use super::superblock::{APP_INDEX_PAGES, INDEX_PAGES, Superblock};
use super::*;
use crate::thin::app::{AppRecord, Label};
use crate::{BlockSize, HostAccess, VolumeSpec};

const POOL: Uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);

/// A page's address and generation.
const PLACE: (u64, u64) = (700, 9);

fn page() -> PageRef {
    PageRef::new(PLACE.0, PLACE.1)
}

fn block() -> Vec<u8> {
    vec![0xee; BLOCK_BYTES]
}

/// What of a block is not zero, as `offset: bytes`, in runs.
fn picture(block: &[u8]) -> String {
    let mut lines = Vec::new();
    let mut at = 0;
    while at < block.len() {
        if block[at] == 0 {
            at += 1;
            continue;
        }
        let end = (at..block.len()).find(|end| block[*end..].iter().take(4).all(|byte| *byte == 0));
        let end = end.unwrap_or(block.len());
        let bytes: Vec<String> = block[at..end].iter().map(|byte| format!("{byte:02x}")).collect();
        lines.push(format!("{at}: {}", bytes.join("")));
        at = end;
    }
    lines.join("\n")
}

/// The head's picture but for its checksum, which is checked by decoding.
fn body(block: &[u8]) -> String {
    let mut copy = block.to_vec();
    copy[12..16].fill(0);
    picture(&copy)
}

/// No single flipped bit is taken for anything valid.
fn every_flip_fails<T>(block: &[u8], decode: impl Fn(&[u8]) -> Result<T, Damage>) {
    for bit in (0..128 * 8).chain((128 * 8..BLOCK_BYTES * 8).step_by(509)) {
        let mut block = block.to_vec();
        block[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&block).is_err(), "bit {bit}");
    }
}

fn entry() -> Entry {
    Entry {
        id: 7,
        spec: VolumeSpec {
            name: "vol".to_owned(),
            app: "app".to_owned(),
            size_bytes: 8192,
            block_size: BlockSize::B512,
            uuid: Uuid::from_u128(5),
        },
        snapshot: false,
        thick: true,
        published: true,
        listed_hosts: true,
        origin: 3,
        created_us: 0x0102,
        qos: [1, 0, 0, 4],
        root: PageRef(0x11),
        hosts: PageRef(0x22),
    }
}

#[test]
fn superblock() {
    let mut index = [PageRef::NONE; INDEX_PAGES];
    index[15] = page();
    let mut apps = [PageRef::NONE; APP_INDEX_PAGES];
    apps[2] = PageRef(0x33);
    let mut profile = [0; 32];
    profile[31] = 0xff;
    let superblock = Superblock {
        pool: POOL,
        generation: 6,
        device_bytes: 1 << 30,
        device_block_size: 512,
        journal_blocks: 1024,
        era: 4,
        replay_from: 99,
        next_id: 8,
        entries: 15,
        index,
        apps,
        profile,
    };
    let mut block = block();
    superblock.encode(128, &mut block);
    let golden = "0: 534c55494345504c02\n\
                  17: 112233445566778899aabbccddeeff06\n\
                  40: 80\n51: 40\n57: 02\n62: 02000001\n73: 04\n80: 04\n88: 63\n96: 080000000f\n\
                  224: bc02000090\n248: 33\n504: ff";
    assert_eq!(body(&block), golden);
    assert_eq!(Superblock::decode(128, &block), Ok(superblock));
    every_flip_fails(&block, |block| Superblock::decode(128, block));
    assert_eq!(Superblock::decode(0, &block), Err(Damage::Misplaced));
}

#[test]
fn mark() {
    let mark = Mark { number: 5, era: 4, closed: 0x0201 };
    let mut block = block();
    mark.encode(POOL, 64, &mut block);
    let golden = "0: 534c554943454d4b02\n17: 112233445566778899aabbccddeeff05\n40: 40\n48: 04\n56: 0102";
    assert_eq!(body(&block), golden);
    assert_eq!(Mark::decode(POOL, 64, &block), Ok(mark));
    every_flip_fails(&block, |block| Mark::decode(POOL, 64, block));
}

#[test]
fn journal_block() {
    let head = JournalHead { era: 4, sequence: 0x0303, durable: 0x0302, used_bytes: 8 };
    let mut block = block();
    block[RECORDS..RECORDS + 8].copy_from_slice(&[5, 0, 0, 0, 9, 0, 0, 0]);
    head.seal(POOL, 300, &mut block);
    let golden = "0: 534c554943454a4202\n17: 112233445566778899aabbccddeeff04\n40: 2c01\n\
                  48: 0303\n56: 0203\n64: 08\n72: 0500000009";
    assert_eq!(body(&block), golden);
    assert_eq!(JournalHead::open(POOL, 300, &block), Ok(head));
    assert_eq!(head.records(&block), [5, 0, 0, 0, 9, 0, 0, 0]);
    every_flip_fails(&block, |block| JournalHead::open(POOL, 300, block));
}

#[test]
fn index_page() {
    let pages = [PageRef(0x11), PageRef::NONE, PageRef(0x22)];
    let mut block = block();
    IndexPage::encode(3, &pages, POOL, PLACE, &mut block);
    let golden =
        "0: 534c55494345495802\n17: 112233445566778899aabbccddeeff09\n40: bc02\n48: 03\n64: 11\n80: 22";
    assert_eq!(body(&block), golden);
    let decoded = IndexPage::decode(3, page(), POOL, &block).unwrap();
    assert_eq!((decoded.len(), &decoded[..3]), (index::PAGES, &pages[..]));
    every_flip_fails(&block, |block| IndexPage::decode(3, page(), POOL, block));
    assert_eq!(IndexPage::decode(3, PageRef::new(700, 8), POOL, &block), Err(Damage::Generation));
}

#[test]
fn catalog_page() {
    let entry = entry();
    let mut block = block();
    CatalogPage::encode(2, [None, Some(&entry)].into_iter(), POOL, PLACE, &mut block);
    let golden = "0: 534c55494345435402\n17: 112233445566778899aabbccddeeff09\n40: bc02\n48: 02\n\
                  335: 05070000000e\n345: 20\n353: 020000030000000201\n368: 11\n376: 22\n384: 0303\n\
                  392: 766f6c\n456: 617070\n520: 01\n544: 04";
    assert_eq!(body(&block), golden);
    let decoded = CatalogPage::decode(2, page(), POOL, &block).unwrap();
    assert_eq!((decoded.len(), &decoded[0], &decoded[1]), (catalog::SLOTS, &None, &Some(entry)));
    every_flip_fails(&block, |block| CatalogPage::decode(2, page(), POOL, block));
}

#[test]
fn hosts_page() {
    let hosts = vec!["nqn.a".to_owned(), "nqn.b".to_owned()];
    let mut block = block();
    HostsPage::encode(7, &hosts, POOL, PLACE, &mut block);
    let golden = "0: 534c55494345484f02\n17: 112233445566778899aabbccddeeff09\n40: bc02\n48: 0700000002\n\
                  64: 056e716e2e61\n288: 056e716e2e62";
    assert_eq!(body(&block), golden);
    assert_eq!(HostsPage::decode(7, page(), POOL, &block), Ok(HostAccess::Hosts(hosts)));
    every_flip_fails(&block, |block| HostsPage::decode(7, page(), POOL, block));
}

fn app() -> AppRecord {
    let mut qos = [0; 16];
    (qos[0], qos[15]) = (500, 2);
    let labels = vec![Label { key: "tier".to_owned(), value: "gold".to_owned() }];
    AppRecord { name: "shop".to_owned(), labels, qos }
}

#[test]
fn application_page() {
    let mut block = block();
    app_page::encode(&app(), POOL, PLACE, &mut block);
    let golden = "0: 534c55494345415002\n17: 112233445566778899aabbccddeeff09\n40: bc02\n\
                  64: f401\n184: 02\n192: 0401\n200: 73686f70\n264: 040474696572\n329: 676f6c64";
    assert_eq!(body(&block), golden);
    assert_eq!(app_page::decode(page(), POOL, &block), Ok(app()));
    every_flip_fails(&block, |block| app_page::decode(page(), POOL, block));
}

#[test]
fn node_page() {
    let node = NodePage { next: PageRef(0x44), level: 1, part: 2 };
    let mut block = block();
    node.encode(&[1, 2, 3], POOL, PLACE, &mut block);
    let golden = "0: 534c554943454e4402\n17: 112233445566778899aabbccddeeff09\n40: bc02\n48: 44\n56: 0100020003000000010203";
    assert_eq!(body(&block), golden);
    assert_eq!(NodePage::decode(page(), POOL, &block), Ok((node, &[1, 2, 3][..])));
    every_flip_fails(&block, |block| NodePage::decode(page(), POOL, block).map(|_| ()));
}

#[test]
fn leaf_stream() {
    let layer = |chunk, mask| DiskLayer { chunk, mask };
    let layers = [(0, layer(9, u32::MAX)), (511, layer(10, 3)), (511, layer(11, 4))];
    let mut stream = vec![0xee; 3];
    leaf::encode(layers.into_iter(), &mut stream);
    assert_eq!(picture(&stream), "0: ff\n511: 02090000000a000000030000000b00000004");
    assert_eq!((stream.len(), leaf::decode(&stream)), (512 + 4 + 16, Ok(layers.to_vec())));
    assert!(leaf::decode(&stream[..531]).is_err());
    stream[524] = 2;
    stream[528] = 6;
    assert_eq!(leaf::decode(&stream), Err(Damage::Contents("a fragment's masks are empty or overlap")));
}

#[test]
fn interior_stream() {
    let children = [(0, PageRef(0x11)), (9, PageRef(0x22))];
    let mut stream = vec![0xee; 3];
    interior::encode(children.into_iter(), &mut stream);
    assert_eq!(picture(&stream), "0: 0102\n64: 11\n72: 22");
    assert_eq!((stream.len(), interior::decode(&stream)), (64 + 16, Ok(children.to_vec())));
    assert!(interior::decode(&stream[..79]).is_err());
    stream[64] = 0;
    assert!(interior::decode(&stream).is_err());
}

#[test]
fn entries_are_what_they_would_be_written_as() {
    let mut bytes = [0; Entry::BYTES];
    entry().encode(&mut bytes);
    assert_eq!(Entry::decode(&bytes), Ok(Some(entry())));
    // Unknown flags, padding, lengths, sizes, reserved bytes.
    for at in [21, 32, 64, 66, 75, 139, 255] {
        let mut bytes = bytes;
        bytes[at] ^= 0x80;
        assert!(Entry::decode(&bytes).is_err(), "byte {at}");
    }
    assert_eq!(Entry::decode(&[0; Entry::BYTES]), Ok(None));
}

#[test]
fn data_are_told_apart_by_the_published_crc() {
    // CRC-64/NVME, NVM Command Set specification: the check value of "123456789".
    assert_eq!(data_checksum(b"123456789"), 0xae8b_1486_0a79_9888);
}

/// Decoders of everything that comes from a device, fed with anything that has the right checksum.
fn decode_all(bytes: &[u8]) {
    let kinds = [
        Kind::Superblock,
        Kind::Mark,
        Kind::Journal,
        Kind::Node,
        Kind::Index,
        Kind::Catalog,
        Kind::Hosts,
        Kind::App,
    ];
    for kind in kinds {
        let mut block = bytes.to_vec();
        Head { kind, pool: POOL, generation: PLACE.1, address: PLACE.0 }.seal(&mut block);
        let _ = Superblock::decode(PLACE.0, &block);
        let _ = Mark::decode(POOL, PLACE.0, &block);
        if let Ok(head) = JournalHead::open(POOL, PLACE.0, &block) {
            let _ = record::Record::decode_all(head.records(&block));
        }
        let _ = IndexPage::decode(0, page(), POOL, &block);
        let _ = CatalogPage::decode(0, page(), POOL, &block);
        let _ = HostsPage::decode(0, page(), POOL, &block);
        let _ = app_page::decode(page(), POOL, &block);
        if let Ok((_, stream)) = NodePage::decode(page(), POOL, &block) {
            let _ = (leaf::decode(stream), interior::decode(stream));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No bytes make a decoder panic, whatever their checksum says.
    #[test]
    fn anything_decodes_or_does_not(
        seed in any::<u64>(),
        sparse in any::<bool>(),
    ) {
        let mut random = sluice_device::random::Random::new(seed);
        let mut byte = || if sparse && random.chance(950) { 0 } else { random.next().to_le_bytes()[0] };
        let block: Vec<u8> = (0..BLOCK_BYTES).map(|_| byte()).collect();
        decode_all(&block);
        let _ = (leaf::decode(&block), interior::decode(&block), app::decode(&block));
    }

    #[test]
    fn leaves_come_back_as_they_went(
        slots in proptest::collection::btree_map(0..512usize, (1..u32::MAX, any::<u32>()), 0..300),
    ) {
        let layers: Vec<(usize, DiskLayer)> = slots
            .into_iter()
            .filter(|(_, (_, mask))| *mask != 0)
            .map(|(slot, (chunk, mask))| (slot, DiskLayer { chunk, mask }))
            .collect();
        let mut stream = Vec::new();
        leaf::encode(layers.iter().copied(), &mut stream);
        prop_assert_eq!(leaf::decode(&stream), Ok(layers));
    }
}
