//! Snapshots that are not what was written: refused with a sentence, whatever the bytes, and never a panic.

use super::played::{Case, load};
use super::{AMONG, folder, seed};
use saleload::engine::snapshot::{Snapshot, SnapshotError};
use saleload::scenario::Loaded;
use std::fs;
use std::path::Path;

const HEAD: usize = 16 + 4 + 8 + 1 + env!("CARGO_PKG_VERSION").len();
const SEAL: usize = 32;
/// When the snapshots are taken, in seconds since the opening: much is under way then.
const MOMENT: u64 = 55;

fn small() -> Loaded {
    load(
        include_str!("../../scenarios/quickstart.toml"),
        &[
            "population.shoppers=3000",
            "platform.cells=2",
            "catalogue.skus=40",
            "inventory.hold='1m'",
            "window.noon.closes='2020-11-11T12:02:00+08:00'",
            "window.night={opens='2020-11-11T13:00:00+08:00',closes='2020-11-11T13:02:00+08:00'}",
            "segment.regular.window.night={participation=0.5,intensity='rush'}",
            "window.noon.presale={balances_in='night',balances_after='30s',deposit=0.1,conversion=0.8,intensity='rush',cbmg='due'}",
            "cbmg.due={entry='pay',state={pay={calls=['payment'],action={pay={}},think={exponential='20s'},next={exit=1.0}}}}",
            "record.fine='5s'",
            "service.order.workers=1",
            "service.web.limit.rate.uniform={per_second=60,longest_wait='2s'}",
            "service.web.throttle={window='10s'}",
            "service.order.limit={in_flight=30,rate={token_bucket={per_second=30,burst=20}}}",
            "service.order.breaker={trips_on={errors=0.5},open='2s'}",
            "service.order.retry.budget={share={per_second=1}}",
            "service.payment.limit.rate.warm_up={per_second=20}",
            "service.payment.retry={attempts=2,backoff='1s',budget={tokens={max=20}}}",
            "service.order.discipline='lifo'",
            "service.order.cancel='waiting'",
            "service.web.queues={per_instance={least_loaded=2}}",
            "service.web.hedge={after='20ms'}",
            "service.order.hedge={after='100ms'}",
            "window.noon.stock={share=0.7}",
            "window.night.stock={share=0.3}",
            "window.night.restock={up_to=0.4}",
            "inventory.hot={per_second=1,burst=9}",
            "product.limited-sneaker.voucher={redeemed=0.8,after={exponential='20m'}}",
            "coupon={off='40 RMB',every='300 RMB',fill_up=0.5}",
            "channel={app={share=0.7},link={share=0.3,entry='cart'}}",
            "livestream={gala={window='noon',audience={regular=0.8},shows={slots=[{at='0s',lasts='2m',product='limited-sneaker',conversion=0.5}]}}}",
            "service.order.schedule=[{window='noon',from='30s',instances=6},{window='noon',from='70s',instances=5}]",
            "incident.gone={window='noon',from='40s',until='80s',service='web',effect={lost={share=0.5}}}",
            "incident.cut={window='noon',from='55s',until='62s',service='order',effect={unreachable='retransmitted'}}",
            "cbmg.browse.state.order.double_submit={after='100ms',probability=0.9,idempotency=0.2}",
            "cbmg.browse.state.pay.double_submit={after='500ms',probability=0.9}",
            "cbmg.browse.state.product.parallel.page=['web','order','web']",
            "cbmg.browse.state.product.calls=['page']",
            "service.order.calls=['stock','payment']",
            "service.stock={instances=4,service_time={exponential='30ms'},timeout='1s',cancel='all',retry={attempts=2,backoff='10ms'}}",
            "service.stock.controlled_delay={target='5ms',interval='100ms'}",
            "service.stock.slowdown={above=5,factor=2.0}",
            "service.stock.limit={shed={above=1,step=1,priority={segments=['regular']}}}",
            "service.mail={instances=4,service_time={exponential='900ms'},queue=1,answers='on_acceptance'}",
            "cbmg.browse.state.pay.calls=['payment','mail']",
            "service.web.autoscaler={target={utilisation=0.05},interval='3s',lag='70s',least=4,most=40}",
            "switch.plain={on={busy={service='order',above=0.05,below=0.01}},leave_out={product=['order']},service_time={web=0.7}}",
            "window.noon.room={per_second=12,patience={exponential='60s'}}",
            "incident.cell={window='noon',from='50s',until='75s',effect={cell_lost={cell=1,remapped_after='12s'}}}",
        ],
    )
}

/// The bytes of a snapshot in the middle of a window with much going on.
fn bytes(loaded: &Loaded, folder: &Path, seconds: u64) -> Vec<u8> {
    let file = folder.join("whole");
    Case::whole(loaded).play_until(seconds, &file);
    read(&file)
}

