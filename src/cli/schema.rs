//! `tiovivo schema`: the JSON Schema of config.yaml, for editors.

use std::io::{self, Write};

use crate::config::schema;

pub fn print(out: &mut impl Write) -> io::Result<()> {
    out.write_all(schema::json().as_bytes())
}
