//! Tables in text: names to the left, numbers to the right, no lines.

use comfy_table::{CellAlignment, Table};

/// A table as indented text. The first `names` columns hold names, the others numbers.
pub(super) fn text<const N: usize>(header: [&str; N], names: usize, rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(header.to_vec());
    for row in rows {
        table.add_row(row.to_vec());
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding(if index == 0 { (2, 1) } else { (1, 1) });
        column.set_cell_alignment(if index < names { CellAlignment::Left } else { CellAlignment::Right });
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}
