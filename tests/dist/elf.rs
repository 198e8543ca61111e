//! A program's headers (elf(5)): which machine it is for, and what the kernel is told to do with it.

use crate::bench::Machine;
use crate::problem::{Result, failed};

const PT_LOAD: u64 = 1;
const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
const PT_GNU_STACK: u64 = 0x6474_e551;
const PF_X: u64 = 1;
const PF_W: u64 = 2;

/// Bits, is the highest byte first, and the number of the machine.
fn kind(machine: &Machine) -> Result<(u8, bool, u64)> {
    Ok(match machine.name {
        "x86_64" => (64, false, 62),
        "aarch64" => (64, false, 183),
        "armv7" | "armel" => (32, false, 40),
        "i686" => (32, false, 3),
        "ppc64le" => (64, false, 21),
        "s390x" => (64, true, 22),
        "riscv64" => (64, false, 243),
        "loongarch64" => (64, false, 258),
        other => return failed(format!("nobody has said yet what a program for {other} looks like")),
    })
}

struct Elf<'file> {
    bytes: &'file [u8],
    is_long: bool,
    is_big: bool,
}

impl Elf<'_> {
    /// The number of this many bytes at this place.
    fn number(&self, place: u64, length: usize) -> Result<u64> {
        let Some(bytes) = usize::try_from(place).ok().and_then(|place| self.bytes.get(place..)?.get(..length)) else {
            return failed("it ends too early");
        };
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Ok(if self.is_big { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
    }

    /// One of two, for programs of 32 and of 64 bits.
    fn pick<T>(&self, short: T, long: T) -> T {
        if self.is_long { long } else { short }
    }

    /// The kind of each segment, and what may be done with it.
    fn segments(&self) -> Result<Vec<(u64, u64)>> {
        let start = self.pick(self.number(28, 4)?, self.number(32, 8)?);
        let (size, count) = self.pick((42, 44), (54, 56));
        let (size, count) = (self.number(size, 2)?, self.number(count, 2)?);
        let one = |number: u64| {
            let segment = start.saturating_add(size.saturating_mul(number));
            Ok((self.number(segment, 4)?, self.number(segment.saturating_add(self.pick(24, 4)), 4)?))
        };
        (0..count).map(one).collect()
    }
}

/// Fails unless this is a program for the machine that needs no other file, and in which nothing is both writable and
/// executable, the stack least of all.
pub(crate) fn expect_safe(bytes: &[u8], machine: &Machine) -> Result<()> {
    let [0x7f, b'E', b'L', b'F', class, order, ..] = *bytes else { return failed("it is no program") };
    let elf = Elf { bytes, is_long: class == 2, is_big: order == 2 };
    let found = (if elf.is_long { 64 } else { 32 }, elf.is_big, elf.number(18, 2)?);
    if found != kind(machine)? {
        return failed(format!("it is for another machine: {found:?}"));
    }
    let segments = elf.segments()?;
    let flags = |kind| segments.iter().filter(move |segment| segment.0 == kind).map(|segment| segment.1);
    if flags(PT_INTERP).chain(flags(PT_DYNAMIC)).next().is_some() {
        return failed("it is not static");
    }
    if flags(PT_LOAD).count() < 2 || flags(PT_LOAD).any(|flags| flags & (PF_W | PF_X) == PF_W | PF_X) {
        return failed(format!("a segment is both writable and executable: {segments:x?}"));
    }
    // Without the word about it, a kernel takes an executable one for granted.
    match *flags(PT_GNU_STACK).collect::<Vec<_>>() {
        [flags] if flags & PF_X == 0 => Ok(()),
        _ => failed(format!("its stack would be executable: {segments:x?}")),
    }
}

/// Fails unless it is noticed where one bit is another.
pub(crate) fn expect_noticed(bytes: &[u8], machine: &Machine) -> Result<String> {
    expect_safe(bytes, machine)?;
    let elf = Elf { bytes, is_long: bytes.get(4) == Some(&2), is_big: bytes.get(5) == Some(&2) };
    let start = elf.pick(elf.number(28, 4)?, elf.number(32, 8)?);
    let size = elf.number(elf.pick(42, 54), 2)?;
    let segments = elf.segments()?;
    for (number, (kind, flags)) in (0_u64..).zip(&segments) {
        let wanted = if *kind == PT_LOAD { PF_W | PF_X } else { PF_X };
        if !matches!(*kind, PT_LOAD | PT_GNU_STACK) || flags & wanted == wanted {
            continue;
        }
        let place = start.saturating_add(size.saturating_mul(number)).saturating_add(elf.pick(24, 4));
        let place = place.saturating_add(if elf.is_big { 3 } else { 0 });
        let mut changed = bytes.to_owned();
        if let Some(byte) = usize::try_from(place).ok().and_then(|place| changed.get_mut(place)) {
            *byte |= 3;
        }
        if expect_safe(&changed, machine).is_ok() {
            return failed(format!("nobody notices that segment {number} can be written and executed"));
        }
    }
    Ok(format!("{} segments", segments.len()))
}
