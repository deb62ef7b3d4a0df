//! What every format of the inventory prints.

use std::path::{Path, PathBuf};

use crate::cluster::deployment::Ssh;
use crate::cluster::node::Node;
use crate::config::Config;
use crate::config::check::deploy::paths::normal;

/// The checked configuration, the chosen nodes and the folder of config.yaml.
pub struct Inventory<'a> {
    pub config: &'a Config,
    pub nodes: Vec<&'a Node>,
    pub folder: Folder,
}

impl Inventory<'_> {
    pub fn ssh(&self) -> Option<&Ssh> {
        self.config.deployment.as_ref().map(|deployment| &deployment.ssh)
    }

    pub fn key(&self) -> Option<PathBuf> {
        self.ssh().and_then(|ssh| ssh.key.as_deref()).map(|key| self.folder.absolute(key))
    }
}

/// Where a node is reached: at its private address, or else at a public one.
pub fn host(node: &Node) -> String {
    node.private.or_else(|| node.addresses().next()).map(|ip| ip.to_string()).unwrap_or_default()
}

/// The folder of config.yaml.
pub struct Folder {
    /// As it was named: paths of the configuration begin with it.
    named: PathBuf,
    /// Absolute and without symbolic links, so that `..` can be resolved in the text of a path.
    pub real: PathBuf,
}

impl Folder {
    pub fn of(config: &Path) -> std::io::Result<Folder> {
        let named = config.parent().unwrap_or(Path::new("")).to_owned();
        let here = if named.as_os_str().is_empty() { Path::new(".") } else { &named };
        Ok(Folder { real: here.canonicalize()?, named })
    }

    /// A path of the configuration as an absolute path.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        let below = path.strip_prefix(&self.named).unwrap_or(path);
        normal(&self.real.join(below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute_wherever_config_yaml_is_named_from() {
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();
        let folder = Folder::of(Path::new("src/config.yaml")).unwrap();
        assert_eq!(folder.absolute(Path::new("src/zones/a")), here.join("src/zones/a"));
        assert_eq!(folder.absolute(Path::new("src/../site/./x")), here.join("site/x"));
        assert_eq!(folder.absolute(Path::new("/etc/a")), Path::new("/etc/a"));
        let folder = Folder::of(Path::new("config.yaml")).unwrap();
        assert_eq!(folder.absolute(Path::new("../a")), here.parent().unwrap().join("a"));
    }
}
