//! CSV files and logs that a scenario refers to: read, located, and put into the scenario as values.

mod events;

use super::diagnostic::{Code, Diagnostic, Diagnostics};
use super::file::{IntensityPart, ScenarioFile, TimeDistribution};
use super::schema::{closest, listed};
use super::source::{MAX_CSV_BYTES, Place, Source, read_text};
use super::tree::Cursor;
use crate::clock;
use crate::units::{LONGEST, Nanos};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Most rows of a CSV file; the resolved scenario has to hold them all.
const MAX_ROWS: usize = 500_000;
/// A column with points of time.
const TIME: &str = "time";
/// Problems told about one CSV file.
const MAX_PROBLEMS: usize = 10;

/// Where the rows of inlined points are, by name of the pattern and index of its part.
pub(super) type RowPlaces = BTreeMap<(String, usize), Rows>;

/// Places of the rows of one CSV file.
#[derive(Debug)]
pub(super) struct Rows {
    source: usize,
    /// First byte of each row; a CSV file is far below 4 GiB.
    starts: Vec<u32>,
}

impl Rows {
    /// Place of row `index`, counted without the header.
    pub(super) fn place(&self, index: usize) -> Place {
        let at = self.starts.get(index).map_or(0, |start| *start as usize);
        Place { source: self.source, range: at..usize::MAX }
    }
}

/// Replaces every `file` by the `values` in it.
pub(super) fn inline(file: &mut ScenarioFile, root: Cursor<'_>, found: &mut Diagnostics) -> RowPlaces {
    let mut places = RowPlaces::new();
    for (name, intensity) in &mut file.intensity {
        let parts = root.key("intensity").key(name).key("parts");
        for (index, part) in intensity.parts.iter_mut().enumerate() {
            let at = parts.index(index);
            if let Some(rows) = points(part, at.key("points"), found) {
                places.insert((name.clone(), index), rows);
            }
            events::count(part, at.key("events"), found);
        }
    }
    for (name, cbmg) in &mut file.cbmg {
        for (state, page) in &mut cbmg.state {
            let at = root.key("cbmg").key(name).key("state").key(state);
            page.think.iter_mut().for_each(|think| times(think, at.key("think"), found));
        }
    }
    for (name, segment) in &mut file.segment {
        let at = root.key("segment").key(name).key("patience");
        segment.patience.iter_mut().for_each(|patience| times(patience, at, found));
    }
    for (name, service) in &mut file.service {
        times(&mut service.service_time, root.key("service").key(name).key("service_time"), found);
    }
    places
}

/// Reads the file of points, if that is what the part has.
fn points(part: &mut IntensityPart, at: Cursor<'_>, found: &mut Diagnostics) -> Option<Rows> {
    let IntensityPart::Points { file, since, values, .. } = part else { return None };
    let opening = match since {
        Some(text) => Some(opening(text, at.key("since"), found)?),
        None => None,
    };
    let path = one_of(file.as_ref(), values.is_some(), at, found)?;
    let (table, rows) = read_csv(&path, ["seconds", "rate"], opening, at.key("file"), found)?;
    *values = Some(table.into_iter().map(|[seconds, rate]| (seconds, rate)).collect());
    (*file, *since) = (None, None);
    Some(rows)
}

/// The Unix time in milliseconds of an observed opening.
fn opening(text: &str, at: Cursor<'_>, found: &mut Diagnostics) -> Option<i64> {
    let time = clock::unix_ms(text);
    if time.is_none() {
        found.push(
            Diagnostic::new(Code::BadTime, format!("`{text}` is not a point of time in whole seconds"))
                .at(at.place(), "not a time")
                .help("write RFC 3339 with an offset, such as \"2019-11-11T00:00:00+08:00\""),
        );
    }
    time
}

fn times(distribution: &mut TimeDistribution, at: Cursor<'_>, found: &mut Diagnostics) {
    let TimeDistribution::Empirical { file, values } = distribution else { return };
    let at = at.key("empirical");
    let Some(path) = one_of(file.as_ref(), values.is_some(), at, found) else { return };
    let Some((table, rows)) = read_csv(&path, ["seconds"], None, at.key("file"), found) else { return };
    let most = LONGEST.as_secs_f64();
    let wrong = table.iter().enumerate().filter(|(_, [seconds])| !(0.0..=most).contains(seconds));
    for (index, [seconds]) in wrong.take(MAX_PROBLEMS) {
        found.push(
            Diagnostic::new(Code::BadCsv, format!("{seconds} is not a duration in seconds"))
                .at(rows.place(index), "expected zero to 400 days"),
        );
    }
    *values = Some(table.into_iter().map(|[seconds]| Nanos::from_secs_f64(seconds)).collect());
    *file = None;
}

/// The path to read, or `None` where there is nothing to read.
fn one_of(file: Option<&PathBuf>, has_values: bool, at: Cursor<'_>, found: &mut Diagnostics) -> Option<PathBuf> {
    let problem = match (file, has_values) {
        (Some(path), false) => return Some(path.clone()),
        (None, true) => return None,
        (None, false) => Diagnostic::new(Code::FileOrValues, "neither `file` nor `values` is given")
            .at(at.key_place(), "has no data")
            .help("name a CSV file with `file`, or list the `values`"),
        (Some(_), true) => Diagnostic::new(Code::FileOrValues, "both `file` and `values` are given")
            .at(at.key("file").key_place(), "one of the two")
            .at(at.key("values").key_place(), "the other")
            .help("delete one of them; where one is inherited, name it in `remove`"),
    };
    found.push(problem);
    None
}

