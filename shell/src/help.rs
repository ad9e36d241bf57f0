//! Help.

/// Help.
pub fn help(_topic: &str) -> String {
    String::new()
}
