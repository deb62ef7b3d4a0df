//! Makes up zones, from a seed, that are valid for every server and awkward for all of them.
//!
//! What is kept, so that a difference is a fault and not a matter of taste: below a zone cut there
//! is nothing but glue, below a DNAME nothing, a CNAME stands alone, NS and DNAME have no wildcard
//! owner (RFC 4592 §4.2, §4.4), and no zone is signed.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use tiovivo::zone::name::{MAX_LABEL, MAX_NAME, Name};

use crate::rdata::{self, PLAIN};
use crate::server::ZoneFile;
use crate::wire::rtype;
use crate::zone::Zone;

/// Labels that names are made of: few, so that names meet, and some that need escapes.
const LABELS: &[&[u8]] = &[
    b"a",
    b"b",
    b"c",
    b"www",
    b"WwW",
    b"mail",
    b"ns1",
    b"_tcp",
    b"_443",
    b"x--y",
    b"0",
    b"-",
    b"dot.ted",
    b"back\\slash",
    b"sp ace",
    b"\"quoted\"",
    b"semi;colon",
    b"(paren)",
    b"@",
    b"$",
    b"\x00",
    b"\xff\xfe",
    b"\xc3\xb1",
    b"**",
    b"a*",
];

pub struct World {
    pub zones: Vec<Zone>,
    /// Names right below a child's apex where a parent that is here too has glue which the child
    /// does not know.
    stray: BTreeSet<Name>,
}

impl World {
    /// | zone | for |
    /// |---|---|
    /// | casa.test | everything at once |
    /// | hija.casa.test, and x.y below it | parent and child on one server, with an ENT between |
    /// | feria | delegations, as in a TLD |
    /// | otro.example | where chains from elsewhere go on |
    /// | alias.example | DNAME at the apex |
    /// | a long apex | names at the limit of 255 octets |
    pub fn new(seed: u64) -> World {
        let mut rng = Rng::with_seed(seed);
        let long = format!("{0}.{0}.Largo.example", "l".repeat(MAX_LABEL));
        let apexes = ["Casa.test", "hija.casa.test", "x.y.hija.casa.test", "feria"];
        let apexes = apexes.into_iter().chain(["otro.example", "alias.example", long.as_str()]);
        let apexes: Vec<Name> = apexes.map(|text| Name::parse(text).expect("a name")).collect();
        let mut zones: Vec<Zone> = apexes.iter().map(|a| Zone::new(a, &mut rng)).collect();
        for (parent, child) in [(0, 1), (1, 2)] {
            let apex = apexes[child].clone();
            zones[parent].delegate(&apex, &apexes, &mut rng);
        }
        for (index, plain, cuts) in [(0, 160, 25), (1, 50, 5), (2, 20, 2), (3, 10, 150)] {
            zones[index].fill(plain, cuts, &apexes, &mut rng);
        }
        zones[4].fill(60, 6, &apexes, &mut rng);
        let home = apexes[rng.usize(0..5)].clone();
        let dname = apexes[5].clone();
        zones[5].put(&dname, rtype::DNAME, vec![home.to_string()], &mut rng);
        zones[6].fill(30, 3, &apexes, &mut rng);
        let stray = zones.iter().flat_map(|child| child.strays(&zones)).collect();
        World { zones, stray }
    }

    /// At or below a name of [`World::stray`].
    pub fn is_beside_stray_glue(&self, name: &Name) -> bool {
        self.stray.iter().any(|stray| name.is_within(stray))
    }

    /// The apex of the zone that a name is in.
    pub fn home(&self, name: &Name) -> Option<&Name> {
        let zones = self.zones.iter().map(|zone| &zone.apex);
        let above = zones.filter(|apex| name.is_within(apex));
        above.max_by_key(|apex| apex.as_wire().len())
    }

    pub fn files(&self) -> Vec<ZoneFile> {
        self.zones.iter().map(Zone::file).collect()
    }
}