fn read(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap_or_else(|error| panic!("{error}"))
}

/// Goes on from these bytes as if they were a snapshot of the scenario.
fn resume(loaded: &Loaded, folder: &Path, bytes: &[u8]) -> Result<(), SnapshotError> {
    let file = folder.join("altered");
    fs::write(&file, bytes).unwrap_or_else(|error| panic!("{error}"));
    Case::whole(loaded).resume(&file).map(|_| ())
}

/// The sentence with which these bytes are refused; it names the file.
fn refusal(loaded: &Loaded, folder: &Path, bytes: &[u8]) -> String {
    let refused = resume(loaded, folder, bytes).err();
    let error = refused.map_or_else(|| panic!("not refused"), |error| error.to_string());
    assert!(error.starts_with(&format!("`{}` ", folder.join("altered").display())), "{error}");
    error
}

/// Makes head and seal fit whatever lies between.
fn reseal(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len().saturating_sub(SEAL).max(HEAD));
    let length = (bytes.len() + SEAL) as u64;
    bytes[20..28].copy_from_slice(&length.to_le_bytes());
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[HEAD..]).update(&bytes[..HEAD]);
    bytes.extend(hasher.finalize().as_bytes());
    bytes
}

#[test]
fn much_is_under_way_in_what_is_altered() {
    let (dir, loaded) = (folder(), small());
    let under_way = Case::whole(&loaded).play_until(MOMENT, &dir.path().join("whole"));
    for (what, _, of) in AMONG.iter().filter(|(what, ..)| !what.starts_with("sell-outs")) {
        assert!(of(&under_way) > 0, "no {what}: {under_way:?}");
    }
}

#[test]
fn what_is_cut_off_is_refused() {
    let (dir, loaded) = (folder(), small());
    let whole = bytes(&loaded, dir.path(), MOMENT);
    assert!(resume(&loaded, dir.path(), &whole).is_ok());
    let lengths = (1..HEAD + 20)
        .chain((0..300).map(|n| (seed("length", n) % whole.len() as u64) as usize))
        .chain([whole.len() - 1]);
    for length in lengths.filter(|&length| length > 0) {
        let message = refusal(&loaded, dir.path(), &whole[..length]);
        assert!(message.contains(" is cut off"), "{length} bytes: {message}");
    }
    let message = refusal(&loaded, dir.path(), &whole[..=HEAD]);
    assert!(message.contains(&format!("cut off: {} of ", HEAD + 1)), "{message}");
    assert!(refusal(&loaded, dir.path(), &[]).contains("is no snapshot of saleload"));
    let longer = [&whole[..], b"x"].concat();
    assert!(refusal(&loaded, dir.path(), &longer).contains("was altered"));
}

#[test]
fn every_altered_byte_is_found() {
    let (dir, loaded) = (folder(), small());
    let whole = bytes(&loaded, dir.path(), MOMENT);
    let positions =
        (0..HEAD).chain((0..500).map(|n| (seed("position", n) % whole.len() as u64) as usize)).chain([whole.len() - 1]);
    for position in positions {
        for flip in [0x01, 0x80, 0xFF] {
            let mut altered = whole.clone();
            altered[position] ^= flip;
            let message = refusal(&loaded, dir.path(), &altered);
            let expected = match position {
                0..16 => "is no snapshot of saleload",
                16..20 | 28..HEAD => "was written by ",
                // A length that is larger than the file looks like a file that was cut off.
                20..28 => "",
                _ => "was altered: its checksum does not match",
            };
            assert!(message.contains(expected), "byte {position}: {message}");
        }
    }
}

#[test]
fn other_versions_are_refused_by_name() {
    let (dir, loaded) = (folder(), small());
    let mut other = bytes(&loaded, dir.path(), 10);
    other[HEAD - 5..HEAD].copy_from_slice(b"9.9.9");
    let message = refusal(&loaded, dir.path(), &reseal(other));
    assert!(message.contains("was written by saleload 9.9.9, and this is saleload"), "{message}");
    let text = refusal(&loaded, dir.path(), b"name = \"quickstart\"\ntitle = \"This is a scenario, not a snapshot\"\n");
    assert!(text.contains("is no snapshot of saleload"), "{text}");
    let missing = Snapshot::open(&dir.path().join("missing")).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(missing.contains("missing"), "{missing}");
    assert!(Snapshot::open(dir.path()).is_err(), "a folder");
}

