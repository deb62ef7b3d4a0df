//! A zone under construction: what it holds, where something may be put, and its text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fastrand::Rng;
use tiovivo::zone::name::Name;

use crate::generate::label;
use crate::rdata;
use crate::server::ZoneFile;
use crate::wire::rtype;

pub struct Zone {
    pub apex: Name,
    pub sets: BTreeMap<(Name, u16), Rrset>,
}

pub struct Rrset {
    pub owner: Name,
    pub rtype: u16,
    pub ttl: u32,
    pub rdata: Vec<String>,
}

impl Zone {
    /// The text that every server reads alike: absolute names, one line a record.
    pub fn file(&self) -> ZoneFile {
        let mut text = String::new();
        // SOA first: some readers want it so.
        let (first, rest): (Vec<_>, Vec<_>) =
            self.sets.values().partition(|set| set.rtype == rtype::SOA);
        for set in first.into_iter().chain(rest) {
            text.push_str(&set.text());
        }
        ZoneFile { apex: self.apex.clone(), text }
    }

    pub fn holds(&self, owner: &Name, code: u16) -> bool {
        self.sets.contains_key(&(owner.clone(), code))
    }

    pub fn is_cut(&self, owner: &Name) -> bool {
        *owner != self.apex && self.holds(owner, rtype::NS)
    }

    pub fn is_owner(&self, name: &Name) -> bool {
        let next = self.sets.range((name.clone(), 0)..).next();
        next.is_some_and(|((owner, _), _)| owner == name)
    }

    pub fn cuts(&self) -> impl Iterator<Item = &Name> {
        let sets = self.sets.values().filter(|set| set.rtype == rtype::NS);
        sets.map(|set| &set.owner).filter(|owner| **owner != self.apex)
    }

    pub fn above<'a>(&'a self, name: &Name) -> impl Iterator<Item = Name> + use<'a> {
        let inside = |name: &Name| name.is_within(&self.apex);
        std::iter::successors(name.parent(), Name::parent).take_while(inside)
    }

    pub fn under_cut(&self, name: &Name) -> bool {
        self.above(name).any(|above| self.is_cut(&above))
    }

    /// Below a cut or a DNAME, or outside the zone.
    pub fn blocked(&self, name: &Name) -> bool {
        !name.is_within(&self.apex)
            || self.under_cut(name)
            || self.above(name).any(|above| self.holds(&above, rtype::DNAME))
    }

    /// Nothing stands here, nothing below, and something may.
    pub fn is_free(&self, name: &Name) -> bool {
        let next = self.sets.range((name.clone(), 0)..).next();
        !self.blocked(name) && next.is_none_or(|((owner, _), _)| !owner.is_within(name))
    }

    /// The names right below our apex where another zone's glue stands that we do not know.
    pub fn strays<'a>(&'a self, zones: &'a [Zone]) -> impl Iterator<Item = Name> + use<'a> {
        let others = zones.iter().filter(|zone| zone.apex != self.apex);
        let parents = others.filter(|zone| self.apex.is_within(&zone.apex));
        let owners = parents.flat_map(|zone| zone.sets.values()).map(|set| &set.owner);
        let unknown = owners.filter(|owner| owner.is_within(&self.apex) && !self.is_owner(owner));
        unknown.filter_map(|owner| {
            let line = std::iter::successors(Some(owner.clone()), Name::parent);
            line.take_while(|at| *at != self.apex).last()
        })
    }

    /// Some owner of the zone, or its apex.
    pub fn somewhere(&self, rng: &mut Rng) -> Name {
        let keys = self.sets.keys().nth(rng.usize(0..self.sets.len()));
        keys.map_or_else(|| self.apex.clone(), |(owner, _)| owner.clone())
    }

    /// A name a few labels below `above`, which need not exist.
    pub fn grown(&self, above: &Name, rng: &mut Rng) -> Name {
        let mut name = above.clone();
        for _ in 0..rng.usize(1..4) {
            name = name.child(label(rng)).unwrap_or(name);
        }
        name
    }

    pub fn fresh(&self, rng: &mut Rng) -> Name {
        let near = if rng.bool() { self.apex.clone() } else { self.somewhere(rng) };
        self.grown(&near, rng)
    }

    pub fn put_made(&mut self, owner: &Name, code: u16, count: usize, rng: &mut Rng) {
        let made = (0..count).map(|_| {
            let target = match rng.u8(0..4) {
                0 => Name::parse("mx.fuera.invalid").expect("a name"),
                1 => self.grown(&self.apex, rng),
                _ => self.somewhere(rng),
            };
            rdata::kind(code).make(rng, &target)
        });
        let made = made.collect();
        self.put(owner, code, made, rng);
    }

    pub fn put(&mut self, owner: &Name, code: u16, mut rdata: Vec<String>, rng: &mut Rng) {
        let lower = |text: &String| text.to_ascii_lowercase();
        rdata.sort_by_key(lower);
        rdata.dedup_by_key(|text| lower(text));
        let set = Rrset { owner: owner.clone(), rtype: code, ttl: rdata::ttl(rng), rdata };
        self.sets.entry((owner.clone(), code)).or_insert(set);
    }
}

impl Rrset {
    pub fn text(&self) -> String {
        let mnemonic = rdata::kind(self.rtype).mnemonic;
        self.rdata.iter().fold(String::new(), |mut text, rdata| {
            let _ = writeln!(text, "{} {} IN {mnemonic} {rdata}", self.owner, self.ttl);
            text
        })
    }
}
