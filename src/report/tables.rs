//! `summary.json` and the CSV files, written and read back.
//!
//! In `series.csv` a real always has a point, an exponent or is not finite, and an integer never has, so the kind of a column is
//! read off its first value.

use super::ReportError;
use crate::results::{
    BrandRow, ChannelRow, Column, LedgerRow, LivestreamRow, ProductRow, Results, ServiceRow, Summary, Table, Values,
    VoucherRow,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::Path;

const SUMMARY_FILE: &str = "summary.json";
const SERIES_FILE: &str = "series.csv";

/// Names of series columns end so where they hold reals; asked only where a table has no row to tell.
const REAL_ENDINGS: [&str; 6] =
    [".queue_mean", ".utilisation", ".wait_us_mean", ".offered_over_capacity", ".instances", ".stayed"];

/// A row of a CSV file; the header is written out so that a table without rows still has its columns.
trait Row: Serialize + DeserializeOwned {
    const FILE: &'static str;
    const HEADER: &'static [&'static str];
}

impl Row for ServiceRow {
    const FILE: &'static str = "services.csv";
    const HEADER: &'static [&'static str] = &[
        "service",
        "window",
        "workers",
        "instances_mean",
        "requests",
        "rejected",
        "limited",
        "timed_out",
        "cancelled",
        "peak_requests_per_second",
        "utilisation_mean",
        "utilisation_max",
        "queue_max",
        "wait_us_mean",
        "response_us_p50",
        "response_us_p90",
        "response_us_p99",
        "response_us_p999",
        "response_us_max",
    ];
}

impl Row for BrandRow {
    const FILE: &'static str = "brands.csv";
    const HEADER: &'static [&'static str] = &[
        "brand",
        "category",
        "skus",
        "skus_sold_out",
        "units_ordered",
        "units_paid",
        "gmv_ordered_fen",
        "gmv_paid_fen",
        "passed_1m_unix_ms",
        "passed_1m_seconds",
        "passed_10m_unix_ms",
        "passed_10m_seconds",
        "passed_100m_unix_ms",
        "passed_100m_seconds",
        "passed_1bn_unix_ms",
        "passed_1bn_seconds",
    ];
}

impl Row for ProductRow {
    const FILE: &'static str = "products.csv";
    const HEADER: &'static [&'static str] = &[
        "product",
        "category",
        "brand",
        "price_fen",
        "units_start",
        "units_restocked",
        "units_ordered",
        "units_paid",
        "units_left",
        "gmv_paid_fen",
        "sold_out_unix_ms",
        "requests_rejected",
    ];
}

impl Row for LedgerRow {
    const FILE: &'static str = "ledger.csv";
    const HEADER: &'static [&'static str] =
        &["window", "segment", "bucket", "service", "intents", "units", "money_fen"];
}

impl Row for ChannelRow {
    const FILE: &'static str = "channels.csv";
    const HEADER: &'static [&'static str] = &[
        "channel",
        "window",
        "sessions",
        "intents",
        "orders_created",
        "orders_paid",
        "demand_fen",
        "gmv_ordered_fen",
        "gmv_paid_fen",
    ];
}

impl Row for LivestreamRow {
    const FILE: &'static str = "livestreams.csv";
    const HEADER: &'static [&'static str] = &[
        "livestream",
        "window",
        "viewers",
        "intents",
        "orders_created",
        "orders_paid",
        "demand_fen",
        "gmv_ordered_fen",
        "gmv_paid_fen",
    ];
}

impl Row for VoucherRow {
    const FILE: &'static str = "vouchers.csv";
    const HEADER: &'static [&'static str] =
        &["product", "channel", "day", "orders", "units", "money_fen", "later_units", "later_money_fen"];
}

/// Writes all text tables into `folder`.
pub(super) fn write(results: &Results, folder: &Path) -> Result<(), ReportError> {
    let mut summary = serde_json::to_string_pretty(&results.summary).expect("a summary is plain JSON");
    summary.push('\n');
    let path = folder.join(SUMMARY_FILE);
    fs::write(&path, summary).map_err(|e| ReportError::io(&path, e))?;
    write_series(&results.series, &folder.join(SERIES_FILE))?;
    write_rows(&results.services, folder)?;
    write_rows(&results.brands, folder)?;
    write_rows(&results.products, folder)?;
    write_rows(&results.ledger, folder)?;
    write_rows(&results.channels, folder)?;
    write_rows(&results.livestreams, folder)?;
    write_rows(&results.vouchers, folder)
}

/// Reads all text tables of `folder`.
pub(super) fn read(folder: &Path) -> Result<Results, ReportError> {
    Ok(Results {
        summary: read_summary(&folder.join(SUMMARY_FILE))?,
        series: read_series(&folder.join(SERIES_FILE))?,
        services: read_rows(folder)?,
        brands: read_rows(folder)?,
        products: read_rows(folder)?,
        ledger: read_rows(folder)?,
        channels: read_rows(folder)?,
        livestreams: read_rows(folder)?,
        vouchers: read_rows(folder)?,
    })
}

