//! The web console's files, part of this program.

use super::http::Response;

/// A path, and what lies there.
type Asset = (&'static str, &'static [u8]);

macro_rules! assets {
    ($($name:literal)*) => {
        &[$((concat!("/assets/", $name), include_bytes!(concat!("assets/", $name)))),*]
    };
}

/// All of them. A test compares them with the folder.
const ASSETS: &[Asset] = assets! {
    "connection.js"
    "details.js"
    "dialogs.js"
    "dom.js"
    "highlight.js"
    "history.js"
    "icon.svg"
    "index.html"
    "layout.js"
    "main.js"
    "map.js"
    "plots.js"
    "shell.js"
    "store.js"
    "style.css"
    "tables.js"
    "theme.js"
    "vendor/uPlot.LICENSE"
    "vendor/uPlot.iife.min.js"
    "vendor/uPlot.min.css"
    "views.css"
};

/// The page at a path, if there is one.
pub fn page(path: &str) -> Option<Response> {
    let wanted = if path == "/" {
        "/assets/index.html"
    } else {
        path
    };
    let (name, body) = ASSETS.iter().find(|(known, _)| *known == wanted)?;
    Some(Response::body(kind(name), *body))
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::{ASSETS, page};
    use std::path::Path;

    fn files(folder: &Path, prefix: &str, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}/{}", entry.file_name().into_string().unwrap());
            match entry.file_type().unwrap().is_dir() {
                true => files(&entry.path(), &name, into),
                false => into.push(name),
            }
        }
    }

    #[test]
    fn every_file_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/assets");
        let mut names = Vec::new();
        files(&folder, "/assets", &mut names);
        names.sort();
        let mut known: Vec<_> = ASSETS.iter().map(|(name, _)| *name).collect();
        known.sort_unstable();
        assert_eq!(known, names);
    }

    #[test]
    fn a_page_has_its_type() {
        let header = |path: &str| page(path).unwrap().headers[0].1.clone();
        assert!(header("/").starts_with("text/html"));
        assert!(header("/assets/main.js").starts_with("text/javascript"));
        assert!(page("/assets/../mod.rs").is_none() && page("/assets/").is_none());
    }
}