impl Zone {
    fn new(apex: &Name, rng: &mut Rng) -> Zone {
        let mut zone = Zone { apex: apex.clone(), sets: BTreeMap::new() };
        let outside = Name::parse("ns.fuera.invalid").expect("a name");
        let soa = rdata::kind(rtype::SOA).make(rng, &outside);
        zone.put(apex, rtype::SOA, vec![soa], rng);
        zone.put(apex, rtype::NS, vec![outside.to_string(), "NS.otro.invalid.".into()], rng);
        zone
    }

    fn fill(&mut self, plain: usize, cuts: usize, apexes: &[Name], rng: &mut Rng) {
        self.name_servers(rng);
        for _ in 0..plain {
            let owner = self.fresh(rng);
            self.plain(&owner, rng);
        }
        for _ in 0..cuts {
            let owner = self.fresh(rng);
            self.delegate(&owner, apexes, rng);
        }
        for _ in 0..plain / 8 + 1 {
            self.wildcard(rng);
            self.dname(apexes, rng);
        }
        for _ in 0..plain / 4 + 2 {
            let owner = self.fresh(rng);
            self.alias(&owner, apexes, rng);
        }
        self.long_chain(rng);
        self.large_sets(rng);
        self.long_names(rng);
    }

    /// In-zone name servers at the apex, beside the ones outside.
    fn name_servers(&mut self, rng: &mut Rng) {
        let mut targets = Vec::new();
        for label in ["ns1", "NS2"] {
            let server = self.apex.child(label.as_bytes()).expect("short");
            self.put_made(&server, rtype::A, 1, rng);
            self.put_made(&server, rtype::AAAA, 1, rng);
            targets.push(server.to_string());
        }
        targets.push("ns.fuera.invalid.".into());
        let apex = self.apex.clone();
        self.sets.remove(&(apex.clone(), rtype::NS));
        self.put(&apex, rtype::NS, targets, rng);
        for code in [rtype::A, rtype::MX, rtype::TXT, rtype::HTTPS] {
            self.put_made(&apex, code, rng.usize(1..4), rng);
        }
    }

    fn plain(&mut self, owner: &Name, rng: &mut Rng) {
        if self.holds(owner, rtype::CNAME) || self.blocked(owner) || self.is_cut(owner) {
            return;
        }
        for _ in 0..rng.usize(1..4) {
            let code = PLAIN[rng.usize(0..PLAIN.len())].code;
            self.put_made(owner, code, rng.usize(1..4), rng);
        }
    }

    /// A zone cut with name servers in it, beside it, elsewhere in the zone, and out of the zone.
    fn delegate(&mut self, owner: &Name, apexes: &[Name], rng: &mut Rng) {
        if !self.is_free(owner) || owner.labels().any(|label| label == b"*") {
            return;
        }
        let mut targets = Vec::new();
        for _ in 0..rng.usize(1..5) {
            let server = match rng.u8(0..6) {
                0 | 1 => owner.child(*rng.choice(&[b"ns1", b"NS2"]).expect("two")),
                2 => owner.child(b"deep").and_then(|name| name.child(b"ns")),
                3 => Ok(self.sibling(rng)),
                4 => self.apex.child(b"ns1"),
                _ => rng.choice(apexes).expect("some").child(b"ns7"),
            };
            let Ok(server) = server else { continue };
            let inside = server.is_within(owner);
            if inside || server.is_within(&self.apex) && !self.holds(&server, rtype::CNAME) {
                let glue_allowed = inside || self.under_cut(&server);
                for code in [rtype::A, rtype::AAAA] {
                    if (glue_allowed || !self.blocked(&server)) && rng.u8(0..4) > 0 {
                        self.put_made(&server, code, rng.usize(1..3), rng);
                    }
                }
            }
            targets.push(server.to_string());
        }
        self.put(owner, rtype::NS, targets, rng);
        if rng.bool() {
            self.put_made(owner, rtype::DS, rng.usize(1..3), rng);
        }
    }

    /// The name server of another cut, as in a TLD (sibling glue, RFC 9471 §2.2).
    fn sibling(&self, rng: &mut Rng) -> Name {
        let cuts: Vec<&Name> = self.cuts().collect();
        let cut = rng.choice(cuts).unwrap_or(&self.apex);
        cut.child(b"ns1").unwrap_or_else(|_| cut.clone())
    }

