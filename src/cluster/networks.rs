//! Sets of client networks.

use std::net::IpAddr;

use ipnet::IpNet;

/// The networks whose clients may ask for a restricted pool. Never empty: `config` refuses a pool
/// that no client may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// `None` when `networks` is empty.
    pub fn new(networks: Vec<IpNet>) -> Option<Networks> {
        (!networks.is_empty()).then_some(Networks(networks))
    }

    pub fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter()
    }

    /// Whether the client is in one of the networks. An IPv4-mapped IPv6 address counts as IPv4.
    pub fn contains(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.0.iter().any(|network| network.contains(&client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_its_ipv4_address() {
        let networks = Networks::new(vec!["10.77.0.0/24".parse().unwrap()]).unwrap();
        assert!(networks.contains("10.77.0.9".parse().unwrap()));
        assert!(networks.contains("::ffff:10.77.0.9".parse().unwrap()));
        assert!(!networks.contains("10.77.1.9".parse().unwrap()));
        assert!(!networks.contains("::1".parse().unwrap()));
    }

    #[test]
    fn nobody_is_not_a_set_of_clients() {
        assert_eq!(Networks::new(vec![]), None);
    }
}
