//! Writes the well-formed input of every entry to `corpus/<entry>/golden`, where libFuzzer begins.

use std::path::Path;

fn main() -> std::io::Result<()> {
    for target in sluice_nvme::fuzz::targets() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("golden"), (target.golden)())?;
    }
    Ok(())
}
