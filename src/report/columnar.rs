//! `series.parquet`: the series for pandas, Polars and `DuckDB`. The only file that uses parquet.

use super::ReportError;
use crate::results::{Column, Table, Values, series};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Name of the file in a result folder.
pub(super) const FILE: &str = "series.parquet";

/// Writes a table: one row group, all columns required, Snappy.
pub(super) fn write(table: &Table, path: &Path) -> Result<(), ReportError> {
    let file = File::create(path).map_err(|e| ReportError::io(path, e))?;
    write_table(table, file).map_err(|e| ReportError::io(path, std::io::Error::other(e)))
}

fn write_table(table: &Table, file: File) -> Result<(), ParquetError> {
    let fields = table.columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder("series").with_fields(fields).build()?;
    // The name of the writer is set because the library's own holds its version, which would change bytes without cause.
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(format!("saleload version {}", env!("CARGO_PKG_VERSION")))
        .build();
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for column in &table.columns {
        let mut chunk = group.next_column()?.expect("the schema has a field for each column");
        match &column.values {
            Values::Integer(values) => chunk.typed::<Int64Type>().write_batch(values, None, None)?,
            Values::Real(values) => chunk.typed::<DoubleType>().write_batch(values, None, None)?,
        };
        chunk.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(())
}

fn field(column: &Column) -> Result<Arc<Type>, ParquetError> {
    let physical = match column.values {
        Values::Integer(_) => Physical::INT64,
        Values::Real(_) => Physical::DOUBLE,
    };
    let moment = column.name == series::TIME && physical == Physical::INT64;
    let logical = moment.then_some(LogicalType::timestamp(true, TimeUnit::MILLIS));
    Type::primitive_type_builder(&column.name, physical)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(logical)
        .build()
        .map(Arc::new)
}
