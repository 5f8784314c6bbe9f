//! Widths and pixels of letters in the bundled font.
//!
//! plotters' own text in bitmaps leaves out the space that a glyph has on its left, so that words run together; letters are
//! therefore set here.

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont, point};

static REGULAR: &[u8] = include_bytes!("../assets/noto-sans-regular.ttf");
static BOLD: &[u8] = include_bytes!("../assets/noto-sans-bold.ttf");

/// Height of a line of Noto Sans over its em (ascent 1.069, descent 0.293): what the font library calls the size of a font.
const LINE_HEIGHT: f32 = 1.362;

fn font(bold: bool) -> FontRef<'static> {
    FontRef::try_from_slice(if bold { BOLD } else { REGULAR }).expect("the bundled fonts are whole")
}

/// Width of a line of text whose em is `size`.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let mut end = 0.0;
    each_letter(text, size, bold, |_, after| end = after);
    f64::from(end)
}

/// Calls `dot` with the place (relative to the start of the base line) and the coverage of each pixel of a line of text.
pub(super) fn pixels(text: &str, size: f64, bold: bool, mut dot: impl FnMut((i32, i32), f32)) {
    let font = font(bold);
    let scale = PxScale::from(size as f32 * LINE_HEIGHT);
    each_letter(text, size, bold, |(glyph, left), _| {
        // A space has no outline.
        let Some(outline) = font.outline_glyph(glyph.with_scale_and_position(scale, point(left, 0.0))) else { return };
        let corner = outline.px_bounds().min;
        outline.draw(|x, y, coverage| dot((corner.x as i32 + x as i32, corner.y as i32 + y as i32), coverage));
    });
}

/// Calls `letter` with each glyph, its left end and its right end.
fn each_letter(text: &str, size: f64, bold: bool, mut letter: impl FnMut((GlyphId, f32), f32)) {
    let font = font(bold);
    let font = font.as_scaled(PxScale::from(size as f32 * LINE_HEIGHT));
    let mut left = 0.0;
    let mut before = None;
    for glyph in text.chars().map(|c| font.glyph_id(c)) {
        left += before.map_or(0.0, |before| font.kern(before, glyph));
        let right = left + font.h_advance(glyph);
        letter((glyph, left), right);
        (left, before) = (right, Some(glyph));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_have_width_and_pixels_and_foreign_ones_do_not_panic() {
        assert!(width("mm", 16.0, false) > 1.9 * width("m", 16.0, false));
        assert!(width("双十一 \u{1F6D2} \u{0}", 14.0, true) > 0.0);
        let mut inked = 0.0;
        pixels("H", 20.0, false, |(_, y), coverage| {
            assert!((-15..=1).contains(&y), "an H stands on the base line");
            inked += coverage;
        });
        assert!(inked > 20.0);
    }
}