    fn wildcard(&mut self, rng: &mut Rng) {
        let Ok(owner) = self.somewhere(rng).child(b"*") else { return };
        if !self.is_free(&owner) {
            return;
        }
        match rng.u8(0..3) {
            0 => {
                let target = self.somewhere(rng).to_string();
                self.put(&owner, rtype::CNAME, vec![target], rng);
            }
            _ => self.plain(&owner, rng),
        }
        // A name below a wildcard: then the asterisk is an ordinary label above it.
        if let Ok(below) = owner.child(b"below")
            && rng.bool()
        {
            self.plain(&below, rng);
        }
    }

    fn dname(&mut self, apexes: &[Name], rng: &mut Rng) {
        let owner = self.fresh(rng);
        if !self.is_free(&owner) || owner.labels().any(|label| label == b"*") {
            return;
        }
        let target = match rng.u8(0..6) {
            0 | 1 => self.somewhere(rng),
            2 => rng.choice(apexes).expect("some").clone(),
            3 => owner.child(b"loop").unwrap_or_else(|_| self.apex.clone()),
            4 => Name::parse("nowhere.invalid").expect("a name"),
            _ => stretch(&self.apex, 200, rng),
        };
        self.put(&owner, rtype::DNAME, vec![target.to_string()], rng);
        if rng.bool() {
            self.put_made(&owner, rtype::TXT, 1, rng);
        }
    }

    fn alias(&mut self, owner: &Name, apexes: &[Name], rng: &mut Rng) {
        if self.blocked(owner) || self.is_owner(owner) {
            return;
        }
        let target = match rng.u8(0..8) {
            0 => owner.clone(),
            1 => Name::parse("www.fuera.invalid").expect("a name"),
            2 => self.grown(rng.choice(apexes).expect("some"), rng),
            3 | 4 => self.somewhere(rng),
            _ => {
                let near = self.somewhere(rng);
                self.grown(&near, rng)
            }
        };
        self.put(owner, rtype::CNAME, vec![target.to_string()], rng);
    }

    /// A chain of CNAMEs, longer than any server follows.
    fn long_chain(&mut self, rng: &mut Rng) {
        let link = |step: usize| self.apex.child(format!("chain{step}").as_bytes());
        let links: Vec<Name> = (0..24).filter_map(|step| link(step).ok()).collect();
        for pair in links.windows(2) {
            if self.is_free(&pair[0]) {
                self.put(&pair[0], rtype::CNAME, vec![pair[1].to_string()], rng);
            }
        }
    }

    /// RRsets around the limits of 512 and 1232 octets, and beyond them.
    fn large_sets(&mut self, rng: &mut Rng) {
        for (code, count) in [(1, 28), (1, 70), (28, 16), (28, 42), (16, 4), (16, 20), (15, 45)] {
            let owner = self.fresh(rng);
            if self.is_free(&owner) {
                self.put_made(&owner, code, count, rng);
            }
        }
    }

    fn long_names(&mut self, rng: &mut Rng) {
        for len in [MAX_NAME, MAX_NAME - 1, 200] {
            let owner = stretch(&self.somewhere(rng), len, rng);
            self.plain(&owner, rng);
            if let Some(parent) = owner.parent() {
                let alias = parent.child(b"c").unwrap_or(parent);
                if self.is_free(&alias) && !alias.is_within(&owner) {
                    self.put(&alias, rtype::CNAME, vec![owner.to_string()], rng);
                }
            }
        }
    }
}

pub fn label(rng: &mut Rng) -> &'static [u8] {
    LABELS[rng.usize(0..LABELS.len())]
}

/// `name` with labels in front until it has `len` octets.
pub fn stretch(name: &Name, len: usize, rng: &mut Rng) -> Name {
    let mut name = name.clone();
    loop {
        // A label costs its length octet, so a rest of one octet cannot be filled.
        let rest = len.saturating_sub(name.as_wire().len());
        let part = if rest == MAX_LABEL + 2 { MAX_LABEL - 1 } else { rest.saturating_sub(1) };
        let letter = [rng.u8(b'a'..=b'z')];
        match name.child(&letter.repeat(part.min(MAX_LABEL))) {
            Ok(longer) => name = longer,
            Err(_) => return name,
        }
    }
}
