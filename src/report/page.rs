//! stub
use crate::results::Results;
use std::path::Path;
pub(super) fn write(_r: &Results, _s: &str, _p: &Path) -> Result<(), super::ReportError> { Ok(()) }