type Table<const N: usize> = Vec<[f64; N]>;

/// Reads a file that is named in a scenario; its number among the texts.
fn read_file(path: &Path, at: Cursor<'_>, found: &mut Diagnostics) -> Option<usize> {
    let mention = at.place();
    let path = found.sources.get(mention.source).directory.join(path);
    match read_text(&path, MAX_CSV_BYTES) {
        Ok(text) => Some(found.sources.add(Source::from_path(&path, text))),
        Err(problem) => {
            found.push(problem.at(mention, "named here"));
            None
        }
    }
}

/// Reads the named columns; other columns are ignored. With an opening, a column `time` stands for `seconds` since it.
fn read_csv<const N: usize>(
    path: &Path,
    columns: [&str; N],
    opening: Option<i64>,
    at: Cursor<'_>,
    found: &mut Diagnostics,
) -> Option<(Table<N>, Rows)> {
    let source = read_file(path, at, found)?;
    match parse_csv(&found.sources.get(source).text, source, columns, opening) {
        Ok(read) => Some(read),
        Err(problems) => {
            for problem in problems {
                found.push(problem);
            }
            None
        }
    }
}

pub(super) fn parse_csv<const N: usize>(
    text: &str,
    source: usize,
    columns: [&str; N],
    opening: Option<i64>,
) -> Result<(Table<N>, Rows), Vec<Diagnostic>> {
    let place = |at: u64| Place { source, range: at as usize..usize::MAX };
    let malformed = |error: &csv::Error| {
        let at = error.position().map_or(0, csv::Position::byte);
        let (message, label) = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                ("a row has another number of columns than the header", format!("{len} instead of {expected_len}"))
            }
            _ => ("this is not a CSV file", String::new()),
        };
        Diagnostic::new(Code::BadCsv, message).at(place(at), label)
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| vec![malformed(&error)])?.clone();
    let indices =
        indices(&header, columns, opening).map_err(|problem| vec![problem.at(place(0), "the header of the file")])?;
    let (mut table, mut starts, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => {
                problems.push(malformed(&error));
                break;
            }
        }
        let at = record.position().map_or(0, csv::Position::byte);
        if table.len() == MAX_ROWS {
            let many = Diagnostic::new(Code::TooMany, format!("more than {MAX_ROWS} rows"));
            problems.push(
                many.at(place(at), "one row too many").help("thin the file out: take every tenth row, or averages"),
            );
            break;
        }
        let mut row = [0.0; N];
        for (nth, (value, index)) in row.iter_mut().zip(indices).enumerate() {
            let is_time = &header[index] == TIME;
            if let Some(number) = number(&record[index], opening.filter(|_| is_time)) {
                *value = number;
            } else if !indices[..nth].contains(&index) {
                let wanted = if is_time { "a time in RFC 3339" } else { "a number" };
                problems.push(
                    Diagnostic::new(Code::BadCsv, format!("`{}` is not {wanted}", &record[index]))
                        .at(place(at), format!("in the column `{}`", &header[index])),
                );
            }
        }
        table.push(row);
        starts.push(at as u32);
        if problems.len() >= MAX_PROBLEMS {
            break;
        }
    }
    if problems.is_empty() { Ok((table, Rows { source, starts })) } else { Err(problems) }
}

/// Where the columns stand in a header.
fn indices<const N: usize>(
    header: &csv::StringRecord,
    columns: [&str; N],
    opening: Option<i64>,
) -> Result<[usize; N], Diagnostic> {
    let position = |name: &str| header.iter().position(|column| column == name);
    let mut indices = [0; N];
    for (index, name) in indices.iter_mut().zip(columns) {
        let time = || position(TIME).filter(|_| name == "seconds");
        *index = position(name).or_else(|| time().filter(|_| opening.is_some())).ok_or_else(|| {
            let missing = Diagnostic::new(Code::BadCsv, format!("the column `{name}` is missing"))
                .help(format!("the first line must name the columns {}", listed(columns)));
            match closest(name, header.iter()) {
                _ if time().is_some() => {
                    missing.help("say with `since` from which opening the column `time` is counted")
                }
                Some(close) => missing.help(format!("rename the column `{close}` to `{name}`")),
                None => missing,
            }
        })?;
    }
    Ok(indices)
}

/// A number, or with an opening a time in seconds since it.
fn number(text: &str, opening: Option<i64>) -> Option<f64> {
    match opening {
        Some(opening) => seconds_since(text.parse().ok()?, opening),
        None => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

/// Seconds from an opening, in Unix milliseconds, to a point of time.
fn seconds_since(time: jiff::Timestamp, opening: i64) -> Option<f64> {
    let opening = jiff::Timestamp::from_millisecond(opening).ok()?;
    Some(time.duration_since(opening).as_secs_f64())
}