fn read_summary(path: &Path) -> Result<Summary, ReportError> {
    let text = fs::read_to_string(path).map_err(|e| ReportError::io(path, e))?;
    serde_json::from_str(&text).map_err(|e| ReportError::garbled(path, e.line() as u64, e))
}

fn write_rows<R: Row>(rows: &[R], folder: &Path) -> Result<(), ReportError> {
    let path = folder.join(R::FILE);
    let failed = |e: csv::Error| ReportError::io(&path, e.into());
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_path(&path).map_err(failed)?;
    writer.write_record(R::HEADER).map_err(failed)?;
    for row in rows {
        writer.serialize(row).map_err(failed)?;
    }
    writer.flush().map_err(|e| ReportError::io(&path, e))
}

fn read_rows<R: Row>(folder: &Path) -> Result<Vec<R>, ReportError> {
    let path = folder.join(R::FILE);
    let mut reader = csv::Reader::from_path(&path).map_err(|e| csv_error(&path, e))?;
    let header = reader.headers().map_err(|e| csv_error(&path, e))?;
    if !header.iter().eq(R::HEADER.iter().copied()) {
        let reason = format!("the header should read `{}`", R::HEADER.join(","));
        return Err(ReportError::garbled(&path, 1, reason));
    }
    reader.deserialize().map(|row| row.map_err(|e| csv_error(&path, e))).collect()
}

fn csv_error(path: &Path, error: csv::Error) -> ReportError {
    let line = error.position().map_or(0, csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::Io(error) => ReportError::io(path, error),
        csv::ErrorKind::Deserialize { err, .. } => ReportError::garbled(path, line, err),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            ReportError::garbled(path, line, format!("{len} fields, where the header has {expected_len}"))
        }
        csv::ErrorKind::Utf8 { err, .. } => ReportError::garbled(path, line, err),
        _ => ReportError::garbled(path, line, "not a CSV table"),
    }
}

fn write_series(table: &Table, path: &Path) -> Result<(), ReportError> {
    let failed = |e: csv::Error| ReportError::io(path, e.into());
    let mut writer = csv::Writer::from_path(path).map_err(failed)?;
    writer.write_record(table.columns.iter().map(|column| &column.name)).map_err(failed)?;
    let mut cell = String::new();
    for row in 0..table.rows() {
        for column in &table.columns {
            cell.clear();
            write_cell(&column.values, row, &mut cell);
            writer.write_field(&cell).map_err(failed)?;
        }
        writer.write_record(None::<&[u8]>).map_err(failed)?;
    }
    writer.flush().map_err(|e| ReportError::io(path, e))
}

fn write_cell(values: &Values, row: usize, cell: &mut String) {
    use std::fmt::Write as _;
    let written = match values {
        Values::Integer(values) => write!(cell, "{}", values[row]),
        // The debug form is the shortest that reads back to the same value, and never looks like an integer.
        Values::Real(values) => write!(cell, "{:?}", values[row]),
    };
    written.expect("writing to a string does not fail");
}

fn read_series(path: &Path) -> Result<Table, ReportError> {
    let mut reader = csv::Reader::from_path(path).map_err(|e| csv_error(path, e))?;
    let header = reader.headers().map_err(|e| csv_error(path, e))?.clone();
    // A table without columns is written as one empty name, because a CSV file cannot hold less.
    let header = if header.iter().eq([""]) { csv::StringRecord::new() } else { header };
    let mut columns: Vec<Column> =
        header.iter().map(|name| Column { name: name.to_owned(), values: kind_by_name(name) }).collect();
    let mut record = csv::StringRecord::new();
    let mut first = true;
    while reader.read_record(&mut record).map_err(|e| csv_error(path, e))? {
        let line = record.position().map_or(0, csv::Position::line);
        for (column, cell) in columns.iter_mut().zip(&record) {
            if first {
                column.values = kind_by_value(cell);
            }
            push_cell(&mut column.values, cell).map_err(|wanted| {
                ReportError::garbled(path, line, format!("`{cell}` in column `{}` is not {wanted}", column.name))
            })?;
        }
        first = false;
    }
    Ok(Table { columns })
}

fn kind_by_name(name: &str) -> Values {
    if REAL_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        Values::Real(Vec::new())
    } else {
        Values::Integer(Vec::new())
    }
}

fn kind_by_value(cell: &str) -> Values {
    if cell.parse::<i64>().is_ok() { Values::Integer(Vec::new()) } else { Values::Real(Vec::new()) }
}

fn push_cell(values: &mut Values, cell: &str) -> Result<(), &'static str> {
    match values {
        Values::Integer(values) => values.push(cell.parse().map_err(|_| "an integer")?),
        Values::Real(values) => values.push(cell.parse().map_err(|_| "a number")?),
    }
    Ok(())
}