#[test]
fn other_scenarios_seeds_and_samples_are_refused() {
    let (dir, loaded) = (folder(), small());
    let file = dir.path().join("state");
    Case::whole(&loaded).play_until(10, &file);
    let text = &loaded.resolved;
    let refused = |overrides: &[&str]| {
        let other = load(text, overrides);
        let refused = Case::whole(&other).resume(&file).err();
        refused.map_or_else(|| panic!("{overrides:?}"), |error| error.to_string())
    };
    assert!(
        refused(&["population.shoppers=800000"])
            .contains("another scenario: `population.shoppers` is 3,000 there, 800,000 here")
    );
    assert!(refused(&["seed=5"]).contains("`seed` is 1 there, 5 here"));
    assert!(refused(&["title='Other'"]).contains("`title`"));
    let many =
        refused(&["seed=5", "service.web.queue=1", "service.web.workers=1", "memory.after_bought=2.0", "name='x'"]);
    assert!(many.ends_with("; and 2 more differences"), "{many}");
    let sample = Case { cells: 1, ..Case::whole(&loaded) }.resume(&file).err().map(|error| error.to_string());
    assert!(sample.is_some_and(|message| message.contains("another sample: 2 cells were simulated there, 1 are here")));
}

/// Some bytes of a snapshot changed, taken out, put in or doubled, with a checksum that fits.
fn mutated(whole: &[u8], number: u64) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let mut drawn = 0;
    let mut draw = |below: usize| {
        drawn += 1;
        (seed(&format!("mutation {number}"), drawn) % below.max(1) as u64) as usize
    };
    for _ in 0..=draw(4) {
        let at = HEAD + draw(bytes.len() - HEAD - SEAL);
        match draw(8) {
            0 => bytes[at] = 0xFF,
            1 => bytes[at] = 0,
            2 => bytes[at] = bytes[at].wrapping_add(1),
            3 => bytes[at] ^= 1 << draw(8),
            4 => drop(bytes.drain(at..(at + 1 + draw(20)).min(bytes.len() - SEAL))),
            5 => drop(bytes.splice(at..at, vec![0xFF; 1 + draw(9)])),
            6 => {
                let end = (at + 8).min(bytes.len() - SEAL);
                bytes[at..end].fill(if draw(2) == 0 { 0xFF } else { 0x7F });
            }
            _ => {
                let from = HEAD + draw(bytes.len() - HEAD - SEAL - 16);
                let some: Vec<u8> = bytes[from..from + 16].to_vec();
                let end = (at + 16).min(bytes.len() - SEAL);
                bytes[at..end].copy_from_slice(&some[..end - at]);
            }
        }
    }
    reseal(bytes)
}

/// What is taken in spite of everything can be played to its end.
#[test]
fn no_content_makes_the_reader_panic() {
    let (dir, loaded) = (folder(), small());
    let wholes: Vec<Vec<u8>> =
        [5, MOMENT, 130, 3700].iter().map(|&seconds| bytes(&loaded, dir.path(), seconds)).collect();
    let mut taken = 0;
    for number in 0..4000 {
        let whole = &wholes[(number % wholes.len() as u64) as usize];
        match resume(&loaded, dir.path(), &mutated(whole, number)) {
            Ok(()) => taken += 1,
            Err(error) => assert!(!error.to_string().contains("checksum"), "mutation {number}: {error}"),
        }
    }
    assert!((1..2000).contains(&taken), "{taken} mutations were taken");
}

#[test]
fn random_bytes_are_refused() {
    let (dir, loaded) = (folder(), small());
    let whole = bytes(&loaded, dir.path(), 30);
    for number in 0..500u64 {
        let mut random = Vec::new();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&number.to_le_bytes());
        random.resize((seed("random", number) % 5000) as usize, 0);
        hasher.finalize_xof().fill(&mut random);
        assert!(resume(&loaded, dir.path(), &random).is_err(), "{number}");
        let with_head = [&whole[..HEAD], &random, &[0; SEAL]].concat();
        assert!(resume(&loaded, dir.path(), &reseal(with_head)).is_err(), "{number}");
    }
}

/// A section that claims to be larger than the file, or holds a list that claims to, costs no memory.
#[test]
fn claims_cost_no_memory() {
    let (dir, loaded) = (folder(), small());
    let whole = bytes(&loaded, dir.path(), 30);
    for claim in [u64::MAX, 1 << 40, 1 << 62, whole.len() as u64] {
        let mut altered = whole.clone();
        altered[HEAD..HEAD + 8].copy_from_slice(&claim.to_le_bytes());
        assert!(refusal(&loaded, dir.path(), &reseal(altered)).contains("a section is missing"));
    }
    // The header's first field is the length of the scenario's text.
    for lengths in [[0xFF; 9], [0x80; 9]] {
        let mut altered = whole.clone();
        altered.splice(HEAD + 8..HEAD + 8, lengths);
        let longer = u64::from_le_bytes(altered[HEAD..HEAD + 8].try_into().expect("eight bytes")) + 9;
        altered[HEAD..HEAD + 8].copy_from_slice(&longer.to_le_bytes());
        assert!(refusal(&loaded, dir.path(), &reseal(altered)).contains("a section cannot be read"));
    }
}
